/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tests of policies (cases.h): read from YAML, and tried once so that a mistake is told when the
 * policy is loaded.
 */
#include "pipeline/policy/cases.h"

#include <errno.h>

#include "pipeline/util.h"

enum { NESTING_MAX = 8, PATH_MAX_BYTES = 200, TEXT_MAX_BYTES = 16384, NAME_MAX_BYTES = 200 };

static const uint64_t at_max_ns = 30ULL * 86400 * 1000000000;
static const uint64_t first_ns = 1000000000000; /* time of the first event */

#define problem(r, n, ...) diag_add((r)->d, (r)->file, (n)->line, (n)->column, __VA_ARGS__)
#define SHOWN(s) (int)MIN((s).len, 100u), (s).p

/* The values of an event while it is read. */
struct values {
	struct case_reader *r;
	struct case_event *e;
	struct case_value all[CASE_VALUES_MAX];
	uint32_t n;
	bool good;
};

static struct str kept(struct case_reader *r, struct str s)
{
	struct str copy = pool_str(r->pool, s);

	r->no_memory |= !copy.p;
	return copy;
}

static void bad(struct values *v, const struct yaml_node *n, const char *what, struct str path)
{
	problem(v->r, n, "%.*s %s", SHOWN(path), what);
	v->good = false;
}

/* Room for a value of n items; NULL after a report. */
static struct str *add(struct values *v, const struct yaml_node *at, struct str path, uint32_t n)
{
	struct str *items = pool_array(v->r->pool, n + 1, sizeof(*items));

	if (v->n == CASE_VALUES_MAX) {
		bad(v, at, "is one field too many", path);
		return NULL;
	}
	if (!items) {
		v->r->no_memory = true;
		return NULL;
	}
	v->all[v->n++] = (struct case_value){ .path = kept(v->r, path),
					      .items = items,
					      .nitems = n,
					      .list = at->type == YAML_LIST,
					      .line = at->line,
					      .column = at->column };
	return items;
}

static void add_text(struct values *v, const struct yaml_node *at, struct str path, struct str text)
{
	struct str *item = add(v, at, path, 1);

	if (item)
		*item = kept(v->r, text);
}

static void add_program(struct values *v, const struct yaml_node *n, const char *who)
{
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "%s.executable", who);
	add_text(v, n, str_of(path), n->text);
	snprintf(path, sizeof(path), "%s.name", who);
	add_text(v, n, str_of(path), str_base(n->text));
}

