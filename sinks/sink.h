/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A sink delivers documents to one destination. All its calls come from one thread of its own
 * (pipeline/egress), open and close included, except that several instances of one type may run
 * at the same time in different threads.
 *
 * To add one: a file with a `const struct sink`, a line in sinks.def, a test.
 */
#ifndef TOCSIN_SINK_H
#define TOCSIN_SINK_H

#include "pipeline/batch.h"
#include "pipeline/option.h"

/* Causes of documents that a sink lost, counted by egress. */
enum sink_loss {
	SINK_LOSS_QUEUE_FULL,	/* overflow policy "drop": the newest, before the sink saw them */
	SINK_LOSS_REFUSED,	/* the destination refused for good (too large, authorization) */
	SINK_LOSS_TIMEOUT,	/* not delivered before its deadline or the shutdown's */
	SINK_LOSS_IO,		/* local error that cannot be retried: disk full, read-only */
	SINK_LOSS_MAX
};

/* What a sink counts; written by its thread, read by others at any time (relaxed). */
struct sink_stats {
	_Atomic uint64_t delivered;		/* documents acknowledged (or written) */
	_Atomic uint64_t bytes;
	_Atomic uint64_t errors;		/* failed attempts, retried ones included */
	_Atomic uint64_t reconnects;
	_Atomic uint64_t deleted_files;		/* file sink: removed by the cap on the total */
	_Atomic uint64_t lost[SINK_LOSS_MAX];
	char last_error[200];			/* text of the newest error; may be torn when read live */
};

struct sink {
	const char *name, *help;
	const struct option *opts;	/* ends with key NULL */
	size_t cfg_size;
	bool wants_text;		/* uses doc.text (may depend on cfg: see wants) */
	bool (*wants)(const void *cfg, const struct doc *d); /* NULL: all. Others are skipped. */
	/* May fail for what never can work (-EBUSY: directory in use, -EINVAL): the agent then does
	 * not start. A destination that is merely down is not a failure. `err`: text for people. */
	int (*open)(void **state, const void *cfg, struct sink_stats *st, char *err, size_t err_len);
	/* Takes the documents of b in order and a reference of its own if it keeps any.
	 * 0: taken. -EAGAIN: full or down; the same batch comes again after poll. No other value. */
	int (*submit)(void *state, struct batch *b);
	/* Work in flight: acknowledgements, reconnects, rotation. Blocks at most timeout_ms. */
	int (*poll)(void *state, int timeout_ms);
	/* Flush until deadline_ns (CLOCK_MONOTONIC); what is left is counted as SINK_LOSS_TIMEOUT. */
	void (*close)(void *state, uint64_t deadline_ns);
};

extern const struct sink *const sinks[];	/* sinks.def; ends with NULL */
const struct sink *sink_by_name(struct str name);

#endif
