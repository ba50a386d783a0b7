/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Appends of aio.h. The buffer is a ring of chunks. Appends fill the open chunk, the newest one;
 * a kick closes it and submits all closed chunks as one chain of linked writes, with an fdatasync
 * at its end when one is wanted. Linked requests run one after the other and a short or failed
 * one cancels those behind it, and there is one chain at a time: hence the order, while appends
 * go on into further chunks.
 *
 * An append never spans chunks, so a write that fails between two of them tears nothing.
 * Memory of a chunk is the kernel's from submission to completion and is not touched meanwhile.
 */
#include "pipeline/aio.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

enum {
	CHUNKS = 8,
	CHUNK_BYTES = 128 << 10,
	RING_ENTRIES = 16,
	SYNC_TAG = CHUNKS,
	RETIRE_TAG,
	FREE_WAIT_MS = 1000
};

struct chunk {
	char *p;
	size_t cap, len, done;
};

struct aio {
	struct io_uring ring;
	bool has_ring;
	int ring_error;
	int fd, error;
	struct chunk chunks[CHUNKS];
	uint32_t head, used; /* chunks from head on that hold data; the last may be open */
	uint32_t in_flight; /* requests */
	uint32_t chain; /* chunks of the chain in flight */
	bool want_sync;
	uint32_t retiring; /* requests for the file that retires, which are not in in_flight */
	int retired_fd, retire_error;
	uint64_t appended, written, synced, sync_upto;
};

static struct chunk *chunk_at(struct aio *a, uint32_t i)
{
	return &a->chunks[(a->head + i) % CHUNKS];
}

int aio_new(struct aio **out, bool io_uring)
{
	struct aio *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return -ENOMEM;
	a->fd = -1;
	if (io_uring) {
		rc = io_uring_queue_init(RING_ENTRIES, &a->ring, 0);
		a->has_ring = !rc;
		a->ring_error = -rc;
	}
	*out = a;
	return 0;
}

void aio_free(struct aio *a)
{
	uint64_t until = clock_mono_ns() + FREE_WAIT_MS * NS_PER_MS;

	if (!a)
		return;
	while ((a->in_flight || a->retiring) && clock_mono_ns() < until)
		aio_wait(a, 100);
	if (a->retiring) { /* takes longer: wait for the same by another way */
		fdatasync(a->retired_fd);
		close(a->retired_fd);
	}
	/* A write that still hangs reads its chunk whenever it goes on: that memory stays. */
	for (uint32_t i = 0; i < CHUNKS && !a->in_flight; i++)
		free(a->chunks[i].p);
	if (a->has_ring)
		io_uring_queue_exit(&a->ring);
	free(a);
}

bool aio_uses_ring(const struct aio *a)
{
	return a->has_ring;
}

int aio_ring_error(const struct aio *a)
{
	return a->ring_error;
}

bool aio_in_flight(const struct aio *a)
{
	return a->in_flight;
}

bool aio_idle(const struct aio *a)
{
	return !a->in_flight && !a->used && !a->want_sync;
}

uint64_t aio_appended(const struct aio *a)
{
	return a->appended;
}

uint64_t aio_written(const struct aio *a)
{
	return a->written;
}

uint64_t aio_synced(const struct aio *a)
{
	return a->synced;
}

bool aio_retiring(const struct aio *a)
{
	return a->retiring;
}

int aio_take_retire_error(struct aio *a)
{
	int e = a->retire_error;

	a->retire_error = 0;
	return e;
}

void aio_attach(struct aio *a, int fd)
{
	a->fd = fd;
}

int aio_take_error(struct aio *a)
{
	int e = a->error;

	a->error = 0;
	return e;
}

/* Chunks of the chain in flight are closed; the others from there on are ours. */
static struct chunk *open_chunk(struct aio *a, size_t n)
{
	struct chunk *c;

	if (a->used > a->chain) {
		c = chunk_at(a, a->used - 1);
		if (!c->done && c->cap - c->len >= n)
			return c;
	}
	return a->used < CHUNKS ? chunk_at(a, a->used) : NULL;
}

