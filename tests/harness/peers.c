/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * peers.h. Each actor is a process that is both ends of its connections.
 */
#include "tests/harness/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/groups.h"
#include "tests/harness/random.h"
#include "tests/harness/sockets.h"
#include "tests/harness/test.h"

enum { ACTORS = 24, DEEDS = 60, USERS = 4, PROGRAM = 512 };

#define WORD "tocsin-act-as-peer" /* argv[1] of an actor: seed, program of a child or "" */

static const char *const programs[] = { "sh", "ab", "x.conf", "shadow", "a.b" };
static const char *const threads[] = { "sh", "bash", "AB", "a.b", "a name of fifteen" };
static const uint16_t ports[] = { 1, 2, 3, 22, 53, 80, 200, 4444, 65535 };

static const char *const v4[] = { "127.0.0.1", "127.0.0.7", "10.0.0.1", "10.1.2.3", "192.168.1.1" };
static const char *const v6[] = { "::1", "2001:db8::5", "fd00::9", "fe80::1" };
static const char *const mapped[] = { "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:192.168.1.1" };
static const char *const nowhere[] = { "203.0.113.1", "2001:dead::1", "::ffff:203.0.113.1" };

/* Of Unix sockets: the ends of some lie behind a NUL, and of some the first 16 bytes are the same. */
#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
static const struct {
	const char *text;
	size_t len;
} names[] = {
	NAME("sh"),
	NAME("./ab.sock"),
	NAME("tocsin-socket-of-a"),
	NAME("tocsin-socket-of-b"),
	NAME("@ab"),
	NAME("@ab\0cd"),
	NAME("@ab\0"),
	NAME("@"),
	NAME("@tocsin-socket-of-a"),
	NAME("@/tmp/ssh-x/agent.1"),
	NAME(""),
};
#undef NAME

enum way {
	TCP,
	TCP_LATER,
	TCP_URING,
	TCP_REFUSED,
	TCP_NO_ROUTE,
	UDP,
	DATAGRAM,
	UNIX,
	UNIX_FAILED,
	WAYS
};

struct actor {
	uint64_t seed;
	struct io_uring ring;
	bool has_ring;
};

#define ROLL(n) random_below(&a->seed, n)
#define PICK(array) (array)[ROLL(ARRAY_LEN(array))]

/* --- what an actor does --- */

static int do_uring(struct actor *a, struct io_uring_sqe *sqe)
{
	struct io_uring_cqe *cqe;
	int rc;

	sqe->user_data = 1;
	CHECK_INT(io_uring_submit(&a->ring), 1);
	CHECK_INT(io_uring_wait_cqe(&a->ring, &cqe), 0);
	rc = cqe->res;
	io_uring_cqe_seen(&a->ring, cqe);
	return rc;
}

static int connect_by(struct actor *a, bool uring, int fd, const struct sockaddr_storage *to,
		      socklen_t len)
{
	struct io_uring_sqe *sqe;

	if (!uring)
		return connect(fd, (const struct sockaddr *)to, len) ? -errno : 0;
	sqe = io_uring_get_sqe(&a->ring);
	io_uring_prep_connect(sqe, fd, (const struct sockaddr *)to, len);
	return do_uring(a, sqe);
}

static void accept_by(struct actor *a, bool uring, int server)
{
	int fd;

	if (uring) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&a->ring);

		io_uring_prep_accept(sqe, server, NULL, NULL, SOCK_CLOEXEC);
		fd = do_uring(a, sqe);
	} else {
		fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	}
	CHECK(fd >= 0);
	close(fd);
}

/* A server at the address of the family; to gets it. */
static int serve(int type, const struct sockaddr_storage *at, socklen_t len)
{
	int fd = sockets_new(at->ss_family, type), one = 1;

	CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	if (bind(fd, (const struct sockaddr *)at, len))
		test_fail(__FILE__, __LINE__, "bind: %s", strerror(errno));
	CHECK(type == SOCK_DGRAM || !listen(fd, 1));
	return fd;
}

static const char *some_ip(struct actor *a)
{
	switch (ROLL(4)) {
	case 0: return PICK(v6);
	case 1: return PICK(mapped);
	default: return PICK(v4);
	}
}

