/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * suppress.h: a hash table with chains over a fixed array of entries. An entry whose time is over
 * and of which all is told is taken away when room is needed; the table is swept once in 100 ms at
 * most, so that new keys cannot make every event sweep.
 */
#include "pipeline/policy/suppress.h"

#include <errno.h>
#include <stdatomic.h>

#include "pipeline/policy/window/window.h"
#include "pipeline/util.h"

enum { BUCKETS = SUPPRESS_KEYS_MAX, NONE = -1 };

static const uint64_t sweep_every_ns = 100000000;

struct entry {
	struct key128 key;
	uint64_t until_ns;
	uint64_t held;
	uint32_t passed; /* since the time began */
	int32_t next; /* in its bucket, or free */
};

struct suppress {
	atomic_uint refs;
	struct keyhash hash;
	struct held *held;
	int32_t buckets[BUCKETS];
	int32_t free;
	uint64_t sweep_ns; /* not before this */
	struct entry entries[SUPPRESS_KEYS_MAX];
};

static void sweep(struct suppress *s, uint64_t now_ns)
{
	s->sweep_ns = now_ns + sweep_every_ns;
	for (uint32_t b = 0; b < BUCKETS; b++) {
		int32_t *link = &s->buckets[b];

		while (*link != NONE) {
			struct entry *x = &s->entries[*link];
			int32_t at = *link;

			if (x->until_ns > now_ns || x->held) {
				link = &x->next;
				continue;
			}
			*link = x->next;
			x->next = s->free;
			s->free = at;
		}
	}
}

static enum suppress_answer ask_known(struct suppress *s, int32_t at,
				      const struct suppress_item *it, uint64_t *held)
{
	struct entry *x = &s->entries[at];

	if (it->time_ns < x->until_ns && x->passed >= it->count) {
		if (x->held++)
			held_more(s->held, (uint32_t)at, it->time_ns);
		else
			held_begin(s->held, (uint32_t)at, it, x->until_ns);
		return SUPPRESS_HOLD;
	}
	if (it->time_ns >= x->until_ns) {
		x->until_ns = window_later(it->time_ns, it->every_ns);
		x->passed = 0;
	}
	if (x->held)
		held_drop(s->held, (uint32_t)at);
	*held = x->held;
	x->held = 0;
	x->passed++;
	return SUPPRESS_PASS;
}

enum suppress_answer suppress_ask(struct suppress *s, const struct suppress_item *it,
				  uint64_t *held)
{
	struct key128 key = keyhash_fields(&s->hash, it->id, it->e, it->by, it->nby);
	int32_t *bucket = &s->buckets[key.k[0] % BUCKETS], at;

	*held = 0;
	for (at = *bucket; at != NONE; at = s->entries[at].next)
		if (key128_eq(s->entries[at].key, key))
			return ask_known(s, at, it, held);
	if (s->free == NONE && it->time_ns >= s->sweep_ns)
		sweep(s, it->time_ns);
	at = s->free;
	if (at == NONE)
		return SUPPRESS_FULL;
	s->free = s->entries[at].next;
	s->entries[at] = (struct entry){ .key = key,
					 .until_ns = window_later(it->time_ns, it->every_ns),
					 .passed = 1,
					 .next = *bucket };
	*bucket = at;
	return SUPPRESS_PASS;
}

uint64_t suppress_next_due(const struct suppress *s)
{
	uint64_t over = held_next_ns(s->held);

	return over == UINT64_MAX ? over : window_later(over, WINDOW_LATE_NS);
}

void suppress_tell(struct suppress *s, struct arena *a, struct held_told *out, uint64_t *held)
{
	struct entry *x = &s->entries[held_tell(s->held, a, out)];

	*held = x->held;
	x->held = 0;
}

int suppress_new(struct suppress **out)
{
	struct suppress *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	if (held_new(&s->held, SUPPRESS_KEYS_MAX)) {
		free(s);
		return -ENOMEM;
	}
	atomic_init(&s->refs, 1);
	keyhash_init(&s->hash);
	s->sweep_ns = 0;
	s->free = 0;
	for (int32_t i = 0; i < BUCKETS; i++)
		s->buckets[i] = NONE;
	for (int32_t i = 0; i < SUPPRESS_KEYS_MAX; i++)
		s->entries[i].next = i + 1 < SUPPRESS_KEYS_MAX ? i + 1 : NONE;
	*out = s;
	return 0;
}

struct suppress *suppress_ref(struct suppress *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void suppress_free(struct suppress *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
		return;
	held_free(s->held);
	free(s);
}
