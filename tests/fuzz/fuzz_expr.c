/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Expressions: the text up to the first NUL is compiled, the rest gives an event its values. An
 * expression and its negation never agree.
 */
#include <stdlib.h>

#include "pipeline/policy/native/native.h"
#include "tests/harness/made.h"

static void ignore(void *arg, uint32_t at, const char *reason)
{
	(void)reason;
	if (at > *(uint32_t *)arg)
		abort();
}

static struct cond *compile(struct str text, struct cond_check *x)
{
	struct cond *c = native_expr(text, x);

	if (c)
		cond_check(x, c);
	if (!c && !x->problems && !x->no_memory)
		abort();
	return x->problems || x->no_memory ? NULL : c;
}

/* As the engine does, without its memo. */
static bool holds(const struct rules *r, uint32_t kind, struct event *e, struct op_scratch *scratch)
{
	const struct kind_rules *kr = &r->kinds[kind];
	uint32_t at;

	if (!kr->nrules)
		return false;
	at = kr->rules[0].entry;
	while (at < STEP_FALSE) {
		const struct step *s = &kr->steps[kr->rules[0].steps + at];
		const struct pred *p = &kr->preds[s->pred];
		struct value v, right;
		bool yes = slot_get(&kr->slots[p->slot], e, &v);

		if (p->right == SLOT_NONE)
			yes = yes && p->operand->eval(p->operand, &v, scratch);
		else
			yes = yes && slot_get(&kr->slots[p->right], e, &right) &&
			      op_pair(p->operand, &v, &right);
		at = yes ? s->yes : s->no;
	}
	return at == STEP_TRUE;
}

static void compare(struct cond *c, const char *values, size_t len)
{
	struct cond *kids[1] = { c };
	struct cond negated = { .type = COND_NOT, .kids = kids, .nkids = 1 };
	struct op_scratch scratch = { regex_scratch_new() };
	struct rules yes = { 0 }, no = { 0 };
	struct made *m = made_new("network.connect");

	made_set_bytes(m, "process.name", values, len);
	made_set_bytes(m, "process.args", values, len);
	made_set_bytes(m, "process.thread.name", values, len);
	made_set(m, "destination.ip", "10.1.2.3");
	made_set(m, "destination.port", "80");
	if (!rules_add(&yes, 1u << EV_CONNECT, c, NULL, 0, 0) &&
	    !rules_add(&no, 1u << EV_CONNECT, &negated, NULL, 0, 0) && scratch.regex) {
		struct event *e = made_event(m);
		bool a = holds(&yes, EV_CONNECT, e, &scratch),
		     b = holds(&no, EV_CONNECT, e, &scratch);

		if (a == b)
			abort();
	}
	regex_scratch_free(scratch.regex);
	rules_free(&yes);
	rules_free(&no);
	made_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *nul = size ? memchr(data, 0, size) : NULL, *text = (const char *)data;
	uint32_t len = nul ? (uint32_t)(nul - text) : (uint32_t)size;
	struct patterns patterns = { 0 };
	struct pool pool = { 0 };
	struct cond_check x = { .pool = &pool,
				.patterns = &patterns,
				.kinds = 1u << EV_CONNECT,
				.report = ignore,
				.arg = &len };
	struct cond *c;

	if (size > 1 << 14)
		return 0;
	c = compile((struct str){ text, len }, &x);
	if (c)
		compare(c, nul ? nul + 1 : "x", nul ? size - len - 1 : 1);
	patterns_free(&patterns);
	pool_free(&pool);
	return 0;
}
