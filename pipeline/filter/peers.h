/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Networks with bits, as the sorted intervals that the programs search; and how paths of Unix
 * sockets begin.
 */
#ifndef TOCSIN_FILTER_PEERS_H
#define TOCSIN_FILTER_PEERS_H

#include <linux/types.h>

#include "bpf/filter_abi.h"
#include "pipeline/filter/clause.h"

struct peers_point;

struct peers {
	struct peers_point *points; /* where a network begins or has ended */
	uint32_t count, cap;
	uint64_t all[EV_FAMILY_MAX]; /* bits of every peer of the family */
	struct filter_unix paths[FILTER_UNIX_HEADS];
	uint32_t npaths;
};

/* Bits of every peer of the families, a bit per enum ev_family; 0: of each, also without an address. */
void peers_add_all(struct peers *p, uint8_t families, uint64_t bits);
int peers_add(struct peers *p, const struct filter_net *net, uint64_t bits); /* 0 or -ENOMEM */
/* What has no room, or cannot be told from others, is for every Unix socket. */
void peers_add_paths(struct peers *p, const struct filter_pattern *patterns, uint32_t n,
		     uint64_t bits);
/* Appends the intervals to block and fills to. 0, -ENOMEM or -E2BIG. */
int peers_write(struct peers *p, struct buf *block, struct filter_peers *to);
void peers_free(struct peers *p);

#endif