int aio_append(struct aio *a, const void *p, size_t n)
{
	struct chunk *c = open_chunk(a, n);

	if (!c)
		return -EAGAIN;
	if (c->cap - c->len < n) { /* only ever an empty one */
		size_t cap = MAX(n, (size_t)CHUNK_BYTES);
		char *mem = malloc(cap);

		if (!mem)
			return -ENOMEM;
		free(c->p);
		*c = (struct chunk){ .p = mem, .cap = cap };
	}
	if (!c->len)
		a->used++;
	memcpy(c->p + c->len, p, n);
	c->len += n;
	a->appended += n;
	return 0;
}

void aio_want_sync(struct aio *a)
{
	a->want_sync = true;
}

/* Gives back the chunks at the head that are written. */
static void release_chunks(struct aio *a)
{
	while (a->used) {
		struct chunk *c = chunk_at(a, 0);

		if (c->done < c->len)
			break;
		if (c->cap > CHUNK_BYTES) { /* made for one large document */
			free(c->p);
			*c = (struct chunk){ 0 };
		}
		c->len = c->done = 0;
		a->head = (a->head + 1) % CHUNKS;
		a->used--;
	}
}

static void chunk_result(struct aio *a, struct chunk *c, int res)
{
	if (res == -ECANCELED || res == -EINTR || res == -EAGAIN)
		return;
	if (res == 0)
		res = -EIO; /* a write that makes no progress must not be tried in a loop */
	if (res < 0) {
		a->error = -res;
		return;
	}
	c->done += (size_t)res;
	a->written += (uint64_t)res;
}

static void sync_result(struct aio *a, int res)
{
	if (res >= 0) {
		a->synced = a->sync_upto;
		return;
	}
	a->want_sync = true;
	if (res != -ECANCELED && res != -EINTR)
		a->error = -res;
}

static void retire_result(struct aio *a, int res)
{
	if (res < 0 && !a->retire_error)
		a->retire_error = -res;
	if (!--a->retiring)
		close(a->retired_fd);
}

static void retire_plain(struct aio *a, int fd, int dir_fd)
{
	if (fdatasync(fd) || fsync(dir_fd))
		a->retire_error = errno;
	close(fd);
}

static void kick_plain(struct aio *a)
{
	while (a->used && !a->error) {
		struct chunk *c = chunk_at(a, 0);
		ssize_t n = write(a->fd, c->p + c->done, c->len - c->done);

		chunk_result(a, c, n < 0 ? -errno : (int)n);
		release_chunks(a);
	}
	if (a->want_sync && !a->error) {
		a->want_sync = false;
		a->sync_upto = a->written;
		sync_result(a, fdatasync(a->fd) ? -errno : 0);
	}
}

/* One request for each chunk, linked; returns how many. */
static uint32_t prepare_chain(struct aio *a)
{
	struct io_uring_sqe *sqe = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->used; i++, n++) {
		struct chunk *c = chunk_at(a, i);

		sqe = io_uring_get_sqe(&a->ring);
		io_uring_prep_write(sqe, a->fd, c->p + c->done, (unsigned)(c->len - c->done), 0);
		io_uring_sqe_set_data64(sqe, (a->head + i) % CHUNKS);
		sqe->flags |= IOSQE_IO_LINK;
	}
	a->chain = n;
	if (a->want_sync) {
		sqe = io_uring_get_sqe(&a->ring);
		io_uring_prep_fsync(sqe, a->fd, IORING_FSYNC_DATASYNC);
		io_uring_sqe_set_data64(sqe, SYNC_TAG);
		a->sync_upto = a->appended;
		a->want_sync = false;
		n++;
	}
	sqe->flags &= (__u8)~IOSQE_IO_LINK;
	return n;
}

