/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * agent.h.
 */
#include "tests/harness/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/test.h"

enum { FILES = 400, PATIENCE_S = 120 };

static pid_t agent_start(const char *dir, const char *save)
{
	const char *b = getenv("B");
	char program[200], log[100], output[120];
	pid_t pid;

	snprintf(program, sizeof(program), "%s/tocsin", b ? b : "build");
	snprintf(log, sizeof(log), "%s/log", dir);
	snprintf(output, sizeof(output), "file:path=%s/out", dir);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		execl(program, "tocsin", "run", "--save", save, "--filter", "off", "--control", "",
		      "--policies", "policies", "--output", output, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static bool log_says(const char *dir, const char *what)
{
	char path[100], line[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", dir);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, what);
	if (f)
		fclose(f);
	return found;
}

static void tell_log(const char *dir)
{
	char command[100];

	snprintf(command, sizeof(command), "sed 's/^/# /' %s/log", dir);
	fflush(stdout);
	if (system(command))
		printf("# the agent's log cannot be read\n");
}

static void by_another_user(const char *dir)
{
	pid_t pid = fork();

	if (!pid) {
		char command[200];

		snprintf(command, sizeof(command), "cat %s/d1/f1 /etc/passwd >/dev/null", dir);
		_exit(setgid(65534) || setuid(65534) || system(command));
	}
	waitpid(pid, NULL, 0);
}

/* Files of many directories, opened in several ways; programs; what the shipped policies look for. */
static void act(const char *dir)
{
	static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR | O_APPEND, O_PATH,
				     O_RDONLY | O_NOFOLLOW };
	char path[100], command[600];

	CHECK(!chmod(dir, 0755));
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/d%d", dir, i % 20);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%s/d%d/f%d", dir, i % 20, i);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		CHECK(!chmod(path, i % 8 ? 0644 : i % 16 ? 04755 : 02600));
		for (int k = 0; k < 5; k++)
			close(open(path, flags[k] | O_CLOEXEC));
	}
	snprintf(command, sizeof(command),
		 "d=%s; cat /etc/passwd /etc/shadow /etc/hosts >/dev/null 2>&1\n"
		 "ls -lR /etc >/dev/null 2>&1; mkdir $d/.ssh; echo x >$d/.ssh/id_rsa\n"
		 "cat $d/.ssh/* >/dev/null; echo x >>$d/.bashrc; cp /bin/sh $d/sh\n"
		 "$d/sh -c 'cat /etc/shadow $0/d1/f1; : <$0/d1/f1' $d >/dev/null 2>&1\n"
		 "head -c1 /proc/self/environ >/dev/null 2>&1\n"
		 "for i in 1 2 3 4 5 6 7 8 9; do grep -rl x $d/d$i; done >/dev/null\n"
		 "cp /etc/shadow $d/shadow 2>/dev/null",
		 dir);
	CHECK(system(command) != -1); /* what a machine lacks is not done there */
	by_another_user(dir);
}

void agent_record(const char *dir, const char *save)
{
	pid_t pid = agent_start(dir, save);
	int status, waited = 0;

	while (!log_says(dir, "ready:")) {
		if (waitpid(pid, &status, WNOHANG) || waited++ > PATIENCE_S * 50) {
			kill(pid, SIGKILL);
			tell_log(dir);
			test_fail(__FILE__, __LINE__, "the agent does not run");
		}
		usleep(20000);
	}
	act(dir);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
}
