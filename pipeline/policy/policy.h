/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policies: what is loaded from files, and the engine that judges events by it.
 * A policy set is immutable once loaded; the engine holds what changes (suppression).
 */
#ifndef TOCSIN_POLICY_H
#define TOCSIN_POLICY_H

#include "pipeline/batch.h"
#include "pipeline/diag.h"
#include "pipeline/event.h"

struct policy_set;
struct rules;

enum { POLICY_DEFINITION_BYTES = 16 };
enum policy_action {
	POLICY_ALERT,
	POLICY_RECORD,
	POLICY_DROP,	/* the event is no record; other policies' alerts stay */
};

/* What the rest of the pipeline may know of a policy. */
struct policy {
	struct str name;		/* [A-Za-z0-9._-]+, unique in the set */
	struct str description;
	struct str tags;		/* LIST */
	struct str file;		/* where it was defined */
	uint32_t line;
	uint32_t kinds;			/* bit per enum ev_kind */
	uint8_t severity;		/* enum severity */
	uint8_t action;			/* enum policy_action */
	uint8_t definition[POLICY_DEFINITION_BYTES]; /* equal: the same policy in every respect */
};

/* Loads files and directories (*.yaml and *.yml, sorted by name, not recursive beyond one level).
 * Problems go to d, all of them. Policies of good files are in *out although another file is bad;
 * a file with any error gives none. 0 even with errors in d; -ENOMEM; -ENOENT when a path that
 * was named is missing, -E2BIG when there is more than a load may have (both also in d). */
int policy_load(struct policy_set **out, const char *const *paths, uint32_t npaths, struct diags *d);
/* The same while `old` is in force: a file with an error, or without a policy where it had some,
 * keeps its version in `old`, with the reason in d; a path that is gone takes its policies away.
 * 0; -EINVAL when such a version does not go with what other files now say; -ENOMEM, -E2BIG. */
int policy_reload(struct policy_set **out, const char *const *paths, uint32_t npaths,
		  const struct policy_set *old, struct diags *d);
/* The same as policy_load from one text: tests and fuzzing. */
int policy_load_text(struct policy_set **out, const char *file, struct str text, struct diags *d);
void policy_free(struct policy_set *s);

uint32_t policy_count(const struct policy_set *s);
const struct policy *policy_at(const struct policy_set *s, uint32_t i);
uint32_t policy_kinds(const struct policy_set *s);		/* union of kinds, bit per enum ev_kind */
bool policy_wants_failed_opens(const struct policy_set *s);	/* a file.open policy can hold for a failed open */
const struct rules *policy_rules(const struct policy_set *s);	/* rules.h: for the kernel filter */
const struct policy *policy_of_rule(const struct policy_set *s, uint32_t rule);	/* by rule_source.policy */
/* The next file of values that the set was made of, from *at on, 0 at first; NULL past the last. */
const char *policy_values_file(const struct policy_set *s, uint32_t *at);
struct str policy_digest(const struct policy_set *s);		/* hex SHA-256 or the like over names and texts */

/* An event that led to an alert: what its document says of it. */
struct evidence {
	struct str json;	/* what comes behind {"event":{"id":"…" */
	uint64_t seq;
	uint32_t cpu, kind;
};

enum {
	EVIDENCE_MAX = 8,
	EVIDENCE_BYTES = 4096,	/* of the json of one, at most */
};

/* What a sequence or a threshold tells of its window. */
struct window_report {
	uint64_t start_ns;	/* of the first event */
	uint32_t count;		/* threshold: events or distinct values; 0: a sequence */
	bool lower_bound;	/* events of the window were forgotten for want of memory */
	uint32_t nevidence;
	struct evidence evidence[EVIDENCE_MAX];	/* before the alert's own event, oldest first */
};

/* Alerts that were held back, and of which no later alert of their key tells. */
struct held_report {
	uint64_t first_ns, last_ns;	/* of the alerts, in event time */
	uint64_t until_ns;		/* when their time is over */
	struct str key;			/* JSON: [{"field":"user.id","value":0}]; empty: none, or no room */
};

