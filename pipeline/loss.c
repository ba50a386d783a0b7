/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Gaps and counters of loss.h. A program takes its sequence number before it knows whether the
 * record will fit, and counts a loss right after: when a later record of the CPU is seen, the
 * counters already hold what is missing before it (or, for a program that was interrupted in
 * between, will soon: loss_rest brings that in).
 * Losses found in the counters alone wait a second for the record that shows where they were.
 * A record lost for want of scratch memory never took a number, so it shows in the counters only.
 */
#include "pipeline/loss.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

#define HOLD_NS NS_PER_SEC

struct cpu_seen {
	uint64_t seq; /* last sequence number seen */
	uint64_t since_ns; /* losses are held back since then; 0: none are */
	uint64_t told[EV_MAX][EV_LOSS_MAX_]; /* reported of the kernel's counters */
};

struct loss {
	loss_cpu_fn cpu;
	void *cpu_ctx;
	int ncpu;
	uint64_t made; /* records made, their sequence numbers */
	struct cpu_seen seen[];
};

int loss_new(struct loss **out, int ncpu, loss_cpu_fn cpu, void *cpu_ctx)
{
	struct loss *l = calloc(1, sizeof(*l) + (size_t)ncpu * sizeof(l->seen[0]));

	if (!l)
		return -ENOMEM;
	l->cpu = cpu;
	l->cpu_ctx = cpu_ctx;
	l->ncpu = ncpu;
	*out = l;
	return 0;
}

void loss_free(struct loss *l)
{
	free(l);
}

struct gap {
	uint64_t from, to; /* 0, 0: known from the counters only */
	uint64_t time_ns;
};

static void report(struct loss *l, int cpu, uint32_t kind, uint32_t cause, uint64_t count,
		   const struct gap *g, loss_record_fn emit, void *ctx)
{
	struct ev_loss r = {
		.h = {
			.time_ns = g->time_ns,
			.seq = ++l->made,
			.kind = EV_LOSS,
			.cpu = UINT16_MAX,	/* no CPU's sequence: the consumer's own */
			.hook = EV_HOOK_CONSUMER,
			.abi = EV_ABI,
			.len = sizeof(r),
		},
		.lost_kind = (uint16_t)kind,
		.lost_cpu = (uint16_t)cpu,
		.cause = (uint8_t)cause,
		.from = g->from,
		.to = g->to,
		.count = count,
	};

	emit(ctx, &r, sizeof(r));
}

static bool has_untold(const struct loss *l, int cpu)
{
	const volatile struct cpu_state *now = l->cpu(l->cpu_ctx, cpu);
	uint64_t more = 0;

	for (uint32_t kind = 0; now && kind < EV_MAX; kind++)
		for (uint32_t cause = 0; cause < EV_LOSS_MAX_; cause++)
			more |= now->lost[kind][cause] ^ l->seen[cpu].told[kind][cause];
	return more;
}

/* Reports what the kernel's counters of this CPU hold beyond what was told: at a gap no more than
 * is missing in it, since by now they may hold losses of later gaps as well. */
static void report_counters(struct loss *l, int cpu, const struct gap *g, loss_record_fn emit,
			    void *ctx)
{
	const volatile struct cpu_state *now = l->cpu(l->cpu_ctx, cpu);
	uint64_t room = g->from ? g->to - g->from + 1 : UINT64_MAX;
	struct cpu_seen *s = &l->seen[cpu];

	s->since_ns = 0;
	for (uint32_t kind = 0; now && kind < EV_MAX; kind++)
		for (uint32_t cause = 0; cause < EV_LOSS_MAX_; cause++) {
			uint64_t n = now->lost[kind][cause] - s->told[kind][cause];

			if (g->from && cause != EV_LOSS_RING_FULL)
				continue; /* took no number */
			n = MIN(n, room);
			if (!n)
				continue;
			room -= n;
			s->told[kind][cause] += n;
			report(l, cpu, kind, cause, n, g, emit, ctx);
		}
}

void loss_check(struct loss *l, const struct ev_hdr *h, loss_record_fn emit, void *ctx)
{
	struct gap g = { .time_ns = h->time_ns };
	struct cpu_seen *s;

	if (h->cpu >= l->ncpu)
		return;
	s = &l->seen[h->cpu];
	if (h->seq > s->seq + 1) {
		g.from = s->seq + 1;
		g.to = h->seq - 1;
		report_counters(l, h->cpu, &g, emit, ctx);
	}
	if (h->seq > s->seq)
		s->seq = h->seq;
}

bool loss_rest(struct loss *l, uint64_t time_ns, bool all, loss_record_fn emit, void *ctx)
{
	struct gap g = { .time_ns = time_ns };
	bool held = false;

	for (int cpu = 0; cpu < l->ncpu; cpu++) {
		struct cpu_seen *s = &l->seen[cpu];

		if (!has_untold(l, cpu)) {
			s->since_ns = 0;
			continue;
		}
		if (!s->since_ns)
			s->since_ns = time_ns;
		if (all || time_ns - s->since_ns >= HOLD_NS)
			report_counters(l, cpu, &g, emit, ctx);
		else
			held = true;
	}
	return held;
}
