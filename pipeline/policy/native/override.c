/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Overrides: what a local file changes of a policy that another file has. They are checked before
 * any policy is read, so that a file with a mistake changes nothing. Load time.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

enum { SUGGESTIONS_MAX = 20 };

int native_add_overrides(struct reader *r, const struct yaml_node *list)
{
	struct native *all = r->n;

	if (list->type == YAML_NULL)
		return 0;
	if (list->type != YAML_LIST) {
		problem(r, list,
			"overrides is a list of maps with policy and what to change of it");
		return 0;
	}
	for (uint32_t i = 0; i < list->count && !reader_is_full(r); i++) {
		const struct yaml_node *n = list->items[i], *name = yaml_get(n, "policy");
		struct override *o;

		if (n->type != YAML_MAP || !name) {
			problem(r, n, "an override is a map with policy and what to change of it");
			continue;
		}
		if (!reader_text(r, name, "policy", 128))
			continue;
		o = reader_memory(r, 1, sizeof(*o));
		if (!o || !array_grow(&all->overrides, all->noverrides, sizeof(struct override *)))
			return -ENOMEM;
		*o = (struct override){ .file = r->file, .node = n };
		all->overrides[all->noverrides++] = o;
	}
	return 0;
}

/* A mistake where the policy should be there; where it may be in a file that is not, a warning. */
static void report_unknown(struct native *n, const struct override *o)
{
	const struct yaml_node *name = yaml_get(o->node, "policy");
	struct nearest near = { .word = name->text };
	bool own = yaml_get(yaml_root(o->file->doc), "policies");
	bool error = n->nwith > own && !n->nunread;

	if (n->unknown++ < SUGGESTIONS_MAX)
		for (const struct target *t = n->first_target; t; t = t->next)
			nearest_offer(&near, t->name.p);
	(error ? diag_add : diag_warn)(&o->file->d, o->file->path, name->line, name->column,
				       "there is no policy %.*s%s%s%s%s", SHOWN(name->text),
				       error ? "" : " here: nothing is changed",
				       near.best ? "; did you mean " : "",
				       near.best ? near.best : "", near.best ? "?" : "");
}

static bool is_limit(struct str key)
{
	return str_eq(key, STR("suppress")) || str_eq(key, STR("limit"));
}

/* The first that said this of the policy. Exceptions add up. */
struct said {
	const struct override *o;
	const struct yaml_node *key;
};

/* The policy and the key. No memory: empty. */
static struct str said_of(struct native *n, const struct target *t, struct str key)
{
	struct str what = is_limit(key) ? STR("limit") : key;
	char *p = pool_get(&n->pool, sizeof(t) + what.len);

	if (!p)
		return (struct str){ 0 };
	memcpy(p, &t, sizeof(t));
	memcpy(p + sizeof(t), what.p, what.len);
	return (struct str){ p, sizeof(t) + what.len };
}

static bool say(struct native *n, struct str what, const struct override *o,
		const struct yaml_node *key)
{
	struct said *new = pool_get(&n->pool, sizeof(*new));

	if (!new)
		return false;
	*new = (struct said){ o, key };
	return !strmap_put(&n->said, what, new);
}

static bool check_twice(struct native *n, const struct target *t, const struct override *o)
{
	for (uint32_t i = 0; i < o->node->count; i++) {
		const struct yaml_node *k = o->node->items[2 * i];
		const struct said *other;
		struct str what;

		if (str_eq(k->text, STR("policy")) || str_eq(k->text, STR("exceptions")))
			continue;
		what = said_of(n, t, k->text);
		other = strmap_get(&n->said, what);
		if (!what.len || (!other && !say(n, what, o, k)))
			return false;
		if (other && other->o != o)
			diag_add(&o->file->d, o->file->path, k->line, k->column,
				 "%.*s of this policy is overridden already, in %s:%u:%u",
				 SHOWN(k->text), other->o->file->path, other->key->line,
				 other->key->column);
	}
	return true;
}

/* Reads it as it will be read, and throws the result away. */
static int check_override(struct native *n, struct override *o)
{
	struct target *t = strmap_get(&n->targets, yaml_get(o->node, "policy")->text);
	struct patterns patterns = { 0 };
	struct pool pool = { 0 };
	struct reader r = { .n = n,
			    .file = t ? t->file : o->file,
			    .pool = &pool,
			    .patterns = &patterns,
			    .names.n = n };
	uint32_t tests = n->tests, values = n->values;

	if (!t)
		report_unknown(n, o);
	native_try_override(&r, t ? t->node : NULL, o);
	n->tests = tests;
	n->values = values;
	patterns_free(&patterns);
	pool_free(&pool);
	free(r.names.pieces);
	if (t) {
		*t->last = o;
		t->last = &o->next;
		r.no_memory |= !check_twice(n, t, o);
	}
	return r.no_memory ? -ENOMEM : 0;
}

int native_check_overrides(struct native *n)
{
	int err = 0;

	for (uint32_t i = 0; i < n->noverrides && !err; i++)
		err = check_override(n, n->overrides[i]);
	return err;
}
