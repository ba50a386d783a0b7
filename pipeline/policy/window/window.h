/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Windows: state machines over the events that a policy's conditions let through. A sequence is
 * steps that follow each other within a time, some of which must not happen; a threshold is more
 * than n events, or distinct values, within a time. Each key (who shares a window) has a state of
 * its own. They know keys, times and bytes to keep, and nothing of events, fields or policies.
 *
 * Time is the events'. Order is that of arrival: exact where events come in the order of their
 * time. An event that comes later than one with a later time counts, in a threshold, at its own
 * time in the window that ends at the newest event of its key; in a sequence it follows what
 * came before it. A sequence that ends in a step that must not happen is decided WINDOW_LATE_NS
 * after its end, so that events which are late by less are still heard.
 *
 * Memory is taken once, in window_new. When it is full, the state longest unused goes, counted.
 * Consumer thread; counters may be read by any thread.
 */
#ifndef TOCSIN_POLICY_WINDOW_H
#define TOCSIN_POLICY_WINDOW_H

#include "pipeline/policy/keyhash.h"

enum {
	WINDOW_STEPS_MAX = 8,
	WINDOW_COUNT_MAX = 10000, /* more_than, of events */
	WINDOW_DISTINCT_MAX = 1000, /* more_than, of distinct values */
	WINDOW_KEPT_MAX = 8, /* events told of in an alert, beside its own */
	WINDOW_LATE_NS = 100000000,
	WINDOW_BYTES_MIN = 64 << 10,
	WINDOW_KEEP_BYTES = 128 << 10, /* that are kept of one event, at most */
};

/* The time by_ns after ns; never UINT64_MAX, which stands for never. */
static inline uint64_t window_later(uint64_t ns, uint64_t by_ns)
{
	return ns < UINT64_MAX - 1 - by_ns ? ns + by_ns : UINT64_MAX - 1;
}

enum window_type { WINDOW_SEQUENCE, WINDOW_THRESHOLD };

struct window_cfg {
	uint64_t within_ns;
	uint64_t bytes; /* about so much memory; at least WINDOW_BYTES_MIN */
	uint32_t more_than; /* threshold: 1 to WINDOW_COUNT_MAX or WINDOW_DISTINCT_MAX */
	uint8_t type; /* enum window_type */
	uint8_t nsteps; /* sequence: 2 to WINDOW_STEPS_MAX */
	uint8_t negated; /* sequence: bit per step that must not happen; never the first */
	bool distinct; /* threshold: item.value is counted once */
};

/* One event for a window. */
struct window_item {
	struct key128 key;
	uint64_t time_ns;
	uint64_t value;
	/* What an alert will want to know of it: asked for only when it is kept, and copied. */
	struct str (*keep)(void *arg);
	void *arg;
};

struct window_fired {
	uint64_t time_ns; /* of the last event; of the end of a window in which a step is missing */
	uint64_t start_ns; /* of the first event */
	uint32_t count; /* threshold: events or values; always more_than + 1 */
	bool lower_bound; /* threshold: events of this window were forgotten, there were more */
	uint32_t nkept;
	struct str kept[WINDOW_KEPT_MAX]; /* of the events before the last, oldest first; arena. A
		missing last step: of all events */
};

struct window;

int window_new(struct window **out, const struct window_cfg *cfg); /* 0, -ENOMEM; one reference */
struct window *window_ref(struct window *w); /* any thread, as window_free */
void window_free(struct window *w); /* a reference */

enum window_answer {
	WINDOW_GOES_ON,
	WINDOW_TAKEN, /* all steps that must happen have; its key starts anew */
	WINDOW_FIRED, /* the sequence is complete, *f says it, and its key starts anew */
};

/* False: an event of that time at that step would change nothing, whatever its key, because no sequence has
 * begun that it could go on with. */
bool window_expects(const struct window *w, uint32_t step, uint64_t time_ns);
/* An event passes step `step` of a sequence. For an event that passes several: the last step
 * first, and none after an answer but WINDOW_GOES_ON. */
enum window_answer window_step(struct window *w, uint32_t step, const struct window_item *it,
			       struct arena *a, struct window_fired *f);
/* An event for a threshold. True: it is passed, *f says it, and its key starts anew. */
bool window_count(struct window *w, const struct window_item *it, struct arena *a,
		  struct window_fired *f);
/* Sequences whose last step must not happen: does the oldest undecided one end at now_ns or, events being
 * late, before? Call until false. */
bool window_due(struct window *w, uint64_t now_ns, struct arena *a, struct window_fired *f);
/* When window_due has something at the earliest; UINT64_MAX: nothing waits. */
uint64_t window_next_due(const struct window *w);

struct window_stats {
	uint64_t states; /* keys that have one */
	uint64_t evicted; /* states that were forgotten before their time, for want of room */
};
struct window_stats window_stats(const struct window *w);
uint64_t window_bytes(const struct window *w); /* what window_new took */

#endif
