/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policies of tests, loaded from a text as f.yaml. Functions fail the test on what must not be.
 */
#ifndef TOCSIN_TEST_POLICIES_H
#define TOCSIN_TEST_POLICIES_H

#include "pipeline/diag.h"
#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"

/* A policy for opens of /etc/shadow, with what else it says. */
#define ONE(rest)                                                                                  \
	"policies:\n- name: one\n  on: file.open\n  where: file.path = '/etc/shadow'\n" rest

/* Of a text of which nothing is told; the caller frees it. */
struct policy_set *policies_good(const char *text);
/* want: all that is told of the text, of which no policy is left. */
void policies_bad(const char *text, const char *want);
/* As it is printed; good until the next call. */
const char *policies_told(const struct diags *d);

/* Good policies with their engine; m: what policy_match gives. */
struct matcher {
	struct policy_set *set;
	struct policy_engine *engine;
	const struct match *m;
};

struct matcher matcher_new(const char *text);
void matcher_free(struct matcher *r);

/* An event that ONE holds for: an open of /etc/shadow by cat. */
struct made *policies_event(void);

#endif
