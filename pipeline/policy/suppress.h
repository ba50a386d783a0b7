/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Suppression and limits: of the alerts of one key so many pass in a time; more are held back and
 * counted. The first of a key always passes. Runs on the time of events, so that a replay holds
 * back the same ones. Consumer thread.
 */
#ifndef TOCSIN_POLICY_SUPPRESS_H
#define TOCSIN_POLICY_SUPPRESS_H

#include "pipeline/policy/keyhash.h"

enum { SUPPRESS_KEYS_MAX = 32768, SUPPRESS_BY_MAX = KEYHASH_FIELDS_MAX };

struct suppress;

/* Stands for a policy and the values of its `by` fields. */
struct suppress_key {
	struct key128 id;
};

enum suppress_answer {
	SUPPRESS_PASS,	/* send it; *held: those held back since the last one sent */
	SUPPRESS_HOLD,
	SUPPRESS_FULL,	/* send it: no room to remember the key */
};

int suppress_new(struct suppress **out);	/* 0, -ENOMEM; one reference */
struct suppress *suppress_ref(struct suppress *s);	/* any thread, as suppress_free */
void suppress_free(struct suppress *s);		/* a reference */
/* policy: a number that stays the policy's over a reload. */
struct suppress_key suppress_key(const struct suppress *s, uint64_t policy, struct event *e,
				 const struct field *const *by, uint32_t nby);
/* count: as many pass within every_ns of the first; 1 or more. */
enum suppress_answer suppress_ask(struct suppress *s, struct suppress_key key, uint64_t now_ns,
				  uint64_t every_ns, uint32_t count, uint64_t *held);

#endif
