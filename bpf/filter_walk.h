/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Lookups in the tables of filter_abi.h, for both sides: what the programs do and what tests and
 * tools compute is one text. The includer defines:
 *   FILTER_PTR(block, off, align)  address of off in the block, kept inside it whatever off is;
 *                                  off is a multiple of align, a power of two
 *   FILTER_IN_RANGES(block, off, n, v)  filter_in_ranges, or what stands in for it
 *   FILTER_THREAD_FITS(block, off, n, facts)  filter_thread_fits with the words of facts->thread
 *   FILTER_JOIN_HOLDS(block, off, facts)  filter_join_holds of the join at off, the same
 */
#ifndef TOCSIN_FILTER_WALK_H
#define TOCSIN_FILTER_WALK_H

#include "filter_abi.h"

#define FILTER_WORD(block, off) (*(const __u64 *)FILTER_PTR(block, off, 8))

/* ---- signatures ----
 * Of a path, from the bytes of its names: 64 bits under secret odd keys that each generation draws.
 * The last name and its directory are apart, so that the directory has one of its own. */

/* Between two secret factors the bytes are turned around, so that a difference whose effect is sure
 * after one (of the highest bit) depends on 57 unknown bits of the other. */
static inline __u64 filter_mix(__u64 x, const struct filter_keys *k)
{
	return __builtin_bswap64(x * k->k1) * k->k2;
}

/* The words of a name are mixed in one after the other. From the second on they are under k1 too,
 * so that the second half of a name is not another name; that no byte of a name is 0 tells where the
 * last word ends. */
static inline __u64 filter_sign(__u64 x, __u64 word, const struct filter_keys *k)
{
	return filter_mix(x ^ word, k);
}

static inline __u64 filter_sign_more(__u64 x, __u64 word, const struct filter_keys *k)
{
	return filter_mix(x ^ k->k1 ^ word, k);
}

/* Of the word that holds the end of a text of n bytes (1 or more), what belongs to it. */
static inline __u64 filter_last_word(__u64 word, __u64 n)
{
	return word << (-(n * 8) & 56);
}

/* Never 0. */
static inline __u64 filter_signature(__u64 directory, __u64 name, const struct filter_block *h)
{
	__u64 x = filter_mix(filter_mix(directory, &h->keys) ^ name, &h->keys);

	x ^= x >> 32;
	return x ? x : 1;
}

/* Of a directory alone. */
static inline __u64 filter_dir_signature(__u64 directory, const struct filter_block *h)
{
	__u64 x = filter_mix(directory ^ h->keys.k1, &h->keys);

	x ^= x >> 32;
	return x ? x : 1;
}

static inline __u64 filter_dir_sum(__u64 state, __u64 mask, const struct filter_block *h)
{
	return filter_mix(filter_mix(mask, &h->keys) ^ state, &h->keys);
}

static inline __u32 filter_verdict_index(__u64 signature)
{
	return (signature >> 40) & (FILTER_VERDICT_SETS - 1);
}

static inline __u32 filter_dir_index(__u64 signature)
{
	return (signature >> 40) & (FILTER_DIR_SETS - 1);
}

/* ---- the automaton ---- */

static inline __u64 filter_cell(const void *block, const struct filter_text *t, __u32 state)
{
	return FILTER_WORD(block, t->cells + state * 8);
}

static inline __u32 filter_cell_byte(__u64 cell)
{
	return (cell >> 24) & 0xff;
}

static inline __u32 filter_cell_fail(__u64 cell)
{
	return (cell >> 32) & 0xffffff;
}

/* Number of what is found in the state; 0: nothing. */
static inline __u32 filter_out_number(const void *block, const struct filter_text *t, __u32 state,
				      __u64 cell)
{
	__u32 n = cell >> 56, at = state * 0x9e3779b1u;

	if (n != FILTER_OUT_MORE)
		return n;
	for (__u32 i = 0; i < FILTER_MORE_PROBES; i++) {
		__u64 w = FILTER_WORD(block, t->more + ((at + i) & t->more_mask) * 8);

		if ((__u32)w == state)
			return w >> 32;
	}
	return 0;
}

