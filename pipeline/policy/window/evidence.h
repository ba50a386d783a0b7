/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What an alert tells of an event that led to it. Long texts are cut, and end in … then: nothing that
 * a name holds makes the rest of it go.
 */
#ifndef TOCSIN_POLICY_EVIDENCE_H
#define TOCSIN_POLICY_EVIDENCE_H

#include "pipeline/policy/policy.h"

enum { EVIDENCE_SCRATCH = 3 * EVIDENCE_BYTES }; /* that making it takes */

/* Its JSON behind the id, which the encoder knows: ,"action":…},"@timestamp":… and the closing brace.
 * step: the name of the step that it is; empty: none. Empty where the arena has no room. */
struct str evidence_make(struct event *e, struct str step, struct arena *scratch);

#endif
