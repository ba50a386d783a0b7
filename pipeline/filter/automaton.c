/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Texts go into one trie with two roots: `anywhere`, and `anchored` for those that must stand at
 * the beginning. Breadth first every node learns where to go when it has no successor: to the
 * longest proper suffix of what was read that is in the trie below `anywhere`; for an anchored node
 * that may be all of it. What is found at that place is found here too.
 *
 * Then states are placed, one cell each: the successors of a state lie at its base plus their
 * bytes. Free cells form a list; a state takes the first place that will do. A cell that was tried
 * often and never did leaves the list.
 */
#include "pipeline/filter/automaton.h"

#include <errno.h>

#include "pipeline/util.h"

enum { NODE_ANYWHERE, NODE_ANCHORED, NODE_FIRST, BYTES = 256, TRIES = 32 };

struct node {
	uint32_t child, next; /* first successor; next one of the same parent */
	uint32_t fail, state;
	uint32_t out; /* index in outs; 0 none */
	uint8_t byte;
};

struct automaton {
	struct node *nodes;
	struct filter_out *outs; /* the first is empty */
	uint32_t *slots; /* hash table over outs once they are shared; 0 is free */
	uint32_t count, cap, nouts, outs_cap, slots_mask;
	bool fold;
};

static void *grow(void *p, uint32_t *cap, size_t size)
{
	uint32_t n = *cap ? *cap * 2 : 64;
	void *q = reallocarray(p, n, size);

	if (q)
		*cap = n;
	return q;
}

static uint32_t new_node(struct automaton *a, uint8_t byte)
{
	if (a->count == a->cap) {
		struct node *n = grow(a->nodes, &a->cap, sizeof(*n));

		if (!n)
			return 0;
		a->nodes = n;
	}
	a->nodes[a->count] = (struct node){ .byte = byte };
	return a->count++;
}

static uint32_t new_out(struct automaton *a, struct filter_out out)
{
	if (a->nouts == a->outs_cap) {
		struct filter_out *o = grow(a->outs, &a->outs_cap, sizeof(*o));

		if (!o)
			return 0;
		a->outs = o;
	}
	a->outs[a->nouts] = out;
	return a->nouts++;
}

struct automaton *automaton_new(bool fold)
{
	struct automaton *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fold = fold;
	new_node(a, 0);
	new_node(a, 0);
	new_out(a, (struct filter_out){ 0 });
	if (a->count == NODE_FIRST && a->nouts == 1)
		return a;
	automaton_free(a);
	return NULL;
}

void automaton_free(struct automaton *a)
{
	if (!a)
		return;
	free(a->nodes);
	free(a->outs);
	free(a->slots);
	free(a);
}

uint32_t automaton_states(const struct automaton *a)
{
	return a->count;
}

/* 0, which is a root and so nobody's successor: none. */
static uint32_t find_child(const struct automaton *a, uint32_t at, uint8_t byte)
{
	uint32_t n = a->nodes[at].child;

	while (n && a->nodes[n].byte != byte)
		n = a->nodes[n].next;
	return n;
}

static uint32_t need_child(struct automaton *a, uint32_t at, uint8_t byte)
{
	uint32_t n = find_child(a, at, byte);

	if (n)
		return n;
	n = new_node(a, byte);
	if (!n)
		return 0;
	a->nodes[n].next = a->nodes[at].child;
	a->nodes[at].child = n;
	return n;
}

static __u64 *out_word(struct filter_out *o, enum automaton_when when)
{
	switch (when) {
	case AUTOMATON_PATH: return &o->path;
	case AUTOMATON_NAME: return &o->name;
	default: return &o->end;
	}
}

int automaton_add(struct automaton *a, struct str text, bool anchored, enum automaton_when when,
		  uint64_t bits)
{
	uint32_t at = anchored ? NODE_ANCHORED : NODE_ANYWHERE;

	if (a->count + (uint64_t)text.len > FILTER_STATES_MAX / 2)
		return -E2BIG;
	for (uint32_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.p[i];

		if (a->fold && (uint8_t)(c - 'A') < 26)
			c = (uint8_t)(c + ('a' - 'A'));
		at = need_child(a, at, c);
		if (!at)
			return -ENOMEM;
	}
	if (!a->nodes[at].out)
		a->nodes[at].out = new_out(a, (struct filter_out){ 0 });
	if (!a->nodes[at].out)
		return -ENOMEM;
	*out_word(&a->outs[a->nodes[at].out], when) |= bits;
	return 0;
}

static uint32_t hash_out(const struct filter_out *o)
{
	uint64_t x = o->path * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 29 ^ o->name) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 29 ^ o->end) * 0x94d049bb133111ebULL;
	return (uint32_t)(x >> 32);
}

/* The number of an equal one among shared, which is made when there is none. */
static uint32_t share(struct automaton *a, struct filter_out *shared, uint32_t *n,
		      const struct filter_out *o)
{
	uint32_t at = hash_out(o);

	if (!o->path && !o->name && !o->end)
		return 0;
	for (;; at++) {
		uint32_t *slot = &a->slots[at & a->slots_mask];

		if (!*slot) {
			shared[*n] = *o;
			*slot = *n;
			return (*n)++;
		}
		if (!memcmp(&shared[*slot], o, sizeof(*o)))
			return *slot;
	}
}

