/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a policy set wants of the kernel, as the kernel filter can decide it: for each event kind a
 * list of clauses. An event is wanted when all parts of any clause of its kind hold.
 *
 * Clauses over-approximate: an event that a policy, a window, a record or a sink can want fulfils
 * one; an event that fulfils one may still be wanted by nobody. A part that the kernel cannot
 * decide is left out of its clause, never guessed and never negated. A kind without clauses is
 * wanted by nobody at all; one clause without parts wants every event of the kind.
 *
 * Clauses speak of plain events. The others are few and always wanted, so that nothing need be said
 * of absent fields:
 *   file.open  opens that failed (those cross only where cfg.failed_opens is set), whose outcome is
 *              unknown, or whose path is absent or has a flag other than EV_PATHF_FOREIGN
 *   network.*  a socket of family 4 or 6 without an address of the peer (connect: daddr, accept:
 *              saddr), and any other family but Unix
 * A Unix socket has neither address nor port and fulfils neither `peers` nor `ports`. IPv4 inside
 * IPv6 (::ffff:a.b.c.d) is family 4 with that address.
 * Whoever does not look at a part takes it for fulfilled; that is always safe.
 *
 * derive.h makes clauses from rules; tables.h compiles them into what bpf/filter.h looks up.
 * Clauses and what they point to belong to the pool of their set and are constant once made.
 */
#ifndef TOCSIN_FILTER_CLAUSE_H
#define TOCSIN_FILTER_CLAUSE_H

#include "bpf/event.h"
#include "pipeline/pool.h"

enum filter_pattern_type {
	FILTER_EXACT,	 /* the whole text */
	FILTER_PREFIX,	 /* text begins with it; "" is every text */
	FILTER_SUFFIX,
	FILTER_CONTAINS,
	FILTER_GLOB,	 /* as OP_GLOB: * any bytes, also /; ? one byte; sets */
};

struct filter_pattern {
	struct str text;
	uint8_t type;	/* enum filter_pattern_type */
	bool icase;	/* ASCII letters are equal in both cases */
	bool name;	/* about the last component only, without its / */
};

/* Of a process: what it executes, or what one of its ancestors does. */
enum filter_who { FILTER_SELF, FILTER_ANCESTOR, FILTER_SELF_OR_ANCESTOR };

/* Any of the patterns fits process.executable; negated: of a process whose program is known, none
 * does (only of FILTER_SELF). A process that was not classified yet fulfils both, and so may one
 * whose program has a path with flags (deleted, memfd, detached …) stay. */
struct filter_program {
	const struct filter_pattern *patterns;
	uint32_t npatterns;
	uint8_t who;	/* enum filter_who */
	bool negated;
};

struct filter_range {
	uint64_t lo, hi;	/* both included */
};

struct filter_net {
	uint8_t addr[16];	/* network order; IPv4 in the first four bytes, the rest zero */
	uint8_t family;		/* 4 or 6 */
	uint8_t bits;		/* of the prefix: 0 to 32, 0 to 128 */
};

/* Cgroups are classified in user space: by container id, runtime, cgroup path. A set is known by
 * its number; a cgroup that was not classified yet is in all sets. */
struct filter_cgroups {
	uint32_t set;		/* of struct filter_cgroup_set, by derive.h */
	bool negated;
};

enum filter_via { FILTER_VIA_SYSCALL = 1, FILTER_VIA_IO_URING = 2 };

/* Each part: n is 0 where the clause does not ask it. */
struct filter_clause {
	const struct filter_pattern *paths;	/* any of: file.path of file.open */
	uint32_t npaths;
	const struct filter_pattern *not_paths;	/* none of */
	uint32_t nnot_paths;
	const struct filter_program *programs;	/* all of */
	uint32_t nprograms;
	const struct filter_pattern *threads;	/* any of: process.thread.name */
	uint32_t nthreads;
	const struct filter_range *uids;	/* any of: effective user id, in the kernel's numbers */
	uint32_t nuids;
	const struct filter_range *real_uids;	/* the same of the real user id */
	uint32_t nreal_uids;
	const struct filter_net *peers;		/* any of: destination (connect), source (accept) */
	uint32_t npeers;
	const struct filter_pattern *unix_paths;	/* any of: network.unix.path; no other sockets */
	uint32_t nunix_paths;
	const struct filter_range *ports;	/* any of: of the peer (connect), local (accept) */
	uint32_t nports;
	const struct filter_cgroups *cgroups;	/* all of */
	uint32_t ncgroups;
	uint32_t flags_any;	/* open flags as in ev_open.oflags: one of the bits is set; access
				 * modes are asked as 1 << (oflags & 3) in access_any */
	uint8_t access_any;	/* bit 0 O_RDONLY or O_PATH, bit 1 O_WRONLY, bit 2 O_RDWR, bit 3 the mode 3;
				 * 0: not asked */
	uint32_t mode_any;	/* mode bits of the file, 07777; one of them is set */
	uint16_t types_any;	/* bit per enum ev_filetype; 0: not asked */
	uint8_t families_any;	/* bit per enum ev_family; 0: not asked */
	uint8_t via_any;	/* enum filter_via; 0: not asked */
	uint8_t transports_any;	/* bit per enum ev_transport; 0: not asked; of network.* as the next */
	uint8_t outcomes_any;	/* bit per enum ev_outcome; 0: not asked */
};

struct filter_clauses {
	const struct filter_clause *items;
	uint32_t count;
};

#endif
