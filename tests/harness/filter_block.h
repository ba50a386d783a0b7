/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The tables of a filter, asked about an event with its context as the programs ask about what they
 * see.
 */
#ifndef TOCSIN_TEST_FILTER_BLOCK_H
#define TOCSIN_TEST_FILTER_BLOCK_H

#include "pipeline/filter/derive.h"
#include "pipeline/filter/tables.h"

/* The block, of so many bytes, for all kinds that are filtered; the caller frees it. Aborts when out
 * of memory. report may be NULL. */
void *filter_block_of(const struct filter *f, size_t bytes, struct filter_report *report);
bool filter_block_wants(const void *block, size_t bytes, const struct filter *f, struct event *e,
			struct op_scratch *scratch);

#endif