static void link_fail(struct automaton *a, uint32_t parent, uint32_t n)
{
	uint32_t f = parent, found = 0;

	a->nodes[n].fail = NODE_ANYWHERE;
	while (f != NODE_ANYWHERE && !found) {
		f = a->nodes[f].fail;
		found = find_child(a, f, a->nodes[n].byte);
	}
	if (found)
		a->nodes[n].fail = found;
}

/* Fails and finds of all nodes, breadth first; order holds the nodes afterwards. */
static void link_nodes(struct automaton *a, uint32_t *order, struct filter_out *shared,
		       uint32_t *nshared)
{
	uint32_t head = 0, tail = 2;

	order[0] = NODE_ANYWHERE;
	order[1] = NODE_ANCHORED;
	for (; head < tail; head++) {
		uint32_t at = order[head];
		struct node *n = &a->nodes[at];
		struct filter_out o = a->outs[n->out];

		if (at >= NODE_FIRST) {
			const struct filter_out *f = &shared[a->nodes[n->fail].out];

			o.path |= f->path;
			o.name |= f->name;
			o.end |= f->end;
		}
		n->out = share(a, shared, nshared, &o);
		for (uint32_t c = n->child; c; c = a->nodes[c].next) {
			link_fail(a, at, c);
			order[tail++] = c;
		}
	}
}

/* ---- placing ---- */

struct layout {
	uint32_t *next, *prev; /* list of free cells; 0 ends it */
	uint8_t *taken; /* bit 0: the cell; bit 1: it is the base of a state; bit 2: off the list */
	uint8_t *tries; /* how often it did not do */
	uint32_t first, cells, cap, last;
	uint32_t max_base;
};

static void layout_free(struct layout *l)
{
	free(l->next);
	free(l->prev);
	free(l->taken);
	free(l->tries);
}

static bool resize(void *p, uint32_t n, size_t size)
{
	void *q = reallocarray(*(void **)p, n, size);

	if (q)
		*(void **)p = q;
	return q;
}

static bool add_cells(struct layout *l, uint32_t upto)
{
	if (upto > l->cap) {
		uint32_t cap = MAX(upto, l->cap * 2);

		if (!resize(&l->next, cap, sizeof(*l->next)) ||
		    !resize(&l->prev, cap, sizeof(*l->prev)) ||
		    !resize(&l->taken, cap, sizeof(*l->taken)) ||
		    !resize(&l->tries, cap, sizeof(*l->tries)))
			return false;
		l->cap = cap;
	}
	for (; l->cells < upto; l->cells++) {
		l->taken[l->cells] = l->tries[l->cells] = 0;
		l->next[l->cells] = 0;
		l->prev[l->cells] = l->last;
		if (l->last)
			l->next[l->last] = l->cells;
		else
			l->first = l->cells;
		l->last = l->cells;
	}
	return true;
}

static void unlist(struct layout *l, uint32_t cell)
{
	uint32_t next = l->next[cell], prev = l->prev[cell];

	if (l->taken[cell] & 4)
		return;
	l->taken[cell] |= 4;
	if (prev)
		l->next[prev] = next;
	else
		l->first = next;
	if (next)
		l->prev[next] = prev;
	else
		l->last = prev;
}

static void take_cell(struct layout *l, uint32_t cell)
{
	unlist(l, cell);
	l->taken[cell] |= 1;
}

static bool base_fits(const struct layout *l, const uint8_t *bytes, uint32_t n, uint32_t base)
{
	if (l->taken[base] & 2)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (l->taken[base + bytes[i]] & 1)
			return false;
	return true;
}

/* A base for n successors; 0: out of memory. */
static uint32_t find_base(struct layout *l, const uint8_t *bytes, uint32_t n)
{
	uint32_t base, next;

	for (uint32_t f = l->first; f; f = next) {
		base = f - bytes[0];
		if (base + BYTES > l->cells && !add_cells(l, base + BYTES))
			return 0;
		if (base_fits(l, bytes, n, base))
			return base;
		next = l->next[f];
		if (++l->tries[f] >= TRIES)
			unlist(l, f);
	}
	base = l->cells;
	return add_cells(l, base + BYTES) ? base : 0;
}

static int place(struct automaton *a, struct layout *l, uint32_t at, uint32_t *base)
{
	uint8_t bytes[BYTES];
	uint32_t n = 0;

	*base = 0;
	for (uint32_t c = a->nodes[at].child; c; c = a->nodes[c].next)
		bytes[n++] = a->nodes[c].byte;
	if (!n)
		return 0;
	*base = find_base(l, bytes, n);
	if (!*base)
		return -ENOMEM;
	if (*base >= FILTER_STATES_MAX - BYTES)
		return -E2BIG;
	l->taken[*base] |= 2;
	l->max_base = MAX(l->max_base, *base);
	for (uint32_t c = a->nodes[at].child; c; c = a->nodes[c].next) {
		a->nodes[c].state = *base + a->nodes[c].byte;
		take_cell(l, a->nodes[c].state);
	}
	return 0;
}

