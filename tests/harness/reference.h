/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A second evaluator of policies, written from docs/policies.md alone: slow, plain, and sharing no
 * code with pipeline/policy. It makes random policies as trees, prints them as policy text, makes
 * random events as maps from field to value, and says itself which policies hold. What the engine
 * says of the text and the event must be the same (tests/unit/policy_reference.c).
 *
 *	reference.c		what holds
 *	reference_pattern.c	globs and regular expressions
 *	reference_event.c	fields and events
 *	reference_make.c	conditions and policies; reference_literal.c: their values
 *	reference_print.c	policies as text
 *
 * A new operator needs a row in reference_ops and a case in operator_holds. All memory lasts until
 * the next reference_policies or reference_event.
 */
#ifndef TOCSIN_TEST_REFERENCE_H
#define TOCSIN_TEST_REFERENCE_H

#include "pipeline/str.h"

enum {
	REFERENCE_POLICIES = 160, /* of a set, at most */
	REFERENCE_ITEMS = 16, /* of a list */
	REFERENCE_FIELDS = 64,
	REFERENCE_LISTS = 12,
	REFERENCE_MACROS = 16,
};

enum reference_type {
	REFERENCE_TEXT,
	REFERENCE_LIST,
	REFERENCE_NUMBER,
	REFERENCE_NAME,
	REFERENCE_FLAGS,
	REFERENCE_TRUTH,
	REFERENCE_ID,
	REFERENCE_ADDRESS,
};

enum { REFERENCE_OPEN = 1, REFERENCE_EXEC = 2, REFERENCE_EXIT = 4, REFERENCE_CONNECT = 8 };
enum { REFERENCE_KINDS = 4 };
extern const char *const reference_kinds[REFERENCE_KINDS];

struct reference_field {
	const char *path;
	enum reference_type type;
	uint8_t kinds;
	bool always; /* else absent now and then, */
	bool zero_absent; /* and when 0 or empty */
	bool octal, is_path;
	uint8_t max; /* bytes of a text; 0: any */
	const char *values[8]; /* of all but texts */
};

extern const struct reference_field reference_fields[];
extern const uint32_t reference_nfields;

struct reference_value {
	enum reference_type type;
	__int128 number; /* NAME: in the list of its names; FLAGS: bit per name */
	struct str text;
	struct str items[REFERENCE_ITEMS];
	uint32_t nitems;
	uint8_t address[16]; /* IPv4 as ::ffff:0:0/96 */
};

/* --- conditions --- */

struct reference_term {
	enum { TERM_FIELD, TERM_CALL, TERM_CALC, TERM_LITERAL } what;
	enum reference_type type;
	const struct reference_field *field;
	const char *call;
	char calc; /* + - * / % */
	__int128 literal;
	const struct reference_term *a, *b;
};

/* Of a pattern; of a glob only BYTE, ANY, SET and REPEAT of ANY, in one SEQ. */
struct reference_node {
	enum {
		NODE_BYTE,
		NODE_ANY,
		NODE_SET,
		NODE_START,
		NODE_END,
		NODE_WORD,
		NODE_SEQ,
		NODE_ALT,
		NODE_REPEAT,
		NODE_AHEAD,
	} what;
	bool negated;
	uint8_t byte;
	bool set[256];
	uint32_t min, max;
	struct reference_node *kids[24];
	uint32_t nkids;
};

enum reference_op {
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_IN,
	OP_CONTAINS,
	OP_STARTSWITH,
	OP_ENDSWITH,
	OP_GLOB,
	OP_REGEX,
	OP_CIDR,
	OP_EXISTS,
	OP_TRUE, /* a field on its own */
	OP_MAX,
};
struct reference_op_row {
	const char *word, *folding; /* folding NULL: none */
};
extern const struct reference_op_row reference_ops[OP_MAX];

struct reference_operand {
	struct reference_value value;
	const struct reference_node *pattern;
	uint32_t prefix; /* of a network: bits, of 128 */
	struct str written; /* a text: before it is quoted; else as in the policy */
};

