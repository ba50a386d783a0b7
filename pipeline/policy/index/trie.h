/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Many texts at once: which of them is a value, or begins it, or (in a trie made backwards) ends
 * it? One walk along the value, however many texts there are; it ends where no text goes on.
 * Constant once made; any thread may walk.
 */
#ifndef TOCSIN_POLICY_TRIE_H
#define TOCSIN_POLICY_TRIE_H

#include "pipeline/pool.h"

struct trie;

struct trie_text {
	struct str text;
	uint32_t key;	/* what a hit is told as; below UINT32_MAX */
	bool whole;	/* hits only a value that is no longer */
};

typedef void trie_hit(void *arg, uint32_t key);

/* Texts may repeat only where one is whole and the other is not. They are sorted in place, and
 * must outlive the trie, which belongs to the pool. NULL: out of memory. */
struct trie *trie_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool backwards);
void trie_walk(const struct trie *t, struct str value, trie_hit *hit, void *arg);

#endif