static inline __u64 filter_out_word(const void *block, const struct filter_text *t, __u32 number,
				    __u32 which)
{
	return FILTER_WORD(block, t->outs + number * (__u32)sizeof(struct filter_out) + which * 8);
}

static inline void filter_found(const void *block, const struct filter_text *t,
				struct filter_state *s)
{
	__u32 n = filter_out_number(block, t, s->state, s->cell);

	s->mask |= filter_out_word(block, t, n, 0);
	if (s->last)
		s->mask |= filter_out_word(block, t, n, 1);
}

/* What is found where the text ends. */
static inline void filter_found_end(const void *block, const struct filter_text *t,
				    struct filter_state *s)
{
	s->mask |= filter_out_word(block, t, filter_out_number(block, t, s->state, s->cell), 2);
}

static inline void filter_state_set(const void *block, const struct filter_text *t,
				    struct filter_state *s, __u32 state, __u64 mask)
{
	s->state = state;
	s->cell = filter_cell(block, t, state);
	s->mask = mask;
}

/* One try to go on by byte c. False: it is to be tried again from the state that this one failed to. */
static inline bool filter_try(const void *block, const struct filter_text *t,
			      struct filter_state *s, __u32 c)
{
	__u32 to = (s->cell & 0xffffff) + c;
	__u64 next = filter_cell(block, t, to);

	if (filter_cell_byte(next) == c) {
		s->state = to;
		s->cell = next;
		if (next >> 56)
			filter_found(block, t, s);
		return true;
	}
	if (s->state == t->root)
		return true;
	s->state = filter_cell_fail(s->cell);
	s->cell = filter_cell(block, t, s->state);
	return false;
}

static inline __u32 filter_fold(const struct filter_text *t, __u32 c)
{
	return t->fold && c - 'A' < 26 ? c + ('a' - 'A') : c;
}

/* The same of eight bytes: 0x20 is added to those from 'A' to 'Z'. Bits 7 of the sums tell of the lower bits
 * of each byte, which do not carry into the next one, that they are at least 'A', and above 'Z'. */
static inline __u64 filter_fold_word(__u64 word)
{
	const __u64 ones = 0x0101010101010101ULL, low = word & 0x7f * ones;
	__u64 from = low + (0x80 - 'A') * ones, above = low + (0x80 - 'Z' - 1) * ones;

	return word + ((from & ~above & ~word & 0x80 * ones) >> 2);
}

/* Before the first step of a whole path of w->ncomponents, which are at w->at. */
static inline void filter_walk_begin(const void *block, const struct filter_text *t,
				     struct filter_walk *w)
{
	filter_state_set(block, t, &w->now, t->start, t->base);
	w->component = w->ncomponents;
	w->byte = w->now.last = w->done = 0;
	w->pos = 0xffffffff; /* no text yet: the first byte is the first '/' */
}

/* Before the first step of a last component at pos, whose directory led to state and mask. */
static inline void filter_walk_resume(const void *block, const struct filter_text *t,
				      struct filter_walk *w, __u32 state, __u64 mask, __u32 pos)
{
	filter_state_set(block, t, &w->now, state, mask);
	w->component = w->byte = w->done = 0;
	w->now.last = 1;
	w->pos = pos;
}

/* The next byte into w->byte. False at the end. */
static inline bool filter_walk_fetch(const struct filter_text *t, struct filter_walk *w,
				     const __u8 *text, __u32 text_mask)
{
	__u32 c = w->pos == 0xffffffff ? 0 : text[w->pos & text_mask];

	if (c) {
		w->pos++;
		c = filter_fold(t, c);
	} else {
		if (!w->component) {
			w->done = 1;
			return false;
		}
		w->component--;
		w->pos = w->at[w->component & (FILTER_COMPONENTS - 1)];
		c = '/';
	}
	w->byte = c;
	return true;
}

