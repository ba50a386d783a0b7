/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * heads.h. Where there are more patterns than entries, the two that are most alike become one
 * that asks what they have in common.
 */
#include "pipeline/filter/heads.h"

#include "pipeline/util.h"

enum { PATTERNS_MAX = 64 }; /* that are looked at; the work is their number cubed */

struct bytes {
	uint8_t text[FILTER_HEAD_BYTES], mask[FILTER_HEAD_BYTES];
	uint32_t len;
};

static void put(struct bytes *b, uint8_t c, uint8_t mask)
{
	if (b->len == FILTER_HEAD_BYTES)
		return; /* the text is asked no further */
	b->text[b->len] = c & mask;
	b->mask[b->len++] = mask;
}

static void put_literal(struct bytes *b, char c, bool icase)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	put(b, (uint8_t)c, icase && letter ? 0xdf : 0xff);
}

/* What the glob asks up to its first * or set. True: that is all of it. */
static bool put_glob(struct bytes *b, const struct filter_pattern *p)
{
	for (uint32_t i = 0; i < p->text.len; i++) {
		char c = p->text.p[i];

		if (c == '*' || c == '[')
			return false;
		if (c == '?') {
			put(b, 1, 0);
			continue;
		}
		if (c == '\\' && i + 1 < p->text.len)
			c = p->text.p[++i];
		put_literal(b, c, p->icase);
	}
	return true;
}

/* False: no text fits. */
static bool make(struct filter_bytes *out, enum heads_of of, const struct filter_pattern *p)
{
	bool whole = p->type == FILTER_EXACT;
	struct bytes b = { .len = 0 };

	*out = (struct filter_bytes){ 0 };
	if (p->name || p->type == FILTER_CONTAINS || p->type == FILTER_SUFFIX)
		return true;
	if (p->type == FILTER_GLOB)
		whole = put_glob(&b, p);
	else
		for (uint32_t i = 0; i < p->text.len; i++)
			put_literal(&b, p->text.p[i], p->icase);
	if (of == HEADS_THREAD && b.len == FILTER_HEAD_BYTES)
		return false; /* no name is so long */
	if (whole)
		put(&b, 0, 0xff);
	memcpy(out->text, b.text, sizeof(out->text));
	memcpy(out->mask, b.mask, sizeof(out->mask));
	return true;
}

static struct filter_bytes common(const struct filter_bytes *a, const struct filter_bytes *b)
{
	struct filter_bytes c;

	for (uint32_t i = 0; i < ARRAY_LEN(c.text); i++) {
		c.mask[i] = a->mask[i] & b->mask[i] & ~(a->text[i] ^ b->text[i]);
		c.text[i] = a->text[i] & c.mask[i];
	}
	return c;
}

static int weight(const struct filter_bytes *t)
{
	return __builtin_popcountll(t->mask[0]) + __builtin_popcountll(t->mask[1]);
}

/* The two of which the most is left. */
static void join_two(struct filter_bytes *t, uint32_t n)
{
	struct filter_bytes best = { 0 };
	uint32_t x = 0, y = 1;
	int most = -1;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = i + 1; j < n; j++) {
			struct filter_bytes c = common(&t[i], &t[j]);

			if (weight(&c) <= most)
				continue;
			most = weight(&c);
			best = c;
			x = i;
			y = j;
		}
	t[x] = best;
	t[y] = t[n - 1];
}

uint32_t heads_make(struct filter_bytes out[FILTER_HEADS], enum heads_of of,
		    const struct filter_pattern *p, uint32_t n)
{
	struct filter_bytes all[PATTERNS_MAX];
	uint32_t count = 0;

	if (n > PATTERNS_MAX)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		count += make(&all[count], of, &p[i]);
	for (; count > FILTER_HEADS; count--)
		join_two(all, count);
	for (uint32_t i = 0; i < count; i++)
		if (!weight(&all[i]))
			return 0;
	if (!count) /* nothing fits */
		all[count++] = (struct filter_bytes){ .text = { 1 } };
	memcpy(out, all, count * sizeof(*all));
	return count;
}
