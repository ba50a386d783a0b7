/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Conditions: what every front end turns its language into. A tree of and, or, not over tests. A
 * test compares a term (term.h) with literals, or with another term. Front ends build trees and
 * know no classes of fields; cond_check types them against the schema and compiles their operands;
 * rules.h compiles checked trees into what the matcher runs. A tree belongs to the pool it was
 * made in.
 */
#ifndef TOCSIN_POLICY_COND_H
#define TOCSIN_POLICY_COND_H

#include <stdarg.h>

#include "pipeline/policy/ops.h"
#include "pipeline/policy/regex.h"
#include "pipeline/policy/term.h"

enum {
	COND_DEPTH_MAX = 200,	/* nesting of and, or, not */
	COND_LITERALS_MAX = 100000,	/* of one test */
	COND_TEXT_MAX = OP_TEXT_MAX,	/* bytes of one literal */
	COND_PROBLEMS_MAX = 1000,	/* of one condition; then the rest is not looked at */
	COND_PATTERNS_MAX = 2000,	/* regular expressions of a policy set */
	COND_PATTERNS_BYTES = 512 << 10, /* of all of them */
	COND_PARTS_BYTES = 8 << 20,	/* of all texts of a set that are looked for in others */
};

enum cond_type { COND_AND, COND_OR, COND_NOT, COND_TEST };
enum literal_type {
	LITERAL_TEXT,	/* "text" */
	LITERAL_NUMBER,	/* 12, -3, 0x1f, 0o644, 16MiB, 250ms: text as it was written */
	LITERAL_BOOL,	/* true, false */
	LITERAL_PLAIN,	/* a text or a number, as the field wants it: values of lists */
	LITERAL_NONE,	/* a field on its own: true for a BOOL, an error for others */
};

struct literal {
	struct str text;
	uint32_t at;	/* byte of the front end's text, for error positions */
	uint8_t type;	/* enum literal_type */
};

struct cond {
	uint8_t type;	/* enum cond_type */
	uint8_t op;	/* TEST: enum op_id */
	uint32_t at;	/* byte of the front end's text */
	float cost;	/* set by cond_check: expected time, no unit */
	float odds;	/* that it holds, guessed */
	/* AND, OR: one or more; NOT: one */
	struct cond **kids;
	uint32_t nkids;
	/* TEST: left op right, or left op literals */
	struct term *left, *right;	/* right NULL: literals; a constant one becomes a literal */
	uint32_t nliterals;
	struct literal *literals;
	struct str source;	/* as the author wrote it */
	const struct operand *operand;	/* set by cond_check */
};

/* Compiled patterns of a set, which owns them. */
struct patterns {
	struct regex **items;
	uint32_t count;
	uint64_t bytes; /* of the expressions, also those that were refused */
	uint64_t parts_bytes; /* of texts that are parts of others: contains, startswith, … */
};

struct cond_check {
	struct pool *pool;		/* operands go here */
	struct patterns *patterns;
	uint32_t kinds;			/* bit per enum ev_kind: what the condition is asked about */
	void (*report)(void *arg, uint32_t at, const char *reason);
	void *arg;
	uint32_t problems;		/* counts up */
	bool no_memory;
};

/* Types and compiles the tree, puts kids that decide soon first. Reports every problem. */
void cond_check(struct cond_check *x, struct cond *c);
void cond_error(struct cond_check *x, uint32_t at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void cond_verror(struct cond_check *x, uint32_t at, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
/* The operand of `op literals` on f, a field or what a term is like (term.shape); NULL after at
 * least one report. */
const struct operand *operand_compile(struct cond_check *x, const struct field *f, const struct cond *test);
/* The same of `left op right`, for op_pair. */
const struct operand *operand_pair(struct cond_check *x, const struct cond *test);
void patterns_free(struct patterns *p);

/* What a policy on the kinds means by path, for any of them; NULL. Fields that only exist in the
 * finished document are not found. */
const struct field *cond_field(uint32_t kinds, struct str path);
/* "unknown field …" with what may have been meant, into text. */
void cond_field_unknown(uint32_t kinds, struct str path, char *text, size_t len);

/* Number of a literal. 0; or -EINVAL, -ERANGE. *value is the magnitude; unit 'd' a duration in
 * ns, 's' a size in bytes, 0 none. octal: a leading 0 means base 8. */
int number_parse(struct str text, bool octal, uint64_t *value, bool *negative, char *unit);
/* 1 to 16 hexadecimal digits. */
bool hex_parse(struct str text, uint64_t *value);
bool ip_parse(struct str text, struct ev_ip *ip);

#endif
