/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Conditions as a disjunction of clauses, while they are derived. None: never true. One clause
 * without parts: "maybe", which is all that can be said of what the kernel does not know.
 * Every operation may widen what holds and never narrows it. Memory is the pool's and is not given
 * back one by one; when it runs out the answer is "maybe" and no_memory is set.
 */
#ifndef TOCSIN_FILTER_DNF_H
#define TOCSIN_FILTER_DNF_H

#include "pipeline/filter/clause.h"

enum {
	DNF_CLAUSES_MAX = 64,	/* of one rule; past it parts are left out */
	DNF_PROGRAMS_MAX = 8,	/* of one clause */
	DNF_NETS_NOT_MAX = 64,	/* networks that are excluded */
	DNF_WORK_MAX = 200000,	/* on one rule: items compared or copied; past it nothing is combined */
};

struct dnf {
	struct filter_clause *items;
	uint32_t count;
};

struct dnf_ctx {
	struct pool *pool;
	bool no_memory;
	uint64_t work, work_max;	/* done, and until when the exact way is gone */
	struct filter_clause spare;	/* "maybe" needs no memory */
	bool widened;	/* a bound made something wider than its parts */
};

struct dnf dnf_never(void);
struct dnf dnf_maybe(struct dnf_ctx *x);
struct dnf dnf_one(struct dnf_ctx *x, struct filter_clause c);
struct dnf dnf_and(struct dnf_ctx *x, struct dnf a, struct dnf b);
struct dnf dnf_or(struct dnf_ctx *x, struct dnf a, struct dnf b);
/* Are all plain events in it? */
bool dnf_is_open(const struct dnf *d);
/* At most max clauses, wider where need be; those that differ in one part only become one. */
struct dnf dnf_merge(struct dnf_ctx *x, struct dnf d, uint32_t max);

bool clause_is_open(const struct filter_clause *c);

#endif
