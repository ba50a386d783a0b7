/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Growth, insertion and deletion of idmap.h. At most half of the slots are in use, so that a
 * search always ends and stays short.
 */
#include "enrichers/idmap.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

int idmap_init(struct idmap *m, uint32_t max)
{
	struct idmap_slot *slots = calloc(FIRST_SLOTS, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	*m = (struct idmap){ .slots = slots, .mask = FIRST_SLOTS - 1, .max = max };
	return 0;
}

void idmap_free(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){ 0 };
}

static struct idmap_slot *slot_of(const struct idmap *m, uint64_t key)
{
	uint32_t i = idmap_home(m, key);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static int grow(struct idmap *m)
{
	uint32_t n = (m->mask + 1) * 2;
	struct idmap bigger = { .mask = n - 1, .count = m->count, .max = m->max };

	bigger.slots = calloc(n, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i <= m->mask; i++)
		if (m->slots[i].value)
			*slot_of(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int idmap_put(struct idmap *m, uint64_t key, void *value)
{
	struct idmap_slot *s = slot_of(m, key);

	if (s->value)
		return -EEXIST;
	if (m->count >= m->max)
		return -ENOSPC;
	if (m->count >= m->mask / 2) {
		if (grow(m))
			return -ENOMEM;
		s = slot_of(m, key);
	}
	*s = (struct idmap_slot){ key, value };
	m->count++;
	return 0;
}

void *idmap_del(struct idmap *m, uint64_t key)
{
	struct idmap_slot *hole = slot_of(m, key);
	void *value = hole->value;
	uint32_t at = (uint32_t)(hole - m->slots), i = at;

	if (!value)
		return NULL;
	for (;;) {
		uint32_t home;

		i = (i + 1) & m->mask;
		if (!m->slots[i].value)
			break;
		home = idmap_home(m, m->slots[i].key);
		/* Not past its home: the way from home to i must lead over the hole. */
		if (((i - home) & m->mask) < ((i - at) & m->mask))
			continue;
		m->slots[at] = m->slots[i];
		at = i;
	}
	m->slots[at].value = NULL;
	m->count--;
	return value;
}
