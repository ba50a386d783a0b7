/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: policies as text, in all the ways in which the same may be written.
 */
#include "tests/harness/reference.h"

struct print {
	struct buf *b;
	uint64_t state; /* of how it is written: chosen by the text so far */
};

static bool choose(struct print *p, uint32_t one_in)
{
	p->state = (p->state + p->b->len) * 6364136223846793005ULL + 1442695040888963407ULL;
	return (p->state >> 33) % one_in == 0;
}

/* --- texts --- */

static void double_quoted(struct buf *b, struct str s)
{
	buf_char(b, '"');
	for (uint32_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (c == '\n')
			buf_lit(b, "\\n");
		else if (c < ' ' || c >= 0x7f)
			buf_addf(b, "\\x%02x", c);
		else
			buf_char(b, (char)c);
	}
	buf_char(b, '"');
}

static void single_quoted(struct buf *b, struct str s)
{
	buf_char(b, '\'');
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] == '\\' || s.p[i] == '\'')
			buf_addf(b, "\\%c", s.p[i]);
		else
			buf_char(b, s.p[i]);
	buf_char(b, '\'');
}

static bool is_plain(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool is_quoted(enum reference_type t)
{
	return t != REFERENCE_NUMBER && t != REFERENCE_TRUTH;
}

static void print_operand(struct print *p, const struct reference_operand *o)
{
	if (!is_quoted(o->value.type))
		buf_str(p->b, o->written);
	else if (is_plain(o->written) && choose(p, 2))
		single_quoted(p->b, o->written);
	else
		double_quoted(p->b, o->written);
}

/* --- conditions --- */

static void print_number(struct buf *b, __int128 n)
{
	buf_addf(b, "%lld", (long long)n);
}

static int rank(const struct reference_term *t)
{
	return t->what != TERM_CALC ? 3 : t->calc == '+' || t->calc == '-' ? 1 : 2;
}

static void print_term(struct print *p, const struct reference_term *t)
{
	bool left, right;

	switch (t->what) {
	case TERM_FIELD: buf_lit(p->b, t->field->path); break;
	case TERM_LITERAL: print_number(p->b, t->literal); break;
	case TERM_CALL:
		buf_addf(p->b, "%s(", t->call);
		if (!strcmp(t->call, "any_ancestor"))
			buf_lit(p->b, "process.name");
		else
			print_term(p, t->a);
		buf_char(p->b, ')');
		break;
	default:
		left = rank(t->a) < rank(t);
		right = rank(t->b) <= rank(t);
		buf_lit(p->b, left ? "(" : "");
		print_term(p, t->a);
		buf_addf(p->b, "%s %c %s", left ? ")" : "", t->calc, right ? "(" : "");
		print_term(p, t->b);
		buf_lit(p->b, right ? ")" : "");
	}
}

/* With a comma before or behind. */
static void print_member(struct print *p, const struct reference_test *t, bool first)
{
	if (!t->member || t->member_first != first)
		return;
	buf_lit(p->b, first ? "" : ", ");
	print_term(p, t->member);
	buf_lit(p->b, first ? ", " : "");
}

static void print_values(struct print *p, const struct reference_test *t)
{
	uint32_t own = t->list ? t->list_inside : t->n;
	bool parens = t->member || t->op == OP_IN || t->n > 1 || (t->op > OP_GE && choose(p, 3));

	if (t->list && !t->list_inside && !t->member) {
		buf_addf(p->b, "$%s", t->list->name);
		return;
	}
	buf_lit(p->b, parens ? "(" : "");
	print_member(p, t, true);
	for (uint32_t i = 0; i < own; i++) {
		buf_lit(p->b, i ? ", " : "");
		print_operand(p, &t->values[i]);
	}
	if (t->list)
		buf_addf(p->b, "%s$%s", own ? ", " : "", t->list->name);
	print_member(p, t, false);
	buf_lit(p->b, parens ? ")" : "");
}

static void print_test(struct print *p, const struct reference_test *t, bool negated)
{
	const struct reference_op_row *row = &reference_ops[t->op];

	print_term(p, t->left);
	if (t->op == OP_TRUE)
		return;
	buf_addf(p->b, " %s%s", negated ? "not " : "", t->folds ? row->folding : row->word);
	if (t->op == OP_EXISTS)
		return;
	buf_char(p->b, ' ');
	if (t->right)
		print_term(p, t->right);
	else
		print_values(p, t);
}

static void print_cond(struct print *p, const struct reference_cond *c);

static void print_inside(struct print *p, const struct reference_cond *c, bool needed)
{
	bool parens = needed || choose(p, 5);

	buf_lit(p->b, parens ? "(" : "");
	print_cond(p, c);
	buf_lit(p->b, parens ? ")" : "");
}

static bool may_negate_inside(const struct reference_test *t)
{
	return t->op != OP_TRUE && (t->folds || t->op == OP_IN || t->op > OP_GE);
}

static void print_not(struct print *p, const struct reference_cond *c)
{
	const struct reference_cond *kid = c->kids[0];

	if (kid->what == COND_IS_TEST && may_negate_inside(&kid->test) && choose(p, 2)) {
		print_test(p, &kid->test, true);
		return;
	}
	buf_lit(p->b, "not ");
	print_inside(p, kid, kid->what == COND_IS_AND || kid->what == COND_IS_OR);
}

static void print_cond(struct print *p, const struct reference_cond *c)
{
	switch (c->what) {
	case COND_IS_TEST: print_test(p, &c->test, false); return;
	case COND_IS_MACRO: buf_addf(p->b, "$%s", c->macro->name); return;
	case COND_IS_NOT: print_not(p, c); return;
	default: break;
	}
	for (uint32_t i = 0; i < c->nkids; i++) {
		bool is_and = c->what == COND_IS_AND;

		if (i)
			buf_lit(p->b, is_and ? " and " : " or ");
		print_inside(p, c->kids[i], is_and && c->kids[i]->what == COND_IS_OR);
	}
}

/* --- a file --- */

static void print_where(struct print *p, const char *before, const struct reference_cond *c)
{
	buf_addf(p->b, "%swhere: |\n      ", before);
	print_cond(p, c);
	buf_char(p->b, '\n');
}

/* In double quotes of YAML \xNN is a character, not a byte: bytes are written as they are. */
static void yaml_quoted(struct buf *b, struct str s)
{
	buf_char(b, '"');
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_addf(b, "\\%c", s.p[i]);
		else if (s.p[i] == '\n')
			buf_lit(b, "\\n");
		else
			buf_char(b, s.p[i]);
	buf_char(b, '"');
}

static void print_list(struct print *p, const struct reference_list *l)
{
	buf_addf(p->b, "  %s: [", l->name);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct reference_operand *o = &l->values[i];

		buf_lit(p->b, i ? ", " : "");
		if (is_quoted(o->value.type))
			yaml_quoted(p->b, o->written);
		else
			buf_str(p->b, o->written);
	}
	buf_lit(p->b, "]\n");
}