/* The first 256 cells stay empty: where a state without successors looks. Then come the roots. */
static int place_all(struct automaton *a, struct layout *l, const uint32_t *order, uint32_t *bases)
{
	int rc = 0;

	if (!add_cells(l, 2 * BYTES))
		return -ENOMEM;
	for (uint32_t i = 0; i < BYTES; i++)
		l->taken[i] = 3;
	l->first = BYTES;
	l->prev[BYTES] = 0;
	for (uint32_t i = 0; i < 2; i++) {
		a->nodes[i].state = BYTES + i;
		take_cell(l, BYTES + i);
	}
	for (uint32_t i = 0; i < a->count && !rc; i++)
		rc = place(a, l, order[i], &bases[order[i]]);
	return rc;
}

/* ---- writing ---- */

static uint64_t cell_of(const struct automaton *a, const struct node *n, uint32_t base)
{
	uint64_t out = MIN(n->out, (uint32_t)FILTER_OUT_MORE);

	return base | (uint64_t)n->byte << 24 | (uint64_t)a->nodes[n->fail].state << 32 | out << 56;
}

static int room(struct buf *block, size_t bytes, uint32_t *off)
{
	if (buf_reserve(block, bytes))
		return block->max ? -E2BIG : -ENOMEM;
	*off = (uint32_t)block->len;
	memset(block->p + block->len, 0, bytes);
	block->len += bytes;
	return 0;
}

static bool put_more(uint64_t *more, uint32_t mask, uint32_t state, uint32_t out)
{
	uint32_t at = state * 0x9e3779b1u;

	for (uint32_t i = 0; i < FILTER_MORE_PROBES; i++) {
		uint64_t *w = &more[(at + i) & mask];

		if (*w)
			continue;
		*w = state | (uint64_t)out << 32;
		return true;
	}
	return false;
}

static bool fill_more(const struct automaton *a, uint64_t *more, uint32_t mask)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (a->nodes[i].out >= FILTER_OUT_MORE &&
		    !put_more(more, mask, a->nodes[i].state, a->nodes[i].out))
			return false;
	return true;
}

/* The table of numbers that a cell has no room for, as large as its probes need. */
static int write_more(const struct automaton *a, struct buf *block, struct filter_text *t)
{
	uint32_t n = 0, size = 1;
	size_t before = block->len;
	int rc;

	for (uint32_t i = 0; i < a->count; i++)
		n += a->nodes[i].out >= FILTER_OUT_MORE;
	while (size < 2 * n)
		size *= 2;
	for (;; size *= 2) {
		block->len = before;
		rc = room(block, size * sizeof(uint64_t), &t->more);
		if (rc)
			return rc;
		t->more_mask = size - 1;
		if (fill_more(a, (uint64_t *)(block->p + t->more), size - 1))
			return 0;
	}
}

static int write_all(struct automaton *a, struct buf *block, struct filter_text *t,
		     const struct layout *l, const uint32_t *bases)
{
	uint32_t cells = l->max_base + 2 * BYTES;
	uint64_t *to;
	int rc = room(block, (size_t)cells * sizeof(*to), &t->cells);

	if (rc)
		return rc;
	to = (uint64_t *)(block->p + t->cells);
	for (uint32_t i = 0; i < a->count; i++)
		to[a->nodes[i].state] = cell_of(a, &a->nodes[i], bases[i]);
	t->root = a->nodes[NODE_ANYWHERE].state;
	t->start = a->nodes[NODE_ANCHORED].state;
	t->fold = a->fold;
	rc = room(block, a->nouts * sizeof(*a->outs), &t->outs);
	if (rc)
		return rc;
	memcpy(block->p + t->outs, a->outs, a->nouts * sizeof(*a->outs));
	return write_more(a, block, t);
}

/* What is found, with equals made one: replaces a->outs. */
static int share_outs(struct automaton *a, uint32_t *order)
{
	struct filter_out *shared = calloc(a->count + 1, sizeof(*shared));
	uint32_t n = 1, size = 64;

	while (size < 2 * a->count)
		size *= 2;
	a->slots = calloc(size, sizeof(*a->slots));
	a->slots_mask = size - 1;
	if (!shared || !a->slots) {
		free(shared);
		return -ENOMEM;
	}
	link_nodes(a, order, shared, &n);
	free(a->outs);
	a->outs = shared;
	a->nouts = n;
	a->outs_cap = a->count + 1;
	return 0;
}

int automaton_write(struct automaton *a, struct buf *block, struct filter_text *t)
{
	CLEANUP_FREE uint32_t *order = calloc(a->count, sizeof(*order));
	CLEANUP_FREE uint32_t *bases = calloc(a->count, sizeof(*bases));
	struct layout l = { 0 };
	int rc = order && bases ? share_outs(a, order) : -ENOMEM;

	rc = rc ? rc : place_all(a, &l, order, bases);
	rc = rc ? rc : write_all(a, block, t, &l, bases);
	layout_free(&l);
	return rc;
}
