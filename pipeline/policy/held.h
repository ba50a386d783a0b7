/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What suppression holds back, until it is told of: for each key when, under which values, and the
 * first of the events. Its place is the key's in the table of suppress.h. Memory is fixed, and taken
 * from the system as it is used: where HELD_COPIES_MAX keys wait already, or an event is large, an
 * event is kept without its texts and contexts. Consumer thread.
 */
#ifndef TOCSIN_POLICY_HELD_H
#define TOCSIN_POLICY_HELD_H

#include "pipeline/policy/policy.h"

enum {
	HELD_COPIES_MAX = 512, /* events that are kept whole */
	HELD_COPY_BYTES = 16 << 10, /* one of them, at most */
	HELD_KEY_BYTES = 512,
};

struct held;
struct suppress_item;

/* What is told. All of it lasts until the next held_begin. */
struct held_told {
	struct held_report report;
	struct policy policy; /* name, severity and action alone, from when the first was held back */
	uint64_t id; /* as suppress_item.id */
	struct event *event;
	bool whole; /* with its texts and contexts */
};

int held_new(struct held **out, uint32_t places); /* 0, -ENOMEM */
void held_free(struct held *h); /* NULL is legal */
/* The first alert held back at a place; until_ns: when its time is over. */
void held_begin(struct held *h, uint32_t place, const struct suppress_item *it, uint64_t until_ns);
void held_more(struct held *h, uint32_t place, uint64_t time_ns); /* another one */
/* Nothing waits at this place any more: a later alert tells of it. */
void held_drop(struct held *h, uint32_t place);
/* When the first time is over; UINT64_MAX: nothing waits. */
uint64_t held_next_ns(const struct held *h);
/* Tells of the one whose time is over first, which then waits no more; there must be one. a: for what
 * is looked at of its event. The place. */
uint32_t held_tell(struct held *h, struct arena *a, struct held_told *out);

#endif
