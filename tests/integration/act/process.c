/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Forks, ends and threads.
 */
#include "act.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int act_self(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	facts_begin();
	facts_process();
	facts_end();
	return 0;
}

/* Says its facts, then waits for the end of standard input. */
static int act_wait(int argc, char **argv)
{
	char b[64];

	act_self(argc, argv);
	while (read(0, b, sizeof(b)) > 0)
		;
	return 0;
}

static int act_exit(int argc, char **argv)
{
	act_self(argc, argv);
	_exit(atoi(argv[0]));
}

static int act_signal(int argc, char **argv)
{
	struct rlimit lim = { 0, 0 };

	act_self(argc, argv);
	getrlimit(RLIMIT_CORE, &lim);
	lim.rlim_cur = argc > 1 && !strcmp(argv[1], "core") ? lim.rlim_max : 0;
	setrlimit(RLIMIT_CORE, &lim);
	signal(atoi(argv[0]), SIG_DFL);
	kill(getpid(), atoi(argv[0]));
	pause();
	return 1;
}

static pid_t fork_by(const char *how)
{
	if (!strcmp(how, "clone3")) {
		uint64_t args[8] = { [4] = SIGCHLD };

		return syscall(SYS_clone3, args, sizeof(args));
	}
	if (!strcmp(how, "clone"))
		return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	return fork();
}

static int act_fork(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "fork";
	int n = atoi(argv[0]);

	facts_begin();
	facts_process();
	fact_open("children", '[');
	for (int i = 0; i < n; i++) {
		pid_t pid = strcmp(how, "vfork") ? fork_by(how)
						 : vfork(); /* not in a function of its own */

		if (pid < 0)
			die(how);
		if (!pid)
			_exit(i);
		waitpid(pid, NULL, 0);
		fact_int(NULL, pid);
	}
	fact_close(']');
	facts_end();
	return 0;
}

static void *thread_tid(void *arg)
{
	*(pid_t *)arg = syscall(SYS_gettid);
	return NULL;
}

static int act_threads(int argc, char **argv)
{
	int n = atoi(argv[0]);

	(void)argc;
	facts_begin();
	facts_process();
	fact_open("threads", '[');
	for (int i = 0; i < n; i++) {
		pthread_t t;
		pid_t tid = 0;

		if (pthread_create(&t, NULL, thread_tid, &tid) || pthread_join(t, NULL))
			die("pthread_create");
		fact_int(NULL, tid);
	}
	fact_close(']');
	facts_end();
	return 0;
}

struct last {
	pid_t leader;
	int code;
};

/* Has the leader become a zombie that only waits for its threads? */
static int leader_gone(pid_t pid)
{
	char path[64], b[512], *p;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, pid);
	f = fopen(path, "r");
	if (!f)
		return 1;
	n = fread(b, 1, sizeof(b) - 1, f);
	fclose(f);
	b[n] = 0;
	p = strrchr(b, ')');
	return p && p[2] == 'Z';
}

static void *outlive(void *arg)
{
	struct last *l = arg;

	while (!leader_gone(l->leader))
		sched_yield();
	syscall(SYS_exit, l->code);
	return NULL;
}

/* The leader ends first with one code, the last thread later with another. */
static int act_leader_first(int argc, char **argv)
{
	struct last l = { getpid(), atoi(argv[1]) };
	pthread_t t;

	(void)argc;
	act_self(argc, argv);
	if (pthread_create(&t, NULL, outlive, &l))
		die("pthread_create");
	syscall(SYS_exit, atoi(argv[0]));
	return 1;
}

static void *end_group(void *arg)
{
	syscall(SYS_exit_group, *(int *)arg);
	return NULL;
}

/* A thread that is not the leader ends the process, while others still run. */
static int act_thread_exit(int argc, char **argv)
{
	int code = atoi(argv[0]);
	pthread_t t;

	act_self(argc, argv);
	if (pthread_create(&t, NULL, end_group, &code))
		die("pthread_create");
	for (;;)
		pause();
}

/* Some threads that all wait, then the signal: many die of it at once, one event must tell. */
static void *wait_forever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static int act_thread_kill(int argc, char **argv)
{
	int n = atoi(argv[0]);
	pthread_t t;

	act_self(argc, argv);
	for (int i = 0; i < n; i++)
		if (pthread_create(&t, NULL, wait_forever, NULL))
			die("pthread_create");
	kill(getpid(), atoi(argv[1]));
	pause();
	return 1;
}

const struct action process_actions[] = {
	{ "self", "", 0, act_self },
	{ "wait", "(until the end of standard input)", 0, act_wait },
	{ "exit", "CODE", 1, act_exit },
	{ "signal", "NUMBER [core]", 1, act_signal },
	{ "fork", "N [fork|vfork|clone|clone3]", 1, act_fork },
	{ "threads", "N", 1, act_threads },
	{ "leader-first", "LEADER_CODE LAST_CODE", 2, act_leader_first },
	{ "thread-exit", "CODE", 1, act_thread_exit },
	{ "thread-kill", "N SIGNAL", 2, act_thread_kill },
	{ 0 },
};
