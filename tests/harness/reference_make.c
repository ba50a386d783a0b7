/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: conditions and policies.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/util.h"
#include "tests/harness/reference.h"

enum { DEPTH = 3 };

static bool is_text(enum reference_type t)
{
	return t == REFERENCE_TEXT || t == REFERENCE_LIST;
}

/* A field that one of the kinds has; of the type, or any when type is negative. NULL: none. */
static const struct reference_field *pick_field(struct reference *r, uint32_t kinds, int type)
{
	const struct reference_field *found[REFERENCE_FIELDS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < reference_nfields; i++) {
		const struct reference_field *f = &reference_fields[i];

		if (f->kinds & kinds && (type < 0 || f->type == (enum reference_type)type))
			found[n++] = f;
	}
	return n ? found[reference_below(r, n)] : NULL;
}

/* --- terms --- */

static struct reference_term *field_term(struct reference *r, const struct reference_field *f)
{
	struct reference_term *t = reference_keep(r, sizeof(*t));

	t->what = TERM_FIELD;
	t->field = f;
	t->type = f->type;
	return t;
}

static struct reference_term *call_term(struct reference *r, const char *call,
					enum reference_type type, const struct reference_term *a)
{
	struct reference_term *t = reference_keep(r, sizeof(*t));

	t->what = TERM_CALL;
	t->call = call;
	t->type = type;
	t->a = a;
	return t;
}

static struct reference_term *text_term(struct reference *r, uint32_t kinds,
					enum reference_type type, uint32_t depth)
{
	static const char *const calls[] = { "basename", "dirname", "extension", "lower", "upper" };
	struct reference_term *t = field_term(r, pick_field(r, kinds, (int)type));

	if (type == REFERENCE_LIST && !reference_below(r, 6))
		t = call_term(r, "any_ancestor", REFERENCE_LIST,
			      field_term(r, &reference_fields[0]));
	while (depth-- && !reference_below(r, 3))
		t = call_term(r, calls[reference_below(r, ARRAY_LEN(calls))], t->type, t);
	return t;
}

static struct reference_term *number_term(struct reference *r, uint32_t kinds, uint32_t depth);

static struct reference_term *literal_term(struct reference *r, bool divides)
{
	static const int64_t values[] = { 0, 1, 2, 3, 7, 10, 100, 1000, 4096, INT64_MAX };
	struct reference_term *t = reference_keep(r, sizeof(*t));

	t->what = TERM_LITERAL;
	t->type = REFERENCE_NUMBER;
	t->literal = values[divides + reference_below(r, ARRAY_LEN(values) - divides)];
	return t;
}

/* One side at least holds a field, or it would be calculated at load. */
static struct reference_term *calc_term(struct reference *r, uint32_t kinds, uint32_t depth)
{
	struct reference_term *t = reference_keep(r, sizeof(*t));
	bool left = !reference_below(r, 4), right = !left && reference_below(r, 2);

	t->what = TERM_CALC;
	t->type = REFERENCE_NUMBER;
	t->calc = "+-*/%"[reference_below(r, 5)];
	t->a = left ? literal_term(r, false) : number_term(r, kinds, depth - 1);
	t->b = right ? literal_term(r, t->calc == '/' || t->calc == '%')
		     : number_term(r, kinds, depth - 1);
	return t;
}

static struct reference_term *number_term(struct reference *r, uint32_t kinds, uint32_t depth)
{
	switch (depth ? reference_below(r, 6) : 0) {
	case 1:
		return call_term(r, "length", REFERENCE_NUMBER,
				 text_term(r, kinds, REFERENCE_TEXT, 1));
	case 2:
		return call_term(r, "count", REFERENCE_NUMBER,
				 text_term(r, kinds, REFERENCE_LIST, 1));
	case 3:
	case 4: return calc_term(r, kinds, depth);
	default: return field_term(r, pick_field(r, kinds, REFERENCE_NUMBER));
	}
}

/* --- tests --- */

