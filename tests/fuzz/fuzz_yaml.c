/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * YAML: any text. What loads is a tree whose every text has a place in the file, of no fewer nodes
 * than were counted first.
 */
#include <stdlib.h>

#include "pipeline/yaml.h"

static void walk(const struct yaml_doc *doc, const struct yaml_node *n, uint32_t depth)
{
	uint32_t items = n->type == YAML_MAP ? n->count * 2 : n->type == YAML_LIST ? n->count : 0;
	uint32_t line, column;

	if (depth > YAML_MAX_DEPTH + 1 || !n->line || !n->column)
		abort();
	if (n->type == YAML_SCALAR && n->text.len < 300) {
		for (uint32_t i = 0; i <= n->text.len; i++) {
			yaml_where(doc, n, i, &line, &column);
			if (line < n->line || !column)
				abort();
		}
	}
	for (uint32_t i = 0; i < items; i++)
		walk(doc, n->items[i], depth + 1);
	for (uint32_t i = 0; n->type == YAML_MAP && i < n->count && i < 50; i++)
		if (n->items[i * 2]->type != YAML_SCALAR ||
		    (!memchr(n->items[i * 2]->text.p, 0, n->items[i * 2]->text.len) &&
		     yaml_get(n, n->items[i * 2]->text.p) != n->items[i * 2 + 1]))
			abort();
}

static uint64_t count(struct str text, uint64_t most)
{
	struct yaml_count n = { .nodes_max = most, .items_max = most, .list = "policies" };

	yaml_count(text, &n);
	if (n.nodes > most && (n.nodes > most + 2 || !n.line || !n.column || n.line > text.len + 1))
		abort();
	return n.nodes;
}

/* Are there no fewer items of the list? */
static void check_items(struct str text, const struct yaml_doc *doc)
{
	struct yaml_count n = { .nodes_max = UINT64_MAX, .items_max = UINT64_MAX, .list = "a" };
	const struct yaml_node *list = yaml_get(yaml_root(doc), "a");

	yaml_count(text, &n);
	if (list && list->type == YAML_LIST && n.items > list->count)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc *doc = NULL;
	struct str text = { (const char *)data, (uint32_t)size };
	struct diags d = { 0 };
	uint64_t n;

	if (size > 1 << 16)
		return 0;
	n = count(text, UINT64_MAX);
	if (n > 1)
		count(text, n / 2);
	if (!yaml_parse(&doc, "fuzz", text, &d)) {
		if (d.errors || n > (yaml_nodes(doc) ? yaml_nodes(doc) : 1))
			abort();
		check_items(text, doc);
		walk(doc, yaml_root(doc), 0);
		yaml_doc_free(doc);
	} else if (!d.errors) {
		abort();
	}
	diags_free(&d);
	return 0;
}
