/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Many texts or regular expressions looked for in one pass over a value, by Hyperscan. A hit of
 * a text is exact; that of an expression says that PCRE2 may find it, and never fails to say so.
 * Where the processor cannot (no SSSE3) or the library is one that misses matches, nothing is made:
 * callers ask each on its own.
 */
#ifndef TOCSIN_POLICY_SCAN_H
#define TOCSIN_POLICY_SCAN_H

#include "pipeline/str.h"

enum {
	SCAN_REGEXES_MAX = 200,	/* of one scan: their compilation takes some ms each */
	SCAN_TEXTS_MAX = 6000,	/* of all scans of a policy set: some 40 us each */
	SCAN_BYTES_MAX = 256 << 10,	/* of these */
	SCAN_STATES_MAX = 1200,	/* likewise, of expressions, about: some 0.5 ms each at worst */
	SCAN_REPEAT_MAX = 64,	/* {n}: greater ones are not given to Hyperscan */
};

/* What may still be given to scans, since it takes long to compile. */
struct scan_room {
	uint32_t texts, bytes, states;
};

struct scan;
struct scan_scratch;

struct scan_item {
	struct str text;
	uint32_t key;	/* what a hit is told as */
	bool fold;	/* case does not matter (A to Z are a to z) */
};

typedef void scan_hit(void *arg, uint32_t key);

/* Texts, none of them empty. 0; -ENOTSUP: the library will not; -ENOMEM. */
int scan_texts(struct scan **out, const struct scan_item *items, uint32_t n);
/* Expressions that regex_new or regex_new_folded took. *taken[i]: it is in *out; others are not
 * looked for. *out is NULL when none is. *states, at first SCAN_STATES_MAX, is what is left for
 * further scans. 0 or -ENOMEM. */
int scan_regexes(struct scan **out, const struct scan_item *items, uint32_t n, bool *taken,
		 uint32_t *states);
void scan_free(struct scan *s);
/* Does the processor suffice, and did the library find all that it was tried on? Any thread. */
bool scan_supported(void);

/* Makes *x, NULL at first, fit for s, as for all scans before; one a thread. 0 or -ENOMEM. */
int scan_scratch_for(struct scan_scratch **x, const struct scan *s);
void scan_scratch_free(struct scan_scratch *x);
/* A key is told once a run at most. */
void scan_run(const struct scan *s, struct scan_scratch *x, struct str value, scan_hit *hit,
	      void *arg);

#endif
