/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Egress: one thread and one bounded queue for each sink. The consumer publishes; a queue that
 * is full follows its overflow policy and never makes another sink wait.
 */
#ifndef TOCSIN_EGRESS_H
#define TOCSIN_EGRESS_H

#include "sinks/sink.h"

enum overflow { OVERFLOW_DROP, OVERFLOW_BLOCK };

/* Options every sink has beside its own; in the same key=value list. */
struct egress_cfg {
	uint32_t overflow;	/* enum overflow; drop by default: the newest, counted */
	uint64_t queue_batches;	/* bound of the queue, batches */
	uint64_t queue_bytes;	/* bound of the queue, bytes of documents (0: batches only) */
};
extern const struct option egress_opts[];

struct egress;

int egress_new(struct egress **out);
/* Opens the sink (in its thread) and starts it. cfg: cfg_size bytes of sink->opts, copied;
 * strings inside stay the caller's and must outlive the egress. name: for statistics and logs.
 * 0, or negative errno with err filled. */
int egress_add(struct egress *e, const struct sink *s, const void *cfg, const struct egress_cfg *q,
	       const char *name, char *err, size_t err_len);
/* Gives every queue a reference; the caller keeps its own. Consumer thread only. Blocks only for
 * a sink whose overflow is `block`. */
void egress_publish(struct egress *e, struct batch *b);
/* after_ms from now on, `block` acts as `drop`. Any thread: a shutdown calls it before it waits
 * for the consumer, which else might wait for a dead sink. */
void egress_unblock(struct egress *e, int after_ms);
bool egress_wants_text(const struct egress *e);
bool egress_idle(const struct egress *e);	/* nothing queued or in flight: for tests and benches */
/* Statistics of sink i, NULL past the end. *queued: documents waiting;
 * none after egress_stop, which counts them as lost. */
const struct sink_stats *egress_stats(const struct egress *e, uint32_t i, const char **name, uint64_t *queued);
/* Drains and closes all sinks, at most timeout_ms in all. Statistics are still readable after
 * stop and until free. */
void egress_stop(struct egress *e, int timeout_ms);
void egress_free(struct egress *e);

#endif
