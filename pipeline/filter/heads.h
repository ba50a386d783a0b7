/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns of short texts as the programs compare them: the first 16 bytes under a mask. So they
 * decide how a text begins, and of a glob what comes before its first * or set; not what a text
 * holds or ends in.
 */
#ifndef TOCSIN_FILTER_HEADS_H
#define TOCSIN_FILTER_HEADS_H

#include "bpf/filter_abi.h"
#include "pipeline/filter/clause.h"

/* Of which texts: a task's comm is all of it in 16 bytes with its NUL, a socket's path may go on. */
enum heads_of { HEADS_THREAD, HEADS_UNIX };

/* Fits every text that one of the patterns fits, and few others: entries in *out, 1 to
 * FILTER_HEADS. 0: the patterns cannot be told from any text. */
uint32_t heads_make(struct filter_bytes out[FILTER_HEADS], enum heads_of of,
		    const struct filter_pattern *p, uint32_t n);

#endif
