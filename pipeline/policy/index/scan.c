/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * scan.h over Hyperscan, or Vectorscan, which has the same functions; their only user. Two things
 * make sure that no expression is missed.
 * Only those are taken whose every sign means the same to PCRE2 and to Hyperscan; and these are
 * compiled for prefiltering, where what Hyperscan has not (look-around, atomic groups) is
 * replaced by something that matches more. A value that is empty, or a run that fails, hits all.
 */
#include "pipeline/policy/index/scan.h"

#include <errno.h>
#include <hs.h>
#include <pthread.h>

#include "pipeline/util.h"

enum {
	NESTING_MAX = 52, /* of groups; regex_new refuses more */
	STATES_OF_ONE = 80, /* of an expression, see states_of */
};

struct scan {
	hs_database_t *db;
	uint32_t *keys;
	uint32_t count;
};

/* struct scan_scratch is what hs_scratch_t is: never looked into. */

static int on_any(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		  void *arg)
{
	(void)from;
	(void)to;
	(void)flags;
	*(uint32_t *)arg |= 1u << id;
	return 0;
}

/* Is each wanted bit told where the end of a text of each length is what it looks for? */
static bool finds(const hs_database_t *db, hs_scratch_t *scratch, const char *end, uint32_t want)
{
	char text[200];
	uint32_t n = (uint32_t)strlen(end), got;

	memset(text, '-', sizeof(text));
	for (uint32_t len = n; len <= sizeof(text); len++) {
		memcpy(text + len - n, end, n);
		got = 0;
		if (hs_scan(db, text, len, 0, scratch, on_any, &got) || (got & want) != want)
			return false;
		memset(text + len - n, '-', n);
	}
	return true;
}

/* Vectorscan 5.4.9, that of Debian 12, misses some matches near the end of a value; these are
 * among them. So a library is asked before it is trusted. */
static bool finds_all(void)
{
	static const struct {
		const char *patterns[2], *end;
		uint32_t want;
	} cases[] = {
		{ { "xx.*y", ".q" }, "zq", 2 },
		{ { "xx.*y|.q", "never" }, "zq", 1 },
		{ { "curl.*ab|.sh", "never" }, "b.sh", 1 },
		{ { "Yqh", "Y" }, "Yqh", 3 },
		{ { "\\.", "\\.a" }, ".a", 3 },
		{ { "zkZewt", "Z_qm" }, "zkZewt", 1 },
		{ { "r", "frBieY" }, "r", 1 },
		{ { "zbYrXy", "yuX-cy" }, "zbYrXy", 1 },
	};
	bool ok = true;

	for (uint32_t i = 0; i < ARRAY_LEN(cases) && ok; i++) {
		const unsigned flags[2] = { HS_FLAG_DOTALL, HS_FLAG_DOTALL }, ids[2] = { 0, 1 };
		hs_compile_error_t *error = NULL;
		hs_scratch_t *scratch = NULL;
		hs_database_t *db = NULL;

		ok = !hs_compile_multi(cases[i].patterns, flags, ids, 2, HS_MODE_BLOCK, NULL, &db,
				       &error) &&
		     !hs_alloc_scratch(db, &scratch) &&
		     finds(db, scratch, cases[i].end, cases[i].want);
		hs_free_compile_error(error);
		hs_free_scratch(scratch);
		hs_free_database(db);
	}
	return ok;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool supported;

static void ask(void)
{
	supported = hs_valid_platform() == HS_SUCCESS && finds_all();
}

bool scan_supported(void)
{
	pthread_once(&once, ask);
	return supported;
}

/* What is handed to the compiler. */
struct compiling {
	const char **texts;
	size_t *lengths;
	unsigned *flags, *ids;
	uint32_t count;
};

static void compiling_free(struct compiling *c)
{
	free(c->texts);
	free(c->lengths);
	free(c->flags);
	free(c->ids);
}

static int compiling_new(struct compiling *c, uint32_t n)
{
	*c = (struct compiling){
		.texts = calloc((size_t)n + 1, sizeof(*c->texts)),
		.lengths = calloc((size_t)n + 1, sizeof(*c->lengths)),
		.flags = calloc((size_t)n + 1, sizeof(*c->flags)),
		.ids = calloc((size_t)n + 1, sizeof(*c->ids)),
	};
	if (c->texts && c->lengths && c->flags && c->ids)
		return 0;
	compiling_free(c);
	return -ENOMEM;
}

static void compiling_add(struct compiling *c, const struct scan_item *item, unsigned flags)
{
	c->texts[c->count] = item->text.p;
	c->lengths[c->count] = item->text.len;
	c->flags[c->count] = flags | HS_FLAG_SINGLEMATCH | (item->fold ? HS_FLAG_CASELESS : 0);
	c->ids[c->count++] = item->key;
}

static struct scan *made(hs_database_t *db, const struct compiling *c)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (s)
		s->keys = calloc((size_t)c->count + 1, sizeof(*s->keys));
	if (!s || !s->keys) {
		hs_free_database(db);
		free(s);
		return NULL;
	}
	memcpy(s->keys, c->ids, c->count * sizeof(*s->keys));
	s->count = c->count;
	s->db = db;
	return s;
}

