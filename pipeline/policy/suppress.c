/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * suppress.h: a hash table with chains over a fixed array of entries. An entry whose time is over
 * is taken away when room is needed; the table is swept once in 100 ms at most, so that new keys
 * cannot make every event sweep.
 */
#include "pipeline/policy/suppress.h"

#include <errno.h>
#include <stdatomic.h>

#include "pipeline/util.h"

enum { BUCKETS = SUPPRESS_KEYS_MAX, NONE = -1 };

static const uint64_t sweep_every_ns = 100000000;

struct entry {
	struct suppress_key key;
	uint64_t until_ns;
	uint64_t held;
	uint32_t passed; /* since the time began */
	int32_t next; /* in its bucket, or free */
};

struct suppress {
	atomic_uint refs;
	struct keyhash hash;
	int32_t buckets[BUCKETS];
	int32_t free;
	uint64_t sweep_ns; /* not before this */
	struct entry entries[SUPPRESS_KEYS_MAX];
};

struct suppress_key suppress_key(const struct suppress *s, uint64_t policy, struct event *e,
				 const struct field *const *by, uint32_t nby)
{
	return (struct suppress_key){ keyhash_fields(&s->hash, policy, e, by, nby) };
}

static void sweep(struct suppress *s, uint64_t now_ns)
{
	s->sweep_ns = now_ns + sweep_every_ns;
	for (uint32_t b = 0; b < BUCKETS; b++) {
		int32_t *link = &s->buckets[b];

		while (*link != NONE) {
			struct entry *x = &s->entries[*link];
			int32_t at = *link;

			if (x->until_ns > now_ns) {
				link = &x->next;
				continue;
			}
			*link = x->next;
			x->next = s->free;
			s->free = at;
		}
	}
}

enum suppress_answer suppress_ask(struct suppress *s, struct suppress_key key, uint64_t now_ns,
				  uint64_t every_ns, uint32_t count, uint64_t *held)
{
	uint64_t until = now_ns + MIN(every_ns, UINT64_MAX - now_ns);
	int32_t *bucket = &s->buckets[key.id.k[0] % BUCKETS], at;

	*held = 0;
	for (at = *bucket; at != NONE; at = s->entries[at].next) {
		struct entry *x = &s->entries[at];

		if (!key128_eq(x->key.id, key.id))
			continue;
		if (now_ns < x->until_ns && x->passed >= count) {
			x->held++;
			return SUPPRESS_HOLD;
		}
		if (now_ns >= x->until_ns) {
			x->until_ns = until;
			x->passed = 0;
		}
		*held = x->held;
		x->held = 0;
		x->passed++;
		return SUPPRESS_PASS;
	}
	if (s->free == NONE && now_ns >= s->sweep_ns)
		sweep(s, now_ns);
	at = s->free;
	if (at == NONE)
		return SUPPRESS_FULL;
	s->free = s->entries[at].next;
	s->entries[at] =
		(struct entry){ .key = key, .until_ns = until, .passed = 1, .next = *bucket };
	*bucket = at;
	return SUPPRESS_PASS;
}

int suppress_new(struct suppress **out)
{
	struct suppress *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
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
	free(s);
}
