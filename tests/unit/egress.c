/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Queue and egress with sinks that are fast, slow, dead, stuck or refused: order, bounds,
 * isolation of one sink from another, and that every document ends in exactly one counter.
 */
#include "pipeline/egress.h"

#include <errno.h>
#include <pthread.h>

#include "pipeline/clock.h"
#include "pipeline/queue.h"
#include "tests/harness/docs.h"
#include "tests/harness/test.h"

enum behaviour { GOOD, DEAD, STUCK, BUSY, LOCAL_ERROR, WARNS };

struct fake_cfg {
	uint32_t behaviour;
	uint32_t alerts_only;
	uint32_t text;
	_Atomic bool *alive; /* DEAD: until this is set */
};

struct fake {
	const struct fake_cfg *cfg;
	struct sink_stats *st;
	uint64_t next; /* the document that must come next, 0: any */
	bool out_of_order;
};

static _Atomic uint64_t order_errors;

static bool fake_wants(const void *cfg, const struct doc *d)
{
	const struct fake_cfg *c = cfg;

	return !c->alerts_only || d->kind == DOC_ALERT;
}

static bool fake_wants_text(const void *cfg)
{
	return ((const struct fake_cfg *)cfg)->text;
}

static int fake_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		     size_t err_len)
{
	const struct fake_cfg *c = cfg;
	struct fake *f;

	if (c->behaviour == BUSY) {
		snprintf(err, err_len, "in use by another agent");
		return -EBUSY;
	}
	f = calloc(1, sizeof(*f));
	f->cfg = c;
	f->st = st;
	if (c->behaviour == WARNS)
		sink_note(st, "a warning");
	*state = f;
	return 0;
}

static int fake_submit(void *state, struct batch *b)
{
	struct fake *f = state;
	bool alive = f->cfg->alive && atomic_load(f->cfg->alive);

	if (f->cfg->behaviour == STUCK)
		for (;;)
			pause();
	if (f->cfg->behaviour == LOCAL_ERROR)
		atomic_store(&f->st->held_by, SINK_LOSS_IO);
	if ((f->cfg->behaviour == DEAD || f->cfg->behaviour == LOCAL_ERROR) && !alive) {
		sink_error(f->st, "nobody there");
		return -EAGAIN;
	}
	for (uint32_t i = 0; i < b->ndocs; i++) {
		if (!fake_wants(f->cfg, &b->docs[i]))
			continue;
		if (b->docs[i].time_ns < f->next)
			atomic_fetch_add(&order_errors, 1);
		f->next = b->docs[i].time_ns;
		sink_count(&f->st->delivered, 1);
	}
	return 0;
}

static int fake_poll(void *state, int timeout_ms)
{
	(void)state;
	if (timeout_ms)
		usleep(1000);
	return 0;
}

static void fake_close(void *state, uint64_t deadline_ns)
{
	(void)deadline_ns;
	free(state);
}

static const struct sink fake_sink = {
	.name = "fake",
	.help = "for this test",
	.cfg_size = sizeof(struct fake_cfg),
	.wants = fake_wants,
	.wants_text = fake_wants_text,
	.open = fake_open,
	.submit = fake_submit,
	.poll = fake_poll,
	.close = fake_close,
};

static struct egress *egress_with(const struct fake_cfg *cfgs, uint32_t n, struct egress_cfg q)
{
	struct egress *e;
	char err[200];

	atomic_store(&order_errors, 0);
	CHECK_INT(egress_new(&e), 0);
	for (uint32_t i = 0; i < n; i++)
		CHECK_INT(egress_add(e, &fake_sink, &cfgs[i], &q, "fake", err, sizeof(err)), 0);
	return e;
}

static void publish(struct egress *e, uint64_t first, uint32_t count, enum doc_kind kind)
{
	struct batch *b = docs_batch(first, count, kind, 0);

	egress_publish(e, b);
	batch_unref(b);
}

static uint64_t delivered(struct egress *e, uint32_t i)
{
	return sink_counter(&egress_stats(e, i, NULL, NULL)->delivered);
}

static uint64_t lost(struct egress *e, uint32_t i, enum sink_loss cause)
{
	return sink_counter(&egress_stats(e, i, NULL, NULL)->lost[cause]);
}

static bool wait_idle(struct egress *e, int ms)
{
	uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;

	while (!egress_idle(e)) {
		if (clock_mono_ns() > until)
			return false;
		usleep(1000);
	}
	return true;
}

