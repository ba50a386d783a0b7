/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The ring on the live kernel: numbers without gaps, every loss counted, no wake-up lost.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/live.h"

static void open_files(int n)
{
	for (int i = 0; i < n; i++) {
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			close(fd);
	}
}

/* n opens on each CPU that this process may run on. */
static void open_everywhere(int n)
{
	cpu_set_t all, one;

	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(!sched_setaffinity(0, sizeof(one), &one));
		open_files(n);
	}
	CHECK(!sched_setaffinity(0, sizeof(all), &all));
}

struct totals {
	uint64_t seq, sent, lost[EV_LOSS_MAX_];
};

static struct totals cpu_totals(const struct live *l, int cpu)
{
	const volatile struct cpu_state *c = probe_set_cpu(l->set, cpu);
	struct totals t = { .seq = c->seq };

	for (int k = 0; k < EV_MAX; k++) {
		t.sent += c->sent[k];
		for (int i = 0; i < EV_LOSS_MAX_; i++)
			t.lost[i] += c->lost[k][i];
	}
	return t;
}

/* Marks the sequence numbers of one CPU among the records. Returns how many there are. */
static uint64_t mark_seqs(const struct live *l, int cpu, uint64_t top, uint8_t *seen)
{
	uint64_t n = 0;

	for (const struct ev_hdr *h = NULL; (h = live_next(l, h));) {
		if (h->cpu != cpu)
			continue;
		CHECK(h->seq >= 1 && h->seq <= top);
		CHECK(!seen[h->seq]);
		seen[h->seq] = 1;
		n++;
	}
	return n;
}

static void sequence_without_gaps(void)
{
	struct live l;
	uint64_t n = 0;

	live_open(&l, &live_defaults);
	open_everywhere(2000);
	probe_set_detach(l.set);
	live_read(&l);
	for (int cpu = 0; cpu < probe_set_ncpu(l.set); cpu++) {
		struct totals t = cpu_totals(&l, cpu);
		uint8_t *seen = calloc(t.seq + 1, 1);

		CHECK(seen);
		CHECK_INT(mark_seqs(&l, cpu, t.seq, seen), t.seq);
		CHECK_INT(t.sent, t.seq);
		CHECK_INT(t.lost[EV_LOSS_RING_FULL], 0);
		CHECK_INT(t.lost[EV_LOSS_SCRATCH_BUSY], 0);
		n += t.seq;
		free(seen);
	}
	CHECK(n >= 4000);
	CHECK_INT(n, l.count);
	live_close(&l);
}

/* A page of ring that nobody reads: what did not fit is counted by kind, and is the gap. */
static void losses_are_counted(void)
{
	struct probe_cfg cfg = live_defaults;
	uint64_t missing = 0, lost = 0, opens = 0;
	struct live l;

	cfg.ring_bytes = 4096;
	live_open(&l, &cfg);
	open_everywhere(3000);
	probe_set_detach(l.set);
	live_read(&l);
	for (int cpu = 0; cpu < probe_set_ncpu(l.set); cpu++) {
		struct totals t = cpu_totals(&l, cpu);
		uint8_t *seen = calloc(t.seq + 1, 1);

		CHECK(seen);
		CHECK_INT(mark_seqs(&l, cpu, t.seq, seen), t.sent);
		CHECK_INT(t.sent + t.lost[EV_LOSS_RING_FULL], t.seq);
		missing += t.seq - t.sent;
		lost += t.lost[EV_LOSS_RING_FULL];
		opens += probe_set_cpu(l.set, cpu)->lost[EV_OPEN][EV_LOSS_RING_FULL];
		free(seen);
	}
	CHECK(l.count && l.count < 100);
	CHECK_INT(missing, lost);
	CHECK(opens > 5000 && opens <= lost);
	live_close(&l);
}

/* A small ring goes round many times: records over its end are whole. */
static void records_over_the_end(void)
{
	struct probe_cfg cfg = live_defaults;
	char text[4096];
	uint64_t lost = 0;
	struct live l;
	int n = 0;

	cfg.ring_bytes = 8192;
	live_open(&l, &cfg);
	for (int i = 0; i < 300; i++) {
		open_files(5);
		live_read(&l);
	}
	for (const struct ev_hdr *h = NULL; (h = live_find(&l, h, EV_OPEN, (uint32_t)getpid()));) {
		const struct ev_open *o = (const void *)h;

		if (o->outcome != EV_OUTCOME_SUCCESS)
			continue;
		CHECK_STR(live_path(h, &o->path, text, sizeof(text)), "/etc/passwd");
		n++;
	}
	/* Others fill so small a ring too: what is missing must be counted. */
	for (int cpu = 0; cpu < probe_set_ncpu(l.set); cpu++)
		lost += probe_set_cpu(l.set, cpu)->lost[EV_OPEN][EV_LOSS_RING_FULL];
	CHECK(n > 1000 && n <= 1500 && (uint64_t)n + lost >= 1500);
	live_close(&l);
}

