/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * index.h at load time: files each rule under the keys chosen for it, then builds for each slot
 * what the types of its keys need.
 */
#include <errno.h>

#include "pipeline/policy/index/parts.h"
#include "pipeline/util.h"

/* Fewer texts are sooner looked for one by one. */
enum { SCAN_FROM = 4 };

struct filed {
	uint32_t key, rule;
};

struct filing {
	struct filed *items;
	uint32_t count, rule;
};

/* The keys of one slot, which lie side by side once they are sorted. */
struct keys_of_slot {
	struct pool *pool;
	struct slot_index *s;
	const struct index_key *keys;
	uint32_t from, to;
	struct scan_room *room;
};

static int file_under(void *arg, uint32_t key)
{
	struct filing *f = arg;

	if (!array_grow(&f->items, f->count, sizeof(*f->items)))
		return -ENOMEM;
	f->items[f->count++] = (struct filed){ key, f->rule };
	return 0;
}

static int file_rules(struct index *x, const struct access *a, struct filing *f,
		      const uint32_t *places, uint32_t nrules)
{
	x->always = pool_array(&x->pool, nrules, sizeof(*x->always));
	if (!x->always)
		return -ENOMEM;
	for (f->rule = 0; f->rule < nrules; f->rule++) {
		int found = access_choose(a, places[f->rule], file_under, f);

		if (found < 0)
			return found;
		if (!found)
			x->always[x->nalways++] = f->rule;
	}
	return 0;
}

static int by_slot(const void *x, const void *y, void *arg)
{
	const struct index_key *keys = arg, *a = &keys[*(const uint32_t *)x],
			       *b = &keys[*(const uint32_t *)y];

	return a->slot != b->slot ? (a->slot > b->slot) - (a->slot < b->slot)
				  : (a->type > b->type) - (a->type < b->type);
}

/* Leaves the keys that rules are filed under, in the order of their slots, with new numbers. */
static int renumber(struct keys *k, struct filing *f, struct index_key **kept, uint32_t *nkept)
{
	CLEANUP_FREE uint32_t *order = calloc((size_t)k->count + 1, sizeof(*order));
	CLEANUP_FREE uint32_t *number = calloc((size_t)k->count + 1, sizeof(*number));
	uint32_t n = 0;

	if (!order || !number)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->count; i++)
		if (!number[f->items[i].key]++)
			order[n++] = f->items[i].key;
	*kept = calloc((size_t)n + 1, sizeof(**kept));
	if (!*kept)
		return -ENOMEM;
	if (n)
		qsort_r(order, n, sizeof(*order), by_slot, k->items);
	for (uint32_t i = 0; i < n; i++) {
		(*kept)[i] = k->items[order[i]];
		number[order[i]] = i;
	}
	for (uint32_t i = 0; i < f->count; i++)
		f->items[i].key = number[f->items[i].key];
	*nkept = n;
	return 0;
}

/* Counting sort by key; rules of a key stay ascending. */
static int list_rules(struct index *x, const struct filing *f, uint32_t nkeys)
{
	uint32_t *first = pool_array(&x->pool, (size_t)nkeys + 2, sizeof(*first));

	x->rules = pool_array(&x->pool, f->count, sizeof(*x->rules));
	if (!first || !x->rules)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->count; i++)
		first[f->items[i].key + 2]++;
	for (uint32_t i = 2; i < nkeys + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < f->count; i++)
		x->rules[first[f->items[i].key + 1]++] = f->items[i].rule;
	x->first = first;
	return 0;
}

static uint32_t count_type(const struct keys_of_slot *k, enum key_type type)
{
	uint32_t n = 0;

	for (uint32_t i = k->from; i < k->to; i++)
		n += k->keys[i].type == type;
	return n;
}

/* Texts of up to two types. NULL and *n 0 where there are none; NULL alone: out of memory. */
static struct trie_text *texts_of(const struct keys_of_slot *k, enum key_type part,
				  enum key_type whole, bool fold, uint32_t *n)
{
	struct trie_text *t;

	*n = 0;
	for (uint32_t i = k->from; i < k->to; i++)
		*n += (k->keys[i].type == part || k->keys[i].type == whole) &&
		      k->keys[i].fold == fold;
	t = *n ? pool_array(k->pool, *n, sizeof(*t)) : NULL;
	for (uint32_t i = k->from, at = 0; i < k->to && t; i++)
		if ((k->keys[i].type == part || k->keys[i].type == whole) &&
		    k->keys[i].fold == fold)
			t[at++] = (struct trie_text){ k->keys[i].text, i,
						      k->keys[i].type == KEY_WHOLE };
	return t;
}

static int build_texts(const struct keys_of_slot *k, bool fold)
{
	struct slot_index *s = k->s;
	struct trie_text *t;
	uint32_t n;

	t = texts_of(k, KEY_FRONT, KEY_WHOLE, fold, &n);
	s->front[fold] = t ? trie_new(k->pool, t, n, false) : NULL;
	if (n && !s->front[fold])
		return -ENOMEM;
	t = texts_of(k, KEY_BACK, KEY_BACK, fold, &n);
	s->back[fold] = t ? trie_new(k->pool, t, n, true) : NULL;
	return n && !s->back[fold] ? -ENOMEM : 0;
}

