/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policy files of the native language: YAML with a list `policies`. Each key of a policy is a row
 * of a table with the function that reads it; a new key is a row and a function. All problems of
 * a file are reported, with the place they are at. Load time.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/native_read.h"
#include "pipeline/util.h"

enum {
	TEXT_MAX_BYTES = 4000, /* description, message */
	LIST_MAX = 64, /* tags, references, exceptions */
};

static const uint64_t time_max_ns = 30ULL * 86400 * 1000000000;

struct key {
	const char *name;
	void (*read)(struct reader *r, const struct yaml_node *n);
	bool after_kinds; /* needs the kinds of `on`, wherever that stands */
};

void *reader_memory(struct reader *r, size_t n, size_t size)
{
	void *p = pool_array(r->pool, n, size);

	r->no_memory |= !p;
	return p;
}

/* Further problems would only be counted, and each may cost a search for what was meant. */
static bool is_full(const struct reader *r)
{
	return r->d->count >= DIAGS_MAX;
}

static void report_in_scalar(void *arg, uint32_t at, const char *reason)
{
	struct reader *r = arg;
	uint32_t line, column;

	yaml_where(r->doc, r->scalar, at, &line, &column);
	diag_add(r->d, r->file, line, column, "%s", reason);
}

static struct cond_check checker(struct reader *r, const struct yaml_node *scalar)
{
	r->scalar = scalar;
	return (struct cond_check){
		.pool = r->pool,
		.patterns = r->patterns,
		.kinds = r->p->pub.kinds,
		.report = report_in_scalar,
		.arg = r,
	};
}

/* A scalar of at most max bytes, with something in it. */
bool reader_text(struct reader *r, const struct yaml_node *n, const char *key, uint32_t max)
{
	if (n->type != YAML_SCALAR)
		problem(r, n, "%s must be text", key);
	else if (!n->text.len)
		problem(r, n, "%s is empty", key);
	else if (n->text.len > max)
		problem(r, n, "%s is longer than %u bytes", key, max);
	else
		return true;
	return false;
}

struct str reader_keep(struct reader *r, struct str s)
{
	struct str kept = pool_str(r->pool, s);

	r->no_memory |= !kept.p;
	return kept;
}

static void read_name(struct reader *r, const struct yaml_node *n)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	r->p->name_line = n->line;
	r->p->name_column = n->column;
	if (!reader_text(r, n, "name", READER_NAME_MAX))
		return;
	for (uint32_t i = 0; i < n->text.len; i++) {
		if (n->text.p[i] && strchr(allowed, n->text.p[i]))
			continue;
		problem(r, n, "name may only hold letters, digits and . _ -");
		return;
	}
	r->p->pub.name = reader_keep(r, n->text);
	r->p->id = template_id(r->p->pub.name);
}

static void read_description(struct reader *r, const struct yaml_node *n)
{
	struct str s = n->text;

	if (!reader_text(r, n, "description", TEXT_MAX_BYTES))
		return;
	while (s.len && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == ' '))
		s.len--;
	r->p->pub.description = reader_keep(r, s);
}

