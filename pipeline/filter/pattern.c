/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pattern.h. Load time, and the evaluation of clauses in user space.
 */
#include "pipeline/filter/pattern.h"

#include "pipeline/policy/ops.h"
#include "pipeline/util.h"

static bool starts(struct str s, struct str t, bool icase)
{
	return s.len >= t.len && op_text_same(s.p, t.p, t.len, icase);
}

static bool ends(struct str s, struct str t, bool icase)
{
	return s.len >= t.len && op_text_same(s.p + s.len - t.len, t.p, t.len, icase);
}

static bool contains(struct str s, struct str t, bool icase)
{
	if (t.len > s.len)
		return false;
	if (!icase)
		return !t.len || memmem(s.p, s.len, t.p, t.len);
	for (uint32_t i = 0; i + t.len <= s.len; i++)
		if (op_text_same(s.p + i, t.p, t.len, true))
			return true;
	return false;
}

bool pattern_fits(const struct filter_pattern *p, struct str text)
{
	struct str s = p->name ? str_base(text) : text;

	switch (p->type) {
	case FILTER_EXACT:
		return s.len == p->text.len && op_text_same(s.p, p->text.p, s.len, p->icase);
	case FILTER_PREFIX: return starts(s, p->text, p->icase);
	case FILTER_SUFFIX: return ends(s, p->text, p->icase);
	case FILTER_CONTAINS: return contains(s, p->text, p->icase);
	default: return op_glob_match(p->text, s, p->icase);
	}
}

bool patterns_fit(const struct filter_pattern *p, uint32_t count, struct str text)
{
	for (uint32_t i = 0; i < count; i++)
		if (pattern_fits(&p[i], text))
			return true;
	return false;
}

bool pattern_equal(const struct filter_pattern *a, const struct filter_pattern *b)
{
	return a->type == b->type && a->icase == b->icase && a->name == b->name &&
	       str_eq(a->text, b->text);
}

bool pattern_covers(const struct filter_pattern *q, const struct filter_pattern *p)
{
	if (pattern_equal(q, p))
		return true;
	if (q->name != p->name || (p->icase && !q->icase))
		return false;
	switch (q->type) {
	case FILTER_EXACT: return p->type == FILTER_EXACT && pattern_fits(q, p->text);
	case FILTER_PREFIX:
		return (p->type == FILTER_EXACT || p->type == FILTER_PREFIX) &&
		       starts(p->text, q->text, q->icase);
	case FILTER_SUFFIX:
		return (p->type == FILTER_EXACT || p->type == FILTER_SUFFIX) &&
		       ends(p->text, q->text, q->icase);
	case FILTER_CONTAINS: return p->type != FILTER_GLOB && contains(p->text, q->text, q->icase);
	default: return p->type == FILTER_EXACT && op_glob_match(q->text, p->text, q->icase);
	}
}

/* A list that grows; memory is the pool's. */
struct growing {
	struct pool *pool;
	struct filter_pattern *items;
	uint32_t count, room;
	bool failed;
};

static void add(struct growing *g, struct filter_pattern p)
{
	if (g->count == g->room) {
		uint32_t room = g->room ? g->room * 2 : 8;
		struct filter_pattern *items = pool_array(g->pool, room, sizeof(*items));

		if (!items) {
			g->failed = true;
			return;
		}
		if (g->count)
			memcpy(items, g->items, g->count * sizeof(*items));
		g->items = items;
		g->room = room;
	}
	g->items[g->count++] = p;
}

static void add_list(struct growing *g, struct patterns_list l)
{
	for (uint32_t i = 0; i < l.count && !g->failed; i++)
		add(g, l.items[i]);
}

static uint32_t hash(const struct filter_pattern *p)
{
	uint32_t h = (uint32_t)p->type << 2 | (uint32_t)p->icase << 1 | p->name;

	for (uint32_t i = 0; i < p->text.len; i++)
		h = (h ^ (uint8_t)p->text.p[i]) * 0x01000193u;
	return h ^ h >> 16;
}

