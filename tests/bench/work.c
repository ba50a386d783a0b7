/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Workloads for the cost benchmark: one kind of work in a loop, best and median time of batches.
 *   work open|first|exec|connect|mixed|getppid N
 *                          prints: NAME ops ns_per_op_median ns_per_op_best ns_cpu_per_op
 *        open: one file again and again; first: N files of one directory, each for the first time
 *        ns_cpu_per_op: of this process and its children, whatever else ran on the CPU
 *   work rate open|exec R SECONDS               R operations a second, as evenly as the clock allows
 * Single process, so that its numbers compare with and without an agent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 40 };

extern char **environ;
static int listener = -1;
static struct sockaddr_in address;
static char first_top[] = "/var/tmp/tocsin-work.XXXXXX";
static long first_files, first_next;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void do_open(void)
{
	int fd = open("/usr/share/doc/libc6/copyright", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open");
	close(fd);
}

static const char *first_path(long i)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/libc6/file%06ld", first_top, i);
	return path;
}

static void remove_first(void)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "%s/libc6", first_top);
	for (long i = 0; i < first_files; i++)
		unlink(first_path(i));
	rmdir(dir);
	rmdir(first_top);
}

/* Made without an open, so that none has been seen. */
static void setup_first(long n)
{
	char dir[64];

	if (!mkdtemp(first_top))
		die(first_top);
	snprintf(dir, sizeof(dir), "%s/libc6", first_top);
	atexit(remove_first);
	if (mkdir(dir, 0755))
		die(dir);
	for (; first_files < n; first_files++)
		if (mknod(first_path(first_files), S_IFREG | 0644, 0))
			die("mknod");
}

static void do_first(void)
{
	int fd = open(first_path(first_next++), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open");
	close(fd);
}

static void do_exec(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;
	int status;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ))
		die("spawn");
	waitpid(pid, &status, 0);
}

static void setup_connect(void)
{
	socklen_t len = sizeof(address);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address = (struct sockaddr_in){ .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		die("listen");
}

/* A connection is reset, not closed: no socket lingers in TIME_WAIT. */
static void do_connect(void)
{
	struct linger reset = { 1, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	close(peer);
}

static void do_mixed(void)
{
	for (int i = 0; i < 50; i++)
		do_open();
	for (int i = 0; i < 5; i++)
		do_connect();
	do_exec();
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static const struct work {
	const char *name;
	void (*run)(void);
} works[] = {
	{ "open", do_open },       { "first", do_first }, { "exec", do_exec },
	{ "connect", do_connect }, { "mixed", do_mixed }, { "getppid", do_getppid },
};

static const struct work *find(const char *name)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (!strcmp(works[i].name, name))
			return &works[i];
	fprintf(stderr, "unknown work %s\n", name);
	exit(2);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;
	struct rusage u;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	getrusage(RUSAGE_CHILDREN, &u);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec +
	       (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static void loop(const struct work *w, long n)
{
	double ns[BATCHES];
	long each = n / BATCHES ? n / BATCHES : 1;
	uint64_t cpu;

	if (w->run == do_first)
		setup_first(each * BATCHES);
	cpu = cpu_ns();
	for (int b = 0; b < BATCHES; b++) {
		uint64_t start = now_ns();

		for (long i = 0; i < each; i++)
			w->run();
		ns[b] = (double)(now_ns() - start) / (double)each;
	}
	cpu = cpu_ns() - cpu;
	qsort(ns, BATCHES, sizeof(ns[0]), by_value);
	printf("%s %ld %.1f %.1f %.1f\n", w->name, each * BATCHES, ns[BATCHES / 2], ns[0],
	       (double)cpu / (double)(each * BATCHES));
}

static void rate(const struct work *w, double per_second, double seconds)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), done = 0, now;

	while ((now = now_ns()) < end) {
		uint64_t due = (uint64_t)((double)(now - start) * per_second / 1e9);

		if (done >= due)
			usleep(200);
		for (; done < due; done++)
			w->run();
	}
	printf("%s %lu done, %.0f a second\n", w->name, (unsigned long)done,
	       (double)done / ((double)(now_ns() - start) / 1e9));
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: work NAME N | work rate NAME PER_SECOND SECONDS\n");
		return 2;
	}
	setup_connect();
	if (!strcmp(argv[1], "rate") && argc == 5)
		rate(find(argv[2]), atof(argv[3]), atof(argv[4]));
	else
		loop(find(argv[1]), atol(argv[2]));
	return 0;
}
