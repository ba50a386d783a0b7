/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The consumer's side of the ring buffer. One consumer thread reads and waits; ring_wake may come
 * from any thread.
 *
 * The ring is mapped once, not twice in a row as libbpf does: its pages count in the resident set
 * for each mapping. A record that goes over the end of the ring is put together in `bounce`.
 *
 * Sleeping without losing a wake-up: the consumer sets want_wakeup, then looks at the ring again,
 * then sleeps. A program submits its record, then looks at want_wakeup (bpf/emit.h). With a full
 * barrier between the two steps on either side, one of them sees the other.
 */
#include "probes/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "pipeline/util.h"

enum {
	NAP_NS = 1000000, /* events closer than this are gathered */
	NAP_RING_BYTES = 1 << 20, /* a smaller ring could fill during a nap */
	RELEASE_EVERY = 64, /* records between two updates of the consumer's position */
};

struct ring {
	int map_fd, epoll_fd, wake_fd;
	uint32_t size;
	size_t page;
	unsigned long *consumer_pos; /* first page, writable */
	const unsigned long *producer_pos; /* second page; the data follows it */
	const uint8_t *data;
	void *ro; /* mapping of the second page and the data */
	struct ring_control *ctl;
	bool busy; /* the last sleep was short */
	_Alignas(8) uint8_t bounce[EV_REC_MAX];
};

static int ring_map(struct ring *r)
{
	void *p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, r->map_fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	r->consumer_pos = p;
	p = mmap(NULL, r->page + r->size, PROT_READ, MAP_SHARED, r->map_fd, (off_t)r->page);
	if (p == MAP_FAILED)
		return -errno;
	r->ro = p;
	r->producer_pos = p;
	r->data = (const uint8_t *)p + r->page;
	return 0;
}

/* Edge-triggered: a record that is reserved but not finished keeps the ring readable, and must
 * not keep the consumer awake. */
static int ring_watch(struct ring *r)
{
	struct epoll_event ring = { .events = EPOLLIN | EPOLLET, .data.u32 = 0 };
	struct epoll_event wake = { .events = EPOLLIN, .data.u32 = 1 };

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->epoll_fd < 0 || r->wake_fd < 0 ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->map_fd, &ring) ||
	    epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &wake))
		return -errno;
	return 0;
}

int ring_open(struct ring **out, int map_fd, uint32_t size, struct ring_control *ctl)
{
	struct ring *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->epoll_fd = r->wake_fd = -1;
	r->size = size;
	r->ctl = ctl;
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->map_fd = fcntl(map_fd, F_DUPFD_CLOEXEC, 3);
	rc = r->map_fd < 0 ? -errno : ring_map(r);
	rc = rc ? rc : ring_watch(r);
	if (rc) {
		ring_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	if (r->ro)
		munmap(r->ro, r->page + r->size);
	if (r->consumer_pos)
		munmap(r->consumer_pos, r->page);
	cleanup_close_(&r->epoll_fd);
	cleanup_close_(&r->wake_fd);
	cleanup_close_(&r->map_fd);
	free(r);
}

static uint32_t head_length(const struct ring *r, unsigned long pos)
{
	const uint32_t *len = (const uint32_t *)(r->data + (pos & (r->size - 1)));

	return __atomic_load_n(len, __ATOMIC_ACQUIRE);
}

/* The bytes of a record at pos, put together when they go over the end of the ring. */
static const void *record_at(struct ring *r, unsigned long pos, uint32_t len)
{
	uint32_t at = pos & (r->size - 1), first = r->size - at;

	if (len <= first)
		return r->data + at;
	memcpy(r->bounce, r->data + at, first);
	memcpy(r->bounce + first, r->data, len - first);
	return r->bounce;
}

int ring_read(struct ring *r, probe_record_fn fn, void *ctx, uint32_t max_records)
{
	unsigned long pos = *r->consumer_pos, released = pos, end;
	uint32_t head, len, since = 0;
	int n = 0;

	end = __atomic_load_n(r->producer_pos, __ATOMIC_ACQUIRE);
	while ((uint32_t)n < max_records) {
		if (pos == end) {
			end = __atomic_load_n(r->producer_pos, __ATOMIC_ACQUIRE);
			if (pos == end)
				break;
		}
		head = head_length(r, pos);
		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		len = head & ~BPF_RINGBUF_DISCARD_BIT;
		if (!(head & BPF_RINGBUF_DISCARD_BIT) && len <= EV_REC_MAX) {
			fn(ctx, record_at(r, pos + BPF_RINGBUF_HDR_SZ, len), len);
			n++;
		}
		pos += (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (++since >= RELEASE_EVERY || pos - released > r->size / 8) {
			__atomic_store_n(r->consumer_pos, pos, __ATOMIC_RELEASE);
			released = pos;
			since = 0;
		}
	}
	if (pos != released)
		__atomic_store_n(r->consumer_pos, pos, __ATOMIC_RELEASE);
	return n;
}

/* Is there a record to read now? One that is not finished does not count: who finishes it looks
 * at want_wakeup afterwards. */
static bool ring_ready(const struct ring *r)
{
	unsigned long pos = *r->consumer_pos;

	/* SEQ_CST: not before want_wakeup is set. */
	if (pos == __atomic_load_n(r->producer_pos, __ATOMIC_SEQ_CST))
		return false;
	return !(head_length(r, pos) & BPF_RINGBUF_BUSY_BIT);
}

static void drain_wake(struct ring *r)
{
	uint64_t n;

	while (read(r->wake_fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Sleeps for a millisecond without asking to be woken by events: many wake-ups become one. */
static bool nap(struct ring *r)
{
	struct pollfd p = { .fd = r->wake_fd, .events = POLLIN };

	if (poll(&p, 1, 1) > 0) {
		drain_wake(r);
		return true;
	}
	return ring_ready(r);
}

int ring_wait(struct ring *r, int timeout_ms)
{
	struct epoll_event ev[2];
	uint64_t start;
	int n;

	if (ring_ready(r))
		return 0;
	if (r->busy && timeout_ms != 0 && r->size >= NAP_RING_BYTES && nap(r))
		return 0;
	__atomic_exchange_n(&r->ctl->want_wakeup, 1, __ATOMIC_SEQ_CST);
	if (ring_ready(r)) {
		__atomic_store_n(&r->ctl->want_wakeup, 0, __ATOMIC_RELAXED);
		return 0;
	}
	start = now_ns();
	n = epoll_wait(r->epoll_fd, ev, 2, timeout_ms);
	r->busy = n > 0 && now_ns() - start < NAP_NS;
	__atomic_store_n(&r->ctl->want_wakeup, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 == 1)
			drain_wake(r);
	return n < 0 && errno != EINTR ? -errno : 0;
}

void ring_wake(struct ring *r)
{
	uint64_t one = 1;

	while (write(r->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}
