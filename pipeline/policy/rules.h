/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The representation that the matcher runs. For each event kind: the fields its policies look at
 * (slots), the different tests of them (predicates, shared by all rules), and rules. A rule is a
 * branching program: each step asks one predicate and goes on to another step or to the answer,
 * so that `and` and `or` stop early and `not` costs nothing.
 * Built at load by rules_add from checked conditions and sealed; constant afterwards.
 */
#ifndef TOCSIN_POLICY_RULES_H
#define TOCSIN_POLICY_RULES_H

#include "pipeline/policy/cond.h"

enum { STEP_FALSE = 0xfffe, STEP_TRUE = 0xffff, STEPS_MAX = 0xfff0 };

struct pred {
	const struct operand *operand;
	uint32_t slot;		/* of the field, in kind_rules.slots */
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

enum { GATE_NONE = UINT32_MAX };

struct rule {
	uint32_t policy;	/* the caller's number */
	uint32_t gate;		/* predicate without which it cannot hold: its first; or GATE_NONE */
	uint32_t next;		/* first rule after it with another gate; set by rules_seal */
	uint32_t steps;		/* first of its steps in kind_rules.steps */
	uint16_t entry;		/* STEP_TRUE where it always holds */
	uint16_t nsteps;
	uint32_t leaves, nleaves;	/* in kind_rules.leaves, in the order of the source */
};

struct kind_rules {
	struct pred *preds;
	const struct field **slots;
	struct step *steps;
	struct leaf *leaves;
	struct rule *rules;
	uint32_t npreds, nslots, nsteps, nleaves, nrules;
	uint32_t *index;	/* hash table of 1 + predicate while building */
	uint32_t index_size;
};

/* Zeroed before its first use; predicates point into it, so it stays where it is. */
struct rules {
	struct kind_rules kinds[EV_MAX];
	struct operand not_failed;	/* of the test that file.open rules get, see rules_add */
	uint64_t failure;
};

/* One more rule for each kind: `where` and none of the exceptions. Conditions must have passed
 * cond_check for these kinds; their pool must outlive the rules. Kinds on which it can never
 * hold get none. On file.open a rule whose `where` says nothing of event.outcome, error.code or
 * file.requested_path is for opens that succeeded: it also asks event.outcome != "failure". 0, -ENOMEM, or -E2BIG when it needs more than STEPS_MAX steps. */
int rules_add(struct rules *r, uint32_t kinds, const struct cond *where,
	      const struct cond *const *exceptions, uint32_t nexceptions, uint32_t policy);
/* Once all are in: puts rules with one gate side by side, so that one look passes over them all. */
void rules_seal(struct rules *r);
/* Can a rule hold for a file.open whose event.outcome is failure? */
bool rules_want_failed_opens(const struct rules *r);
void rules_free(struct rules *r);

#endif
