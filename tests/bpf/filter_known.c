/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Answers about peers that are known again (bpf/filter_known.h), on the live kernel: what a task did
 * before is dropped and counted, and told as soon as it, or the policies, are others. And connect(2)
 * that a TCP socket was in tells nothing of the next one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/filtered.h"
#include "tests/harness/sockets.h"

enum { PORT = 20100, SOMEBODY = 12345, AGAIN = 3 };

static const char word[] = "connect-for-the-test";

static void begin(struct filtered *f)
{
	filtered_begin_kinds(
		f, KIND_BIT(CONNECT) | KIND_BIT(ACCEPT) | KIND_BIT(FORK) | KIND_BIT(EXEC), false);
}

/* Refused, if it is not UDP: nobody listens. */
static void connect_by(int type, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t len = sockets_ip(&to, "127.0.0.1", port);
	int fd = sockets_new(AF_INET, type);

	if (connect(fd, (struct sockaddr *)&to, len) && errno != ECONNREFUSED &&
	    errno != EINPROGRESS)
		_exit(1);
	close(fd);
}

/* Records of connects of a process to a port. */
static uint32_t told(struct filtered *f, pid_t pid, uint16_t port)
{
	uint32_t n = 0;

	live_read(&f->l);
	for (const struct ev_hdr *h = NULL; (h = live_find(&f->l, h, EV_CONNECT, (uint32_t)pid));)
		n += ((const struct ev_connect *)h)->dport == port;
	return n;
}

/* What is not wanted of this process is known the second time, and counted each time. */
static void check_dropped(struct filtered *f)
{
	uint64_t before = filtered_out(f, EV_CONNECT);

	for (int i = 0; i < AGAIN; i++)
		connect_by(SOCK_STREAM, PORT);
	CHECK_INT(told(f, getpid(), PORT), 0);
	CHECK(filtered_out(f, EV_CONNECT) - before >= AGAIN); /* others connect too */
}

static void check_told(struct filtered *f)
{
	for (int i = 0; i < AGAIN; i++)
		connect_by(SOCK_STREAM, PORT);
	CHECK_INT(told(f, getpid(), PORT), AGAIN);
	filtered_forget(f);
}

static void another_user(void)
{
	struct filter_range other = { SOMEBODY, SOMEBODY };
	struct filter_clause effective = { .uids = &other, .nuids = 1 };
	struct filter_clause real = { .real_uids = &other, .nreal_uids = 1 };
	struct filtered f;

	begin(&f);
	filtered_install(&f, EV_CONNECT, &effective, 1, FILTER_MODE_ON);
	check_dropped(&f);
	CHECK_INT(seteuid(SOMEBODY), 0);
	check_told(&f);
	CHECK_INT(seteuid(0), 0);
	check_dropped(&f);
	filtered_install(&f, EV_CONNECT, &real, 1, FILTER_MODE_ON);
	check_dropped(&f);
	CHECK_INT(setreuid(SOMEBODY, 0), 0);
	check_told(&f);
	CHECK_INT(setreuid(0, 0), 0);
	check_dropped(&f);
	filtered_end(&f);
}

static void another_name(void)
{
	struct filter_pattern name = { STR("tocsin-other"), FILTER_EXACT, false, false };
	struct filter_clause c = { .threads = &name, .nthreads = 1 };
	char before[16];
	struct filtered f;

	begin(&f);
	filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
	CHECK_INT(prctl(PR_GET_NAME, before), 0);
	check_dropped(&f);
	prctl(PR_SET_NAME, "tocsin-other");
	check_told(&f);
	prctl(PR_SET_NAME, before);
	check_dropped(&f);
	filtered_end(&f);
}