static void count_records(void *ctx, const void *rec, uint32_t len)
{
	(void)rec;
	(void)len;
	++*(int *)ctx;
}

static void at_most_max_records(void)
{
	struct live l;
	int n = 0;

	live_open(&l, &live_defaults);
	open_files(1000);
	CHECK_INT(probe_set_read(l.set, count_records, &n, 7), 7);
	CHECK_INT(n, 7);
	CHECK_INT(probe_set_read(l.set, count_records, &n, 0), 0);
	CHECK_INT(probe_set_read(l.set, count_records, &n, 500), 500);
	CHECK_INT(n, 507);
	live_close(&l);
}

static uint64_t self_count(const struct live *l)
{
	uint64_t n = 0;

	for (int cpu = 0; cpu < probe_set_ncpu(l->set); cpu++)
		n += probe_set_cpu(l->set, cpu)->self;
	return n;
}

static void own_events_left_out(void)
{
	struct probe_cfg cfg = live_defaults;
	struct live l;
	pid_t child;

	cfg.self_tgid = (uint32_t)getpid();
	cfg.scan_first = true;
	live_open(&l, &cfg);
	open_files(500);
	child = fork();
	if (!child) {
		open_files(1);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	live_read(&l);
	CHECK(!live_find(&l, NULL, EV_OPEN, cfg.self_tgid));
	CHECK(!live_find(&l, NULL, EV_FORK, cfg.self_tgid));
	CHECK(live_find(&l, NULL, EV_OPEN, (uint32_t)child));
	CHECK(live_find(&l, NULL, EV_EXIT, (uint32_t)child));
	CHECK(self_count(&l) >= 501);
	live_close(&l);
}

/* The agent is an image, not a process id: what it may be made to execute is seen. */
static void other_image_under_own_pid_seen(void)
{
	struct probe_cfg cfg = live_defaults;
	int go[2];
	struct live l;
	pid_t child;
	char c;

	if (pipe2(go, O_CLOEXEC))
		exit(1);
	child = fork();
	if (!child) {
		if (read(go[0], &c, 1) == 1) {
			open_files(10);
			execl("/bin/cat", "cat", "/dev/null", NULL);
		}
		_exit(1);
	}
	cfg.self_tgid = (uint32_t)child;
	cfg.scan_first = true;
	live_open(&l, &cfg);
	CHECK_INT(write(go[1], "", 1), 1);
	waitpid(child, NULL, 0);
	live_read(&l);
	CHECK_INT(self_count(&l), 10);
	CHECK(live_find(&l, NULL, EV_EXEC, (uint32_t)child));
	CHECK(live_find(&l, NULL, EV_OPEN, (uint32_t)child));
	CHECK(live_find(&l, NULL, EV_EXIT, (uint32_t)child));
	close(go[0]);
	close(go[1]);
	live_close(&l);
}

static void generation_in_headers(void)
{
	const struct ev_hdr *h = NULL;
	uint32_t last = 0;
	struct live l;

	live_open(&l, &live_defaults);
	open_files(1);
	probe_set_generation(l.set, 42);
	open_files(1);
	live_read(&l);
	CHECK_INT(((const struct ev_hdr *)live_need(&l, EV_OPEN, (uint32_t)getpid()))->generation,
		  0);
	while ((h = live_find(&l, h, EV_OPEN, (uint32_t)getpid())))
		last = h->generation;
	CHECK_INT(last, 42);
	live_close(&l);
}

/* ---- sleeping ---- */

enum { SLEEPS = 100000, SLEEPS_AT_LEAST = 5000, BUDGET_S = 25, WAIT_MS = 400, TOO_LONG_MS = 350 };
enum { NAPPING_SLEEPS = 3000, NAPPING_AT_LEAST = 300, NAPPING_BUDGET_S = 10 };

struct duel {
	uint32_t asked, tid, own; /* asked: connects wanted so far */
	bool stop;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 0 to some 3 us. */
static void dither(uint32_t *random)
{
	*random = *random * 1103515245 + 12345;
	for (volatile uint32_t i = 0; i < (*random >> 16) % 2048; i++)
		;
}

/* Connects a UDP socket each time the consumer asks: before, while and after that goes to sleep. */
static void *producer(void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t done = 0, random = 12345;
	struct duel *d = arg;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	__atomic_store_n(&d->tid, (uint32_t)gettid(), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&d->stop, __ATOMIC_ACQUIRE)) {
		if (done == __atomic_load_n(&d->asked, __ATOMIC_ACQUIRE))
			continue;
		dither(&random);
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			break;
		done++;
	}
	close(fd);
	return NULL;
}

static void count_own(void *ctx, const void *rec, uint32_t len)
{
	const struct ev_hdr *h = rec;
	struct duel *d = ctx;

	(void)len;
	if (h->kind == EV_CONNECT && h->tid == d->tid)
		d->own++;
}

static void duel(uint32_t ring_bytes, uint32_t rounds, uint32_t at_least, double budget_s)
{
	struct probe_cfg cfg = live_defaults;
	struct duel d = { 0 };
	double start, slept;
	struct live l;
	pthread_t t;
	uint32_t n, random = 54321;

	cfg.want = KIND_BIT(CONNECT);
	cfg.ring_bytes = ring_bytes;
	live_open(&l, &cfg);
	CHECK(!pthread_create(&t, NULL, producer, &d));
	while (!__atomic_load_n(&d.tid, __ATOMIC_ACQUIRE))
		sched_yield();
	start = seconds();
	for (n = 0; n < rounds && seconds() - start < budget_s; n++) {
		__atomic_store_n(&d.asked, n + 1, __ATOMIC_RELEASE);
		dither(&random);
		while (d.own <= n) {
			slept = seconds();
			probe_set_wait(l.set, WAIT_MS);
			slept = (seconds() - slept) * 1000;
			if (slept > TOO_LONG_MS)
				test_fail(__FILE__, __LINE__, "slept %.0f ms over round %u", slept,
					  n);
			probe_set_read(l.set, count_own, &d, 1000);
		}
	}
	__atomic_store_n(&d.stop, true, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	printf("# %u sleeps in %.1f s\n", n, seconds() - start);
	CHECK(n >= at_least);
	live_close(&l);
}

/* A small ring: no naps, each wait is a real one. */
static void no_wake_up_lost(void)
{
	duel(256 << 10, SLEEPS, SLEEPS_AT_LEAST, BUDGET_S);
}

static void no_wake_up_lost_with_naps(void)
{
	duel(8 << 20, NAPPING_SLEEPS, NAPPING_AT_LEAST, NAPPING_BUDGET_S);
}

static void *wake(void *arg)
{
	struct live *l = arg;

	usleep(50000);
	probe_set_wake(l->set);
	return NULL;
}

static void woken_by_another_thread(void)
{
	struct probe_cfg cfg = live_defaults;
	struct live l;
	double start;
	pthread_t t;
	int n = 0;

	cfg.want = 0;
	live_open(&l, &cfg);
	probe_set_detach(l.set);
	probe_set_read(l.set, count_records, &n, 1000000);
	CHECK(!pthread_create(&t, NULL, wake, &l));
	start = seconds();
	CHECK_INT(probe_set_wait(l.set, 20000), 0);
	CHECK(seconds() - start < 10);
	pthread_join(t, NULL);
	probe_set_wake(l.set);
	CHECK_INT(probe_set_wait(l.set, 20000), 0);
	start = seconds();
	CHECK_INT(probe_set_wait(l.set, 30), 0); /* the wake-ups are used up */
	CHECK(seconds() - start > 0.02);
	live_close(&l);
}

static void detached_is_silent(void)
{
	struct live l;
	int n = 0;

	live_open(&l, &live_defaults);
	open_files(10);
	probe_set_detach(l.set);
	live_read(&l);
	CHECK(live_find(&l, NULL, EV_OPEN, (uint32_t)getpid()));
	open_files(100);
	CHECK_INT(probe_set_read(l.set, count_records, &n, 1000), 0);
	CHECK_INT(n, 0);
	live_close(&l);
}

static const struct test tests[] = {
	TEST(sequence_without_gaps),     TEST(losses_are_counted),
	TEST(records_over_the_end),      TEST(at_most_max_records),
	TEST(own_events_left_out),       TEST(other_image_under_own_pid_seen),
	TEST(generation_in_headers),     TEST(no_wake_up_lost),
	TEST(no_wake_up_lost_with_naps), TEST(woken_by_another_thread),
	TEST(detached_is_silent),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
