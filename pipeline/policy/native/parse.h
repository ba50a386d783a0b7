/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the parts of the native front end share: tokens, the parser of expressions, the names that
 * expressions may use, and the reader of files. Load time; one thread.
 */
#ifndef TOCSIN_POLICY_NATIVE_PARSE_H
#define TOCSIN_POLICY_NATIVE_PARSE_H

#include "pipeline/compose.h"
#include "pipeline/policy/native/native.h"
#include "pipeline/policy/strmap.h"
#include "pipeline/util.h"

enum token_type {
	TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_NAME, TOKEN_SYMBOL, TOKEN_OPEN,
	TOKEN_CLOSE, TOKEN_COMMA, TOKEN_BAD
};

struct token {
	uint8_t type;
	uint32_t at, end;	/* bytes of the text */
	struct str text;	/* TEXT: without quotes and escapes, from the pool; NAME: without its $; others: as written */
	const char *why;	/* BAD */
	uint32_t why_at;
};

/* The token at or after byte at. Memory of TEXT from the pool; BAD also when that ran out. Without
 * a pool a TEXT has no text. */
struct token native_token(struct str text, uint32_t at, struct pool *pool);

/* One file of a load. */
struct native_file {
	const char *path;
	struct yaml_doc *doc;		/* NULL: it could not be read */
	struct diags d;
	const struct sources *kept;	/* its files of values; NULL: on disk */
	struct value_file *values;	/* read for it */
};

/* A file of values, kept for the digest and for positions. */
struct value_file {
	struct value_file *next;	/* of the same policy file */
	struct str path, text;
};

struct list_value {
	struct str text;
	uint8_t type;			/* enum literal_type */
	const char *file;
	uint32_t line, column;		/* column 0: the whole line */
};

struct list_include {
	struct definition *list;
	uint32_t at;			/* values that stand before it */
	struct list_include *next;
};

enum definition_type { DEFINITION_MACRO, DEFINITION_LIST };

/* A macro or a list. */
struct definition {
	struct str name;
	struct native_file *file;
	const struct yaml_node *node;	/* its value */
	uint32_t line, column;		/* of its name */
	uint8_t type;			/* enum definition_type */
	bool bad;			/* it has an error: it may not be used */
	bool done;
	uint32_t height;		/* levels of names in it */
	uint32_t size;			/* tests of a macro, with those in it; values of a list */
	struct str text;		/* MACRO */
	struct list_value *values;	/* LIST */
	struct list_include *includes;	/* LIST, until its values are known */
	/* While the order is found in which definitions can be checked: */
	struct use *uses, *users;
	uint32_t waits;			/* for so many uses */
	uint32_t mark;			/* of the last search for a circle that came by */
};

struct use {
	struct definition *other;
	uint32_t line, column;
	struct use *next;
};

/* Changes to a policy of another file. */
struct override {
	struct native_file *file;
	const struct yaml_node *node;
	struct override *next;		/* for the same policy, in the order of files */
};

/* A policy that is written somewhere, by name. */
struct target {
	struct target *next;		/* in the order of files */
	struct str name;		/* ends with a NUL */
	struct native_file *file;
	const struct yaml_node *node;
	struct override *overrides, **last;
};

struct native {
	struct pool pool;
	struct native_file *files;
	uint32_t count;
	uint32_t npolicies, nodes;	/* in all files */
	uint32_t nunread, nwith;	/* files that could not be read; these and those with policies */
	struct strmap defs, targets, said;	/* said: by overrides */
	struct target *first_target, **last_target;
	struct definition **all;	/* in the order of files */
	uint32_t nall;
	struct override **overrides;
	uint32_t noverrides;
	uint64_t tests, values;		/* that names stood for so far */
	uint32_t unknown;		/* names searched for in vain */
	struct compose *compose;	/* for tests of policies; NULL: none yet */
};

/* Where a piece of an expression comes from. Positions of an expression (cond.at and so on) are
 * bytes of its text; those of the macros and lists in it follow, each in a range of its own. */
struct piece {
	uint32_t base;
	uint32_t used_at;		/* position of the name */
	const struct definition *def;
};

/* Names of an expression; NULL in a parser: none are known. */
struct names {
	struct native *n;
	struct piece *pieces;		/* ascending by base */
	uint32_t count, end;		/* end: the next free position */
	bool alone;			/* the macros in it are not looked into */
};

