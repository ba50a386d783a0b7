/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the matcher costs: ns an event, for events that match nothing. The best of some rounds,
 * since the machine has others to serve.
 *   bench_policy [PATH…]    of policies; policies/ by default
 * Under `valgrind --tool=callgrind --instr-atstart=no` one round of each event is counted, and a
 * profile is written for each PATH.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <valgrind/callgrind.h>

#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"

enum { ROUNDS = 300, EVENTS = 1000, COUNTED = 10 };

struct sample {
	const char *label, *kind;
	const char *fields[8][2];
};

static const struct sample samples[] = {
	{ "open, read, library",
	  "file.open",
	  { { "file.path", "/usr/lib/x86_64-linux-gnu/libc.so.6" },
	    { "file.flags", "O_RDONLY|O_CLOEXEC" },
	    { "file.type", "file" },
	    { "process.name", "ls" },
	    { "process.executable", "/usr/bin/ls" },
	    { "process.command_line", "ls -l /etc" },
	    { "process.args", "ls\x1f-l\x1f/etc" } } },
	{ "open, read, proc",
	  "file.open",
	  { { "file.path", "/proc/4711/status" },
	    { "file.flags", "O_RDONLY|O_CLOEXEC" },
	    { "file.type", "file" },
	    { "process.name", "ps" },
	    { "process.executable", "/usr/bin/ps" },
	    { "process.command_line", "ps ax" } } },
	{ "open, write, log",
	  "file.open",
	  { { "file.path", "/var/log/nginx/access.log" },
	    { "file.flags", "O_WRONLY|O_APPEND|O_CLOEXEC" },
	    { "file.type", "file" },
	    { "process.name", "nginx" },
	    { "process.executable", "/usr/sbin/nginx" },
	    { "process.command_line", "nginx: worker process" } } },
	{ "exec, compiler",
	  "process.exec",
	  { { "process.name", "cc1" },
	    { "process.executable", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1" },
	    { "process.command_line",
	      "/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -I. -D_GNU_SOURCE -MMD x.c -o /tmp/x.s" },
	    { "process.args", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1\x1f-quiet\x1f-I.\x1fx.c" },
	    { "process.parent.name", "x86_64-linux-gnu-gcc-12" },
	    { "process.ancestor_names", "gcc\x1fmake\x1fsh\x1f"
					"bash\x1fsshd" } } },
	{ "exec, shell",
	  "process.exec",
	  { { "process.name", "dash" },
	    { "process.executable", "/usr/bin/dash" },
	    { "process.command_line", "/bin/sh -c cd /srv/app && exec ./manage --reload" },
	    { "process.args", "/bin/sh\x1f-c\x1f"
			      "cd /srv/app && exec ./manage --reload" },
	    { "process.parent.name", "java" },
	    { "process.ancestor_names", "java\x1fsystemd" } } },
	{ "open, read, home",
	  "file.open",
	  { { "file.path", "/home/admin/.config/app/settings.json" },
	    { "file.flags", "O_RDONLY|O_CLOEXEC" },
	    { "file.type", "file" },
	    { "process.name", "bash" },
	    { "process.executable", "/usr/bin/bash" },
	    { "process.command_line", "bash" } } },
	{ "connect, https",
	  "network.connect",
	  { { "destination.ip", "203.0.113.7" },
	    { "destination.port", "443" },
	    { "network.type", "ipv4" },
	    { "network.transport", "tcp" },
	    { "process.name", "python3.11" },
	    { "process.executable", "/usr/bin/python3.11" },
	    { "process.ancestor_names", "systemd" } } },
	{ "exit", "process.exit", { { "process.exit_code", "0" }, { "process.name", "ls" } } },
};

enum { SAMPLES = sizeof(samples) / sizeof(*samples) };

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t judge(struct policy_engine *p, struct event *e, int n)
{
	size_t used = e->arena->used;
	const struct match *m;
	uint32_t found = 0;

	for (int i = 0; i < n; i++) {
		memset(e->paths, 0, sizeof(e->paths)); /* as for an event just read */
		e->arena->used = used;
		found += policy_match(p, e, &m);
	}
	return found;
}

static struct made *make(const struct sample *s)
{
	struct made *m = made_new(s->kind);

	for (int i = 0; i < 8 && s->fields[i][0]; i++)
		if (!made_set(m, s->fields[i][0], s->fields[i][1]))
			abort();
	return m;
}

static void run(struct policy_engine *p, const struct sample *s)
{
	struct made *m = make(s);
	struct event *e = made_event(m);
	uint32_t found = 0;
	double best = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ns();

		found += judge(p, e, EVENTS);
		best = (now_ns() - start) / EVENTS < best ? (now_ns() - start) / EVENTS : best;
	}
	printf("%-24s %7.0f ns/event%s\n", s->label, best, found ? " (matches)" : "");
	made_free(m);
}

/* After one round that is not counted: what lies in caches and is looked for at the first use. */
static void count_instructions(struct policy_engine *p, const char *path)
{
	struct made *m[SAMPLES];
	struct event *e[SAMPLES];

	for (size_t i = 0; i < SAMPLES; i++) {
		m[i] = make(&samples[i]);
		e[i] = made_event(m[i]);
		judge(p, e[i], 1);
	}
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	for (size_t i = 0; i < SAMPLES; i++)
		judge(p, e[i], COUNTED);
	CALLGRIND_DUMP_STATS_AT(path);
	CALLGRIND_STOP_INSTRUMENTATION;
	for (size_t i = 0; i < SAMPLES; i++)
		made_free(m[i]);
	printf("counted %d events with %s\n", SAMPLES * COUNTED, path);
}

static int bench(const char *path)
{
	struct policy_engine *p = NULL;
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	struct policy_stats st;
	struct rusage use;
	double start = now_ns();

	if (policy_load(&s, &path, 1, &d) || d.errors) {
		diags_print(&d, stderr);
		return 1;
	}
	if (policy_engine_new(&p, s))
		return 1;
	getrusage(RUSAGE_SELF, &use);
	printf("%u policies loaded in %.1f ms, %ld MiB at most\n", policy_count(s),
	       (now_ns() - start) / 1e6, use.ru_maxrss / 1024);
	if (RUNNING_ON_VALGRIND) {
		count_instructions(p, path);
	} else {
		for (size_t i = 0; i < SAMPLES; i++)
			run(p, &samples[i]);
	}
	st = policy_engine_stats(p);
	printf("%.3f of the policies asked an event\n", (double)st.evaluated / (double)st.events);
	policy_engine_free(p);
	policy_free(s);
	diags_free(&d);
	return 0;
}

int main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc && !rc; i++)
		rc = bench(argv[i]);
	return argc > 1 ? rc : bench("policies");
}
