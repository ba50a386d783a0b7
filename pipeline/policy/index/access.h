/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * How each rule is found: a set of keys (keys.h) of which at least one is hit whenever the rule
 * holds. Of `and` one kid is enough, of `or` all are needed, and what stands under a `not` finds
 * nothing, since it also holds where the field is absent. Which kid of an `and` is chosen depends
 * on all rules: a key that many could use makes many candidates at once. So conditions are first
 * all written down in short, and then chosen from. Load time.
 */
#ifndef TOCSIN_POLICY_ACCESS_H
#define TOCSIN_POLICY_ACCESS_H

#include "pipeline/policy/cond.h"
#include "pipeline/policy/index/keys.h"

/* Of one kind. Zeroed before its first use. */
struct access {
	struct keys keys;
	uint32_t *words;	/* conditions in short, see access.c */
	uint32_t nwords;
};

/* The slot of a test: 1, or 0 when events of this kind never have its field; -ENOMEM. */
typedef int access_slot(void *arg, const struct cond *test, uint32_t *slot);
typedef int access_take(void *arg, uint32_t key);

/* Writes a condition down. Its place, for access_choose; -ENOMEM, -E2BIG. */
int64_t access_add(struct access *a, const struct cond *c, access_slot *slot, void *arg);
/* Tells the keys of the condition at a place to take, which returns 0 or an error. 1; 0 when
 * it has none and must be asked of every event; the error. */
int access_choose(const struct access *a, uint32_t place, access_take *take, void *arg);
void access_free(struct access *a);

#endif
