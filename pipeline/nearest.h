/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The word somebody may have meant, for error texts.
 */
#ifndef TOCSIN_NEAREST_H
#define TOCSIN_NEAREST_H

#include "pipeline/str.h"

struct nearest {
	struct str word;	/* what was written */
	const char *best;	/* nearest so far; NULL: none is near */
	uint32_t distance;
};

void nearest_offer(struct nearest *n, const char *candidate);	/* NULL is passed over */

#endif
