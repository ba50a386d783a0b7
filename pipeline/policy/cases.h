/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tests that policies carry: events that must raise the policy, and events that must not. They
 * are read and checked with the policy, and run by `tocsin policy test`.
 */
#ifndef TOCSIN_POLICY_CASES_H
#define TOCSIN_POLICY_CASES_H

#include "pipeline/compose.h"
#include "pipeline/policy/set.h"
#include "pipeline/yaml.h"

enum {
	CASES_MAX = 1000, /* of a policy, with those of its overrides */
	CASE_EVENTS_MAX = 1000, /* of a case */
	CASE_REPEAT_MAX = 100000,
	CASE_VALUES_MAX = 256, /* of an event */
};

/* What an event has in one field. */
struct case_value {
	struct str path;
	const struct str *items;
	uint32_t nitems;
	bool list;
	uint32_t line, column;
};

struct case_event {
	const struct event_kind *kind;
	uint64_t at_ns; /* after the beginning of the case */
	uint32_t repeat; /* so many, a millisecond apart; 0: one, in which %n is no number */
	const struct case_value *values;
	uint32_t nvalues;
	uint32_t line, column;
};

struct policy_case {
	struct str name; /* empty: none */
	const char *file;
	uint32_t line, column;
	bool raises;
	struct case_event *events;
	uint32_t nevents;
};

/* How events are read from YAML. */
struct case_reader {
	const char *file;
	struct pool *pool; /* of what is read */
	struct diags *d;
	struct compose *compose; /* to try the events in; case_read_all makes it where it is NULL. The caller's */
	const struct event_kind *only; /* of an event that says no kind; NULL: it must */
	bool no_memory;
};

/* An event: a map of field paths, dotted or nested, to values; `on` is its kind, `at` a time,
 * `repeat` a number, and `program`, `parent`, `command` stand for the fields that go with them.
 * False after a report. */
bool case_read_event(struct case_reader *r, const struct yaml_node *n, struct case_event *out);
/* The key `tests` of a policy, appended to p's cases. */
void case_read_all(struct case_reader *r, const struct yaml_node *n, struct policy_def *p);

/* Event number `number` (from 1) of those it stands for, at its time; NULL: *bad is the value it
 * cannot have, or NULL, and the reason is in c->why. */
struct event *case_compose(struct compose *c, const struct case_event *e, uint32_t number,
			   const struct case_value **bad);

/* Judges the events of a case by the whole set, and says whether its policy did as it should. why
 * gets lines for people: what decided, where it did not. 0 or -ENOMEM. */
int case_run(const struct policy_set *s, uint32_t policy, const struct policy_case *c, bool *passed,
	     struct buf *why);

#endif
