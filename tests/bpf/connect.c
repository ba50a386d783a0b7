/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * TCP connects that do not go straight on, on the live kernel: other calls on a socket while it is on
 * its way, connects after one that failed. Each connect is told once.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness/live.h"
#include "tests/harness/sockets.h"

struct scene {
	struct live l;
	struct sockaddr_storage to;
	socklen_t len;
	int server;
};

/* backlog < 0: nobody listens. */
static void begin(struct scene *s, int backlog)
{
	struct probe_cfg cfg = live_defaults;

	cfg.want = KIND_BIT(CONNECT);
	live_open(&s->l, &cfg);
	s->server = sockets_new(AF_INET, SOCK_STREAM);
	s->len = sockets_ip(&s->to, "127.0.0.1", 0);
	CHECK_INT(bind(s->server, (struct sockaddr *)&s->to, s->len), 0);
	sockets_ip(&s->to, "127.0.0.1", sockets_port(s->server));
	if (backlog >= 0)
		CHECK_INT(listen(s->server, backlog), 0);
}

/* outcomes: a letter for each connect that was told, s or f. */
static void end(struct scene *s, const char *outcomes)
{
	char told[64] = "";
	uint32_t n = 0;

	live_read(&s->l);
	for (const struct ev_hdr *h = NULL;
	     (h = live_find(&s->l, h, EV_CONNECT, (uint32_t)getpid())) && n < sizeof(told) - 1;)
		told[n++] =
			((const struct ev_connect *)h)->outcome == EV_OUTCOME_SUCCESS ? 's' : 'f';
	CHECK_STR(told, outcomes);
	close(s->server);
	live_close(&s->l);
}

static int client(bool nonblock)
{
	int fd = sockets_new(AF_INET, SOCK_STREAM);

	if (nonblock)
		CHECK_INT(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

/* 0 or the errno. */
static int go(const struct scene *s, int fd)
{
	return connect(fd, (const struct sockaddr *)&s->to, s->len) ? errno : 0;
}

/* Fails before the socket has a peer. */
static int go_nowhere(int fd)
{
	struct sockaddr_storage to;
	socklen_t len = sockets_ip(&to, "255.255.255.255", 9);

	return connect(fd, (struct sockaddr *)&to, len) ? errno : 0;
}

static int disconnect(int fd)
{
	const struct sockaddr to = { .sa_family = AF_UNSPEC };

	return connect(fd, &to, sizeof(to)) ? errno : 0;
}

static void wait_until(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK_INT(poll(&p, 1, 20000), 1);
}

static void wait_for(int fd)
{
	wait_until(fd, POLLOUT);
}

static int accepted(const struct scene *s)
{
	int fd = accept4(s->server, NULL, NULL, SOCK_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

/* A connect that has to wait until another one, *first, was accepted: the queue is full. */
static int on_its_way(struct scene *s, int *first)
{
	int fd = client(true);

	*first = client(false);
	CHECK_INT(go(s, *first), 0);
	wait_until(s->server, POLLIN); /* it is in the queue when its last acknowledgement came */
	CHECK_INT(go(s, fd), EINPROGRESS);
	return fd;
}

static void bad_calls_on_the_way(void)
{
	int first, fd, one;
	struct scene s;

	begin(&s, 0);
	fd = on_its_way(&s, &first);
	CHECK(connect(fd, NULL, 16) && errno == EFAULT);
	CHECK(connect(fd, (struct sockaddr *)&s.to, 1) && errno == EINVAL);
	CHECK_INT(go(&s, fd), EALREADY);
	one = accepted(&s);
	wait_for(fd);
	CHECK_INT(go(&s, fd), 0);
	CHECK_INT(go(&s, fd), EISCONN);
	close(one);
	close(fd);
	close(first);
	end(&s, "sffs");
}

/* The socket goes on with it. */
static void cancelled_on_the_way(void)
{
	int first, fd = client(false), one;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	struct scene s;
	bool ended = false;

	if (io_uring_queue_init(8, &ring, 0))
		test_skip("no io_uring");
	begin(&s, 0);
	close(on_its_way(&s, &first));
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, (struct sockaddr *)&s.to, s.len);
	CHECK_INT(io_uring_submit(&ring), 1);
	io_uring_prep_cancel(io_uring_get_sqe(&ring), NULL, IORING_ASYNC_CANCEL_ANY);
	CHECK_INT(io_uring_submit(&ring), 1);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(io_uring_wait_cqe(&ring, &cqe), 0);
		ended |= cqe->res == -ECANCELED;
		io_uring_cqe_seen(&ring, cqe);
	}
	CHECK(ended);
	one = accepted(&s);
	wait_for(fd);
	io_uring_queue_exit(&ring);
	close(one);
	close(fd);
	close(first);
	end(&s, "sfs");
}

static void given_up_and_again(void)
{
	int first, fd, one;
	struct scene s;

	begin(&s, 0);
	fd = on_its_way(&s, &first);
	CHECK_INT(disconnect(fd), 0);
	CHECK_INT(go_nowhere(fd), ENETUNREACH);
	one = accepted(&s);
	CHECK_INT(go(&s, fd), EINPROGRESS);
	wait_for(fd);
	CHECK_INT(go(&s, fd), 0);
	close(one);
	close(fd);
	close(first);
	end(&s, "sffs");
}

static void nowhere_after_refused(void)
{
	int fd = client(true), blocks = client(false);
	struct scene s;

	begin(&s, -1);
	CHECK_INT(go(&s, fd), EINPROGRESS);
	wait_for(fd);
	CHECK_INT(disconnect(fd), 0);
	CHECK_INT(go_nowhere(fd), ENETUNREACH);
	CHECK_INT(go(&s, blocks), ECONNREFUSED);
	CHECK_INT(go(&s, blocks), ECONNREFUSED);
	CHECK_INT(go_nowhere(blocks), ENETUNREACH);
	close(fd);
	close(blocks);
	end(&s, "fffff");
}

static void refused_and_asked_again(void)
{
	int fd = client(true);
	struct scene s;

	begin(&s, -1);
	CHECK_INT(go(&s, fd), EINPROGRESS);
	wait_for(fd);
	CHECK_INT(go(&s, fd), ECONNREFUSED);
	CHECK_INT(go(&s, fd), EINPROGRESS);
	wait_for(fd);
	CHECK_INT(go(&s, fd), ECONNREFUSED);
	CHECK_INT(go_nowhere(fd), ENETUNREACH);
	close(fd);
	end(&s, "fff");
}

/* What comes to an end before the caller asks how it went has been told as a success. */
static void reset_before_asked(void)
{
	const struct linger hard = { 1, 0 };
	int fd = client(true), one;
	struct scene s;

	begin(&s, 1);
	CHECK_INT(go(&s, fd), EINPROGRESS);
	one = accepted(&s);
	CHECK_INT(setsockopt(one, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)), 0);
	close(one);
	wait_for(fd);
	CHECK_INT(go(&s, fd), ECONNRESET);
	close(fd);
	end(&s, "s");
}

static void nowhere_after_sent(void)
{
	int fd = client(false);
	struct scene s;

	begin(&s, -1);
	if (sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&s.to, s.len) < 0 &&
	    errno == EOPNOTSUPP)
		test_skip("TCP Fast Open is off");
	CHECK_INT(errno, ECONNREFUSED);
	CHECK_INT(go_nowhere(fd), ENETUNREACH);
	close(fd);
	end(&s, "ff");
}

