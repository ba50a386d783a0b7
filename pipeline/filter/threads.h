/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns of process.thread.name as the programs compare them: bytes of the task's comm under a
 * mask. So they decide how a name begins, exactly, and of a glob what comes before its first * or
 * set; not what a name holds or ends in.
 */
#ifndef TOCSIN_FILTER_THREADS_H
#define TOCSIN_FILTER_THREADS_H

#include "bpf/filter_abi.h"
#include "pipeline/filter/clause.h"

/* Fits every name that one of the patterns fits, and few others: entries in *out, 1 to
 * FILTER_THREADS. 0: the patterns cannot be told from any name. */
uint32_t threads_make(struct filter_thread out[FILTER_THREADS], const struct filter_pattern *p,
		      uint32_t n);

#endif
