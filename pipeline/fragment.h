/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Fragments: the part of a document that tells who acted (process, parent, user, host, cgroup) is
 * the same text for every event of a thread until one of them changes, and most of the bytes. It
 * is kept and copied.
 *
 * Bounded, made once; a fragment that meets another in its slot replaces it. Consumer thread.
 */
#ifndef TOCSIN_FRAGMENT_H
#define TOCSIN_FRAGMENT_H

#include "pipeline/event.h"
#include "pipeline/plan.h"

enum { FRAGMENT_ROOM = 2000, FRAGMENT_SLOTS = 512 };

/* All that the text depends on, beside the steps themselves. */
struct fragment_key {
	char header[PLAN_STABLE_LEN];
	struct ev_comm comm;
	uint32_t hash;
	uint64_t version[CTX_MAX];
};

struct fragment {
	struct fragment_key key;
	uint32_t number; /* of its steps, from 1; 0: free */
	uint32_t len;
	bool encoded; /* a byte had to be encoded */
	struct span spans[SPAN_MAX]; /* from the start of the text */
	char text[FRAGMENT_ROOM];
};

/* Fills the key of an event. False: one of its contexts has no version, keep nothing of it. */
bool fragment_key(struct fragment_key *k, const struct event *e);
/* The slot of these steps for this key, whatever is in it. */
struct fragment *fragment_slot(struct fragment *slots, uint32_t number,
			       const struct fragment_key *k);
bool fragment_fits(const struct fragment *f, uint32_t number, const struct fragment_key *k);

#endif
