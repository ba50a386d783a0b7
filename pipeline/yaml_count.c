/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * yaml_count: how many nodes a text has at least, by its tokens alone. It follows the rules that
 * libyaml's scanner has for where a token begins (indentation, simple keys, how a scalar goes on),
 * and counts places for nodes: one of an entry of a list, two of a pair of a map, one of the root.
 * Items of the list of a key are counted where the entries of the first one's column are.
 * In doubt it counts nothing; where libyaml is sure to give up, it stops.
 */
#include "pipeline/yaml.h"

#include "pipeline/util.h"

enum { INDENTS_MAX = 2 * YAML_MAX_DEPTH, KEY_MAX = 1024, NO_COLUMN = UINT32_MAX };

/* An open list or map in brackets. */
struct flow {
	bool map;
	bool any; /* something since it began, or since the last comma */
	bool pair; /* of a list: an entry that is a pair, which is counted */
};

struct counting {
	const char *p, *end, *line; /* line: where that of p begins */
	struct yaml_count *n;
	struct str list;
	bool in_list; /* in the value of that key */
	uint32_t list_column; /* of its entries without brackets; NO_COLUMN: none was seen */
	uint32_t indents[INDENTS_MAX],
		nindents; /* columns of open lists and maps without brackets */
	struct flow flows[YAML_MAX_DEPTH];
	uint32_t nflows;
	bool key_allowed;
	bool only_newlines; /* no other byte begins a line break */
	const char *key; /* begin of what is a key where a colon follows on its line; NULL: none */
	const char *key_line;
};

/* What ends a run of plain bytes in a scalar. */
enum { BREAK = 1, COLON = 2, HASH = 4, FLOW = 8, DOUBLE = 16, SINGLE = 32 };

static const uint8_t classes[256] = {
	['\n'] = BREAK, ['\r'] = BREAK, [0xc2] = BREAK,  [0xe2] = BREAK,  [':'] = COLON,
	['#'] = HASH,   [','] = FLOW,   ['['] = FLOW,    [']'] = FLOW,    ['{'] = FLOW,
	['}'] = FLOW,   ['"'] = DOUBLE, ['\\'] = DOUBLE, ['\''] = SINGLE,
};

/* Bytes of the line break at p, 0: there is none. */
static uint32_t break_at(const struct counting *c, const char *p)
{
	if (p >= c->end)
		return 0;
	if (*p == '\n' || *p == '\r')
		return 1;
	if (c->end - p >= 2 && !memcmp(p, "\xc2\x85", 2))
		return 2;
	return c->end - p >= 3 && (!memcmp(p, "\xe2\x80\xa8", 3) || !memcmp(p, "\xe2\x80\xa9", 3))
		       ? 3
		       : 0;
}

static inline bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static bool ends_word(const struct counting *c, const char *p)
{
	return p >= c->end || is_blank(*p) || !*p || break_at(c, p);
}

static inline void stop(struct counting *c)
{
	c->end = c->p;
}

static inline void add(struct counting *c, uint32_t nodes)
{
	c->n->nodes += nodes;
	if (c->n->nodes > c->n->nodes_max)
		stop(c);
}

static inline void add_item(struct counting *c)
{
	if (++c->n->items > c->n->items_max)
		stop(c);
}

static inline uint32_t column(const struct counting *c)
{
	return (uint32_t)(c->p - c->line);
}

/* Of the innermost list or map without brackets, from 1; 0: there is none. */
static inline uint32_t indent(const struct counting *c)
{
	return c->nindents ? c->indents[c->nindents - 1] + 1 : 0;
}

static void open_at(struct counting *c, uint32_t col)
{
	if (indent(c) > col)
		return;
	if (c->nindents == INDENTS_MAX)
		stop(c);
	else
		c->indents[c->nindents++] = col;
}

static void close_to(struct counting *c, uint32_t col)
{
	while (indent(c) > col + 1)
		c->nindents--;
}

static void take_break(struct counting *c, uint32_t bytes)
{
	c->p += bytes;
	c->line = c->p;
}

static void skip_class(struct counting *c, uint8_t class)
{
	while (c->p < c->end && !(classes[(uint8_t)*c->p] & class))
		c->p++;
}

static void skip_line(struct counting *c)
{
	const char *newline;

	if (c->only_newlines) {
		newline = memchr(c->p, '\n', (size_t)(c->end - c->p));
		c->p = newline ? newline : c->end;
		return;
	}
	for (skip_class(c, BREAK); c->p < c->end && !break_at(c, c->p); skip_class(c, BREAK))
		c->p++;
}

static void skip_blanks(struct counting *c)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
}

