/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where the masks of paths that were opened are kept (seen.h).
 */
#ifndef TOCSIN_SEEN_SETS_H
#define TOCSIN_SEEN_SETS_H

#include "filter.h"

/* SEEN_NEAR: bytes in which the files of one directory are looked for first; SEEN_SPREAD: dentries are 64 bytes
 * or more, these begin 2,048 apart or more. */
enum { SEEN_SPREAD = 5, SEEN_BITS = 21, SEEN_BYTES = FILTER_SEEN_BYTES, SEEN_NEAR = 8192, SEEN_TRIES = 4 };

_Static_assert(SEEN_BYTES == 1 << SEEN_BITS, "places are the upper bits of keys");

/* Numbers of masks: of none, of 0; the others are in the block. */
enum { SEEN_UNKNOWN, SEEN_NOTHING, SEEN_FIRST };

/* Words: a key, and in its lowest byte, by exclusive or, the number of its mask; 0 is empty. Eight make a
 * set. A word stays where it was put or is replaced, so what a set holds is in its own place or before the
 * first empty one, and what belongs to a set with an empty place is nowhere else. User space empties all
 * between two generations. Not a map to look up in, but memory at an address that the programs have. */
__u64 seen_words[SEEN_BYTES / 8] SEC(".bss.seen") __attribute__((aligned(64))) = {};

#define SEEN_LOWEST 0xffULL
#define SEEN_WORD(at) (*(volatile __u64 *)((void *)seen_words + (at)))

/* Of the two keys of a path, that of the last name turned around: what is known of the difference of two names
 * (filter_mix) tells nothing of the difference that a directory would need to undo it. */
static __always_inline __u64 seen_join(__u64 name, __u64 dir)
{
	return dir ^ __builtin_bswap64(name);
}

/* The place of a path, by its byte: known before its directories are gone through, and the word there is
 * asked for then. The files of one directory, whose dentry is in, are in a few pages. So who opens them all
 * does not wait for memory at each. */
static __always_inline __u64 seen_near_at(__u64 name, __u64 in)
{
	__u64 at = ((HALF_OF(in) << SEEN_SPREAD) + ((__u32)name & (SEEN_NEAR - 1))) & (SEEN_BYTES - 8);

	barrier_var_(at);
	return at;
}

/* Its other place, where there is no room near by. */
static __always_inline __u64 seen_far_at(__u64 key)
{
	return key >> (64 - SEEN_BITS) & (SEEN_BYTES - 8);
}

/* Looks through the set of a place. The number, or SEEN_UNKNOWN: *full tells whether it may be elsewhere. */
static __always_inline __u32 seen_in_set(__u64 key, __u64 at, bool *full)
{
	at &= SEEN_BYTES - 64;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		__u64 word = SEEN_WORD(at + i * 8), number = word ^ key;

		if (number <= SEEN_LOWEST)
			return number;
		if (!word)
			return SEEN_UNKNOWN;
	}
	*full = true;
	return SEEN_UNKNOWN;
}

/* Looks for a key that is not in its place at. It and what follows stand alone for the verifier, which would
 * else follow all that comes behind from each place of each set. */
__noinline int seen_search(__u64 key, __u64 at)
{
	bool full = false;
	__u64 number = seen_in_set(key, at, &full);

	if (!full)
		return number;
	at = seen_far_at(key);
	number = SEEN_WORD(at) ^ key;
	return number <= SEEN_LOWEST ? number : seen_in_set(key, at, &full);
}

/* Puts a word to its place or into the set, unless it is there. False: there is no room. */
static __always_inline bool seen_put(__u64 word, __u64 at)
{
	__u64 own = SEEN_WORD(at & (SEEN_BYTES - 8));

	if (!own)
		SEEN_WORD(at & (SEEN_BYTES - 8)) = word;
	if (!own || own == word)
		return true;
	at &= SEEN_BYTES - 64;
#pragma unroll
	for (int i = 0; i < 8; i++) {
		own = SEEN_WORD(at + i * 8);
		if (!own)
			SEEN_WORD(at + i * 8) = word;
		if (!own || own == word)
			return true;
	}
	return false;
}

/* Keeps a word, which is a key and a number, at its place or elsewhere. */
__noinline int seen_keep(__u64 word, __u64 at)
{
	__u64 far = seen_far_at(word);
	__u32 to;

	if (seen_put(word, at) || seen_put(word, far))
		return 0;
	to = bpf_get_prandom_u32();
	at = ((to & 64 ? at : far) & -64) | (to & 56);
	barrier_var_(at);
	SEEN_WORD(at & (SEEN_BYTES - 8)) = word;
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

/* Keeps the mask of a path of block h; its number. in: the directory's dentry, by which it is looked for. */
static __always_inline __u32 seen_store(const struct filter_block *h, const struct seen_key *k,
					__u64 in, __u64 mask)
{
	__u32 n = mask ? seen_number(mask, h->generation) : SEEN_NOTHING;
	__u64 key = seen_join(k->name, k->dir);

	if (n != SEEN_UNKNOWN)
		seen_keep(key ^ n, seen_near_at(k->name, in));
	return n;
}

#endif