static void print_scope(struct print *p, const struct reference_scope *s, const char *names)
{
	static const char *const whats[] = { "", "host", "container" };

	(void)names;
	if (s->what == SCOPE_NONE)
		return;
	if (s->what != SCOPE_MAP) {
		buf_addf(p->b, "  scope: %s\n", whats[s->what]);
		return;
	}
	buf_lit(p->b, "  scope:\n");
	for (uint32_t i = 0; i < s->n; i++) {
		const char *path = s->fields[i]->path;

		buf_addf(p->b, "    %s: %s", !strncmp(path, "process.", 8) ? path + 8 : path,
			 s->nglobs[i] > 1 ? "[" : "");
		for (uint32_t j = 0; j < s->nglobs[i]; j++) {
			buf_lit(p->b, j ? ", " : "");
			yaml_quoted(p->b, s->globs[i][j].written);
		}
		buf_lit(p->b, s->nglobs[i] > 1 ? "]\n" : "\n");
	}
}

static void print_policy(struct print *p, const struct reference_policy *policy, uint32_t i)
{
	uint32_t n = policy->nexceptions - (policy->overridden && policy->nexceptions);
	const char *comma = "";

	buf_addf(p->b, "- name: r%u\n  on: [", i);
	for (uint32_t k = 0; k < REFERENCE_KINDS; k++)
		if (policy->kinds & 1 << k) {
			buf_addf(p->b, "%s%s", comma, reference_kinds[k]);
			comma = ", ";
		}
	buf_lit(p->b, "]\n");
	print_scope(p, &policy->scope, NULL);
	if (policy->overridden)
		buf_lit(p->b, "  where: process.pid > 5\n");
	else
		print_where(p, "  ", policy->where);
	buf_lit(p->b, n ? "  exceptions:\n" : "");
	for (uint32_t j = 0; j < n; j++)
		print_where(p, "  - ", policy->exceptions[j]);
}

static void print_override(struct print *p, const struct reference_policy *policy, uint32_t i)
{
	buf_addf(p->b, "- policy: r%u\n", i);
	print_where(p, "  ", policy->where);
	if (!policy->nexceptions)
		return;
	buf_lit(p->b, "  exceptions:\n");
	print_where(p, "  - ", policy->exceptions[policy->nexceptions - 1]);
}

static void print_some(const struct reference *r, struct buf *b, uint32_t from, uint32_t to)
{
	struct print p = { b, r->seed };
	bool overrides = false;

	buf_lit(b, "lists:\n");
	for (uint32_t i = 0; i < REFERENCE_LISTS; i++)
		print_list(&p, &r->lists[i]);
	buf_lit(b, "macros:\n");
	for (uint32_t i = 0; i < r->nmacros; i++) {
		buf_addf(b, "  %s: |\n    ", r->macros[i].name);
		print_cond(&p, r->macros[i].cond);
		buf_char(b, '\n');
	}
	buf_lit(b, "policies:\n");
	for (uint32_t i = from; i < to; i++)
		print_policy(&p, &r->policies[i], i);
	for (uint32_t i = from; i < to; i++)
		if (r->policies[i].overridden) {
			buf_lit(b, overrides ? "" : "overrides:\n");
			overrides = true;
			print_override(&p, &r->policies[i], i);
		}
}

void reference_print(const struct reference *r, struct buf *b)
{
	print_some(r, b, 0, r->npolicies);
}

void reference_print_policy(const struct reference *r, struct buf *b, uint32_t i)
{
	print_some(r, b, i, i + 1);
}
