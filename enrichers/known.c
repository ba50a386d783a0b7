/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * known.h: a table in which each record has one place; what is there is compared whole.
 */
#include "enrichers/known.h"

/* What an image does not hold lies together; the rest is two parts, and the second goes on to the end. */
enum {
	FIRST = offsetof(struct ev_exec, inode),
	FIRST_END = offsetof(struct ev_exec, sid),
	SECOND = offsetof(struct ev_exec, dev_major),
};

_Static_assert(FIRST == offsetof(struct ev_exec, old_exec_id) + sizeof(uint64_t) &&
		       FIRST_END + sizeof(uint32_t) == offsetof(struct ev_exec, pgid) &&
		       SECOND == offsetof(struct ev_exec, pgid) + sizeof(uint32_t),
	       "nothing but old_exec_id, sid and pgid is passed over");

/* By its file and its texts; the length of a record is a multiple of 8. */
static uint32_t place_of(const struct ev_exec *r)
{
	uint64_t h = r->inode, word;

	for (uint32_t at = sizeof(*r); at < r->h.len; at += sizeof(word)) {
		memcpy(&word, (const char *)r + at, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return (uint32_t)(h % KNOWN_IMAGES);
}

static bool says_the_same(const struct ev_exec *a, const struct ev_exec *b)
{
	const char *x = (const char *)a, *y = (const char *)b;

	return a->h.len == b->h.len && !memcmp(x + FIRST, y + FIRST, FIRST_END - FIRST) &&
	       !memcmp(x + SECOND, y + SECOND, a->h.len - SECOND);
}

struct image *known_find(const struct known *k, const struct ev_exec *r)
{
	const struct known_image *i = &k->images[place_of(r)];

	return i->image && says_the_same(&i->record, r) ? i->image : NULL;
}

void known_keep(struct known *k, struct proctable *t, const struct ev_exec *r, struct image *img)
{
	struct known_image *i = &k->images[place_of(r)];

	if (r->h.len > sizeof(i->bytes))
		return;
	proctable_drop(t, i->image);
	i->image = image_ref(img);
	memcpy(i->bytes, r, r->h.len);
}

void known_forget(struct known *k, struct proctable *t)
{
	for (uint32_t i = 0; i < KNOWN_IMAGES; i++) {
		proctable_drop(t, k->images[i].image);
		k->images[i].image = NULL;
	}
}
