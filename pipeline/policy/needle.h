/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The literal texts without which a regular expression cannot match: looked for first, since most
 * texts have neither and a look at them costs a fraction of a match. Finds none rather than a
 * wrong one.
 */
#ifndef TOCSIN_POLICY_NEEDLE_H
#define TOCSIN_POLICY_NEEDLE_H

#include "pipeline/str.h"

enum { NEEDLE_MAX = 64 };

struct needle {
	char prefix[NEEDLE_MAX];	/* what a match begins with, where the pattern is anchored */
	char inside[NEEDLE_MAX];	/* the longest text that every match holds */
	uint32_t prefix_len, inside_len;	/* 0: none */
};

/* pattern: Perl-compatible, case matters, no extended syntax switched on from outside. */
void needle_find(struct needle *n, struct str pattern);

enum { NEEDLE_BRANCHES_MAX = 64 };

/* Texts of which every match holds one at least. */
struct needle_branches {
	char texts[NEEDLE_BRANCHES_MAX][NEEDLE_MAX];
	uint8_t lens[NEEDLE_BRANCHES_MAX];
	uint32_t count;	/* 0: none are known */
};

/* For a pattern of which needle_find finds nothing: the texts of its alternatives. */
void needle_find_branches(struct needle_branches *b, struct str pattern);

static inline bool needle_allows(const struct needle *n, struct str text)
{
	if (n->prefix_len && (text.len < n->prefix_len || memcmp(text.p, n->prefix, n->prefix_len)))
		return false;
	return !n->inside_len || (text.len >= n->inside_len && memmem(text.p, text.len, n->inside, n->inside_len));
}

#endif
