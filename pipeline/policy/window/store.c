/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * store.h. Memory that was never used is not touched, so that a window costs what it holds.
 */
#include "pipeline/policy/window/store.h"

#include <errno.h>

#include "pipeline/util.h"

enum { BLOCK_DATA = 244 };

struct block {
	uint32_t next;
	uint32_t refs, len; /* of the chain; in its first block */
	char data[BLOCK_DATA];
};

static struct state *at(const struct store *s, uint32_t i)
{
	return (struct state *)(s->states + (size_t)(i - 1) * s->stride);
}

static uint32_t number(const struct store *s, const struct state *x)
{
	return (uint32_t)(((const char *)x - s->states) / s->stride) + 1;
}

static void add_used(struct store *s, uint64_t n)
{
	atomic_store_explicit(&s->used, atomic_load_explicit(&s->used, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

int store_init(struct store *s, uint32_t more, uint32_t nstates, uint32_t nblocks, bool heap)
{
	uint32_t nbuckets = 16;

	while (nbuckets < nstates)
		nbuckets *= 2;
	s->stride = (uint32_t)sizeof(struct state) + ((more + 7) & ~7u);
	s->nstates = nstates;
	s->nbuckets = nbuckets;
	s->nblocks = s->blocks_left = nblocks;
	s->bytes = (uint64_t)nstates * (s->stride + (heap ? sizeof(*s->heap) : 0)) +
		   (uint64_t)nbuckets * sizeof(*s->buckets) +
		   (uint64_t)nblocks * sizeof(*s->blocks);
	s->states = calloc(nstates, s->stride);
	s->buckets = calloc(nbuckets, sizeof(*s->buckets));
	s->blocks = calloc(nblocks, sizeof(*s->blocks));
	s->heap = heap ? calloc(nstates, sizeof(*s->heap)) : NULL;
	if (s->states && s->buckets && s->blocks && (s->heap || !heap))
		return 0;
	store_free(s);
	return -ENOMEM;
}

void store_free(struct store *s)
{
	free(s->states);
	free(s->buckets);
	free(s->blocks);
	free(s->heap);
	s->states = NULL;
	s->buckets = s->heap = NULL;
	s->blocks = NULL;
}

/* --- chains --- */

static uint32_t blocks_of(uint32_t len)
{
	return len ? (len + BLOCK_DATA - 1) / BLOCK_DATA : 1;
}

bool chain_fits(const struct store *s, uint32_t len)
{
	return blocks_of(len) <= s->blocks_left;
}

static uint32_t block_take(struct store *s)
{
	uint32_t b = s->free_block;

	if (b)
		s->free_block = s->blocks[b - 1].next;
	else
		b = ++s->fresh_blocks;
	s->blocks_left--;
	s->blocks[b - 1].next = STORE_NONE;
	return b;
}

uint32_t chain_put(struct store *s, struct str bytes)
{
	uint32_t first = STORE_NONE, *link = &first, done = 0;

	if (!chain_fits(s, bytes.len))
		return STORE_NONE;
	do {
		uint32_t n = MIN(bytes.len - done, (uint32_t)BLOCK_DATA), b = block_take(s);

		if (n)
			memcpy(s->blocks[b - 1].data, bytes.p + done, n);
		done += n;
		*link = b;
		link = &s->blocks[b - 1].next;
	} while (done < bytes.len);
	s->blocks[first - 1].refs = 1;
	s->blocks[first - 1].len = bytes.len;
	return first;
}

void chain_ref(struct store *s, uint32_t chain)
{
	if (chain)
		s->blocks[chain - 1].refs++;
}

void chain_drop(struct store *s, uint32_t chain)
{
	uint32_t next;

	if (!chain || --s->blocks[chain - 1].refs)
		return;
	for (; chain; chain = next) {
		struct block *b = &s->blocks[chain - 1];

		next = b->next;
		b->next = s->free_block;
		s->free_block = chain;
		s->blocks_left++;
	}
}

struct str chain_get(const struct store *s, uint32_t chain, struct arena *a)
{
	uint32_t len = chain ? s->blocks[chain - 1].len : 0, done = 0;
	char *p = len ? arena_get(a, len) : NULL;

	if (!p)
		return (struct str){ NULL, 0 };
	for (; done < len; chain = s->blocks[chain - 1].next) {
		uint32_t n = MIN(len - done, (uint32_t)BLOCK_DATA);

		memcpy(p + done, s->blocks[chain - 1].data, n);
		done += n;
	}
	return (struct str){ p, len };
}

/* --- the heap --- */

static void heap_place(struct store *s, uint32_t place, uint32_t i)
{
	s->heap[place] = i;
	at(s, i)->heap = place + 1;
}

/* Equal times: the one that was first in the table first, so that a replay has the same order. */
static bool before(const struct store *s, uint32_t i, uint32_t j)
{
	const struct state *a = at(s, i), *b = at(s, j);

	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : i < j;
}

static void heap_up(struct store *s, uint32_t place)
{
	uint32_t i = s->heap[place];

	while (place && before(s, i, s->heap[(place - 1) / 2])) {
		heap_place(s, place, s->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	heap_place(s, place, i);
}

static void heap_down(struct store *s, uint32_t place)
{
	uint32_t i = s->heap[place], kid;

	while ((kid = 2 * place + 1) < s->nheap) {
		if (kid + 1 < s->nheap && before(s, s->heap[kid + 1], s->heap[kid]))
			kid++;
		if (!before(s, s->heap[kid], i))
			break;
		heap_place(s, place, s->heap[kid]);
		place = kid;
	}
	heap_place(s, place, i);
}

void store_due(struct store *s, struct state *x, uint64_t due_ns)
{
	x->due_ns = due_ns;
	heap_place(s, s->nheap, number(s, x));
	heap_up(s, s->nheap++);
}

static void heap_take(struct store *s, struct state *x)
{
	uint32_t place = x->heap - 1, last = s->heap[--s->nheap];

	x->heap = 0;
	if (place == s->nheap)
		return;
	heap_place(s, place, last);
	heap_up(s, place);
	heap_down(s, at(s, last)->heap - 1);
}

struct state *store_first_due(const struct store *s)
{
	return s->nheap ? at(s, s->heap[0]) : NULL;
}

/* --- states --- */

static uint32_t *bucket_of(const struct store *s, struct key128 key)
{
	return &s->buckets[key.k[0] & (s->nbuckets - 1)];
}

struct state *store_find(struct store *s, struct key128 key, bool pending)
{
	for (uint32_t i = *bucket_of(s, key); i; i = at(s, i)->chained)
		if (key128_eq(at(s, i)->key, key) && at(s, i)->pending == pending)
			return at(s, i);
	return NULL;
}

static void age_out(struct store *s, struct state *x)
{
	*(x->older ? &at(s, x->older)->newer : &s->oldest) = x->newer;
	*(x->newer ? &at(s, x->newer)->older : &s->newest) = x->older;
}

static void age_in(struct store *s, struct state *x)
{
	uint32_t i = number(s, x);

	x->newer = STORE_NONE;
	x->older = s->newest;
	*(s->newest ? &at(s, s->newest)->newer : &s->oldest) = i;
	s->newest = i;
}

void store_touch(struct store *s, struct state *x)
{
	age_out(s, x);
	age_in(s, x);
}

struct state *store_add(struct store *s, struct key128 key, bool pending)
{
	uint32_t i = s->free_state, *bucket = bucket_of(s, key);
	struct state *x;

	if (i)
		s->free_state = at(s, i)->chained;
	else if (s->fresh_states < s->nstates)
		i = ++s->fresh_states;
	else
		return NULL;
	x = at(s, i);
	memset(x, 0, s->stride);
	x->key = key;
	x->pending = pending;
	x->hashed = true;
	x->chained = *bucket;
	*bucket = i;
	age_in(s, x);
	add_used(s, 1);
	return x;
}

void store_unhash(struct store *s, struct state *x)
{
	uint32_t *link = bucket_of(s, x->key), i = number(s, x);

	if (!x->hashed)
		return;
	while (*link != i)
		link = &at(s, *link)->chained;
	*link = x->chained;
	x->hashed = false;
}

void store_drop(struct store *s, struct state *x)
{
	s->release(s, x);
	store_unhash(s, x);
	age_out(s, x);
	if (x->heap)
		heap_take(s, x);
	x->chained = s->free_state;
	s->free_state = number(s, x);
	add_used(s, (uint64_t)-1);
}

struct state *store_oldest(const struct store *s)
{
	return s->oldest ? at(s, s->oldest) : NULL;
}