static void all_sinks_get_all_in_order(void)
{
	struct fake_cfg cfgs[3] = { { .behaviour = GOOD },
				    { .behaviour = GOOD },
				    { .behaviour = WARNS } };
	struct egress *e = egress_with(cfgs, 3, (struct egress_cfg){ .queue_batches = 1000 });

	CHECK(egress_idle(e));
	for (uint64_t i = 0; i < 500; i++)
		publish(e, i * 10, 10, DOC_EVENT);
	CHECK(wait_idle(e, 10000));
	egress_stop(e, 1000);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_INT(delivered(e, i), 5000);
	CHECK(!egress_stats(e, 3, NULL, NULL));
	CHECK_INT(atomic_load(&order_errors), 0);
	egress_free(e);
}

static void dead_sink_drops_newest_and_costs_others_nothing(void)
{
	_Atomic bool alive = false;
	struct fake_cfg cfgs[2] = { { .behaviour = DEAD, .alive = &alive }, { .behaviour = GOOD } };
	struct egress *e = egress_with(cfgs, 2, (struct egress_cfg){ .queue_batches = 8 });
	uint64_t t0, worst = 0, queued;

	for (uint64_t i = 0; i < 100; i++) {
		t0 = clock_mono_ns();
		publish(e, i * 10, 10, DOC_EVENT);
		worst = MAX(worst, clock_mono_ns() - t0);
		while (delivered(e, 1) < (i + 1) * 10)
			usleep(100);
	}
	CHECK(worst < 200 * NS_PER_MS);
	CHECK_INT(delivered(e, 1), 1000);
	CHECK_INT(lost(e, 1, SINK_LOSS_QUEUE_FULL), 0);
	egress_stats(e, 0, NULL, &queued);
	CHECK_INT(queued, 80);
	CHECK_INT(lost(e, 0, SINK_LOSS_QUEUE_FULL), 920);
	CHECK(!egress_idle(e));
	atomic_store(&alive, true);
	CHECK(wait_idle(e, 5000));
	CHECK_INT(delivered(e, 0), 80); /* the oldest: the newest were dropped */
	CHECK_INT(atomic_load(&order_errors), 0);
	egress_stop(e, 1000);
	egress_free(e);
}

static void drops_while_a_local_error_holds_count_as_io(void)
{
	struct fake_cfg cfg = { .behaviour = LOCAL_ERROR };
	struct egress *e = egress_with(&cfg, 1, (struct egress_cfg){ .queue_batches = 2 });
	char text[SINK_ERROR_MAX];
	uint64_t queued;

	publish(e, 0, 10, DOC_EVENT);
	while (!sink_counter(&egress_stats(e, 0, NULL, NULL)->errors))
		usleep(1000);
	for (uint64_t i = 1; i < 10; i++)
		publish(e, i * 10, 10, DOC_EVENT);
	CHECK_INT(lost(e, 0, SINK_LOSS_IO), 80);
	sink_last_error(egress_stats(e, 0, NULL, NULL), text);
	CHECK_STR(text, "nobody there");
	egress_stats(e, 0, NULL, &queued);
	CHECK_INT(queued, 20);
	egress_stop(e, 100);
	CHECK_INT(lost(e, 0, SINK_LOSS_IO), 100);
	CHECK_INT(lost(e, 0, SINK_LOSS_TIMEOUT), 0);
	egress_stats(e, 0, NULL, &queued);
	CHECK_INT(queued, 0); /* they are among the lost */
	egress_free(e);
}

struct publisher {
	struct egress *e;
	_Atomic uint64_t published;
};

static void *publish_100(void *arg)
{
	struct publisher *p = arg;

	for (uint64_t i = 0; i < 100; i++) {
		publish(p->e, i * 10, 10, DOC_EVENT);
		atomic_fetch_add(&p->published, 10);
	}
	return NULL;
}

static void block_waits_and_loses_nothing(void)
{
	_Atomic bool alive = false;
	struct fake_cfg cfg = { .behaviour = DEAD, .alive = &alive };
	struct egress *e = egress_with(
		&cfg, 1, (struct egress_cfg){ .queue_batches = 4, .overflow = OVERFLOW_BLOCK });
	struct publisher p = { .e = e };
	pthread_t t;

	pthread_create(&t, NULL, publish_100, &p);
	usleep(100000);
	CHECK_INT(atomic_load(&p.published), 40);
	atomic_store(&alive, true);
	pthread_join(t, NULL);
	CHECK(wait_idle(e, 5000));
	CHECK_INT(delivered(e, 0), 1000);
	CHECK_INT(lost(e, 0, SINK_LOSS_QUEUE_FULL), 0);
	egress_stop(e, 1000);
	egress_free(e);
}

