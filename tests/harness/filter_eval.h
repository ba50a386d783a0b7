/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Clauses judged in user space, on an event with its context: what the kernel decides, slowly and
 * plainly.
 */
#ifndef TOCSIN_TEST_FILTER_EVAL_H
#define TOCSIN_TEST_FILTER_EVAL_H

#include "pipeline/filter/derive.h"

/* Is e one that clauses speak of (clause.h)? */
bool filter_is_plain(const struct event *e);
/* Would the kernel send e? scratch: for tests of cgroups by regular expression. */
bool filter_wants(const struct filter *f, struct event *e, struct op_scratch *scratch);
/* Is ip in the network? An IPv4 address mapped into IPv6 is IPv4. */
bool net_holds(const struct filter_net *n, const struct ev_ip *ip);

#endif
