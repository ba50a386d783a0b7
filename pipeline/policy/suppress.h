/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Suppression and limits: of the alerts of one key so many pass in a time; more are held back and
 * counted; what no later alert of the key tells of is told when the time is over. The first of a key
 * always passes. Runs on the time of events, so that a replay holds
 * back the same ones. Consumer thread.
 */
#ifndef TOCSIN_POLICY_SUPPRESS_H
#define TOCSIN_POLICY_SUPPRESS_H

#include "pipeline/policy/held.h"
#include "pipeline/policy/keyhash.h"

enum { SUPPRESS_KEYS_MAX = 32768, SUPPRESS_BY_MAX = KEYHASH_FIELDS_MAX };

struct suppress;

/* An alert that asks. */
struct suppress_item {
	const struct policy *policy;
	uint64_t id;		/* stays the policy's over a reload */
	struct event *e;
	const struct field *const *by;	/* of e's kind; NULL ones are absent */
	uint32_t nby;
	uint64_t time_ns, every_ns;
	uint32_t count;		/* as many pass within every_ns of the first; 1 or more */
};

enum suppress_answer {
	SUPPRESS_PASS,	/* send it; *held: those held back since the last one sent, and not told */
	SUPPRESS_HOLD,
	SUPPRESS_FULL,	/* send it: no room to remember the key */
};

int suppress_new(struct suppress **out);	/* 0, -ENOMEM; one reference */
struct suppress *suppress_ref(struct suppress *s);	/* any thread, as suppress_free */
void suppress_free(struct suppress *s);		/* a reference */
enum suppress_answer suppress_ask(struct suppress *s, const struct suppress_item *it, uint64_t *held);
/* Before this there is nothing to tell of; UINT64_MAX: nothing is held back. */
uint64_t suppress_next_due(const struct suppress *s);
/* Tells of the key whose time was over first; of one at least something must be held back. *held: how
 * many. What is told lasts until the next suppress_ask. */
void suppress_tell(struct suppress *s, struct arena *a, struct held_told *out, uint64_t *held);

#endif
