/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A bounded queue of batch references between two threads: one that pushes, one that pops. It
 * moves batches, not events, so a mutex is cheap enough here; memory is taken once, at creation.
 */
#ifndef TOCSIN_QUEUE_H
#define TOCSIN_QUEUE_H

#include "pipeline/batch.h"

struct queue;

/* max_bytes bounds the data of the batches inside (0: no bound); a batch larger than that passes
 * when the queue is empty. */
int queue_new(struct queue **out, uint32_t max_batches, uint64_t max_bytes);
void queue_free(struct queue *q); /* gives back the references inside */

/* Takes a reference of its own. docs: what the reader is to be told with the batch.
 * 0, or -EAGAIN: full. Never blocks. */
int queue_push(struct queue *q, struct batch *b, uint32_t docs);
/* The same, but waits for room. -EAGAIN: the time of queue_unblock has come, the queue is full. */
int queue_push_wait(struct queue *q, struct batch *b, uint32_t docs);
/* From at_ns (CLOCK_MONOTONIC) on, queue_push_wait does not wait. Any thread. */
void queue_unblock(struct queue *q, uint64_t at_ns);

/* The oldest batch; it stays in the queue and the queue's reference with it. Waits at most
 * timeout_ms for one, or until queue_wake. NULL: none. */
struct batch *queue_peek(struct queue *q, int timeout_ms, uint32_t *docs);
/* Removes the batch that queue_peek gave, and its reference. */
void queue_pop(struct queue *q);
/* Ends the wait of the reader, now or its next one. Any thread. */
void queue_wake(struct queue *q);
/* Documents inside. Any thread. */
uint64_t queue_docs(const struct queue *q);

#endif
