/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The parts of a clause: one function for each thing that is done with all of them, so that a new
 * part is a line in each. Used by dnf.c and merge.c.
 */
#ifndef TOCSIN_FILTER_PARTS_H
#define TOCSIN_FILTER_PARTS_H

#include "bpf/filter_abi.h"
#include "pipeline/filter/dnf.h"

/* Bit per part: in which two clauses differ, which to leave out. */
enum clause_part {
	CLAUSE_PATHS = 1 << 0,
	CLAUSE_NOT_PATHS = 1 << 1,
	CLAUSE_PROGRAMS = 1 << 2,
	CLAUSE_UIDS = 1 << 3,
	CLAUSE_REAL_UIDS = 1 << 4,
	CLAUSE_PEERS = 1 << 5,
	CLAUSE_PORTS = 1 << 6,
	CLAUSE_CGROUPS = 1 << 7,
	CLAUSE_FLAGS = 1 << 8,
	CLAUSE_ACCESS = 1 << 9,
	CLAUSE_MODE = 1 << 10,
	CLAUSE_TYPES = 1 << 11,
	CLAUSE_FAMILIES = 1 << 12,
	CLAUSE_VIA = 1 << 13,
	CLAUSE_THREADS = 1 << 14,
	CLAUSE_TRANSPORTS = 1 << 15,
	CLAUSE_OUTCOMES = 1 << 16,
	CLAUSE_UNIX_PATHS = 1 << 17,
	CLAUSE_ALL = (1 << 18) - 1,
};

enum {
	ACCESS_ALL = 0xf,
	TYPES_ALL = (1 << EV_FILETYPE_MAX) - 1,
	FAMILIES_ALL = 1 << EV_FAMILY_IPV4 | 1 << EV_FAMILY_IPV6 | 1 << EV_FAMILY_UNIX,
	FAMILIES_IP = 1 << EV_FAMILY_IPV4 | 1 << EV_FAMILY_IPV6,
	TRANSPORTS_ALL = (1 << EV_TRANSPORT_MAX) - 1,
	VIA_ALL = FILTER_VIA_SYSCALL | FILTER_VIA_IO_URING,
};

uint32_t clause_parts(const struct filter_clause *c);	/* those that it asks */
uint32_t clause_weight(const struct filter_clause *c);	/* how much it tells, no unit */
uint32_t clause_diff(const struct filter_clause *a, const struct filter_clause *b);
uint64_t clause_hash(const struct filter_clause *c, uint32_t without);
/* Leaves out parts: wider. */
void clause_drop(struct filter_clause *c, uint32_t parts);
/* Both: true and *out, or false where nothing fulfils both. */
bool clause_and(struct dnf_ctx *x, const struct filter_clause *a, const struct filter_clause *b,
		struct filter_clause *out);
/* a also for what b wants, where both differ in the one part only. False: it cannot be said. */
bool clause_join(struct dnf_ctx *x, struct filter_clause *a, const struct filter_clause *b,
		 uint32_t part);

#endif
