/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: what holds.
 */
#include "tests/harness/reference.h"

#include <stdlib.h>

#include "tests/harness/random.h"

enum { SET_BYTES = 64 << 20, EVENT_BYTES = 4 << 20 };

const struct reference_op_row reference_ops[OP_MAX] = {
	[OP_EQ] = { "=", "ieq" },
	[OP_NE] = { "!=", "ine" },
	[OP_LT] = { "<", NULL },
	[OP_LE] = { "<=", NULL },
	[OP_GT] = { ">", NULL },
	[OP_GE] = { ">=", NULL },
	[OP_IN] = { "in", "iin" },
	[OP_CONTAINS] = { "contains", "icontains" },
	[OP_STARTSWITH] = { "startswith", "istartswith" },
	[OP_ENDSWITH] = { "endswith", "iendswith" },
	[OP_GLOB] = { "glob", "iglob" },
	[OP_REGEX] = { "regex", "iregex" },
	[OP_CIDR] = { "cidr", NULL },
	[OP_EXISTS] = { "exists", NULL },
	[OP_TRUE] = { "", NULL },
};

struct reference *reference_new(uint64_t seed)
{
	struct reference *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->seed = r->state = seed;
	r->set_memory.size = SET_BYTES;
	r->event_memory.size = EVENT_BYTES;
	r->set_memory.p = calloc(1, SET_BYTES);
	r->event_memory.p = calloc(1, EVENT_BYTES);
	if (!r->set_memory.p || !r->event_memory.p)
		abort();
	return r;
}

void reference_free(struct reference *r)
{
	free(r->set_memory.p);
	free(r->event_memory.p);
	free(r);
}

uint32_t reference_below(struct reference *r, uint32_t n)
{
	return random_below(&r->state, n);
}

/* Of memory that evaluation takes: all of it is given back behind the event. */
static void *take(const struct reference *r, size_t size)
{
	struct reference *w = (struct reference *)r;
	void *p = w->event_memory.p + w->event_memory.used;

	w->event_memory.used += (size + 7) & ~(size_t)7;
	if (w->event_memory.used > w->event_memory.size)
		abort();
	return p;
}

/* --- functions of texts --- */

static struct str base_name(struct str s)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] == '/')
			from = i + 1;
	return (struct str){ s.p + from, s.len - from };
}

static struct str dir_name(struct str s)
{
	uint32_t len = 0;
	bool slash = false;

	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] == '/') {
			len = i;
			slash = true;
		}
	return (struct str){ s.p, slash && !len ? 1 : len };
}

static struct str extension(struct str s)
{
	struct str base = base_name(s);
	uint32_t dot = 0;

	for (uint32_t i = 0; i < base.len; i++)
		if (base.p[i] == '.')
			dot = i;
	return dot ? (struct str){ base.p + dot + 1, base.len - dot - 1 } : (struct str){ "", 0 };
}

static struct str in_case(const struct reference *r, struct str s, char first, int shift)
{
	char *p = take(r, s.len + 1);

	for (uint32_t i = 0; i < s.len; i++)
		p[i] = (char)(s.p[i] >= first && s.p[i] < first + 26 ? s.p[i] + shift : s.p[i]);
	return (struct str){ p, s.len };
}

static struct str text_call(const struct reference *r, const char *call, struct str s)
{
	switch (call[0]) {
	case 'b': return base_name(s);
	case 'd': return dir_name(s);
	case 'e': return extension(s);
	case 'l': return in_case(r, s, 'A', 'a' - 'A');
	default: return in_case(r, s, 'a', 'A' - 'a');
	}
}

/* --- terms --- */

static bool term_value(const struct reference *r, const struct reference_term *t,
		       struct reference_value *v);

static bool calculate(char calc, __int128 a, __int128 b, __int128 *out)
{
	switch (calc) {
	case '+': *out = a + b; break;
	case '-': *out = a - b; break;
	case '*': *out = a * b; break;
	default:
		if (!b)
			return false;
		*out = calc == '/' ? a / b : a % b;
	}
	return *out >= INT64_MIN && *out <= INT64_MAX;
}

static bool fits(__int128 n)
{
	return n >= INT64_MIN && n <= INT64_MAX;
}

static bool calc_value(const struct reference *r, const struct reference_term *t,
		       struct reference_value *v)
{
	struct reference_value a, b;

	if (!term_value(r, t->a, &a) || !term_value(r, t->b, &b) || !fits(a.number) ||
	    !fits(b.number))
		return false;
	v->type = REFERENCE_NUMBER;
	return calculate(t->calc, a.number, b.number, &v->number);
}

