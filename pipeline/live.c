/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The loop of live.h. probe_set_wait lets events gather when they come fast, so that a busy host
 * pays a bounded number of wake-ups; an idle one is woken once a second, to look at the kernel's
 * loss counters.
 */
#include "pipeline/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/clock.h"
#include "pipeline/loss.h"
#include "pipeline/util.h"

enum { RECORDS_A_TURN = 4096, IDLE_MS = 1000 };

struct live {
	struct probe_set *probes;
	struct consumer *consumer;
	struct loss *loss;
	pthread_t thread;
	atomic_bool stopping;
	uint64_t next_look_ns; /* CLOCK_MONOTONIC: at the loss counters */
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

/* How long to sleep at most: until the open batch is due or the counters are looked at again. */
static int sleep_ms(struct live *l)
{
	uint64_t left = consumer_due(l->consumer);

	return left == UINT64_MAX ? IDLE_MS : (int)(left / NS_PER_MS) + 1;
}

static void look_at_counters(struct live *l)
{
	uint64_t now = clock_mono_ns();

	if (now < l->next_look_ns)
		return;
	l->next_look_ns = now + IDLE_MS * NS_PER_MS;
	loss_rest(l->loss, boot_ns(), consumer_record, l->consumer);
}

static void *run(void *arg)
{
	struct live *l = arg;

	while (!atomic_load_explicit(&l->stopping, memory_order_acquire)) {
		int n = probe_set_read(l->probes, record, l, RECORDS_A_TURN);

		look_at_counters(l);
		if (n < RECORDS_A_TURN)
			probe_set_wait(l->probes, sleep_ms(l));
		else
			consumer_due(l->consumer);
	}
	while (probe_set_read(l->probes, record, l, RECORDS_A_TURN) > 0)
		;
	loss_rest(l->loss, boot_ns(), consumer_record, l->consumer);
	consumer_flush(l->consumer);
	return NULL;
}

int live_start(struct live **out, struct probe_set *set, struct consumer *consumer)
{
	CLEANUP_FREE struct live *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->probes = set;
	l->consumer = consumer;
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
