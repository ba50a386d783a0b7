/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The alerts of a stream as text, a line each: two engines that judged the same give the same.
 */
#ifndef TOCSIN_TEST_ALERTS_H
#define TOCSIN_TEST_ALERTS_H

#include "pipeline/policy/policy.h"

/* Appends what the event raises. Returns the number of matches. */
uint32_t alerts_match(struct buf *b, struct policy_engine *p, struct event *e);
/* Appends what did not happen by then. */
void alerts_due(struct buf *b, struct policy_engine *p, uint64_t now_ns, struct arena *a);
/* The same of a stream that ended then. */
void alerts_end(struct buf *b, struct policy_engine *p, uint64_t end_ns, struct arena *a);

#endif