/* A command line, and its arguments cut at each space. */
static void add_command(struct values *v, const struct yaml_node *n)
{
	struct str rest = n->text, *items;
	uint32_t count = 1, i = 0;

	add_text(v, n, STR("process.command_line"), n->text);
	for (uint32_t at = 0; at < rest.len; at++)
		count += rest.p[at] == ' ';
	items = add(v, n, STR("process.args"), count);
	if (!items)
		return;
	v->all[v->n - 1].list = true;
	for (; i < count; i++) {
		const char *end = rest.len ? memchr(rest.p, ' ', rest.len) : NULL;
		uint32_t len = end ? (uint32_t)(end - rest.p) : rest.len;

		items[i] = kept(v->r, (struct str){ rest.p, len });
		rest.p += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
}

static void read_at(struct values *v, const struct yaml_node *n)
{
	bool negative = false;
	char unit = '\0';
	uint64_t ns = 0;

	if (n->type != YAML_SCALAR || number_parse(n->text, false, &ns, &negative, &unit) ||
	    negative || (unit != 'd' && ns) || ns > at_max_ns)
		bad(v, n, "is a time after the first event, as in 3s or 250ms, of at most 30d",
		    STR("at"));
	v->e->at_ns = ns;
}

static void read_repeat(struct values *v, const struct yaml_node *n)
{
	bool negative = false;
	char unit = '\0';
	uint64_t count = 0;

	if (n->type != YAML_SCALAR || number_parse(n->text, false, &count, &negative, &unit) ||
	    negative || unit || !count || count > CASE_REPEAT_MAX)
		bad(v, n, "is a number of events from 1 to 100000", STR("repeat"));
	v->e->repeat = (uint32_t)count;
}

/* A key that is no field. False: it is one. */
static bool read_own_key(struct values *v, struct str key, const struct yaml_node *n)
{
	if (str_eq(key, STR("on")))
		return true; /* read_kind */
	if (str_eq(key, STR("at")))
		read_at(v, n);
	else if (str_eq(key, STR("repeat")))
		read_repeat(v, n);
	else if (n->type != YAML_SCALAR)
		return false;
	else if (str_eq(key, STR("program")))
		add_program(v, n, "process");
	else if (str_eq(key, STR("parent")))
		add_program(v, n, "process.parent");
	else if (str_eq(key, STR("command")))
		add_command(v, n);
	else
		return false;
	return true;
}

static void read_list(struct values *v, const struct yaml_node *n, struct str path)
{
	struct str *items = add(v, n, path, n->count);

	for (uint32_t i = 0; items && i < n->count; i++) {
		if (n->items[i]->type != YAML_SCALAR || n->items[i]->text.len > TEXT_MAX_BYTES) {
			bad(v, n->items[i], "has an element that is no text", path);
			return;
		}
		items[i] = kept(v->r, n->items[i]->text);
	}
}

static void read_map(struct values *v, const struct yaml_node *map, const char *prefix,
		     uint32_t depth)
{
	char path[PATH_MAX_BYTES];

	for (uint32_t i = 0; i < map->count && !v->r->no_memory; i++) {
		const struct yaml_node *key = map->items[i * 2], *n = map->items[i * 2 + 1];
		struct str whole;

		if (!depth && read_own_key(v, key->text, n))
			continue;
		whole.len = (uint32_t)snprintf(path, sizeof(path), "%s%s%.*s", prefix,
					       *prefix ? "." : "", SHOWN(key->text));
		whole.p = path;
		if (whole.len >= sizeof(path) || depth >= NESTING_MAX || key->text.len > 100)
			bad(v, key, "is too long or too deep for a field", key->text);
		else if (n->type == YAML_MAP)
			read_map(v, n, path, depth + 1);
		else if (n->type == YAML_LIST)
			read_list(v, n, whole);
		else if (n->type == YAML_SCALAR && n->text.len <= TEXT_MAX_BYTES)
			add_text(v, n, whole, n->text);
		else
			bad(v, key, "has no value", whole);
	}
}

static const struct event_kind *read_kind(struct case_reader *r, const struct yaml_node *map)
{
	const struct yaml_node *on = yaml_get(map, "on");
	const struct event_kind *k;
	char text[300];

	if (!on && r->only)
		return r->only;
	if (!on || on->type != YAML_SCALAR) {
		problem(r, on ? on : map, "the event has no kind: write on: and an event kind");
		return NULL;
	}
	k = schema_kind_by_name(on->text);
	if (k && schema_kind_is_public(k))
		return k;
	schema_kind_unknown(on->text, text, sizeof(text));
	problem(r, on, "%s", text);
	return NULL;
}

/* The text with the number in the place of %n. */
static struct str numbered(struct compose *c, struct str s, uint32_t number)
{
	const char *at = s.len ? memmem(s.p, s.len, "%n", 2) : NULL;
	struct buf b = { 0 };

	if (!at)
		return s;
	buf_add(&b, s.p, (size_t)(at - s.p));
	buf_addf(&b, "%u", number);
	buf_add(&b, at + 2, (size_t)(s.p + s.len - at - 2));
	s = pool_str(&c->texts, (struct str){ b.p, (uint32_t)b.len });
	buf_free(&b);
	return s.p ? s : STR("");
}

static int set_value(struct compose *c, const struct case_value *v, uint32_t number)
{
	struct str *items = pool_array(&c->texts, v->nitems + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->nitems; i++)
		items[i] = number ? numbered(c, v->items[i], number) : v->items[i];
	return v->list ? compose_list(c, v->path, items, v->nitems)
		       : compose_text(c, v->path, items[0]);
}

struct event *case_compose(struct compose *c, const struct case_event *e, uint32_t number,
			   const struct case_value **bad)
{
	*bad = NULL;
	compose_begin(c, e->kind);
	for (uint32_t i = 0; i < e->nvalues; i++) {
		if (!set_value(c, &e->values[i], e->repeat ? number : 0))
			continue;
		*bad = &e->values[i];
		return NULL;
	}
	c->rec.h.time_ns = first_ns + e->at_ns + (number - 1) * 1000000ull;
	return compose_event(c);
}

static bool try(struct case_reader *r, const struct case_event *e)
{
	const struct case_value *v;

	if (case_compose(r->compose, e, 1, &v) &&
	    (e->repeat < 2 || case_compose(r->compose, e, e->repeat, &v)))
		return true;
	diag_add(r->d, r->file, v ? v->line : e->line, v ? v->column : e->column, "%s",
		 r->compose->why);
	return false;
}

bool case_read_event(struct case_reader *r, const struct yaml_node *n, struct case_event *out)
{
	struct case_value *values;
	struct values v;

	if (n->type != YAML_MAP) {
		problem(r, n, "an event is a map of fields, as in {on: file.open, file.path: /x}");
		return false;
	}
	v.r = r;
	v.e = out;
	v.n = 0; /* of all, which is large: only what is read is filled */
	v.good = true;
	*out = (struct case_event){ .line = n->line, .column = n->column };
	out->kind = read_kind(r, n);
	read_map(&v, n, "", 0);
	values = pool_array(r->pool, v.n + 1, sizeof(*values));
	if (!values || r->no_memory) {
		r->no_memory = true;
		return false;
	}
	memcpy(values, v.all, v.n * sizeof(*values));
	out->values = values;
	out->nvalues = v.n;
	return out->kind && v.good && try(r, out);
}

static void read_events(struct case_reader *r, const struct yaml_node *n, struct policy_case *c)
{
	const struct yaml_node *one[1] = { n };
	struct yaml_node *const *items =
		n->type == YAML_LIST ? n->items : (struct yaml_node *const *)one;
	uint64_t at_ns = 0;

	c->nevents = n->type == YAML_LIST ? n->count : 1;
	if (!c->nevents || c->nevents > CASE_EVENTS_MAX) {
		problem(r, n, "a test has 1 to %d events", CASE_EVENTS_MAX);
		return;
	}
	c->events = pool_array(r->pool, c->nevents, sizeof(*c->events));
	r->no_memory |= !c->events;
	for (uint32_t i = 0; i < c->nevents && !r->no_memory; i++) {
		if (!case_read_event(r, items[i], &c->events[i]))
			continue;
		if (!yaml_get(items[i], "at"))
			c->events[i].at_ns = at_ns; /* with the one before it */
		at_ns = c->events[i].at_ns;
	}
}

static void read_case(struct case_reader *r, const struct yaml_node *n, struct policy_case *c)
{
	const struct yaml_node *raises = yaml_get(n, "raises"), *silent = yaml_get(n, "silent"),
			       *name = yaml_get(n, "name");

	if (n->type != YAML_MAP || !raises == !silent) {
		problem(r, n, "a test is a map with raises or silent, and name if you like");
		return;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		struct str key = n->items[i * 2]->text;

		if (!str_eq(key, STR("name")) && !str_eq(key, STR("raises")) &&
		    !str_eq(key, STR("silent")))
			problem(r, n->items[i * 2],
				"unknown key %.*s of a test: it has name, raises, silent",
				SHOWN(key));
	}
	*c = (struct policy_case){ .file = kept(r, str_of(r->file)).p,
				   .line = n->line,
				   .column = n->column,
				   .raises = raises };
	if (name && (name->type != YAML_SCALAR || name->text.len > NAME_MAX_BYTES))
		problem(r, name, "name of a test is a text of at most %d bytes", NAME_MAX_BYTES);
	else if (name)
		c->name = kept(r, name->text);
	read_events(r, raises ? raises : silent, c);
}

void case_read_all(struct case_reader *r, const struct yaml_node *n, struct policy_def *p)
{
	struct policy_case *all;

	if (n->type != YAML_LIST) {
		problem(r, n, "tests is a list");
		return;
	}
	if (n->count > CASES_MAX - p->ncases) {
		problem(r, n, "more than %d tests", CASES_MAX);
		return;
	}
	if (!r->compose)
		r->compose = compose_new();
	all = pool_array(r->pool, p->ncases + n->count, sizeof(*all));
	r->no_memory |= !all || !r->compose;
	if (!r->no_memory && p->ncases)
		memcpy(all, p->cases, sizeof(*all) * p->ncases);
	for (uint32_t i = 0; i < n->count && !r->no_memory; i++)
		read_case(r, n->items[i], &all[p->ncases + i]);
	if (!r->no_memory) {
		p->cases = all;
		p->ncases += n->count;
	}
}
