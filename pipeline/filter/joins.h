/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a clause asks besides path and address, as joins; and which bit of a mask leads to them.
 */
#ifndef TOCSIN_FILTER_JOINS_H
#define TOCSIN_FILTER_JOINS_H

#include <linux/types.h>

#include "bpf/filter_abi.h"
#include "pipeline/filter/clause.h"

enum { JOINS_GROUPS = 16, JOINS_MARKS = 64 };

/* Lists of patterns that have a bit: programs, and paths that are excluded. */
struct groups {
	const struct filter_pattern *patterns[JOINS_MARKS];
	uint32_t npatterns[JOINS_MARKS];
	uint32_t count, max;
};

/* The number of an equal list, made where there is none; -1: no room. */
int groups_need(struct groups *g, const struct filter_pattern *patterns, uint32_t n);

struct join_entry {
	struct filter_join join;	/* its offsets count in `words` of the table until written */
	uint8_t bit;
};

/* The joins of one kind. */
struct joins {
	struct join_entry *items;
	uint32_t *slots;	/* hash table: index + 1 */
	uint64_t *words;	/* ranges and threads */
	uint32_t count, cap, slots_mask, nwords, words_cap;
	uint32_t relaxed;
};

struct joins_context {
	struct groups *programs, *excluded;
	bool (*exact)(void *arg, const struct filter_pattern *p, bool program);
	void *arg;
};

enum { JOINS_SURE = -2 };

void joins_free(struct joins *j);
/* The number of the clause's join, JOINS_SURE when it asks nothing more, or -ENOMEM. */
int64_t joins_need(struct joins *j, const struct filter_clause *c, const struct joins_context *x);
/* Gives joins bits from 0 to nbits - 1, as few to a bit as possible; where there are more than
 * buckets hold, FILTER_SURE. */
void joins_spread(struct joins *j, uint32_t nbits);
/* Appends joins and ranges to block and fills b. 0, -ENOMEM or -E2BIG. */
int joins_write(const struct joins *j, struct buf *block, struct filter_buckets *b);
/* Fills filter_block.open_may, after joins_spread. */
void joins_open_may(const struct joins *j, __u64 may[FILTER_OPEN_CLASSES]);

#endif
