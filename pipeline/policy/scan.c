/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * scan.h over Vectorscan; its only user. Two things make sure that no expression is missed.
 * Only those are taken whose every sign means the same to PCRE2 and to Vectorscan; and these are
 * compiled for prefiltering, where what Vectorscan has not (look-around, atomic groups) is
 * replaced by something that matches more. A value that is empty, or a run that fails, hits all.
 */
#include "pipeline/policy/scan.h"

#include <errno.h>
#include <hs.h>

#include "pipeline/util.h"

enum { GROUPS_MAX = 64 }; /* in each other; PCRE2 has refused more */

struct scan {
	hs_database_t *db;
	uint32_t *keys;
	uint32_t count;
};

/* struct scan_scratch is what hs_scratch_t is: never looked into. */

bool scan_supported(void)
{
	return hs_valid_platform() == HS_SUCCESS;
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

static bool small_repeat(struct str p, uint32_t at)
{
	uint32_t n = 0;

	for (at++; at < p.len && p.p[at] != '}'; at++) {
		if (p.p[at] == ',')
			n = 0;
		else if (p.p[at] < '0' || p.p[at] > '9')
			return false; /* a brace as a brace */
		else
			n = n * 10 + (uint32_t)(p.p[at] - '0');
		if (n > SCAN_REPEAT_MAX)
			return false;
	}
	return at < p.len && p.p[at - 1] != '{';
}

/* Does every sign of it mean the same to PCRE2 and to Vectorscan, and is it quick to compile? */
static bool takes(struct str p)
{
	for (uint32_t at = 0; at < p.len;) {
		char c = p.p[at];
		uint32_t next = at + 1;

		if (!c || (c == '(' && !same_group(p, next)) || (c == '{' && !small_repeat(p, at)))
			return false;
		if (c == '\\')
			next = same_escape(p, at);
		else if (c == '[')
			next = same_set(p, at);
		if (!next)
			return false;
		at = next;
	}
	return p.len;
}

/* Past a set, an escape or a sign. */
static uint32_t past_one(struct str p, uint32_t at)
{
	if (p.p[at] == '\\')
		return at + 2;
	if (p.p[at] != '[')
		return at + 1;
	for (at++; at < p.len && p.p[at] != ']'; at++)
		at += p.p[at] == '\\';
	return at + 1;
}

static uint32_t times(struct str p, uint32_t at)
{
	uint32_t n = 0, most = 1;

	for (at++; at < p.len && p.p[at] != '}'; at++) {
		n = p.p[at] == ',' ? 0 : n * 10 + (uint32_t)(p.p[at] - '0');
		most = MAX(most, n);
	}
	return most;
}

/* About how many states Vectorscan makes of it: its signs, each as often as it is repeated. */
static uint32_t states_of(struct str p)
{
	uint32_t open[GROUPS_MAX], depth = 0, last = 0;
	uint64_t all = 0;

	for (uint32_t at = 0; at < p.len && all <= SCAN_STATES_MAX; at = past_one(p, at)) {
		if (p.p[at] == '(' && depth < GROUPS_MAX) {
			open[depth++] = (uint32_t)all;
		} else if (p.p[at] == ')' && depth) {
			last = (uint32_t)all - open[--depth];
		} else if (p.p[at] == '{') {
			all += (uint64_t)last * (times(p, at) - 1);
			while (at + 1 < p.len && p.p[at] != '}')
				at++;
		} else if (!strchr("(|)*+?", p.p[at])) {
			last = 1;
			all++;
		}
	}
	return all > SCAN_STATES_MAX ? UINT32_MAX : (uint32_t)all;
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

static int add_regex(struct compiling *c, const struct scan_item *item)
{
	const unsigned flags = HS_FLAG_DOTALL | HS_FLAG_ALLOWEMPTY | HS_FLAG_PREFILTER;
	struct scan_item copy = *item;

	if (!takes(item->text))
		return 0;
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
	for (uint32_t i = 0; i < n && c.count < SCAN_REGEXES_MAX && !err; i++) {
		uint32_t more = states_of(items[i].text);

		if (more > *states)
			continue;
		*states -= more;
		err = add_regex(&c, &items[i]);
	}
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
