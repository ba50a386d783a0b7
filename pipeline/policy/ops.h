/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Operators (ops.def) and their operands: what the right-hand side of a test is compiled into.
 * Operands are constant once made. Evaluation takes a scratch of its thread.
 */
#ifndef TOCSIN_POLICY_OPS_H
#define TOCSIN_POLICY_OPS_H

#include "pipeline/event.h"

#define OP_CLASS(x) (1u << EV_CLASS_##x)
#define OPS_ORDERED (OP_CLASS(UINT) | OP_CLASS(INT) | OP_CLASS(OCTAL) | OP_CLASS(TIME))
#define OPS_TEXT (OP_CLASS(COMM) | OP_CLASS(STR) | OP_CLASS(PATH) | OP_CLASS(LIST))
#define OPS_CONTAIN (OPS_TEXT | OP_CLASS(BITS))
#define OPS_EXACT \
	(OPS_ORDERED | OPS_CONTAIN | OP_CLASS(BOOL) | OP_CLASS(HEX) | OP_CLASS(ENUM) | OP_CLASS(IP))
#define OPS_ANY OPS_EXACT

enum op_args { OP_ARGS_NONE, OP_ARGS_ONE, OP_ARGS_LIST, OP_ARGS_MANY };

enum op_id {
#define OP(id, base, fold, word, args, classes, eval, cost, help) OP_##id,
#include "pipeline/policy/ops.def"
#undef OP
	OP_MAX
};

enum { OP_TEXT_MAX = 4096 };	/* bytes of one literal */

struct operand;
struct regex_scratch;

struct op_scratch {
	struct regex_scratch *regex;	/* NULL: no pattern is in use */
};

typedef bool op_eval(const struct operand *o, const struct value *v, struct op_scratch *s);

struct op {
	const char *word;
	uint8_t args;		/* enum op_args */
	uint8_t cost;
	uint8_t base;		/* enum op_id: what it is a variant of; itself for most */
	bool fold;		/* case does not matter: A to Z are a to z */
	uint32_t classes;	/* bit per enum ev_class */
	op_eval *eval;
	const char *help;
};

extern const struct op ops[OP_MAX];

/* The operator written as word, or OP_MAX. */
enum op_id op_by_word(struct str word);

struct ip_net {
	uint8_t addr[16];	/* IPv4 as ::ffff:a.b.c.d */
	uint8_t bits;		/* of the prefix, 0 to 128 */
	bool v4;
};

struct operand {
	op_eval *eval;		/* NULL: two terms are compared, see op_pair */
	uint8_t op, class, cost;
	uint8_t base;		/* of the operator: enum op_id, never a folding one */
	bool fold;		/* case does not matter; texts are lower case then, save of GLOB and REGEX */
	uint32_t count;		/* of whichever array is in use */
	struct str key;		/* canonical: equal keys mean the same test */
	uint64_t bits;		/* BITS: any of these */
	uint64_t *numbers;	/* ascending, no doubles; INT with its sign bit turned, so that order holds */
	struct str *texts;	/* ascending, no doubles */
	uint32_t *table;	/* hash table of 1 + index into texts, for long lists; NULL for short ones */
	uint32_t mask;		/* its size - 1 */
	uint32_t min_len, max_len;	/* of the texts */
	struct ip_net *nets;
	const struct regex **regexes;
};

/* Spreads texts over operand.table: looks at the length and both ends only. */
uint32_t op_text_hash(struct str s);
static inline uint64_t op_ordered(int64_t i) { return (uint64_t)i ^ 1ULL << 63; }
/* Is all of s what the glob describes? fold: case does not matter. */
bool op_glob_match(struct str glob, struct str s, bool fold);
static inline char op_fold(char c) { return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c); }

/* s in lower case, in room. */
struct str op_folded(struct str s, char *room);
/* Are n bytes equal? fold: case does not matter in either. */
bool op_text_same(const char *a, const char *b, uint32_t n, bool fold);
/* Is t anywhere in s? fold: case does not matter; t is lower case, of at most OP_TEXT_MAX bytes. */
bool op_text_has(struct str s, struct str t, bool fold);

/* Does `left op right` hold for two values? The classes passed operand_pair (cond.h). */
bool op_pair(const struct operand *o, const struct value *left, const struct value *right);
/* A number as operand.numbers have it. */
static inline uint64_t op_number(const struct value *v)
{
	return v->class == EV_CLASS_INT ? op_ordered(v->i) : v->u;
}
/* An address as in struct ip_net; is it IPv4? One inside IPv6 is that IPv4 address: a socket of
 * family 6 may hold either. */
bool op_address(const struct ev_ip *ip, uint8_t addr[16]);

#endif
