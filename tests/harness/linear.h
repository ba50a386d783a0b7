/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Judges an event by each rule in turn, without the engine's index and memo: what the engine's
 * answers are compared with.
 */
#ifndef TOCSIN_TEST_LINEAR_H
#define TOCSIN_TEST_LINEAR_H

#include "pipeline/policy/set.h"

/* Does rule i of the event's kind hold? Forgets what lies in the event's arena. */
bool linear_holds(const struct rules *r, uint32_t i, struct event *e, struct op_scratch *scratch);

#endif
