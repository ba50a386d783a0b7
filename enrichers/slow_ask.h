/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Questions whose answer the process asked about can hold back. Reading /proc/PID/cmdline takes
 * the lock of its memory, which a call of its own can hold as long as a file system in user space
 * (FUSE) likes. So such reads run in a thread, and the consumer waits a bounded time.
 */
#ifndef TOCSIN_SLOW_ASK_H
#define TOCSIN_SLOW_ASK_H

#include "pipeline/str.h"

enum {
	SLOW_ASK_WAIT_MS = 50,
	SLOW_ASK_STUCK_MAX = 4,	/* threads that may hang; then no answers until one returns */
};

struct slow_ask;

/* What may take long: fills out; false: no answer. Runs in another thread, one at a time. */
typedef bool (*slow_fn)(struct buf *out, uint32_t pid, uint64_t start_ns);

/* The answer of fn, or false after SLOW_ASK_WAIT_MS. *s: NULL at first, kept by the caller. */
bool slow_ask(struct slow_ask **s, slow_fn fn, struct buf *out, uint32_t pid, uint64_t start_ns);
void slow_ask_free(struct slow_ask *s);	/* NULL is legal; threads that hang free what is theirs */

#endif