static void unblock_frees_a_blocked_publisher(void)
{
	struct fake_cfg cfg = { .behaviour = DEAD };
	struct egress *e = egress_with(
		&cfg, 1, (struct egress_cfg){ .queue_batches = 4, .overflow = OVERFLOW_BLOCK });
	struct publisher p = { .e = e };
	pthread_t t;

	pthread_create(&t, NULL, publish_100, &p);
	usleep(50000);
	egress_unblock(e, 50);
	pthread_join(t, NULL);
	CHECK_INT(lost(e, 0, SINK_LOSS_QUEUE_FULL), 960);
	egress_stop(e, 50);
	CHECK_INT(lost(e, 0, SINK_LOSS_TIMEOUT), 40);
	egress_free(e);
}

static void only_wanted_documents_count(void)
{
	struct fake_cfg cfgs[2] = { { .alerts_only = 1, .text = 1 }, { 0 } };
	struct egress *e = egress_with(cfgs, 2, (struct egress_cfg){ .queue_batches = 100 });
	struct batch *b = batch_new(1 << 16, 30);

	CHECK(egress_wants_text(e));
	for (uint64_t i = 0; i < 30; i++)
		CHECK(docs_add(b, i, i % 3 ? DOC_EVENT : DOC_ALERT, 0));
	egress_publish(e, b);
	batch_unref(b);
	publish(e, 30, 10, DOC_METRIC);
	CHECK(wait_idle(e, 5000));
	CHECK_INT(delivered(e, 0), 10);
	CHECK_INT(delivered(e, 1), 40);
	egress_stop(e, 1000);
	egress_free(e);
}

