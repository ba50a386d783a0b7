/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The consumer thread of a live run: reads the ring, reports losses, feeds the consumer, sleeps
 * when there is nothing to do. Started once the probes are attached, ended by live_stop, which
 * detaches the probes and drains the ring first.
 */
#ifndef TOCSIN_LIVE_H
#define TOCSIN_LIVE_H

#include "pipeline/consumer.h"
#include "probes/probe.h"

struct live;

/* Both must outlive it; from now on only its thread uses the consumer. gather_ns: how long events
 * may gather in the ring while they come fast. 0 or -errno. */
int live_start(struct live **out, struct probe_set *set, struct consumer *consumer,
	       uint64_t gather_ns);
/* Returns when the thread has handled all that was in the ring at the call. Main thread. */
void live_catch_up(struct live *l);
/* An output may hold the consumer's thread up for as long as it blocks. When the agent is told to end
 * (SIGINT or SIGTERM is pending) while live_call or live_catch_up waits for the thread, `unblock` is
 * called, which must make it go on. */
void live_on_end(struct live *l, void (*unblock)(void *arg), void *arg);
/* Runs fn in the consumer's thread, between two records, and returns when it is done: what may
 * touch the consumer. Main thread. */
void live_call(struct live *l, void (*fn)(void *arg), void *arg);
/* Detaches the probes, drains the ring, reports the last losses, publishes the last batch, ends
 * the thread and frees. NULL is legal. */
void live_stop(struct live *l);

#endif
