/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The lookups of bpf/filter_walk.h for user space. As for the programs, nothing outside of the block is
 * read: filter_block_is says how large the one at work is.
 */
#ifndef TOCSIN_FILTER_USER_WALK_H
#define TOCSIN_FILTER_USER_WALK_H

#include <stddef.h>

#include <linux/types.h>

static _Thread_local size_t filter_block_mask;

/* bytes: of the block, a power of two. */
static inline void filter_block_is(size_t bytes)
{
	filter_block_mask = bytes - 1;
}

#define FILTER_PTR(block, off, align)                                                              \
	((const void *)((const char *)(block) + ((off)&filter_block_mask & ~((size_t)(align)-1))))
#define FILTER_IN_RANGES filter_in_ranges
#define FILTER_THREAD_FITS(block, off, n, f)                                                       \
	filter_thread_fits(block, off, n, (f)->thread[0], (f)->thread[1])
#define FILTER_JOIN_HOLDS(block, off, f) filter_join_holds(block, FILTER_PTR(block, off, 128), f)
#include "bpf/filter_walk.h"

#endif