/* Are texts and expressions looked for by Hyperscan on this machine (scan.h)? Else policies work and
 * cost more. */
bool policy_one_pass(void);
/* The n-th policy, from 0 on, that no value finds (index.h): it is asked of every event of the kind,
 * or of all that have a certain field. UINT32_MAX past the last. */
uint32_t policy_always(const struct policy_set *s, uint32_t kind, uint32_t n);

/* A match, valid until the next event. */
struct match {
	const struct policy *policy;
	struct str message;	/* arena; template filled, safe text (no control characters, UTF-8) */
	struct str matched;	/* arena; JSON array: [{"condition":"file.path = \"/etc/shadow\"","value":"/etc/shadow"}] */
	uint64_t suppressed;	/* alerts held back under this key since the last one sent */
	const struct window_report *window;	/* NULL: a policy without one */
	const struct held_report *held;	/* NULL: an alert; else it tells of `suppressed` others, and what it
					 * is about is the first of them */
	struct event *event;	/* what it is about; NULL: the event that was judged */
	uint64_t time_ns;	/* of the alert; 0: that of the event */
};

struct policy_engine;

enum { POLICY_WINDOW_BYTES = 64 << 20 };	/* where nothing else is said */

int policy_engine_new(struct policy_engine **out, const struct policy_set *s);
/* The same with so many bytes, about, for the windows of sequences and thresholds. */
int policy_engine_new_with(struct policy_engine **out, const struct policy_set *s, uint64_t window_bytes);
void policy_engine_free(struct policy_engine *p);
/* Judges one enriched event. Returns the number of matches to report (those suppressed are
 * counted, not returned) and points *m to them; they and their strings last until the next call
 * or arena reset. Suppression runs on the event's time. Does not allocate. */
uint32_t policy_match(struct policy_engine *p, struct event *e, const struct match **m);

/* A policy of which a rule held for the event that policy_match judged last: one that matched, was
 * held back, or took the event for its window. Policies that drop want nothing. NULL: none. */
const struct policy *policy_wanted_by(const struct policy_engine *p);

/* What did not happen in time, and what was held back in a time that is over: call until false, with
 * the time of an event before it is judged, and when time passes without events. The match is about
 * an event of before (m->event, in the arena) and lasts as those of policy_match. */
bool policy_due(struct policy_engine *p, uint64_t now_ns, struct arena *a, const struct match **m);
/* The same for a stream that ended at end_ns: nothing that is late can come any more, and all that
 * is held back is told. */
bool policy_end(struct policy_engine *p, uint64_t end_ns, struct arena *a, const struct match **m);
/* Before this time policy_due has nothing; UINT64_MAX: nothing waits. */
uint64_t policy_next_due(const struct policy_engine *p);
/* An engine that shares windows with p judged an event: policy_next_due is to be looked up. */
void policy_look_due(struct policy_engine *p);
/* After a reload: p, which has judged nothing yet, goes on where `old` is. They share from now on
 * what suppression remembers, by policy name (and what it held back of policies that are gone), and
 * the windows of policies that mean the same; old may judge on, in the same thread. */
void policy_engine_adopt(struct policy_engine *p, const struct policy_engine *old);

struct policy_window_stats {
	const struct policy *policy;
	uint64_t states;	/* keys with a state */
	uint64_t evicted;	/* states forgotten before their time, for want of memory */
	uint64_t bytes;		/* of memory, at most */
};
/* The i-th policy with a window; false past the last. Any thread. */
bool policy_window_stats(const struct policy_engine *p, uint32_t i, struct policy_window_stats *out);

struct policy_stats {
	uint64_t events, evaluated, matches, suppressed, suppression_full;
	uint64_t regex_limits;		/* regular expressions given up at their limit: not found */
};
struct policy_stats policy_engine_stats(const struct policy_engine *p);
/* All members are counts. */
void policy_stats_add(struct policy_stats *to, struct policy_stats more);

#endif
