/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Both ends of a TCP connection by the system calls of 32-bit programs: connect(2) and accept4(2)
 * of their own, or all through socketcall(2), whose arguments are in memory.
 */
#include "act.h"
#include "address.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { I386_SOCKETCALL = 102, I386_CONNECT = 362, I386_ACCEPT4 = 364 };
enum { CALL_CONNECT = 3, CALL_ACCEPT = 5, CALL_ACCEPT4 = 18 };

static long socketcall(int call, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t args[4] = { a, b, c, d };
	char *low = ia32_text("");

	memcpy(low, args, sizeof(args));
	return ia32_call(I386_SOCKETCALL, call, (long)low, 0, 0);
}

static long connect_32(const char *how, int fd, const struct address *to)
{
	char *low = ia32_text("");

	memcpy(low, &to->sa, to->len);
	if (!strcmp(how, "calls"))
		return ia32_call(I386_CONNECT, fd, (long)low, to->len, 0);
	return socketcall(CALL_CONNECT, fd, (uint32_t)(uintptr_t)low, to->len, 0);
}

static long accept_32(const char *how, int fd)
{
	if (!strcmp(how, "calls"))
		return ia32_call(I386_ACCEPT4, fd, 0, 0, 0);
	return socketcall(!strcmp(how, "socketcall") ? CALL_ACCEPT : CALL_ACCEPT4, fd, 0, 0, 0);
}

static int act_ia32_tcp(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	struct address a;
	long rc, got;

	(void)argc;
	if (ia32_ready())
		skip("this kernel takes no 32-bit system calls (int 0x80)");
	address_loopback(&a, "v4", 0);
	if (bind(listener, &a.sa, a.len) || listen(listener, 4) ||
	    getsockname(listener, &a.sa, &a.len))
		die("listen");
	facts_begin();
	facts_process();
	rc = connect_32(argv[0], fd, &a);
	got = rc ? -1 : accept_32(argv[0], listener);
	fact_int("connect", rc);
	fact_int("accept", got);
	fact_address("local", fd, getsockname);
	fact_address("peer", fd, getpeername);
	facts_end();
	return 0;
}

/* A connect that fails before the socket has a peer: the address is the caller's. */
static int act_ia32_unix(int argc, char **argv)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct address a;

	(void)argc;
	if (ia32_ready())
		skip("this kernel takes no 32-bit system calls (int 0x80)");
	address_unix(&a, argv[1]);
	facts_begin();
	facts_process();
	fact_int("errno", -connect_32(argv[0], fd, &a));
	facts_end();
	return 0;
}

const struct action ia32_actions[] = {
	{ "ia32-tcp", "calls|socketcall|socketcall-accept4", 1, act_ia32_tcp },
	{ "ia32-unix-fail", "calls|socketcall PATH", 2, act_ia32_unix },
	{ 0 },
};
