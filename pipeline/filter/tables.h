/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Clauses into the tables that the kernel filter's programs look up (bpf/filter_abi.h).
 *
 * It always succeeds but for memory: what has no room is over-approximated (patterns cut short,
 * parts of clauses left out, in the end whole kinds wanted), and the report says so. One thread.
 */
#ifndef TOCSIN_FILTER_TABLES_H
#define TOCSIN_FILTER_TABLES_H

#include <linux/types.h>

#include "bpf/filter_abi.h"
#include "pipeline/filter/clause.h"

struct filter_request {
	struct filter_clauses kinds[EV_MAX];	/* of kinds that can be filtered: file.open, network.* */
	uint8_t mode;				/* enum filter_mode */
	uint32_t generation;
	size_t max_bytes;			/* of the block: a power of two, FILTER_BYTES_MIN to _MAX */
};

struct filter_report {
	size_t bytes;		/* used of the block */
	uint32_t states;	/* of the automata */
	uint32_t cut;		/* patterns are cut to so many bytes; 0: none is */
	uint32_t joins;		/* different conditions besides path and address */
	uint32_t relaxed;	/* clauses of which a part was left out, for room */
	uint64_t all;		/* kinds of which every event is wanted, bit per enum ev_kind */
};

/* block: max_bytes, to be freed by the caller. 0 or -ENOMEM. report may be NULL. */
int filter_tables_make(void **block, const struct filter_request *req, struct filter_report *report);

#endif
