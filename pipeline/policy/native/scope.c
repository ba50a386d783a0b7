/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where a policy holds (scope) and how often it tells (suppress, limit). A scope is a condition
 * like any other, so that the matcher and the kernel filter need to know nothing of it. Load time.
 */
#include <errno.h>

#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

enum { SCOPE_VALUES_MAX = 1000, LIMIT_COUNT_MAX = 1000000 };

static const uint64_t time_max_ns = 30ULL * 86400 * 1000000000;

/* What a scope may ask, and the field that answers. */
static const struct {
	const char *key, *path;
} scopes[] = {
	{ "container.id", "container.id" },
	{ "container.runtime", "container.runtime" },
	{ "cgroup.path", "process.cgroup.path" },
	{ "service.name", "service.name" },
};

static struct cond *new_test(struct reader *r, const char *path, enum op_id op, uint32_t count)
{
	struct cond *c = reader_memory(r, 1, sizeof(*c));
	struct term *t = reader_memory(r, 1, sizeof(*t));

	if (!c || !t)
		return NULL;
	*t = (struct term){ .type = TERM_FIELD, .text = str_of(path) };
	*c = (struct cond){ .type = COND_TEST, .op = (uint8_t)op, .left = t };
	c->literals = count ? reader_memory(r, count, sizeof(*c->literals)) : NULL;
	return count && !c->literals ? NULL : c;
}

static bool has_pattern(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (strchr("*?[\\", s.p[i]) && s.p[i])
			return true;
	return false;
}

/* What an alert shows as the condition. */
static struct str source_of(struct reader *r, const char *key, const struct cond *c)
{
	struct buf b = { 0 };
	struct str s;

	buf_addf(&b, "scope %s:", key);
	for (uint32_t i = 0; i < c->nliterals && b.len < 200; i++) {
		buf_lit(&b, i ? ", " : " ");
		buf_str(&b, c->literals[i].text);
	}
	s = reader_keep(r, (struct str){ b.p, (uint32_t)b.len });
	r->no_memory |= b.failed;
	buf_free(&b);
	return s;
}

static bool check(struct reader *r, const struct yaml_node *n, struct cond *c)
{
	struct cond_check x = reader_check(r, n, r->p->pub.kinds);

	cond_check(&x, c);
	r->no_memory |= x.no_memory;
	return !x.problems && !x.no_memory;
}

/* One key of a scope: the field fits one of the globs. */
static struct cond *read_values(struct reader *r, const struct yaml_node *n, uint32_t which)
{
	const struct yaml_node *one[1] = { n };
	struct yaml_node *const *items =
		n->type == YAML_LIST ? n->items : (struct yaml_node *const *)one;
	uint32_t count = n->type == YAML_LIST ? n->count : 1;
	struct cond *c;
	bool good = true;

	if (!count || count > SCOPE_VALUES_MAX) {
		problem(r, n, "%s has one to %d values", scopes[which].key, SCOPE_VALUES_MAX);
		return NULL;
	}
	c = new_test(r, scopes[which].path, OP_IN, count);
	for (uint32_t i = 0; c && i < count; i++) {
		if (!reader_text(r, items[i], scopes[which].key, COND_TEXT_MAX)) {
			good = false;
			continue;
		}
		c->literals[c->nliterals++] =
			(struct literal){ .text = reader_keep(r, items[i]->text),
					  .type = LITERAL_TEXT };
		if (has_pattern(items[i]->text))
			c->op = OP_GLOB;
	}
	if (!c || !good)
		return NULL;
	c->source = source_of(r, scopes[which].key, c);
	return check(r, n->type == YAML_LIST ? n->items[0] : n, c) ? c : NULL;
}

/* scope: host, scope: container */
static void read_word(struct reader *r, const struct yaml_node *n)
{
	bool host = str_eq(n->text, STR("host"));
	struct cond *c, *not ;

	if (!host && !str_eq(n->text, STR("container"))) {
		problem(r, n,
			"scope is host, container, or a map with container.id, container.runtime, cgroup.path, service.name");
		return;
	}
	c = new_test(r, "container.id", OP_EXISTS, 0);
	if (!c)
		return;
	c->source = STR("scope: container");
	if (host) {
		not = reader_memory(r, 1, sizeof(*not ));
		if (!not )
			return;
		not ->kids = reader_memory(r, 1, sizeof(struct cond *));
		if (!not ->kids)
			return;
		not ->type = COND_NOT;
		not ->kids[0] = c;
		not ->nkids = 1;
		c = not ;
	}
	if (check(r, n, c))
		r->p->scope = c;
}

