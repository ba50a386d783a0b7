/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * YAML: any text. What loads is a tree whose every text has a place in the file.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc *doc = NULL;
	struct diags d = { 0 };

	if (size > 1 << 16)
		return 0;
	if (!yaml_parse(&doc, "fuzz", (struct str){ (const char *)data, (uint32_t)size }, &d)) {
		if (d.errors)
			abort();
		walk(doc, yaml_root(doc), 0);
		yaml_doc_free(doc);
	} else if (!d.errors) {
		abort();
	}
	diags_free(&d);
	return 0;
}
