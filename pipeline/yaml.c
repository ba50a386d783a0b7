/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * YAML text to a tree (yaml.h), from libyaml's events. The document owns a copy of the source,
 * for positions, and a pool that holds every node and text; nothing is freed singly.
 * No recursion: open collections are frames of a fixed stack, and the children of all of them
 * wait on one stack of nodes until their collection ends.
 */
#include "pipeline/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <yaml.h>

#include "pipeline/pool.h"
#include "pipeline/util.h"

enum { KEYS_SCANNED = 8 };

struct yaml_doc {
	struct str source;
	struct pool pool;
	const struct yaml_node *root;
	uint32_t nodes;
};

/* An open list or map. */
struct frame {
	struct yaml_node *node;
	uint32_t first; /* of its children on the stack */
};

struct builder {
	struct yaml_doc *doc;
	const char *file;
	struct diags *d;
	struct frame frames[YAML_MAX_DEPTH];
	uint32_t depth;
	struct yaml_node **stack;
	uint32_t top, cap;
	size_t mark_chars, mark_bytes; /* one place in the source, counted both ways */
	uint32_t documents;
	int err;
};

/* Stops the parse. */
__attribute__((format(printf, 5, 6))) static void fail(struct builder *b, int err, uint32_t line,
						       uint32_t column, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	diag_add(b->d, b->file, line, column, "%s", text);
	b->err = err;
}

static bool is_ascii_8(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return !(word & 0x8080808080808080ULL);
}

/* libyaml counts characters; nodes keep byte offsets. Marks mostly go forward. */
static uint32_t source_offset(struct builder *b, size_t chars)
{
	const char *p = b->doc->source.p;
	size_t len = b->doc->source.len, at = b->mark_bytes, n = b->mark_chars;

	while (n + 8 <= chars && at + 8 <= len && is_ascii_8(p + at)) {
		at += 8;
		n += 8;
	}
	for (; n < chars && at < len; n++)
		for (at++; at < len && (p[at] & 0xc0) == 0x80; at++)
			;
	for (; n > chars && at; n--)
		for (at--; at && (p[at] & 0xc0) == 0x80; at--)
			;
	b->mark_bytes = at;
	b->mark_chars = n;
	return (uint32_t)at;
}

static struct yaml_node *node_new(struct builder *b, const yaml_event_t *ev, enum yaml_type type)
{
	struct yaml_node *n;

	if (++b->doc->nodes > YAML_MAX_NODES) {
		fail(b, -E2BIG, (uint32_t)ev->start_mark.line + 1,
		     (uint32_t)ev->start_mark.column + 1, "more than %d nodes", YAML_MAX_NODES);
		return NULL;
	}
	n = pool_get(&b->doc->pool, sizeof(*n));
	if (!n) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		return NULL;
	}
	*n = (struct yaml_node){
		.type = (uint8_t)type,
		.text = STR(""),
		.line = (uint32_t)ev->start_mark.line + 1,
		.column = (uint32_t)ev->start_mark.column + 1,
		.source = source_offset(b, ev->start_mark.index),
	};
	return n;
}

static bool expects_key(const struct builder *b)
{
	const struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	return f && f->node->type == YAML_MAP && (b->top - f->first) % 2 == 0;
}

/* Hands a finished or opened node to the collection it is in, or makes it the root. */
static void place(struct builder *b, struct yaml_node *n)
{
	struct yaml_node **grown;

	if (!b->depth) {
		b->doc->root = n;
		return;
	}
	if (expects_key(b) && n->type != YAML_SCALAR)
		fail(b, -EINVAL, n->line, n->column, "a key must be plain text");
	if (b->top == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		grown = realloc(b->stack, sizeof(*grown) * b->cap);
		if (!grown) {
			fail(b, -ENOMEM, 0, 0, "out of memory");
			return;
		}
		b->stack = grown;
	}
	b->stack[b->top++] = n;
}

static bool is_null(struct str s)
{
	return !s.len || str_eq(s, STR("~")) || str_eq(s, STR("null")) || str_eq(s, STR("Null")) ||
	       str_eq(s, STR("NULL"));
}

static void refuse_extras(struct builder *b, const yaml_event_t *ev, const unsigned char *anchor,
			  const unsigned char *tag)
{
	uint32_t line = (uint32_t)ev->start_mark.line + 1,
		 column = (uint32_t)ev->start_mark.column + 1;

	if (anchor)
		fail(b, -EINVAL, line, column, "anchors are not supported (&%s)",
		     (const char *)anchor);
	if (tag)
		fail(b, -EINVAL, line, column, "tags are not supported (%s)", (const char *)tag);
}

