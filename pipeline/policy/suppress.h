/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Suppression: after an alert, more of the same key are held back for a while and counted. Runs
 * on the time of events, so that a replay holds back the same ones. Consumer thread.
 */
#ifndef TOCSIN_POLICY_SUPPRESS_H
#define TOCSIN_POLICY_SUPPRESS_H

#include "pipeline/event.h"

enum { SUPPRESS_KEYS_MAX = 32768, SUPPRESS_BY_MAX = 8 };

struct suppress;

/* 128 bits that stand for a policy and the values of its `by` fields; secret per process, so that
 * nobody can make two meet. */
struct suppress_key {
	uint64_t k[2];
};

enum suppress_answer {
	SUPPRESS_PASS,	/* send it; *held: those held back since the last one sent */
	SUPPRESS_HOLD,
	SUPPRESS_FULL,	/* send it: no room to remember the key */
};

int suppress_new(struct suppress **out);	/* 0, -ENOMEM */
void suppress_free(struct suppress *s);
struct suppress_key suppress_key(const struct suppress *s, uint32_t policy, struct event *e,
				 const struct field *const *by, uint32_t nby);
enum suppress_answer suppress_ask(struct suppress *s, struct suppress_key key, uint64_t now_ns,
				  uint64_t every_ns, uint64_t *held);

#endif
