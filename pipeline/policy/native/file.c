/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policy files of the native language: YAML with policies, macros, lists and overrides. The files
 * of a load stay in memory until each gave its policies, since any may use what another defines.
 * All problems of a file are reported, with the place they are at. Load time.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

void *reader_memory(struct reader *r, size_t n, size_t size)
{
	void *p = pool_array(r->pool, n, size);

	r->no_memory |= !p;
	return p;
}

struct str reader_keep(struct reader *r, struct str s)
{
	struct str kept = pool_str(r->pool, s);

	r->no_memory |= !kept.p;
	return kept;
}

/* Further ones may each cost a search for what was meant. */
bool reader_is_full(const struct reader *r)
{
	return r->file->d.errors >= DIAGS_MAX;
}

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

static bool is_known(struct str key, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (str_eq(key, str_of(names[i])))
			return true;
	return false;
}

void reader_unknown_keys(struct reader *r, const struct yaml_node *map, const char *const *names,
			 uint32_t count, const char *what)
{
	for (uint32_t i = 0; i < map->count && !reader_is_full(r); i++) {
		const struct yaml_node *k = map->items[i * 2];
		struct nearest near = { .word = k->text };

		if (is_known(k->text, names, count))
			continue;
		for (uint32_t j = 0; j < count; j++)
			nearest_offer(&near, names[j]);
		problem(r, k, "unknown key %.*s of %s%s%s%s", SHOWN(k->text), what,
			near.best ? "; did you mean " : "", near.best ? near.best : "",
			near.best ? "?" : "");
	}
}

/* The piece that a position is in; NULL: the scalar itself. */
static const struct piece *piece_at(const struct names *s, uint32_t at)
{
	uint32_t low = 0, high = s->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->pieces[mid].base <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &s->pieces[low - 1] : NULL;
}

/* Where in its definition; of a line of a file of values, the line. */
static void defined_at(const struct piece *p, uint32_t at, char *text, size_t len)
{
	const struct definition *d = p->def;
	const char *file = d->file->path;
	uint32_t line, column;

	if (d->type == DEFINITION_LIST) {
		const struct list_value *v = &d->values[MIN(at - p->base, d->size - 1)];

		file = v->file;
		line = v->line;
		column = v->column;
	} else {
		yaml_where(d->file->doc, d->node, at - p->base, &line, &column);
	}
	if (column)
		snprintf(text, len, "$%.*s (%s:%u:%u)", SHOWN(d->name), file, line, column);
	else
		snprintf(text, len, "$%.*s (%s:%u)", SHOWN(d->name), file, line);
}

/* At the place of use; where a macro or list is the cause, with the place in its definition. */
static void report_in_scalar(void *arg, uint32_t at, const char *reason)
{
	struct reader *r = arg;
	const struct piece *p = piece_at(&r->names, at);
	char where[400] = "";
	uint32_t line, column;

	if (p)
		defined_at(p, at, where, sizeof(where));
	for (; p; p = piece_at(&r->names, at))
		at = p->used_at;
	yaml_where(r->file->doc, r->scalar, at, &line, &column);
	diag_add(&r->file->d, r->file->path, line, column, "%s%s%s%s", where[0] ? "in " : "", where,
		 where[0] ? ": " : "", reason);
}

struct cond_check reader_check(struct reader *r, const struct yaml_node *scalar, uint32_t kinds)
{
	r->scalar = scalar;
	r->names.count = 0;
	r->names.end = scalar->text.len + 1;
	return (struct cond_check){
		.pool = r->pool,
		.patterns = r->patterns,
		.kinds = kinds,
		.report = report_in_scalar,
		.arg = r,
	};
}

struct cond *reader_condition(struct reader *r, const struct yaml_node *n, struct str text,
			      uint32_t kinds)
{
	struct cond_check x = reader_check(r, n, kinds);
	struct parser p = { .text = text, .x = &x, .names = &r->names };
	struct cond *c = native_whole(&p);

	if (c)
		cond_check(&x, c);
	r->no_memory |= x.no_memory;
	return x.problems || x.no_memory ? NULL : c;
}

static int add_target(struct reader *r, const struct yaml_node *n)
{
	const struct yaml_node *name = yaml_get(n, "name");
	struct target *t;

	if (!name || name->type != YAML_SCALAR || !name->text.len ||
	    strmap_get(&r->n->targets, name->text))
		return 0; /* what is wrong is reported when it is read */
	t = reader_memory(r, 1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct target){ .name = reader_keep(r, name->text),
			      .file = r->file,
			      .node = n,
			      .last = &t->overrides };
	*r->n->last_target = t;
	r->n->last_target = &t->next;
	return strmap_put(&r->n->targets, t->name, t);
}

static int add_targets(struct reader *r, const struct yaml_node *list)
{
	int err = 0;

	if (list->type == YAML_NULL)
		return 0;
	if (list->type != YAML_LIST)
		problem(r, list, "policies must be a list");
	else
		for (uint32_t i = 0; i < list->count && !err; i++)
			err = add_target(r, list->items[i]);
	return err;
}

static int add_parts(struct reader *r)
{
	static const char *const top[] = { "policies", "lists", "macros", "overrides" };
	const struct yaml_node *root = yaml_root(r->file->doc), *parts[ARRAY_LEN(top)];
	bool any = false;
	int err;

	for (uint32_t i = 0; i < ARRAY_LEN(top); i++) {
		parts[i] = root->type == YAML_MAP ? yaml_get(root, top[i]) : NULL;
		any |= parts[i] != NULL;
	}
	if (root->type == YAML_MAP)
		reader_unknown_keys(r, root, top, ARRAY_LEN(top), "a policy file");
	if (!any) {
		problem(r, root,
			"a policy file has a list named policies, or macros, lists, overrides");
		return 0;
	}
	err = parts[0] ? add_targets(r, parts[0]) : 0;
	if (!err && parts[1])
		err = native_add_definitions(r, parts[1], DEFINITION_LIST);
	if (!err && parts[2])
		err = native_add_definitions(r, parts[2], DEFINITION_MACRO);
	if (!err && parts[3])
		err = native_add_overrides(r, parts[3]);
	return r->no_memory ? -ENOMEM : err;
}