/* What a scan looks for. NULL and *n 0 where there are none; NULL alone: out of memory. */
static struct scan_item *items_of(const struct keys_of_slot *k, enum key_type type, uint32_t *n)
{
	struct scan_item *items;

	*n = count_type(k, type);
	items = *n ? pool_array(k->pool, *n, sizeof(*items)) : NULL;
	for (uint32_t i = k->from, at = 0; i < k->to && items; i++)
		if (k->keys[i].type == type)
			items[at++] = (struct scan_item){ k->keys[i].text, i, k->keys[i].fold };
	return items;
}

static int build_tries_inside(const struct keys_of_slot *k)
{
	struct trie_text *t;
	uint32_t n;

	for (int fold = 0; fold < 2; fold++) {
		t = texts_of(k, KEY_INSIDE, KEY_INSIDE, fold, &n);
		k->s->inside[fold] = t ? inside_new(k->pool, t, n, fold) : NULL;
		if (n && !k->s->inside[fold])
			return -ENOMEM;
	}
	return 0;
}

static int build_inside(const struct keys_of_slot *k)
{
	struct slot_index *s = k->s;
	uint32_t n, bytes = 0;
	struct scan_item *items = items_of(k, KEY_INSIDE, &n);
	int err = -ENOTSUP;

	if (n && !items)
		return -ENOMEM;
	if (n < SCAN_FROM) {
		s->each = items;
		s->neach = n;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		bytes += items[i].text.len;
	if (n <= k->room->texts && bytes <= k->room->bytes)
		err = scan_texts(&s->scan, items, n);
	if (!err) {
		k->room->texts -= n;
		k->room->bytes -= bytes;
	}
	return err == -ENOTSUP ? build_tries_inside(k) : err;
}

static int build_patterns(const struct keys_of_slot *k)
{
	struct slot_index *s = k->s;
	uint32_t n;
	struct scan_item *items = items_of(k, KEY_PATTERN, &n);
	bool *taken = pool_array(k->pool, n, sizeof(*taken));
	int err = 0;

	s->loose = pool_array(k->pool, n, sizeof(*s->loose));
	if ((n && !items) || !taken || !s->loose)
		return -ENOMEM;
	if (n)
		err = scan_regexes(&s->patterns, items, n, taken, &k->room->states);
	for (uint32_t i = 0; i < n; i++)
		if (!taken[i])
			s->loose[s->nloose++] = items[i].key;
	return err;
}

/* For at most half full: a power of two. */
static uint32_t table_size(uint32_t n)
{
	uint32_t size = 4;

	while (size < n * 2)
		size *= 2;
	return size;
}

static int build_numbers(const struct keys_of_slot *k)
{
	struct number_table *t = &k->s->numbers;
	uint32_t n = count_type(k, KEY_NUMBER), size = table_size(n);

	if (!n)
		return 0;
	t->items = pool_array(k->pool, size, sizeof(*t->items));
	if (!t->items)
		return -ENOMEM;
	t->mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		t->items[i].key = NO_KEY;
	for (uint32_t i = k->from; i < k->to; i++) {
		uint32_t at = number_hash(k->keys[i].number) & t->mask;

		if (k->keys[i].type != KEY_NUMBER)
			continue;
		while (t->items[at].key != NO_KEY)
			at = (at + 1) & t->mask;
		t->items[at] = (struct number_key){ k->keys[i].number, i };
	}
	return 0;
}

static int ascending(const void *x, const void *y)
{
	const struct number_key *a = x, *b = y;

	return (a->number > b->number) - (a->number < b->number);
}

static int descending(const void *x, const void *y)
{
	return ascending(y, x);
}

static int build_bounds(const struct keys_of_slot *k, enum key_type type, struct bounds *b,
			int (*order)(const void *, const void *))
{
	uint32_t n = count_type(k, type);

	if (!n)
		return 0;
	b->items = pool_array(k->pool, n, sizeof(*b->items));
	if (!b->items)
		return -ENOMEM;
	for (uint32_t i = k->from; i < k->to; i++)
		if (k->keys[i].type == type)
			b->items[b->count++] = (struct number_key){ k->keys[i].number, i };
	qsort(b->items, b->count, sizeof(*b->items), order);
	return 0;
}

static int build_bits(const struct keys_of_slot *k)
{
	if (!count_type(k, KEY_BIT))
		return 0;
	k->s->bits = pool_array(k->pool, 64, sizeof(*k->s->bits));
	if (!k->s->bits)
		return -ENOMEM;
	for (uint32_t i = 0; i < 64; i++)
		k->s->bits[i] = NO_KEY;
	for (uint32_t i = k->from; i < k->to; i++)
		if (k->keys[i].type == KEY_BIT)
			k->s->bits[k->keys[i].number] = i;
	return 0;
}

static void add_length(struct net_table *t, const struct ip_net *net)
{
	for (uint32_t i = 0; i < t->nlengths; i++)
		if (t->lengths[i].bits == net->bits && t->lengths[i].v4 == net->v4)
			return;
	t->lengths[t->nlengths++] = (struct ip_net){ .bits = net->bits, .v4 = net->v4 };
}

static int build_nets(const struct keys_of_slot *k)
{
	struct net_table *t = &k->s->nets;
	uint32_t n = count_type(k, KEY_NET), size = table_size(n);

	if (!n)
		return 0;
	t->items = pool_array(k->pool, size, sizeof(*t->items));
	t->lengths = pool_array(k->pool, (size_t)2 * 129, sizeof(*t->lengths));
	if (!t->items || !t->lengths)
		return -ENOMEM;
	t->mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		t->items[i].key = NO_KEY;
	for (uint32_t i = k->from; i < k->to; i++) {
		struct net_key item = { .key = i };
		uint32_t at;

		if (k->keys[i].type != KEY_NET)
			continue;
		memcpy(&item.net, k->keys[i].text.p, sizeof(item.net));
		add_length(t, &item.net);
		at = net_hash(item.net.addr, item.net.bits) & t->mask;
		while (t->items[at].key != NO_KEY)
			at = (at + 1) & t->mask;
		t->items[at] = item;
	}
	return 0;
}

static int build_slot(const struct keys_of_slot *k)
{
	int err;

	k->s->slot = k->keys[k->from].slot;
	k->s->present = k->keys[k->from].type == KEY_PRESENT ? k->from : NO_KEY;
	err = build_texts(k, false);
	err = err ? err : build_texts(k, true);
	err = err ? err : build_inside(k);
	err = err ? err : build_patterns(k);
	k->s->by_element = k->s->front[0] || k->s->front[1] || k->s->back[0] || k->s->back[1] ||
			   k->s->patterns;
	err = err ? err : build_numbers(k);
	err = err ? err : build_bounds(k, KEY_AT_LEAST, &k->s->at_least, ascending);
	err = err ? err : build_bounds(k, KEY_AT_MOST, &k->s->at_most, descending);
	err = err ? err : build_bits(k);
	return err ? err : build_nets(k);
}

static int build_slots(struct index *x, const struct index_key *keys, uint32_t nkeys,
		       struct scan_room *room)
{
	uint32_t nslots = 0;
	struct keys_of_slot k = { .pool = &x->pool, .keys = keys, .room = room };
	int err;

	for (uint32_t i = 0; i < nkeys; i++)
		nslots += !i || keys[i].slot != keys[i - 1].slot;
	x->slots = pool_array(&x->pool, nslots, sizeof(*x->slots));
	if (!x->slots)
		return -ENOMEM;
	for (k.from = 0; k.from < nkeys; k.from = k.to) {
		for (k.to = k.from + 1; k.to < nkeys && keys[k.to].slot == keys[k.from].slot;)
			k.to++;
		k.s = &x->slots[x->nslots++];
		err = build_slot(&k);
		if (err)
			return err;
	}
	return 0;
}

static int list_broad(struct index *x, uint32_t nrules)
{
	struct marks m = { 0 };
	uint32_t rule, top = 0;

	x->broad = pool_array(&x->pool, nrules, sizeof(*x->broad));
	if (!x->broad || marks_init(&m, nrules)) {
		marks_free(&m);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < x->nalways; i++)
		marks_set(&m, x->always[i]);
	for (uint32_t i = 0; i < x->nslots; i++) {
		const struct slot_index *s = &x->slots[i];

		if (s->present != NO_KEY)
			mark_key(x, &m, s->present);
		for (uint32_t j = 0; j < s->nloose; j++)
			mark_key(x, &m, s->loose[j]);
	}
	while ((rule = marks_next(&m, &top)) != UINT32_MAX)
		x->broad[x->nbroad++] = rule;
	marks_free(&m);
	return 0;
}

int index_new(struct index **out, struct access *a, const uint32_t *places, uint32_t nrules,
	      struct scan_room *room)
{
	struct index *x = calloc(1, sizeof(*x));
	CLEANUP_FREE struct index_key *kept = NULL;
	struct filing f = { 0 };
	uint32_t nkept = 0;
	int err = x ? file_rules(x, a, &f, places, nrules) : -ENOMEM;

	if (!err)
		err = renumber(&a->keys, &f, &kept, &nkept);
	if (!err)
		err = list_rules(x, &f, nkept);
	if (!err)
		err = build_slots(x, kept, nkept, room);
	if (!err)
		err = list_broad(x, nrules);
	free(f.items);
	if (err) {
		index_free(x);
		return err;
	}
	pool_take(&x->pool, &a->keys.pool);
	*out = x;
	return 0;
}

void index_free(struct index *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; i < x->nslots; i++) {
		scan_free(x->slots[i].scan);
		scan_free(x->slots[i].patterns);
	}
	pool_free(&x->pool);
	free(x);
}