static enum reference_op pick_op(struct reference *r, enum reference_type type)
{
	static const enum reference_op text[] = { OP_EQ,       OP_NE,         OP_IN,
						  OP_CONTAINS, OP_STARTSWITH, OP_ENDSWITH,
						  OP_GLOB,     OP_REGEX,      OP_EXISTS },
				       number[] = { OP_EQ, OP_NE, OP_LT, OP_LE,
						    OP_GT, OP_GE, OP_IN, OP_EXISTS },
				       flags[] = { OP_EQ, OP_NE, OP_IN, OP_CONTAINS, OP_EXISTS },
				       address[] = { OP_EQ,   OP_NE,   OP_IN,    OP_CIDR,
						     OP_CIDR, OP_CIDR, OP_EXISTS },
				       other[] = { OP_EQ, OP_NE, OP_IN, OP_EXISTS };
#define PICK(a) (a)[reference_below(r, ARRAY_LEN(a))]
	switch (type) {
	case REFERENCE_TEXT:
	case REFERENCE_LIST: return PICK(text);
	case REFERENCE_NUMBER: return PICK(number);
	case REFERENCE_FLAGS: return PICK(flags);
	case REFERENCE_ADDRESS: return PICK(address);
	case REFERENCE_TRUTH: return reference_below(r, 2) ? OP_TRUE : OP_EXISTS;
	default: return PICK(other);
	}
#undef PICK
}

static bool one_value(enum reference_op op)
{
	return op <= OP_GE;
}

/* A list whose values this field may be compared with in this way, or NULL. */
static const struct reference_list *pick_list(struct reference *r, const struct reference_field *f,
					      enum reference_op op)
{
	const struct reference_list *l = &r->lists[reference_below(r, REFERENCE_LISTS)];
	bool pattern = op == OP_GLOB || op == OP_REGEX || op == OP_CIDR;

	if (one_value(op) || l->op != (pattern ? op : OP_IN))
		return NULL;
	if (f->max ? l->field != f : !is_text(f->type) ? l->field != f : !is_text(l->field->type))
		return NULL;
	return l->field->max && !f->max ? NULL : l;
}

static void make_values(struct reference *r, struct reference_test *t,
			const struct reference_field *f)
{
	const struct reference_list *l = pick_list(r, f, t->op);
	uint32_t own = one_value(t->op) || l ? 1 : 1 + reference_below(r, 4);

	if (t->op == OP_IN && !l && !reference_below(r, 8))
		own = 12;
	if (l) {
		t->list = l;
		t->list_inside = reference_below(r, 2);
		own = t->list_inside;
	}
	t->n = own + (l ? l->n : 0);
	t->values = reference_keep(r, (t->n + 1) * sizeof(*t->values));
	for (uint32_t i = 0; i < own; i++)
		reference_make_operand(r, f, t->op, &t->values[i]);
	for (uint32_t i = 0; l && i < l->n; i++)
		t->values[own + i] = l->values[i];
}

static void value_test(struct reference *r, uint32_t kinds, struct reference_test *t)
{
	const struct reference_field *f = pick_field(r, kinds, -1);
	static const struct reference_field text = { .type = REFERENCE_TEXT };

	t->left = is_text(f->type) ? text_term(r, kinds, f->type, 2) : field_term(r, f);
	f = t->left->field ? t->left->field : &text;
	t->op = pick_op(r, t->left->type);
	t->folds = is_text(t->left->type) && !reference_below(r, 3) && reference_ops[t->op].folding;
	if (t->op != OP_EXISTS && t->op != OP_TRUE)
		make_values(r, t, f);
	/* A list may hold a term, too. */
	if (is_text(t->left->type) && t->op >= OP_IN && t->op <= OP_ENDSWITH &&
	    !reference_below(r, 4)) {
		t->member = text_term(r, kinds,
				      reference_below(r, 3) ? REFERENCE_TEXT : REFERENCE_LIST, 2);
		t->member_first = reference_below(r, 2);
	}
}