static bool call_value(const struct reference *r, const struct reference_term *t,
		       struct reference_value *v)
{
	if (!strcmp(t->call, "any_ancestor")) {
		struct reference_term names = { .what = TERM_FIELD };

		for (uint32_t i = 0; i < reference_nfields; i++)
			if (!strcmp(reference_fields[i].path, "process.ancestor_names"))
				names.field = &reference_fields[i];
		return term_value(r, &names, v);
	}
	if (!term_value(r, t->a, v))
		return false;
	if (!strcmp(t->call, "length") || !strcmp(t->call, "count")) {
		v->number = v->type == REFERENCE_LIST ? v->nitems : v->text.len;
		v->type = REFERENCE_NUMBER;
		return true;
	}
	for (uint32_t i = 0; v->type == REFERENCE_LIST && i < v->nitems; i++)
		v->items[i] = text_call(r, t->call, v->items[i]);
	if (v->type == REFERENCE_LIST)
		return true;
	v->text = text_call(r, t->call, v->text);
	return v->text.len;
}

static bool term_value(const struct reference *r, const struct reference_term *t,
		       struct reference_value *v)
{
	uint32_t i;

	switch (t->what) {
	case TERM_FIELD:
		i = (uint32_t)(t->field - reference_fields);
		*v = r->event.values[i];
		return r->event.there[i];
	case TERM_LITERAL:
		*v = (struct reference_value){ .type = REFERENCE_NUMBER, .number = t->literal };
		return true;
	case TERM_CALC: return calc_value(r, t, v);
	default: return call_value(r, t, v);
	}
}

/* --- operators --- */

static bool same(struct str a, struct str b, bool folds)
{
	if (a.len != b.len)
		return false;
	for (uint32_t i = 0; i < a.len; i++)
		if (folds ? reference_fold((uint8_t)a.p[i]) != reference_fold((uint8_t)b.p[i])
			  : a.p[i] != b.p[i])
			return false;
	return true;
}

static bool contains(struct str a, struct str b, bool folds)
{
	for (uint32_t i = 0; i + b.len <= a.len; i++)
		if (same((struct str){ a.p + i, b.len }, b, folds))
			return true;
	return false;
}

static bool text_holds(enum reference_op op, struct str a, struct str b,
		       const struct reference_node *pattern, bool folds)
{
	uint32_t n = a.len < b.len ? a.len : b.len;

	if (!b.len && !pattern && op != OP_EQ && op != OP_NE && op != OP_IN)
		return false;
	switch (op) {
	case OP_CONTAINS: return contains(a, b, folds);
	case OP_STARTSWITH: return same((struct str){ a.p, n }, b, folds);
	case OP_ENDSWITH: return same((struct str){ a.p + a.len - n, n }, b, folds);
	case OP_GLOB: return reference_glob(pattern, a, folds);
	case OP_REGEX: return reference_regex(pattern, a, folds);
	default: return same(a, b, folds);
	}
}

