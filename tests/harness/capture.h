/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A sink that keeps the JSON of all documents it gets, in order, and a consumer that feeds it.
 */
#ifndef TOCSIN_TEST_CAPTURE_H
#define TOCSIN_TEST_CAPTURE_H

#include "pipeline/consumer.h"

struct capture {
	struct buf json; /* NDJSON; read it only after capture_stop */
	uint32_t batches;
	struct sink_stats *stats;
	struct egress *egress;
	struct policy_set *policies;
	void **enricher_cfg;
	struct consumer *consumer;
};

struct capture_cfg {
	const char *policies; /* YAML; NULL: none */
	uint64_t record_kinds;
	uint64_t latency_ns;
	struct outside *outside; /* NULL: one that knows nothing */
	struct save *save;
	bool no_sink; /* documents go nowhere, and no thread is started */
};

/* Aborts when something cannot be made. The host enricher is given fixed names. */
struct capture *capture_start(const struct capture_cfg *cfg);
/* Another consumer in the place of the one there is: policies and sink stay. */
void capture_restart(struct capture *c, const struct capture_cfg *cfg);
/* Flushes, stops the outputs. The JSON ends in NUL. */
const char *capture_stop(struct capture *c);
void capture_free(struct capture *c);

#endif
