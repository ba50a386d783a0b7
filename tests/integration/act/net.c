/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Addresses, UDP, and Unix sockets both ways.
 */
#include "act.h"
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void address_parse(struct address *a, const char *text, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->len = sizeof(a->in);
	} else if (inet_pton(AF_INET6, text, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->len = sizeof(a->in6);
	} else {
		errno = EINVAL;
		die(text);
	}
	a->in.sin_port = htons(port); /* at the same place in both */
}

void address_loopback(struct address *a, const char *family, uint16_t port)
{
	if (!strcmp(family, "v6"))
		address_parse(a, "::1", port);
	else
		address_parse(a, strcmp(family, "mapped") ? "127.0.0.1" : "::ffff:127.0.0.1", port);
}

void address_unix(struct address *a, const char *path)
{
	size_t n = strlen(path);

	memset(a, 0, sizeof(*a));
	if (n >= sizeof(a->un.sun_path))
		die("path of a Unix socket");
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path, n);
	a->len = offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@');
	if (path[0] == '@')
		a->un.sun_path[0] = 0;
}

void fact_address_of(const char *key, const struct address *a)
{
	char b[64] = "";

	fact_open(key, '{');
	if (a->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &a->in.sin_addr, b, sizeof(b));
	else if (a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, b, sizeof(b));
	fact_str("ip", b);
	fact_int("port", ntohs(a->in.sin_port));
	fact_close('}');
}

void fact_address(const char *key, int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct address a = { .len = sizeof(a.room) };

	if (get(fd, &a.sa, &a.len))
		die(key);
	fact_address_of(key, &a);
}

static int bound_udp(const char *family, struct address *a)
{
	int fd;

	address_loopback(a, family, 0);
	fd = socket(a->sa.sa_family, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, &a->sa, a->len) || getsockname(fd, &a->sa, &a->len))
		die("bind");
	return fd;
}

static int act_udp_connect(int argc, char **argv)
{
	struct address to;
	int server = bound_udp(argv[0], &to), fd = socket(to.sa.sa_family, SOCK_DGRAM, 0), err;

	facts_begin();
	facts_process();
	err = connect_by(argc > 1 ? argv[1] : "block", fd, &to);
	if (err || send(fd, "x", 1, 0) != 1 || send(fd, "y", 1, 0) != 1)
		die("connect");
	fact_address("local", fd, getsockname);
	fact_address("peer", fd, getpeername);
	facts_end();
	close(server);
	return 0;
}

static ssize_t send_by(const char *how, int fd, const struct address *to)
{
	struct iovec iov = { (void *)"x", 1 };
	struct msghdr m = { .msg_name = (void *)&to->sa,
			    .msg_namelen = to->len,
			    .msg_iov = &iov,
			    .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int res;

	if (!strcmp(how, "sendmsg"))
		return sendmsg(fd, &m, 0);
	if (strcmp(how, "uring"))
		return sendto(fd, "x", 1, 0, &to->sa, to->len);
	uring_start(&ring, 0, 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_sendmsg(sqe, fd, &m, 0);
	res = uring_do(&ring, sqe, 0);
	io_uring_queue_exit(&ring);
	return res;
}

/* Three datagrams each to two peers from one socket, in turn. */
static int act_udp_send(int argc, char **argv)
{
	struct address to[2];
	int server[2], fd;

	server[0] = bound_udp(argv[0], &to[0]);
	server[1] = bound_udp(argv[0], &to[1]);
	fd = socket(to[0].sa.sa_family, SOCK_DGRAM, 0);
	facts_begin();
	facts_process();
	for (int i = 0; i < 6; i++)
		if (send_by(argc > 1 ? argv[1] : "sendto", fd, &to[i & 1]) != 1)
			die("sendto");
	fact_address("local", fd, getsockname);
	fact_address_of("peer0", &to[0]);
	fact_address_of("peer1", &to[1]);
	facts_end();
	close(server[0]);
	close(server[1]);
	return 0;
}

static int unix_type(const char *name)
{
	return !strcmp(name, "stream")      ? SOCK_STREAM
	       : !strcmp(name, "seqpacket") ? SOCK_SEQPACKET
					    : SOCK_DGRAM;
}

static int act_unix(int argc, char **argv)
{
	int type = unix_type(argv[0]), server = socket(AF_UNIX, type, 0);
	int fd = socket(AF_UNIX, type, 0), err, got;
	struct address a;

	address_unix(&a, argv[1]);
	if (bind(server, &a.sa, a.len) || (type != SOCK_DGRAM && listen(server, 4)))
		die(argv[1]);
	facts_begin();
	facts_process();
	err = connect_by(argc > 2 ? argv[2] : "block", fd, &a);
	if (err) {
		errno = err;
		die("connect");
	}
	if (type != SOCK_DGRAM) {
		got = accept(server, NULL, NULL);
		if (got < 0)
			die("accept");
	}
	fact_bytes("path", argv[1], strlen(argv[1]));
	facts_end();
	return 0;
}

static int act_unix_fail(int argc, char **argv)
{
	int fd = socket(AF_UNIX, unix_type(argv[0]), 0);
	struct address a;

	address_unix(&a, argv[1]);
	facts_begin();
	facts_process();
	fact_int("errno", connect_by(argc > 2 ? argv[2] : "block", fd, &a));
	fact_bytes("path", argv[1], strlen(argv[1]));
	facts_end();
	return 0;
}

const struct action net_actions[] = {
	{ "udp-connect", "v4|v6|mapped [block|uring]", 1, act_udp_connect },
	{ "udp-send", "v4|v6|mapped [sendto|sendmsg|uring]", 1, act_udp_send },
	{ "unix", "stream|dgram|seqpacket PATH|@NAME [block|uring]", 2, act_unix },
	{ "unix-fail", "stream|dgram|seqpacket PATH|@NAME [block|uring]", 2, act_unix_fail },
	{ 0 },
};
