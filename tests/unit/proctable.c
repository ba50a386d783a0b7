/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process table through its enricher: who an event is said to come from, in every order of
 * fork, exec and exit, with reused pids and records without sense; and its bounds.
 */
#include <inttypes.h>

#include "enrichers/lineage.h"
#include "pipeline/encode.h"
#include "tests/harness/procs.h"

static void exec_gives_all_fields(void)
{
	struct fix f;
	struct event *e;
	const struct ctx_process *p;

	start(&f, NULL);
	fake_answer(&f.out, ASK_TTY_NAME, 136, 3, "pts/3", 5);
	rec_exec(&f.r, 20, id(20, 1), id(20, 2), id(10, 2), "/usr/bin/cat",
		 ARGS("cat", "/etc/hosts", ""));
	f.r.h.start_ns = start_of(20);
	REC(&f.r, exec)->tty_major = 136;
	REC(&f.r, exec)->tty_minor = 3;
	REC(&f.r, exec)->cap_effective = 0x21;
	REC(&f.r, exec)->ns_pid = 4026531836;
	e = send(&f);
	p = process(e);
	CHECK_STREQ(p->name, "cat");
	CHECK_STREQ(p->executable, "/usr/bin/cat");
	CHECK_STREQ(p->requested, "/usr/bin/cat");
	CHECK_STREQ(p->command_line, "cat /etc/hosts ");
	CHECK_INT(p->args.len, 16);
	CHECK(!memcmp(p->args.p, "cat\0/etc/hosts\0", 16));
	CHECK_STREQ(p->cwd, "/home/test");
	CHECK_STREQ(p->tty, "pts/3");
	CHECK_INT(p->argc, 3);
	CHECK_INT(p->inode, 77);
	CHECK_INT(p->mode, 0755);
	CHECK_INT(p->loginuid, 1000);
	CHECK_INT(p->cap_effective, 0x21);
	CHECK_INT(p->ns_pid, 4026531836);
	CHECK_INT(p->start_ns, start_of(20));
	CHECK(parent(e) != NULL);
	CHECK_INT(parent(e)->exec_id, id(10, 2));
	CHECK_INT(parent(e)->pid, 0);
	CHECK(!parent(e)->name.p);
	end(&f);
}

static void fork_inherits_the_image(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	small_tree(&f);
	forks(&f, 20, 2, 30);
	e = opens(&f, 30, 1, id(20, 2));
	CHECK_STREQ(process(e)->name, "bash");
	CHECK_STREQ(process(e)->command_line, "-bash");
	CHECK_INT(process(e)->start_ns, start_of(30));
	CHECK_INT(parent(e)->pid, 20);
	CHECK_STREQ(parent(e)->name, "bash");
	CHECK_INT(parent(e)->args.len, 6);
	CHECK(!memcmp(parent(e)->args.p, "-bash", 6));
	CHECK_STR(ancestors(e), "bash sshd systemd");
	e = execs(&f, 30, 1, id(20, 2), "/usr/bin/id", ARGS("id"));
	CHECK_STREQ(process(e)->name, "id");
	CHECK_INT(parent(e)->pid, 20);
	CHECK_STR(ancestors(e), "bash sshd systemd");
	CHECK_INT(enrich_counter(f.b, "misses"), 0);
	end(&f);
}

#define CHECK_LIST(got, want)                                                                      \
	CHECK((got).len == sizeof(want) - 1 && !memcmp((got).p, want, sizeof(want) - 1))

static void ancestors_are_json(void)
{
	struct fix f;
	const struct ctx_lineage *l;
	struct event *e;

	start(&f, NULL);
	small_tree(&f);
	forks(&f, 20, 2, 30);
	e = opens(&f, 30, 1, id(20, 2));
	l = e->ctx[CTX_LINEAGE];
	CHECK_STREQ(l->ancestors,
		    "[{\"pid\":20,\"entity_id\":\"0000000000140002\",\"name\":\"bash\","
		    "\"executable\":\"/bin/bash\",\"command_line\":\"-bash\","
		    "\"start\":\"1970-01-01T00:00:01.000200000Z\"},"
		    "{\"pid\":10,\"entity_id\":\"00000000000a0002\",\"name\":\"sshd\","
		    "\"executable\":\"/usr/sbin/sshd\",\"command_line\":\"sshd -D\","
		    "\"start\":\"1970-01-01T00:00:01.000100000Z\"},"
		    "{\"pid\":1,\"entity_id\":\"0000000000010002\",\"name\":\"systemd\","
		    "\"executable\":\"/lib/systemd/systemd\",\"command_line\":\"/sbin/init\","
		    "\"start\":\"1970-01-01T00:00:01.000010000Z\"}]");
	/* For policies, by any_ancestor. */
	CHECK_LIST(l->executables, "/bin/bash\0/usr/sbin/sshd\0/lib/systemd/systemd\0");
	CHECK_LIST(l->command_lines, "-bash\0sshd -D\0/sbin/init\0");
	CHECK_LIST(l->args, "-bash\0sshd\0-D\0/sbin/init\0");
	end(&f);
}