static bool is_document(const struct counting *c)
{
	return c->p == c->line && c->end - c->p >= 3 &&
	       (!memcmp(c->p, "---", 3) || !memcmp(c->p, "...", 3)) && ends_word(c, c->p + 3);
}

/* Something begins that may be a key. */
static void begin(struct counting *c)
{
	if (c->nflows) {
		c->flows[c->nflows - 1].any = true;
		return;
	}
	if (c->key_allowed) {
		c->key = c->p;
		c->key_line = c->line;
	}
	c->key_allowed = false;
}

/* To the next thing that is no blank or line break; what it is not on the line is a new one. */
static bool goes_on(struct counting *c)
{
	uint32_t n;

	for (skip_blanks(c); (n = break_at(c, c->p)); skip_blanks(c))
		take_break(c, n);
	if (c->p >= c->end || *c->p == '#' || is_document(c) ||
	    (!c->nflows && column(c) < indent(c))) {
		c->key_allowed = !c->nflows;
		return false;
	}
	return true;
}

static void plain(struct counting *c)
{
	const uint8_t class = BREAK | COLON | HASH | (c->nflows ? FLOW : 0);

	begin(c);
	for (; c->p < c->end; c->p++) {
		skip_class(c, class);
		if (c->p >= c->end)
			return;
		if (break_at(c, c->p)) {
			if (!goes_on(c))
				return;
			c->p--;
			continue;
		}
		switch (*c->p) {
		case ':':
			if (ends_word(c, c->p + 1))
				return;
			break;
		case '#':
			if (is_blank(c->p[-1]))
				return;
			break;
		case ',':
		case '[':
		case ']':
		case '{':
		case '}': return;
		default: break;
		}
	}
}

static void quoted(struct counting *c)
{
	const char quote = *c->p;
	const uint8_t class = BREAK | (quote == '"' ? DOUBLE : SINGLE);
	uint32_t n;

	begin(c);
	for (c->p++; c->p < c->end;) {
		skip_class(c, class);
		n = break_at(c, c->p);
		if (n) {
			take_break(c, n);
		} else if (c->p < c->end && *c->p == quote) {
			c->p++;
			if (quote == '"' || c->p >= c->end || *c->p != quote)
				return;
			c->p++;
		} else if (c->p < c->end) {
			c->p += *c->p == '\\' && c->end - c->p > 1 && !break_at(c, c->p + 1) ? 2
											     : 1;
		}
	}
}

/* Spaces at the begin of the line, at most `most` of them. */
static uint32_t take_spaces(struct counting *c, uint32_t most)
{
	while (c->p < c->end && *c->p == ' ' && column(c) < most)
		c->p++;
	return column(c);
}

/* The indentation of a block's lines: as its header says, or as the first that is not empty has. */
static uint32_t block_indent(struct counting *c, uint32_t said)
{
	uint32_t deepest = 0, n;

	if (said)
		return (c->nindents ? indent(c) - 1 : 0) + said;
	for (;;) {
		deepest = MAX(deepest, take_spaces(c, UINT32_MAX));
		n = break_at(c, c->p);
		if (!n)
			break;
		take_break(c, n);
	}
	deepest = MAX(deepest, indent(c));
	return MAX(deepest, 1u);
}

static void block(struct counting *c)
{
	uint32_t said = 0, n, deep;

	for (c->p++; c->p < c->end && strchr("+-123456789", *c->p) && *c->p; c->p++)
		if (*c->p > '0')
			said = (uint32_t)(*c->p - '0');
	skip_line(c);
	take_break(c, break_at(c, c->p));
	deep = block_indent(c, said);
	while (c->p < c->end) {
		n = take_spaces(c, deep);
		if (n == deep)
			skip_line(c);
		else if (!break_at(c, c->p))
			break;
		if (c->p < c->end)
			take_break(c, break_at(c, c->p));
	}
	c->key_allowed = true;
}

static void open_flow(struct counting *c)
{
	bool map = *c->p == '{';

	begin(c);
	if (c->nflows == YAML_MAX_DEPTH) {
		stop(c);
		return;
	}
	c->flows[c->nflows++] = (struct flow){ .map = map };
	c->p++;
}

/* A comma, or with last the end of it all. */
static void end_entry(struct counting *c, bool last)
{
	struct flow *f = c->nflows ? &c->flows[c->nflows - 1] : NULL;

	if (!f) {
		stop(c);
		return;
	}
	if (f->any) {
		add(c, f->map ? 2 : 1);
		if (c->in_list && c->nflows == 1 && !f->map)
			add_item(c);
	}
	f->any = f->pair = false;
	c->nflows -= last;
	c->p += c->p < c->end;
}

