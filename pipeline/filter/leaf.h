/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One test of a condition as the kernel can decide it. A field is a row in leaf.c with the
 * function that reads tests of it, an operator a row with the pattern that it is; what has no row
 * is "maybe".
 */
#ifndef TOCSIN_FILTER_LEAF_H
#define TOCSIN_FILTER_LEAF_H

#include "pipeline/filter/dnf.h"
#include "pipeline/policy/cond.h"

enum { FILTER_CGROUP_SETS = 32 };

/* The cgroups of which a test holds. */
struct filter_cgroup_set {
	const struct field *field;	/* of CTX_CGROUP */
	const struct operand *operand;
};

struct leaf_ctx {
	struct dnf_ctx *x;
	uint32_t kind;	/* EV_OPEN, EV_CONNECT, EV_ACCEPT */
	struct filter_cgroup_set *sets;	/* FILTER_CGROUP_SETS of them */
	uint32_t *nsets;
	const char *why;	/* set where the answer is "maybe": why, as a sentence without its subject */
};

/* What of the plain events of the kind (clause.h) can make the test, or its negation, hold. The
 * test must have passed cond_check; operands and texts of the clauses are the test's. */
struct dnf leaf_derive(struct leaf_ctx *l, const struct cond *test, bool negated);

/* How the kernel decides an operator on texts, in words; NULL: the operator has no row. */
const char *leaf_op_help(enum op_id op);

#endif