/* What is calculated, with a number or another such. */
static void number_test(struct reference *r, uint32_t kinds, struct reference_test *t)
{
	static const struct reference_field any = {
		.type = REFERENCE_NUMBER, .values = { "0", "1", "2", "3", "7", "100", "5000" }
	};
	struct reference_term *left = number_term(r, kinds, 3);

	if (left->what == TERM_FIELD)
		left = call_term(r, "count", REFERENCE_NUMBER,
				 field_term(r, pick_field(r, kinds, REFERENCE_LIST)));
	t->left = left;
	t->op = pick_op(r, REFERENCE_NUMBER);
	if (t->op == OP_EXISTS)
		return;
	if (t->op != OP_IN && reference_below(r, 2)) {
		t->right = number_term(r, kinds, 2);
		return;
	}
	t->n = t->op == OP_IN ? 2 : 1;
	t->values = reference_keep(r, t->n * sizeof(*t->values));
	for (uint32_t i = 0; i < t->n; i++)
		reference_make_operand(r, &any, t->op, &t->values[i]);
	if (t->op == OP_IN && reference_below(r, 2)) {
		t->member = number_term(r, kinds, 2);
		t->member_first = reference_below(r, 2);
	}
}

/* Two fields, or what is made of them. */
static void pair_test(struct reference *r, uint32_t kinds, struct reference_test *t)
{
	static const enum reference_op ops[] = { OP_EQ,         OP_NE,       OP_CONTAINS,
						 OP_STARTSWITH, OP_ENDSWITH, OP_IN };
	static const enum reference_type plain[] = { REFERENCE_NUMBER, REFERENCE_ADDRESS,
						     REFERENCE_NAME, REFERENCE_ID };
	enum reference_type type = plain[reference_below(r, ARRAY_LEN(plain))];
	const struct reference_field *f;

	if (reference_below(r, 2)) {
		t->op = ops[reference_below(r, ARRAY_LEN(ops))];
		t->left = text_term(r, kinds,
				    reference_below(r, 3) ? REFERENCE_TEXT : REFERENCE_LIST, 2);
		t->right = text_term(r, kinds,
				     t->op != OP_IN && reference_below(r, 3) ? REFERENCE_TEXT
									     : REFERENCE_LIST,
				     2);
		t->folds = !reference_below(r, 3);
		return;
	}
	f = pick_field(r, kinds, (int)type);
	if (!f)
		f = pick_field(r, kinds, REFERENCE_NUMBER);
	t->left = field_term(r, f);
	t->right =
		field_term(r, f->type == REFERENCE_NAME ? f : pick_field(r, kinds, (int)f->type));
	t->op = f->type == REFERENCE_NUMBER ? (enum reference_op)reference_below(r, OP_GE + 1)
					    : (enum reference_op)reference_below(r, OP_NE + 1);
}

/* --- conditions --- */

static struct reference_cond *make_cond(struct reference *r, uint32_t kinds, uint32_t depth,
					uint32_t nmacros)
{
	struct reference_cond *c = reference_keep(r, sizeof(*c));
	const struct reference_macro *m = &r->macros[nmacros ? reference_below(r, nmacros) : 0];
	uint32_t what = reference_below(r, 12);

	if (depth && what < 6) {
		c->what = what < 3 ? COND_IS_AND : COND_IS_OR;
		c->nkids = 2 + reference_below(r, 2);
		for (uint32_t i = 0; i < c->nkids; i++)
			c->kids[i] = make_cond(r, kinds, depth - 1, nmacros);
	} else if (depth && what == 6) {
		c->what = COND_IS_NOT;
		c->kids[c->nkids++] = make_cond(r, kinds, depth - 1, nmacros);
	} else if (what == 7 && nmacros && m->kinds & kinds) {
		c->what = COND_IS_MACRO;
		c->macro = m;
	} else if (what == 8) {
		number_test(r, kinds, &c->test);
	} else if (what == 9) {
		pair_test(r, kinds, &c->test);
	} else {
		value_test(r, kinds, &c->test);
	}
	return c;
}

/* --- a set --- */