struct reference_list {
	char name[16];
	const struct reference_field *field; /* whose values these are */
	enum reference_op op;
	struct reference_operand *values;
	uint32_t n;
};

struct reference_test {
	const struct reference_term *left, *right; /* right NULL: values */
	enum reference_op op;
	bool folds;
	struct reference_operand *values;
	uint32_t n;
	const struct reference_term *member; /* of the list, beside the values; NULL: none */
	bool member_first;
	const struct reference_list *list; /* that the values are of, or NULL */
	bool list_inside; /* ("a", $list): the last values are those of the list */
};

struct reference_cond {
	enum { COND_IS_TEST, COND_IS_NOT, COND_IS_AND, COND_IS_OR, COND_IS_MACRO } what;
	struct reference_test test;
	const struct reference_cond *kids[4];
	uint32_t nkids;
	const struct reference_macro *macro;
};

struct reference_macro {
	char name[16];
	uint8_t kinds; /* one that has its fields */
	const struct reference_cond *cond;
};

struct reference_scope {
	enum { SCOPE_NONE, SCOPE_HOST, SCOPE_CONTAINER, SCOPE_MAP } what;
	const struct reference_field *fields[4];
	struct reference_operand globs[4][2];
	uint32_t nglobs[4];
	uint32_t n;
};

struct reference_policy {
	uint8_t kinds;
	const struct reference_cond *where;
	const struct reference_cond *exceptions[2];
	uint32_t nexceptions;
	struct reference_scope scope;
	bool overridden; /* where and the last exception come from an override */
};

struct reference_event {
	uint32_t kind; /* in reference_kinds */
	bool there[REFERENCE_FIELDS]; /* by place in reference_fields */
	struct reference_value values[REFERENCE_FIELDS];
	struct str written[REFERENCE_FIELDS]; /* as made.h takes it */
};

struct reference {
	uint64_t seed, state;
	struct reference_list lists[REFERENCE_LISTS];
	struct reference_macro macros[REFERENCE_MACROS];
	uint32_t nmacros;
	struct reference_policy policies[REFERENCE_POLICIES];
	uint32_t npolicies;
	struct reference_event event;
	struct {
		char *p;
		size_t used, size;
	} set_memory, event_memory;
};

struct made;

struct reference *reference_new(uint64_t seed); /* aborts when out of memory, as all here */
void reference_free(struct reference *r);
uint32_t reference_below(struct reference *r, uint32_t n);

void reference_policies(struct reference *r); /* makes a set */
void reference_print(const struct reference *r, struct buf *b); /* all of the set, as a file */
/* Only policy i, with what it needs. */
void reference_print_policy(const struct reference *r, struct buf *b, uint32_t i);

struct made *reference_make_event(struct reference *r); /* and remembers it: r->event */
void reference_print_event(const struct reference *r, struct buf *b);

bool reference_holds(const struct reference *r, uint32_t i); /* policy i, for the event */

/* --- among the parts --- */

void *reference_keep(struct reference *r, size_t size); /* zeros, for the set */
struct str reference_words(struct reference *r, uint32_t max_parts, uint32_t max_bytes, bool event);
/* A number, name, set of flags, id, truth or address, as made.h and policies write it. */
void reference_parse(const struct reference_field *f, const char *text, struct reference_value *v);
uint8_t reference_fold(uint8_t c);
bool reference_glob(const struct reference_node *seq, struct str text, bool folds);
bool reference_regex(const struct reference_node *n, struct str text, bool folds);
/* A pattern as a tree and as it is written. */
struct reference_node *reference_make_glob(struct reference *r, struct buf *b);
struct reference_node *reference_make_regex(struct reference *r, struct buf *b, uint32_t depth);
/* One or more values for the operator on the field. */
void reference_make_operand(struct reference *r, const struct reference_field *f,
			    enum reference_op op, struct reference_operand *o);

#endif
