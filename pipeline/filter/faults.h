/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What `--filter verify` found: events that the kernel filter would have dropped and that somebody
 * wanted. Each is a mistake of the filter. All are counted, the first ones kept to be told.
 * Consumer thread; printed once that has ended.
 */
#ifndef TOCSIN_FILTER_FAULTS_H
#define TOCSIN_FILTER_FAULTS_H

#include <stdio.h>

#include "pipeline/policy/policy.h"

enum { FILTER_FAULTS_KEPT = 8, FILTER_FAULT_TEXT = 1024 };

struct filter_faults {
	uint32_t kept;
	char texts[FILTER_FAULTS_KEPT][FILTER_FAULT_TEXT];	/* safe to print */
};

/* policy: who wanted it; NULL: it is to be recorded. */
void filter_faults_add(struct filter_faults *f, struct event *e, const struct policy *policy);
void filter_faults_print(const struct filter_faults *f, FILE *out);

#endif