static void tcp(struct actor *a, enum way way)
{
	struct sockaddr_storage at;
	socklen_t len = sockets_ip(&at, some_ip(a), PICK(ports));
	int server = serve(SOCK_STREAM, &at, len), rc;
	int fd = sockets_new(at.ss_family,
			     way == TCP_LATER ? SOCK_STREAM | SOCK_NONBLOCK : SOCK_STREAM);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	rc = connect_by(a, way == TCP_URING, fd, &at, len);
	if (rc == -EINPROGRESS)
		rc = poll(&p, 1, 10000) != 1;
	CHECK_INT(rc, 0);
	accept_by(a, way == TCP_URING, server);
	close(fd);
	close(server);
}

static void tcp_failed(struct actor *a, enum way way)
{
	struct sockaddr_storage at;
	socklen_t len =
		sockets_ip(&at, way == TCP_REFUSED ? some_ip(a) : PICK(nowhere), PICK(ports));
	int fd = sockets_new(at.ss_family, SOCK_STREAM);

	CHECK_INT(connect_by(a, a->has_ring && !ROLL(4), fd, &at, len),
		  way == TCP_REFUSED ? -ECONNREFUSED : -ENETUNREACH);
	close(fd);
}

static void udp(struct actor *a, enum way way)
{
	struct sockaddr_storage at;
	socklen_t len = sockets_ip(&at, some_ip(a), PICK(ports));
	int fd = sockets_new(at.ss_family, SOCK_DGRAM);

	if (way == DATAGRAM)
		CHECK_INT(sendto(fd, "x", 1, 0, (struct sockaddr *)&at, len), 1);
	else
		CHECK_INT(connect_by(a, false, fd, &at, len), 0);
	close(fd);
}

