/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Clauses judged in user space, on an event with its context: what the kernel decides, slowly and
 * plainly. For tests, and for `replay` of what a filter would have kept.
 */
#ifndef TOCSIN_FILTER_EVAL_H
#define TOCSIN_FILTER_EVAL_H

#include "pipeline/filter/derive.h"

/* Is e one that clauses speak of (clause.h)? */
bool filter_is_plain(const struct event *e);
/* Would the kernel send e? scratch: for tests of cgroups by regular expression. */
bool filter_wants(const struct filter *f, struct event *e, struct op_scratch *scratch);

#endif
