/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * index.h at match time: a value in, marked rules out. Consumer thread, hot: no allocation.
 */
#include <errno.h>

#include "pipeline/policy/index/parts.h"
#include "pipeline/policy/index/recall.h"
#include "pipeline/util.h"

/* One look. */
struct looking {
	const struct index *x;
	struct marks *m;
	struct index_scratch *scratch;
	struct recalled *kept; /* NULL: what is hit is not kept */
};

static inline void hit(const struct looking *l, uint32_t key)
{
	mark_key(l->x, l->m, key);
	if (l->kept)
		recall_add(l->kept, key);
}

static void hit_of(void *arg, uint32_t key)
{
	hit(arg, key);
}

static void walk(struct looking *l, const struct trie *t, struct str v)
{
	if (t)
		trie_walk(t, v, hit_of, l);
}

/* Texts of keys are no longer than room; a longer value is cut, which may hit one too many. */
static void walk_folded(struct looking *l, const struct slot_index *s, struct str v)
{
	char room[OP_TEXT_MAX];
	struct str front = op_folded((struct str){ v.p, MIN(v.len, (uint32_t)OP_TEXT_MAX) }, room);

	walk(l, s->front[1], front);
	if (!s->back[1])
		return;
	if (v.len > OP_TEXT_MAX)
		op_folded((struct str){ v.p + v.len - OP_TEXT_MAX, OP_TEXT_MAX }, room);
	walk(l, s->back[1], front);
}

static void look_text(struct looking *l, const struct slot_index *s, struct str v)
{
	walk(l, s->front[0], v);
	walk(l, s->back[0], v);
	if (s->patterns)
		scan_run(s->patterns, l->scratch->scan, v, hit_of, l);
	if (s->front[1] || s->back[1])
		walk_folded(l, s, v);
}

/* A text without a NUL lies in a LIST where it lies in an element; one with a NUL in no element. */
static void look_inside(struct looking *l, const struct slot_index *s, struct str v)
{
	if (s->scan && v.len)
		scan_run(s->scan, l->scratch->scan, v, hit_of, l);
	for (int fold = 0; fold < 2; fold++)
		if (s->inside[fold])
			inside_run(s->inside[fold], v, &l->scratch->seen, hit_of, l);
	for (uint32_t i = 0; i < s->neach; i++)
		if (op_text_has(v, s->each[i].text, s->each[i].fold))
			hit(l, s->each[i].key);
	for (uint32_t i = 0; i < s->nloose; i++)
		hit(l, s->loose[i]);
}

static void look_list(struct looking *l, const struct slot_index *s, struct str left)
{
	while (left.len)
		look_text(l, s, str_take(&left));
}

static void look_number(const struct looking *l, const struct slot_index *s, uint64_t n)
{
	const struct number_table *t = &s->numbers;

	if (t->items)
		for (uint32_t at = number_hash(n) & t->mask; t->items[at].key != NO_KEY;
		     at = (at + 1) & t->mask)
			if (t->items[at].number == n) {
				hit(l, t->items[at].key);
				break;
			}
	for (uint32_t i = 0; i < s->at_least.count && s->at_least.items[i].number <= n; i++)
		hit(l, s->at_least.items[i].key);
	for (uint32_t i = 0; i < s->at_most.count && s->at_most.items[i].number >= n; i++)
		hit(l, s->at_most.items[i].key);
}

static void look_bits(const struct looking *l, const struct slot_index *s, uint64_t bits)
{
	for (; bits; bits &= bits - 1) {
		uint32_t key = s->bits[__builtin_ctzll(bits)];

		if (key != NO_KEY)
			hit(l, key);
	}
}

static void look_net(const struct looking *l, const struct net_table *t, const uint8_t whole[16],
		     const struct ip_net *length)
{
	struct ip_net net = *length;

	memcpy(net.addr, whole, 16);
	net_mask(net.addr, net.bits);
	for (uint32_t at = net_hash(net.addr, net.bits) & t->mask; t->items[at].key != NO_KEY;
	     at = (at + 1) & t->mask)
		if (!memcmp(&t->items[at].net, &net, sizeof(net))) {
			hit(l, t->items[at].key);
			return;
		}
}

