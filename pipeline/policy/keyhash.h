/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Values of fields as 128 bits that stand for them in tables an attacker can fill, and hashes of
 * names: SipHash-2-4 with a secret, so that nobody can make two meet.
 */
#ifndef TOCSIN_POLICY_KEYHASH_H
#define TOCSIN_POLICY_KEYHASH_H

#include "pipeline/event.h"

enum { KEYHASH_FIELDS_MAX = 8 };

struct keyhash {
	uint64_t secret[2];
};

struct key128 {
	uint64_t k[2];
};

static inline bool key128_eq(struct key128 a, struct key128 b)
{
	return a.k[0] == b.k[0] && a.k[1] == b.k[1];
}

void keyhash_init(struct keyhash *h); /* a new secret */
/* Of a number (a policy, say) and of the fields' values in e; an absent value is one of its own. At
 * most KEYHASH_FIELDS_MAX fields; a NULL one is absent. */
struct key128 keyhash_fields(const struct keyhash *h, uint64_t first, struct event *e,
			     const struct field *const *fields, uint32_t n);
/* 64 bits of bytes, and of one value. */
uint64_t keyhash_bytes(const struct keyhash *h, struct str bytes);
uint64_t keyhash_value(const struct keyhash *h, const struct value *v);

#endif
