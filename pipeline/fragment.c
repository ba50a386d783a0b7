/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Keys and slots of fragment.h. Everything a key holds is compared; the hash only chooses.
 */
#include "pipeline/fragment.h"

#include <string.h>

_Static_assert(sizeof(struct fragment_key) == PLAN_STABLE_LEN + sizeof(struct ev_comm) +
						      sizeof(uint32_t) + CTX_MAX * sizeof(uint64_t),
	       "keys are compared whole: no padding");

bool fragment_key(struct fragment_key *k, const struct event *e)
{
	uint64_t h = e->raw->exec_id ^ (uint64_t)e->raw->tid << 32;

	for (uint32_t g = 0; g < CTX_MAX; g++) {
		k->version[g] = e->version[g];
		if (e->ctx[g] && !e->version[g] && g != CTX_LINEAGE)
			return false;
		h = (h ^ e->version[g]) * 0x9e3779b97f4a7c15ULL;
	}
	memcpy(k->header, (const char *)e->raw + PLAN_STABLE, PLAN_STABLE_LEN);
	memcpy(&k->comm, &e->raw->comm, sizeof(k->comm));
	k->hash = (uint32_t)(h >> 32);
	return true;
}

struct fragment *fragment_slot(struct fragment *slots, uint32_t number,
			       const struct fragment_key *k)
{
	uint32_t h = k->hash ^ number * 0x85ebca6bu;

	return &slots[(h ^ h >> 15) % FRAGMENT_SLOTS];
}

bool fragment_fits(const struct fragment *f, uint32_t number, const struct fragment_key *k)
{
	return f->number == number && !memcmp(&f->key, k, sizeof(*k));
}
