/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Keys: what the index (index.h) looks rules up by. A key says something simple of one slot: its
 * text is, begins with, ends with or holds these bytes; its number is this. A test holds only
 * where one of its keys is hit; a hit alone says nothing, the test is asked then. Load time.
 */
#ifndef TOCSIN_POLICY_KEYS_H
#define TOCSIN_POLICY_KEYS_H

#include "pipeline/policy/needle.h"
#include "pipeline/policy/ops.h"
#include "pipeline/pool.h"

enum key_type {
	KEY_PRESENT,	/* the slot has a value: for tests that nothing better fits */
	KEY_WHOLE,	/* text: the whole of it, or of an element of a LIST */
	KEY_FRONT,	/* its begin */
	KEY_BACK,	/* its end */
	KEY_INSIDE,	/* anywhere in it */
	KEY_NUMBER,	/* the number, as in operand.numbers */
	KEY_AT_LEAST,	/* that or a greater one */
	KEY_AT_MOST,
	KEY_BIT,	/* of a set of flags, 0 to 63 */
	KEY_PATTERN,	/* text: a regular expression, which may be found in it */
	KEY_NET,	/* text: a struct ip_net that the address lies in */
};

struct index_key {
	uint32_t slot;
	uint8_t type;		/* enum key_type */
	bool fold;		/* text: case does not matter, it is lower case */
	float rarity;		/* guess: it is hit by one value of 2 to the power of it */
	struct str text;	/* bytes of an operand or of the pool of the keys */
	uint64_t number;
	uint32_t uses;		/* tests that could be looked up by it */
};

/* A pool of different keys, each with a number. Zeroed before its first use. */
struct keys {
	struct pool pool;
	struct index_key *items;
	uint32_t count;
	uint32_t *table;	/* hash table of 1 + number */
	uint32_t size;
};

enum { KEYS_OF_LITERAL = 3 };

/* A literal of a test, or of a regular expression one of the texts of which it needs one. */
struct keys_place {
	uint32_t literal, branch;
	struct needle_branches branches;	/* of the literal, where branch is not 0 */
};

/* The ways to look up what is at the place, at first literal 0, branch 0, which is moved on: one of them is
 * enough. Returns how many, at least 1, or 0 past the last; -ENOMEM. An operand that compares two
 * terms has one literal. */
int keys_of_literal(struct keys *k, uint32_t slot, const struct operand *o, struct keys_place *at,
		    struct index_key out[KEYS_OF_LITERAL]);
/* The number of an equal key, which is added when it is new; -ENOMEM. */
int64_t keys_add(struct keys *k, const struct index_key *key);
void keys_free(struct keys *k);

#endif
