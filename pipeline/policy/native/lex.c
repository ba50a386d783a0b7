/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tokens of the native expression language. Stateless; load time.
 */
#include "pipeline/policy/native/parse.h"

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c) || c == '.' || c == '-';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void bad(struct token *t, uint32_t at, const char *why)
{
	t->type = TOKEN_BAD;
	t->why = why;
	t->why_at = at;
}

/* The escape whose backslash is at text.p[*at], between double quotes. */
static bool escape(struct str text, uint32_t *at, char *out)
{
	static const char from[] = "\\\"'nrt0", to[] = "\\\"'\n\r\t";
	char c = *at + 1 < text.len ? text.p[*at + 1] : 'z';
	const char *known = c ? strchr(from, c) : NULL;

	if (known) {
		*out = to[known - from]; /* for 0, the NUL that ends `to` */
		*at += 2;
		return true;
	}
	if (c == 'x' && *at + 3 < text.len) {
		int high = hex_digit(text.p[*at + 2]), low = hex_digit(text.p[*at + 3]);

		if (high < 0 || low < 0)
			return false;
		*out = (char)(high << 4 | low);
		*at += 4;
		return true;
	}
	return false;
}

static bool has_slash(const char *p, const char *end)
{
	return memchr(p, '\\', (size_t)(end - p));
}

/* Where the text that opens at t->at closes; text.len where it does not. */
static uint32_t closing_quote(struct str text, uint32_t at)
{
	char quote = text.p[at++];
	const char *next = memchr(text.p + at, quote, text.len - at);

	if (next && !has_slash(text.p + at, next))
		return (uint32_t)(next - text.p);
	for (; at < text.len && text.p[at] != quote; at++)
		at += text.p[at] == '\\';
	return at < text.len ? at : text.len;
}

/* Between single quotes a backslash is one, save before another or before the quote. */
static void quoted(struct str text, struct token *t, struct pool *pool)
{
	uint32_t end = closing_quote(text, t->at), at = t->at + 1, n = 0;
	bool escapes = text.p[t->at] == '"';
	char *out;

	if (end == text.len) {
		bad(t, t->at, "the quote does not end");
		return;
	}
	t->type = TOKEN_TEXT;
	t->end = end + 1;
	if (!pool) /* only looked at */
		return;
	out = pool_get(pool, end - at + 1);
	if (!out) {
		bad(t, t->at, "out of memory");
		return;
	}
	if (!has_slash(text.p + at, text.p + end)) {
		n = end - at;
		memcpy(out, text.p + at, n);
		at = end;
	}
	while (at < end) {
		bool slash = text.p[at] == '\\';

		if (slash && escapes) {
			if (!escape(text, &at, &out[n++])) {
				bad(t, at,
				    "no such escape: write \\\\ for a backslash, or use single quotes");
				return;
			}
			continue;
		}
		at += slash && (text.p[at + 1] == '\\' || text.p[at + 1] == '\'');
		out[n++] = text.p[at++];
	}
	t->text = (struct str){ out, n };
}

static void symbol(struct str text, struct token *t)
{
	char c = text.p[t->at], next = t->at + 1 < text.len ? text.p[t->at + 1] : '\0';

	t->type = TOKEN_SYMBOL;
	t->end = t->at + 1;
	if ((c == '!' || c == '<' || c == '>') && next == '=')
		t->end++;
	else if (c == '!')
		bad(t, t->at, "unexpected !: write not");
	else if (c == '=' && next == '=')
		bad(t, t->at, "write = and not ==");
	else if (c == '=' && next == '~')
		bad(t, t->at, "write regex and not =~");
	else if (c == '&')
		bad(t, t->at, "unexpected &: write and");
	else if (c == '|')
		bad(t, t->at, "unexpected |: write or");
	else if (c == '$')
		bad(t, t->at, "the name of a macro or list follows a $");
	else if (c == '[' || c == ']' || c == '{' || c == '}')
		bad(t, t->at, "unexpected bracket: lists are written in parentheses");
	else if (c == '\\')
		bad(t, t->at, "unexpected character: text is written in quotes");
	else if (!c || !strchr("=<>+-*/%", c))
		bad(t, t->at, "unexpected character");
}

struct token native_token(struct str text, uint32_t at, struct pool *pool)
{
	struct token t = { .type = TOKEN_END };
	char c;

	while (at < text.len && is_space(text.p[at]))
		at++;
	t.at = t.end = at;
	if (at == text.len)
		return t;
	c = text.p[at];
	t.end = at + 1;
	if (c == '(' || c == ')' || c == ',') {
		t.type = c == '(' ? TOKEN_OPEN : c == ')' ? TOKEN_CLOSE : TOKEN_COMMA;
	} else if (c == '"' || c == '\'') {
		quoted(text, &t, pool);
		return t;
	} else if (is_word_start(c) || is_digit(c) ||
		   (c == '-' && at + 1 < text.len && is_digit(text.p[at + 1]))) {
		t.type = is_word_start(c) ? TOKEN_WORD : TOKEN_NUMBER;
		while (t.end < text.len && is_word(text.p[t.end]))
			t.end++;
	} else if (c == '$' && t.end < text.len && is_word_start(text.p[t.end])) {
		t.type = TOKEN_NAME;
		while (t.end < text.len && is_word(text.p[t.end]))
			t.end++;
		t.text = (struct str){ text.p + at + 1, t.end - at - 1 };
		return t;
	} else {
		symbol(text, &t);
	}
	t.text = (struct str){ text.p + at, t.end - at };
	return t;
}
