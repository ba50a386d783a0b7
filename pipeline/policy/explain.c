/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * explain.h: asks the conditions. What an `and` or `or` would have skipped is asked too.
 */
#include "pipeline/policy/explain.h"

#include <errno.h>

#include "pipeline/encode.h"
#include "pipeline/util.h"

enum { LITERALS_SHOWN = 20, VALUE_MAX = 64 << 10, MAIN_NODES = 4 };

struct asking {
	struct explanation *x;
	struct event *e;
	struct op_scratch scratch;
	explain_lacks *lacks;
	bool no_memory;
};

uint32_t policy_find(const struct policy_set *s, struct str name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (str_eq(s->policies[i]->pub.name, name))
			return i;
	return UINT32_MAX;
}

static struct explain_node *new_node(struct asking *a, enum explain_what what, uint32_t room)
{
	struct explain_node *n = pool_get(&a->x->pool, sizeof(*n));

	if (n) {
		n->what = (uint8_t)what;
		n->kids = pool_array(&a->x->pool, room + 1, sizeof(struct explain_node *));
	}
	if (n && n->kids)
		return n;
	a->no_memory = true;
	return NULL;
}

static struct str keep(struct asking *a, struct buf *b)
{
	struct str s = pool_str(&a->x->pool, (struct str){ b->p, (uint32_t)b->len });

	a->no_memory |= b->failed || !s.p;
	buf_free(b);
	return s;
}

static void add_literal(struct buf *b, const struct literal *l)
{
	bool quoted = l->type != LITERAL_NUMBER && l->type != LITERAL_BOOL;

	buf_lit(b, quoted ? "\"" : "");
	text_escape(b, l->text);
	buf_lit(b, quoted ? "\"" : "");
}

/* A condition that names lists, with the values in their place. */
static void spell_out(struct buf *b, const struct cond *c)
{
	bool many = ops[c->op].args == OP_ARGS_LIST || c->nliterals > 1;

	text_escape(b, c->left->key);
	buf_addf(b, " %s %s", ops[c->op].word, many ? "(" : "");
	for (uint32_t i = 0; i < c->nliterals && i < LITERALS_SHOWN; i++) {
		buf_lit(b, i ? ", " : "");
		add_literal(b, &c->literals[i]);
	}
	if (c->nliterals > LITERALS_SHOWN)
		buf_addf(b, ", … %u more", c->nliterals - LITERALS_SHOWN);
	buf_lit(b, many ? ")" : "");
}

/* As its author wrote it, on one line. */
static struct str condition_text(struct asking *a, const struct cond *c)
{
	struct buf b = { 0 };
	bool blank = false;

	if (c->nliterals && c->source.len && memchr(c->source.p, '$', c->source.len)) {
		spell_out(&b, c);
		return keep(a, &b);
	}
	for (uint32_t i = 0; i < c->source.len; i++) {
		const char *p = c->source.p + i;
		uint32_t n = 1;

		while (i + n < c->source.len && (p[n] & 0xc0) == 0x80)
			n++;
		if (*p == '\n' || *p == '\t' || *p == ' ') {
			blank = true;
			continue;
		}
		buf_lit(&b, blank && b.len ? " " : "");
		blank = false;
		text_escape(&b, (struct str){ p, n });
		i += n - 1;
	}
	return keep(a, &b);
}

static bool is_left_out(const struct asking *a, const struct term *t)
{
	const struct field *f;

	if (!a->lacks)
		return false;
	if (t->type == TERM_FIELD) {
		f = cond_field(1u << a->e->kind->kind, t->text);
		return f && a->lacks(a->e->kind, f);
	}
	if (t->type == TERM_CALL && funcs[t->op].takes == FUNC_TAKES_PROCESS)
		return true; /* of the ancestors */
	for (uint32_t i = 0; i < t->nargs; i++)
		if (is_left_out(a, t->args[i]))
			return true;
	return false;
}

/* The value of a term of the test, with its JSON in *shown; false: there is none. */
static bool find(struct asking *a, struct explain_node *n, const struct term *t, struct value *v,
		 struct str *shown)
{
	struct term_code *code = NULL;
	struct buf b = { .max = VALUE_MAX };
	bool there = term_on(t, a->e->kind->kind);

