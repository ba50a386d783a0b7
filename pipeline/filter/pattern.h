/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns of clauses: what fits one, and the algebra that derive.h needs. Lists mean "any of".
 * Nothing here changes its arguments; new lists come from the pool and point into old texts where
 * they can.
 */
#ifndef TOCSIN_FILTER_PATTERN_H
#define TOCSIN_FILTER_PATTERN_H

#include "pipeline/filter/clause.h"

enum {
	PATTERNS_CROSS_MAX = 256,	/* patterns that one intersection may make */
	PATTERNS_COMPARED_MAX = 128,	/* longer lists keep patterns that another one covers */
};

struct patterns_list {
	const struct filter_pattern *items;
	uint32_t count;
};

bool pattern_fits(const struct filter_pattern *p, struct str text);
bool patterns_fit(const struct filter_pattern *p, uint32_t count, struct str text);
/* Does every text that fits p fit q? False where that is not easily seen. */
bool pattern_covers(const struct filter_pattern *q, const struct filter_pattern *p);
bool pattern_equal(const struct filter_pattern *a, const struct filter_pattern *b);

/* All that fit a or b. {NULL, 0} without memory. */
struct patterns_list patterns_union(struct pool *pool, struct patterns_list a, struct patterns_list b);
/* At least all that fit both; exact but for globs and for two that the text must contain. Past
 * PATTERNS_CROSS_MAX one of the two lists. Empty: nothing fits both. False without memory. */
bool patterns_both(struct pool *pool, struct patterns_list a, struct patterns_list b,
		   struct patterns_list *out);
/* a without what fits any of b whatever the text is. False without memory. */
bool patterns_without(struct pool *pool, struct patterns_list a, struct patterns_list b,
		      struct patterns_list *out);

#endif
