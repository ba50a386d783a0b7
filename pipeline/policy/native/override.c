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

/* Are there policies that the file itself does not hold, or files that could not be read? */
static bool has_others(const struct native *n, const struct native_file *file)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (&n->files[i] != file &&
		    (!n->files[i].doc || yaml_get(yaml_root(n->files[i].doc), "policies")))
			return true;
	return false;
}

static bool has_unread(const struct native *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!n->files[i].doc)
			return true;
	return false;
}

/* A mistake where the policy should be there; where it may be in a file that is not, a warning. */
static void report_unknown(struct native *n, const struct override *o)
{
	const struct yaml_node *name = yaml_get(o->node, "policy");
	struct nearest near = { .word = name->text };
	bool error = has_others(n, o->file) && !has_unread(n);

	if (n->unknown++ < SUGGESTIONS_MAX)
		for (uint32_t i = 0; i < n->targets.size; i++)
			if (n->targets.slots[i].value)
				nearest_offer(&near, n->targets.slots[i].key.p);
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

/* The key of an earlier override of the same policy; NULL. Exceptions add up. */
static const struct yaml_node *said_before(const struct target *t, const struct override *o,
					   struct str key, const char **path)
{
	if (str_eq(key, STR("policy")) || str_eq(key, STR("exceptions")))
		return NULL;
	for (const struct override *e = t->overrides; e && e != o; e = e->next)
		for (uint32_t i = 0; i < e->node->count; i++) {
			const struct yaml_node *k = e->node->items[2 * i];

			if (!str_eq(k->text, key) && !(is_limit(k->text) && is_limit(key)))
				continue;
			*path = e->file->path;
			return k;
		}
	return NULL;
}

static void check_twice(const struct target *t, const struct override *o)
{
	for (uint32_t i = 0; i < o->node->count; i++) {
		const struct yaml_node *k = o->node->items[2 * i], *other;
		const char *path;

		other = said_before(t, o, k->text, &path);
		if (other)
			diag_add(&o->file->d, o->file->path, k->line, k->column,
				 "%.*s of this policy is overridden already, in %s:%u:%u",
				 SHOWN(k->text), path, other->line, other->column);
	}
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
		check_twice(t, o);
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
