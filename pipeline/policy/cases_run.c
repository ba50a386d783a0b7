/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * case_run: the events of a test through an engine of their own, so that no test knows of another.
 */
#include <errno.h>

#include "pipeline/encode.h"
#include "pipeline/policy/cases.h"
#include "pipeline/policy/explain.h"
#include "pipeline/util.h"

enum { LATE_BYTES = 256 << 10, EXPLAINED_MAX = 8 };

struct running {
	const struct policy_set *set;
	uint32_t policy;
	const struct policy_case *c;
	struct policy_engine *engine;
	struct compose *compose;
	struct arena late;
	struct buf *why;
	bool raised;
	int err;
};

static void say(struct running *r, const struct match *m)
{
	if (m->policy != policy_at(r->set, r->policy) || r->raised || m->held)
		return;
	r->raised = true;
	if (r->c->raises)
		return;
	buf_lit(r->why, "  it says: ");
	text_escape(r->why, m->message);
	buf_char(r->why, '\n');
}

static void pass_time(struct running *r, uint64_t now_ns)
{
	const struct match *m;

	while (policy_due(r->engine, now_ns, &r->late, &m)) {
		say(r, m);
		arena_reset(&r->late);
	}
}

static void explain(struct running *r, struct event *e)
{
	struct explanation x;

	r->err = policy_explain(&x, r->set, r->policy, e, NULL);
	if (r->err)
		return;
	explain_text(r->why, &x, "  ", true);
	explanation_free(&x);
}

static void judge(struct running *r, const struct case_event *ce, uint32_t number)
{
	const struct case_value *bad;
	struct event *e = case_compose(r->compose, ce, number, &bad);
	bool before = r->raised;
	const struct match *m;
	uint32_t n;

	if (!e) { /* all were tried at load, save for the numbers between */
		buf_addf(r->why, "  event %u cannot be made: %s\n", number, r->compose->why);
		r->raised = !r->c->raises;
		return;
	}
	pass_time(r, e->raw->time_ns);
	n = policy_match(r->engine, e, &m);
	for (uint32_t i = 0; i < n; i++)
		say(r, &m[i]);
	if (!r->c->raises && r->raised && !before)
		explain(r, e);
}

/* What kept the events from raising it; of many events the first alone. */
static void explain_silence(struct running *r)
{
	for (uint32_t i = 0; i < r->c->nevents && i < EXPLAINED_MAX && !r->err; i++) {
		const struct case_value *bad;
		struct event *e = case_compose(r->compose, &r->c->events[i], 1, &bad);

		if (!e)
			continue;
		if (r->c->nevents > 1)
			buf_addf(r->why, "  event %u, line %u\n", i + 1, r->c->events[i].line);
		explain(r, e);
	}
}

static void run(struct running *r)
{
	const struct policy_case *c = r->c;

	for (uint32_t i = 0; i < c->nevents && !r->err; i++)
		for (uint32_t n = 1; n <= MAX(c->events[i].repeat, 1u) && !r->err; n++)
			judge(r, &c->events[i], n);
	if (r->err)
		return;
	pass_time(r, UINT64_MAX - 1);
	if (c->raises && !r->raised)
		explain_silence(r);
}

int case_run(const struct policy_set *s, uint32_t policy, const struct policy_case *c, bool *passed,
	     struct buf *why)
{
	struct running r = { .set = s, .policy = policy, .c = c, .why = why };

	r.compose = compose_new();
	r.err = r.compose ? policy_engine_new(&r.engine, s) : -ENOMEM;
	if (!r.err)
		r.err = arena_init(&r.late, LATE_BYTES);
	if (!r.err)
		run(&r);
	*passed = r.raised == c->raises;
	policy_engine_free(r.engine);
	compose_free(r.compose);
	arena_free(&r.late);
	return r.err;
}