/* Of equal patterns the first stays. */
static void drop_doubles(struct growing *g)
{
	uint8_t places[2 * PATTERNS_COMPARED_MAX] = { 0 }; /* 1 + index */
	uint32_t kept = 0;

	for (uint32_t i = 0; i < g->count; i++) {
		uint32_t at = hash(&g->items[i]) % ARRAY_LEN(places);

		while (places[at] && !pattern_equal(&g->items[places[at] - 1], &g->items[i]))
			at = (at + 1) % ARRAY_LEN(places);
		if (places[at])
			continue;
		g->items[kept++] = g->items[i];
		places[at] = (uint8_t)kept;
	}
	g->count = kept;
}

/* Leaves out what another pattern of the list covers. The first `apart` come from a list that was
 * looked through before: they are not asked about each other. */
static void minimise(struct growing *g, uint32_t apart)
{
	uint32_t kept = 0;

	if (g->count > PATTERNS_COMPARED_MAX)
		return;
	if (!apart)
		drop_doubles(g);
	for (uint32_t i = 0; i < g->count; i++) {
		bool covered = false;

		for (uint32_t j = i < apart ? apart : 0; j < g->count && !covered; j++)
			covered = j != i && pattern_covers(&g->items[j], &g->items[i]) &&
				  (j < i || !pattern_covers(&g->items[i], &g->items[j]));
		/* Those before kept are final; a covering one may lie there or still ahead. */
		if (!covered)
			g->items[kept++] = g->items[i];
	}
	g->count = kept;
}

struct patterns_list patterns_union(struct pool *pool, struct patterns_list a,
				    struct patterns_list b)
{
	struct growing g = { .pool = pool };

	add_list(&g, a);
	add_list(&g, b);
	minimise(&g, a.count);
	return g.failed ? (struct patterns_list){ 0 } : (struct patterns_list){ g.items, g.count };
}

static struct str joined(struct growing *g, struct str a, const char *between, struct str b)
{
	size_t mid = strlen(between);
	char *p = pool_get(g->pool, a.len + mid + b.len + 1);

	if (!p) {
		g->failed = true;
		return (struct str){ 0 };
	}
	memcpy(p, a.p, a.len);
	memcpy(p + a.len, between, mid);
	memcpy(p + a.len + mid, b.p, b.len);
	return (struct str){ p, (uint32_t)(a.len + mid + b.len) };
}

/* The text as a glob that only it fits. */
static struct str literal(struct growing *g, struct str s)
{
	char *p = pool_get(g->pool, 2 * (size_t)s.len + 1);
	uint32_t n = 0;

	if (!p) {
		g->failed = true;
		return (struct str){ 0 };
	}
	for (uint32_t i = 0; i < s.len; i++) {
		if (strchr("*?[\\", s.p[i]) && s.p[i])
			p[n++] = '\\';
		p[n++] = s.p[i];
	}
	return (struct str){ p, n };
}

/* head … tail with anything between, or overlapping: both "ab" and "bc" are in abc. type: of what
 * they overlap to, and how far the glob reaches: EXACT from end to end. */
static void add_around(struct growing *g, struct str head, struct str tail, uint8_t type, bool name)
{
	struct filter_pattern p = { .type = FILTER_GLOB, .name = name };

	p.text = joined(g, literal(g, head), "*", literal(g, tail));
	if (type == FILTER_PREFIX)
		p.text = joined(g, p.text, "*", STR(""));
	else if (type == FILTER_SUFFIX)
		p.text = joined(g, STR("*"), "", p.text);
	add(g, p);
	p.type = type;
	for (uint32_t k = 1; k <= MIN(head.len, tail.len); k++) {
		if (memcmp(head.p + head.len - k, tail.p, k))
			continue;
		p.text = joined(g, head, "", (struct str){ tail.p + k, tail.len - k });
		add(g, p);
	}
}

static uint32_t score(const struct filter_pattern *p)
{
	uint32_t n = p->text.len;

	if (p->type == FILTER_GLOB) {
		n = 0;
		for (uint32_t i = 0; i < p->text.len; i++)
			n += p->text.p[i] != '*' && p->text.p[i] != '?';
	}
	return p->type == FILTER_EXACT ? n + 10000 : n;
}

static void add_better(struct growing *g, const struct filter_pattern *a,
		       const struct filter_pattern *b)
{
	add(g, score(a) >= score(b) ? *a : *b);
}

