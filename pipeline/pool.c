/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Pools of pool.h: a list of blocks; the first is the one with room.
 */
#include "pipeline/pool.h"

#include "pipeline/util.h"

enum { BLOCK_BYTES = 64 << 10 };

struct pool_block {
	struct pool_block *next;
	size_t used, size;
	_Alignas(8) char data[];
};

void *pool_get(struct pool *p, size_t n)
{
	struct pool_block *b = p->blocks;
	void *got;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + 7) & ~(size_t)7;
	if (!b || b->size - b->used < n) {
		size_t size = MAX(n, (size_t)BLOCK_BYTES);

		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		*b = (struct pool_block){ .next = p->blocks, .size = size };
		p->blocks = b;
	}
	got = b->data + b->used;
	b->used += n;
	memset(got, 0, n);
	return got;
}

void *pool_array(struct pool *p, size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : pool_get(p, bytes);
}

bool pool_grow(struct pool *p, void *array, size_t count, size_t size)
{
	void **a = (void **)array, *grown; /* with -fno-strict-aliasing */

	if (count & (count - 1))
		return true;
	grown = pool_array(p, count ? count * 2 : 1, size);
	if (!grown)
		return false;
	if (count)
		memcpy(grown, *a, count * size);
	*a = grown;
	return true;
}

struct str pool_str(struct pool *p, struct str s)
{
	char *copy = pool_get(p, (size_t)s.len + 1);

	if (!copy)
		return (struct str){ NULL, 0 };
	if (s.len)
		memcpy(copy, s.p, s.len);
	return (struct str){ copy, s.len };
}

void pool_take(struct pool *dst, struct pool *src)
{
	struct pool_block *last = src->blocks;

	if (!last)
		return;
	while (last->next)
		last = last->next;
	last->next = dst->blocks;
	dst->blocks = TAKE_PTR(src->blocks);
}

void pool_free(struct pool *p)
{
	struct pool_block *b = p->blocks;

	while (b) {
		struct pool_block *next = b->next;

		free(b);
		b = next;
	}
	p->blocks = NULL;
}
