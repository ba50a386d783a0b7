/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The native expression language to a tree of conditions, by recursive descent:
 *
 *   or    = and { "or" and }
 *   and   = not { "and" not }
 *   not   = "not" not | "(" or ")" | $macro | test
 *   test  = term [ "not" ] operator [ term | $list | "(" value { "," value } ")" ] | field
 *   value = literal | term | $list
 *
 * Terms are term.c's, names defs.c's. The text of a macro is parsed for each use of it. A list with
 * terms becomes alternatives: a test of its literals, and one of each term. The parser knows operators
 * from ops.def and no fields; cond_check types the tree. After a mistake it goes on behind the test
 * that has it, so that all are told. Load time; depth is bounded.
 */
#include <stdarg.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

static struct cond *parse_or(struct parser *p);

void parser_advance(struct parser *p)
{
	p->end = p->t.end;
	p->t = native_token(p->text, p->t.end, p->x->pool);
}

bool parser_at_word(const struct parser *p, const char *word)
{
	return p->t.type == TOKEN_WORD && str_eq(p->t.text, str_of(word));
}

void parser_error(struct parser *p, uint32_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cond_verror(p->x, p->base + at, fmt, ap);
	va_end(ap);
}

void *parser_no_memory(struct parser *p)
{
	p->x->no_memory = true;
	return NULL;
}

void *parser_expected(struct parser *p, const char *what)
{
	const struct token *t = &p->t;
	int shown = (int)MIN(t->end - t->at, 60u);

	if (t->type == TOKEN_BAD)
		parser_error(p, t->why_at, "%s", t->why);
	else if (t->type == TOKEN_END)
		parser_error(p, p->end, "%s is missing at the end", what);
	else if (t->type == TOKEN_SYMBOL && (t->text.p[0] == '/' || t->text.p[0] == '*'))
		parser_error(p, t->at, "unexpected %c: text is written in quotes", t->text.p[0]);
	else
		parser_error(p, t->at, "%s is missing before %.*s", what, shown, p->text.p + t->at);
	return NULL;
}

bool parser_deeper(struct parser *p)
{
	if (++p->depth <= NATIVE_DEPTH_MAX)
		return true;
	parser_error(p, p->t.at, "nested deeper than %d", NATIVE_DEPTH_MAX);
	return false;
}

static struct cond *new_cond(struct parser *p, enum cond_type type, uint32_t at)
{
	struct cond *c = pool_get(p->x->pool, sizeof(*c));

	if (!c)
		return parser_no_memory(p);
	c->type = (uint8_t)type;
	c->at = p->base + at;
	return c;
}

bool parser_is_keyword(struct str word)
{
	static const char *const words[] = { "and", "or", "not", "true", "false" };

	for (uint32_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(word, str_of(words[i])))
			return true;
	return op_by_word(word) != OP_MAX;
}

static bool read_literal(struct parser *p, struct literal *l)
{
	bool word = p->t.type == TOKEN_WORD;
	bool boolean = parser_at_word(p, "true") || parser_at_word(p, "false");

	if (word && !boolean) {
		parser_error(p, p->t.at, "text needs quotes: \"%.*s\"",
			     (int)MIN(p->t.text.len, 60u), p->t.text.p);
		return false;
	}
	if (!boolean && p->t.type != TOKEN_TEXT && p->t.type != TOKEN_NUMBER) {
		parser_expected(p, "a value");
		return false;
	}
	*l = (struct literal){
		.text = p->t.text,
		.at = p->base + p->t.at,
		.type = boolean                   ? LITERAL_BOOL
			: p->t.type == TOKEN_TEXT ? LITERAL_TEXT
						  : LITERAL_NUMBER,
	};
	parser_advance(p);
	return true;
}

/* What an array of n has room for: the next power of two. */
static uint32_t room_of(uint32_t n)
{
	return n < 2 ? n : 1u << (32 - __builtin_clz(n - 1));
}

/* Room for more literals; the pool keeps what is outgrown, at most as much again. */
static bool literal_room(struct parser *p, struct cond *c, uint32_t more)
{
	uint32_t n = c->nliterals;
	struct literal *grown;

	if (more > COND_LITERALS_MAX - n) {
		parser_error(p, p->t.at, "more than %d values", COND_LITERALS_MAX);
		return false;
	}
	if (n + more <= room_of(n))
		return true;
	grown = pool_array(p->x->pool, room_of(n + more), sizeof(*grown));
	if (!grown)
		return parser_no_memory(p);
	if (n)
		memcpy(grown, c->literals, sizeof(*grown) * n);
	c->literals = grown;
	return true;
}