/* One step. False: the end of the text; w->now.mask is the answer and w->done 1. */
static inline bool filter_walk_step(const void *block, const struct filter_text *t,
				    struct filter_walk *w, const __u8 *text, __u32 text_mask)
{
	if (!w->byte && !filter_walk_fetch(t, w, text, text_mask)) {
		filter_found_end(block, t, &w->now);
		return false;
	}
	if (!filter_try(block, t, &w->now, w->byte))
		return true;
	w->byte = 0;
	if (!w->component && !w->now.last) { /* that was the last '/' */
		w->now.last = 1;
		w->dir_state = w->now.state;
		w->dir_mask = w->now.mask;
	}
	return true;
}

/* ---- addresses ---- */

enum { FILTER_SEARCH_STEPS = 24 }; /* among 2^24 addresses, more than a block holds */

/* 1: (hi, lo) is less than (h, l), by the borrow of their difference: without a branch. */
static inline __u32 filter_less(__u64 hi, __u64 lo, __u64 h, __u64 l)
{
	__u64 borrow = ((~lo & l) | ((~lo | l) & (lo - l))) >> 63;

	return ((~hi & h) | ((~hi | h) & (hi - h - borrow))) >> 63;
}

/* The mask of the last of n entries of addresses that is not above (hi, lo). Without a branch but its
 * end: the verifier follows each. */
static inline __u64 filter_search(const void *block, __u32 off, __u32 n, __u64 hi, __u64 lo)
{
	__u32 low = 0, high = n;

	for (__u32 i = 0; i < FILTER_SEARCH_STEPS && high - low > 1; i++) {
		__u32 mid = low + (high - low) / 2, at = off + mid * 32;
		__u64 h = FILTER_WORD(block, at), l = FILTER_WORD(block, at + 8);
		__u32 all = -filter_less(hi, lo, h, l);

		high = (mid & all) | (high & ~all);
		low = (low & all) | (mid & ~all);
	}
	return FILTER_WORD(block, off + low * 32 + 16);
}

/* 0: the text that begins with the words fits. */
static inline __u64 filter_head_miss(const void *block, __u32 off, __u64 w0, __u64 w1)
{
	__u64 miss = (w0 & FILTER_WORD(block, off + 16)) ^ FILTER_WORD(block, off);

	return miss | ((w1 & FILTER_WORD(block, off + 24)) ^ FILTER_WORD(block, off + 8));
}

/* The same of IPv4: of the n entries that are left, half are left out at each step. */
static inline __u64 filter_search4(const void *block, __u32 off, __u32 n, __u64 address)
{
	for (__u32 i = 0; i < FILTER_SEARCH_STEPS && n > 1; i++) {
		__u32 half = n / 2, at = off + half * 32;
		__u64 above =
			(address - FILTER_WORD(block, at + 8)) >> 63; /* neither is of 33 bits */

		off += (half & ((__u32)above - 1)) * 32;
		n -= half;
	}
	return FILTER_WORD(block, off + 16);
}

/* Of a Unix socket whose path begins with the words. */
static inline __u64 filter_unix_bits(const void *block, __u32 off, __u64 w0, __u64 w1)
{
	return filter_head_miss(block, off, w0, w1) ? 0 : FILTER_WORD(block, off + 32);
}

/* ---- joins ---- */

/* Whether it was found is carried along: a branch more in each round is a way more that the verifier
 * follows. */
static inline bool filter_in_ranges(const void *block, __u32 off, __u32 n, __u32 v)
{
	__u64 found = 0;

	for (__u32 i = 0; i < FILTER_RANGES && i < n; i++) {
		__u64 w = FILTER_WORD(block, off + i * 8), lo = (__u32)w, hi = w >> 32;

		found |= ~((v - lo) | (hi - v)) >> 63; /* neither is below zero */
	}
	return found;
}

static inline bool filter_thread_fits(const void *block, __u32 off, __u32 n, __u64 w0, __u64 w1)
{
	for (__u32 i = 0; i < FILTER_HEADS && i < n; i++)
		if (!filter_head_miss(block, off + i * (__u32)sizeof(struct filter_bytes), w0, w1))
			return true;
	return false;
}

