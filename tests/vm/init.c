/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Process 1 of the virtual machine: mounts what the tests need, runs /run.sh and ends the machine.
 * qemu's isa-debug-exit makes the value into its exit status, (value << 1) | 1, so that 1 is
 * success; a panic is 0, and the line "vm: end" did not appear either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { DEBUG_EXIT_PORT = 0xf4 };

static const struct {
	const char *type, *where;
} mounts[] = {
	{ "proc", "/proc" },      { "sysfs", "/sys" },
	{ "devtmpfs", "/dev" },   { "tmpfs", "/tmp" },
	{ "tmpfs", "/run" },      { "cgroup2", "/sys/fs/cgroup" },
	{ "bpf", "/sys/fs/bpf" }, { "tracefs", "/sys/kernel/tracing" },
	{ "tmpfs", "/dev/shm" },
};

static int run(void)
{
	char *argv[] = { "sh", "/run.sh", NULL };
	int status = 0;
	pid_t pid = fork(), ended;

	if (!pid) {
		setsid();
		execv("/bin/busybox", argv);
		_exit(127);
	}
	do /* and reap what has lost its parent */
		ended = wait(&status);
	while (ended != pid && (ended > 0 || errno == EINTR));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int main(void)
{
	int rc, console, null;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount("none", mounts[i].where, mounts[i].type, 0, NULL))
			fprintf(stderr, "vm: mount %s: %s\n", mounts[i].where, strerror(errno));
	}
	console = open("/dev/console", O_WRONLY | O_NOCTTY);
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(console, 1);
	dup2(console, 2);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	rc = run();
	printf("vm: end %d\n", rc);
	fflush(stdout);
	tcdrain(1);
	if (!ioperm(DEBUG_EXIT_PORT, 4, 1))
		outl((unsigned)rc, DEBUG_EXIT_PORT);
	for (;;)
		pause();
}
