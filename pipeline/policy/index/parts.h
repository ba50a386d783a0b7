/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What an index is made of: filled by index.c, walked by look.c. Private to these.
 */
#ifndef TOCSIN_POLICY_INDEX_PARTS_H
#define TOCSIN_POLICY_INDEX_PARTS_H

#include "pipeline/policy/index/index.h"
#include "pipeline/policy/index/inside.h"
#include "pipeline/policy/index/scan.h"
#include "pipeline/policy/index/trie.h"

enum { NO_KEY = UINT32_MAX };

struct number_key {
	uint64_t number;
	uint32_t key;
};

/* Open addressing; a place without a key ends the search. */
struct number_table {
	struct number_key *items;	/* NULL: the slot has no such keys */
	uint32_t mask;
};

struct net_table {
	struct net_key {
		struct ip_net net;
		uint32_t key;
	} *items;
	uint32_t mask;
	struct ip_net *lengths;	/* different lengths of prefixes, with bits and v4 alone */
	uint32_t nlengths;
};

/* Ascending for at_least: those up to the value are hit. Descending for at_most. */
struct bounds {
	struct number_key *items;
	uint32_t count;
};

struct slot_index {
	uint32_t slot;
	uint32_t present;	/* key or NO_KEY */
	/* [1]: those without case. */
	struct trie *front[2], *back[2];	/* NULL: no such keys */
	/* Texts inside: few one by one, many by a scan, very many, or where there is no scan, by tries. */
	struct scan_item *each;
	uint32_t neach;
	struct scan *scan;	/* NULL: none */
	struct inside *inside[2];	/* NULL: none */
	struct scan *patterns;	/* NULL: none */
	uint32_t *loose;	/* keys of patterns that are not in it: hit by any value */
	uint32_t nloose;
	bool by_element;	/* front, back or patterns: of a LIST each element is looked at */
	struct number_table numbers;
	struct bounds at_least, at_most;
	uint32_t *bits;		/* 64 keys or NO_KEY */
	struct net_table nets;
};

struct index {
	struct pool pool;	/* all that is below, and texts of keys */
	struct slot_index *slots;
	uint32_t nslots;
	uint32_t *first;	/* by key, and one more: its rules in rules */
	uint32_t *rules;
	uint32_t *always, *broad;
	uint32_t nalways, nbroad;
};

/* Marks the rules that are filed under the key. */
static inline void mark_key(const struct index *x, struct marks *m, uint32_t key)
{
	for (uint32_t i = x->first[key]; i < x->first[key + 1]; i++)
		marks_set(m, x->rules[i]);
}

static inline uint32_t number_hash(uint64_t n)
{
	n *= 0x9e3779b97f4a7c15ULL;
	return (uint32_t)(n >> 32);
}

static inline uint32_t net_hash(const uint8_t addr[16], uint32_t bits)
{
	uint64_t a, b;

	memcpy(&a, addr, 8);
	memcpy(&b, addr + 8, 8);
	a = (a ^ bits) * 0xbf58476d1ce4e5b9ULL;
	a ^= a >> 29;
	return number_hash(a ^ b);
}

/* The address with all but its first bits cleared. */
static inline void net_mask(uint8_t addr[16], uint32_t bits)
{
	uint32_t whole = bits / 8;

	if (whole == 16)
		return;
	addr[whole] &= (uint8_t)(0xff00 >> bits % 8);
	memset(addr + whole + 1, 0, 15 - whole);
}

#endif
