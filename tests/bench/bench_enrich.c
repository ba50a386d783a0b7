/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the enrichers cost an event: file.open from 10,000 living processes in random order, and
 * the records that keep the table (fork, exec, exit of one process). Nanoseconds of CPU time an event, best
 * of several rounds, validation alone taken off.
 *   bench_enrich [PROCESSES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/harness/enrich.h"

enum { ROUNDS = 7, EVENTS = 1000000, STARTS = 50000 };

static const char *const all[] = { "process", "user", "cgroup", "host", NULL };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t id(uint32_t pid, uint32_t image)
{
	return ((uint64_t)pid * 2 + image) * 0x9e3779b97f4a7c15ull;
}

/* A tree: each process was forked by a shell of its session. */
static void populate(struct bench_enrichers *b, uint32_t n)
{
	static const char *const args[] = { "worker", "--config", "/etc/worker.conf", "-v", NULL };
	static struct rec r;
	char path[64];

	rec_exec(&r, 1, id(1, 0), id(1, 1), 0, "/sbin/init", args);
	enrich(b, &r);
	for (uint32_t pid = 2; pid <= n; pid++) {
		uint32_t parent = pid < 10 ? 1 : 1 + (pid - 2) / 8;

		rec_fork(&r, parent, id(parent, 1), pid, id(pid, 0));
		REC(&r, fork)->child_start_ns = r.h.start_ns;
		enrich(b, &r);
		snprintf(path, sizeof(path), "/usr/local/bin/worker-%u", pid % 97);
		rec_exec(&r, pid, id(pid, 0), id(pid, 1), id(parent, 1), path, args);
		enrich(b, &r);
	}
	enrich_tick(b, 20000000000ull); /* what was replaced goes */
}

static double opens(struct bench_enrichers *b, uint32_t n, bool validate_only)
{
	static struct rec r;
	struct arena arena;
	struct event e = { 0 };
	const char *why;
	uint32_t x = 1;
	uint64_t t;

	if (arena_init(&arena, 65536))
		abort();
	rec_open(&r, 1, id(1, 1), "/etc/ld.so.cache", 0);
	r.h.time_ns = 20100000000ull;
	t = now_ns();
	for (uint32_t i = 0; i < EVENTS; i++) {
		uint32_t pid = 1 + (x >> 8) % n;

		x = x * 1664525u + 1013904223u;
		r.h.tgid = r.h.tid = pid;
		r.h.exec_id = id(pid, 1);
		r.h.uid = r.h.euid = pid % 16;
		r.h.cgroup_id = 1 + pid % 64;
		if (validate_only && event_validate(&e, &arena, r.b, r.len, &why))
			abort();
		if (!validate_only && !enrich(b, &r)->ctx[CTX_PROCESS])
			abort();
	}
	t = now_ns() - t;
	arena_free(&arena);
	return (double)t / EVENTS;
}

/* fork, exec and exit of short-lived children of one shell. */
static double starts(struct bench_enrichers *b)
{
	static const char *const args[] = { "gcc",    "-O2", "-Wall",  "-c",
					    "file.c", "-o",  "file.o", NULL };
	static struct rec fork, exec, exit;
	uint64_t t = 0, now = 21000000000ull, from;

	for (uint32_t i = 0; i < STARTS; i++) {
		uint32_t pid = 100000 + i;

		rec_fork(&fork, 1, id(1, 1), pid, id(pid, 0));
		rec_exec(&exec, pid, id(pid, 0), id(pid, 1), id(1, 1), "/usr/bin/gcc", args);
		rec_exit(&exit, pid, id(pid, 1), 0, 0);
		REC(&fork, fork)->child_start_ns = exec.h.start_ns = exit.h.start_ns = now;
		fork.h.time_ns = exec.h.time_ns = exit.h.time_ns = now += 1000000;
		from = now_ns();
		enrich(b, &fork);
		enrich(b, &exec);
		enrich(b, &exit);
		t += now_ns() - from;
	}
	return (double)t / STARTS;
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
	double best = 1e9, floor = 1e9, start;
	struct fake_outside out;
	struct bench_enrichers *b;
	uint64_t t;

	fake_init(&out);
	b = enrich_open(all, NULL, &out.out);
	t = now_ns();
	populate(b, n);
	t = now_ns() - t;
	for (int i = 0; i < ROUNDS; i++) {
		double full = opens(b, n, false), bare = opens(b, n, true);

		best = full < best ? full : best;
		floor = bare < floor ? bare : floor;
	}
	start = starts(b);
	printf("processes %u entries %llu bytes %llu\n", n,
	       (unsigned long long)enrich_counter(b, "entries"),
	       (unsigned long long)enrich_counter(b, "bytes"));
	printf("populate %.0f ns/process (fork+exec)\n", (double)t / n);
	printf("file.open %.1f ns/event (validate and enrich %.1f, validate %.1f)\n", best - floor,
	       best, floor);
	printf("fork+exec+exit %.0f ns\n", start);
	enrich_close(b);
	return 0;
}
