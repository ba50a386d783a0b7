/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What of this machine matters to the agent, for `tocsin doctor`.
 */
#ifndef TOCSIN_MACHINE_H
#define TOCSIN_MACHINE_H

#include <stdint.h>

enum fact_state {
	FACT_OK,
	FACT_NOTE,	/* works, with less */
	FACT_LACK,	/* something cannot work */
	FACT_STATE_MAX
};

struct fact {
	const char *name;
	uint8_t state;		/* enum fact_state */
	char text[200];
};

enum { FACTS_MAX = 16 };

uint32_t machine_facts(struct fact out[FACTS_MAX]);	/* how many */

#endif
