/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sets of numbers (ranges, ascending, apart) and of addresses (networks) as clauses hold them.
 * Results come from the pool. False: out of memory.
 */
#ifndef TOCSIN_FILTER_SETS_H
#define TOCSIN_FILTER_SETS_H

#include "pipeline/filter/clause.h"

struct ranges {
	const struct filter_range *items;
	uint32_t count;
};

struct nets {
	const struct filter_net *items;
	uint32_t count;
};

bool ranges_and(struct pool *pool, struct ranges a, struct ranges b, struct ranges *out);
bool ranges_or(struct pool *pool, struct ranges a, struct ranges b, struct ranges *out);
/* 0 to max without a. */
bool ranges_not(struct pool *pool, struct ranges a, uint64_t max, struct ranges *out);
bool ranges_hold(const struct filter_range *r, uint32_t count, uint64_t n);

bool nets_and(struct pool *pool, struct nets a, struct nets b, struct nets *out);
bool nets_or(struct pool *pool, struct nets a, struct nets b, struct nets *out);
/* All addresses of both families without a. */
bool nets_not(struct pool *pool, struct nets a, struct nets *out);

#endif
