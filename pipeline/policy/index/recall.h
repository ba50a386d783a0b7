/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What looks at texts found lately: the keys that a text hit in a slot. Most texts of a host come again and
 * again (programs, users, cgroups, directories), and then neither tries nor scans are walked. A text and its
 * keys have one place of a table and are compared whole; whatever is too long or hits too much is not kept. An
 * index never changes, so nothing is forgotten. Consumer thread.
 */
#ifndef TOCSIN_POLICY_INDEX_RECALL_H
#define TOCSIN_POLICY_INDEX_RECALL_H

#include <stdlib.h>

#include "pipeline/str.h"

enum { RECALL_PLACES = 256, RECALL_TEXT = 104, RECALL_KEYS = 9 };

struct recalled {
	const void *slot; /* NULL: nothing is kept here */
	uint32_t len, nkeys;
	uint32_t keys[RECALL_KEYS];
	char text[RECALL_TEXT];
};

struct recall {
	struct recalled places[RECALL_PLACES]; /* by the 8 highest bits of a hash */
};
_Static_assert(RECALL_PLACES == 1 << 8, "the bits of a hash that recall_place takes");

static inline uint64_t recall_mix(uint64_t h, const char *p, uint32_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return ((h << 5 | h >> 59) ^ word) * 0x9e3779b97f4a7c15ULL;
}

/* The place of a text in a slot; NULL: it is not of those that are kept. */
static inline struct recalled *recall_place(struct recall *r, const void *slot, struct str s)
{
	uint64_t h = (uintptr_t)slot ^ (uint64_t)s.len << 48;
	const char *p = s.p, *last = s.p + s.len - 8;

	if (!s.len || s.len > RECALL_TEXT)
		return NULL;
	if (s.len >= 8) {
		for (; p < last; p += 8)
			h = recall_mix(h, p, 8);
		h = recall_mix(h, last, 8); /* perhaps with some bytes that were before */
	} else {
		if (s.len & 4)
			h = recall_mix(h, p, 4);
		if (s.len & 2)
			h = recall_mix(h, p + (s.len & 4), 2);
		if (s.len & 1)
			h = recall_mix(h, p + s.len - 1, 1);
	}
	return &r->places[h >> 56];
}

static inline bool recall_fits(const struct recalled *p, const void *slot, struct str s)
{
	return p->slot == slot && p->len == s.len && !memcmp(p->text, s.p, s.len);
}

/* From now on p is the place of s; its keys are to be added. */
static inline void recall_begin(struct recalled *p, const void *slot, struct str s)
{
	p->slot = slot;
	p->len = s.len;
	p->nkeys = 0;
	memcpy(p->text, s.p, s.len);
}

static inline void recall_add(struct recalled *p, uint32_t key)
{
	if (p->nkeys < RECALL_KEYS)
		p->keys[p->nkeys++] = key;
	else
		p->slot = NULL; /* too many: not kept */
}

#endif
