/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * term.h. Checking and compiling run at load; term_eval on the consumer thread for each event,
 * at most once a term. Arithmetic is on 64 bits with sign, checked.
 */
#include "pipeline/policy/term.h"

#include <errno.h>

#include "pipeline/policy/cond.h"
#include "pipeline/util.h"

enum { ARITH_COST = 1 };

/* Fields of the process that the lineage has for all ancestors. */
static const struct {
	const char *path, *member;
} ancestors[] = {
	{ "process.name", "names" },
	{ "process.executable", "executables" },
	{ "process.command_line", "command_lines" },
	{ "process.args", "args" },
};

struct node {
	uint8_t type, op, nargs;
	uint8_t args[TERM_ARGS_MAX]; /* earlier nodes */
	int64_t number;
	struct str text;
	const struct field *field;
};

struct term_code {
	uint32_t count; /* the last node is the term */
	struct node nodes[];
};

static const struct field *ancestors_field(struct str path)
{
	const struct ctx_group_desc *g = schema_group(CTX_LINEAGE);

	for (uint32_t i = 0; i < ARRAY_LEN(ancestors); i++)
		for (uint32_t j = 0; j < g->nfields; j++)
			if (str_eq(path, str_of(ancestors[i].path)) &&
			    !strcmp(g->fields[j].member, ancestors[i].member))
				return &g->fields[j];
	return NULL;
}

static bool is_number(const struct term *t)
{
	return OPS_ORDERED & 1u << t->shape->class;
}

/* Key and shape of anything but a field. */
static bool describe(struct cond_check *x, struct term *t, uint8_t class, struct buf *key)
{
	struct field *f = pool_get(x->pool, sizeof(*f));

	t->key = pool_str(x->pool, (struct str){ key->p, (uint32_t)key->len });
	if (!f || key->failed || !t->key.p) {
		x->no_memory = true;
	} else {
		*f = (struct field){ .path = t->key.p, .help = "", .class = class, .size = 8 };
		t->shape = f;
	}
	buf_free(key);
	return !x->no_memory;
}

static bool check_field(struct cond_check *x, struct term *t)
{
	char text[400];

	t->shape = cond_field(x->kinds, t->text);
	t->key = t->text;
	t->cost = 1;
	if (t->shape)
		return true;
	cond_field_unknown(x->kinds, t->text, text, sizeof(text));
	cond_error(x, t->at, "%s", text);
	return false;
}

static bool describe_number(struct cond_check *x, struct term *t)
{
	struct buf key = { 0 };

	t->type = TERM_NUMBER;
	buf_addf(&key, "%lld", (long long)t->number);
	return describe(x, t, EV_CLASS_INT, &key);
}

static bool check_number(struct cond_check *x, struct term *t)
{
	bool negative;
	uint64_t value;
	char unit;
	int err = number_parse(t->text, false, &value, &negative, &unit);

	if (err == -EINVAL)
		cond_error(x, t->at, "%.*s is not a number (as in 12, 0x1f, 0o644, 16MiB, 250ms)",
			   (int)MIN(t->text.len, 100u), t->text.p);
	else if (err || value > (uint64_t)INT64_MAX + negative)
		cond_error(x, t->at, "numbers that are calculated with are of 64 bits with sign");
	else
		t->number = negative ? (int64_t)(0 - value) : (int64_t)value;
	return err || value > (uint64_t)INT64_MAX + negative ? false : describe_number(x, t);
}

static bool check_text(struct cond_check *x, struct term *t)
{
	struct buf key = { 0 };

	buf_addf(&key, "%u\"", t->text.len);
	buf_str(&key, t->text);
	buf_char(&key, '"');
	return describe(x, t, EV_CLASS_STR, &key);
}