/* The parent ends, and its entry is reaped: its child still shows it. */
static void parent_exits_first(void)
{
	struct fix f;
	struct event *e;

	start(&f, "linger=1s");
	small_tree(&f);
	forks(&f, 20, 2, 30);
	execs(&f, 30, 1, id(20, 2), "/usr/bin/sleep", ARGS("sleep", "9"));
	exits(&f, 20, 2);
	exits(&f, 10, 2);
	f.now += 5 * SEC;
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "entries"), 2);
	e = opens(&f, 30, 2, id(1, 2)); /* reparented: the header names init now */
	CHECK_STREQ(parent(e)->name, "bash");
	CHECK_INT(parent(e)->pid, 20);
	CHECK_STR(ancestors(e), "bash sshd systemd");
	forks(&f, 30, 2, 40);
	e = opens(&f, 40, 1, id(30, 2));
	CHECK_STR(ancestors(e), "sleep bash sshd systemd");
	end(&f);
}

/* The parent executes another program: children forked before show the image that forked them. */
static void parent_execs_after_the_fork(void)
{
	struct fix f;
	struct event *e;

	start(&f, "linger=1s");
	small_tree(&f);
	forks(&f, 20, 2, 30);
	execs(&f, 20, 2, id(10, 2), "/usr/bin/python3", ARGS("python3"));
	f.now += 5 * SEC;
	e = opens(&f, 30, 1, id(20, 3));
	CHECK_STREQ(parent(e)->name, "bash");
	CHECK_STREQ(process(e)->name, "bash");
	forks(&f, 20, 3, 31);
	e = opens(&f, 31, 1, id(20, 3));
	CHECK_STREQ(process(e)->name, "python3");
	CHECK_STR(ancestors(e), "python3 sshd systemd");
	end(&f);
}

static void exit_is_kept_for_late_events(void)
{
	struct fix f;
	struct event *e;

	start(&f, "linger=5s");
	small_tree(&f);
	e = exits(&f, 20, 2);
	CHECK_STREQ(process(e)->name, "bash");
	f.now += SEC;
	e = opens(&f, 20, 2, id(10, 2));
	CHECK_STREQ(process(e)->name, "bash");
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "gone"), 3); /* two first images and bash */
	f.now += 6 * SEC;
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "entries"), 2);
	CHECK_INT(enrich_counter(f.b, "gone"), 0);
	end(&f);
}

/* The exit of pid 20 is lost and the pid used again: the new process has nothing of the old. */
static void pid_reused(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	small_tree(&f);
	rec_fork(&f.r, 10, id(10, 2), 20, 0xabcdef);
	f.r.h.start_ns = start_of(10);
	REC(&f.r, fork)->child_start_ns = start_of(20) + 5 * SEC;
	send(&f);
	rec_open(&f.r, 20, 0xabcdef, "/etc/hosts", 0);
	f.r.h.start_ns = start_of(20) + 5 * SEC;
	e = send(&f);
	CHECK_STREQ(process(e)->name, "sshd");
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "lost_exits"), 1);
	/* And an unknown process under a pid that another has in the table. */
	rec_open(&f.r, 10, 0x777777, "/etc/hosts", 0);
	f.r.h.start_ns = start_of(10) + 9 * SEC;
	f.r.h.parent_exec_id = 0x99;
	e = send(&f);
	CHECK(!process(e)->name.p);
	CHECK_INT(parent(e)->exec_id, 0x99);
	end(&f);
}

static void a_million_forks_stay_bounded(void)
{
	struct fix f;
	uint64_t most = 0, bytes = 0;

	start(&f, "max_processes=1000,linger=5s");
	execs(&f, 1, 1, 0, "/sbin/init", ARGS("init"));
	/* Each child forks the next and exits: no ancestor of a living process may pile up. */
	for (uint32_t i = 1; i < 500000; i++) {
		forks(&f, i, i == 1 ? 2 : 1, i + 1);
		if (i > 1)
			exits(&f, i, 1);
		most = enrich_counter(f.b, "entries") > most ? enrich_counter(f.b, "entries")
							     : most;
	}
	/* Exits are lost, all of them. */
	for (uint32_t i = 0; i < 500000; i++) {
		forks(&f, 1, 2, 1000000 + i);
		if (i % 1000 == 0) {
			enrich_tick(f.b, f.now);
			bytes = enrich_counter(f.b, "bytes") > bytes ? enrich_counter(f.b, "bytes")
								     : bytes;
			most = enrich_counter(f.b, "entries") > most
				       ? enrich_counter(f.b, "entries")
				       : most;
		}
	}
	CHECK(most > 500);
	CHECK(most <= 1000);
	CHECK(bytes < 1000 * 60000);
	CHECK(enrich_counter(f.b, "evicted") > 0);
	CHECK_STREQ(process(opens(&f, 1, 2, 0))->name, "init");
	end(&f);
}

