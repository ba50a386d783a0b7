/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Comparison of two terms: which may be compared (load) and op_pair (consumer thread, hot). Text
 * is compared with text or with the elements of a list, numbers with numbers whatever their size
 * and sign; a number never with text.
 */
#include "pipeline/policy/cond.h"
#include "pipeline/util.h"

#define OPS_PAIR_TEXT                                                                              \
	(1u << OP_EQ | 1u << OP_NE | 1u << OP_CONTAINS | 1u << OP_STARTSWITH | 1u << OP_ENDSWITH)
#define OPS_PAIR_ORDER                                                                             \
	(1u << OP_EQ | 1u << OP_NE | 1u << OP_LT | 1u << OP_LE | 1u << OP_GT | 1u << OP_GE)

static bool is_text(const struct field *f)
{
	return OPS_TEXT & 1u << f->class;
}

static bool is_number(const struct field *f)
{
	return OPS_ORDERED & 1u << f->class;
}

/* Reports unless values of l and r can be compared by the operator. */
static bool comparable(struct cond_check *x, const struct cond *test, const struct field *l,
		       const struct field *r)
{
	const struct op *op = &ops[test->op];
	uint32_t base = 1u << op->base, allowed;
	bool in_list = op->base == OP_IN && r->class == EV_CLASS_LIST;

	if (is_text(l) && is_text(r))
		allowed = OPS_PAIR_TEXT | (in_list ? 1u << OP_IN : 0);
	else if (is_number(l) && is_number(r))
		allowed = OPS_PAIR_ORDER;
	else if (l->class == r->class && l->names == r->names && l->class != EV_CLASS_BITS &&
		 l->class != EV_CLASS_JSON)
		allowed = 1u << OP_EQ | 1u << OP_NE;
	else
		allowed = 0;
	if (!allowed)
		cond_error(x, test->right->at,
			   "%s and %s are of different types: they cannot be compared", l->path,
			   r->path);
	else if (op->base == OP_IN && !(allowed & base))
		cond_error(x, test->right->at, "%s needs a list, and %s is none", op->word,
			   r->path);
	else if (!(allowed & base) || (op->fold && !is_text(l)))
		cond_error(x, test->at, "%s does not compare %s with another field", op->word,
			   l->path);
	else
		return true;
	return false;
}

const struct operand *operand_pair(struct cond_check *x, const struct cond *test)
{
	const struct op *op = &ops[test->op];
	const struct field *l = test->left->shape, *r = test->right->shape;
	struct operand *o = pool_get(x->pool, sizeof(*o));
	struct buf key = { 0 };

	if (!o) {
		x->no_memory = true;
		return NULL;
	}
	if (!comparable(x, test, l, r))
		return NULL;
	buf_addf(&key, "pair %u", test->op);
	*o = (struct operand){ .op = test->op,
			       .base = op->base,
			       .fold = op->fold,
			       .class = l->class,
			       .cost = (uint8_t)(op->cost + 1),
			       .key = pool_str(x->pool, (struct str){ key.p, (uint32_t)key.len }) };
	x->no_memory |= key.failed || !o->key.p;
	buf_free(&key);
	return x->no_memory ? NULL : o;
}

/* Both texts may be an attacker's: the search takes time in proportion to their lengths (Knuth,
 * Morris, Pratt where case does not matter). A folded t of more than OP_TEXT_MAX is not found. */
static bool contains(bool fold, struct str s, struct str t)
{
	uint16_t back[OP_TEXT_MAX];
	uint32_t k = 0;

	if (!fold)
		return t.len <= s.len && memmem(s.p, s.len, t.p, t.len);
	if (t.len > s.len || t.len > OP_TEXT_MAX)
		return false;
	back[0] = 0;
	for (uint32_t i = 1; i < t.len; i++) {
		while (k && op_fold(t.p[i]) != op_fold(t.p[k]))
			k = back[k - 1];
		k += op_fold(t.p[i]) == op_fold(t.p[k]);
		back[i] = (uint16_t)k;
	}
	k = 0;
	for (uint32_t i = 0; i < s.len; i++) {
		while (k && op_fold(s.p[i]) != op_fold(t.p[k]))
			k = back[k - 1];
		k += op_fold(s.p[i]) == op_fold(t.p[k]);
		if (k == t.len)
			return true;
	}
	return false;
}

static bool texts(const struct operand *o, struct str a, struct str b)
{
	switch (o->base) {
	case OP_CONTAINS: return b.len && contains(o->fold, a, b);
	case OP_STARTSWITH:
		return b.len && b.len <= a.len && op_text_same(a.p, b.p, b.len, o->fold);
	case OP_ENDSWITH:
		return b.len && b.len <= a.len &&
		       op_text_same(a.p + a.len - b.len, b.p, b.len, o->fold);
	default: return a.len == b.len && op_text_same(a.p, b.p, a.len, o->fold);
	}
}

/* Does it hold for a text and any element of b, or all of b when it is no list? */
static bool any_right(const struct operand *o, struct str one, const struct value *b)
{
	struct str rest = b->s;

	if (b->class != EV_CLASS_LIST)
		return texts(o, one, rest);
	while (rest.len)
		if (texts(o, one, str_take(&rest)))
			return true;
	return false;
}

/* Does it hold for any element of a with any of b? */
static bool any(const struct operand *o, const struct value *a, const struct value *b)
{
	struct str rest = a->s;

	if (a->class != EV_CLASS_LIST)
		return any_right(o, rest, b);
	while (rest.len)
		if (any_right(o, str_take(&rest), b))
			return true;
	return false;
}

static __int128 number(const struct value *v)
{
	return v->class == EV_CLASS_INT ? (__int128)v->i : (__int128)v->u;
}

static bool ip_equal(const struct ev_ip *a, const struct ev_ip *b)
{
	uint8_t x[16], y[16];

	op_address(a, x);
	op_address(b, y);
	return !memcmp(x, y, sizeof(x));
}

static bool equal(const struct operand *o, const struct value *l, const struct value *r)
{
	switch (o->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST: return any(o, l, r);
	case EV_CLASS_IP: return ip_equal(&l->ip, &r->ip);
	default: return number(l) == number(r);
	}
}

bool op_pair(const struct operand *o, const struct value *l, const struct value *r)
{
	switch (o->base) {
	case OP_EQ:
	case OP_IN: return equal(o, l, r);
	case OP_NE: return !equal(o, l, r);
	case OP_LT: return number(l) < number(r);
	case OP_LE: return number(l) <= number(r);
	case OP_GT: return number(l) > number(r);
	case OP_GE: return number(l) >= number(r);
	default: return any(o, l, r);
	}
}
