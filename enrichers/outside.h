/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The world outside the event stream. Live: asks it, and with --save writes each answer into the
 * saved stream at its place. Replay: gives the saved answers in their order and touches nothing.
 */
#ifndef TOCSIN_OUTSIDE_H
#define TOCSIN_OUTSIDE_H

#include <stdint.h>

#include "pipeline/str.h"

enum outside_question {
	ASK_USER_NAME = 1,	/* key: uid */
	ASK_GROUP_NAME,		/* key: gid */
	ASK_CGROUP_PATH,	/* key: cgroup inode, key2: v1 hierarchy id or 0 */
	/* Of a process. key: pid, key2: start_boottime ns, which is checked, so that another process
	 * under a reused pid gives no answer. What they say is true at the moment they are asked. */
	ASK_PROC_EXE,		/* LIST: path from its root, then "deleted" where it is not linked any more */
	ASK_PROC_ARGS,		/* LIST of argv, at most EV_ARGS_MAX bytes; no NUL at its end: cut */
	ASK_PROC_CWD,		/* LIST as of ASK_PROC_EXE */
	ASK_TTY_NAME,		/* key: major, key2: minor: "pts/0", "ttyS0" */
	ASK_PROC_ALIVE,		/* key, key2 as of ASK_PROC_EXE: an empty answer: it exists; none: it does not */
	ASK_NOW,		/* CLOCK_BOOTTIME in ns, 8 bytes in native order */
	ASK_MAX
};

struct outside;

/* true and *answer (valid until the next call), or false: there is none. Never blocks long. */
bool outside_ask(struct outside *o, enum outside_question q, uint64_t key, uint64_t key2, struct str *answer);

/* How an outside gets its answers: enrichers/outside.c has the live one, pipeline/save.c those
 * that record and replay by wrapping it. */
struct outside_ops {
	bool (*ask)(void *state, enum outside_question q, uint64_t key, uint64_t key2, struct str *answer);
};
struct outside {
	const struct outside_ops *ops;
	void *state;
};

int outside_live_open(struct outside *out);	/* fills *out; 0 or -errno */
void outside_live_close(struct outside *out);

#endif
