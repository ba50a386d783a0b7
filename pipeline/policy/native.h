/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The native front end: its expression language (native_lex.c, native_term.c, native_expr.c) and
 * its files (native_file.c). Only load.c calls it; the engine does not know it.
 */
#ifndef TOCSIN_POLICY_NATIVE_H
#define TOCSIN_POLICY_NATIVE_H

#include "pipeline/policy/set.h"
#include "pipeline/yaml.h"

enum {
	NATIVE_EXPR_MAX = 64 << 10,	/* bytes of one expression */
	NATIVE_DEPTH_MAX = 60,		/* parentheses in each other; below COND_DEPTH_MAX / 3 */
};

enum token_type {
	TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_SYMBOL, TOKEN_OPEN, TOKEN_CLOSE,
	TOKEN_COMMA, TOKEN_BAD
};

struct token {
	uint8_t type;
	uint32_t at, end;	/* bytes of the text */
	struct str text;	/* TEXT: without quotes and escapes, from the pool; others: as written */
	const char *why;	/* BAD */
	uint32_t why_at;
};

/* The token at or after byte at. Memory of TEXT from the pool; BAD also when that ran out. Without
 * a pool a TEXT has no text. */
struct token native_token(struct str text, uint32_t at, struct pool *pool);

/* An expression being read; native_expr.c and native_term.c share it. */
struct parser {
	struct str text;
	struct cond_check *x;
	struct token t;	/* the next one */
	uint32_t end;	/* of the one before it */
	uint32_t depth;	/* of parentheses */
};

void parser_advance(struct parser *p);
bool parser_at_word(const struct parser *p, const char *word);
bool parser_deeper(struct parser *p);		/* one more parenthesis; false after a report */
void *parser_expected(struct parser *p, const char *what);	/* reports that it is missing; NULL */
void *parser_no_memory(struct parser *p);	/* NULL */
bool parser_is_keyword(struct str word);	/* and, or, not, true, false, operators */
/* A sum of products of fields, calls, numbers and texts; NULL after a report. */
struct term *native_term(struct parser *p);
/* Does arithmetic go on here? */
bool native_term_goes_on(const struct parser *p);
/* At a parenthesis: is what it holds a term, and not a condition or a list? */
bool native_is_term(const struct parser *p);

/* An expression to a tree in x->pool. NULL after one report to x (the first mistake), with the
 * byte of the text it is at. */
struct cond *native_expr(struct str text, struct cond_check *x);

/* The policies of a document, checked; every problem goes to d. Memory from pool. The list is
 * only to be used when d got no error and 0 came back; else -ENOMEM. */
int native_file(const struct yaml_doc *doc, const char *file, struct pool *pool, struct patterns *patterns,
		struct diags *d, struct policy_def **out);

#endif
