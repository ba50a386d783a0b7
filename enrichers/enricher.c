/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The list of enrichers, from enrichers.def.
 */
#include "enrichers/enricher.h"

#define ENRICHER(name) extern const struct enricher enricher_##name;
#include "enrichers/enrichers.def"
#undef ENRICHER

const struct enricher *const enrichers[] = {
#define ENRICHER(name) &enricher_##name,
#include "enrichers/enrichers.def"
#undef ENRICHER
	NULL,
};