static void bytes_bound_the_queue(void)
{
	struct queue *q;
	struct batch *b = docs_batch(0, 1, DOC_EVENT, 10000);
	uint32_t docs;

	CHECK_INT(queue_new(&q, 100, b->data.len * 3), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(queue_push(q, b, 1), 0);
	CHECK_INT(queue_push(q, b, 1), -EAGAIN);
	CHECK_INT(queue_docs(q), 3);
	CHECK(queue_peek(q, 0, &docs) == b);
	queue_pop(q);
	CHECK_INT(queue_push(q, b, 1), 0);
	queue_free(q);
	CHECK_INT(queue_new(&q, 100, 10), 0); /* a larger one passes when the queue is empty */
	CHECK_INT(queue_push(q, b, 1), 0);
	CHECK_INT(queue_push(q, b, 1), -EAGAIN);
	queue_free(q);
	CHECK_INT(atomic_load(&b->refs), 1);
	batch_unref(b);
}

static void peek_waits_and_is_woken(void)
{
	struct queue *q;
	uint32_t docs;
	uint64_t t0 = clock_mono_ns();

	CHECK_INT(queue_new(&q, 4, 0), 0);
	CHECK(!queue_peek(q, 50, &docs));
	CHECK(clock_mono_ns() - t0 >= 49 * NS_PER_MS);
	queue_wake(q);
	t0 = clock_mono_ns();
	CHECK(!queue_peek(q, 5000, &docs));
	CHECK(clock_mono_ns() - t0 < 1000 * NS_PER_MS);
	queue_free(q);
}

static void failed_open_is_reported(void)
{
	struct fake_cfg cfg = { .behaviour = BUSY };
	struct egress_cfg q = { .queue_batches = 4 };
	struct egress *e;
	char err[200];

	CHECK_INT(egress_new(&e), 0);
	CHECK_INT(egress_add(e, &fake_sink, &cfg, &q, "fake", err, sizeof(err)), -EBUSY);
	CHECK_STR(err, "in use by another agent");
	CHECK(!egress_stats(e, 0, NULL, NULL));
	egress_free(e);
}

static void stop_keeps_its_deadline(void)
{
	struct fake_cfg cfgs[2] = { { .behaviour = DEAD }, { .behaviour = GOOD } };
	struct egress *e = egress_with(cfgs, 2, (struct egress_cfg){ .queue_batches = 100 });
	uint64_t t0;

	for (uint64_t i = 0; i < 50; i++)
		publish(e, i * 10, 10, DOC_EVENT);
	t0 = clock_mono_ns();
	egress_stop(e, 300);
	CHECK(clock_mono_ns() - t0 < 900 * NS_PER_MS);
	CHECK_INT(delivered(e, 1), 500);
	CHECK_INT(delivered(e, 0), 0);
	CHECK_INT(lost(e, 0, SINK_LOSS_TIMEOUT), 500);
	publish(e, 0, 10, DOC_EVENT); /* too late, but counted */
	CHECK_INT(lost(e, 0, SINK_LOSS_TIMEOUT), 510);
	egress_free(e);
}

static void stuck_sink_does_not_hang_the_stop(void)
{
	struct fake_cfg cfgs[2] = { { .behaviour = STUCK }, { .behaviour = GOOD } };
	struct egress *e = egress_with(cfgs, 2, (struct egress_cfg){ .queue_batches = 100 });
	uint64_t t0;

	for (uint64_t i = 0; i < 50; i++)
		publish(e, i * 10, 10, DOC_EVENT);
	t0 = clock_mono_ns();
	egress_stop(e, 100);
	CHECK(clock_mono_ns() - t0 < 3 * NS_PER_SEC);
	CHECK_INT(delivered(e, 1), 500);
	CHECK_INT(lost(e, 0, SINK_LOSS_TIMEOUT), 500);
	egress_free(e);
	_exit(0); /* the stuck thread and what it uses stay: no leak of ours */
}

static void *read_statistics(void *arg)
{
	struct egress *e = arg;
	char text[SINK_ERROR_MAX];
	uint64_t queued, sum = 0;

	for (int i = 0; i < 2000; i++) {
		for (uint32_t k = 0; k < 3; k++) {
			sum += delivered(e, k) + lost(e, k, SINK_LOSS_QUEUE_FULL);
			sink_last_error(egress_stats(e, k, NULL, &queued), text);
		}
		sum += egress_idle(e);
	}
	return (void *)(uintptr_t)sum;
}

static void counters_add_up_under_load(void)
{
	_Atomic bool alive = false;
	struct fake_cfg cfgs[3] = { { .behaviour = GOOD },
				    { .behaviour = DEAD, .alive = &alive },
				    { .behaviour = GOOD, .alerts_only = 1 } };
	struct egress *e = egress_with(cfgs, 3, (struct egress_cfg){ .queue_batches = 16 });
	pthread_t t;

	pthread_create(&t, NULL, read_statistics, e);
	for (uint64_t i = 0; i < 3000; i++) {
		if (i == 1500)
			atomic_store(&alive, true);
		publish(e, i * 4, 4, i % 2 ? DOC_EVENT : DOC_ALERT);
	}
	pthread_join(t, NULL);
	egress_stop(e, 5000);
	for (uint32_t i = 0; i < 3; i++) {
		uint64_t sum = delivered(e, i);

		for (int c = 0; c < SINK_LOSS_MAX; c++)
			sum += lost(e, i, (enum sink_loss)c);
		CHECK_INT(sum, i == 2 ? 6000 : 12000);
		CHECK(delivered(e, i) > 0);
	}
	CHECK_INT(atomic_load(&order_errors), 0);
	CHECK(egress_idle(e));
	egress_free(e);
}

static void options_have_their_defaults(void)
{
	struct egress_cfg q = { 0 };
	char err[200];

	option_defaults(egress_opts, &q);
	CHECK_INT(q.overflow, OVERFLOW_DROP);
	CHECK_INT(q.queue_batches, 256);
	CHECK_INT(q.queue_bytes, 32 << 20);
	CHECK_INT(option_parse_list(egress_opts, &q, NULL, NULL, STR("overflow=block,queue=4"), err,
				    sizeof(err)),
		  0);
	CHECK_INT(q.overflow, OVERFLOW_BLOCK);
	CHECK_INT(q.queue_batches, 4);
	option_free(egress_opts, &q);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(all_sinks_get_all_in_order),
		TEST(dead_sink_drops_newest_and_costs_others_nothing),
		TEST(drops_while_a_local_error_holds_count_as_io),
		TEST(block_waits_and_loses_nothing),
		TEST(unblock_frees_a_blocked_publisher),
		TEST(only_wanted_documents_count),
		TEST(bytes_bound_the_queue),
		TEST(peek_waits_and_is_woken),
		TEST(failed_open_is_reported),
		TEST(stop_keeps_its_deadline),
		TEST(stuck_sink_does_not_hang_the_stop),
		TEST(counters_add_up_under_load),
		TEST(options_have_their_defaults),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
