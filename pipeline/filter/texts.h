/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns of clauses as what an automaton can find.
 */
#ifndef TOCSIN_FILTER_TEXTS_H
#define TOCSIN_FILTER_TEXTS_H

#include "pipeline/filter/automaton.h"
#include "pipeline/filter/clause.h"

struct texts {
	struct automaton *automaton;
	uint64_t base;	/* bits of patterns that fit every text */
	uint32_t cut;	/* longest text that is kept whole; 0: no limit */
	bool fold;
};

/* Bits for the texts that p fits, and perhaps for others. 0, -ENOMEM or -E2BIG. */
int texts_add(struct texts *t, const struct filter_pattern *p, uint64_t bits);
/* Would texts_add set the bits for no other text? */
bool texts_exact(const struct texts *t, const struct filter_pattern *p);

#endif
