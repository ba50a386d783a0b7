/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where the masks of paths that were opened are kept (seen.h).
 */
#ifndef TOCSIN_SEEN_SETS_H
#define TOCSIN_SEEN_SETS_H

#include "filter.h"

enum { SEEN_BITS = 22, SEEN_BYTES = FILTER_SEEN_BYTES, SEEN_TRIES = 4 };

_Static_assert(SEEN_BYTES == 1 << SEEN_BITS, "places are the upper bits of keys");

/* Numbers of masks: of none, of 0; the others are in the block. */
enum { SEEN_UNKNOWN, SEEN_NOTHING, SEEN_FIRST };

/* Words: a key, and in its lowest byte, by exclusive or, the number of its mask; 0 is empty. A word is in one
 * of two places that the address of the file's dentry tells, or in a set of eight that its key tells too. It stays
 * where it was put or is replaced, so whoever finds an empty place on the way need not look further. User space
 * empties all between two generations. Not a map to look up in, but memory at an address that the programs
 * have. */
__u64 seen_words[SEEN_BYTES / 8] SEC(".bss.seen") __attribute__((aligned(64))) = {};

#define SEEN_LOWEST 0xffULL
#define SEEN_WORD(at) (*(volatile __u64 *)((void *)seen_words + ((at) & (SEEN_BYTES - 8))))

/* Of the two keys of a path, that of the last name turned around: what is known of the difference of two names
 * (filter_mix) tells nothing of the difference that a directory would need to undo it. */
static __always_inline __u64 seen_join(__u64 name, __u64 dir)
{
	return dir ^ __builtin_bswap64(name);
}

/* The place of a file, by its byte, from the lower half of its dentry's address: known before any name is read,
 * and the word there is asked for then. Dentries that were made one after the other lie in one page
 * (of 192 bytes on most kernels, so that neighbours have neighbouring words): who opens the files of
 * a tree in turn does not wait for memory at each. */
static __always_inline __u64 seen_place(__u32 leaf)
{
	return (__u64)leaf * 21845 >> 19; /* 8 * leaf / 192 */
}

/* Its second place, beside those of its page too. */
static __always_inline __u64 seen_second(__u32 leaf)
{
	return ((leaf >> 12) * 0x9e3779b1u >> 10) + seen_place(leaf & 4095);
}

/* The set of a key, where there is no room in these. Of two dentries' words in one set the upper bits of the keys
 * differ, so that none is taken for the other. */
static __always_inline __u64 seen_set(__u64 key, __u32 leaf)
{
	return ((key >> (64 - SEEN_BITS)) + leaf * 0x9e3779b1u) & (SEEN_BYTES - 64);
}

/* Looks for a key that is not in its first place. The number, or SEEN_UNKNOWN. It and what follows stand alone for
 * the verifier, which would else follow all that comes behind from each place of the set. */
__noinline int seen_search(__u64 key, __u32 leaf)
{
	__u64 at = seen_set(key, leaf), word;

	if (!SEEN_WORD(seen_place(leaf)))
		return SEEN_UNKNOWN;
	word = SEEN_WORD(seen_second(leaf));
	if ((word ^ key) <= SEEN_LOWEST)
		return word ^ key;
	if (!word)
		return SEEN_UNKNOWN;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		word = SEEN_WORD(at + i * 8);
		if ((word ^ key) <= SEEN_LOWEST)
			return word ^ key;
		if (!word)
			return SEEN_UNKNOWN;
	}
	return SEEN_UNKNOWN;
}

/* Puts a word to a place, unless it is there. False: another one is. */
static __always_inline bool seen_put(__u64 word, __u64 at)
{
	__u64 there = SEEN_WORD(at);

	if (!there)
		SEEN_WORD(at) = word;
	return !there || there == word;
}

/* Keeps a word, which is a key and a number, in the first place that is free, or instead of another. */
__noinline int seen_keep(__u64 word, __u32 leaf)
{
	__u64 first = seen_place(leaf), second = seen_second(leaf), set = seen_set(word, leaf);
	__u32 to = bpf_get_prandom_u32();

	if (seen_put(word, first) || seen_put(word, second))
		return 0;
#pragma unroll
	for (int i = 0; i < 8; i++)
		if (seen_put(word, set + i * 8))
			return 0;
	set += to & 56;
	SEEN_WORD(to & 1 ? first : to & 2 ? second : set) = word;
	return 0;
}

/* The number of a mask other than 0 in the block of a generation; a new one gets a free number.
 * SEEN_UNKNOWN: there is none near. */
__noinline int seen_number(__u64 mask, __u32 generation)
{
	const struct filter_block *h = filter_now();
	__u32 n = mask * 0x9e3779b97f4a7c15ULL >> 56;
	__u64 *masks, there;

	if (!h || h->generation != generation)
		return SEEN_UNKNOWN;
	masks = (__u64 *)h->masks;
#pragma unroll
	for (int i = 0; i < SEEN_TRIES; i++, n++) {
		n &= FILTER_MASKS - 1;
		if (n < SEEN_FIRST)
			n = SEEN_FIRST;
		there = masks[n];
		if (!there)
			there = __sync_val_compare_and_swap(&masks[n], 0, mask);
		if (!there || there == mask)
			return n;
	}
	return SEEN_UNKNOWN;
}

/* Keeps the mask of a path of block h; its number. leaf: the dentry of its last name, by which it is looked for. */
static __always_inline __u32 seen_store(const struct filter_block *h, const struct seen_key *k,
					const struct dentry *leaf, __u64 mask)
{
	__u32 n = mask ? seen_number(mask, h->generation) : SEEN_NOTHING;
	__u64 key = seen_join(k->name, k->dir);

	if (n != SEEN_UNKNOWN)
		seen_keep(key ^ n, HALF_OF(leaf));
	return n;
}

#endif
