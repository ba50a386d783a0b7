/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Both ends of TCP connections over loopback, in one process.
 */
#include "act.h"
#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MULTI = 3 };

struct acceptor {
	struct io_uring ring;
	int listener, multi, direct, uring;
};

static int start_listener(const char *family, struct address *a)
{
	int fd;

	address_loopback(a, family, 0);
	if (!strcmp(family, "mapped")) /* the server takes IPv4 on an IPv6 socket */
		memset(&a->in6.sin6_addr, 0, sizeof(a->in6.sin6_addr));
	fd = socket(a->sa.sa_family, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, &a->sa, a->len) || listen(fd, 16))
		die("listen");
	getsockname(fd, &a->sa, &a->len);
	return fd;
}

static void uring_accept(struct acceptor *a)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&a->ring);

	if (a->multi && a->direct)
		io_uring_prep_multishot_accept_direct(sqe, a->listener, NULL, NULL, 0);
	else if (a->multi)
		io_uring_prep_multishot_accept(sqe, a->listener, NULL, NULL, 0);
	else if (a->direct)
		io_uring_prep_accept_direct(sqe, a->listener, NULL, NULL, 0, 2);
	else
		io_uring_prep_accept(sqe, a->listener, NULL, NULL, 0);
	sqe->user_data = 99;
	if (a->uring > 1)
		sqe->flags |= IOSQE_ASYNC;
	if (io_uring_submit(&a->ring) < 0)
		die("io_uring_submit");
}

static void acceptor_start(struct acceptor *a, const char *how)
{
	a->uring = !strncmp(how, "uring", 5) + !!strstr(how, "async");
	a->multi = strstr(how, "multi") != NULL;
	a->direct = strstr(how, "direct") != NULL;
	if (a->uring)
		uring_start(&a->ring, 0, a->direct ? 8 : 0);
	if (a->multi)
		uring_accept(a);
}

static int acceptor_next(struct acceptor *a, const char *how)
{
	struct io_uring_cqe *cqe;
	int res;

	if (!strcmp(how, "accept4"))
		return accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
	if (!a->uring)
		return accept(a->listener, NULL, NULL);
	if (!a->multi)
		uring_accept(a);
	res = io_uring_wait_cqe(&a->ring, &cqe);
	if (res < 0)
		return res;
	res = cqe->res;
	io_uring_cqe_seen(&a->ring, cqe);
	errno = res < 0 ? -res : 0;
	return res;
}

/* 0 or errno of the connect, which is waited for. */
static int connect_wait(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };
	socklen_t len = sizeof(int);
	int err = 0;

	poll(&p, 1, 10000);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

int connect_by(const char *how, int fd, const struct address *to)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	int res;

	if (!strcmp(how, "nonblock")) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (!connect(fd, &to->sa, to->len))
			return 0;
		return errno == EINPROGRESS ? connect_wait(fd) : errno;
	}
	if (!strcmp(how, "fastopen"))
		return sendto(fd, "x", 1, MSG_FASTOPEN, &to->sa, to->len) == 1 ? 0 : errno;
	if (strncmp(how, "uring", 5))
		return connect(fd, &to->sa, to->len) ? errno : 0;
	uring_start(&ring, 0, 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_connect(sqe, fd, &to->sa, to->len);
	res = uring_do(&ring, sqe, strstr(how, "async") ? IOSQE_ASYNC : 0);
	io_uring_queue_exit(&ring);
	return -res;
}

/* How an application sends its first datagram or connection: FAMILY CONNECT ACCEPT. */
static int act_tcp(int argc, char **argv)
{
	struct acceptor a = { 0 };
	struct address server, to;
	int n, got[MULTI];

	(void)argc;
	a.listener = start_listener(argv[0], &server);
	address_loopback(&to, argv[0], ntohs(server.in.sin_port));
	acceptor_start(&a, argv[2]);
	n = a.multi ? MULTI : 1;
	facts_begin();
	facts_process();
	fact_open("connections", '[');
	for (int i = 0; i < n; i++) {
		int fd = socket(to.sa.sa_family, SOCK_STREAM, 0),
		    err = connect_by(argv[1], fd, &to);

		if (err) {
			errno = err;
			die(argv[1]);
		}
		got[i] = acceptor_next(&a, argv[2]);
		if (got[i] < 0)
			die(argv[2]);
		fact_open(NULL, '{');
		fact_int("fd", fd);
		fact_int("accepted_fd", got[i]);
		fact_address("local", fd, getsockname);
		fact_address("peer", fd, getpeername);
		fact_close('}');
		close(fd);
	}
	fact_close(']');
	facts_end();
	return 0;
}

/* A port nobody listens on: bound, read, closed. */
static int act_refused(int argc, char **argv)
{
	struct address a;
	int fd, err;

	(void)argc;
	address_loopback(&a, argv[0], 0);
	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, &a.sa, a.len) || getsockname(fd, &a.sa, &a.len))
		die("bind");
	close(fd);
	facts_begin();
	facts_process();
	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	err = connect_by(argv[1], fd, &a);
	fact_int("errno", err);
	fact_address_of("peer", &a);
	facts_end();
	return 0;
}

/* No route: a network namespace without any. */
static int act_no_route(int argc, char **argv)
{
	struct address a;
	int fd, err;

	(void)argc;
	address_parse(&a, !strcmp(argv[0], "v6") ? "2001:db8::1" : "192.0.2.7", 4242);
	if (unshare(CLONE_NEWNET))
		die("unshare");
	facts_begin();
	facts_process();
	fd = socket(a.sa.sa_family, SOCK_STREAM, 0);
	err = connect_by(argv[1], fd, &a);
	fact_int("errno", err);
	fact_address_of("peer", &a);
	facts_end();
	return 0;
}

/* connect to a peer that does not answer, and the socket is closed before anything comes: not
 * blocking, over a dummy route. */
static int act_abandoned(int argc, char **argv)
{
	struct address a;
	int fd, err;

	(void)argc;
	address_parse(&a, argv[0], atoi(argv[1]));
	facts_begin();
	facts_process();
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	err = connect(fd, &a.sa, a.len) ? errno : 0;
	fact_int("errno", err);
	fact_address("local", fd, getsockname);
	fact_address_of("peer", &a);
	close(fd);
	facts_end();
	return 0;
}

/* One connected socket after another, as fast as it goes: for floods. */
static int act_connect_many(int argc, char **argv)
{
	struct address server;
	int listener = start_listener("v4", &server);
	long n = atol(argv[0]);

	(void)argc;
	for (long i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), got;

		if (connect(fd, &server.sa, server.len))
			die("connect");
		got = accept(listener, NULL, NULL);
		close(fd);
		close(got);
	}
	facts_begin();
	facts_process();
	fact_int("connected", n);
	facts_end();
	return 0;
}

const struct action tcp_actions[] = {
	{ "tcp",
	  "v4|v6|mapped block|nonblock|fastopen|uring|uring-async accept|accept4|uring[-async][-multi][-direct]",
	  3, act_tcp },
	{ "refused", "v4|v6|mapped block|nonblock|uring", 2, act_refused },
	{ "no-route", "v4|v6 block|nonblock|uring", 2, act_no_route },
	{ "abandoned", "ADDRESS PORT", 2, act_abandoned },
	{ "connect-many", "N", 1, act_connect_many },
	{ 0 },
};
