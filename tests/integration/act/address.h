/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Socket addresses of act, and connects by name of the way.
 */
#ifndef TOCSIN_ACT_ADDRESS_H
#define TOCSIN_ACT_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage room;
	};
	socklen_t len;
};

void address_loopback(struct address *a, const char *family, uint16_t port); /* v4, v6, mapped */
void address_parse(struct address *a, const char *text, uint16_t port);
void address_unix(struct address *a, const char *path); /* a leading @: abstract */
void fact_address_of(const char *key, const struct address *a);
/* What getsockname or getpeername says of fd. */
void fact_address(const char *key, int fd, int (*get)(int, struct sockaddr *, socklen_t *));

/* How: block, nonblock, fastopen, uring, uring-async. 0 or errno, waited for. */
int connect_by(const char *how, int fd, const struct address *to);

#endif