static void on_scalar(struct builder *b, const yaml_event_t *ev)
{
	bool key = expects_key(b);
	size_t len = ev->data.scalar.length;
	struct yaml_node *n;
	char *text;

	refuse_extras(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
	n = node_new(b, ev, YAML_SCALAR);
	if (!n)
		return;
	text = pool_get(&b->doc->pool, len + 1);
	if (!text) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		return;
	}
	memcpy(text, ev->data.scalar.value, len);
	text[len] = '\0';
	n->text = (struct str){ text, (uint32_t)len };
	n->style = (uint8_t)ev->data.scalar.style;
	n->quoted = n->style != YAML_PLAIN_SCALAR_STYLE;
	if (!key && !n->quoted && is_null(n->text))
		n->type = YAML_NULL;
	place(b, n);
}

/* An error; something takes its place, so that keys and values still pair up. */
static void on_alias(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node *n = node_new(b, ev, expects_key(b) ? YAML_SCALAR : YAML_NULL);

	if (!n)
		return;
	fail(b, -EINVAL, n->line, n->column, "aliases are not supported (*%s)",
	     (const char *)ev->data.alias.anchor);
	place(b, n);
}

static void on_open(struct builder *b, const yaml_event_t *ev, enum yaml_type type)
{
	struct yaml_node *n = node_new(b, ev, type);

	if (!n)
		return;
	place(b, n);
	if (b->depth == YAML_MAX_DEPTH) {
		fail(b, -E2BIG, n->line, n->column, "nested deeper than %d", YAML_MAX_DEPTH);
		return;
	}
	b->frames[b->depth++] = (struct frame){ n, b->top };
}

static int by_text(const void *x, const void *y)
{
	const struct yaml_node *a = *(struct yaml_node *const *)x,
			       *c = *(struct yaml_node *const *)y;
	int r = memcmp(a->text.p, c->text.p, MIN(a->text.len, c->text.len));

	if (!r)
		r = (a->text.len > c->text.len) - (a->text.len < c->text.len);
	return r ? r : (a->source > c->source) - (a->source < c->source);
}

static bool same_key(const struct yaml_node *x, const struct yaml_node *y)
{
	return x->type == YAML_SCALAR && y->type == YAML_SCALAR && str_eq(x->text, y->text);
}

static void report_duplicate(struct builder *b, const struct yaml_node *again,
			     const struct yaml_node *first)
{
	fail(b, -EINVAL, again->line, again->column,
	     "key %.*s is here a second time (first on line %u)", (int)MIN(again->text.len, 100u),
	     again->text.p, first->line);
}

static void check_keys(struct builder *b, const struct yaml_node *map)
{
	struct yaml_node **keys;

	if (map->count <= KEYS_SCANNED) {
		for (uint32_t i = 1; i < map->count; i++)
			for (uint32_t j = 0; j < i; j++)
				if (same_key(map->items[i * 2], map->items[j * 2])) {
					report_duplicate(b, map->items[i * 2], map->items[j * 2]);
					break;
				}
		return;
	}
	keys = malloc(sizeof(struct yaml_node *) * map->count);
	if (!keys) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < map->count; i++)
		keys[i] = map->items[i * 2];
	qsort(keys, map->count, sizeof(struct yaml_node *), by_text);
	for (uint32_t i = 1; i < map->count; i++)
		if (same_key(keys[i], keys[i - 1]))
			report_duplicate(b, keys[i], keys[i - 1]);
	free(keys);
}

static void on_close(struct builder *b)
{
	struct frame f = b->frames[--b->depth];
	uint32_t n = b->top - f.first;

	f.node->count = f.node->type == YAML_MAP ? n / 2 : n;
	f.node->items = pool_get(&b->doc->pool, sizeof(struct yaml_node *) * n);
	if (!f.node->items) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		f.node->count = 0;
	} else if (n) {
		memcpy(f.node->items, b->stack + f.first, sizeof(struct yaml_node *) * n);
	}
	b->top = f.first;
	if (f.node->type == YAML_MAP)
		check_keys(b, f.node);
}

static void on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++b->documents > 1)
			fail(b, -EINVAL, (uint32_t)ev->start_mark.line + 1,
			     (uint32_t)ev->start_mark.column + 1,
			     "a second document; one a file is allowed");
		break;
	case YAML_SCALAR_EVENT: on_scalar(b, ev); break;
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		on_open(b, ev, YAML_LIST);
		break;
	case YAML_MAPPING_START_EVENT:
		refuse_extras(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		on_open(b, ev, YAML_MAP);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: on_close(b); break;
	case YAML_ALIAS_EVENT: on_alias(b, ev); break;
	default: break;
	}
}