/* Reports unless the function takes the argument; sets the class of what it gives. */
static bool suits(struct cond_check *x, const struct term *t, uint8_t *class)
{
	const struct func *f = &funcs[t->op];
	const struct term *arg = t->args[0];
	bool list = arg->shape->class == EV_CLASS_LIST;
	bool text = !list && OPS_TEXT & 1u << arg->shape->class;

	*class = f->gives == FUNC_GIVES_NUMBER ? EV_CLASS_INT
		 : f->gives == FUNC_GIVES_LIST ? EV_CLASS_LIST
		 : list                        ? EV_CLASS_LIST
					       : EV_CLASS_STR;
	switch (f->takes) {
	case FUNC_TAKES_TEXT:
		if (text)
			return true;
		cond_error(x, arg->at, "%s takes text, and %s is %s", f->word, arg->shape->path,
			   list ? "a list (count takes lists)" : "none");
		return false;
	case FUNC_TAKES_TEXTS:
		if (text || list)
			return true;
		cond_error(x, arg->at, "%s takes text, and %s is none", f->word, arg->shape->path);
		return false;
	case FUNC_TAKES_LIST:
		if (list)
			return true;
		cond_error(x, arg->at, "%s takes a list, and %s is none", f->word,
			   arg->shape->path);
		return false;
	default:
		if (arg->type == TERM_FIELD && ancestors_field(arg->text))
			return true;
		cond_error(x, arg->at,
			   "%s takes one of process.name, process.executable, "
			   "process.command_line, process.args",
			   f->word);
		return false;
	}
}

static bool check_call(struct cond_check *x, struct term *t)
{
	const struct func *f = &funcs[t->op];
	struct buf key = { 0 };
	uint8_t class;

	if (t->nargs != 1) {
		cond_error(x, t->at, "%s takes one value in its parentheses", f->word);
		return false;
	}
	if (term_is_constant(t->args[0])) {
		cond_error(x, t->args[0]->at, "%s takes a field", f->word);
		return false;
	}
	if (!suits(x, t, &class))
		return false;
	buf_addf(&key, "%s(", f->word);
	buf_str(&key, t->args[0]->key);
	buf_char(&key, ')');
	t->cost = t->args[0]->cost + f->cost;
	return describe(x, t, class, &key);
}

/* False: no result. */
static bool calculate(char op, int64_t a, int64_t b, int64_t *out)
{
	switch (op) {
	case '+': return !__builtin_add_overflow(a, b, out);
	case '-': return !__builtin_sub_overflow(a, b, out);
	case '*': return !__builtin_mul_overflow(a, b, out);
	default:
		if (!b || (a == INT64_MIN && b == -1))
			return false;
		*out = op == '/' ? a / b : a % b;
		return true;
	}
}

static bool check_arith(struct cond_check *x, struct term *t)
{
	const struct term *a = t->args[0], *b = t->args[1];
	struct buf key = { 0 };

	for (uint32_t i = 0; i < 2; i++) {
		const struct term *arg = t->args[i];
		struct str shown = arg->type == TERM_TEXT ? arg->written : arg->key;

		if (is_number(arg))
			continue;
		cond_error(x, arg->at, "%.*s is no number: it cannot be calculated with",
			   (int)MIN(shown.len, 100u), shown.p);
		return false;
	}
	if (b->type == TERM_NUMBER && !b->number && (t->op == '/' || t->op == '%')) {
		cond_error(x, b->at, "division by zero");
		return false;
	}
	if (a->type == TERM_NUMBER && b->type == TERM_NUMBER) {
		if (calculate((char)t->op, a->number, b->number, &t->number))
			return describe_number(x, t);
		cond_error(x, t->at, "the result is beyond 64 bits with sign");
		return false;
	}
	buf_char(&key, '(');
	buf_str(&key, a->key);
	buf_addf(&key, " %c ", t->op);
	buf_str(&key, b->key);
	buf_char(&key, ')');
	t->cost = a->cost + b->cost + ARITH_COST;
	return describe(x, t, EV_CLASS_INT, &key);
}

static bool check_at(struct cond_check *x, struct term *t, uint32_t depth, uint32_t *nodes)
{
	bool good = true;

	if (depth > TERM_DEPTH_MAX || ++*nodes > TERM_NODES_MAX) {
		cond_error(x, t->at, "calls and arithmetic of more than %d levels or %d parts",
			   TERM_DEPTH_MAX, TERM_NODES_MAX);
		return false;
	}
	for (uint32_t i = 0; i < t->nargs && *nodes <= TERM_NODES_MAX; i++)
		good &= check_at(x, t->args[i], depth + 1, nodes);
	if (!good)
		return false;
	switch (t->type) {
	case TERM_FIELD: return check_field(x, t);
	case TERM_NUMBER: return check_number(x, t);
	case TERM_TEXT: return check_text(x, t);
	case TERM_CALL: return check_call(x, t);
	default: return check_arith(x, t);
	}
}

