/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A hash table from byte strings to pointers, for load time. Keys are not copied: whoever puts
 * one keeps it. Nothing is ever removed. Nobody can choose keys that meet (keyhash.h).
 */
#ifndef TOCSIN_POLICY_STRMAP_H
#define TOCSIN_POLICY_STRMAP_H

#include "pipeline/policy/keyhash.h"

struct strmap_slot {
	struct str key;
	void *value;	/* NULL: free */
};

struct strmap {
	struct strmap_slot *slots;
	uint32_t size, count;	/* size: 0 or a power of two */
	struct keyhash hash;	/* from the first key on */
};

/* The value under key; NULL. */
void *strmap_get(const struct strmap *m, struct str key);
/* Puts value, not NULL, under a key that has none. 0 or -ENOMEM. */
int strmap_put(struct strmap *m, struct str key, void *value);
void strmap_free(struct strmap *m);	/* leaves it empty and reusable */

#endif
