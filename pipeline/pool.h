/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Memory that is given back all at once: for what is built at load and then only read.
 */
#ifndef TOCSIN_POOL_H
#define TOCSIN_POOL_H

#include "pipeline/str.h"

struct pool {
	struct pool_block *blocks;
};

void *pool_get(struct pool *p, size_t n);	/* zeroed, aligned to 8 bytes; NULL: out of memory */
void *pool_array(struct pool *p, size_t n, size_t size);	/* as pool_get; the product may not overflow */
/* array_grow (util.h) for an array of the pool, where the smaller ones stay behind. */
bool pool_grow(struct pool *p, void *array, size_t count, size_t size);
/* A copy that ends in a NUL past its length; {NULL, 0} when out of memory. */
struct str pool_str(struct pool *p, struct str s);
/* dst owns from now on what src owned. */
void pool_take(struct pool *dst, struct pool *src);
void pool_free(struct pool *p);			/* leaves it empty and reusable */

#endif
