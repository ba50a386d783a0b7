/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * YAML text to a tree with positions. The only user of libyaml. Limits are stated here and
 * refused with a position: nothing hostile makes it use more memory than a small multiple of
 * its input.
 */
#ifndef TOCSIN_YAML_H
#define TOCSIN_YAML_H

#include "pipeline/diag.h"
#include "pipeline/str.h"

enum { YAML_MAX_DEPTH = 32, YAML_MAX_NODES = 2000000, YAML_MAX_BYTES = 64 << 20 };

enum yaml_type { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	uint8_t type;		/* enum yaml_type */
	bool quoted;		/* scalar written with quotes or as a block */
	uint8_t style;		/* of a scalar: libyaml's, for yaml_where */
	uint32_t line, column;	/* from 1; columns count characters */
	uint32_t source;	/* byte offset of its first character in the file */
	struct str text;	/* scalar */
	/* LIST: items. MAP: keys and values alternate, keys are scalars; duplicate keys are errors.
	 * A value that is null, ~ or not there at all is YAML_NULL. Tags are refused. */
	struct yaml_node **items;
	uint32_t count;		/* LIST: items; MAP: pairs */
};

struct yaml_doc;

/* Reads one document (a second one is an error; anchors and aliases are refused, which is what
 * keeps a bomb out; merge keys with them). 0 and *out, or -EINVAL, -E2BIG, -ENOMEM with the reason in d. */
int yaml_parse(struct yaml_doc **out, const char *file, struct str text, struct diags *d);
/* What yaml_count counts, and where it ends soon after. */
struct yaml_count {
	uint64_t nodes_max, items_max;	/* UINT64_MAX: no end */
	const char *list;	/* a key of the map that the text is, for items; NULL: none */
	uint64_t nodes, items;	/* out: of all; of that list */
	uint32_t line, column;	/* out: where there were more than may be, else 0 */
};

/* How many nodes the text is made of, and items its list, at least: counted some 15 times faster than
 * by reading it. Of what is valid and has neither anchors nor tags it is nearly all of them. */
void yaml_count(struct str text, struct yaml_count *n);
/* Reads the file first: -errno of open/read with the reason in d; a FIFO, device or directory is refused. */
int yaml_load(struct yaml_doc **out, const char *file, struct diags *d);
const struct yaml_node *yaml_root(const struct yaml_doc *doc);	/* YAML_NULL node for an empty file */
struct str yaml_source(const struct yaml_doc *doc);
uint32_t yaml_nodes(const struct yaml_doc *doc);	/* how many it is made of */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);	/* value or NULL */
/* Line and column of byte `offset` of the scalar n's text in the file: exact for plain and quoted
 * scalars also where they are folded or escaped, and for blocks. offset may be n->text.len. */
void yaml_where(const struct yaml_doc *doc, const struct yaml_node *n, uint32_t offset, uint32_t *line,
		uint32_t *column);
void yaml_doc_free(struct yaml_doc *doc);	/* not yaml_free: libyaml has one of its own */

#endif
