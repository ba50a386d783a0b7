/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The windows of a policy set at work: between the matcher, which says which steps an event
 * passes, and the state machines (window.h). Makes keys of fields and processes, keeps of each
 * event what an alert will tell, and turns what is complete into a match. Consumer thread.
 */
#ifndef TOCSIN_POLICY_WINDOWS_H
#define TOCSIN_POLICY_WINDOWS_H

#include "pipeline/policy/set.h"

struct windows;

/* What a complete window makes. Memory of the event's arena. */
struct window_alert {
	uint32_t policy;
	const struct rule *rule; /* the step that completed it; NULL: a step did not happen in time */
	struct event *event; /* what the alert is about; with rule NULL an earlier one, restored */
	struct match match; /* without policy and suppressed; matched is empty with a rule */
};

/* explain: which tests of a rule held in the event being judged. bytes: of memory, about, over
 * all. 0, -ENOMEM. */
int windows_new(struct windows **out, const struct policy_set *s, uint64_t bytes,
		struct str (*explain)(void *arg, const struct rule *r), void *arg);
void windows_free(struct windows *w);

/* The event being judged passes a step. */
void windows_hold(struct windows *w, const struct rule *r);
/* Once all are known: feeds them. True: an alert; again until false. */
bool windows_feed(struct windows *w, struct event *e, struct window_alert *out);
/* Windows that end without a step by now_ns, in the order of their ends. */
bool windows_due(struct windows *w, uint64_t now_ns, struct arena *a, struct window_alert *out);
/* Not before this is there one, as far as w was fed; UINT64_MAX: nothing waits. */
uint64_t windows_next_due(const struct windows *w);
/* Looks it up, after others fed what w shares with them. */
void windows_look_due(struct windows *w);

/* Shares from now on the state of those windows of `from` that mean the same; before any event
 * was fed to w. `from` may go on. */
void windows_adopt(struct windows *w, const struct windows *from);
/* The i-th window; false past the last. */
bool windows_stats(const struct windows *w, uint32_t i, struct policy_window_stats *out);

#endif
