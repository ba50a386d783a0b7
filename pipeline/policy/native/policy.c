/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One policy of a file. Each key is a row of a table with the function that reads it; a new key is
 * a row and a function. The overrides of other files are read by the same functions, after the
 * policy's own keys. Load time.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/cases.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

enum {
	TEXT_MAX_BYTES = 4000, /* description, message */
	LIST_MAX = 64, /* tags, references */
};

struct key {
	const char *name;
	void (*read)(struct reader *r, const struct yaml_node *n);
	void (*override)(struct reader *r,
			 const struct yaml_node *n); /* NULL: none can change it */
	bool after_kinds; /* needs the kinds of `on`, wherever that stands */
};

static void read_name(struct reader *r, const struct yaml_node *n)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const struct target *t;

	if (!reader_text(r, n, "name", READER_NAME_MAX))
		return;
	for (uint32_t i = 0; i < n->text.len; i++) {
		if (n->text.p[i] && strchr(allowed, n->text.p[i]))
			continue;
		problem(r, n, "name may only hold letters, digits and . _ -");
		return;
	}
	t = strmap_get(&r->n->targets, n->text);
	if (t && t->node != r->node)
		problem(r, n, "policy %.*s is defined already, in %s:%u", SHOWN(n->text),
			t->file->path, t->node->line);
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
	char text[300];

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
	schema_kind_unknown(n->text, text, sizeof(text));
	problem(r, n, "%s", text);
}

/* Where `on` is wrong or missing, the rest is checked against all kinds: what none of them has
 * is told in the same pass. The policy is refused in any case. */
