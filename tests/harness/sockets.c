/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * sockets.h.
 */
#include "tests/harness/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/un.h>

#include "tests/harness/test.h"

socklen_t sockets_ip(struct sockaddr_storage *to, const char *ip, uint16_t port)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	a4->sin_port = htons(port); /* at the same place in both */
	if (!strchr(ip, ':')) {
		a4->sin_family = AF_INET;
		CHECK_INT(inet_pton(AF_INET, ip, &a4->sin_addr), 1);
		return sizeof(*a4);
	}
	a6->sin6_family = AF_INET6;
	CHECK_INT(inet_pton(AF_INET6, ip, &a6->sin6_addr), 1);
	if (IN6_IS_ADDR_LINKLOCAL(&a6->sin6_addr))
		a6->sin6_scope_id = if_nametoindex("lo");
	return sizeof(*a6);
}

socklen_t sockets_unix(struct sockaddr_storage *to, const char *name, size_t len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)to;

	memset(to, 0, sizeof(*to));
	un->sun_family = AF_UNIX;
	CHECK(len <= sizeof(un->sun_path));
	memcpy(un->sun_path, name, len);
	if (name[0] == '@')
		un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int sockets_new(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "socket: %s", strerror(errno));
	return fd;
}

uint16_t sockets_port(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);

	CHECK_INT(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(((struct sockaddr_in *)&at)->sin_port);
}
