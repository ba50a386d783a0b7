/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * agent.h.
 */
#include "tests/harness/agent.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/test.h"

enum { PATIENCE_S = 120 };

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
		int fd;

		prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that fails leaves none behind */
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

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

void agent_record(const char *dir, const char *save, void (*act)(const char *dir))
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