static void look_address(const struct looking *l, const struct slot_index *s,
			 const struct ev_ip *ip)
{
	uint8_t addr[16];
	bool v4 = op_address(ip, addr);

	for (uint32_t i = 0; i < s->nets.nlengths; i++)
		if (s->nets.lengths[i].v4 == v4)
			look_net(l, &s->nets, addr, &s->nets.lengths[i]);
}

static void look_all_text(struct looking *l, const struct slot_index *s, const struct value *v)
{
	if (v->class != EV_CLASS_LIST)
		look_text(l, s, v->s);
	else if (s->by_element)
		look_list(l, s, v->s);
	look_inside(l, s, v->s);
}

/* By what is kept of it, or else by all that the slot has. */
static void look_string(struct looking *l, const struct slot_index *s, const struct value *v)
{
	struct recalled *p = recall_place(l->scratch->recall, s, v->s);

	if (p && recall_fits(p, s, v->s)) {
		for (uint32_t i = 0; i < p->nkeys; i++)
			mark_key(l->x, l->m, p->keys[i]);
		return;
	}
	if (p)
		recall_begin(p, s, v->s);
	l->kept = p;
	look_all_text(l, s, v);
	l->kept = NULL;
}

void index_look(const struct index *x, uint32_t n, const struct value *v, struct marks *m,
		struct index_scratch *scratch)
{
	const struct slot_index *s = &x->slots[n];
	struct looking l = { x, m, scratch, NULL };

	if (s->present != NO_KEY)
		hit(&l, s->present);
	switch (v->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST: look_string(&l, s, v); break;
	case EV_CLASS_JSON: break; /* cannot be tested */
	case EV_CLASS_IP: look_address(&l, s, &v->ip); break;
	case EV_CLASS_BITS:
		if (s->bits)
			look_bits(&l, s, v->u);
		break;
	default: look_number(&l, s, op_number(v));
	}
}

int index_scratch_for(struct index_scratch *s, const struct index *x)
{
	if (!s->recall)
		s->recall = calloc(1, sizeof(*s->recall));
	if (!s->recall)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->nslots; i++) {
		const struct slot_index *slot = &x->slots[i];

		if ((slot->scan && scan_scratch_for(&s->scan, slot->scan)) ||
		    (slot->patterns && scan_scratch_for(&s->scan, slot->patterns)))
			return -ENOMEM;
		for (int fold = 0; fold < 2; fold++)
			if (slot->inside[fold] && inside_seen_for(&s->seen, slot->inside[fold]))
				return -ENOMEM;
	}
	return 0;
}

void index_scratch_free(struct index_scratch *s)
{
	scan_scratch_free(s->scan);
	inside_seen_free(&s->seen);
	free(s->recall);
	s->scan = NULL;
	s->recall = NULL;
}

uint32_t index_slot(const struct index *x, uint32_t n)
{
	return n < x->nslots ? x->slots[n].slot : UINT32_MAX;
}

const uint32_t *index_always(const struct index *x, uint32_t *count)
{
	*count = x->nalways;
	return x->always;
}

const uint32_t *index_broad(const struct index *x, uint32_t *count)
{
	*count = x->nbroad;
	return x->broad;
}

int marks_init(struct marks *m, uint32_t nrules)
{
	m->ntops = (nrules >> 18) + 1;
	m->words = calloc(((size_t)nrules >> 6) + 1, sizeof(*m->words));
	m->sums = calloc(((size_t)nrules >> 12) + 1, sizeof(*m->sums));
	m->tops = calloc(m->ntops, sizeof(*m->tops));
	return m->words && m->sums && m->tops ? 0 : -ENOMEM;
}

void marks_free(struct marks *m)
{
	free(m->words);
	free(m->sums);
	free(m->tops);
	*m = (struct marks){ 0 };
}