bool term_check(struct cond_check *x, struct term *t)
{
	uint32_t nodes = 0;

	if (!t->shape && !t->wrong)
		t->wrong = !check_at(x, t, 1, &nodes);
	return !t->wrong;
}

bool term_is_constant(const struct term *t)
{
	return t->type == TERM_NUMBER || t->type == TERM_TEXT;
}

bool term_reads(const struct term *t, const char *path)
{
	if (t->type == TERM_FIELD)
		return str_eq(t->text, str_of(path));
	if (t->type == TERM_CALL && funcs[t->op].takes == FUNC_TAKES_PROCESS)
		return false; /* another process's */
	for (uint32_t i = 0; i < t->nargs; i++)
		if (term_reads(t->args[i], path))
			return true;
	return false;
}

bool term_on(const struct term *t, uint32_t kind)
{
	if (t->type == TERM_FIELD)
		return cond_field(1u << kind, t->text);
	if (t->type == TERM_NUMBER) /* which may have been arithmetic */
		return true;
	for (uint32_t i = 0; i < t->nargs; i++)
		if (!term_on(t->args[i], kind))
			return false;
	return true;
}

static void add_node(struct term_code *c, const struct term *t, uint32_t kind)
{
	struct node n = { .type = t->type, .op = t->op, .number = t->number, .text = t->text };

	if (t->type == TERM_FIELD) {
		n.field = cond_field(1u << kind, t->text);
	} else if (t->type == TERM_CALL && funcs[t->op].takes == FUNC_TAKES_PROCESS) {
		n.type = TERM_FIELD;
		n.field = ancestors_field(t->args[0]->text);
	} else if (t->type == TERM_CALL || t->type == TERM_ARITH) {
		n.nargs = t->nargs;
		for (uint32_t i = 0; i < t->nargs; i++) {
			add_node(c, t->args[i], kind);
			n.args[i] = (uint8_t)(c->count - 1);
		}
	}
	c->nodes[c->count++] = n;
}

int term_compile(struct term_code **out, const struct term *t, uint32_t kind)
{
	struct term_code *c = calloc(1, sizeof(*c) + TERM_NODES_MAX * sizeof(c->nodes[0])), *fit;

	if (!c)
		return -ENOMEM;
	add_node(c, t, kind);
	fit = realloc(c, sizeof(*c) + c->count * sizeof(c->nodes[0]));
	*out = fit ? fit : c;
	return 0;
}

void term_code_free(struct term_code *c)
{
	free(c);
}

/* As 64 bits with sign. */
static bool signed_of(const struct value *v, int64_t *out)
{
	*out = v->i; /* the same bits */
	return v->class == EV_CLASS_INT || v->u <= INT64_MAX;
}

static bool eval(const struct term_code *c, uint32_t at, struct event *e, struct value *v)
{
	const struct node *n = &c->nodes[at];
	struct value a, b;
	int64_t left, right;

	switch (n->type) {
	case TERM_FIELD: return n->field && event_get(e, n->field, v);
	case TERM_NUMBER: *v = (struct value){ .class = EV_CLASS_INT, .i = n->number }; return true;
	case TERM_TEXT: *v = (struct value){ .class = EV_CLASS_STR, .s = n->text }; return true;
	case TERM_CALL:
		return eval(c, n->args[0], e, &a) && func_call(&funcs[n->op], e->arena, &a, v);
	default:
		v->class = EV_CLASS_INT;
		return eval(c, n->args[0], e, &a) && eval(c, n->args[1], e, &b) &&
		       signed_of(&a, &left) && signed_of(&b, &right) &&
		       calculate((char)n->op, left, right, &v->i);
	}
}

bool term_eval(const struct term_code *c, struct event *e, struct value *v)
{
	return eval(c, c->count - 1, e, v);
}
