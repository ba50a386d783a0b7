/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The representation that the matcher runs. For each event kind: the terms its policies look at
 * (slots: fields and what is made of them), the different tests of them (predicates, shared by all
 * rules), and rules. A rule is a branching program: each step asks one predicate and goes on to
 * another step or to the answer, so that `and` and `or` stop early and `not` costs nothing. An
 * index finds the rules that an event may make hold (index.h).
 * Built at load by rules_add from checked conditions and sealed; constant afterwards.
 */
#ifndef TOCSIN_POLICY_RULES_H
#define TOCSIN_POLICY_RULES_H

#include "pipeline/policy/index/access.h"
#include "pipeline/policy/strmap.h"

enum { STEP_FALSE = 0xfffe, STEP_TRUE = 0xffff, STEPS_MAX = 0xfff0 };

enum { SLOT_NONE = UINT32_MAX };

/* What is fetched at most once an event. */
struct slot_term {
	const struct field *field;	/* class, names of its values; path is the key for people */
	struct term_code *code;		/* NULL: the field itself */
	struct str key;
	bool of_path;			/* absent where file.path is */
};

struct pred {
	const struct operand *operand;
	uint32_t slot;		/* of the left term, in kind_rules.slots */
	uint32_t right;		/* slot of the right term, for op_pair; SLOT_NONE: literals */
};

struct step {
	uint32_t pred;
	uint16_t yes, no;	/* index of a step of the same rule, or STEP_TRUE, STEP_FALSE */
};

/* A test under an even number of nots: what an alert may give as a reason. */
struct leaf {
	uint32_t pred;
	uint32_t at;
	struct str source;
};

struct index;

struct rule {
	uint32_t policy;	/* the caller's number */
	uint32_t access;	/* its condition in kind_rules.access, until rules_seal */
	uint32_t steps;		/* first of its steps in kind_rules.steps */
	uint16_t entry;		/* STEP_TRUE where it always holds */
	uint16_t nsteps;
	uint32_t leaves, nleaves;	/* in kind_rules.leaves, in the order of the source */
};

struct kind_rules {
	struct pred *preds;
	struct slot_term *slots;
	struct step *steps;
	struct leaf *leaves;
	struct rule *rules;
	uint32_t npreds, nslots, nsteps, nleaves, nrules;
	uint32_t *index;	/* hash table of 1 + predicate while building */
	uint32_t index_size;
	struct strmap slot_places;	/* by key: 1 + slot; likewise */
	uint32_t last_slot;	/* that was asked for; likewise */
	struct access access;	/* while building */
	struct index *lookup;	/* set by rules_seal; NULL: no rules */
};

/* What a rule was made of, whole: the kernel filter is derived from it. */
struct rule_source {
	uint32_t kinds;		/* bit per enum ev_kind */
	uint32_t policy;	/* the caller's number */
	const struct cond *where;
	const struct cond *const *exceptions;
	uint32_t nexceptions;
};

/* Zeroed before its first use; predicates point into it, so it stays where it is. */
struct rules {
	struct kind_rules kinds[EV_MAX];
	struct rule_source *sources;	/* in the order they were added */
	uint32_t nsources;
	struct operand not_failed;	/* of the test that file.open rules get, see rules_add */
	struct term outcome;		/* its term */
	uint64_t failure;
};

/* One more rule for each kind: `where` and none of the exceptions. Conditions must have passed
 * cond_check for these kinds; they, the array and their pool must outlive the rules. Kinds on which it can never
 * hold get none. On file.open a rule whose `where` says nothing of event.outcome, error.code or
 * file.requested_path is for opens that succeeded: it also asks event.outcome != "failure".
 * 0, -ENOMEM, or -E2BIG when it needs more than STEPS_MAX steps. */
int rules_add(struct rules *r, uint32_t kinds, const struct cond *where,
	      const struct cond *const *exceptions, uint32_t nexceptions, uint32_t policy);
/* The field event.outcome where rules_add also asks it, else NULL. */
const struct field *rules_implied_outcome(const struct event_kind *kind, const struct cond *where);
/* Once all are in: makes the index. 0 or -ENOMEM. */
int rules_seal(struct rules *r);
/* Can a rule of a policy that tells hold for a file.open whose event.outcome is failure? */
bool rules_want_failed_opens(const struct rules *r,
			     bool (*tells)(const void *arg, uint32_t policy), const void *arg);
void rules_free(struct rules *r);

/* The value of a slot's term in an event of its kind. False: it has none. */
static inline bool slot_get(const struct slot_term *s, struct event *e, struct value *v)
{
	return s->code ? term_eval(s->code, e, v) : event_get(e, s->field, v);
}

#endif
