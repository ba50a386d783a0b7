/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Memory of a window: a fixed number of states by key in the order of their last use, bytes kept
 * for them in chains of blocks, and a heap of states by the time that decides them. All of it
 * is taken at once; nothing here allocates later.
 */
#ifndef TOCSIN_POLICY_WINDOW_STORE_H
#define TOCSIN_POLICY_WINDOW_STORE_H

#include <stdatomic.h>

#include "pipeline/policy/keyhash.h"

enum { STORE_NONE = 0 }; /* states and chains are numbered from 1 */

struct state {
	struct key128 key;
	uint64_t due_ns; /* where it is in the heap */
	uint64_t expires_ns; /* past this it says nothing any more */
	uint32_t chained; /* next of its bucket, or next free */
	uint32_t older, newer;
	uint32_t heap; /* 1 + place in the heap; 0: not there */
	bool hashed, pending;
	uint64_t more[]; /* the window's */
};

struct store {
	char *states;
	uint32_t *buckets, *heap;
	struct block *blocks;
	uint32_t stride, nstates, nbuckets, nblocks, nheap;
	uint32_t free_state, fresh_states, free_block, fresh_blocks, blocks_left;
	uint32_t oldest, newest;
	_Atomic uint64_t used;
	void (*release)(struct store *s, struct state *x); /* drops the chains of a state */
	uint64_t bytes;
};

/* more: bytes of state.more. 0, -ENOMEM. */
int store_init(struct store *s, uint32_t more, uint32_t nstates, uint32_t nblocks, bool heap);
void store_free(struct store *s);

/* The state of a key; pending ones are apart. NULL: none. */
struct state *store_find(struct store *s, struct key128 key, bool pending);
/* A new one with `more` zeroed, the newest; NULL: no room. */
struct state *store_add(struct store *s, struct key128 key, bool pending);
void store_touch(struct store *s, struct state *x); /* makes it the newest */
void store_unhash(struct store *s, struct state *x); /* store_find does not see it any more */
void store_drop(struct store *s, struct state *x);
struct state *store_oldest(const struct store *s); /* NULL: there is none */

void store_due(struct store *s, struct state *x, uint64_t due_ns); /* puts it into the heap */
struct state *store_first_due(const struct store *s); /* NULL: none */

bool chain_fits(const struct store *s, uint32_t len);
/* A copy with one reference; STORE_NONE when it does not fit. */
uint32_t chain_put(struct store *s, struct str bytes);
void chain_ref(struct store *s, uint32_t chain);
void chain_drop(struct store *s, uint32_t chain); /* a reference; STORE_NONE is legal */
struct str chain_get(const struct store *s, uint32_t chain, struct arena *a);

#endif