uint32_t native_all_kinds(void)
{
	uint32_t kinds = 0;

	for (uint32_t i = 0; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			kinds |= 1u << i;
	return kinds;
}

bool reader_on(struct reader *r, const struct yaml_node *n)
{
	uint32_t before = r->file->d.errors;

	r->p->pub.kinds = 0;
	if (n && n->type != YAML_LIST)
		read_kind(r, n);
	else if (n && !n->count)
		problem(r, n, "on is empty");
	for (uint32_t i = 0; n && n->type == YAML_LIST && i < n->count && !reader_is_full(r); i++)
		read_kind(r, n->items[i]);
	if (n && r->file->d.errors == before)
		return true;
	r->p->pub.kinds = native_all_kinds();
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
	static const char *const names[] = {
		[POLICY_ALERT] = "alert", [POLICY_RECORD] = "record", [POLICY_DROP] = "drop"
	};
	static const char *const later[] = { "kill", "deny" };
	int i;

	for (uint32_t j = 0; j < ARRAY_LEN(later); j++) {
		if (n->type == YAML_SCALAR && str_eq(n->text, str_of(later[j]))) {
			problem(r, n,
				"action %s is not in this version: it sees and does not enforce (alert, record, drop)",
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
	if (!reader_text(r, n, key, NATIVE_EXPR_MAX))
		return NULL;
	if (r->skims)
		return reader_memory(r, 1, sizeof(struct cond));
	/* The tree points into the text; the document goes. */
	return reader_condition(r, n, reader_keep(r, n->text), r->p->pub.kinds);
}

static void read_where(struct reader *r, const struct yaml_node *n)
{
	r->p->where = reader_expression(r, n, "where");
}

static void read_message(struct reader *r, const struct yaml_node *n)
{
	struct cond_check x = reader_check(r, n, r->p->pub.kinds);
	struct str s = n->text;

	if (!reader_text(r, n, "message", TEXT_MAX_BYTES))
		return;
	while (s.len && (s.p[s.len - 1] == '\n' || s.p[s.len - 1] == ' '))
		s.len--;
	template_compile(&r->p->message, s, &r->scope, &x);
	r->no_memory |= x.no_memory;
}

/* Those of an override come after the policy's own. */
static void read_tests(struct reader *r, const struct yaml_node *n)
{
	uint32_t kinds = r->p->pub.kinds;
	bool one = kinds && !(kinds & (kinds - 1)) && !r->p->window;
	struct case_reader cr = {
		.file = r->file->path,
		.pool = r->pool,
		.d = &r->file->d,
		.compose = r->n->compose,
		.only = one ? schema_kind((uint32_t)__builtin_ctz(kinds)) : NULL,
	};

	if (r->skims)
		return;
	case_read_all(&cr, n, r->p);
	r->n->compose = cr.compose;
	r->no_memory |= cr.no_memory;
}

static const struct key keys[] = {
	{ "name", read_name, NULL, false },
	{ "description", read_description, read_description, false },
	{ "on", read_on, NULL, false },
	{ "severity", read_severity, read_severity, false },
	{ "tags", read_tags, read_tags, false },
	{ "action", read_action, read_action, false },
	{ "enabled", read_enabled, read_enabled, false },
	{ "references", read_references, read_references, false },
	{ "where", read_where, read_where, true },
	{ "sequence", native_sequence, native_override_sequence, true },
	{ "threshold", native_threshold, native_override_threshold, true },
	{ "message", read_message, read_message, true },
	{ "exceptions", native_read_exceptions, native_read_exceptions, true },
	{ "scope", native_read_scope, native_read_scope, true },
	{ "suppress", native_read_suppress, native_read_suppress, true },
	{ "limit", native_read_limit, native_read_limit, true },
	{ "tests", read_tests, read_tests, true },
};

static void need(struct reader *r, const char *key)
{
	if (!yaml_get(r->node, key))
		problem(r, r->node, "the policy has no %s", key);
}

static void read_keys(struct reader *r, bool override, bool after_kinds)
{
	for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
		void (*read)(struct reader * r, const struct yaml_node *n) =
			override ? keys[i].override : keys[i].read;
		const struct yaml_node *n = read && keys[i].after_kinds == after_kinds
						    ? yaml_get(r->node, keys[i].name)
						    : NULL;

		if (n)
			read(r, n);
	}
}

/* What does not go together. */
static void check_keys(struct reader *r)
{
	const struct yaml_node *suppress = yaml_get(r->node, "suppress"),
			       *limit = yaml_get(r->node, "limit"),
			       *held = suppress ? suppress : limit;

	if (suppress && limit)
		problem(r, limit, "suppress and limit are two ways to say it: write one");
	if (held && r->p->pub.action == POLICY_DROP)
		problem(r, held, "action drop tells nothing that could be held back");
	if (r->p->pub.action == POLICY_DROP && r->p->pub.kinds & 1u << EV_LOSS)
		problem(r, yaml_get(r->node, "action"),
			"a loss is always told: pipeline.loss cannot be dropped");
}

static void known_keys(struct reader *r, const char *first, bool override, const char *what)
{
	const char *names[ARRAY_LEN(keys) + 1];
	uint32_t n = 0;

	if (first)
		names[n++] = first;
	for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!override || keys[i].override)
			names[n++] = keys[i].name;
	reader_unknown_keys(r, r->node, names, n, what);
}

/* The policy's own keys. */
static void read_own(struct reader *r, const struct yaml_node *n)
{
	r->node = n;
	r->scope = (struct template_scope){ 0 };
	r->p->pub.line = n->line;
	r->p->pub.severity = SEV_MEDIUM;
	r->is_sequence = yaml_get(n, "sequence");
	known_keys(r, NULL, false, "a policy");
	need(r, "name");
	if (!r->is_sequence) {
		need(r, "on");
		need(r, "where");
	}
	read_keys(r, false, false);
	if (!r->p->pub.kinds)
		r->p->pub.kinds = native_all_kinds();
	read_keys(r, false, true);
	check_keys(r);
}

static void read_override(struct reader *r, const struct yaml_node *n)
{
	r->node = n;
	if (yaml_get(n, "suppress") || yaml_get(n, "limit"))
		r->p->suppress_ns = 0; /* one takes the place of the other */
	read_keys(r, true, false);
	read_keys(r, true, true);
}

/* What does not go with the policy. */
static void check_override(struct reader *r)
{
	const struct window_def *w = r->p->window;
	const struct yaml_node *n = yaml_get(r->node, "limit");

	if (n && yaml_get(r->node, "suppress"))
		problem(r, n, "suppress and limit are two ways to say it: write one");
	n = yaml_get(r->node, "action");
	if (n && w && r->p->pub.action != POLICY_ALERT)
		problem(r, n, "a sequence or threshold can only alert");
	if (n && r->p->pub.action == POLICY_DROP && r->p->pub.kinds & 1u << EV_LOSS)
		problem(r, n, "a loss is always told: pipeline.loss cannot be dropped");
	n = yaml_get(r->node, "where");
	if (n && w && w->type == WINDOW_SEQUENCE)
		problem(r, n, "a policy with a sequence has no where of its own: its steps do");
}

void native_try_override(struct reader *r, const struct yaml_node *target, const struct override *o)
{
	struct native_file *file = r->file, scratch = *file;
	struct policy_def p = { .pub.kinds = 0 };

	scratch.d = (struct diags){ 0 };
	r->p = &p;
	r->file = &scratch;
	r->skims = true;
	if (target)
		read_own(r, target);
	r->skims = false;
	diags_free(&scratch.d);
	if (!p.pub.kinds)
		p.pub.kinds = native_all_kinds();
	r->file = o->file;
	r->node = o->node;
	known_keys(r, "policy", true, "an override");
	if (target) {
		read_override(r, o->node);
		check_override(r);
	}
	r->file = file;
	r->p = NULL;
}

/* Overrides are without mistakes by themselves; together they may pass a limit. */
static void read_overrides(struct reader *r, const struct yaml_node *n)
{
	struct native_file *file = r->file;
	const struct target *t = strmap_get(&r->n->targets, r->p->pub.name);

	for (const struct override *o = t && t->node == n ? t->overrides : NULL; o; o = o->next) {
		uint32_t before = o->file->d.errors;

		if (before)
			continue;
		r->file = o->file;
		read_override(r, o->node);
		r->file = file;
		r->node = n;
		if (o->file->d.errors != before)
			problem(r, n, "the override at %s:%u has an error", o->file->path,
				o->node->line);
	}
}

/* In scope, and where holds. */
static struct cond *in_scope(struct reader *r, struct cond *where)
{
	struct cond *scope = r->p->scope, *both = reader_memory(r, 1, sizeof(*both));
	struct cond **kids = reader_memory(r, 2, sizeof(struct cond *));

	if (!both || !kids)
		return where;
	kids[0] = scope;
	kids[1] = where;
	*both = (struct cond){ .type = COND_AND,
			       .at = where->at,
			       .kids = kids,
			       .nkids = 2,
			       .cost = scope->cost + where->cost,
			       .odds = scope->odds * where->odds };
	return both;
}

static void add_scope(struct reader *r)
{
	struct policy_def *p = r->p;
	struct window_def *w = p->window;

	if (p->scope && p->where)
		p->where = in_scope(r, p->where);
	if (w && w->type == WINDOW_THRESHOLD)
		w->steps[0].where = p->where; /* an override may have changed it */
	for (uint32_t i = 0; w && w->type == WINDOW_SEQUENCE && p->scope && i < w->nsteps; i++)
		if (w->steps[i].where)
			w->steps[i].where = in_scope(r, w->steps[i].where);
}

struct policy_def *native_policy(struct reader *r, const struct yaml_node *n)
{
	if (n->type != YAML_MAP) {
		problem(r, n, "a policy is a map with name, on and where");
		return NULL;
	}
	r->p = reader_memory(r, 1, sizeof(*r->p));
	if (!r->p)
		return NULL;
	read_own(r, n);
	read_overrides(r, n);
	add_scope(r);
	native_window_end(r);
	return r->p;
}