void native_read_scope(struct reader *r, const struct yaml_node *n)
{
	const char *keys[ARRAY_LEN(scopes)];
	struct cond *all;

	r->p->scope = NULL;
	if (n->type == YAML_SCALAR) {
		read_word(r, n);
		return;
	}
	if (n->type != YAML_MAP || !n->count) {
		problem(r, n, "scope is host, container, or a map with container.id and the like");
		return;
	}
	for (uint32_t i = 0; i < ARRAY_LEN(scopes); i++)
		keys[i] = scopes[i].key;
	reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "a scope");
	all = reader_memory(r, 1, sizeof(*all));
	if (!all)
		return;
	all->type = COND_AND;
	all->kids = reader_memory(r, ARRAY_LEN(scopes), sizeof(struct cond *));
	for (uint32_t i = 0; all->kids && i < ARRAY_LEN(scopes); i++) {
		const struct yaml_node *v = yaml_get(n, scopes[i].key);
		struct cond *c = v ? read_values(r, v, i) : NULL;

		if (c)
			all->kids[all->nkids++] = c;
	}
	if (all->nkids && check(r, n, all))
		r->p->scope = all;
}

static void read_by(struct reader *r, const struct yaml_node *n)
{
	uint32_t kinds = r->p->pub.kinds, i = r->p->nby;
	char text[400];

	if (!reader_text(r, n, "by", READER_TAG_MAX))
		return;
	if (!cond_field(kinds, n->text)) {
		cond_field_unknown(kinds, n->text, text, sizeof(text));
		problem(r, n, "%s", text);
		return;
	}
	for (uint32_t k = 0; k < EV_MAX; k++)
		r->p->by[k][i] = kinds & 1u << k ? cond_field(1u << k, n->text) : NULL;
	r->p->nby++;
}

static void read_bys(struct reader *r, const struct yaml_node *n)
{
	r->p->nby = 0;
	r->p->by = NULL;
	if (!n)
		return;
	r->p->by = reader_memory(r, EV_MAX, sizeof(*r->p->by));
	if (!r->p->by)
		return;
	if (n->type != YAML_LIST) {
		read_by(r, n);
		return;
	}
	if (n->count > SUPPRESS_BY_MAX) {
		problem(r, n, "by has more than %d fields", SUPPRESS_BY_MAX);
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		read_by(r, n->items[i]);
}

uint64_t reader_time(struct reader *r, const struct yaml_node *n, const char *key)
{
	uint64_t value = 0;
	bool negative = false;
	char unit = '\0';
	int err = n->type == YAML_SCALAR ? number_parse(n->text, false, &value, &negative, &unit)
					 : -EINVAL;

	if (err == -EINVAL || (!err && unit != 'd'))
		problem(r, n, "%s is a time, as in 30s, 10m, 1h", key);
	else if (err || negative || !value || value > time_max_ns)
		problem(r, n, "%s is from 1ns to 30d", key);
	else
		return value;
	return 0;
}

static void read_count(struct reader *r, const struct yaml_node *n)
{
	uint64_t value = 0;
	bool negative = false;
	char unit = '\0';

	if (n->type != YAML_SCALAR || n->quoted ||
	    number_parse(n->text, false, &value, &negative, &unit) || unit || negative || !value ||
	    value > LIMIT_COUNT_MAX)
		problem(r, n, "count is a number from 1 to %d", LIMIT_COUNT_MAX);
	else
		r->p->suppress_count = (uint32_t)value;
}

void native_read_suppress(struct reader *r, const struct yaml_node *n)
{
	static const char *const keys[] = { "by", "every" };
	const struct yaml_node *every = yaml_get(n, "every");

	if (n->type != YAML_MAP) {
		problem(r, n, "suppress is a map with every, and by if you like");
		return;
	}
	reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "suppress");
	r->p->suppress_count = 1;
	if (every)
		r->p->suppress_ns = reader_time(r, every, "every");
	else
		problem(r, n, "suppress has no every");
	read_bys(r, yaml_get(n, "by"));
}

void native_read_limit(struct reader *r, const struct yaml_node *n)
{
	static const char *const keys[] = { "by", "count", "every" };
	const struct yaml_node *every = yaml_get(n, "every"), *count = yaml_get(n, "count");

	if (n->type != YAML_MAP || !every || !count) {
		problem(r, n, "limit is a map with count and every, and by if you like");
		return;
	}
	reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "limit");
	read_count(r, count);
	r->p->suppress_ns = reader_time(r, every, "every");
	read_bys(r, yaml_get(n, "by"));
}