static void pair_in_flow(struct counting *c)
{
	struct flow *f = &c->flows[c->nflows - 1];

	f->any = true;
	if (!f->map && !f->pair)
		add(c, 2);
	f->pair = true;
	c->p += c->p < c->end;
}

static void entry(struct counting *c)
{
	if (c->nflows || !c->key_allowed) {
		stop(c);
		return;
	}
	open_at(c, column(c));
	if (c->in_list && c->list_column == NO_COLUMN)
		c->list_column = column(c);
	if (c->in_list && c->list_column == column(c))
		add_item(c);
	add(c, 1);
	c->p += c->p < c->end;
}

static void question(struct counting *c)
{
	if (c->nflows) {
		pair_in_flow(c);
	} else if (!c->key_allowed) {
		stop(c);
	} else {
		open_at(c, column(c));
		add(c, 2);
		c->p += c->p < c->end;
	}
}

static bool is_list_key(const struct counting *c)
{
	struct str key = { c->key, (uint32_t)(c->p - c->key) };

	while (key.len && is_blank(key.p[key.len - 1]))
		key.len--;
	return c->list.p && str_eq(key, c->list);
}

static void colon(struct counting *c)
{
	if (c->nflows) {
		pair_in_flow(c);
		return;
	}
	if (c->key && c->key_line == c->line && c->p - c->key <= KEY_MAX) {
		open_at(c, (uint32_t)(c->key - c->line));
		if (c->key == c->line) {
			c->in_list = is_list_key(c);
			c->list_column = NO_COLUMN;
		}
		add(c, 2);
		c->key_allowed = false;
	} else if (c->key_allowed) { /* of a question mark, which counts, or of no key */
		open_at(c, column(c));
	} else {
		stop(c);
	}
	c->key = NULL;
	c->p += c->p < c->end;
}

/* An anchor, an alias or a tag: refused, but read on past. */
static void extra(struct counting *c)
{
	begin(c);
	while (c->p < c->end && !ends_word(c, c->p) && !(classes[(uint8_t)*c->p] & FLOW))
		c->p++;
}

static void token(struct counting *c)
{
	switch (*c->p) {
	case '#': skip_line(c); return;
	case '[':
	case '{': open_flow(c); return;
	case ',': end_entry(c, false); return;
	case ']':
	case '}': end_entry(c, true); return;
	case '"':
	case '\'': quoted(c); return;
	case '&':
	case '*':
	case '!': extra(c); return;
	case '%':
	case '@':
	case '`': stop(c); return;
	case '|':
	case '>':
		if (c->nflows)
			stop(c);
		else
			block(c);
		return;
	case ':':
		if (c->nflows || ends_word(c, c->p + 1)) {
			colon(c);
			return;
		}
		break;
	case '-':
	case '?':
		if (ends_word(c, c->p + 1)) {
			(*c->p == '-' ? entry : question)(c);
			return;
		}
		break;
	default: break;
	}
	plain(c);
}

/* The line and column that p is in. */
static void place(struct counting *c, struct str text, uint32_t *line, uint32_t *col)
{
	const char *p = c->p, *line_of_p = c->line;

	c->end = text.p + text.len;
	*line = *col = 1;
	for (c->p = text.p; c->p < line_of_p;) {
		skip_line(c);
		take_break(c, MAX(break_at(c, c->p), 1u));
		++*line;
	}
	for (; c->p < p; c->p++)
		*col += (*c->p & 0xc0) != 0x80;
}

static void step(struct counting *c)
{
	uint32_t n = break_at(c, c->p);

	if (n) {
		take_break(c, n);
		c->key_allowed |= !c->nflows;
	} else if (!c->nflows && c->p == c->line && *c->p == '%') {
		skip_line(c);
	} else if (!c->nflows && is_document(c)) {
		c->nindents = 0;
		c->key_allowed = false;
		c->p += 3;
	} else {
		if (!c->nflows)
			close_to(c, column(c));
		token(c);
	}
}

void yaml_count(struct str text, struct yaml_count *n)
{
	struct counting c = { .p = text.p,
			      .end = text.p + text.len,
			      .n = n,
			      .list = str_of(n->list),
			      .key_allowed = true };

	if (str_starts(text, STR("\xef\xbb\xbf")))
		c.p += 3;
	c.line = c.p;
	c.only_newlines = text.len && !memchr(text.p, '\r', text.len) &&
			  !memchr(text.p, 0xc2, text.len) && !memchr(text.p, 0xe2, text.len);
	n->nodes = text.len != 0;
	n->items = n->line = n->column = 0;
	for (skip_blanks(&c); c.p < c.end; skip_blanks(&c))
		step(&c);
	if (n->nodes > n->nodes_max || n->items > n->items_max)
		place(&c, text, &n->line, &n->column);
}
