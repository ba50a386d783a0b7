/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Random policies over all fields and operators, and random events that they often match: texts
 * of both come from few words. The same seed (TOCSIN_SEED, else a fixed one) gives the same run.
 */
#ifndef TOCSIN_TEST_POLICYMAKER_H
#define TOCSIN_TEST_POLICYMAKER_H

#include "pipeline/policy/ops.h"
#include "tests/harness/made.h"

struct policymaker;

struct policymaker *policymaker_new(void);	/* aborts when out of memory */
void policymaker_free(struct policymaker *p);
uint64_t policymaker_seed(const struct policymaker *p);
struct op_scratch *policymaker_scratch(struct policymaker *p);
uint32_t policymaker_below(struct policymaker *p, uint32_t n);

/* From now on texts of policies are often those that this event's fields have. */
void policymaker_learn(struct policymaker *p, struct event *e);
/* A policy file of n policies on file.open, network.connect, network.accept, or two of them. */
void policymaker_policies(struct policymaker *p, struct buf *b, uint32_t n);
/* An event of one of these kinds, as the kernel and the enrichers would make it. */
struct made *policymaker_event(struct policymaker *p);
/* Its fields as text, for a failed test. */
const char *policymaker_describe(struct made *m);

#endif
