/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Expressions of policies in tests: what holds for an event, and what mistakes are told.
 */
#ifndef TOCSIN_TEST_JUDGE_H
#define TOCSIN_TEST_JUDGE_H

#include "pipeline/diag.h"
#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"

/* The expression, from line 5, column 5 of f.yaml, as the policy t on file.open, process.exec and
 * network.connect. */
struct policy_set *judge_load(const char *expr, struct diags *d);
/* Does it hold for the event? It must load, and say the same twice. */
bool judge(struct made *m, const char *expr);
/* A file.open of /etc/shadow by cat. */
struct made *judge_open(void);
/* Fails unless the mistakes printed begin with want. */
void judge_mistake(const char *file, int line, const char *expr, const char *want);

#define YES(m, expr)                                                                               \
	do {                                                                                       \
		if (!judge(m, expr))                                                               \
			test_fail(__FILE__, __LINE__, "does not hold: %s", expr);                  \
	} while (0)
#define NO(m, expr)                                                                                \
	do {                                                                                       \
		if (judge(m, expr))                                                                \
			test_fail(__FILE__, __LINE__, "holds: %s", expr);                          \
	} while (0)
#define check_mistake(expr, want) judge_mistake(__FILE__, __LINE__, expr, want)

#endif
