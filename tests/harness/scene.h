/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A full context for events in tests: what the enrichers would give for cat, run by root from a
 * shell in a container.
 */
#ifndef TOCSIN_TEST_SCENE_H
#define TOCSIN_TEST_SCENE_H

#include "pipeline/policy/policy.h"

/* Points all groups of e but DOC to constant structs. */
void scene_set(struct event *e);
/* A match of the policy "shadow-read", severity high, two tags. Constant. */
const struct match *scene_match(void);

#endif
