/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Terms of the native expression language, by recursive descent:
 *
 *   term    = product { ( "+" | "-" ) product }
 *   product = factor { ( "*" | "/" | "%" ) factor }
 *   factor  = number | text | field | function "(" term { "," term } ")" | "(" term ")"
 *
 * A minus has white space before and after it: names and numbers may hold one. Load time.
 */
#include "pipeline/nearest.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

static struct term *new_term(struct parser *p, enum term_type type, uint32_t at)
{
	struct term *t = pool_get(p->x->pool, sizeof(*t));

	if (!t)
		return parser_no_memory(p);
	t->type = (uint8_t)type;
	t->at = p->base + at;
	return t;
}

static struct term *unknown_function(struct parser *p, const struct token *name)
{
	struct nearest near = { .word = name->text };

	for (uint32_t i = 0; i < FUNC_MAX; i++)
		nearest_offer(&near, funcs[i].word);
	parser_error(p, name->at, "unknown function %.*s%s%s%s", (int)MIN(name->text.len, 60u),
		     name->text.p, near.best ? "; did you mean " : "", near.best ? near.best : "",
		     near.best ? "?" : "");
	return NULL;
}

static bool close_paren(struct parser *p, const char *what)
{
	if (p->t.type != TOKEN_CLOSE)
		return parser_expected(p, what);
	parser_advance(p);
	p->depth--;
	return true;
}

/* After the name of a function, at its parenthesis. */
static struct term *read_call(struct parser *p, const struct token *name)
{
	enum func_id f = func_by_word(name->text);
	struct term *t =
		f < FUNC_MAX ? new_term(p, TERM_CALL, name->at) : unknown_function(p, name);

	if (!t || !parser_deeper(p))
		return NULL;
	t->op = (uint8_t)f;
	do {
		parser_advance(p); /* past ( or , */
		if (t->nargs == TERM_ARGS_MAX) {
			parser_error(p, p->t.at, "%s takes fewer values", funcs[f].word);
			return NULL;
		}
		t->args[t->nargs] = native_term(p);
		if (!t->args[t->nargs++])
			return NULL;
	} while (p->t.type == TOKEN_COMMA);
	return close_paren(p, ", or )") ? t : NULL;
}

static struct term *read_factor(struct parser *p)
{
	struct token first = p->t;
	struct term *t;

	if (first.type == TOKEN_OPEN) {
		if (!parser_deeper(p))
			return NULL;
		parser_advance(p);
		t = native_term(p);
		return t && close_paren(p, ")") ? t : NULL;
	}
	if (first.type == TOKEN_NUMBER || first.type == TOKEN_TEXT) {
		t = new_term(p, first.type == TOKEN_TEXT ? TERM_TEXT : TERM_NUMBER, first.at);
	} else {
		if (first.type != TOKEN_WORD || parser_is_keyword(first.text))
			return parser_expected(p, "a field");
		t = new_term(p, TERM_FIELD, first.at);
	}
	if (!t)
		return NULL;
	t->text = first.text;
	t->written = (struct str){ p->text.p + first.at, first.end - first.at };
	parser_advance(p);
	return t->type == TERM_FIELD && p->t.type == TOKEN_OPEN ? read_call(p, &first) : t;
}

static struct term *arith(struct parser *p, char op, struct term *a, struct term *b)
{
	struct term *t = b ? new_term(p, TERM_ARITH, a->at - p->base) : NULL;

	if (!t)
		return NULL;
	t->op = (uint8_t)op;
	t->args[0] = a;
	t->args[1] = b;
	t->nargs = 2;
	return t;
}

static bool at_operator(const struct parser *p, const char *which)
{
	return p->t.type == TOKEN_SYMBOL && p->t.text.len == 1 && strchr(which, p->t.text.p[0]);
}

static struct term *read_product(struct parser *p)
{
	struct term *t = read_factor(p);

	while (t && at_operator(p, "*/%")) {
		char op = p->t.text.p[0];

		parser_advance(p);
		t = arith(p, op, t, read_factor(p));
	}
	return t;
}

/* "a -3" is a sum of a and -3. */
static bool at_negative(const struct parser *p)
{
	return p->t.type == TOKEN_NUMBER && p->t.text.p[0] == '-';
}

struct term *native_term(struct parser *p)
{
	struct term *t = read_product(p);

	while (t && (at_operator(p, "+-") || at_negative(p))) {
		char op = at_negative(p) ? '+' : p->t.text.p[0];

		if (!at_negative(p))
			parser_advance(p);
		t = arith(p, op, t, read_product(p));
	}
	return t;
}

bool native_term_goes_on(const struct parser *p)
{
	return at_operator(p, "+-*/%") || at_negative(p);
}

/* Decided by what follows the parenthesis that closes: an operator of arithmetic, or one that
 * compares. Beyond the limits of a term it is none. */
bool native_is_term(const struct parser *p)
{
	struct parser ahead = *p;
	uint32_t depth = 0, tokens = 0;

	do {
		const struct token *t = &ahead.t;

		depth += t->type == TOKEN_OPEN;
		depth -= t->type == TOKEN_CLOSE;
		if (t->type == TOKEN_END || t->type == TOKEN_BAD ||
		    (t->type == TOKEN_WORD && parser_is_keyword(t->text)) ||
		    (t->type == TOKEN_SYMBOL && !at_operator(&ahead, "+-*/%")) ||
		    depth > TERM_DEPTH_MAX || ++tokens > 4 * TERM_NODES_MAX)
			return false;
		ahead.t = native_token(p->text, t->end, NULL);
	} while (depth);
	return native_term_goes_on(&ahead) || ahead.t.type == TOKEN_SYMBOL ||
	       (ahead.t.type == TOKEN_WORD && op_by_word(ahead.t.text) != OP_MAX);
}
