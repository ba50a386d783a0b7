/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The configuration file: a map of the options of config_tables, with `outputs` (a list of sinks)
 * and `enrichers` (a map by name) beside them. Every problem is kept with its place and reading
 * goes on, so that all are reported at once. Main thread, at start.
 */
#include <errno.h>

#include "pipeline/config_set.h"
#include "pipeline/nearest.h"
#include "pipeline/util.h"
#include "pipeline/yaml.h"

struct reader {
	struct config *c;
	const char *file;
	struct diags *d;
};

/* Where a value goes: one of the two, tables of struct config when t is NULL. */
struct target {
	const char *of; /* "output kafka", for texts; NULL: the file itself */
	const struct option *t, *t2;
	void *cfg, *cfg2;
};

static void problem(const struct reader *r, const struct yaml_node *n, const char *of,
		    const char *text)
{
	diag_add(r->d, r->file, n->line, n->column, "%s%s%s", of ? of : "", of ? ": " : "", text);
}

static void unknown_key(const struct reader *r, const struct target *to,
			const struct yaml_node *key)
{
	struct nearest n = { .word = key->text };

	if (!to->of) {
		nearest_offer(&n, "outputs");
		nearest_offer(&n, "enrichers");
	}
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		for (const struct option *o = to->of ? NULL : config_tables[i]; o && o->key; o++)
			nearest_offer(&n, o->key);
	for (const struct option *o = to->t; o && o->key; o++)
		nearest_offer(&n, o->key);
	for (const struct option *o = to->t2; o && o->key; o++)
		nearest_offer(&n, o->key);
	diag_add(r->d, r->file, key->line, key->column, "%s%sunknown option \"%.*s\"%s%s%s",
		 to->of ? to->of : "", to->of ? ": " : "", (int)MIN(key->text.len, 60u),
		 key->text.p, n.best ? ", did you mean \"" : "", n.best ? n.best : "",
		 n.best ? "\"?" : "");
}

static const struct option *find(const struct target *to, struct str key)
{
	const struct option *o = option_find(to->t, key);

	if (!to->of)
		return option_find(config_table_of(key), key);
	return o ? o : option_find(to->t2, key);
}

static int set(const struct reader *r, const struct target *to, struct str key, struct str value,
	       bool item, char *err, size_t err_len)
{
	bool first = option_find(to->t, key);
	const struct option *t = first ? to->t : to->t2;
	void *cfg = first ? to->cfg : to->cfg2;

	if (!to->of)
		return config_set(r->c, key, value, item, err, err_len);
	return item ? option_append(t, cfg, key, value, err, err_len)
		    : option_set(t, cfg, key, value, err, err_len);
}

/* "a:1,b:2" from [a:1, b:2]: what a text option makes of a list. */
static void set_joined(const struct reader *r, const struct target *to, struct str key,
		       const struct yaml_node *list)
{
	struct buf text = { .max = YAML_MAX_BYTES };
	char err[CONFIG_ERR];

	for (uint32_t i = 0; i < list->count; i++) {
		if (list->items[i]->type != YAML_SCALAR) {
			problem(r, list->items[i], to->of, "an item of the list must be text");
			buf_free(&text);
			return;
		}
		if (i)
			buf_char(&text, ',');
		buf_str(&text, list->items[i]->text);
	}
	if (text.failed)
		problem(r, list, to->of, "the list is too long");
	else if (set(r, to, key, (struct str){ text.p, (uint32_t)text.len }, false, err,
		     sizeof(err)))
		problem(r, list, to->of, err);
	buf_free(&text);
}

static void set_items(const struct reader *r, const struct target *to, struct str key,
		      const struct yaml_node *list)
{
	char err[CONFIG_ERR];

	for (uint32_t i = 0; i < list->count; i++) {
		const struct yaml_node *n = list->items[i];

		if (n->type != YAML_SCALAR)
			problem(r, n, to->of, "an item of the list must be text");
		else if (set(r, to, key, n->text, true, err, sizeof(err)))
			problem(r, n, to->of, err);
	}
}

static void set_option(const struct reader *r, const struct target *to, const struct yaml_node *key,
		       const struct yaml_node *value)
{
	const struct option *o = find(to, key->text);
	char err[CONFIG_ERR];

	if (!o) {
		unknown_key(r, to, key);
	} else if (value->type == YAML_LIST && o->type == OPT_LIST) {
		set_items(r, to, key->text, value);
	} else if (value->type == YAML_LIST && o->type == OPT_STR && value->count) {
		set_joined(r, to, key->text, value);
	} else if (value->type != YAML_SCALAR) {
		snprintf(err, sizeof(err), "%s: needs a value, not %s", o->key,
			 value->type == YAML_NULL  ? "nothing"
			 : value->type == YAML_MAP ? "a map"
						   : "a list");
		problem(r, value, to->of, err);
	} else if (set(r, to, key->text, value->text, o->type == OPT_LIST && value->quoted, err,
		       sizeof(err))) {
		problem(r, value, to->of, err);
	}
}

