/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Clauses of the kernel filter as text: " path:=/a|^/b not:$c self:/=sh ruid:0-0 access:a". Patterns
 * begin with what they are (= whole, ^ prefix, $ suffix, ~ contained, * glob), with a / before it
 * when they are about the name, and an i behind when case does not matter; masks are hexadecimal.
 */
#ifndef TOCSIN_TEST_CLAUSETEXT_H
#define TOCSIN_TEST_CLAUSETEXT_H

#include "pipeline/filter/clause.h"

void clause_text(struct buf *b, const struct filter_clause *c);
void clauses_text(struct buf *b, struct filter_clauses c);	/* each in [ ]; ends in NUL */

#endif
