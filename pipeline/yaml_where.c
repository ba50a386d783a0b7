/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * yaml_where: from a byte of a scalar's text back to its place in the file. libyaml keeps only
 * where a scalar starts, so the source is walked from there, in step with the text: escapes,
 * doubled quotes, folded lines and the indentation of blocks take more bytes in the one than in
 * the other. Used for error messages alone.
 */
#include <yaml.h>

#include "pipeline/yaml.h"

struct walk {
	const char *p; /* source */
	uint32_t at, len;
	uint32_t line, column;
};

static char peek(const struct walk *w, uint32_t ahead)
{
	return w->at + ahead < w->len ? w->p[w->at + ahead] : '\0';
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One byte on. */
static void step(struct walk *w)
{
	char c = peek(w, 0);

	if (w->at >= w->len)
		return;
	w->at++;
	if (c == '\n' || (c == '\r' && peek(w, 0) != '\n')) {
		w->line++;
		w->column = 1;
	} else if (c != '\r' && (peek(w, 0) & 0xc0) != 0x80) {
		w->column++;
	}
}

static void skip_blanks(struct walk *w)
{
	while (is_blank(peek(w, 0)))
		step(w);
}

/* Passes a line break with its indentation; the number of breaks. */
static uint32_t skip_breaks(struct walk *w)
{
	uint32_t n = 0;

	while (is_break(peek(w, 0))) {
		n += peek(w, 0) == '\n' || peek(w, 1) != '\n';
		step(w);
		if (!is_break(peek(w, 0)) || n)
			skip_blanks(w);
	}
	return n;
}

/* Is only white space left on this line, and is there a next one? */
static bool folds_here(const struct walk *w)
{
	uint32_t i = 0;

	while (is_blank(peek(w, i)))
		i++;
	return is_break(peek(w, i));
}

/* Bytes of text that the escape at the backslash makes; passes it. */
static uint32_t pass_escape(struct walk *w)
{
	uint32_t digits = 0, code = 0, made;

	step(w);
	if (is_break(peek(w, 0))) {
		skip_breaks(w);
		return 0;
	}
	switch (peek(w, 0)) {
	case 'x': digits = 2; break;
	case 'u': digits = 4; break;
	case 'U': digits = 8; break;
	case 'N':
	case '_': made = 2; break; /* U+0085, U+00A0 */
	case 'L':
	case 'P': made = 3; break; /* U+2028, U+2029 */
	default: made = 1; break;
	}
	step(w);
	if (!digits)
		return made;
	for (uint32_t i = 0; i < digits; i++, step(w)) {
		char c = peek(w, 0);

		code = code << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/* Plain and quoted scalars: until `offset` bytes of text lie behind. */
static void walk_flow(struct walk *w, uint32_t offset, char quote)
{
	uint32_t made = 0;

	while (made < offset && w->at < w->len) {
		char c = peek(w, 0);

		if (quote == '"' && c == '\\') {
			struct walk before = *w;

			made += pass_escape(w);
			if (made > offset)
				*w = before;
		} else if (quote == '\'' && c == '\'') {
			step(w);
			step(w);
			made++;
		} else if ((is_blank(c) || is_break(c)) && folds_here(w)) {
			uint32_t breaks;

			skip_blanks(w);
			breaks = skip_breaks(w);
			made += breaks > 1 ? breaks - 1 : 1;
		} else {
			step(w);
			made++;
		}
	}
	/* What an escaped line break takes is before the next character. */
	while (quote == '"' && peek(w, 0) == '\\' && is_break(peek(w, 1)))
		pass_escape(w);
}

/* Column of the first character of a block's lines, found at its first line with text. */
static uint32_t block_indent(struct walk w, struct str text)
{
	uint32_t lead = 0, spaces;

	while (lead < text.len && text.p[lead] == '\n')
		lead++;
	for (;;) {
		struct walk line = w;

		for (spaces = 0; peek(&w, 0) == ' '; spaces++)
			step(&w);
		if (!is_break(peek(&w, 0)) || w.at >= w.len)
			break;
		while (is_break(peek(&w, 0)) && w.line == line.line)
			step(&w);
	}
	for (; lead < text.len && text.p[lead] == ' ' && spaces; lead++)
		spaces--;
	return spaces;
}

/* Literal and folded blocks. A run of breaks in the source is as many newlines of text, or
 * where lines are folded fewer, or one space. */
static void walk_block(struct walk *w, struct str text, uint32_t offset)
{
	uint32_t indent, breaks, kept, made = 0;

	while (w->at < w->len && !is_break(peek(w, 0)))
		step(w);
	step(w);
	indent = block_indent(*w, text);
	for (uint32_t i = 0; i < indent && peek(w, 0) == ' '; i++)
		step(w);
	for (;;) {
		while (made < offset && w->at < w->len && !is_break(peek(w, 0))) {
			step(w);
			made++;
		}
		if (made >= offset || w->at >= w->len)
			return;
		breaks = 0;
		do {
			step(w);
			breaks++;
			for (uint32_t i = 0; i < indent && peek(w, 0) == ' '; i++)
				step(w);
		} while (is_break(peek(w, 0)));
		kept = 0;
		while (made + kept < text.len && text.p[made + kept] == '\n' && kept < breaks)
			kept++;
		made += kept ? kept : 1; /* 1: folded into a space */
	}
}

void yaml_where(const struct yaml_doc *doc, const struct yaml_node *n, uint32_t offset,
		uint32_t *line, uint32_t *column)
{
	struct str source = yaml_source(doc);
	struct walk w = { source.p, n->source, source.len, n->line, n->column };

	if (offset > n->text.len)
		offset = n->text.len;
	switch (n->style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		step(&w);
		walk_flow(&w, offset, '\'');
		break;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		step(&w);
		walk_flow(&w, offset, '"');
		break;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE: walk_block(&w, n->text, offset); break;
	default: walk_flow(&w, offset, '\0'); break;
	}
	*line = w.line;
	*column = w.column;
}
