/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * access.h. A condition in short is a word for each node, followed by its kids: the type in the
 * low bits and a number in the others. `not` is gone: it turns `and` and `or` into each other on
 * its way down. A literal is followed by the numbers of the keys that find it, each of which is
 * enough. An `or` of nothing never holds.
 */
#include "pipeline/policy/index/access.h"

#include <errno.h>
#include <math.h>

#include "pipeline/util.h"

enum { ALL, ANY, LITERAL, ALWAYS, TYPE_BITS = 2, TYPE_MASK = 3 };

struct writing {
	struct access *a;
	access_slot *slot;
	void *arg;
	int err;
};

static uint32_t put(struct writing *w, uint32_t type, uint32_t n)
{
	struct access *a = w->a;
	uint32_t at = a->nwords;

	if (!array_grow(&a->words, at, sizeof(*a->words)))
		w->err = -ENOMEM;
	if (at >= UINT32_MAX >> TYPE_BITS)
		w->err = -E2BIG;
	if (!w->err)
		a->words[a->nwords++] = n << TYPE_BITS | type;
	return at;
}

static void put_literal(struct writing *w, const struct index_key *keys, int n)
{
	put(w, LITERAL, (uint32_t)n);
	for (int i = 0; i < n && !w->err; i++) {
		int64_t key = keys_add(&w->a->keys, &keys[i]);

		if (key < 0) {
			w->err = (int)key;
			return;
		}
		w->a->keys.items[key].uses++;
		put(w, ALWAYS, (uint32_t)key);
	}
}

static void write_test(struct writing *w, const struct cond *c, bool negated)
{
	struct index_key keys[KEYS_OF_LITERAL];
	struct keys_place place;
	uint32_t slot, at, i;
	int has, n;

	if (negated) {
		put(w, ALWAYS, 0);
		return;
	}
	has = w->slot(w->arg, c, &slot);
	if (has < 0)
		w->err = has;
	at = put(w, ANY, 0);
	place.literal = place.branch = 0;
	for (i = 0; has && !w->err; i++) {
		n = keys_of_literal(&w->a->keys, slot, c->operand, &place, keys);
		if (n < 0)
			w->err = n;
		if (n <= 0)
			break;
		put_literal(w, keys, n);
	}
	if (!w->err)
		w->a->words[at] = i << TYPE_BITS | ANY;
}

static void write_cond(struct writing *w, const struct cond *c, bool negated)
{
	if (w->err)
		return;
	switch (c->type) {
	case COND_TEST: write_test(w, c, negated); break;
	case COND_NOT: write_cond(w, c->kids[0], !negated); break;
	default:
		put(w, (c->type == COND_AND) != negated ? ALL : ANY, c->nkids);
		for (uint32_t i = 0; i < c->nkids; i++)
			write_cond(w, c->kids[i], negated);
	}
}

int64_t access_add(struct access *a, const struct cond *c, access_slot *slot, void *arg)
{
	struct writing w = { .a = a, .slot = slot, .arg = arg };
	uint32_t at = a->nwords;

	write_cond(&w, c, false);
	return w.err ? w.err : (int64_t)at;
}

/* How often events make candidates of this key, guessed: once in 2^rarity, but then of all the
 * rules that could use it. */
static double key_cost(const struct access *a, uint32_t key)
{
	const struct index_key *k = &a->keys.items[key];
	int whole = (int)k->rarity;

	return ldexp(k->uses * (1 - ((double)k->rarity - whole) / 2), -whole);
}

static uint32_t cheapest(const struct access *a, uint32_t at, uint32_t n)
{
	uint32_t best = a->words[at] >> TYPE_BITS;

	for (uint32_t i = 1; i < n; i++) {
		uint32_t key = a->words[at + i] >> TYPE_BITS;

		if (key_cost(a, key) < key_cost(a, best))
			best = key;
	}
	return best;
}

/* Of the node at *at, which is moved past it: the sum over its keys; INFINITY when it has none. */
static double cost(const struct access *a, uint32_t *at)
{
	uint32_t word = a->words[(*at)++], n = word >> TYPE_BITS;
	double sum;

	switch (word & TYPE_MASK) {
	case ALWAYS: return INFINITY;
	case LITERAL: *at += n; return key_cost(a, cheapest(a, *at - n, n));
	case ALL:
		sum = INFINITY;
		while (n--) {
			double kid = cost(a, at);

			sum = MIN(sum, kid);
		}
		return sum;
	default:
		sum = 0;
		while (n--)
			sum += cost(a, at);
		return sum;
	}
}

static int take_best(const struct access *a, uint32_t at, access_take *take, void *arg);

static int take_all(const struct access *a, uint32_t at, uint32_t n, access_take *take, void *arg)
{
	int err = 0;

	while (n-- && !err) {
		err = take_best(a, at, take, arg);
		cost(a, &at);
	}
	return err;
}

static int take_best(const struct access *a, uint32_t at, access_take *take, void *arg)
{
	uint32_t word = a->words[at++], n = word >> TYPE_BITS, best = at;
	double least = INFINITY;

	switch (word & TYPE_MASK) {
	case LITERAL: return take(arg, cheapest(a, at, n));
	case ANY: return take_all(a, at, n, take, arg);
	case ALL:
		while (n--) {
			uint32_t from = at;
			double c = cost(a, &at);

			if (c < least) {
				least = c;
				best = from;
			}
		}
		return take_best(a, best, take, arg);
	default: return 0; /* not reached: its cost is infinite */
	}
}

int access_choose(const struct access *a, uint32_t place, access_take *take, void *arg)
{
	uint32_t at = place;
	int err;

	if (isinf(cost(a, &at)))
		return 0;
	err = take_best(a, place, take, arg);
	return err ? err : 1;
}

void access_free(struct access *a)
{
	keys_free(&a->keys);
	free(a->words);
	*a = (struct access){ 0 };
}