/* Full of processes whose exit was lost: those that do not exist go first. */
static void lost_exits_go_first(void)
{
	struct fix f;

	start(&f, "max_processes=100,check=10s");
	f.out.all_alive = false;
	fake_answer(&f.out, ASK_PROC_ALIVE, 1, start_of(1), "", 0);
	fake_answer(&f.out, ASK_PROC_ALIVE, 2, start_of(2), "", 0);
	execs(&f, 1, 1, 0, "/sbin/init", ARGS("init"));
	forks(&f, 1, 2, 2);
	for (uint32_t i = 0; i < 1000; i++)
		forks(&f, 1, 2, 10 + i);
	CHECK_STREQ(process(opens(&f, 2, 1, 0))->name, "init");
	CHECK_INT(enrich_counter(f.b, "evicted"), 0);
	/* The sweep finds the rest without need. */
	for (int i = 0; i < 40; i++) {
		f.now += 3 * SEC;
		enrich_tick(f.b, f.now);
	}
	CHECK_INT(enrich_counter(f.b, "entries"), 2);
	end(&f);
}

static void bytes_are_bounded(void)
{
	static char big[8000];
	struct fix f;
	struct event *e = NULL;

	memset(big, 'x', sizeof(big) - 1);
	start(&f, "max_bytes=1MiB,max_processes=2000");
	execs(&f, 1, 1, 0, "/sbin/init", ARGS("init"));
	for (uint32_t i = 2; i < 1000; i++) {
		forks(&f, 1, 2, i);
		e = execs(&f, i, 1, id(1, 2), "/tmp/prog", ARGS("prog", "short", big));
	}
	CHECK_STREQ(process(e)->name, "prog");
	CHECK_STREQ(process(e)->executable, "/tmp/prog");
	CHECK(process(e)->args.len == 11);
	CHECK(process(e)->exec_flags & 1u << EV_EXECF_ARGS_TRUNCATED);
	enrich_tick(f.b, f.now);
	CHECK(enrich_counter(f.b, "compacted") > 100);
	CHECK(enrich_counter(f.b, "bytes") < (1 << 20) + 1000 * 1500);
	end(&f);
}

static void depth_is_bounded(void)
{
	struct fix f;
	const struct ctx_lineage *l;
	struct event *e;
	int n = 0;

	start(&f, NULL);
	execs(&f, 1, 1, 0, "/sbin/init", ARGS("init"));
	for (uint32_t i = 1; i < 200; i++) {
		forks(&f, i, i == 1 ? 2 : 1, i + 1);
	}
	e = opens(&f, 200, 1, 0);
	l = e->ctx[CTX_LINEAGE];
	for (uint32_t i = 0; i < l->names.len; i++)
		n += !l->names.p[i];
	CHECK_INT(n, LINEAGE_DEPTH_MAX);
	CHECK(memmem(l->ancestors.p, l->ancestors.len, "},{\"truncated\":true}]", 21) != NULL);
	end(&f);
}

static void records_without_sense(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	/* A process that is its own parent, forks itself, replaces itself; a ring of parents. */
	rec_fork(&f.r, 5, 5, 5, 5);
	send(&f);
	rec_exec(&f.r, 5, 5, 5, 5, "/bin/a", ARGS("a"));
	e = send(&f);
	CHECK_STREQ(process(e)->name, "a");
	task(&f, 100, 1, 101, id(101, 1), "/bin/x");
	task(&f, 101, 1, 102, id(102, 1), "/bin/y");
	task(&f, 102, 1, 100, id(100, 1), "/bin/z");
	for (int i = 0; i < 100; i++) {
		e = opens(&f, 100 + (uint32_t)i % 3, 1, id(100 + ((uint32_t)i + 1) % 3, 1));
		CHECK_INT(process(e)->name.len, 1);
		task(&f, 200 + (uint32_t)i, 1, 1, id(1, 1), "/bin/w"); /* a new epoch */
	}
	end(&f);
}

static const struct test tests[] = {
	TEST(exec_gives_all_fields),
	TEST(fork_inherits_the_image),
	TEST(ancestors_are_json),
	TEST(parent_exits_first),
	TEST(parent_execs_after_the_fork),
	TEST(exit_is_kept_for_late_events),
	TEST(pid_reused),
	TEST(a_million_forks_stay_bounded),
	TEST(lost_exits_go_first),
	TEST(bytes_are_bounded),
	TEST(depth_is_bounded),
	TEST(records_without_sense),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
