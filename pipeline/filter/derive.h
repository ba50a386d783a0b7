/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * From policies to clauses: what the kernel need not send because nobody can want it.
 *
 * Each rule of each kind is turned into a disjunction of conjunctions: negations are pushed down to
 * the tests, a test becomes the parts that the kernel can decide (leaf.h), and what it cannot decide
 * is left out. So clauses are wider than the rules and never narrower. Bounds (dnf.h, and
 * FILTER_CLAUSES_MAX for a kind) widen them further.
 *
 * Events about processes and cgroups are not filtered: the tables of processes and cgroups need
 * them all. A filter is constant once made and outlives neither the policy set nor its rules.
 */
#ifndef TOCSIN_FILTER_DERIVE_H
#define TOCSIN_FILTER_DERIVE_H

#include "pipeline/filter/leaf.h"
#include "pipeline/policy/policy.h"

enum { FILTER_CLAUSES_MAX = 256 };	/* of a kind */

/* A policy whose events of a kind the kernel cannot filter: every plain one is sent. */
struct filter_note {
	const struct policy *policy;
	uint8_t kind;
	const struct cond *test;	/* the first in the text that the kernel cannot decide; NULL: many */
	const char *why;		/* what is to be said of the test */
};

struct filter;

/* record_kinds: bit per enum ev_kind, every event of which is wanted. 0 or -ENOMEM. */
int filter_derive(struct filter **out, const struct policy_set *s, uint64_t record_kinds);
void filter_free(struct filter *f);

/* Are events of the kind filtered at all? */
bool filter_knows_kind(uint32_t kind);
/* Of a kind that is filtered. */
struct filter_clauses filter_clauses(const struct filter *f, uint32_t kind);
/* Does every plain event of the kind cross? */
bool filter_is_open(const struct filter *f, uint32_t kind);
const struct filter_note *filter_notes(const struct filter *f, uint32_t *count);

/* Tests of cgroups: the sets that clauses name. */
uint32_t filter_cgroup_sets(const struct filter *f);
/* Of an event with its context: bit per set that its cgroup is in. False: its path is not known,
 * so the cgroup stays in all of them. */
bool filter_cgroup_classify(const struct filter *f, struct event *e, struct op_scratch *scratch,
			    uint32_t *sets);

#endif
