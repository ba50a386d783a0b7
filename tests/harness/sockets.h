/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Addresses and sockets for tests. Functions fail the test on what must not be.
 */
#ifndef TOCSIN_TEST_SOCKETS_H
#define TOCSIN_TEST_SOCKETS_H

#include <stdint.h>
#include <sys/socket.h>

/* ip: "10.0.0.1", "::1", "::ffff:10.0.0.1"; link-local addresses are those of lo. */
socklen_t sockets_ip(struct sockaddr_storage *to, const char *ip, uint16_t port);
/* name: a path; behind @ an abstract one, of len bytes with the @; "": one that the kernel chooses when
 * it is bound to. */
socklen_t sockets_unix(struct sockaddr_storage *to, const char *name, size_t len);
int sockets_new(int family, int type);
/* The port that it is bound to. */
uint16_t sockets_port(int fd);

#endif
