/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Type check of conditions (cond.h): fields by the schema, operands by operand.c, then the
 * kids of `and` and `or` in the order that is expected to decide soonest. Tests have no side
 * effects, so that order changes the cost and nothing else. Load time.
 */
#include "pipeline/policy/cond.h"

#include "pipeline/nearest.h"
#include "pipeline/util.h"

void cond_verror(struct cond_check *x, uint32_t at, const char *fmt, va_list ap)
{
	char text[600];

	vsnprintf(text, sizeof(text), fmt, ap);
	x->problems++;
	x->report(x->arg, at, text);
}

void cond_error(struct cond_check *x, uint32_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cond_verror(x, at, fmt, ap);
	va_end(ap);
}

/* schema_field leaves out what only the encoder fills: it is not there when policies are asked. */
static const struct field *kind_field(uint32_t kind, struct str path)
{
	const struct event_kind *k = schema_kind(kind);

	return k ? schema_field(k, path) : NULL;
}

static bool is_made_with_document(struct str path)
{
	const struct ctx_group_desc *g = schema_group(CTX_DOC);

	for (uint32_t i = 0; i < g->nfields; i++)
		if (g->fields[i].path && str_eq(path, str_of(g->fields[i].path)))
			return true;
	return false;
}

const struct field *cond_field(uint32_t kinds, struct str path)
{
	for (uint32_t k = 0; k < EV_MAX; k++) {
		const struct field *f = kinds & 1u << k ? kind_field(k, path) : NULL;

		if (f)
			return f;
	}
	return NULL;
}

void cond_field_unknown(uint32_t kinds, struct str path, char *text, size_t len)
{
	struct nearest near = { .word = path };
	const char *only = NULL;
	int shown = (int)MIN(path.len, 100u);

	if (is_made_with_document(path)) {
		snprintf(text, len, "%.*s is made with the document: policies cannot use it", shown,
			 path.p);
		return;
	}
	for (uint32_t k = 0; k < EV_MAX; k++) {
		const struct event_kind *kind = schema_kind(k);

		if (kind && schema_kind_is_public(kind) && schema_field(kind, path))
			only = kind->name;
		if (kind && kinds & 1u << k)
			nearest_offer(&near, schema_suggest(kind, path));
	}
	if (only)
		snprintf(text, len, "no kind of this policy has the field %.*s; %s has it", shown,
			 path.p, only);
	else if (near.best)
		snprintf(text, len, "unknown field %.*s; did you mean %s?", shown, path.p,
			 near.best);
	else
		snprintf(text, len, "unknown field %.*s; tocsin schema lists them", shown, path.p);
}

/* How often a test holds: policies look for what is rare, and except what is common. */
static float guess(const struct cond *c)
{
	switch (ops[c->op].base) {
	case OP_NE: return 0.9f;
	case OP_EXISTS: return 0.5f;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE: return 0.3f;
	default: return c->operand && c->operand->class == EV_CLASS_BITS ? 0.2f : 0.05f;
	}
}

/* A word on the right that is no field may be a text without its quotes. */
static bool check_right(struct cond_check *x, const struct cond *c)
{
	struct term *t = c->right;

	if (t->type == TERM_FIELD && !memchr(t->text.p, '.', t->text.len) &&
	    !cond_field(x->kinds, t->text)) {
		cond_error(x, t->at, "text needs quotes: \"%.*s\"", (int)MIN(t->text.len, 60u),
			   t->text.p);
		return false;
	}
	return term_check(x, t);
}

/* A constant on the right is a literal. */
static bool make_literal(struct cond_check *x, struct cond *c)
{
	struct literal *l = pool_get(x->pool, sizeof(*l));
	const struct term *t = c->right;

	if (!l) {
		x->no_memory = true;
		return false;
	}
	*l = (struct literal){ .text = t->type == TERM_TEXT ? t->text : t->key,
			       .at = t->at,
			       .type = t->type == TERM_TEXT ? LITERAL_TEXT : LITERAL_NUMBER };
	c->literals = l;
	c->nliterals = 1;
	c->right = NULL;
	return true;
}

static void check_test(struct cond_check *x, struct cond *c)
{
	bool good;

	if (x->problems > COND_PROBLEMS_MAX)
		return;
	good = term_check(x, c->left);
	if (good && term_is_constant(c->left)) {
		cond_error(x, c->at,
			   "a test begins with a field, as in file.path = \"/etc/passwd\"");
		return;
	}
	good = (!c->right || check_right(x, c)) && good;
	if (!good || (c->right && term_is_constant(c->right) && !make_literal(x, c)))
		return;
	c->operand = c->right ? operand_pair(x, c) : operand_compile(x, c->left->shape, c);
	c->cost = (float)c->left->cost + (c->operand ? c->operand->cost : 0) +
		  (c->right ? (float)c->right->cost : 0);
	c->odds = guess(c);
}

/* `and` is decided by a kid that does not hold, `or` by one that does: first what does so for the
 * least time. */
static float rank(const struct cond *c, enum cond_type type)
{
	float decides = type == COND_AND ? 1 - c->odds : c->odds;

	return c->cost / (decides > 0.001f ? decides : 0.001f);
}

static int by_rank(const void *x, const void *y, void *arg)
{
	const struct cond *a = *(struct cond *const *)x, *b = *(struct cond *const *)y;
	float ra = rank(a, *(uint8_t *)arg), rb = rank(b, *(uint8_t *)arg);

	if (ra < rb || ra > rb)
		return ra < rb ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

/* Cost and odds of a parent from those of its kids, in their order. */
static void sum_up(struct cond *c)
{
	float reached = 1;

	c->cost = 0;
	for (uint32_t i = 0; i < c->nkids; i++) {
		c->cost += reached * c->kids[i]->cost;
		reached *= c->type == COND_OR ? 1 - c->kids[i]->odds : c->kids[i]->odds;
	}
	if (c->type == COND_NOT)
		c->odds = 1 - c->kids[0]->odds;
	else
		c->odds = c->type == COND_OR ? 1 - reached : reached;
}

static void check_at(struct cond_check *x, struct cond *c, uint32_t depth)
{
	if (depth > COND_DEPTH_MAX) {
		cond_error(x, c->at, "nested deeper than %d", COND_DEPTH_MAX);
		return;
	}
	if (c->type == COND_TEST) {
		check_test(x, c);
		return;
	}
	for (uint32_t i = 0; i < c->nkids; i++)
		check_at(x, c->kids[i], depth + 1);
	if (c->nkids)
		qsort_r(c->kids, c->nkids, sizeof(struct cond *), by_rank, &c->type);
	sum_up(c);
}

void cond_check(struct cond_check *x, struct cond *c)
{
	check_at(x, c, 1);
}