/* The bytes that a text which fits the glob begins with (or ends in). */
static struct str glob_end(struct str g, bool tail)
{
	uint32_t n = 0;

	while (n < g.len && !strchr("*?[]\\", tail ? g.p[g.len - 1 - n] : g.p[n]))
		n++;
	return (struct str){ tail ? g.p + g.len - n : g.p, n };
}

/* A glob and what a text begins with or ends in: of the glob the other end is kept, where the two
 * together tell more than the glob does. */
static void add_glob(struct growing *g, const struct filter_pattern *glob,
		     const struct filter_pattern *end)
{
	struct str other = glob_end(glob->text, end->type == FILTER_PREFIX);

	if (!other.len || end->type > FILTER_SUFFIX || other.len + end->text.len < score(glob))
		add_better(g, glob, end);
	else if (end->type == FILTER_SUFFIX)
		add_around(g, other, end->text, FILTER_EXACT, glob->name);
	else
		add_around(g, end->text, other, FILTER_EXACT, glob->name);
}

/* Both of plain type, in the order of enum filter_pattern_type. */
static void add_both(struct growing *g, const struct filter_pattern *a,
		     const struct filter_pattern *b)
{
	if (pattern_covers(a, b))
		add(g, *b);
	else if (pattern_covers(b, a))
		add(g, *a);
	else if (a->type == FILTER_EXACT || (a->type == b->type && a->type <= FILTER_SUFFIX))
		return; /* no text fits both */
	else if (a->type == FILTER_PREFIX && b->type == FILTER_SUFFIX)
		add_around(g, a->text, b->text, FILTER_EXACT, a->name);
	else if (a->type == FILTER_PREFIX && b->type == FILTER_CONTAINS)
		add_around(g, a->text, b->text, FILTER_PREFIX, a->name);
	else if (a->type == FILTER_SUFFIX && b->type == FILTER_CONTAINS)
		add_around(g, b->text, a->text, FILTER_SUFFIX, a->name);
	else if (b->type == FILTER_GLOB)
		add_glob(g, b, a);
	else
		add_better(g, a, b);
}

static void add_cross(struct growing *g, const struct filter_pattern *a,
		      const struct filter_pattern *b)
{
	const struct filter_pattern *exact = a->type == FILTER_EXACT ? a : b;

	/* A name is in a path, a path is in no name. */
	if (exact->type == FILTER_EXACT && !exact->icase && !exact->name) {
		if (pattern_fits(exact == a ? b : a, exact->text))
			add(g, *exact);
	} else if (a->name != b->name || a->icase || b->icase) {
		add_better(g, a, b);
	} else if (a->type <= b->type) {
		add_both(g, a, b);
	} else {
		add_both(g, b, a);
	}
}

static uint32_t list_score(struct patterns_list l)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < l.count; i++)
		least = MIN(least, score(&l.items[i]));
	return least;
}

bool patterns_both(struct pool *pool, struct patterns_list a, struct patterns_list b,
		   struct patterns_list *out)
{
	struct growing g = { .pool = pool };

	if ((uint64_t)a.count * b.count > PATTERNS_CROSS_MAX * 64ULL) {
		*out = list_score(a) >= list_score(b) ? a : b;
		return true;
	}
	for (uint32_t i = 0; i < a.count && !g.failed; i++)
		for (uint32_t j = 0; j < b.count && g.count <= PATTERNS_CROSS_MAX; j++)
			add_cross(&g, &a.items[i], &b.items[j]);
	if (g.count > PATTERNS_CROSS_MAX) {
		*out = list_score(a) >= list_score(b) ? a : b;
	} else {
		minimise(&g, 0);
		*out = (struct patterns_list){ g.items, g.count };
	}
	return !g.failed;
}

bool patterns_without(struct pool *pool, struct patterns_list a, struct patterns_list b,
		      struct patterns_list *out)
{
	struct growing g = { .pool = pool };

	for (uint32_t i = 0; i < a.count && !g.failed; i++) {
		bool covered = false;

		for (uint32_t j = 0; j < b.count && !covered; j++)
			covered = pattern_covers(&b.items[j], &a.items[i]);
		if (!covered)
			add(&g, a.items[i]);
	}
	*out = g.count == a.count ? a : (struct patterns_list){ g.items, g.count };
	return !g.failed;
}