/* Errors below the syntax carry a byte offset and no mark. */
static void offset_position(struct str source, size_t offset, uint32_t *line, uint32_t *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset && i < source.len; i++) {
		if (source.p[i] == '\n') {
			++*line;
			*column = 1;
		} else if ((source.p[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

static void report_syntax(struct builder *b, const yaml_parser_t *p)
{
	const char *problem = p->problem ? p->problem : "cannot be read";
	uint32_t line = (uint32_t)p->problem_mark.line + 1,
		 column = (uint32_t)p->problem_mark.column + 1;

	if (p->error == YAML_MEMORY_ERROR) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		return;
	}
	if (p->error == YAML_READER_ERROR)
		offset_position(b->doc->source, p->problem_offset, &line, &column);
	if (p->error != YAML_READER_ERROR && p->context)
		fail(b, -EINVAL, line, column, "not valid YAML: %s, %s on line %u", problem,
		     p->context, (uint32_t)p->context_mark.line + 1);
	else
		fail(b, -EINVAL, line, column, "not valid %s: %s",
		     p->error == YAML_READER_ERROR ? "text" : "YAML", problem);
}

static void run(struct builder *b)
{
	yaml_parser_t parser;
	yaml_event_t ev;
	bool more = true;

	if (!yaml_parser_initialize(&parser)) {
		fail(b, -ENOMEM, 0, 0, "out of memory");
		return;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)b->doc->source.p,
				     b->doc->source.len);
	/* What is wrong with a node still lets the rest be read; a limit does not. */
	while (more && (!b->err || b->err == -EINVAL) && b->documents < 2) {
		if (!yaml_parser_parse(&parser, &ev)) {
			report_syntax(b, &parser);
			break;
		}
		on_event(b, &ev);
		more = ev.type != YAML_STREAM_END_EVENT && ev.type != YAML_NO_EVENT;
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
}

/* Is it worth to begin? Where there are fewer bytes than nodes may be, they are counted as they come. */
static void count_first(struct builder *b)
{
	struct yaml_count n = { .nodes_max = YAML_MAX_NODES, .items_max = UINT64_MAX };

	if (b->doc->source.len <= YAML_MAX_NODES)
		return;
	yaml_count(b->doc->source, &n);
	if (n.nodes > YAML_MAX_NODES)
		fail(b, -E2BIG, n.line, n.column, "more than %d nodes", YAML_MAX_NODES);
}

int yaml_parse(struct yaml_doc **out, const char *file, struct str text, struct diags *d)
{
	static const struct yaml_node empty = { .type = YAML_NULL, .line = 1, .column = 1 };
	struct builder b = { .file = file, .d = d };
	char *copy;

	if (text.len > YAML_MAX_BYTES) {
		diag_add(d, file, 0, 0, "larger than %d bytes", YAML_MAX_BYTES);
		return -E2BIG;
	}
	if (str_starts(
		    text,
		    STR("\xef\xbb\xbf"))) { /* a byte order mark; libyaml counts it as a column */
		text.p += 3;
		text.len -= 3;
	}
	b.doc = calloc(1, sizeof(*b.doc));
	copy = b.doc ? pool_get(&b.doc->pool, text.len + 1u) : NULL;
	if (!copy) {
		yaml_doc_free(b.doc);
		diag_add(d, file, 0, 0, "out of memory");
		return -ENOMEM;
	}
	if (text.len)
		memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	b.doc->source = (struct str){ copy, text.len };
	count_first(&b);
	if (!b.err)
		run(&b);
	free(b.stack);
	if (b.err) {
		yaml_doc_free(b.doc);
		return b.err;
	}
	if (!b.doc->root)
		b.doc->root = &empty;
	*out = b.doc;
	return 0;
}

const struct yaml_node *yaml_root(const struct yaml_doc *doc)
{
	return doc->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	struct str k = str_of(key);

	if (!map || map->type != YAML_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->count; i++)
		if (str_eq(map->items[i * 2]->text, k))
			return map->items[i * 2 + 1];
	return NULL;
}

struct str yaml_source(const struct yaml_doc *doc)
{
	return doc->source;
}

uint32_t yaml_nodes(const struct yaml_doc *doc)
{
	return doc->nodes;
}

void yaml_doc_free(struct yaml_doc *doc)
{
	if (doc)
		pool_free(&doc->pool);
	free(doc);
}