/* A value that stands in YAML by itself, which is UTF-8. */
static void yaml_operand(struct reference *r, const struct reference_field *f, enum reference_op op,
			 struct reference_operand *o)
{
	do
		reference_make_operand(r, f, op, o);
	while (!o->written.len || memchr(o->written.p, '\xff', o->written.len));
}

static void make_lists(struct reference *r)
{
	static const enum reference_op ops[] = { OP_IN, OP_IN, OP_GLOB, OP_REGEX };

	for (uint32_t i = 0; i < REFERENCE_LISTS; i++) {
		struct reference_list *l = &r->lists[i];

		sprintf(l->name, "l%u%s", i, i % 3 ? "" : ".x-y");
		do
			l->field = pick_field(r, 15, -1);
		while (l->field->type == REFERENCE_TRUTH);
		l->op = is_text(l->field->type) ? ops[reference_below(r, ARRAY_LEN(ops))]
			: l->field->type == REFERENCE_ADDRESS && reference_below(r, 2) ? OP_CIDR
										       : OP_IN;
		l->n = 1 + reference_below(r, 5);
		l->values = reference_keep(r, l->n * sizeof(*l->values));
		for (uint32_t j = 0; j < l->n; j++)
			yaml_operand(r, l->field, l->op, &l->values[j]);
	}
}

static void make_macros(struct reference *r)
{
	for (r->nmacros = 0; r->nmacros < REFERENCE_MACROS; r->nmacros++) {
		struct reference_macro *m = &r->macros[r->nmacros];

		sprintf(m->name, "m%u", r->nmacros);
		m->kinds = (uint8_t)(1 << reference_below(r, REFERENCE_KINDS));
		m->cond = make_cond(r, m->kinds, 1, 0);
	}
	/* The later ones may name earlier ones. */
	for (uint32_t i = REFERENCE_MACROS / 2; i < REFERENCE_MACROS; i++)
		r->macros[i].cond = make_cond(r, r->macros[i].kinds, 2, i);
}

static void make_scope(struct reference *r, struct reference_scope *s)
{
	static const char *const keys[] = { "container.id", "container.runtime",
					    "process.cgroup.path", "service.name" };

	s->what = reference_below(r, 6) ? SCOPE_NONE : 1 + reference_below(r, 3);
	if (s->what != SCOPE_MAP)
		return;
	for (uint32_t k = 0; k < ARRAY_LEN(keys); k++) {
		if (reference_below(r, 2))
			continue;
		for (uint32_t i = 0; i < reference_nfields; i++)
			if (!strcmp(reference_fields[i].path, keys[k]))
				s->fields[s->n] = &reference_fields[i];
		s->nglobs[s->n] = 1 + reference_below(r, 2);
		for (uint32_t j = 0; j < s->nglobs[s->n]; j++)
			yaml_operand(r, s->fields[s->n], OP_GLOB, &s->globs[s->n][j]);
		s->n++;
	}
	if (!s->n)
		s->what = SCOPE_HOST;
}

void reference_policies(struct reference *r)
{
	r->set_memory.used = 0;
	make_lists(r);
	make_macros(r);
	memset(r->policies, 0, sizeof(r->policies));
	r->npolicies = REFERENCE_POLICIES;
	for (uint32_t i = 0; i < r->npolicies; i++) {
		struct reference_policy *p = &r->policies[i];

		p->kinds = (uint8_t)(1 << reference_below(r, REFERENCE_KINDS));
		if (!reference_below(r, 3))
			p->kinds |= (uint8_t)(1 << reference_below(r, REFERENCE_KINDS));
		p->where = make_cond(r, p->kinds, DEPTH, r->nmacros);
		p->nexceptions = reference_below(r, 4) ? 0 : 1 + reference_below(r, 2);
		for (uint32_t j = 0; j < p->nexceptions; j++)
			p->exceptions[j] = make_cond(r, p->kinds, 1, r->nmacros);
		p->overridden = !reference_below(r, 8);
		make_scope(r, &p->scope);
	}
}
