/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The consumer: a raw record in, documents out. Validates, enriches, matches, encodes, and hands
 * full or old batches to the sinks. The same code judges a live stream and a replayed one; it
 * reads no clock but the record's, except to know how long a batch has waited.
 * One thread calls everything here. Nothing is allocated for an event; a batch is, when one is full.
 */
#ifndef TOCSIN_CONSUMER_H
#define TOCSIN_CONSUMER_H

#include "enrichers/counter.h"
#include "enrichers/enricher.h"
#include "pipeline/egress.h"
#include "pipeline/encode.h"
#include "pipeline/filter/classify.h"
#include "pipeline/filter/faults.h"
#include "pipeline/save.h"

/* Is told, in the consumer's thread, of every event that a policy holds for and of every loss, and
 * no document is made. */
struct observer {
	void (*event)(void *arg, struct event *e);
	void *arg;
};

struct consumer_cfg {
	const struct policy_set *policies; /* generation 0; must outlive the consumer, as all here */
	uint64_t record_kinds; /* bit per enum ev_kind: recorded without a policy */
	struct egress *egress;
	struct encoder_cfg encoder;
	struct outside *outside;
	const void *const *enricher_cfg; /* of enrichers[i] at i */
	struct save *save; /* NULL: do not save */
	uint64_t latency_ns; /* how long a document may wait for its batch to fill */
	const struct observer *observer; /* NULL: documents are made */
	struct classify *classify; /* NULL: the kernel wants to know of no cgroup */
};

struct consumer_stats {
	counter_t events[EV_MAX];
	counter_t lost[EV_MAX][EV_LOSS_MAX_]; /* by pipeline.loss records; kind EV_NONE: unknown */
#define COUNTER(member, help) counter_t member;
#include "pipeline/counters.def"
#undef COUNTER
	const char *invalid_why; /* of the last invalid record; NULL: none */
	struct filter_faults faults; /* the first of filter_errors */
};

struct consumer;

/* Opens the enrichers in the calling thread. 0, or -errno with err filled. */
int consumer_new(struct consumer **out, const struct consumer_cfg *cfg, char *err, size_t err_len);
void consumer_free(struct consumer *c);

/* From now on the engine judges the records that carry this generation, which is higher than any
 * before, and what carries one that nobody here knows. The engines before it go on judging the
 * records of theirs. Takes the engine. 0; -EBUSY when CONSUMER_GENERATIONS are in force. */
enum { CONSUMER_GENERATIONS = 4 };
int consumer_install(struct consumer *c, struct policy_engine *engine, uint32_t generation);
/* Gives back the newest engine, of whose generation there was no record yet; NULL when only one is in
 * force. */
struct policy_engine *consumer_withdraw(struct consumer *c);
/* Gives back the oldest engine when no record of its generation can come any more; NULL when only
 * one is in force. Its statistics stay in consumer_policy_stats. */
struct policy_engine *consumer_retire(struct consumer *c);

/* A probe_record_fn: ctx is the consumer. */
void consumer_record(void *ctx, const void *rec, uint32_t len);
/* Publishes the open batch if it is older than latency_ns, and has the saved stream written if that
 * is due; returns the ns left until one of them is, or UINT64_MAX when nothing waits. */
uint64_t consumer_due(struct consumer *c);
void consumer_flush(struct consumer *c); /* publishes what is open */
/* Time passes without records: makes the alerts about what did not happen in time. boot_ns:
 * CLOCK_BOOTTIME, read when all records were handled. Returns the ns until the next one is due,
 * or UINT64_MAX. */
uint64_t consumer_idle(struct consumer *c, uint64_t boot_ns);
/* All that was in the ring was handled, and no loss is held back (loss.h). */
void consumer_settled(struct consumer *c);
/* Calls each for every process that is known to run. */
void consumer_running(struct consumer *c, running_fn each, void *arg);
/* The stream ends: the same for what was due by end_ns (or the last record, if later), which goes
 * into the saved stream; publishes all. 0: not known. */
void consumer_end(struct consumer *c, uint64_t end_ns);

/* Of its own thread, or once that has ended; a counter in it at any time. */
const struct consumer_stats *consumer_stats(const struct consumer *c);
struct policy_stats consumer_policy_stats(const struct consumer *c);
/* The i-th policy with a sequence or threshold; false past the last. */
bool consumer_window_stats(const struct consumer *c, uint32_t i, struct policy_window_stats *out);
/* Counter j of enricher i; false past the last one. */
bool consumer_counter(const struct consumer *c, uint32_t i, uint32_t j, const char **name,
		      uint64_t *value);

#endif
