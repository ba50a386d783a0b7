/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The consumer's side of the ring buffer: read records, sleep until there are some.
 */
#ifndef TOCSIN_RING_H
#define TOCSIN_RING_H

#include "probes/probe.h"

struct ring;

/* map_fd: a BPF_MAP_TYPE_RINGBUF of size bytes; the ring keeps its own reference. ctl: mapped,
 * outlives the ring. */
int ring_open(struct ring **out, int map_fd, uint32_t size, struct ring_control *ctl);
void ring_free(struct ring *r);
int ring_read(struct ring *r, probe_record_fn fn, void *ctx, uint32_t max_records);
int ring_wait(struct ring *r, int timeout_ms);
void ring_wake(struct ring *r);

#endif
