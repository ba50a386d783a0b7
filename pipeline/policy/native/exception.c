/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The key `exceptions`, of a policy and of the overrides that add to it. In a policy with a sequence
 * an exception is of one step: an event that it holds for is not that step. Load time.
 */
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

static bool is_sequence(const struct reader *r)
{
	return r->p->window ? r->p->window->type == WINDOW_SEQUENCE : r->is_sequence;
}

/* From its name or number; NULL after a report. */
static struct window_part *find_step(struct reader *r, const struct yaml_node *exception)
{
	const struct yaml_node *n = yaml_get(exception, "step");
	struct window_def *w = r->p->window;
	char number[12];

	if (!n) {
		problem(r, exception,
			"an exception of a sequence is of one step: step: its name or number");
		return NULL;
	}
	if (!reader_text(r, n, "step", READER_NAME_MAX))
		return NULL;
	for (uint32_t i = 0; w && i < w->nsteps; i++) {
		snprintf(number, sizeof(number), "%u", i + 1);
		if (str_eq(n->text, str_of(number)) || str_eq(n->text, w->steps[i].name))
			return &w->steps[i];
	}
	if (w)
		problem(r, n, "the sequence has no step %.*s: it has %u", SHOWN(n->text),
			w->nsteps);
	return NULL;
}

static void add_exception(struct reader *r, struct exceptions *to, struct str name, struct cond *c)
{
	if (!pool_grow(r->pool, &to->conds, to->count, sizeof(*to->conds)) ||
	    !pool_grow(r->pool, &to->names, to->count, sizeof(*to->names))) {
		r->no_memory = true;
		return;
	}
	to->conds[to->count] = c;
	to->names[to->count++] = name;
}

static void read_exception(struct reader *r, const struct yaml_node *n)
{
	static const char *const keys[] = { "name", "where", "step" };
	const struct yaml_node *where = yaml_get(n, "where"), *name = yaml_get(n, "name");
	struct exceptions *to = &r->p->exceptions;
	uint32_t kinds = r->p->pub.kinds;
	struct window_part *step = NULL;
	struct cond *c;

	if (n->type != YAML_MAP) {
		problem(r, n, "an exception is a map with where, and name if you like");
		return;
	}
	reader_unknown_keys(r, n, keys, is_sequence(r) ? 3 : 2, "an exception");
	if (is_sequence(r)) {
		step = find_step(r, n);
		to = step ? &step->exceptions : NULL;
	}
	if (name)
		reader_text(r, name, "name of an exception", READER_NAME_MAX);
	if (!where) {
		problem(r, n, "the exception has no where");
		return;
	}
	r->p->pub.kinds = step ? step->kinds : is_sequence(r) ? native_all_kinds() : kinds;
	c = reader_expression(r, where, "where");
	r->p->pub.kinds = kinds;
	if (c && to)
		add_exception(r, to, name ? reader_keep(r, name->text) : (struct str){ 0 }, c);
}

static uint32_t count_all(const struct policy_def *p)
{
	uint32_t n = p->exceptions.count;

	for (uint32_t i = 0; p->window && i < p->window->nsteps; i++)
		n += p->window->steps[i].exceptions.count;
	return n;
}

/* Those of an override come after the policy's own. */
void native_read_exceptions(struct reader *r, const struct yaml_node *n)
{
	if (n->type != YAML_LIST)
		problem(r, n, "exceptions must be a list");
	else if (n->count > NATIVE_EXCEPTIONS_MAX - count_all(r->p))
		problem(r, n, "more than %d exceptions", NATIVE_EXCEPTIONS_MAX);
	else
		for (uint32_t i = 0; i < n->count; i++)
			read_exception(r, n->items[i]);
}