static void reap(struct aio *a)
{
	struct io_uring_cqe *cqe;

	while ((a->in_flight || a->retiring) && !io_uring_peek_cqe(&a->ring, &cqe)) {
		uint64_t tag = io_uring_cqe_get_data64(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&a->ring, cqe);
		if (tag == RETIRE_TAG) {
			retire_result(a, res);
			continue;
		}
		a->in_flight--;
		if (tag == SYNC_TAG)
			sync_result(a, res);
		else
			chunk_result(a, &a->chunks[tag], res);
	}
	/* Only when the whole chain is back: its chunks are a run from the head. */
	if (!a->in_flight) {
		a->chain = 0;
		release_chunks(a);
	}
}

/* The ring was given but its use is refused, as by a seccomp filter of the second system call.
 * What of the chain did go out is waited for, so that nothing is written twice. */
static void leave_ring(struct aio *a, int error, bool had_sync)
{
	uint64_t until = clock_mono_ns() + FREE_WAIT_MS * NS_PER_MS;

	while ((a->in_flight || a->retiring) && clock_mono_ns() < until)
		reap(a);
	io_uring_queue_exit(&a->ring);
	if (a->retiring) {
		a->retiring = 0;
		a->retire_error = ETIMEDOUT;
		close(a->retired_fd);
	}
	a->has_ring = false;
	a->ring_error = error;
	a->in_flight = a->chain = 0;
	a->want_sync |= had_sync;
	release_chunks(a);
}

static void kick_ring(struct aio *a)
{
	bool sync = a->want_sync;
	uint32_t n = prepare_chain(a);
	int rc = 0;

	while (a->in_flight < n) {
		rc = io_uring_submit(&a->ring);
		if (rc > 0)
			a->in_flight += (uint32_t)rc;
		else if (rc != -EINTR)
			break;
	}
	if (a->in_flight < n) {
		leave_ring(a, rc ? -rc : EIO, sync);
		kick_plain(a);
	} else {
		reap(a);
	}
}

void aio_kick(struct aio *a)
{
	if (a->in_flight || a->fd < 0 || (!a->used && !a->want_sync))
		return;
	if (a->has_ring)
		kick_ring(a);
	else
		kick_plain(a);
}

/* The sync of the file, then that of the directory, whatever became of the first. */
void aio_retire(struct aio *a, int fd, int dir_fd)
{
	struct io_uring_sqe *sqe;
	uint32_t n = 0;
	int rc = 0;

	if (!a->has_ring) {
		retire_plain(a, fd, dir_fd);
		return;
	}
	for (; n < 2; n++) {
		sqe = io_uring_get_sqe(&a->ring); /* there is room: nothing waits for submission */
		io_uring_prep_fsync(sqe, n ? dir_fd : fd, n ? 0 : IORING_FSYNC_DATASYNC);
		io_uring_sqe_set_data64(sqe, RETIRE_TAG);
		sqe->flags |= n ? 0 : IOSQE_IO_HARDLINK;
	}
	while (a->retiring < n) {
		rc = io_uring_submit(&a->ring);
		if (rc > 0)
			a->retiring += (uint32_t)rc;
		else if (rc != -EINTR)
			break;
	}
	a->retired_fd = fd;
	if (a->retiring == n)
		return;
	a->retired_fd = a->retiring ? dup(fd) : -1;
	leave_ring(a, rc ? -rc : EIO, false);
	retire_plain(a, fd, dir_fd);
}

void aio_wait(struct aio *a, int timeout_ms)
{
	uint64_t until = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	struct io_uring_cqe *cqe;
	bool for_appends;
	int left;

	if (!a->in_flight && !a->retiring)
		return;
	for_appends = a->in_flight;
	reap(a);
	while ((for_appends ? a->in_flight : a->retiring) &&
	       (left = clock_left_ms(until, timeout_ms)) > 0) {
		struct __kernel_timespec t = { left / 1000, (left % 1000) * 1000000L };

		io_uring_wait_cqe_timeout(&a->ring, &cqe, &t);
		reap(a);
	}
}