static void read_kind(struct reader *r, const struct yaml_node *n)
{
	const struct event_kind *k = n->type == YAML_SCALAR ? schema_kind_by_name(n->text) : NULL;
	struct nearest near = { .word = n->text };

	if (n->type != YAML_SCALAR) {
		problem(r, n, "on must be an event kind or a list of them");
		return;
	}
	if (k && schema_kind_is_public(k)) {
		if (r->p->pub.kinds & 1u << k->kind)
			problem(r, n, "%s is here twice", k->name);
		r->p->pub.kinds |= 1u << k->kind;
		return;
	}
	for (uint32_t i = 0; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			nearest_offer(&near, schema_kind(i)->name);
	problem(r, n, "unknown event kind %.*s%s%s%s", SHOWN(n->text),
		near.best ? "; did you mean " : "", near.best ? near.best : "",
		near.best ? "?" : "");
}

/* Where `on` is wrong or missing, the rest is checked against all kinds: what none of them has
 * is told in the same pass. The policy is refused in any case. */
static void suppose_kinds(struct reader *r)
{
	for (uint32_t i = 0; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			r->p->pub.kinds |= 1u << i;
}

bool reader_on(struct reader *r, const struct yaml_node *n)
{
	uint32_t before = r->d->errors;

	r->p->pub.kinds = 0;
	if (n && n->type != YAML_LIST)
		read_kind(r, n);
	else if (n && !n->count)
		problem(r, n, "on is empty");
	for (uint32_t i = 0; n && n->type == YAML_LIST && i < n->count && !is_full(r); i++)
		read_kind(r, n->items[i]);
	if (n && r->d->errors == before)
		return true;
	r->p->pub.kinds = 0;
	suppose_kinds(r);
	return false;
}

static void read_on(struct reader *r, const struct yaml_node *n)
{
	reader_on(r, n);
}

/* Index of the scalar in names, or -1 after a report. */
static int read_choice(struct reader *r, const struct yaml_node *n, const char *key,
		       const char *const *names, int count)
{
	struct nearest near = { .word = n->text };
	char all[128] = "";

	for (int i = 0; i < count && n->type == YAML_SCALAR; i++)
		if (names[i] && str_eq(n->text, str_of(names[i])))
			return i;
	for (int i = 0; i < count; i++) {
		size_t used = strlen(all);

		nearest_offer(&near, names[i]);
		if (names[i])
			snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "",
				 names[i]);
	}
	if (near.best)
		problem(r, n, "%s is one of %s; did you mean %s?", key, all, near.best);
	else
		problem(r, n, "%s is one of %s", key, all);
	return -1;
}

static void read_severity(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[SEV_MAX] = {
		[SEV_INFO] = "info", [SEV_LOW] = "low",           [SEV_MEDIUM] = "medium",
		[SEV_HIGH] = "high", [SEV_CRITICAL] = "critical",
	};
	int i = read_choice(r, n, "severity", names, SEV_MAX);

	r->p->pub.severity = i < 0 ? SEV_NONE : (uint8_t)i;
}

static void read_action(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[] = { [POLICY_ALERT] = "alert", [POLICY_RECORD] = "record" };
	static const char *const later[] = { "kill", "deny", "drop" };
	int i;

	for (uint32_t j = 0; j < ARRAY_LEN(later); j++) {
		if (n->type == YAML_SCALAR && str_eq(n->text, str_of(later[j]))) {
			problem(r, n, "action %s is not in this version: it can alert and record",
				later[j]);
			return;
		}
	}
	i = read_choice(r, n, "action", names, ARRAY_LEN(names));
	r->p->pub.action = i < 0 ? POLICY_ALERT : (uint8_t)i;
}

/* A list of texts, or one; appended to b with a NUL after each. */
static void read_texts(struct reader *r, const struct yaml_node *n, const char *key, struct buf *b)
{
	const struct yaml_node *one[1] = { n };
	struct yaml_node *const *items =
		n->type == YAML_LIST ? n->items : (struct yaml_node *const *)one;
	uint32_t count = n->type == YAML_LIST ? n->count : 1;

	if (count > LIST_MAX) {
		problem(r, n, "%s has more than %d entries", key, LIST_MAX);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!reader_text(r, items[i], key, READER_TAG_MAX))
			continue;
		if (memchr(items[i]->text.p, '\0', items[i]->text.len)) {
			problem(r, items[i], "%s holds a NUL", key);
			continue;
		}
		buf_str(b, items[i]->text);
		buf_char(b, '\0');
	}
}

static void read_tags(struct reader *r, const struct yaml_node *n)
{
	struct buf b = { 0 };

	read_texts(r, n, "tags", &b);
	r->p->pub.tags = reader_keep(r, (struct str){ b.p, (uint32_t)b.len });
	r->no_memory |= b.failed;
	buf_free(&b);
}

