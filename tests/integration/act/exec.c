/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Ways to execute a program. The program is given as PROGRAM ARGUMENT… and, being this one with
 * the action `self`, tells its own facts.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *exec_thread(void *arg)
{
	run_program(arg);
}

/* exec from a thread that is not the leader: the process keeps its pid, the thread takes it. */
static int act_thread_exec(int argc, char **argv)
{
	pthread_t t;

	(void)argc;
	if (pthread_create(&t, NULL, exec_thread, argv))
		die("pthread_create");
	for (;;)
		pause();
}

/* This program executes itself before PROGRAM: three images of one process. */
static int act_again(int argc, char **argv)
{
	char **again = calloc(argc + 3, sizeof(*again));

	if (!strcmp(argv[0], "0"))
		run_program(argv + 1);
	if (!again)
		die("calloc");
	again[0] = "/proc/self/exe";
	again[1] = "again";
	again[2] = "0";
	for (int i = 1; i < argc; i++)
		again[2 + i] = argv[i];
	run_program(again);
}

static int act_many_args(int argc, char **argv)
{
	int n = atoi(argv[0]), len = atoi(argv[1]);
	char **args = calloc(argc + n + 1, sizeof(*args));
	int at = 0;

	if (!args)
		die("calloc");
	for (int i = 2; i < argc; i++)
		args[at++] = argv[i];
	for (int i = 0; i < n; i++) {
		args[at] = malloc(len + 1);
		if (!args[at])
			die("malloc");
		memset(args[at], 'a' + i % 26, len);
		args[at++][len] = 0;
	}
	run_program(args);
}

static int act_env(int argc, char **argv)
{
	int n = atoi(argv[0]);

	clearenv();
	for (int i = 1; i <= n && i < argc; i++)
		putenv(argv[i]);
	run_program(argv + 1 + n);
}

static int copy_into(int out, const char *path)
{
	char b[65536];
	int in = open(path, O_RDONLY);
	ssize_t n;

	if (in < 0)
		die(path);
	while ((n = read(in, b, sizeof(b))) > 0)
		if (write(out, b, n) != n)
			die("write");
	close(in);
	return out;
}

static _Noreturn void run_fd(int fd, char **argv)
{
	fflush(NULL);
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	die("execveat");
}

static int act_memfd(int argc, char **argv)
{
	int fd = memfd_create(argv[0], MFD_CLOEXEC);

	(void)argc;
	if (fd < 0)
		die("memfd_create");
	copy_into(fd, "/proc/self/exe");
	run_fd(fd, argv + 1);
}

/* A copy of this program at PATH is unlinked and run from its descriptor. */
static int act_deleted(int argc, char **argv)
{
	int out = open(argv[0], O_WRONLY | O_CREAT | O_EXCL, 0755), fd;

	(void)argc;
	if (out < 0)
		die(argv[0]);
	close(copy_into(out, "/proc/self/exe"));
	fd = open(argv[0], O_PATH | O_CLOEXEC);
	if (fd < 0 || unlink(argv[0]))
		die(argv[0]);
	run_fd(fd, argv + 1);
}

static int act_ids(int argc, char **argv)
{
	gid_t none = atoi(argv[3]);

	(void)argc;
	if (setgroups(1, &none) || setresgid(atoi(argv[3]), atoi(argv[4]), atoi(argv[5])) ||
	    setresuid(atoi(argv[0]), atoi(argv[1]), atoi(argv[2])))
		die("setresuid");
	run_program(argv + 6);
}

/* Takes capabilities (numbers with commas between) out of the bounding and inheritable sets. */
static int act_drop_caps(int argc, char **argv)
{
	char *save = NULL;

	(void)argc;
	for (char *c = strtok_r(argv[0], ",", &save); c; c = strtok_r(NULL, ",", &save))
		if (prctl(PR_CAPBSET_DROP, atoi(c)))
			die("PR_CAPBSET_DROP");
	run_program(argv + 1);
}

static int namespace_flag(const char *name)
{
	static const struct {
		const char *name;
		int flag;
	} t[] = {
		{ "mnt", CLONE_NEWNS },        { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET },
		{ "uts", CLONE_NEWUTS },       { "ipc", CLONE_NEWIPC }, { "user", CLONE_NEWUSER },
		{ "cgroup", CLONE_NEWCGROUP },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (!strcmp(name, t[i].name))
			return t[i].flag;
	errno = EINVAL;
	die(name);
}

static _Noreturn void wait_and_exit(pid_t pid)
{
	int status;

	if (pid < 0)
		die("fork");
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* The program runs in new namespaces (names with commas between), as a child: "pid" needs that. */
static int act_unshare(int argc, char **argv)
{
	char *save = NULL;
	int flags = 0;
	pid_t pid;

	(void)argc;
	for (char *n = strtok_r(argv[0], ",", &save); n; n = strtok_r(NULL, ",", &save))
		flags |= namespace_flag(n);
	if (unshare(flags))
		die("unshare");
	pid = fork();
	if (!pid)
		run_program(argv + 1);
	wait_and_exit(pid);
}

/* The program leads a session with a terminal of its own; its output stays ours. */
static int act_pty(int argc, char **argv)
{
	int master, slave;
	pid_t pid;

	(void)argc;
	if (openpty(&master, &slave, NULL, NULL, NULL))
		die("openpty");
	pid = fork();
	if (!pid) {
		if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0))
			die("TIOCSCTTY");
		run_program(argv);
	}
	wait_and_exit(pid);
}

static int act_setsid(int argc, char **argv)
{
	pid_t pid = fork();

	(void)argc;
	if (!pid) {
		if (setsid() < 0)
			die("setsid");
		run_program(argv);
	}
	wait_and_exit(pid);
}

static int act_loginuid(int argc, char **argv)
{
	int fd = open("/proc/self/loginuid", O_WRONLY);

	(void)argc;
	if (fd < 0 || write(fd, argv[0], strlen(argv[0])) < 0)
		skip("/proc/self/loginuid cannot be set: %s", strerror(errno));
	close(fd);
	run_program(argv + 1);
}

/* NAME becomes the comm of this task before it executes the program: which resets it. */
static int act_comm(int argc, char **argv)
{
	(void)argc;
	prctl(PR_SET_NAME, argv[0]);
	facts_begin();
	facts_process();
	facts_end();
	close(open(argv[1], O_RDONLY));
	return 0;
}

const struct action exec_actions[] = {
	{ "thread-exec", "PROGRAM…", 1, act_thread_exec },
	{ "again", "1 PROGRAM… (this program once more in between)", 2, act_again },
	{ "many-args", "N LENGTH PROGRAM…", 3, act_many_args },
	{ "env", "N NAME=VALUE… PROGRAM…", 2, act_env },
	{ "memfd", "NAME PROGRAM-ARGUMENTS…", 2, act_memfd },
	{ "deleted", "PATH PROGRAM-ARGUMENTS…", 2, act_deleted },
	{ "ids", "RUID EUID SUID RGID EGID SGID PROGRAM…", 7, act_ids },
	{ "drop-caps", "N,N PROGRAM…", 2, act_drop_caps },
	{ "unshare", "NAME,NAME PROGRAM…", 2, act_unshare },
	{ "pty", "PROGRAM…", 1, act_pty },
	{ "setsid", "PROGRAM…", 1, act_setsid },
	{ "loginuid", "UID PROGRAM…", 2, act_loginuid },
	{ "comm", "NAME FILE", 2, act_comm },
	{ 0 },
};