	if (there && term_compile(&code, t, a->e->kind->kind)) {
		a->no_memory = true;
		return false;
	}
	there = there && term_eval(code, a->e, v);
	term_code_free(code);
	if (there) {
		value_json(&b, t->shape, v);
		if (b.failed) {
			buf_reset(&b);
			buf_lit(&b, "\"…\"");
		}
		*shown = keep(a, &b);
		return true;
	}
	n->outcome = EXPLAIN_ABSENT;
	n->absent = t->key;
	n->left_out = is_left_out(a, t);
	return false;
}

static struct explain_node *ask_test(struct asking *a, const struct cond *c)
{
	struct explain_node *n = new_node(a, EXPLAIN_TEST, 0);
	size_t used = a->e->arena->used;
	struct value left, right;
	bool held;

	if (!n)
		return NULL;
	n->text = condition_text(a, c);
	if (find(a, n, c->left, &left, &n->value) &&
	    (!c->right || find(a, n, c->right, &right, &n->other))) {
		held = c->right ? op_pair(c->operand, &left, &right)
				: c->operand->eval(c->operand, &left, &a->scratch);
		n->outcome = held ? EXPLAIN_HELD : EXPLAIN_FAILED;
	}
	a->e->arena->used = used;
	return n;
}

static int by_place(const void *x, const void *y)
{
	const struct cond *a = *(struct cond *const *)x, *b = *(struct cond *const *)y;

	return (a->at > b->at) - (a->at < b->at);
}

static struct explain_node *ask(struct asking *a, const struct cond *c);

/* The check put the kids in the order in which they decide soonest; people read that of the file. */
static struct explain_node *ask_kids(struct asking *a, const struct cond *c, enum explain_what what)
{
	struct explain_node *n = new_node(a, what, c->nkids);
	CLEANUP_FREE struct cond **kids = malloc(sizeof(struct cond *) * (c->nkids + 1));
	uint32_t held = 0;

	if (!n || !kids) {
		a->no_memory = true;
		return NULL;
	}
	memcpy(kids, c->kids, sizeof(struct cond *) * c->nkids);
	qsort(kids, c->nkids, sizeof(struct cond *), by_place);
	for (uint32_t i = 0; i < c->nkids; i++) {
		struct explain_node *kid = ask(a, kids[i]);

		if (!kid)
			return NULL;
		n->kids[n->nkids++] = kid;
		held += kid->outcome == EXPLAIN_HELD;
	}
	if (what == EXPLAIN_OR ? held : what == EXPLAIN_NOT ? !held : held == c->nkids)
		n->outcome = EXPLAIN_HELD;
	return n;
}

static struct explain_node *ask(struct asking *a, const struct cond *c)
{
	if (a->no_memory)
		return NULL;
	switch (c->type) {
	case COND_TEST: return ask_test(a, c);
	case COND_NOT: return ask_kids(a, c, EXPLAIN_NOT);
	case COND_OR: return ask_kids(a, c, EXPLAIN_OR);
	default: return ask_kids(a, c, EXPLAIN_AND);
	}
}

static void add_part(struct asking *a, struct explain_part *p, enum explain_what what,
		     const struct cond *c)
{
	struct explain_node *n = new_node(a, what, 1), *kid = n ? ask(a, c) : NULL;

	if (!kid)
		return;
	n->kids[n->nkids++] = kid;
	n->outcome = kid->outcome == EXPLAIN_HELD;
	p->nodes[p->nnodes++] = n;
}

static void add_fact(struct asking *a, struct explain_part *p, enum explain_what what, bool held)
{
	struct explain_node *n = new_node(a, what, 0);

	if (!n)
		return;
	n->outcome = held;
	p->nodes[p->nnodes++] = n;
}

/* Policies that say nothing of failed opens are about others (rules_add). */
static void ask_opened(struct asking *a, struct explain_part *p, const struct cond *where)
{
	const struct field *f = rules_implied_outcome(a->e->kind, where);
	struct value v;

	if (f && event_get(a->e, f, &v))
		add_fact(a, p, EXPLAIN_OPENED, v.u != EV_OUTCOME_FAILURE);
}

static void ask_exceptions(struct asking *a, struct explain_part *p, const struct exceptions *e)
{
	for (uint32_t i = 0; i < e->count; i++) {
		add_part(a, p, EXPLAIN_EXCEPTION, e->conds[i]);
		if (a->no_memory)
			return;
		p->nodes[p->nnodes - 1]->number = i + 1;
		p->nodes[p->nnodes - 1]->text = e->names[i];
	}
}

