/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/loss.h: gaps and counters become pipeline.loss records whose sum is the kernel's.
 */
#include "pipeline/loss.h"

#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

enum { NCPU = 2, TOLD_MAX = 64 };
#define SEC 1000000000ull

struct told {
	struct cpu_state cpus[NCPU];
	struct ev_loss losses[TOLD_MAX];
	uint32_t n;
	struct loss *loss;
};

static const volatile struct cpu_state *cpu_of(void *ctx, int cpu)
{
	return &((struct told *)ctx)->cpus[cpu];
}

static void keep(void *ctx, const void *rec, uint32_t len)
{
	struct told *t = ctx;
	struct arena arena = { 0 };
	struct event e = { 0 };
	const char *why = "";

	CHECK_INT(len, sizeof(struct ev_loss));
	CHECK_INT(arena_init(&arena, 4096), 0);
	if (event_validate(&e, &arena, rec, len, &why))
		test_fail(__FILE__, __LINE__, "invalid: %s", why);
	arena_free(&arena);
	CHECK(t->n < TOLD_MAX);
	memcpy(&t->losses[t->n++], rec, len);
}

static struct told *told_new(void)
{
	struct told *t = calloc(1, sizeof(*t));

	CHECK_INT(loss_new(&t->loss, NCPU, cpu_of, t), 0);
	return t;
}

static void told_free(struct told *t)
{
	loss_free(t->loss);
	free(t);
}

static void see(struct told *t, uint16_t cpu, uint64_t seq)
{
	const struct ev_hdr h = { .kind = EV_OPEN, .cpu = cpu, .seq = seq, .time_ns = seq * SEC };

	loss_check(t->loss, &h, keep, t);
}

static uint64_t sum(const struct told *t)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		n += t->losses[i].count;
	return n;
}

static void nothing_lost(void)
{
	struct told *t = told_new();

	for (uint64_t seq = 1; seq < 100; seq++) {
		see(t, 0, seq);
		see(t, 1, seq);
	}
	CHECK(!loss_rest(t->loss, SEC, true, keep, t));
	CHECK_INT(t->n, 0);
	told_free(t);
}

static void a_gap_says_where(void)
{
	struct told *t = told_new();

	see(t, 1, 1);
	t->cpus[1].lost[EV_OPEN][EV_LOSS_RING_FULL] = 3;
	t->cpus[1].lost[EV_EXEC][EV_LOSS_RING_FULL] = 1;
	see(t, 1, 6);
	CHECK_INT(t->n, 2);
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_INT(t->losses[i].from, 2);
		CHECK_INT(t->losses[i].to, 5);
		CHECK_INT(t->losses[i].lost_cpu, 1);
		CHECK_INT(t->losses[i].cause, EV_LOSS_RING_FULL);
		CHECK_INT(t->losses[i].h.time_ns, 6 * SEC);
	}
	CHECK_INT(sum(t), 4);
	see(t, 1, 7);
	CHECK(!loss_rest(t->loss, 100 * SEC, true, keep, t));
	CHECK_INT(t->n, 2);
	told_free(t);
}

/* When the first gap is seen, the counters hold what is missing in the second as well. */
static void each_gap_says_its_own(void)
{
	struct told *t = told_new();

	see(t, 0, 1);
	t->cpus[0].lost[EV_OPEN][EV_LOSS_RING_FULL] = 5;
	t->cpus[0].lost[EV_OPEN][EV_LOSS_SCRATCH_BUSY] = 1;
	see(t, 0, 4);
	see(t, 0, 8);
	CHECK_INT(t->n, 2);
	CHECK_INT(t->losses[0].from, 2);
	CHECK_INT(t->losses[0].to, 3);
	CHECK_INT(t->losses[0].count, 2);
	CHECK_INT(t->losses[1].from, 5);
	CHECK_INT(t->losses[1].to, 7);
	CHECK_INT(t->losses[1].count, 3);
	loss_rest(t->loss, SEC, true, keep, t);
	CHECK_INT(t->n, 3);
	CHECK_INT(t->losses[2].from, 0);
	CHECK_INT(t->losses[2].cause, EV_LOSS_SCRATCH_BUSY);
	told_free(t);
}

/* A program that was interrupted hands in its record after a later one. */
static void out_of_order_is_no_loss(void)
{
	struct told *t = told_new();

	see(t, 0, 1);
	see(t, 0, 3);
	see(t, 0, 2);
	see(t, 0, 4);
	loss_rest(t->loss, SEC, true, keep, t);
	CHECK_INT(t->n, 0);
	told_free(t);
}

static void counters_alone_wait_for_a_gap(void)
{
	struct told *t = told_new();

	t->cpus[0].lost[EV_FORK][EV_LOSS_RING_FULL] = 5;
	CHECK(loss_rest(t->loss, 10 * SEC, false, keep, t));
	CHECK(loss_rest(t->loss, 10 * SEC + SEC / 2, false, keep, t));
	CHECK_INT(t->n, 0);
	see(t, 0, 6);
	CHECK_INT(t->n, 1);
	CHECK_INT(t->losses[0].from, 1);
	CHECK_INT(t->losses[0].to, 5);
	CHECK_INT(t->losses[0].count, 5);
	told_free(t);
}

static void counters_alone_are_told_after_a_second(void)
{
	struct told *t = told_new();

	t->cpus[0].lost[EV_FORK][EV_LOSS_SCRATCH_BUSY] = 2;
	CHECK(loss_rest(t->loss, 10 * SEC, false, keep, t));
	CHECK(!loss_rest(t->loss, 11 * SEC, false, keep, t));
	CHECK_INT(t->n, 1);
	CHECK_INT(t->losses[0].from, 0);
	CHECK_INT(t->losses[0].lost_kind, EV_FORK);
	CHECK_INT(t->losses[0].cause, EV_LOSS_SCRATCH_BUSY);
	CHECK_INT(t->losses[0].count, 2);
	CHECK_INT(t->losses[0].h.time_ns, 11 * SEC);
	told_free(t);
}

/* Whatever the order of counters, gaps and looks, the sum is the kernel's. */
static void sums_are_the_kernels(void)
{
	struct told *t = told_new();
	uint64_t seq[NCPU] = { 0 }, lost = 0;

	srand(7);
	for (int i = 0; i < 2000 && t->n < TOLD_MAX - 4; i++) {
		int cpu = rand() % NCPU;

		seq[cpu]++;
		if (rand() % 50 == 0) {
			t->cpus[cpu].lost[1 + rand() % (EV_MAX - 1)][EV_LOSS_RING_FULL]++;
			lost++;
			continue;
		}
		see(t, (uint16_t)cpu, seq[cpu]);
		if (rand() % 20 == 0)
			loss_rest(t->loss, (uint64_t)i * SEC / 10, false, keep, t);
	}
	loss_rest(t->loss, 1000 * SEC, true, keep, t);
	CHECK(lost > 5);
	CHECK_INT(sum(t), lost);
	told_free(t);
}

static void a_cpu_out_of_range_is_ignored(void)
{
	struct told *t = told_new();

	see(t, 60000, 100);
	CHECK_INT(t->n, 0);
	told_free(t);
}

static const struct test tests[] = {
	TEST(nothing_lost),
	TEST(a_gap_says_where),
	TEST(each_gap_says_its_own),
	TEST(out_of_order_is_no_loss),
	TEST(counters_alone_wait_for_a_gap),
	TEST(counters_alone_are_told_after_a_second),
	TEST(sums_are_the_kernels),
	TEST(a_cpu_out_of_range_is_ignored),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
