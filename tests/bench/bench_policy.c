/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the matcher costs with the shipped policies: ns an event, for events that match nothing.
 * The best of some rounds, since the machine has others to serve.
 *   bench_policy [PATH]    of policies; policies/ by default
 */
#include <stdlib.h>
#include <time.h>

#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"

enum { ROUNDS = 300, EVENTS = 1000 };

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

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double one_round(struct policy_engine *p, struct event *e, uint32_t *found)
{
	size_t used = e->arena->used;
	const struct match *m;
	double start = now_ns();

	for (int i = 0; i < EVENTS; i++) {
		memset(e->paths, 0, sizeof(e->paths)); /* as for an event just read */
		e->arena->used = used;
		*found += policy_match(p, e, &m);
	}
	return (now_ns() - start) / EVENTS;
}

static void run(struct policy_engine *p, const struct sample *s)
{
	struct made *m = made_new(s->kind);
	double best = 1e9, ns;
	uint32_t found = 0;
	struct event *e;

	for (int i = 0; i < 8 && s->fields[i][0]; i++)
		if (!made_set(m, s->fields[i][0], s->fields[i][1]))
			abort();
	e = made_event(m);
	for (int i = 0; i < ROUNDS; i++) {
		ns = one_round(p, e, &found);
		best = ns < best ? ns : best;
	}
	printf("%-24s %7.0f ns/event%s\n", s->label, best, found ? " (matches)" : "");
	made_free(m);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "policies";
	struct policy_engine *p = NULL;
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	double start = now_ns();

	if (policy_load(&s, &path, 1, &d) || d.errors) {
		diags_print(&d, stderr);
		return 1;
	}
	printf("%u policies loaded in %.1f ms\n", policy_count(s), (now_ns() - start) / 1e6);
	if (policy_engine_new(&p, s))
		return 1;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		run(p, &samples[i]);
	policy_engine_free(p);
	policy_free(s);
	diags_free(&d);
	return 0;
}
