/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a policy means, as a number: equal for policies that judge alike and say the same, however
 * they are written and wherever. A reload compares it, and keeps what a policy remembers.
 */
#ifndef TOCSIN_POLICY_DEFINITION_H
#define TOCSIN_POLICY_DEFINITION_H

#include "pipeline/policy/set.h"

/* Fills p->pub.definition and p->window->digest. p is checked. */
void policy_define(struct policy_def *p);

#endif
