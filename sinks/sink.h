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
	SINK_LOSS_QUEUE_FULL, /* overflow policy "drop": the newest, before the sink saw them */
	SINK_LOSS_REFUSED, /* the destination refused for good (too large, authorization) */
	SINK_LOSS_TIMEOUT, /* not delivered before its deadline or the shutdown's */
	SINK_LOSS_IO, /* local error: disk full, read-only. Retried; what did not fit meanwhile */
	SINK_LOSS_MAX
};

/* What a sink counts; written by its thread, read by others at any time (relaxed). */
struct sink_stats {
	_Atomic uint64_t delivered; /* documents acknowledged (or written) */
	_Atomic uint64_t bytes;
	_Atomic uint64_t errors; /* failed attempts, retried ones included */
	_Atomic uint64_t reconnects;
	_Atomic uint64_t deleted_files; /* file sink: removed by the cap on the total */
	_Atomic uint64_t torn_lines; /* file sink: left by a run that was killed, cut off */
	_Atomic uint64_t lost[SINK_LOSS_MAX];
	/* Why the sink takes nothing just now (enum sink_loss), so that a document dropped at the
	 * full queue is counted by its true cause; SINK_LOSS_QUEUE_FULL: merely slow or down. */
	_Atomic uint32_t held_by;
	_Atomic char last_error[200]; /* text of the newest error, see sink_last_error */
};

enum { SINK_ERROR_MAX = 200 };

static inline void sink_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t sink_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Documents lost, whatever the cause. */
static inline uint64_t sink_lost(const struct sink_stats *st)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < SINK_LOSS_MAX; i++)
		n += sink_counter(&st->lost[i]);
	return n;
}

/* Keeps a text for people, escaping control characters. sink_error also counts an error. */
void sink_error(struct sink_stats *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sink_note(struct sink_stats *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Copies the text; it may be torn when the sink's thread writes a new one meanwhile. */
void sink_last_error(const struct sink_stats *st, char out[SINK_ERROR_MAX]);

struct sink {
	const char *name, *help;
	const struct option *opts; /* ends with key NULL */
	size_t cfg_size;
	bool (*wants_text)(const void *cfg); /* uses doc.text; NULL: no */
	bool (*wants)(const void *cfg, const struct doc *d); /* NULL: all. Others are skipped. */
	/* May fail for what never can work (-EBUSY: directory in use, -EINVAL): the agent then does
	 * not start. A destination that is merely down is not a failure. `err`: text for people.
	 * A sink_note during a successful open is a warning, logged once. */
	int (*open)(void **state, const void *cfg, struct sink_stats *st, char *err,
		    size_t err_len);
	/* Takes the documents of b in order and a reference of its own if it keeps any.
	 * 0: taken. -EAGAIN: full or down; the same batch comes again after poll, so that a sink may
	 * take a batch in parts. No other value. Each document it wants is counted once, as
	 * delivered or lost. */
	int (*submit)(void *state, struct batch *b);
	/* Work in flight: acknowledgements, reconnects, rotation. Blocks at most timeout_ms. */
	int (*poll)(void *state, int timeout_ms);
	/* Flush until deadline_ns (CLOCK_MONOTONIC). What is then left may stay uncounted: egress
	 * counts it as SINK_LOSS_TIMEOUT, or under held_by. */
	void (*close)(void *state, uint64_t deadline_ns);
};

extern const struct sink *const sinks[]; /* sinks.def; ends with NULL */
const struct sink *sink_by_name(struct str name);

#endif
