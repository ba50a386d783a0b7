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

/* What an event is, for filter_tables_wants: the programs see the same. */
struct filter_event {
	uint32_t kind;		/* enum ev_kind */
	const char *path;	/* file.path, whole, file.open */
	const struct ev_ip *peer;	/* network.*; family 0: none */
	bool peer_unknown;	/* there is one, but nobody knows it */
	struct filter_facts *facts;	/* the rest; its mask is filled */
};

/* The block's own answer, computed in user space. */
bool filter_tables_wants(const void *block, size_t bytes, const struct filter_event *e);
/* Mask of a path of a file (program false) or marks of a program. */
uint64_t filter_tables_mask(const void *block, size_t bytes, bool program, const char *path);
/* The signature under which the programs keep the mask of a file's path. */
uint64_t filter_tables_signature(const void *block, const char *path);

#endif