/* What connects is a TCP socket below that of the descriptor. */
static void multipath(void)
{
	int good = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP), bad, one;
	struct scene s;

	if (good < 0)
		test_skip("no multipath TCP: %s", strerror(errno));
	bad = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	begin(&s, 1);
	CHECK_INT(go_nowhere(bad), ENETUNREACH);
	CHECK_INT(go(&s, good), 0);
	one = accepted(&s);
	close(s.server);
	CHECK_INT(go(&s, bad), ECONNREFUSED);
	s.server = sockets_new(AF_INET, SOCK_STREAM);
	close(one);
	close(good);
	close(bad);
	end(&s, "fsf");
}

/* The slots of connects (bpf/connecting.h) of the probes that were loaded last. */
static int slots_map(struct bpf_map_info *info)
{
	uint32_t id = 0, size = sizeof(*info);
	int found = -1, fd;

	while (!bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, info, &size) ||
		    strcmp(info->name, "connecting")) {
			close(fd);
			continue;
		}
		close(found);
		found = fd;
	}
	CHECK(found >= 0 && !bpf_obj_get_info_by_fd(found, info, &size));
	return found;
}

/* As if what is in the slots had been there for jiffies. */
static void slots_grow_old(uint64_t jiffies)
{
	struct bpf_map_info info;
	int fd = slots_map(&info);
	uint64_t *slot = malloc(info.value_size);

	for (uint32_t i = 0; i < info.max_entries; i++) {
		CHECK(!bpf_map_lookup_elem(fd, &i, slot));
		if (!slot[0]) /* cookie */
			continue;
		slot[1] -= jiffies;
		CHECK(!bpf_map_update_elem(fd, &i, slot, BPF_ANY));
	}
	free(slot);
	close(fd);
}

/* Another process makes so many connects that each slot is asked for. */
static void many_others(void)
{
	struct sockaddr_storage to;
	socklen_t len = sockets_ip(&to, "127.0.0.1", 0);
	int status, fd;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		fd = sockets_new(AF_INET, SOCK_STREAM);
		CHECK_INT(bind(fd, (struct sockaddr *)&to, len), 0);
		sockets_ip(&to, "127.0.0.1", sockets_port(fd));
		for (int i = 0; i < 3 * 4096; i++) {
			int one = sockets_new(AF_INET, SOCK_STREAM);

			CHECK(connect(one, (struct sockaddr *)&to, len) && errno == ECONNREFUSED);
			close(one);
		}
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

static void waits_for_long(void)
{
	int first, fd, one;
	struct scene s;

	begin(&s, 0);
	fd = on_its_way(&s, &first);
	slots_grow_old(1 << 20); /* a quarter of an hour or more */
	many_others();
	one = accepted(&s);
	wait_for(fd);
	close(one);
	close(fd);
	close(first);
	end(&s, "ss");
}

static const struct test tests[] = {
	TEST(bad_calls_on_the_way),  TEST(cancelled_on_the_way),    TEST(given_up_and_again),
	TEST(nowhere_after_refused), TEST(refused_and_asked_again), TEST(reset_before_asked),
	TEST(nowhere_after_sent),    TEST(waits_for_long),          TEST(multipath),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