static void unix_socket(struct actor *a)
{
	static const int types[] = { SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	uint32_t n = ROLL(ARRAY_LEN(names)), type = (uint32_t)PICK(types);
	bool uring = a->has_ring && !ROLL(4);
	struct sockaddr_storage at;
	socklen_t len = sockets_unix(&at, names[n].text, names[n].len), room = sizeof(at);
	int server = serve((int)type, &at, len), fd = sockets_new(AF_UNIX, (int)type);

	CHECK_INT(getsockname(server, (struct sockaddr *)&at, &room), 0);
	CHECK_INT(connect_by(a, uring, fd, &at, room), 0);
	if (type != SOCK_DGRAM)
		accept_by(a, uring, server);
	close(fd);
	close(server);
	if (names[n].len && names[n].text[0] != '@')
		CHECK_INT(unlink(names[n].text), 0);
}

static void unix_failed(struct actor *a)
{
	struct sockaddr_storage at;
	uint32_t n = ROLL(ARRAY_LEN(names) - 1); /* not the one without a name */
	socklen_t len = sockets_unix(&at, names[n].text, names[n].len);
	int fd = sockets_new(AF_UNIX, SOCK_STREAM);

	CHECK(connect_by(a, false, fd, &at, len) < 0);
	close(fd);
}

static void do_deed(struct actor *a, enum way way)
{
	switch (way) {
	case TCP_URING:
		if (!a->has_ring)
			return;
		/* fall through */
	case TCP:
	case TCP_LATER: tcp(a, way); return;
	case TCP_REFUSED:
	case TCP_NO_ROUTE: tcp_failed(a, way); return;
	case UDP:
	case DATAGRAM: udp(a, way); return;
	case UNIX: unix_socket(a); return;
	default: unix_failed(a);
	}
}

/* The ids of the process change nothing of what it may do, so that they can change again. */
static void be_another(struct actor *a)
{
	uint32_t uid = ROLL(USERS), euid = ROLL(3) ? uid : ROLL(USERS);

	CHECK_INT(syscall(SYS_setresuid, uid, euid, -1), 0);
	if (!ROLL(2))
		CHECK_INT(prctl(PR_SET_NAME, PICK(threads)), 0);
}

bool peers_have_uring(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

static void actor(uint64_t seed)
{
	struct actor a = { .seed = seed };

	a.has_ring = !io_uring_queue_init(4, &a.ring, 0);
	CHECK_INT(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), 0);
	for (uint32_t i = 0; i < DEEDS; i++) {
		if (!(i % 8))
			be_another(&a);
		do_deed(&a, (enum way)(i % WAYS));
	}
	if (a.has_ring)
		io_uring_queue_exit(&a.ring);
}

/* --- who does it --- */

static void wait_for(pid_t child)
{
	int status;

	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_INT(status, 0);
}

static void run(const char *program, const char *seed, const char *child_program)
{
	execl(program, program, WORD, seed, child_program, (char *)NULL);
	test_fail(__FILE__, __LINE__, "%s: %s", program, strerror(errno));
}

void peers_main(int argc, char **argv)
{
	pid_t child;

	if (argc < 4 || strcmp(argv[1], WORD))
		return;
	if (*argv[3]) {
		fflush(stdout);
		child = fork();
		if (!child)
			run(argv[3], argv[2], "");
		wait_for(child);
	} else {
		actor(strtoull(argv[2], NULL, 0));
	}
	fflush(stdout);
	_exit(0);
}

static void copy_self(const char *to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd;
	struct stat st;

	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	CHECK(from >= 0 && fd >= 0 && !fstat(from, &st));
	for (off_t at = 0; at < st.st_size;)
		CHECK(sendfile(fd, from, &at, (size_t)(st.st_size - at)) > 0);
	close(fd);
	close(from);
}

static void enter_network(void)
{
	if (unshare(CLONE_NEWNET))
		test_skip("network namespaces: %s", strerror(errno));
	CHECK_INT(system("set -e; ip() { busybox ip \"$@\"; }; ip link set lo up\n"
			 "for a in 10.0.0.1/8 192.168.1.1/24 fd00::9/64 2001:db8::5/64 fe80::1/64\n"
			 "do ip addr add $a dev lo; done"),
		  0);
}

/* Half of them copies, half the program itself: what runs in /tmp is suspicious to many policies. */
static void choose_program(uint32_t i, bool copy, char path[static PROGRAM])
{
	memset(path, 0, PROGRAM);
	if (copy)
		snprintf(path, PROGRAM, "../%s", programs[i % ARRAY_LEN(programs)]);
	else
		CHECK(readlink("/proc/self/exe", path, PROGRAM - 1) > 0);
}

static void act_inside(uint64_t seed, const char *const groups[2])
{
	char number[32];

	enter_network();
	for (uint32_t i = 0; i < ACTORS; i++) {
		char program[PROGRAM], child_program[PROGRAM];
		pid_t child;

		choose_program(i, i & 2, program);
		choose_program(i, i & 4, child_program);
		snprintf(number, sizeof(number), "%llu", (unsigned long long)(seed + i));
		fflush(stdout);
		child = fork();
		if (!child) {
			if (i % 3)
				CHECK(groups_enter(groups[i % 3 - 1]));
			run(program, number, i % 2 ? child_program : "");
		}
		wait_for(child);
	}
}

void peers_act(const char *dir)
{
	const char *given = getenv("TOCSIN_SEED");
	char group[256], container[400], path[300];
	int status;
	pid_t child;

	CHECK(!chmod(dir, 0755));
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, programs[i]);
		copy_self(path);
	}
	groups_make("cgroup2", NULL, group, sizeof(group));
	snprintf(container, sizeof(container),
		 "%s/docker-4f1c7e0a9b3e4d17a1b2c3d4e5f607184f1c7e0a9b3e4d17a1b2c3d4e5f60718.scope",
		 group);
	CHECK(!mkdir(container, 0755));
	snprintf(path, sizeof(path), "%s/sockets", dir);
	CHECK(!mkdir(path, 0755));
	fflush(stdout);
	child = fork();
	if (!child) {
		CHECK(!chdir(path));
		act_inside(given ? strtoull(given, NULL, 0) : 1,
			   (const char *const[]){ group, container });
		fflush(stdout);
		_exit(0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	groups_remove(container);
	groups_remove(group);
	CHECK_INT(status, 0);
}
