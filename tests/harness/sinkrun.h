/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Runs one sink without egress, in the thread of the test: options as text, submit with polls
 * in between, counters.
 */
#ifndef TOCSIN_SINKRUN_H
#define TOCSIN_SINKRUN_H

#include <errno.h>

#include "pipeline/clock.h"
#include "sinks/sink.h"
#include "tests/harness/docs.h"
#include "tests/harness/test.h"

struct sinkrun {
	const struct sink *sink;
	void *cfg, *state;
	struct sink_stats st;
	char err[300];
};

/* 0, or what open gave; then only r->err is of use, and r is closed already. */
static inline int sinkrun_open(struct sinkrun *r, const struct sink *s, const char *options)
{
	int rc;

	*r = (struct sinkrun){ .sink = s };
	r->cfg = calloc(1, s->cfg_size);
	option_defaults(s->opts, r->cfg);
	rc = option_parse_list(s->opts, r->cfg, NULL, NULL, str_of(options), r->err,
			       sizeof(r->err));
	if (!rc)
		rc = s->open(&r->state, r->cfg, &r->st, r->err, sizeof(r->err));
	if (rc) {
		option_free(s->opts, r->cfg);
		free(r->cfg);
	}
	return rc;
}

/* True once all of b is taken; false after ms. */
static inline bool sinkrun_submit(struct sinkrun *r, struct batch *b, int ms)
{
	uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;

	while (r->sink->submit(r->state, b)) {
		if (clock_mono_ns() > until)
			return false;
		r->sink->poll(r->state, 10);
	}
	return true;
}

static inline uint64_t sinkrun_lost(const struct sinkrun *r)
{
	uint64_t n = 0;

	for (int i = 0; i < SINK_LOSS_MAX; i++)
		n += sink_counter(&r->st.lost[i]);
	return n;
}

/* Polls until `docs` are delivered or lost, at most ms. */
static inline bool sinkrun_settle(struct sinkrun *r, uint64_t docs, int ms)
{
	uint64_t until = clock_mono_ns() + (uint64_t)ms * NS_PER_MS;

	while (sink_counter(&r->st.delivered) + sinkrun_lost(r) < docs) {
		if (clock_mono_ns() > until)
			return false;
		r->sink->poll(r->state, 10);
	}
	return true;
}

static inline void sinkrun_close(struct sinkrun *r, int ms)
{
	r->sink->close(r->state, clock_mono_ns() + (uint64_t)ms * NS_PER_MS);
	option_free(r->sink->opts, r->cfg);
	free(r->cfg);
}

/* Publishes `count` documents from number `first` on; all must be taken. */
static inline void sinkrun_send(struct sinkrun *r, uint64_t first, uint32_t count,
				enum doc_kind kind, size_t pad)
{
	struct batch *b = docs_batch(first, count, kind, pad);

	CHECK(sinkrun_submit(r, b, 10000));
	batch_unref(b);
}

#endif