struct parser {
	struct str text;
	struct cond_check *x;
	struct names *names;
	uint32_t base;	/* position of the text's first byte */
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
/* Reports at a byte of the parser's text. */
void parser_error(struct parser *p, uint32_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A sum of products of fields, calls, numbers and texts; NULL after a report. */
struct term *native_term(struct parser *p);
/* Does arithmetic go on here? */
bool native_term_goes_on(const struct parser *p);
/* At a parenthesis: is what it holds a term, and not a condition or a list? */
bool native_is_term(const struct parser *p);
/* The whole of the parser's text; NULL after a report. After other reports a tree without what was
 * wrong, to be checked and not to be used. */
struct cond *native_whole(struct parser *p);

/* What the name at the parser's token means, of that type; NULL after a report. */
const struct definition *native_name(struct parser *p, enum definition_type type);
/* A range of positions for a use of def at the parser's token. False: out of memory or reported. */
bool native_enter(struct parser *p, const struct definition *def, uint32_t size, uint32_t *base);

enum {
	READER_NAME_MAX = 128,
	READER_TAG_MAX = 200,	/* also of a field's name */
};

/* The reader of a file. */
struct reader {
	struct native *n;
	struct native_file *file;
	struct pool *pool;
	struct patterns *patterns;
	struct policy_def *p;		/* being read */
	const struct yaml_node *node;	/* its map, or the override's */
	const struct yaml_node *scalar;	/* whose text is reported on */
	struct names names;		/* of that text */
	struct template_scope scope;	/* of its message */
	bool is_sequence;	/* it has that key, right or wrong */
	bool skims;		/* its conditions and tests do not matter */
	bool no_memory;
};

#define problem(r, n, ...) \
	diag_add(&(r)->file->d, (r)->file->path, (n)->line, (n)->column, __VA_ARGS__)
#define SHOWN(s) (int)MIN((s).len, 100u), (s).p

void *reader_memory(struct reader *r, size_t n, size_t size);
struct str reader_keep(struct reader *r, struct str s);
bool reader_is_full(const struct reader *r);	/* further errors would only be counted */
/* A scalar of at most max bytes, with something in it; else a report. */
bool reader_text(struct reader *r, const struct yaml_node *n, const char *key, uint32_t max);
void reader_unknown_keys(struct reader *r, const struct yaml_node *map, const char *const *names, uint32_t count, const char *what);
/* For conditions in a scalar, on kinds: reports go to the file, with the place they are at. */
struct cond_check reader_check(struct reader *r, const struct yaml_node *scalar, uint32_t kinds);
/* The condition in a scalar; NULL after a report. text: its text, which lives as long as the tree. */
struct cond *reader_condition(struct reader *r, const struct yaml_node *n, struct str text, uint32_t kinds);
/* A condition about events of p->pub.kinds; NULL after a report. */
struct cond *reader_expression(struct reader *r, const struct yaml_node *n, const char *key);
/* Event kinds into p->pub.kinds. False after a report, or where n is NULL: they are all kinds then. */
bool reader_on(struct reader *r, const struct yaml_node *n);
/* 1ns to 30d; 0 after a report. */
uint64_t reader_time(struct reader *r, const struct yaml_node *n, const char *key);
uint32_t native_all_kinds(void);

/* policy.c: a policy with its overrides. */
struct policy_def *native_policy(struct reader *r, const struct yaml_node *n);
/* Reads an override as it will be read, for the policy that target is (in the file of r; NULL:
 * unknown), and reports to the override's file. */
void native_try_override(struct reader *r, const struct yaml_node *target, const struct override *o);
/* scope.c: keys of a policy. */
void native_read_scope(struct reader *r, const struct yaml_node *n);
void native_read_suppress(struct reader *r, const struct yaml_node *n);
void native_read_limit(struct reader *r, const struct yaml_node *n);
/* exception.c */
void native_read_exceptions(struct reader *r, const struct yaml_node *n);

/* window.c: the keys `sequence` and `threshold`. A sequence leaves the kinds of the event
 * that the alert is about in p->pub.kinds, a threshold finds them and p->where there. */
void native_sequence(struct reader *r, const struct yaml_node *n);
void native_threshold(struct reader *r, const struct yaml_node *n);
/* What an override says of them: of a policy that has such a key. */
void native_override_sequence(struct reader *r, const struct yaml_node *n);
void native_override_threshold(struct reader *r, const struct yaml_node *n);
/* Once all keys are read: what does not go with them, and the kinds of all steps. */
void native_window_end(struct reader *r);

/* defs.c, list.c, override.c. 0 or -ENOMEM. */
int native_add_definitions(struct reader *r, const struct yaml_node *map, enum definition_type type);
int native_check_definitions(struct native *n);
void native_read_list(struct reader *r, struct definition *d);	/* its values and includes */
void native_finish_list(struct reader *r, struct definition *d);	/* puts the included values in */
void native_add_use(struct reader *r, struct definition *user, struct str name, uint32_t line, uint32_t column);
int native_add_overrides(struct reader *r, const struct yaml_node *list);
int native_check_overrides(struct native *n);
struct definition *native_find(const struct native *n, struct str name);

#endif