static void ask_part(struct asking *a, struct explain_part *p, uint32_t kinds,
		     const struct cond *where, const struct exceptions *exceptions)
{
	const struct policy_def *def = a->x->def;
	const struct cond *scope = NULL, *rest = where;

	p->nodes = pool_array(&a->x->pool, MAIN_NODES + exceptions->count,
			      sizeof(struct explain_node *));
	if (!p->nodes) {
		a->no_memory = true;
		return;
	}
	add_fact(a, p, EXPLAIN_ON, kinds & 1u << a->e->kind->kind);
	if (!(kinds & 1u << a->e->kind->kind))
		return;
	if (def->scope && where->type == COND_AND && where->nkids == 2)
		for (uint32_t i = 0; i < 2; i++)
			if (where->kids[i] == def->scope) {
				scope = def->scope;
				rest = where->kids[1 - i];
			}
	if (scope)
		add_part(a, p, EXPLAIN_SCOPE, scope);
	add_part(a, p, EXPLAIN_WHERE, rest);
	ask_opened(a, p, where);
	ask_exceptions(a, p, exceptions);
}

static void mark(struct explain_node *n)
{
	bool held = n->outcome == EXPLAIN_HELD;
	bool all = n->what == EXPLAIN_AND ? held : n->what == EXPLAIN_OR ? !held : true;

	n->decisive = true;
	for (uint32_t i = 0; i < n->nkids; i++)
		if (all || (n->kids[i]->outcome == EXPLAIN_HELD) == held)
			mark(n->kids[i]);
}

static void conclude(struct explain_part *p)
{
	p->held = true;
	for (uint32_t i = 0; i < p->nnodes; i++)
		p->held &= (p->nodes[i]->outcome == EXPLAIN_HELD) !=
			   (p->nodes[i]->what == EXPLAIN_EXCEPTION);
	for (uint32_t i = 0; i < p->nnodes; i++) {
		bool good = (p->nodes[i]->outcome == EXPLAIN_HELD) !=
			    (p->nodes[i]->what == EXPLAIN_EXCEPTION);

		if (good == p->held)
			mark(p->nodes[i]);
	}
}

static void ask_all(struct asking *a)
{
	struct explanation *x = a->x;
	const struct policy_def *def = x->def;
	const struct window_def *w = def->window;

	x->parts = pool_array(&x->pool, w ? w->nsteps : 1, sizeof(*x->parts));
	if (!x->parts) {
		a->no_memory = true;
		return;
	}
	x->nparts = w ? w->nsteps : 1;
	for (uint32_t i = 0; i < x->nparts && !a->no_memory; i++) {
		struct explain_part *p = &x->parts[i];

		if (w) {
			p->name = w->steps[i].name;
			p->negated = w->steps[i].negated;
		}
		ask_part(a, p, w ? w->steps[i].kinds : def->pub.kinds,
			 w ? w->steps[i].where : def->where, exceptions_of(def, i));
		if (!a->no_memory)
			conclude(p);
	}
}

/* The event keeps the paths that it has turned round, in memory that ask_test must not give back. */
static void turn_paths(struct event *e)
{
	struct value v;

	for (uint32_t i = 0; i < e->kind->nfields; i++)
		if (e->kind->fields[i].class == EV_CLASS_PATH)
			event_get(e, &e->kind->fields[i], &v);
}

int policy_explain(struct explanation *out, const struct policy_set *s, uint32_t policy,
		   struct event *e, explain_lacks *lacks)
{
	struct asking a = { .x = out, .e = e, .lacks = lacks };

	*out = (struct explanation){ .def = s->policies[policy], .e = e };
	if (s->patterns.count)
		a.scratch.regex = regex_scratch_new();
	if (s->patterns.count && !a.scratch.regex)
		return -ENOMEM;
	turn_paths(e);
	ask_all(&a);
	regex_scratch_free(a.scratch.regex);
	if (!a.no_memory)
		return 0;
	explanation_free(out);
	return -ENOMEM;
}

void explanation_free(struct explanation *x)
{
	pool_free(&x->pool);
	*x = (struct explanation){ 0 };
}
