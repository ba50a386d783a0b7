/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The statistics of a run or replay, for people and as JSON. Main thread, once the consumer's
 * thread has ended and the outputs are stopped; but for stats_line, at any time.
 */
#ifndef TOCSIN_STATS_H
#define TOCSIN_STATS_H

#include "pipeline/consumer.h"
#include "pipeline/filtering.h"
#include "probes/probe.h"

struct stats_source {
	const struct consumer *consumer;
	const struct egress *egress;
	const struct probe_set *set; /* NULL: a replay */
	const struct filtering *filtering; /* looked at where set is there */
	uint64_t run_ns; /* how long it ran */
};

/* One line of the run so far: events, losses, documents, and what each output did with them. */
void stats_line(const struct stats_source *s, FILE *f);
void stats_print(const struct stats_source *s, FILE *f);
/* 0, or negative errno. The file is replaced whole (replace.h). */
int stats_write_json(const struct stats_source *s, const char *path);

#endif
