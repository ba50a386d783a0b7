/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * From the values of an event to the rules that may hold for it, at a cost that hardly grows with
 * their number. Each rule is filed under some keys (access.h); the index holds, for each slot, a
 * structure for each type of key in which one look finds all that are hit. Constant once made.
 *
 * The rules found are marked in a set that its thread owns, so that each is asked once, in the
 * order of their numbers, and nothing is cleared but what was marked.
 */
#ifndef TOCSIN_POLICY_INDEX_H
#define TOCSIN_POLICY_INDEX_H

#include "pipeline/policy/index/access.h"
#include "pipeline/policy/index/inside.h"

struct index;
struct scan_room;
struct scan_scratch;

/* What a thread needs to look; zeroed before its first use. */
struct index_scratch {
	struct scan_scratch *scan;
	struct inside_seen seen;
	struct recall *recall;
};

/* Bits of rules, with a bit for each word that is not zero, and once more. */
struct marks {
	uint64_t *words, *sums, *tops;
	uint32_t ntops;
};

int marks_init(struct marks *m, uint32_t nrules);	/* 0 or -ENOMEM */
void marks_free(struct marks *m);
static inline void marks_set(struct marks *m, uint32_t rule)
{
	m->words[rule >> 6] |= 1ULL << (rule & 63);
	m->sums[rule >> 12] |= 1ULL << (rule >> 6 & 63);
	m->tops[rule >> 18] |= 1ULL << (rule >> 12 & 63);
}
/* The rules that are marked, ascending, into rules[max]. How many; more than max: they are not all there. */
static inline uint32_t marks_list(const struct marks *m, uint32_t *rules, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t top = 0; top < m->ntops; top++)
		for (uint64_t t = m->tops[top]; t; t &= t - 1) {
			uint32_t sum = top << 6 | (uint32_t)__builtin_ctzll(t);

			for (uint64_t s = m->sums[sum]; s; s &= s - 1) {
				uint32_t word = sum << 6 | (uint32_t)__builtin_ctzll(s);

				for (uint64_t w = m->words[word]; w; w &= w - 1, n++)
					if (n < max)
						rules[n] = word << 6 | (uint32_t)__builtin_ctzll(w);
			}
		}
	return n;
}
/* Takes the lowest rule out, from top word *top on (0 at first): its number; UINT32_MAX: none. */
static inline uint32_t marks_next(struct marks *m, uint32_t *top)
{
	uint32_t sum, word, rule;

	while (*top < m->ntops && !m->tops[*top])
		++*top;
	if (*top == m->ntops)
		return UINT32_MAX;
	sum = *top << 6 | (uint32_t)__builtin_ctzll(m->tops[*top]);
	word = sum << 6 | (uint32_t)__builtin_ctzll(m->sums[sum]);
	rule = word << 6 | (uint32_t)__builtin_ctzll(m->words[word]);
	m->words[word] &= m->words[word] - 1;
	if (m->words[word])
		return rule;
	m->sums[sum] &= m->sums[sum] - 1;
	if (!m->sums[sum])
		m->tops[*top] &= m->tops[*top] - 1;
	return rule;
}

/* Of the rules 0 to nrules - 1, whose conditions lie at places. Takes the keys out of a, which
 * can then only be freed; the texts of operands must outlive the index. room: for scans, of
 * which less is left then. 0 or -ENOMEM. */
int index_new(struct index **out, struct access *a, const uint32_t *places, uint32_t nrules,
	      struct scan_room *room);
void index_free(struct index *x);

/* Slots with keys are numbered from 0. The caller's number of the n-th; UINT32_MAX past the last. */
uint32_t index_slot(const struct index *x, uint32_t n);
/* Makes *s fit for x, as for all indexes before. 0 or -ENOMEM. */
int index_scratch_for(struct index_scratch *s, const struct index *x);
void index_scratch_free(struct index_scratch *s);
/* Marks the rules that v, the value of the n-th slot, may make hold. */
void index_look(const struct index *x, uint32_t n, const struct value *v, struct marks *m,
		struct index_scratch *s);
/* Rules that no key finds and that are asked of every event, ascending. */
const uint32_t *index_always(const struct index *x, uint32_t *count);
/* These, and those that any value of some slot finds. */
const uint32_t *index_broad(const struct index *x, uint32_t *count);

#endif