/* The values of a named list. */
static bool read_named(struct parser *p, struct cond *c)
{
	const struct definition *def = native_name(p, DEFINITION_LIST);
	uint32_t base;

	/* What all policies may have comes first: no memory for one more that is refused. */
	if (!def || !native_enter(p, def, def->size, &base) || !literal_room(p, c, def->size))
		return false;
	for (uint32_t i = 0; i < def->size; i++)
		c->literals[c->nliterals++] = (struct literal){
			.text = def->values[i].text,
			.at = base + i,
			.type = def->values[i].type,
		};
	parser_advance(p);
	return true;
}

static bool read_one(struct parser *p, struct cond *c)
{
	if (p->t.type == TOKEN_NAME)
		return read_named(p, c);
	if (!literal_room(p, c, 1) || !read_literal(p, &c->literals[c->nliterals]))
		return false;
	c->nliterals++;
	return true;
}

static bool at_literal(const struct parser *p)
{
	return p->t.type == TOKEN_TEXT || p->t.type == TOKEN_NUMBER || parser_at_word(p, "true") ||
	       parser_at_word(p, "false");
}

/* A literal that no calculation begins with. */
static bool at_plain_literal(const struct parser *p)
{
	struct parser ahead = *p;

	if (!at_literal(p))
		return false;
	ahead.t = native_token(p->text, p->t.end, NULL);
	return !native_term_goes_on(&ahead);
}

static bool at_term(const struct parser *p)
{
	return p->t.type == TOKEN_OPEN || at_literal(p) ||
	       (p->t.type == TOKEN_WORD && !parser_is_keyword(p->t.text));
}

static bool add_kid(struct parser *p, struct cond *c, struct cond *kid);

/* What the author would have written for one term of a list alone. */
static struct str source_of(struct parser *p, const struct cond *c, const char *word, uint32_t at)
{
	struct buf b = { 0 };
	struct str s;

	buf_str(&b, c->source); /* the left side */
	buf_addf(&b, " %s ", word);
	buf_add(&b, p->text.p + at, p->end - at);
	s = pool_str(p->x->pool, (struct str){ b.p, (uint32_t)b.len });
	p->x->no_memory |= b.failed || !s.p;
	buf_free(&b);
	return s;
}

/* A term of the list of c: one more of its alternatives, *any, which is NULL before the first. */
static bool read_alternative(struct parser *p, const struct cond *c, struct cond **any)
{
	const struct op *op = &ops[c->op];
	struct cond *one = new_cond(p, COND_TEST, p->t.at);
	uint32_t at = p->t.at;

	if (!*any)
		*any = new_cond(p, COND_OR, c->at - p->base);
	if (!one || !*any)
		return false;
	one->op = op->base != OP_IN ? c->op : op->fold ? OP_IEQ : OP_EQ;
	one->left = c->left;
	one->right = native_term(p);
	if (!one->right)
		return false;
	one->source = source_of(p, c, ops[one->op].word, at);
	return add_kid(p, *any, one);
}

static bool read_list(struct parser *p, struct cond *c, struct cond **any)
{
	do {
		parser_advance(p); /* past ( or , */
		if (at_term(p) && !at_plain_literal(p) ? !read_alternative(p, c, any)
						       : !read_one(p, c))
			return false;
	} while (p->t.type == TOKEN_COMMA);
	if (p->t.type != TOKEN_CLOSE)
		return parser_expected(p, ", or )");
	parser_advance(p);
	return true;
}

/* One value: a literal, or a term. */
static bool read_right(struct parser *p, struct cond *c)
{
	if (at_plain_literal(p))
		return read_one(p, c);
	if (!at_term(p))
		return parser_expected(p, "a value");
	c->right = native_term(p);
	return c->right;
}

/* At a parenthesis: is there a comma in it? */
static bool is_list(const struct parser *p)
{
	struct parser ahead = *p;
	uint32_t depth = 0;

	do {
		depth += ahead.t.type == TOKEN_OPEN;
		depth -= ahead.t.type == TOKEN_CLOSE;
		if (ahead.t.type == TOKEN_END || ahead.t.type == TOKEN_BAD)
			return false;
		if (ahead.t.type == TOKEN_COMMA && depth == 1)
			return true;
		ahead.t = native_token(p->text, ahead.t.end, NULL);
	} while (depth);
	return false;
}