/* enum ev_filetype of a mode. */
static inline __u8 filter_file_type(__u32 mode)
{
	switch (mode >> 12) {
	case 8: return EV_FILETYPE_FILE;
	case 4: return EV_FILETYPE_DIR;
	case 10: return EV_FILETYPE_SYMLINK;
	case 2: return EV_FILETYPE_CHAR;
	case 6: return EV_FILETYPE_BLOCK;
	case 1: return EV_FILETYPE_FIFO;
	case 12: return EV_FILETYPE_SOCKET;
	}
	return EV_FILETYPE_OTHER;
}

static inline bool filter_join_file(const struct filter_join *j, const struct filter_facts *f)
{
	if (j->not_mask & f->mask)
		return false;
	if (j->flags_any && !(j->flags_any & f->flags))
		return false;
	if (j->mode_any && !(j->mode_any & f->mode))
		return false;
	if (j->types_any && !(j->types_any >> (f->type & 15) & 1))
		return false;
	return !j->access_any || (j->access_any >> (f->access & 7) & 1);
}

static inline bool filter_join_task(const struct filter_join *j, const struct filter_facts *f)
{
	if (f->cgroup_known &&
	    ((f->cgroup & j->cgroup_in) != j->cgroup_in || (f->cgroup & j->cgroup_out)))
		return false;
	if (!f->marks_known)
		return true;
	return (f->self & j->self_in) == j->self_in &&
	       (f->self_maybe || !(f->self & j->self_out)) &&
	       (f->ancestors & j->ancestor_in) == j->ancestor_in &&
	       ((f->self | f->ancestors) & j->line_in) == j->line_in;
}

/* The outcomes of which it holds, a bit each (FILTER_OUTCOMES). */
static inline __u32 filter_join_holds(const void *block, const struct filter_join *j,
				      const struct filter_facts *f)
{
	if (!filter_join_file(j, f) || !filter_join_task(j, f))
		return 0;
	if (j->families_any && !(j->families_any >> (f->family & 7) & 1))
		return 0;
	if (j->transports_any && !(j->transports_any >> (f->transport & 7) & 1))
		return 0;
	if (j->via_any && !(j->via_any & f->via))
		return 0;
	if (j->nuids && !FILTER_IN_RANGES(block, j->uids, j->nuids, f->uid))
		return 0;
	if (j->nreal_uids && !FILTER_IN_RANGES(block, j->real_uids, j->nreal_uids, f->real_uid))
		return 0;
	if (j->nports && !FILTER_IN_RANGES(block, j->ports, j->nports, f->port))
		return 0;
	if (j->nthreads && !FILTER_THREAD_FITS(block, j->threads, j->nthreads, f))
		return 0;
	return j->outcomes_any ? j->outcomes_any : FILTER_OUTCOMES;
}

/* False: no join of the buckets of mask holds for such an open. Most files are only read, and few joins are
 * about that: then nothing else has to be found out. */
static inline bool filter_open_may(const struct filter_block *h, __u64 mask, __u32 open_class)
{
	return mask & h->open_may[open_class & (FILTER_OPEN_CLASSES - 1)];
}

/* Which join is to be tried next: a cursor over the buckets of a mask. */
struct filter_cursor {
	__u64 mask; /* buckets not looked at yet */
	__u64 range; /* of the bucket at work: offset | left << 32 */
	__u32 wanted; /* outcomes of which the event is */
	__u32 pad;
};

/* Number of the lowest bit set: how many lie below it. (clang 14 has no __builtin_ctzll for BPF.) */
static inline __u32 filter_lowest(__u64 x)
{
	x = (x & -x) - 1;
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

/* One step. False: the end, and c->wanted is the answer. */
static inline bool filter_join_step(const void *block, const struct filter_buckets *b,
				    struct filter_cursor *c, const struct filter_facts *f)
{
	__u32 off = (__u32)c->range;

	if (!(c->range >> 32)) {
		if (!c->mask)
			return false;
		c->range = b->at[filter_lowest(c->mask) & (FILTER_BITS - 1)];
		c->mask &= c->mask - 1;
		return true;
	}
	c->range = (off + sizeof(struct filter_join)) | (c->range - (1ULL << 32)) >> 32 << 32;
	c->wanted |= FILTER_JOIN_HOLDS(block, off, f);
	return c->wanted != FILTER_OUTCOMES;
}

#endif
