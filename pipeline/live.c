/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The loop of live.h: drain the ring, then rest. How it rests depends on how events come:
 *   fast    it naps without asking to be woken, so that a busy host pays a bounded number of
 *           wake-ups and not one for each event; a batch waits for its latency
 *   slowly  it publishes at once what it has and sleeps until an event wakes it, without a timer
 * Losses that no record has shown yet are the one thing that sets a timer on an idle host.
 */
#include "pipeline/live.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "pipeline/clock.h"
#include "pipeline/loss.h"
#include "pipeline/util.h"

enum { RECORDS_A_TURN = 4096, HELD_MS = 250, FAST_NAPS = 4, SLEEP_MS = 3600000 };

struct call {
	void (*fn)(void *arg);
	void *arg;
};

struct live {
	struct probe_set *probes;
	struct consumer *consumer;
	struct loss *loss;
	pthread_t thread;
	atomic_bool stopping;
	atomic_uint asked; /* to catch up, so many times */
	sem_t caught_up;
	struct call *_Atomic calling; /* NULL: none waits */
	sem_t called;
	atomic_uint answers; /* raised before each post: orders what the thread did before it */
	struct call unblock; /* fn NULL: none */
	uint64_t gather_ns;
	uint64_t drained_ns; /* CLOCK_MONOTONIC: last time there was something to read */
};

static uint64_t boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static const volatile struct cpu_state *cpu_of(void *ctx, int cpu)
{
	return probe_set_cpu(ctx, cpu);
}

static void record(void *ctx, const void *rec, uint32_t len)
{
	struct live *l = ctx;

	if (len >= sizeof(struct ev_hdr))
		loss_check(l->loss, rec, consumer_record, l->consumer);
	consumer_record(l->consumer, rec, len);
}

static bool rest_losses(struct live *l, bool all)
{
	return loss_rest(l->loss, boot_ns(), all, consumer_record, l->consumer);
}

/* Did events come soon after the ones before them? */
static bool is_fast(struct live *l)
{
	uint64_t now = clock_mono_ns(), since = now - l->drained_ns;

	l->drained_ns = now;
	return since < FAST_NAPS * l->gather_ns;
}

static void nap(const struct live *l)
{
	struct timespec t = clock_timespec(l->gather_ns);

	nanosleep(&t, NULL);
}

/* Until an event comes, the open batch is due, or losses that are held back have to be looked at. */
static void sleep_for_event(struct live *l, bool losses)
{
	uint64_t missing = consumer_idle(l->consumer, boot_ns());
	uint64_t due = MIN(consumer_due(l->consumer), missing);
	int ms = due == UINT64_MAX ? -1 : (int)MIN(due / NS_PER_MS + 1, (uint64_t)SLEEP_MS);

	if (losses && (ms < 0 || ms > HELD_MS))
		ms = HELD_MS;
	probe_set_wait(l->probes, ms);
}

/* n: records that the last turn read. */
static void rest(struct live *l, int n)
{
	bool losses = rest_losses(l, false);

	if (!losses)
		consumer_settled(l->consumer);
	if (n && is_fast(l)) {
		consumer_due(l->consumer);
		nap(l);
		return;
	}
	if (n)
		consumer_flush(l->consumer);
	sleep_for_event(l, losses);
}

static void answer(struct live *l, sem_t *sem)
{
	atomic_fetch_add_explicit(&l->answers, 1, memory_order_release);
	sem_post(sem);
}

static void answer_call(struct live *l)
{
	struct call *call = atomic_load_explicit(&l->calling, memory_order_acquire);

	if (!call)
		return;
	call->fn(call->arg);
	atomic_store_explicit(&l->calling, NULL, memory_order_relaxed);
	answer(l, &l->called);
}

static void *run(void *arg)
{
	struct live *l = arg;
	unsigned int answered = 0;

	prctl(PR_SET_NAME, "consumer");
	while (!atomic_load_explicit(&l->stopping, memory_order_acquire)) {
		unsigned int asked = atomic_load_explicit(&l->asked, memory_order_acquire);
		int n = probe_set_read(l->probes, record, l, RECORDS_A_TURN);

		answer_call(l);
		if (n >= RECORDS_A_TURN) {
			consumer_due(l->consumer);
			continue;
		}
		for (; answered != asked; answered++)
			answer(l, &l->caught_up);
		rest(l, n);
	}
	while (probe_set_read(l->probes, record, l, RECORDS_A_TURN) > 0)
		;
	rest_losses(l, true);
	consumer_end(l->consumer, boot_ns());
	return NULL;
}

int live_start(struct live **out, struct probe_set *set, struct consumer *consumer,
	       uint64_t gather_ns)
{
	CLEANUP_FREE struct live *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->probes = set;
	l->consumer = consumer;
	l->gather_ns = gather_ns;
	sem_init(&l->caught_up, 0, 0);
	sem_init(&l->called, 0, 0);
	rc = loss_new(&l->loss, probe_set_ncpu(set), cpu_of, set);
	if (rc)
		return rc;
	rc = -pthread_create(&l->thread, NULL, run, l);
	if (rc) {
		loss_free(l->loss);
		return rc;
	}
	*out = TAKE_PTR(l);
	return 0;
}

static bool told_to_end(void)
{
	sigset_t pending;

	return !sigpending(&pending) &&
	       (sigismember(&pending, SIGINT) > 0 || sigismember(&pending, SIGTERM) > 0);
}

/* Thread sanitizers know of no order in sem_clockwait; the answers give it. */
static void await(struct live *l, sem_t *sem)
{
	bool unblocked = !l->unblock.fn;
	struct timespec t;

	for (;;) {
		t = clock_timespec(clock_mono_ns() + NS_PER_SEC / 2);
		if (!sem_clockwait(sem, CLOCK_MONOTONIC, &t)) {
			atomic_load_explicit(&l->answers, memory_order_acquire);
			return;
		}
		if (errno != ETIMEDOUT || unblocked || !told_to_end())
			continue;
		l->unblock.fn(l->unblock.arg);
		unblocked = true;
	}
}

void live_on_end(struct live *l, void (*unblock)(void *arg), void *arg)
{
	l->unblock = (struct call){ unblock, arg };
}

void live_catch_up(struct live *l)
{
	atomic_fetch_add_explicit(&l->asked, 1, memory_order_release);
	probe_set_wake(l->probes);
	await(l, &l->caught_up);
}

void live_call(struct live *l, void (*fn)(void *arg), void *arg)
{
	struct call call = { fn, arg };

	atomic_store_explicit(&l->calling, &call, memory_order_release);
	probe_set_wake(l->probes);
	await(l, &l->called);
}

void live_stop(struct live *l)
{
	if (!l)
		return;
	probe_set_detach(l->probes);
	atomic_store_explicit(&l->stopping, true, memory_order_release);
	probe_set_wake(l->probes);
	pthread_join(l->thread, NULL);
	loss_free(l->loss);
	free(l);
}
