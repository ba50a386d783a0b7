/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * strmap.h: open addressing, at most half full.
 */
#include "pipeline/policy/strmap.h"

#include <errno.h>

#include "pipeline/util.h"

enum { SIZE_MIN = 64 };

/* The slot of the key, or the free one where it belongs. The table has one. */
static struct strmap_slot *find(const struct keyhash *h, struct strmap_slot *slots, uint32_t size,
				struct str key)
{
	uint32_t at = (uint32_t)keyhash_bytes(h, key) & (size - 1);

	while (slots[at].value && !str_eq(slots[at].key, key))
		at = (at + 1) & (size - 1);
	return &slots[at];
}

void *strmap_get(const struct strmap *m, struct str key)
{
	return m->size ? find(&m->hash, m->slots, m->size, key)->value : NULL;
}

static int grow(struct strmap *m)
{
	uint32_t size = m->size ? m->size * 2 : SIZE_MIN;
	struct strmap_slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	if (!m->size)
		keyhash_init(&m->hash);
	for (uint32_t i = 0; i < m->size; i++)
		if (m->slots[i].value)
			*find(&m->hash, slots, size, m->slots[i].key) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->size = size;
	return 0;
}

int strmap_put(struct strmap *m, struct str key, void *value)
{
	if (m->count * 2 >= m->size && grow(m))
		return -ENOMEM;
	*find(&m->hash, m->slots, m->size, key) = (struct strmap_slot){ key, value };
	m->count++;
	return 0;
}

void strmap_free(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){ 0 };
}