static void another_port_or_generation(void)
{
	struct filter_range near = { PORT + 1, PORT + 1 }, all = { 0, UINT16_MAX };
	struct filter_clause c = { .ports = &near, .nports = 1 };
	struct filtered f;

	begin(&f);
	for (int i = 0; i < 3; i++) {
		c.ports = &near;
		filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
		check_dropped(&f);
		connect_by(SOCK_STREAM, PORT + 1);
		connect_by(SOCK_STREAM, PORT + 1);
		CHECK_INT(told(&f, getpid(), PORT + 1), 2);
		c.ports = &all;
		filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
		check_told(&f);
	}
	filtered_end(&f);
}

/* ---- programs ---- */

/* A copy of this program, which connects when it is run. */
static void copy_self(char *path, size_t size, const char *dir)
{
	char command[256];

	snprintf(path, size, "%s/copy", dir);
	snprintf(command, sizeof(command), "cp /proc/%d/exe %s", getpid(), path);
	CHECK_INT(system(command), 0);
}

static void wait_for(pid_t pid)
{
	int status;

	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

/* A process that connects as this program, twice, then as another. */
static void another_program(void)
{
	struct filter_pattern p = { .type = FILTER_EXACT };
	struct filter_program program = { &p, 1, FILTER_SELF, false };
	struct filter_clause c = { .programs = &program, .nprograms = 1 };
	char copy[200], dir[TEST_DIR];
	struct filtered f;
	pid_t child;

	test_dir(dir);
	copy_self(copy, sizeof(copy), dir);
	p.text = str_of(copy);
	begin(&f);
	filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
	child = fork();
	if (!child) {
		connect_by(SOCK_STREAM, PORT);
		connect_by(SOCK_STREAM, PORT);
		execl(copy, copy, word, "", NULL);
		_exit(1);
	}
	wait_for(child);
	CHECK_INT(told(&f, child, PORT), 1);
	filtered_end(&f);
}

/* The process whose child connects before and after it comes to run a program that policies name: what
 * the child's ancestors run is not known to be what it was. */
static void parent_execs(const char *copy, int report, int go)
{
	int ends[2];
	pid_t child;
	char c;

	if (pipe2(ends, O_CLOEXEC))
		_exit(1);
	child = fork();
	if (!child) {
		close(ends[1]);
		connect_by(SOCK_STREAM, PORT);
		connect_by(SOCK_STREAM, PORT);
		child = getpid();
		if (write(report, &child, sizeof(child)) != sizeof(child))
			_exit(1);
		if (read(ends[0], &c, 1)) /* the exec closes the other end */
			_exit(1);
		connect_by(SOCK_STREAM, PORT);
		connect_by(SOCK_STREAM, PORT);
		_exit(0);
	}
	if (read(go, &c, 1) != 1)
		_exit(1);
	execl(copy, copy, word, "child", NULL);
	_exit(1);
}

static void parent_runs_another_program(void)
{
	struct filter_pattern p = { .type = FILTER_EXACT };
	struct filter_program program = { &p, 1, FILTER_ANCESTOR, false };
	struct filter_clause c = { .programs = &program, .nprograms = 1 };
	char copy[200], dir[TEST_DIR];
	struct filtered f;
	pid_t child, grandchild;
	int ends[2], go[2];

	test_dir(dir);
	copy_self(copy, sizeof(copy), dir);
	p.text = str_of(copy);
	begin(&f);
	filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
	check_dropped(&f);
	CHECK_INT(pipe(ends), 0);
	CHECK_INT(pipe(go), 0);
	child = fork();
	if (!child)
		parent_execs(copy, ends[1], go[0]);
	CHECK_INT(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	CHECK_INT(told(&f, grandchild, PORT), 0);
	CHECK_INT(write(go[1], "", 1), 1);
	wait_for(child);
	CHECK_INT(told(&f, grandchild, PORT), 2);
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(go[i]);
	}
	filtered_end(&f);
}

/* ---- the same descriptor again ---- */

/* A TCP connect that succeeds, or that is on its way when the call ends, and then one of another kind. */
static void other_sockets_after_tcp(void)
{
	struct filter_range all = { 0, UINT32_MAX };
	struct filter_clause c = { .uids = &all, .nuids = 1 };
	struct sockaddr_storage to;
	struct filtered f;
	socklen_t len = sockets_ip(&to, "127.0.0.1", 0);
	int server = sockets_new(AF_INET, SOCK_STREAM);
	uint16_t port;

	begin(&f);
	filtered_install(&f, EV_CONNECT, &c, 1, FILTER_MODE_ON);
	CHECK_INT(bind(server, (struct sockaddr *)&to, len), 0);
	port = sockets_port(server);
	for (int i = 0; i < 3; i++) {
		int type = i == 1 ? SOCK_STREAM | SOCK_NONBLOCK : SOCK_STREAM;

		if (i < 2)
			CHECK_INT(listen(server, 8), 0);
		else
			close(server); /* refused */
		for (int k = 0; k < AGAIN; k++) {
			connect_by(type, port);
			connect_by(SOCK_DGRAM, PORT);
		}
		CHECK_INT(told(&f, getpid(), port), AGAIN);
		CHECK_INT(told(&f, getpid(), PORT), AGAIN);
		filtered_forget(&f);
	}
	filtered_end(&f);
}

/* ---- accepts ---- */

static uint16_t accept_by(int server)
{
	struct sockaddr_storage to;
	uint16_t port = sockets_port(server);
	socklen_t len = sockets_ip(&to, "127.0.0.1", port);
	int client = sockets_new(AF_INET, SOCK_STREAM), fd;

	CHECK_INT(connect(client, (struct sockaddr *)&to, len), 0);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	close(client);
	return port;
}

static int listener(void)
{
	struct sockaddr_storage at;
	socklen_t len = sockets_ip(&at, "127.0.0.1", 0);
	int fd = sockets_new(AF_INET, SOCK_STREAM);

	CHECK_INT(bind(fd, (struct sockaddr *)&at, len), 0);
	CHECK_INT(listen(fd, 8), 0);
	return fd;
}

static uint32_t accepts_told(struct filtered *f, uint16_t port)
{
	uint32_t n = 0;

	live_read(&f->l);
	for (const struct ev_hdr *h = NULL;
	     (h = live_find(&f->l, h, EV_ACCEPT, (uint32_t)getpid()));)
		n += ((const struct ev_accept *)h)->dport == port;
	return n;
}

static void accepts_by_port(void)
{
	struct filter_range one;
	struct filter_clause c = { .ports = &one, .nports = 1 };
	int a = listener(), b = listener();
	uint16_t pa = sockets_port(a), pb = sockets_port(b);
	struct filtered f;

	begin(&f);
	for (int i = 0; i < 2; i++) {
		uint64_t before;

		one.lo = one.hi = i ? pb : pa;
		filtered_install(&f, EV_ACCEPT, &c, 1, FILTER_MODE_ON);
		before = filtered_out(&f, EV_ACCEPT);
		for (int k = 0; k < AGAIN; k++) {
			accept_by(a);
			accept_by(b);
		}
		CHECK_INT(accepts_told(&f, pa), i ? 0 : AGAIN);
		CHECK_INT(accepts_told(&f, pb), i ? AGAIN : 0);
		CHECK(filtered_out(&f, EV_ACCEPT) - before >= AGAIN);
		filtered_forget(&f);
	}
	close(a);
	close(b);
	filtered_end(&f);
}

static const struct test tests[] = {
	TEST(another_user),
	TEST(another_name),
	TEST(another_port_or_generation),
	TEST(another_program),
	TEST(parent_runs_another_program),
	TEST(other_sockets_after_tcp),
	TEST(accepts_by_port),
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], word)) {
		if (*argv[2]) {
			while (wait(NULL) > 0)
				;
		} else {
			connect_by(SOCK_STREAM, PORT);
		}
		return 0;
	}
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
