/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Losses on the way from the kernel: a gap in a CPU's sequence numbers tells where, the kernel's
 * counters by kind and cause tell what. Both become pipeline.loss records in the stream. The sum
 * of all reported counts equals the kernel's counters once loss_rest has run. Consumer thread.
 */
#ifndef TOCSIN_LOSS_H
#define TOCSIN_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"

struct loss;

typedef const volatile struct cpu_state *(*loss_cpu_fn)(void *ctx, int cpu); /* live counters */
typedef void (*loss_record_fn)(void *ctx, const void *rec, uint32_t len);

int loss_new(struct loss **out, int ncpu, loss_cpu_fn cpu, void *cpu_ctx);
void loss_free(struct loss *l);

/* Call before each record is handled: reports a gap in front of it. */
void loss_check(struct loss *l, const struct ev_hdr *h, loss_record_fn emit, void *ctx);
/* Losses that no gap has shown: those older than a second, or all of them. time_ns: CLOCK_BOOTTIME,
 * now. True when some are held back for a gap to come. Cheap when there are none. */
bool loss_rest(struct loss *l, uint64_t time_ns, bool all, loss_record_fn emit, void *ctx);

#endif