static bool read_values(struct parser *p, struct cond *c, struct cond **any)
{
	const struct op *op = &ops[c->op];
	bool list = p->t.type == TOKEN_OPEN;

	if (op->args == OP_ARGS_NONE)
		return true;
	if (list && op->args != OP_ARGS_ONE)
		return read_list(p, c, any);
	if (p->t.type == TOKEN_NAME && op->args != OP_ARGS_ONE)
		return read_named(p, c);
	if (p->t.type == TOKEN_NAME || (list && is_list(p))) {
		parser_error(p, p->t.at, "%s takes one value; for a list write in", op->word);
		return false;
	}
	if (op->args == OP_ARGS_LIST && p->t.type != TOKEN_WORD)
		return parser_expected(p, "a list in parentheses");
	return read_right(p, c);
}

static bool at_operator(const struct parser *p)
{
	return (p->t.type == TOKEN_SYMBOL || p->t.type == TOKEN_WORD) &&
	       op_by_word(p->t.text) != OP_MAX;
}

/* A field that nothing follows: true of it is asked, which cond_check allows for BOOL alone. */
static bool bare_field(struct parser *p, struct cond *c)
{
	c->op = OP_EQ;
	if (!literal_room(p, c, 1))
		return false;
	c->literals[c->nliterals++] = (struct literal){ .at = c->at, .type = LITERAL_NONE };
	return true;
}

static void *unknown_operator(struct parser *p)
{
	struct nearest near = { .word = p->t.text };

	for (uint32_t i = 0; i < OP_MAX; i++)
		nearest_offer(&near, ops[i].word);
	nearest_offer(&near, "and");
	nearest_offer(&near, "or");
	parser_error(p, p->t.at, "unknown operator %.*s%s%s%s", (int)MIN(p->t.text.len, 60u),
		     p->t.text.p, near.best ? "; did you mean " : "", near.best ? near.best : "",
		     near.best ? "?" : "");
	return NULL;
}

static struct cond *negate(struct parser *p, struct cond *kid, uint32_t at)
{
	struct cond *c = new_cond(p, COND_NOT, at);

	if (!c)
		return NULL;
	c->kids = pool_array(p->x->pool, 1, sizeof(struct cond *));
	if (!c->kids)
		return parser_no_memory(p);
	c->kids[0] = kid;
	c->nkids = 1;
	return c;
}

static struct cond *parse_test(struct parser *p)
{
	uint32_t at = p->t.at;
	struct cond *c = new_cond(p, COND_TEST, at), *any = NULL;
	bool negated;

	if (!c)
		return NULL;
	c->left = native_term(p);
	if (!c->left)
		return NULL;
	c->source = (struct str){ p->text.p + at, p->end - at };
	negated = parser_at_word(p, "not");
	if (negated)
		parser_advance(p);
	if (at_operator(p)) {
		bool symbol = p->t.type == TOKEN_SYMBOL;

		if (negated && symbol)
			return parser_expected(p, "an operator of letters (in, contains, …)");
		c->op = (uint8_t)op_by_word(p->t.text);
		parser_advance(p);
		if (!read_values(p, c, &any))
			return NULL;
	} else if (p->t.type == TOKEN_BAD || negated) {
		return parser_expected(p, "an operator");
	} else if (p->t.type == TOKEN_WORD && !parser_is_keyword(p->t.text)) {
		return unknown_operator(p);
	} else if (!bare_field(p, c)) {
		return NULL;
	}
	c->source = (struct str){ p->text.p + at, p->end - at };
	if (any && c->nliterals && !add_kid(p, any, c))
		return NULL;
	if (any)
		c = any->nkids == 1 ? any->kids[0] : any;
	return negated ? negate(p, c, at) : c;
}

static struct cond *parse_group(struct parser *p)
{
	uint32_t before = p->x->problems;
	struct cond *c;

	if (!parser_deeper(p))
		return NULL;
	parser_advance(p);
	c = parse_or(p);
	p->depth--;
	if (!c)
		return NULL;
	if (p->t.type == TOKEN_END && p->x->problems != before)
		return NULL; /* told already: what is missing may be in what was skipped */
	if (p->t.type != TOKEN_CLOSE)
		return parser_expected(p, "\"and\", \"or\" or )");
	parser_advance(p);
	return c;
}

