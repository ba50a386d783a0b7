/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * An enricher gives events context. All its calls come from the consumer thread. It asks the
 * world outside the stream (passwd, /proc, /sys/fs/cgroup) only through struct outside, so that
 * a replay gets the same answers at the same places; its clock is the event's.
 *
 * To add one: a file with a `const struct enricher`, a line in enrichers.def, fields in
 * context.def, a test.
 */
#ifndef TOCSIN_ENRICHER_H
#define TOCSIN_ENRICHER_H

#include "enrichers/outside.h"
#include "pipeline/event.h"
#include "pipeline/option.h"

/* A process that runs, as its next event will show it. The texts are the enricher's. */
struct running {
	uint32_t pid;
	uint64_t start_ns, exec_id;
	bool known;	/* executable is what it will be; empty: a kernel thread's */
	bool whole;	/* so are those of its ancestors, all of them */
	uint32_t nnear;
	struct str executable;
	const struct str *near;	/* executables of its nearest ancestors */
	struct str above;	/* LIST: of those above these */
};

typedef void (*running_fn)(void *arg, const struct running *r);

struct enricher {
	const char *name, *help;
	const struct option *opts;	/* ends with key NULL; may be NULL */
	size_t cfg_size;
	int (*open)(void **state, const void *cfg, struct outside *out);
	/* Sets its groups in e->ctx and keeps its tables. Never fails: a miss is an absent field. */
	void (*event)(void *state, struct event *e);
	/* Called after the event was matched and encoded: what the event ends (an exit) goes now. */
	void (*after)(void *state, struct event *e);
	void (*tick)(void *state, uint64_t now_ns);	/* event time, at most once a second; may be NULL */
	/* Calls each for every process that is known to run. May be NULL. */
	void (*running)(void *state, running_fn each, void *arg);
	void (*close)(void *state);
	/* Counters, NULL-terminated names; value i by get. Any thread, relaxed. May be NULL. */
	const char *const *counters;
	uint64_t (*counter)(const void *state, uint32_t i);
};

extern const struct enricher *const enrichers[];	/* enrichers.def, in order of their calls; ends with NULL */

#endif
