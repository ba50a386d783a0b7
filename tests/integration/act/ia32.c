/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * System calls of 32-bit programs from a 64-bit one: int 0x80 takes the i386 numbers, and pointers
 * below 4 GiB. The kernel may be built without it, which ends in SIGSEGV.
 */
#include "act.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

static sigjmp_buf refused;

long ia32_call(long nr, long a, long b, long c, long d)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

char *ia32_text(const char *text)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		       -1, 0);

	if (p == MAP_FAILED)
		die("mmap MAP_32BIT");
	strncpy(p, text, 65535);
	return p;
}

static void on_fault(int sig)
{
	siglongjmp(refused, sig);
}

int ia32_ready(void)
{
	struct sigaction sa = { .sa_handler = on_fault }, old;
	int rc = -1;

	sigaction(SIGSEGV, &sa, &old);
	if (!sigsetjmp(refused, 1))
		rc = ia32_call(20 /* getpid */, 0, 0, 0, 0) > 0 ? 0 : -1;
	sigaction(SIGSEGV, &old, NULL);
	return rc;
}
