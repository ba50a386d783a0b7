/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kids of a node that lie side by side in the order of their first byte: which of them begins
 * with a byte? Few are looked through, of many the bits before theirs are counted in a set of 256.
 */
#ifndef TOCSIN_POLICY_KIDS_H
#define TOCSIN_POLICY_KIDS_H

#include <stdint.h>

enum { KIDS_FEW = 8, NO_KID = UINT32_MAX };

struct kid_set {
	uint64_t bits[4];
	uint8_t before[4];	/* kids in the words before this one */
};

static inline void kid_set_add(struct kid_set *set, uint8_t byte)
{
	set->bits[byte / 64] |= 1ULL << byte % 64;
	for (uint32_t w = byte / 64 + 1; w < 4; w++)
		set->before[w]++;
}

/* Its place among the n kids, whose bytes are first; set: of more than KIDS_FEW. NO_KID: none. */
static inline uint32_t kid_find(const uint8_t *first, uint32_t n, const struct kid_set *set,
				uint8_t byte)
{
	uint64_t word;

	if (n <= KIDS_FEW) {
		for (uint32_t i = 0; i < n; i++)
			if (first[i] == byte)
				return i;
		return NO_KID;
	}
	word = set->bits[byte / 64];
	if (!(word >> byte % 64 & 1))
		return NO_KID;
	word &= (1ULL << byte % 64) - 1;
	return set->before[byte / 64] + (uint32_t)__builtin_popcountll(word);
}

#endif
