/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * threads.h. Where there are more patterns than entries, the two that are most alike become one
 * that asks what they have in common.
 */
#include "pipeline/filter/threads.h"

#include "pipeline/util.h"

enum { PATTERNS_MAX = 64 }; /* that are looked at; the work is their number cubed */

/* A thread and its bytes. */
struct bytes {
	uint8_t text[EV_COMM_LEN], mask[EV_COMM_LEN];
	uint32_t len;
};

/* False: no name is so long. */
static bool put(struct bytes *b, uint8_t c, uint8_t mask)
{
	if (b->len >= EV_COMM_LEN || (c && b->len == EV_COMM_LEN - 1))
		return false;
	b->text[b->len] = c & mask;
	b->mask[b->len++] = mask;
	return true;
}

static bool put_literal(struct bytes *b, char c, bool icase)
{
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	return put(b, (uint8_t)c, icase && letter ? 0xdf : 0xff);
}

/* What the glob asks up to its first * or set; *whole where that is all of it. */
static bool put_glob(struct bytes *b, const struct filter_pattern *p, bool *whole)
{
	for (uint32_t i = 0; i < p->text.len; i++) {
		char c = p->text.p[i];

		*whole = c != '*' && c != '[';
		if (!*whole)
			return true;
		if (c == '\\' && i + 1 < p->text.len)
			c = p->text.p[++i];
		else if (c == '?') {
			if (!put(b, 1, 0))
				return false;
			continue;
		}
		if (!put_literal(b, c, p->icase))
			return false;
	}
	*whole = true;
	return true;
}

/* False: no name fits. */
static bool make(struct filter_thread *out, const struct filter_pattern *p)
{
	bool whole = p->type == FILTER_EXACT;
	struct bytes b = { .len = 0 };

	if (p->name || p->type == FILTER_CONTAINS || p->type == FILTER_SUFFIX) {
		*out = (struct filter_thread){ 0 };
		return true;
	}
	if (p->type == FILTER_GLOB) {
		if (!put_glob(&b, p, &whole))
			return false;
	} else {
		for (uint32_t i = 0; i < p->text.len; i++)
			if (!put_literal(&b, p->text.p[i], p->icase))
				return false;
	}
	if (whole && !put(&b, 0, 0xff))
		return false;
	memcpy(out->text, b.text, sizeof(out->text));
	memcpy(out->mask, b.mask, sizeof(out->mask));
	return true;
}

static struct filter_thread common(const struct filter_thread *a, const struct filter_thread *b)
{
	struct filter_thread c;

	for (uint32_t i = 0; i < ARRAY_LEN(c.text); i++) {
		c.mask[i] = a->mask[i] & b->mask[i] & ~(a->text[i] ^ b->text[i]);
		c.text[i] = a->text[i] & c.mask[i];
	}
	return c;
}

static int weight(const struct filter_thread *t)
{
	return __builtin_popcountll(t->mask[0]) + __builtin_popcountll(t->mask[1]);
}

/* The two of which the most is left. */
static void join_two(struct filter_thread *t, uint32_t n)
{
	struct filter_thread best = { 0 };
	uint32_t x = 0, y = 1;
	int most = -1;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = i + 1; j < n; j++) {
			struct filter_thread c = common(&t[i], &t[j]);

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

uint32_t threads_make(struct filter_thread out[FILTER_THREADS], const struct filter_pattern *p,
		      uint32_t n)
{
	struct filter_thread all[PATTERNS_MAX];
	uint32_t count = 0;

	if (n > PATTERNS_MAX)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		count += make(&all[count], &p[i]);
	for (; count > FILTER_THREADS; count--)
		join_two(all, count);
	for (uint32_t i = 0; i < count; i++)
		if (!weight(&all[i]))
			return 0;
	if (!count) /* fits no name */
		all[count++] = (struct filter_thread){ .text = { 1 } };
	memcpy(out, all, count * sizeof(*all));
	return count;
}