static void read_references(struct reader *r, const struct yaml_node *n)
{
	struct buf b = { 0 };

	read_texts(r, n, "references", &b);
	buf_free(&b);
}

static void read_enabled(struct reader *r, const struct yaml_node *n)
{
	bool yes = str_eq(n->text, STR("true")), no = str_eq(n->text, STR("false"));

	if (n->type != YAML_SCALAR || n->quoted || (!yes && !no))
		problem(r, n, "enabled is true or false");
	r->p->disabled = no;
}

struct cond *reader_expression(struct reader *r, const struct yaml_node *n, const char *key)
{
	struct cond_check x = checker(r, n);
	struct cond *c;

	if (!reader_text(r, n, key, NATIVE_EXPR_MAX))
		return NULL;
	c = native_expr(reader_keep(r, n->text),
			&x); /* the tree points into it; the document goes */
	if (c)
		cond_check(&x, c);
	r->no_memory |= x.no_memory;
	return x.problems ? NULL : c;
}

static void read_where(struct reader *r, const struct yaml_node *n)
{
	r->p->where = reader_expression(r, n, "where");
}

static void read_message(struct reader *r, const struct yaml_node *n)
{
	struct cond_check x = checker(r, n);
	struct str s = n->text;

	if (!reader_text(r, n, "message", TEXT_MAX_BYTES))
		return;
	while (s.len && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == ' '))
		s.len--;
	template_compile_in(&r->p->message, s, &r->scope, &x);
	r->no_memory |= x.no_memory;
}

/* Reports keys of a map that are not in names. */
void reader_unknown_keys(struct reader *r, const struct yaml_node *map, const char *const *names,
			 uint32_t count, const char *what)
{
	for (uint32_t i = 0; i < map->count && !is_full(r); i++) {
		const struct yaml_node *k = map->items[i * 2];
		struct nearest near = { .word = k->text };
		bool known = false;

		for (uint32_t j = 0; j < count; j++) {
			known |= str_eq(k->text, str_of(names[j]));
			nearest_offer(&near, names[j]);
		}
		if (!known)
			problem(r, k, "unknown key %.*s of %s%s%s%s", SHOWN(k->text), what,
				near.best ? "; did you mean " : "", near.best ? near.best : "",
				near.best ? "?" : "");
	}
}

static void read_exception(struct reader *r, const struct yaml_node *n)
{
	static const char *const keys[] = { "name", "where" };
	const struct yaml_node *where = yaml_get(n, "where"), *name = yaml_get(n, "name");
	struct cond *c;

	if (n->type != YAML_MAP) {
		problem(r, n, "an exception is a map with where, and name if you like");
		return;
	}
	reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "an exception");
	if (name)
		reader_text(r, name, "name of an exception", READER_NAME_MAX);
	if (!where) {
		problem(r, n, "the exception has no where");
		return;
	}
	c = reader_expression(r, where, "where");
	if (c)
		r->p->exceptions[r->p->nexceptions++] = c;
}

static void read_exceptions(struct reader *r, const struct yaml_node *n)
{
	if (n->type != YAML_LIST) {
		problem(r, n, "exceptions must be a list");
		return;
	}
	if (n->count > LIST_MAX) {
		problem(r, n, "more than %d exceptions", LIST_MAX);
		return;
	}
	r->p->exceptions = reader_memory(r, n->count, sizeof(struct cond *));
	for (uint32_t i = 0; i < n->count && r->p->exceptions; i++)
		read_exception(r, n->items[i]);
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

static void read_suppress(struct reader *r, const struct yaml_node *n)
{
	static const char *const keys[] = { "by", "every" };
	const struct yaml_node *by = yaml_get(n, "by"), *every = yaml_get(n, "every");

	if (n->type != YAML_MAP) {
		problem(r, n, "suppress is a map with every, and by if you like");
		return;
	}
	reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "suppress");
	if (every)
		r->p->suppress_ns = reader_time(r, every, "every");
	else
		problem(r, n, "suppress has no every");
	if (by && by->type == YAML_LIST && by->count > SUPPRESS_BY_MAX)
		problem(r, by, "by has more than %d fields", SUPPRESS_BY_MAX);
	else if (by && by->type == YAML_LIST)
		for (uint32_t i = 0; i < by->count; i++)
			read_by(r, by->items[i]);
	else if (by)
		read_by(r, by);
}

