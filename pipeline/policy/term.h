/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Terms: what a test looks at. A field, a function of terms, arithmetic on numbers, a constant.
 * Front ends make trees of terms; term_check types them; term_compile binds one to an event kind.
 * Equal terms have equal keys, and are one slot of the matcher (rules.h).
 *
 * A term may have no value in an event, and then no test of it holds: a field in it is absent, a
 * text that a function made is empty, a result is beyond 64 bits with sign, or something is
 * divided by zero.
 */
#ifndef TOCSIN_POLICY_TERM_H
#define TOCSIN_POLICY_TERM_H

#include "pipeline/policy/functions.h"
#include "pipeline/pool.h"

enum {
	TERM_DEPTH_MAX = 16,	/* of calls and arithmetic in each other */
	TERM_NODES_MAX = 64,	/* of one term */
	TERM_ARGS_MAX = 2,
};

enum term_type { TERM_FIELD, TERM_CALL, TERM_ARITH, TERM_NUMBER, TERM_TEXT };

struct cond_check;

struct term {
	uint8_t type;		/* enum term_type */
	uint8_t op;		/* CALL: enum func_id; ARITH: one of + - * / % */
	uint8_t nargs;
	bool wrong;		/* reported: not once more */
	uint32_t at;		/* byte of the front end's text */
	struct str text;	/* FIELD: path; NUMBER: as it was written, see number_parse; TEXT */
	struct str written;	/* TEXT: with its quotes, for people */
	struct term *args[TERM_ARGS_MAX];
	/* Set by term_check: */
	int64_t number;		/* NUMBER */
	/* Class, size and names of the values; path is the key. FIELD: of the first kind that has it. */
	const struct field *shape;
	struct str key;		/* canonical, and for people: lower(file.path), (file.size + 1) */
	uint32_t cost;
};

struct term_code;

/* Types t and everything in it, once; constant arithmetic becomes a NUMBER. False after a report, which
 * may have been an earlier one's. */
bool term_check(struct cond_check *x, struct term *t);
bool term_is_constant(const struct term *t);
/* Does it look at the field, anywhere in it? */
bool term_reads(const struct term *t, const char *path);
/* Have events of the kind all fields of it? t must have passed term_check. */
bool term_on(const struct term *t, uint32_t kind);
/* The term for events of a kind that term_on holds for. 0 or -ENOMEM. */
int term_compile(struct term_code **out, const struct term *t, uint32_t kind);
void term_code_free(struct term_code *c);
/* Its value in e, or false: there is none. Text may be in the event's arena. */
bool term_eval(const struct term_code *c, struct event *e, struct value *v);

#endif
