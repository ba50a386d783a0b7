/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Buffered, ordered appends to one file at a time, through io_uring or, where the kernel or a
 * seccomp filter refuses that, through plain writes. The only user of liburing. One thread.
 *
 * What reached the file at any time, also after a kill -9, is a prefix of what was appended.
 */
#ifndef TOCSIN_AIO_H
#define TOCSIN_AIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aio;

int aio_new(struct aio **out, bool io_uring);
/* Waits a little for what is in flight and finishes what retires; unwritten bytes are gone. Does
 * not close the file. */
void aio_free(struct aio *a);
bool aio_uses_ring(const struct aio *a);
int aio_ring_error(const struct aio *a); /* why not: a positive errno; 0: in use, or not asked */

/* The file to append to, opened O_APPEND. Only when aio_idle. */
void aio_attach(struct aio *a, int fd);
/* Copies n bytes into the buffer, whole or not at all. 0, -EAGAIN: no room, or -ENOMEM. */
int aio_append(struct aio *a, const void *p, size_t n);
/* An fdatasync after all that was appended so far. */
void aio_want_sync(struct aio *a);
/* Starts writing what is buffered, unless something is in flight. Plain writes are made here. */
void aio_kick(struct aio *a);
/* Collects results; waits at most timeout_ms when something is in flight or, else, retires. */
void aio_wait(struct aio *a, int timeout_ms);
/* fd, another file than the attached one, is complete: it is synced and closed, then the
 * directory dir_fd is synced. Beside the appends where the ring is in use, else before the
 * return. Only when not aio_retiring. */
void aio_retire(struct aio *a, int fd, int dir_fd);
bool aio_retiring(const struct aio *a);
/* As aio_take_error, of the syncs of aio_retire. */
int aio_take_retire_error(struct aio *a);
/* A positive errno when a write or sync failed since the last call; 0: none. What was not
 * written stays in the buffer, and the next kick tries it again. */
int aio_take_error(struct aio *a);

bool aio_in_flight(const struct aio *a);
bool aio_idle(const struct aio *a); /* nothing in flight, nothing buffered, no sync wanted */
/* Bytes since aio_new. */
uint64_t aio_appended(const struct aio *a);
uint64_t aio_written(const struct aio *a);
uint64_t aio_synced(const struct aio *a);

#endif