static const struct key keys[] = {
	{ "name", read_name, false },
	{ "description", read_description, false },
	{ "on", read_on, false },
	{ "severity", read_severity, false },
	{ "tags", read_tags, false },
	{ "action", read_action, false },
	{ "enabled", read_enabled, false },
	{ "references", read_references, false },
	{ "where", read_where, true },
	{ "sequence", native_sequence, true },
	{ "threshold", native_threshold, true },
	{ "message", read_message, true },
	{ "exceptions", read_exceptions, true },
	{ "suppress", read_suppress, true },
};

static void need(struct reader *r, const char *key)
{
	if (!yaml_get(r->node, key))
		problem(r, r->node, "the policy has no %s", key);
}

static void read_keys(struct reader *r, bool after_kinds)
{
	for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct yaml_node *n =
			keys[i].after_kinds == after_kinds ? yaml_get(r->node, keys[i].name) : NULL;

		if (n)
			keys[i].read(r, n);
	}
}

static struct policy_def *read_policy(struct reader *r, const struct yaml_node *n)
{
	const char *names[ARRAY_LEN(keys)];

	if (n->type != YAML_MAP) {
		problem(r, n, "a policy is a map with name, on and where");
		return NULL;
	}
	r->p = reader_memory(r, 1, sizeof(*r->p));
	if (!r->p)
		return NULL;
	r->node = n;
	r->scope = (struct template_scope){ 0 };
	r->p->pub.line = n->line;
	r->p->pub.severity = SEV_MEDIUM;
	for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
		names[i] = keys[i].name;
	reader_unknown_keys(r, n, names, ARRAY_LEN(keys), "a policy");
	need(r, "name");
	if (!yaml_get(n, "sequence")) {
		need(r, "on");
		need(r, "where");
	}
	read_keys(r, false);
	if (!r->p->pub.kinds)
		suppose_kinds(r);
	read_keys(r, true);
	native_window_end(r);
	return r->p;
}

int native_file(const struct yaml_doc *doc, const char *file, struct pool *pool,
		struct patterns *patterns, struct diags *d, struct policy_def **out)
{
	static const char *const top[] = { "policies" };
	struct reader r = { .doc = doc, .file = file, .pool = pool, .patterns = patterns, .d = d };
	const struct yaml_node *root = yaml_root(doc), *list = yaml_get(root, "policies");
	struct policy_def **tail = out;
	struct str kept;

	*out = NULL;
	if (root->type != YAML_MAP) {
		problem(&r, root, "a policy file has a list named policies");
		return 0;
	}
	reader_unknown_keys(&r, root, top, ARRAY_LEN(top), "a policy file");
	if (!list || list->type != YAML_LIST) {
		problem(&r, list ? list : root, "a policy file has a list named policies");
		return 0;
	}
	if (list->count > POLICIES_MAX) {
		problem(&r, list, "more than %d policies", POLICIES_MAX);
		return 0;
	}
	kept = reader_keep(&r, str_of(file));
	for (uint32_t i = 0; i < list->count && !r.no_memory && !is_full(&r); i++) {
		struct policy_def *p = read_policy(&r, list->items[i]);

		if (!p)
			continue;
		p->pub.file = kept;
		*tail = p;
		tail = &p->next;
	}
	return r.no_memory ? -ENOMEM : 0;
}
