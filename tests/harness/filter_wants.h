/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The tables' own answers in user space, by the text that the programs are made of too
 * (bpf/filter_walk.h).
 */
#ifndef TOCSIN_TEST_FILTER_WANTS_H
#define TOCSIN_TEST_FILTER_WANTS_H

#include "pipeline/filter/tables.h"

/* What an event is, for filter_tables_wants: the programs see the same. */
struct filter_event {
	uint32_t kind; /* enum ev_kind */
	const char *path; /* file.path, whole, file.open */
	const struct ev_ip *peer; /* network.*; family 0: none */
	bool peer_unknown; /* there is one, but nobody knows it */
	struct filter_facts *facts; /* the rest; its mask is filled */
	struct str unix_path; /* network.unix.path; empty: none */
	uint8_t outcome; /* enum ev_outcome: network.* */
	const char *thread; /* process.thread.name; NULL: "" */
};

/* The block's own answer, computed in user space. */
bool filter_tables_wants(const void *block, size_t bytes, const struct filter_event *e);
/* Mask of a path of a file (program false) or marks of a program. */
uint64_t filter_tables_mask(const void *block, size_t bytes, bool program, const char *path);
/* The signature under which the programs keep the mask of a file's path. */
uint64_t filter_tables_signature(const void *block, const char *path);

#endif
