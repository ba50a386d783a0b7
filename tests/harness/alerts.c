/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * alerts.h.
 */
#include "tests/harness/alerts.h"

/* when: a number that both engines give the event, or a time. */
static void add(struct buf *b, const struct match *m, uint32_t n, uint64_t when)
{
	for (uint32_t i = 0; i < n; i++)
		buf_addf(b, "%llu %.*s %.*s %llu\n", (unsigned long long)when,
			 (int)m[i].policy->name.len, m[i].policy->name.p, (int)m[i].message.len,
			 m[i].message.p, (unsigned long long)m[i].suppressed);
}

uint32_t alerts_match(struct buf *b, struct policy_engine *p, struct event *e)
{
	const struct match *m;
	uint32_t n = policy_match(p, e, &m);

	add(b, m, n, e->raw->seq);
	return n;
}

void alerts_due(struct buf *b, struct policy_engine *p, uint64_t now_ns, struct arena *a)
{
	const struct match *m;

	while (policy_due(p, now_ns, a, &m))
		add(b, m, 1, m->time_ns);
}

void alerts_end(struct buf *b, struct policy_engine *p, uint64_t end_ns, struct arena *a)
{
	const struct match *m;

	while (policy_end(p, end_ns, a, &m))
		add(b, m, 1, m->time_ns);
}
