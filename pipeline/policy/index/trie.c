/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * trie.h as a radix tree: a node holds the bytes that all texts below it share. Its kids lie side
 * by side in the order of their first byte (kids.h).
 *
 * Built from sorted texts without recursion: each node remembers its range of them until its kids
 * are made. Backwards, texts are read from their end, and labels lie in the value where they lie
 * in the text.
 */
#include "pipeline/policy/index/trie.h"

#include "pipeline/policy/index/kids.h"
#include "pipeline/util.h"

enum { NO_KEY = UINT32_MAX };

struct trie_node {
	const char *label;
	uint32_t len; /* of the label */
	uint32_t whole, part; /* key of the text that ends here, or NO_KEY */
	uint32_t kids; /* the first of them, in nodes */
	uint32_t set; /* with more than KIDS_FEW: in sets */
	uint16_t nkids;
};

struct trie {
	struct trie_node *nodes;
	uint8_t *first; /* by node: the byte that leads to it */
	struct kid_set *sets;
	bool backwards;
};

/* Texts below a node whose kids are not made yet, and how many of their bytes lead to it. */
struct range {
	uint32_t low, high, depth;
};

struct building {
	struct trie *t;
	const struct trie_text *texts;
	struct range *ranges;
	uint32_t nnodes, nsets;
};

static uint8_t byte_at(struct str s, uint32_t i, bool backwards)
{
	return (uint8_t)s.p[backwards ? s.len - 1 - i : i];
}

static int compare(const struct trie_text *a, const struct trie_text *b, bool backwards)
{
	uint32_t n = MIN(a->text.len, b->text.len);

	for (uint32_t i = 0; i < n; i++) {
		int x = byte_at(a->text, i, backwards), y = byte_at(b->text, i, backwards);

		if (x != y)
			return x - y;
	}
	return (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

static int forwards(const void *a, const void *b)
{
	return compare(a, b, false);
}

static int from_end(const void *a, const void *b)
{
	return compare(a, b, true);
}

/* What the texts of a range share from its depth on is the label of the node. */
static void make_label(struct building *b, uint32_t node)
{
	struct range *r = &b->ranges[node];
	struct trie_node *n = &b->t->nodes[node];
	struct str low = b->texts[r->low].text, high = b->texts[r->high - 1].text;
	uint32_t from = r->depth;

	while (r->depth < MIN(low.len, high.len) &&
	       byte_at(low, r->depth, b->t->backwards) == byte_at(high, r->depth, b->t->backwards))
		r->depth++;
	n->len = r->depth - from;
	n->label = b->t->backwards ? low.p + low.len - r->depth : low.p + from;
	n->whole = n->part = NO_KEY;
	for (; r->low < r->high && b->texts[r->low].text.len == r->depth; r->low++)
		*(b->texts[r->low].whole ? &n->whole : &n->part) = b->texts[r->low].key;
}

static void make_kids(struct building *b, uint32_t node)
{
	struct range r = b->ranges[node];
	struct trie_node *n = &b->t->nodes[node];
	bool back = b->t->backwards;

	n->kids = b->nnodes;
	while (r.low < r.high) {
		uint8_t byte = byte_at(b->texts[r.low].text, r.depth, back);
		uint32_t end = r.low + 1;

		while (end < r.high && byte_at(b->texts[end].text, r.depth, back) == byte)
			end++;
		b->t->first[b->nnodes] = byte;
		b->ranges[b->nnodes++] = (struct range){ r.low, end, r.depth };
		n->nkids++;
		r.low = end;
	}
	if (n->nkids <= KIDS_FEW)
		return;
	n->set = b->nsets++;
	for (uint32_t i = 0; i < n->nkids; i++)
		kid_set_add(&b->t->sets[n->set], b->t->first[n->kids + i]);
}

struct trie *trie_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool backwards)
{
	struct trie *t = pool_get(pool, sizeof(*t));
	struct building b = { .t = t, .texts = texts, .nnodes = 1 };
	CLEANUP_FREE struct trie_node *nodes = calloc((size_t)n * 2 + 1, sizeof(*nodes));
	CLEANUP_FREE uint8_t *first = calloc((size_t)n * 2 + 1, 1);
	CLEANUP_FREE struct kid_set *sets = calloc((size_t)n / KIDS_FEW + 1, sizeof(*sets));

	/* Each node but the root ends a text or parts two of them: fewer than 2 n. */
	b.ranges = calloc((size_t)n * 2 + 1, sizeof(*b.ranges));
	if (!t || !nodes || !first || !sets || !b.ranges) {
		free(b.ranges);
		return NULL;
	}
	*t = (struct trie){ nodes, first, sets, backwards };
	qsort(texts, n, sizeof(*texts), backwards ? from_end : forwards);
	b.ranges[0] = (struct range){ 0, n, 0 };
	for (uint32_t i = 0; i < b.nnodes; i++) {
		make_label(&b, i);
		make_kids(&b, i);
	}
	free(b.ranges);
	t->nodes = pool_array(pool, b.nnodes, sizeof(*nodes));
	t->first = pool_array(pool, b.nnodes, 1);
	t->sets = pool_array(pool, b.nsets, sizeof(*sets));
	if (!t->nodes || !t->first || !t->sets)
		return NULL;
	memcpy(t->nodes, nodes, b.nnodes * sizeof(*nodes));
	memcpy(t->first, first, b.nnodes);
	memcpy(t->sets, sets, b.nsets * sizeof(*sets));
	return t;
}

static inline const struct trie_node *kid(const struct trie *t, const struct trie_node *n,
					  uint8_t byte)
{
	uint32_t i = kid_find(t->first + n->kids, n->nkids, &t->sets[n->set], byte);

	return i == NO_KID ? NULL : &t->nodes[n->kids + i];
}

static inline bool same(const char *a, const char *b, uint32_t n)
{
	for (; n >= 8; n -= 8, a += 8, b += 8) {
		uint64_t x, y;

		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		if (x != y)
			return false;
	}
	while (n--)
		if (*a++ != *b++)
			return false;
	return true;
}

void trie_walk(const struct trie *t, struct str value, trie_hit *hit, void *arg)
{
	const struct trie_node *n = t->nodes;
	uint32_t at = 0;

	while (n) {
		if (n->len > value.len - at ||
		    !same(value.p + (t->backwards ? value.len - at - n->len : at), n->label,
			  n->len))
			return;
		at += n->len;
		if (n->part != NO_KEY)
			hit(arg, n->part);
		if (at == value.len) {
			if (n->whole != NO_KEY)
				hit(arg, n->whole);
			return;
		}
		n = kid(t, n, byte_at(value, at, t->backwards));
	}
}
