/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The queue of queue.h: a ring of slots under one mutex, a condition variable for each side.
 * Batches leave in the order in which they came.
 */
#include "pipeline/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

struct slot {
	struct batch *b;
	uint32_t docs;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	struct slot *slots;
	uint32_t max, head, count;
	uint64_t max_bytes, bytes;
	bool woken;
	uint64_t unblock_ns; /* 0: waits without end */
	_Atomic uint64_t docs;
};

int queue_new(struct queue **out, uint32_t max_batches, uint64_t max_bytes)
{
	struct queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	if (!q)
		return -ENOMEM;
	q->slots = calloc(max_batches, sizeof(*q->slots));
	if (!q->slots) {
		free(q);
		return -ENOMEM;
	}
	q->max = max_batches;
	q->max_bytes = max_bytes;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &attr);
	pthread_cond_init(&q->freed, &attr);
	pthread_condattr_destroy(&attr);
	*out = q;
	return 0;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (uint32_t i = 0; i < q->count; i++)
		batch_unref(q->slots[(q->head + i) % q->max].b);
	pthread_cond_destroy(&q->filled);
	pthread_cond_destroy(&q->freed);
	pthread_mutex_destroy(&q->lock);
	free(q->slots);
	free(q);
}

static bool is_full(const struct queue *q, const struct batch *b)
{
	if (q->count == q->max)
		return true;
	return q->max_bytes && q->count && q->bytes + b->data.len > q->max_bytes;
}

static int push_locked(struct queue *q, struct batch *b, uint32_t docs)
{
	if (is_full(q, b))
		return -EAGAIN;
	q->slots[(q->head + q->count) % q->max] = (struct slot){ batch_ref(b), docs };
	q->count++;
	q->bytes += b->data.len;
	atomic_fetch_add_explicit(&q->docs, docs, memory_order_relaxed);
	pthread_cond_signal(&q->filled);
	return 0;
}

int queue_push(struct queue *q, struct batch *b, uint32_t docs)
{
	int rc;

	pthread_mutex_lock(&q->lock);
	rc = push_locked(q, b, docs);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

/* False: no waiting any more. */
static bool wait_freed(struct queue *q)
{
	struct timespec until;

	if (!q->unblock_ns) {
		pthread_cond_wait(&q->freed, &q->lock);
		return true;
	}
	until = clock_timespec(q->unblock_ns);
	return !pthread_cond_timedwait(&q->freed, &q->lock, &until);
}

int queue_push_wait(struct queue *q, struct batch *b, uint32_t docs)
{
	int rc;

	pthread_mutex_lock(&q->lock);
	while (is_full(q, b) && wait_freed(q))
		;
	rc = push_locked(q, b, docs);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

void queue_unblock(struct queue *q, uint64_t at_ns)
{
	pthread_mutex_lock(&q->lock);
	q->unblock_ns = MAX(at_ns, (uint64_t)1);
	pthread_cond_broadcast(&q->freed);
	pthread_mutex_unlock(&q->lock);
}

struct batch *queue_peek(struct queue *q, int timeout_ms, uint32_t *docs)
{
	struct timespec until = clock_timespec(clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS);
	struct batch *b = NULL;

	pthread_mutex_lock(&q->lock);
	while (!q->count && !q->woken && timeout_ms > 0)
		if (pthread_cond_timedwait(&q->filled, &q->lock, &until))
			break;
	q->woken = false;
	if (q->count) {
		b = q->slots[q->head].b;
		*docs = q->slots[q->head].docs;
	}
	pthread_mutex_unlock(&q->lock);
	return b;
}

void queue_pop(struct queue *q)
{
	struct slot s;

	pthread_mutex_lock(&q->lock);
	s = q->slots[q->head];
	q->head = (q->head + 1) % q->max;
	q->count--;
	q->bytes -= s.b->data.len;
	atomic_fetch_sub_explicit(&q->docs, s.docs, memory_order_relaxed);
	pthread_cond_signal(&q->freed);
	pthread_mutex_unlock(&q->lock);
	batch_unref(s.b);
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->woken = true;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

uint64_t queue_docs(const struct queue *q)
{
	return atomic_load_explicit(&q->docs, memory_order_relaxed);
}