static bool in_network(const uint8_t *address, const uint8_t *network, uint32_t bits)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	/* An IPv4 address lies in no network of IPv6. */
	if (!memcmp(address, mapped, 12) != !memcmp(network, mapped, 12))
		return false;
	for (uint32_t i = 0; i < bits; i++)
		if ((address[i / 8] ^ network[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static bool number_holds(enum reference_op op, __int128 a, __int128 b)
{
	switch (op) {
	case OP_LT: return a < b;
	case OP_LE: return a <= b;
	case OP_GT: return a > b;
	case OP_GE: return a >= b;
	default: return a == b;
	}
}

/* One value against one; != is asked as =. */
static bool operator_holds(const struct reference_test *t, const struct reference_value *a,
			   const struct reference_operand *o)
{
	const struct reference_value *b = &o->value;

	switch (a->type) {
	case REFERENCE_TEXT: return text_holds(t->op, a->text, b->text, o->pattern, t->folds);
	case REFERENCE_FLAGS: return (a->number & b->number) != 0;
	case REFERENCE_ADDRESS:
		return t->op == OP_CIDR ? in_network(a->address, b->address, o->prefix)
					: !memcmp(a->address, b->address, 16);
	default: return number_holds(t->op, a->number, b->number);
	}
}

/* Every element of a against every one of o. */
static bool any_holds(const struct reference_test *t, const struct reference_value *a,
		      const struct reference_operand *o)
{
	struct reference_value item = { .type = REFERENCE_TEXT };
	struct reference_operand other = { .value.type = REFERENCE_TEXT };
	bool yes = false;

	if (a->type == REFERENCE_LIST) {
		for (uint32_t i = 0; i < a->nitems && !yes; i++) {
			item.text = a->items[i];
			yes = any_holds(t, &item, o);
		}
		return yes;
	}
	if (o->value.type != REFERENCE_LIST)
		return operator_holds(t, a, o);
	for (uint32_t i = 0; i < o->value.nitems && !yes; i++) {
		other.value.text = o->value.items[i];
		yes = operator_holds(t, a, &other);
	}
	return yes;
}

static bool test_holds(const struct reference *r, const struct reference_test *t)
{
	struct reference_operand other = { 0 };
	struct reference_value left;
	bool yes = false;

	if (!term_value(r, t->left, &left))
		return false;
	if (t->op == OP_EXISTS)
		return true;
	if (t->op == OP_TRUE)
		return left.number;
	if (t->right) {
		if (!term_value(r, t->right, &other.value))
			return false;
		yes = any_holds(t, &left, &other);
	}
	if (t->member && term_value(r, t->member, &other.value))
		yes = any_holds(t, &left, &other);
	for (uint32_t i = 0; i < t->n && !yes; i++)
		yes = any_holds(t, &left, &t->values[i]);
	return yes != (t->op == OP_NE);
}

static bool cond_holds(const struct reference *r, const struct reference_cond *c)
{
	switch (c->what) {
	case COND_IS_TEST: return test_holds(r, &c->test);
	case COND_IS_NOT: return !cond_holds(r, c->kids[0]);
	case COND_IS_MACRO: return cond_holds(r, c->macro->cond);
	default: break;
	}
	for (uint32_t i = 0; i < c->nkids; i++)
		if (cond_holds(r, c->kids[i]) == (c->what == COND_IS_OR))
			return c->what == COND_IS_OR;
	return c->what == COND_IS_AND;
}

/* --- policies --- */

static bool there(const struct reference *r, const char *path, struct reference_value *v)
{
	for (uint32_t i = 0; i < reference_nfields; i++)
		if (!strcmp(reference_fields[i].path, path)) {
			*v = r->event.values[i];
			return r->event.there[i];
		}
	abort();
}

static bool scope_holds(const struct reference *r, const struct reference_scope *s)
{
	struct reference_value v;

	if (s->what == SCOPE_HOST || s->what == SCOPE_CONTAINER)
		return there(r, "container.id", &v) == (s->what == SCOPE_CONTAINER);
	for (uint32_t i = 0; i < s->n; i++) {
		bool yes = false;

		if (!there(r, s->fields[i]->path, &v))
			return false;
		for (uint32_t j = 0; j < s->nglobs[i]; j++)
			yes |= reference_glob(s->globs[i][j].pattern, v.text, false);
		if (!yes)
			return false;
	}
	return true;
}

static bool term_is_of_failures(const struct reference_term *t)
{
	if (!t)
		return false;
	if (t->what != TERM_FIELD)
		return term_is_of_failures(t->a) || term_is_of_failures(t->b);
	return !strcmp(t->field->path, "event.outcome") || !strcmp(t->field->path, "error.code") ||
	       !strcmp(t->field->path, "file.requested_path");
}

static bool is_of_failures(const struct reference_cond *c)
{
	if (c->what == COND_IS_TEST)
		return term_is_of_failures(c->test.left) || term_is_of_failures(c->test.right) ||
		       term_is_of_failures(c->test.member);
	if (c->what == COND_IS_MACRO)
		return is_of_failures(c->macro->cond);
	for (uint32_t i = 0; i < c->nkids; i++)
		if (is_of_failures(c->kids[i]))
			return true;
	return false;
}

bool reference_holds(const struct reference *r, uint32_t i)
{
	const struct reference_policy *p = &r->policies[i];
	size_t used = r->event_memory.used;
	struct reference_value outcome;
	bool yes;

	if (!(p->kinds & 1 << r->event.kind))
		return false;
	if (1 << r->event.kind == REFERENCE_OPEN && !is_of_failures(p->where) &&
	    there(r, "event.outcome", &outcome) && outcome.number == 1) /* failure */
		return false;
	yes = scope_holds(r, &p->scope) && cond_holds(r, p->where);
	for (uint32_t j = 0; j < p->nexceptions && yes; j++)
		yes = !cond_holds(r, p->exceptions[j]);
	((struct reference *)r)->event_memory.used = used;
	return yes;
}