int scan_texts(struct scan **out, const struct scan_item *items, uint32_t n)
{
	hs_compile_error_t *error = NULL;
	hs_database_t *db = NULL;
	struct compiling c;
	int err;

	if (!scan_supported())
		return -ENOTSUP;
	if (compiling_new(&c, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		compiling_add(&c, &items[i], 0);
	err = hs_compile_lit_multi(c.texts, c.flags, c.ids, c.lengths, n, HS_MODE_BLOCK, NULL, &db,
				   &error);
	hs_free_compile_error(error);
	*out = err ? NULL : made(db, &c);
	compiling_free(&c);
	if (err)
		return -ENOTSUP;
	return *out ? 0 : -ENOMEM;
}

/* Where the expression goes on after the escape at p[at], or 0: not known to mean the same. */
static uint32_t same_escape(struct str p, uint32_t at)
{
	static const char alike[] = "dDsSwWbBnrtfeAzZ", hex[] = "0123456789abcdefABCDEF";
	char c = at + 1 < p.len ? p.p[at + 1] : '\0';

	if (c == 'x')
		return at + 3 < p.len && p.p[at + 2] && p.p[at + 3] && strchr(hex, p.p[at + 2]) &&
				       strchr(hex, p.p[at + 3])
			       ? at + 4
			       : 0;
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return strchr(alike, c) ? at + 2 : 0;
	return c > ' ' && c < 0x7f ? at + 2 : 0;
}

/* After "(": verbs and names are not known to mean the same, nor options but i. */
static bool same_group(struct str p, uint32_t at)
{
	static const char *const heads[] = { "?:", "?i)", "?i:", "?=", "?!", "?<=", "?<!", "?>" };
	struct str rest = { p.p + at, p.len - at };

	if (!rest.len || (rest.p[0] != '?' && rest.p[0] != '*'))
		return true;
	for (uint32_t i = 0; i < ARRAY_LEN(heads); i++)
		if (str_starts(rest, str_of(heads[i])))
			return true;
	return false;
}

/* The set that begins at p[at]: past it, or 0. */
static uint32_t same_set(struct str p, uint32_t at)
{
	at += 1 + (at + 1 < p.len && p.p[at + 1] == '^');
	if (at < p.len && p.p[at] == ']')
		return 0; /* a bracket as the first of a set: rare, and easily misread */
	while (at < p.len && p.p[at] != ']') {
		if (p.p[at] == '[') /* perhaps [:alpha:] */
			return 0;
		at = p.p[at] == '\\' ? same_escape(p, at) : at + 1;
		if (!at)
			return 0;
	}
	return at < p.len ? at + 1 : 0;
}

/* The greater number of the repeat at p[at]; 0 for anything but {n}, {n,} and {n,m} or a number
 * above SCAN_REPEAT_MAX. *end: past it. */
static uint32_t repeat(struct str p, uint32_t at, uint32_t *end)
{
	uint32_t n = 0, most = 0;

	for (at++; at < p.len && p.p[at] != '}'; at++) {
		if (p.p[at] == ',')
			n = 0;
		else if (p.p[at] < '0' || p.p[at] > '9')
			return 0; /* a brace as a brace */
		else
			n = n * 10 + (uint32_t)(p.p[at] - '0');
		most = MAX(most, n);
		if (most > SCAN_REPEAT_MAX)
			return 0;
	}
	*end = at + 1;
	return at < p.len ? most : 0;
}

/* Of the signs seen so far: how many states they make, by the depth of groups. */
struct weighing {
	uint32_t sums[NESTING_MAX], last[NESTING_MAX], depth;
};

static void weigh(struct weighing *w, uint32_t weight)
{
	w->last[w->depth] = weight;
	w->sums[w->depth] += weight;
}

/* One sign of p at *at, which is moved past it. False: not known to mean the same. */
static bool weigh_sign(struct weighing *w, struct str p, uint32_t *at)
{
	uint32_t from = *at, times, next = from + 1;

	switch (p.p[from]) {
	case '\0': return false;
	case '\\': next = same_escape(p, from); break;
	case '[': next = same_set(p, from); break;
	case '(':
		if (!same_group(p, next) || w->depth + 1 == NESTING_MAX)
			return false;
		w->depth++;
		w->sums[w->depth] = w->last[w->depth] = 0;
		break;
	case ')':
		if (!w->depth)
			return false;
		w->depth--;
		weigh(w, w->sums[w->depth + 1]);
		break;
	case '{':
		times = repeat(p, from, &next);
		w->sums[w->depth] += w->last[w->depth] * (times ? times - 1 : 0);
		if (!times || w->sums[w->depth] > STATES_OF_ONE)
			return false;
		break;
	case '*':
	case '+':
		/* Goes on beside all that follows. */
		w->sums[w->depth] += w->last[w->depth] * (w->depth ? 30 : 15);
		break;
	default: weigh(w, 1);
	}
	if (p.p[from] == '\\' || p.p[from] == '[')
		weigh(w, 1);
	*at = next;
	return next && w->sums[w->depth] <= STATES_OF_ONE;
}

/* About how many states the expression makes; 0: some sign of it may not mean the same to PCRE2
 * and to Hyperscan, or there are too many, since the time of compilation grows faster. */
static uint32_t states_of(struct str p)
{
	struct weighing w = { 0 };

	for (uint32_t at = 0; at < p.len;)
		if (!weigh_sign(&w, p, &at))
			return 0;
	return w.depth ? 0 : w.sums[0];
}

static bool compiles(const char *text, unsigned flags)
{
	hs_compile_error_t *error = NULL;
	hs_expr_info_t *info = NULL;
	bool ok = hs_expression_info(text, flags, &info, &error) == HS_SUCCESS;

	hs_free_compile_error(error);
	free(info);
	return ok;
}

static void drop(struct compiling *c, uint32_t i)
{
	free((void *)(uintptr_t)c->texts[i]);
	c->count--;
	for (; i < c->count; i++) {
		c->texts[i] = c->texts[i + 1];
		c->flags[i] = c->flags[i + 1];
		c->ids[i] = c->ids[i + 1];
	}
}

/* Without those that turn out too large. Leaves in c those that are in *out. */
static int compile_regexes(struct scan **out, struct compiling *c)
{
	for (uint32_t tries = 0; c->count && tries < 8; tries++) {
		hs_compile_error_t *error = NULL;
		hs_database_t *db = NULL;
		int err = hs_compile_multi(c->texts, c->flags, c->ids, c->count, HS_MODE_BLOCK,
					   NULL, &db, &error);

		if (!err) {
			*out = made(db, c);
			return *out ? 0 : -ENOMEM;
		}
		if (error->expression < 0)
			tries = 8;
		else
			drop(c, (uint32_t)error->expression);
		hs_free_compile_error(error);
	}
	while (c->count)
		drop(c, c->count - 1);
	return 0;
}

static int add_regex(struct compiling *c, const struct scan_item *item, uint32_t *states)
{
	uint32_t more = states_of(item->text);
	const unsigned flags = HS_FLAG_DOTALL | HS_FLAG_ALLOWEMPTY | HS_FLAG_PREFILTER;
	struct scan_item copy = *item;

	if (!more || more > *states)
		return 0;
	*states -= more;
	copy.text.p = strndup(item->text.p, item->text.len); /* ends in a NUL */
	if (!copy.text.p)
		return -ENOMEM;
	compiling_add(c, &copy, flags);
	if (!compiles(copy.text.p, c->flags[c->count - 1]))
		drop(c, c->count - 1);
	return 0;
}

int scan_regexes(struct scan **out, const struct scan_item *items, uint32_t n, bool *taken,
		 uint32_t *states)
{
	struct compiling c;
	int err = 0;

	*out = NULL;
	memset(taken, 0, n * sizeof(*taken));
	if (!scan_supported())
		return 0;
	if (compiling_new(&c, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n && c.count < SCAN_REGEXES_MAX && !err; i++)
		err = add_regex(&c, &items[i], states);
	if (!err)
		err = compile_regexes(out, &c);
	for (uint32_t i = 0, at = 0; i < n && at < c.count; i++) /* in the same order */
		if (c.ids[at] == items[i].key) {
			taken[i] = true;
			at++;
		}
	while (c.count)
		drop(&c, c.count - 1);
	compiling_free(&c);
	return err;
}

void scan_free(struct scan *s)
{
	if (!s)
		return;
	hs_free_database(s->db);
	free(s->keys);
	free(s);
}

int scan_scratch_for(struct scan_scratch **x, const struct scan *s)
{
	return hs_alloc_scratch(s->db, (hs_scratch_t **)x) ? -ENOMEM : 0;
}

void scan_scratch_free(struct scan_scratch *x)
{
	hs_free_scratch((hs_scratch_t *)x);
}

struct running {
	scan_hit *hit;
	void *arg;
};

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		    void *arg)
{
	struct running *r = arg;

	(void)from;
	(void)to;
	(void)flags;
	r->hit(r->arg, id);
	return 0;
}

void scan_run(const struct scan *s, struct scan_scratch *x, struct str value, scan_hit *hit,
	      void *arg)
{
	struct running r = { hit, arg };

	if (value.len &&
	    hs_scan(s->db, value.p, value.len, 0, (hs_scratch_t *)x, on_match, &r) == HS_SUCCESS)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		hit(arg, s->keys[i]);
}
