/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Very many texts anywhere in a value, where Hyperscan would take long to compile them (about
 * 40 us each) or cannot be used: a walk along a trie (trie.h) from each place where one of them may
 * begin. Constant once made; any thread may run it.
 */
#ifndef TOCSIN_POLICY_INSIDE_H
#define TOCSIN_POLICY_INSIDE_H

#include "pipeline/policy/index/trie.h"

struct inside;

/* Different texts, none of them empty; fold: case does not matter, they are lower case. They are
 * sorted in place, and must outlive what is made, which belongs to the pool. NULL: out of memory. */
struct inside *inside_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool fold);
/* A key may be told several times, but not for each place in a run of equal hits. */
void inside_run(const struct inside *x, struct str value, trie_hit *hit, void *arg);

#endif