/* Before anything is made of them: a load that is too large ends soon. */
static int count_file(struct native *n, struct native_file *f)
{
	const struct yaml_node *list = yaml_get(yaml_root(f->doc), "policies");
	uint32_t count = list && list->type == YAML_LIST ? list->count : 0;

	if (count > POLICIES_MAX - n->npolicies) {
		const struct yaml_node *over = list->items[POLICIES_MAX - n->npolicies];

		diag_add(&f->d, f->path, over->line, over->column, "more than %d policies in all",
			 POLICIES_MAX);
		return -E2BIG;
	}
	n->npolicies += count;
	n->nodes += yaml_nodes(f->doc);
	if (n->nodes <= NATIVE_NODES_MAX)
		return 0;
	diag_add(&f->d, f->path, 1, 1, "more than %d YAML nodes in all", NATIVE_NODES_MAX);
	return -E2BIG;
}

/* Files move when the array grows: what points to one is set up in native_check. */
int native_add(struct native *n, const char *file, struct yaml_doc *doc, const struct sources *kept,
	       struct diags *d)
{
	struct str path = pool_str(&n->pool, str_of(file));

	if (!path.p || !array_grow(&n->files, n->count, sizeof(*n->files))) {
		yaml_doc_free(doc);
		return -ENOMEM;
	}
	n->files[n->count++] =
		(struct native_file){ .path = path.p, .doc = doc, .kept = kept, .d = *d };
	*d = (struct diags){ 0 };
	n->nunread += !doc;
	n->nwith += !doc || yaml_get(yaml_root(doc), "policies");
	return doc ? count_file(n, &n->files[n->count - 1]) : 0;
}

int native_check(struct native *n)
{
	int err = 0;

	for (uint32_t i = 0; i < n->count && !err; i++) {
		struct reader r = { .n = n, .file = &n->files[i], .pool = &n->pool, .names.n = n };

		err = r.file->doc ? add_parts(&r) : 0;
	}
	if (!err)
		err = native_check_definitions(n);
	return err ? err : native_check_overrides(n);
}

uint32_t native_files(const struct native *n)
{
	return n->count;
}

struct diags *native_problems(struct native *n, uint32_t file)
{
	return &n->files[file].d;
}

struct pool *native_pool(struct native *n)
{
	return &n->pool;
}

int native_policies(struct native *n, uint32_t file, struct pool *pool, struct patterns *patterns,
		    struct policy_def **out)
{
	struct reader r = {
		.n = n, .file = &n->files[file], .pool = pool, .patterns = patterns, .names.n = n
	};
	const struct yaml_node *list =
		r.file->doc ? yaml_get(yaml_root(r.file->doc), "policies") : NULL;
	struct str path = str_of(r.file->path); /* of the load's pool, which stays */

	*out = NULL;
	for (uint32_t i = 0; list && list->type == YAML_LIST && i < list->count && !r.no_memory &&
			     !reader_is_full(&r);
	     i++) {
		struct policy_def *p = native_policy(&r, list->items[i]);

		if (!p)
			continue;
		p->pub.file = path;
		*out = p;
		out = &p->next;
	}
	free(r.names.pieces);
	return r.no_memory ? -ENOMEM : 0;
}

/* Name and bytes; the folder it lies in is no part of what it says. */
static void digest_one(struct sha256_ctx *sha, const char *path, struct str text)
{
	const char *base = strrchr(path, '/');
	uint64_t len = text.len;

	base = base ? base + 1 : path;
	digest_add(sha, base, strlen(base) + 1);
	digest_add(sha, &len, sizeof(len));
	digest_add(sha, text.p, text.len);
}

void native_digest(const struct native *n, uint32_t file, struct sha256_ctx *sha)
{
	const struct native_file *f = &n->files[file];

	digest_one(sha, f->path, yaml_source(f->doc));
	for (const struct value_file *v = f->values; v; v = v->next)
		digest_one(sha, v->path.p, v->text);
}

/* Policies, lists, macros, overrides. */
static uint32_t entries(const struct yaml_node *root)
{
	uint32_t n = 0;

	if (root->type != YAML_MAP)
		return 0;
	for (uint32_t i = 0; i < root->count; i++)
		n += root->items[2 * i + 1]->count;
	return n;
}

const char *native_path(const struct native *n, uint32_t file)
{
	return n->files[file].path;
}

int native_sources(const struct native *n, uint32_t file, struct sources *to)
{
	const struct native_file *f = &n->files[file];
	int err = sources_add(to, f->path, yaml_source(f->doc), entries(yaml_root(f->doc)), false);

	for (const struct value_file *v = f->values; v && !err; v = v->next)
		err = sources_add(to, v->path.p, v->text, 0, true);
	return err;
}

int native_new(struct native **out)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->last_target = &n->first_target;
	*out = n;
	return 0;
}

void native_free(struct native *n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		yaml_doc_free(n->files[i].doc);
		diags_free(&n->files[i].d);
	}
	pool_free(&n->pool);
	strmap_free(&n->defs);
	strmap_free(&n->targets);
	strmap_free(&n->said);
	free(n->all);
	free(n->overrides);
	free(n->files);
	compose_free(n->compose);
	free(n);
}
