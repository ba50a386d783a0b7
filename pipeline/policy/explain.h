/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Why a policy does or does not hold for an event: its conditions asked one by one, as they stand
 * in the tree that the rules were made of, each with what it found in the event. Nothing is
 * shared with the matcher but the operators and terms, so it is slow and tells all. For people;
 * allocates.
 */
#ifndef TOCSIN_POLICY_EXPLAIN_H
#define TOCSIN_POLICY_EXPLAIN_H

#include "pipeline/policy/set.h"

enum explain_what {
	EXPLAIN_ON, /* the event's kind is one that the policy is about */
	EXPLAIN_SCOPE, /* kids[0] is the condition, as of the next two */
	EXPLAIN_WHERE,
	EXPLAIN_EXCEPTION, /* one that holds keeps the policy from holding */
	EXPLAIN_OPENED, /* policies that say nothing of failed opens are about others */
	EXPLAIN_AND,
	EXPLAIN_OR,
	EXPLAIN_NOT,
	EXPLAIN_TEST,
};

enum explain_outcome { EXPLAIN_FAILED, EXPLAIN_HELD, EXPLAIN_ABSENT };

struct explain_node {
	uint8_t what, outcome; /* ABSENT: a TEST whose field the event has not, and so it does not hold */
	bool decisive; /* the outcome of the whole rests on it */
	struct str text; /* TEST: the condition, macros and lists as what they stand for; EXCEPTION: its name */
	uint32_t number; /* EXCEPTION: from 1 */
	struct str value, other; /* TEST: JSON of what was found; of the second field */
	struct str absent; /* TEST: what the event lacks */
	bool left_out; /* which a record does not have, and the alert or the exec does */
	struct explain_node **kids;
	uint32_t nkids;
};

/* A policy is one part; a sequence has one for each step. */
struct explain_part {
	struct str name; /* of a step; empty */
	bool negated; /* a step that must not happen */
	bool held; /* all of it: on, scope, where, and no exception */
	struct explain_node **nodes;
	uint32_t nnodes;
};

struct explanation {
	const struct policy_def *def;
	struct event *e;
	struct explain_part *parts;
	uint32_t nparts;
	struct pool pool;
};

/* The policy of the set with that name; UINT32_MAX: none. */
uint32_t policy_find(const struct policy_set *s, struct str name);
/* Does the document that the event was read from never have this field? */
typedef bool explain_lacks(const struct event_kind *k, const struct field *f);

/* lacks: NULL where nothing is left out. 0 or -ENOMEM. */
int policy_explain(struct explanation *out, const struct policy_set *s, uint32_t policy,
		   struct event *e, explain_lacks *lacks);
void explanation_free(struct explanation *x);

/* Appends lines for people, each after the indent; decisive: those alone that decided. */
void explain_text(struct buf *b, const struct explanation *x, const char *indent, bool decisive);
/* Appends the members of a JSON object: "held":…,"parts":[…]. */
void explain_json(struct buf *b, const struct explanation *x);
/* "shadow-read holds for this file.open", in words that suit windows too; and which exception holds
 * where nothing else keeps it from holding. */
void explain_verdict(struct buf *b, const struct explanation *x);
bool explain_held(const struct explanation *x); /* any part */

#endif
