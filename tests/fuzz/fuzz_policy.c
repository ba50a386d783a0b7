/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policy files: any text. What loads judges events of some kinds, more than once for the windows, and
 * runs the tests that it carries.
 */
#include <stdlib.h>

#include "pipeline/policy/cases.h"
#include "tests/harness/made.h"
#include "tests/harness/scene.h"

static void look_at(const struct match *m)
{
	const struct window_report *w = m->window;

	if (!m->message.len || m->matched.p[0] != '[' || memchr(m->message.p, '\n', m->message.len))
		abort();
	for (uint32_t i = 0; w && i < w->nevidence; i++)
		if (w->evidence[i].json.p[w->evidence[i].json.len - 1] != '}')
			abort();
}

static void judge(struct policy_engine *p, const char *kind)
{
	struct made *m = made_new(kind);
	const struct match *match;
	struct event *e;
	uint32_t n;

	made_set(m, "file.path", "/etc/shadow");
	made_set(m, "destination.ip", "10.1.2.3");
	e = made_event(m);
	scene_set(e);
	n = policy_match(p, e, &match);
	for (uint32_t i = 0; i < n; i++)
		look_at(&match[i]);
	made_free(m);
}

static void end(struct policy_engine *p)
{
	const struct match *m;
	struct arena a;

	if (arena_init(&a, 1 << 20))
		return;
	while (policy_end(p, UINT64_MAX / 2, &a, &m)) {
		look_at(m);
		if (m->event->kind->kind >= EV_MAX)
			abort();
		arena_reset(&a);
	}
	arena_free(&a);
}

static void run_tests(const struct policy_set *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		for (uint32_t j = 0; j < s->policies[i]->ncases && j < 4; j++) {
			const struct policy_case *c = &s->policies[i]->cases[j];
			struct buf why = { 0 };
			uint64_t events = 0;
			bool passed;

			for (uint32_t k = 0; k < c->nevents; k++)
				events += 1 + c->events[k].repeat;
			if (events > 50)
				continue;
			if (!case_run(s, i, c, &passed, &why) && !passed && c->raises && !why.len)
				abort();
			buf_free(&why);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_engine *p = NULL;
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	/* Files of values are those of the machine: fuzz_values has its own. */
	if (size > 1 << 16 || (size && memmem(data, size, "file:", 5)) ||
	    policy_load_text(&s, "fuzz", (struct str){ (const char *)data, (uint32_t)size }, &d))
		return 0;
	if (policy_count(s) && d.errors)
		abort();
	if (policy_count(s) && !policy_engine_new(&p, s)) {
		for (int i = 0; i < 3; i++) {
			judge(p, "file.open");
			judge(p, "process.exec");
			judge(p, "network.connect");
			judge(p, "process.exit");
		}
		end(p);
	}
	policy_engine_free(p);
	if (policy_count(s))
		run_tests(s);
	policy_free(s);
	diags_free(&d);
	return 0;
}
