/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * keyhash.h.
 */
#include "pipeline/policy/keyhash.h"

#include <sys/random.h>

static inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
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

static uint64_t folded(const uint64_t v[4])
{
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* SipHash-2-4 of 128 bits. */
static struct key128 siphash(const struct keyhash *h, const void *data, size_t len)
{
	uint64_t v[4] = { h->secret[0] ^ 0x736f6d6570736575ULL,
			  h->secret[1] ^ 0x646f72616e646f6dULL ^ 0xee,
			  h->secret[0] ^ 0x6c7967656e657261ULL,
			  h->secret[1] ^ 0x7465646279746573ULL };
	const char *p = data;
	struct key128 out;
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
	v[2] ^= 0xee;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	out.k[0] = folded(v);
	v[1] ^= 0xdd;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	out.k[1] = folded(v);
	return out;
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

static struct key128 hash_value(const struct keyhash *h, const struct value *v)
{
	struct str bytes = value_bytes(v);

	return siphash(h, bytes.p, bytes.len);
}

void keyhash_init(struct keyhash *h)
{
	/* Early at boot there may be no entropy yet: then keys are merely unpredictable to most. */
	if (getrandom(h->secret, sizeof(h->secret), GRND_NONBLOCK) != sizeof(h->secret))
		for (uint32_t i = 0; i < 2; i++)
			h->secret[i] = ((uintptr_t)h + i) * 0x9e3779b97f4a7c15ULL;
}

struct key128 keyhash_fields(const struct keyhash *h, uint64_t first, struct event *e,
			     const struct field *const *fields, uint32_t n)
{
	uint64_t all[1 + 2 * KEYHASH_FIELDS_MAX] = { first };
	uint32_t used = 1;

	for (uint32_t i = 0; i < n && i < KEYHASH_FIELDS_MAX; i++) {
		struct value v;
		struct key128 part = { { 0, 0 } };

		if (fields[i] && event_get(e, fields[i], &v))
			part = hash_value(h, &v);
		all[used++] = part.k[0];
		all[used++] = part.k[1];
	}
	return siphash(h, all, used * sizeof(*all));
}

uint64_t keyhash_bytes(const struct keyhash *h, struct str bytes)
{
	return siphash(h, bytes.p, bytes.len).k[0];
}

uint64_t keyhash_value(const struct keyhash *h, const struct value *v)
{
	return hash_value(h, v).k[0];
}