static void set_options(const struct reader *r, const struct target *to,
			const struct yaml_node *map)
{
	if (map->type == YAML_NULL)
		return;
	if (map->type != YAML_MAP) {
		problem(r, map, to->of, "needs a map of options");
		return;
	}
	for (uint32_t i = 0; i < map->count; i++)
		set_option(r, to, map->items[2 * i], map->items[2 * i + 1]);
}

static void output_map(const struct reader *r, const struct yaml_node *name,
		       const struct yaml_node *options)
{
	struct config_output o = { 0 };
	char err[CONFIG_ERR], of[80];
	struct target to;

	if (config_output_new(&o, name->text, err, sizeof(err))) {
		problem(r, name, NULL, err);
		return;
	}
	snprintf(of, sizeof(of), "%s", o.sink->name);
	to = (struct target){ of, o.sink->opts, egress_opts, o.cfg, &o.queue };
	set_options(r, &to, options);
	if (config_output_add(r->c, &o, err, sizeof(err))) {
		problem(r, name, NULL, err);
		config_output_free(&o);
	}
}

/* `kafka:` with a map of options, or the text of the command line: kafka:brokers=… */
static void output_item(const struct reader *r, const struct yaml_node *n)
{
	char err[CONFIG_ERR];

	if (n->type == YAML_MAP && n->count == 1)
		output_map(r, n->items[0], n->items[1]);
	else if (n->type != YAML_SCALAR)
		problem(r, n, "outputs",
			"an item is the name of one sink with its options under it");
	else if (config_add_output(r->c, n->text, err, sizeof(err)))
		problem(r, n, NULL, err);
}

static void read_outputs(const struct reader *r, const struct yaml_node *list)
{
	if (list->type != YAML_LIST || !list->count) {
		problem(r, list, "outputs", "needs a list of sinks");
		return;
	}
	config_outputs_clear(r->c);
	for (uint32_t i = 0; i < list->count; i++)
		output_item(r, list->items[i]);
}

static void read_enrichers(const struct reader *r, const struct yaml_node *map)
{
	if (map->type != YAML_MAP) {
		problem(r, map, "enrichers", "needs a map of enrichers and their options");
		return;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		const struct yaml_node *name = map->items[2 * i];
		char err[CONFIG_ERR];
		int at = config_enricher_find(name->text, err, sizeof(err));
		struct target to;

		if (at < 0) {
			problem(r, name, "enrichers", err);
			continue;
		}
		to = (struct target){ .of = enrichers[at]->name,
				      .t = enrichers[at]->opts,
				      .cfg = r->c->enricher_cfg[at] };
		set_options(r, &to, map->items[2 * i + 1]);
	}
}

static void read_root(const struct reader *r, const struct yaml_node *root)
{
	const struct target top = { 0 };

	if (root->type == YAML_NULL)
		return;
	if (root->type != YAML_MAP) {
		problem(r, root, NULL, "a configuration is a map of options");
		return;
	}
	for (uint32_t i = 0; i < root->count; i++) {
		const struct yaml_node *key = root->items[2 * i], *value = root->items[2 * i + 1];

		if (str_eq(key->text, STR("outputs")))
			read_outputs(r, value);
		else if (str_eq(key->text, STR("enrichers")))
			read_enrichers(r, value);
		else
			set_option(r, &top, key, value);
	}
}

static int read_doc(struct config *c, const char *file, struct yaml_doc *doc, struct diags *d)
{
	const struct reader r = { c, file, d };
	uint32_t before = d->errors;

	read_root(&r, yaml_root(doc));
	yaml_doc_free(doc);
	return d->errors > before ? -EINVAL : 0;
}

int config_load_text(struct config *c, const char *file, struct str text, struct diags *d)
{
	struct yaml_doc *doc = NULL;
	int rc = yaml_parse(&doc, file, text, d);

	return rc ? rc : read_doc(c, file, doc, d);
}

int config_load_file(struct config *c, const char *path, struct diags *d)
{
	struct yaml_doc *doc = NULL;
	int rc = yaml_load(&doc, path, d);

	return rc ? rc : read_doc(c, path, doc, d);
}