/* What a macro stands for. */
static struct cond *parse_macro(struct parser *p)
{
	const struct definition *def = native_name(p, DEFINITION_MACRO);
	struct parser inner = { .x = p->x, .names = p->names };
	struct cond *c;

	if (!def)
		return NULL;
	if (p->names->alone) {
		c = new_cond(p, COND_AND, p->t.at); /* of nothing, and never run */
	} else {
		inner.text = def->text;
		if (!native_enter(p, def, def->text.len, &inner.base))
			return NULL;
		c = native_whole(&inner);
	}
	parser_advance(p);
	return c;
}

/* Where reading can go on after a mistake in the test that began at `at`: at the next and, or, or
 * the parenthesis that encloses it. False: the rest would be guesswork. */
static bool skip_mistake(struct parser *p, uint32_t at)
{
	uint32_t mistake = p->t.at, depth = 0;

	if (p->x->no_memory || p->depth > NATIVE_DEPTH_MAX || p->x->problems > COND_PROBLEMS_MAX)
		return false;
	for (p->t = native_token(p->text, at, NULL);;
	     p->t = native_token(p->text, p->t.end, NULL)) {
		bool joint = parser_at_word(p, "and") || parser_at_word(p, "or");

		if (p->t.type == TOKEN_BAD)
			return false;
		if (p->t.type == TOKEN_END || (p->t.type == TOKEN_CLOSE && !depth))
			return p->t.at >= mistake;
		if (joint && !depth && p->t.at >= mistake)
			return true;
		depth += p->t.type == TOKEN_OPEN;
		depth -= p->t.type == TOKEN_CLOSE;
	}
}

static struct cond *parse_not(struct parser *p)
{
	uint32_t at = p->t.at, depth = p->depth;
	bool negated = false;
	struct cond *c;

	while (parser_at_word(p, "not")) {
		negated = !negated;
		parser_advance(p);
	}
	if (p->t.type == TOKEN_NAME)
		c = parse_macro(p);
	else
		c = p->t.type == TOKEN_OPEN && !native_is_term(p) ? parse_group(p) : parse_test(p);
	if (!c && skip_mistake(p, at)) {
		p->depth = depth;
		p->end = p->t.at;
		return new_cond(p, COND_AND, at); /* of nothing, and never run */
	}
	return c && negated ? negate(p, c, at) : c;
}

static bool add_kid(struct parser *p, struct cond *c, struct cond *kid)
{
	if (!pool_grow(p->x->pool, &c->kids, c->nkids, sizeof(*c->kids)))
		return parser_no_memory(p);
	c->kids[c->nkids++] = kid;
	return true;
}

static struct cond *parse_chain(struct parser *p, enum cond_type type, const char *word,
				struct cond *(*part)(struct parser *))
{
	struct cond *first = part(p), *chain, *next;

	if (!first || !parser_at_word(p, word))
		return first;
	chain = new_cond(p, type, first->at - p->base);
	if (!chain || !add_kid(p, chain, first))
		return NULL;
	while (parser_at_word(p, word)) {
		parser_advance(p);
		next = part(p);
		if (!next || !add_kid(p, chain, next))
			return NULL;
	}
	return chain;
}

static struct cond *parse_and(struct parser *p)
{
	return parse_chain(p, COND_AND, "and", parse_not);
}

static struct cond *parse_or(struct parser *p)
{
	return parse_chain(p, COND_OR, "or", parse_and);
}

struct cond *native_whole(struct parser *p)
{
	struct cond *c;

	if (p->text.len > NATIVE_EXPR_MAX) {
		parser_error(p, 0, "longer than %d bytes", NATIVE_EXPR_MAX);
		return NULL;
	}
	parser_advance(p);
	if (p->t.type == TOKEN_END) {
		parser_error(p, 0, "the expression is empty");
		return NULL;
	}
	c = parse_or(p);
	if (c && p->t.type == TOKEN_CLOSE)
		parser_error(p, p->t.at, ") without its (");
	else if (c && p->t.type != TOKEN_END)
		parser_expected(p, "\"and\" or \"or\"");
	return p->t.type == TOKEN_END ? c : NULL;
}

struct cond *native_expr(struct str text, struct cond_check *x)
{
	struct parser p = { .text = text, .x = x };
	uint32_t before = x->problems;
	struct cond *c = native_whole(&p);

	return x->problems == before ? c : NULL;
}
