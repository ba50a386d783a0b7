/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Very many texts anywhere in a value, where Hyperscan would take long to compile them (about
 * 40 us each) or cannot be used. One pass, in time linear in the value and in the number of texts
 * found, whatever they are (Aho and Corasick). Constant once made; any thread may run it, each with
 * an inside_seen of its own.
 */
#ifndef TOCSIN_POLICY_INSIDE_H
#define TOCSIN_POLICY_INSIDE_H

#include "pipeline/policy/index/trie.h"

enum { INSIDE_BYTES_MAX = (1 << 24) - 2 };

struct inside;

/* Which texts were told in this run. Zeroed before its first use. */
struct inside_seen {
	uint32_t *runs;	/* by text: the last run that told it */
	uint32_t size, run;
};

/* Different texts, none of them empty, of at most INSIDE_BYTES_MAX bytes in all; fold: case does not
 * matter, they are lower case. They are sorted in place, and must outlive what is made, which belongs
 * to the pool: some 5 bytes for each of theirs. NULL: out of memory, or too many bytes. */
struct inside *inside_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool fold);
/* Makes s fit for x, as for all before. 0 or -ENOMEM. */
int inside_seen_for(struct inside_seen *s, const struct inside *x);
void inside_seen_free(struct inside_seen *s);
/* Each text that is in the value is told once. */
void inside_run(const struct inside *x, struct str value, struct inside_seen *seen, trie_hit *hit,
		void *arg);

#endif
