/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A map from 64-bit ids to pointers: open addressing with linear probing, deletion by shifting
 * back, so that nothing decays. Grows by doubling up to a bound given at open. The order of the
 * slots says nothing: whoever needs an order keeps a list.
 */
#ifndef TOCSIN_IDMAP_H
#define TOCSIN_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct idmap_slot {
	uint64_t key;
	void *value;	/* NULL: free */
};

struct idmap {
	struct idmap_slot *slots;
	uint32_t mask;	/* slots - 1 */
	uint32_t count, max;
};

int idmap_init(struct idmap *m, uint32_t max);	/* max entries; 0 or -ENOMEM */
void idmap_free(struct idmap *m);		/* the slots, not the values */
/* 0; -EEXIST; -ENOSPC: max entries; -ENOMEM. value is not NULL. */
int idmap_put(struct idmap *m, uint64_t key, void *value);
void *idmap_del(struct idmap *m, uint64_t key);	/* the value, or NULL */

/* Fibonacci hashing spreads ids that count up; the high bits are the good ones. */
static inline uint32_t idmap_home(const struct idmap *m, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ULL) >> 32) & m->mask;
}

static inline void *idmap_get(const struct idmap *m, uint64_t key)
{
	uint32_t i = idmap_home(m, key);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return m->slots[i].value;
}

#endif
