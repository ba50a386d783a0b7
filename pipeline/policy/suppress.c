/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * suppress.h: a hash table with chains over a fixed array of entries. An entry whose time is over
 * is taken away when room is needed; the table is swept once in 100 ms at most, so that new keys
 * cannot make every event sweep.
 */
#include "pipeline/policy/suppress.h"

#include <errno.h>
#include <sys/random.h>

#include "pipeline/util.h"

enum { BUCKETS = SUPPRESS_KEYS_MAX, NONE = -1, VALUES_MAX = SUPPRESS_BY_MAX };

static const uint64_t sweep_every_ns = 100000000;

struct entry {
	struct suppress_key key;
	uint64_t until_ns;
	uint64_t held;
	int32_t next; /* in its bucket, or free */
};

struct suppress {
	uint64_t secret[4];
	int32_t buckets[BUCKETS];
	int32_t free;
	uint64_t sweep_ns; /* not before this */
	struct entry entries[SUPPRESS_KEYS_MAX];
};

static uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-2-4. */
static uint64_t siphash(const uint64_t secret[2], const void *data, size_t len)
{
	uint64_t v[4] = { secret[0] ^ 0x736f6d6570736575ULL, secret[1] ^ 0x646f72616e646f6dULL,
			  secret[0] ^ 0x6c7967656e657261ULL, secret[1] ^ 0x7465646279746573ULL };
	const char *p = data;
	uint64_t word;

	for (size_t left = len;; left -= 8, p += 8) {
		bool last = left < 8;

		word = last ? (uint64_t)len << 56 : 0;
		if (!last || left)
			memcpy(&word, p, last ? left : 8);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
		if (last)
			break;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct str value_bytes(const struct value *v)
{
	switch (v->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST: return v->s;
	case EV_CLASS_IP: return (struct str){ (const char *)&v->ip, sizeof(v->ip.addr) + 1 };
	default: return (struct str){ (const char *)&v->u, sizeof(v->u) };
	}
}

struct suppress_key suppress_key(const struct suppress *s, uint32_t policy, struct event *e,
				 const struct field *const *by, uint32_t nby)
{
	uint64_t all[1 + 2 * VALUES_MAX] = { policy };
	uint32_t n = 1;

	for (uint32_t i = 0; i < nby && i < VALUES_MAX; i++) {
		bool there;
		struct value v;
		struct str bytes = { NULL, 0 };

		there = by[i] && event_get(e, by[i], &v);
		if (there)
			bytes = value_bytes(&v);
		all[n++] = there ? siphash(s->secret, bytes.p, bytes.len) : 0;
		all[n++] = there ? siphash(s->secret + 2, bytes.p, bytes.len) : 0;
	}
	return (struct suppress_key){ { siphash(s->secret, all, n * sizeof(*all)),
					siphash(s->secret + 2, all, n * sizeof(*all)) } };
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
				  uint64_t every_ns, uint64_t *held)
{
	uint64_t until = now_ns + MIN(every_ns, UINT64_MAX - now_ns);
	int32_t *bucket = &s->buckets[key.k[0] % BUCKETS], at;

	*held = 0;
	for (at = *bucket; at != NONE; at = s->entries[at].next) {
		struct entry *x = &s->entries[at];

		if (x->key.k[0] != key.k[0] || x->key.k[1] != key.k[1])
			continue;
		if (now_ns < x->until_ns) {
			x->held++;
			return SUPPRESS_HOLD;
		}
		*held = x->held;
		x->held = 0;
		x->until_ns = until;
		return SUPPRESS_PASS;
	}
	if (s->free == NONE && now_ns >= s->sweep_ns)
		sweep(s, now_ns);
	at = s->free;
	if (at == NONE)
		return SUPPRESS_FULL;
	s->free = s->entries[at].next;
	s->entries[at] = (struct entry){ .key = key, .until_ns = until, .next = *bucket };
	*bucket = at;
	return SUPPRESS_PASS;
}

int suppress_new(struct suppress **out)
{
	struct suppress *s = malloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	/* Early at boot there may be no entropy yet: then keys are merely unpredictable to most. */
	if (getrandom(s->secret, sizeof(s->secret), GRND_NONBLOCK) != sizeof(s->secret))
		for (uint32_t i = 0; i < 4; i++)
			s->secret[i] = ((uintptr_t)s + i) * 0x9e3779b97f4a7c15ULL;
	s->sweep_ns = 0;
	s->free = 0;
	for (int32_t i = 0; i < BUCKETS; i++)
		s->buckets[i] = NONE;
	for (int32_t i = 0; i < SUPPRESS_KEYS_MAX; i++)
		s->entries[i].next = i + 1 < SUPPRESS_KEYS_MAX ? i + 1 : NONE;
	*out = s;
	return 0;
}

void suppress_free(struct suppress *s)
{
	free(s);
}
