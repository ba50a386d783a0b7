/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Processes that the stream did not tell of from the start: those that ran before, and those whose
 * fork or exec was lost. What /proc is asked, and when its answer counts.
 */
#include "tests/harness/procs.h"

/* What /proc says of the program of process 50, which the stream did not tell of, and the time at
 * which it is asked; both must stay. */
static void answer_of_50(struct fix *f, const char *program, const uint64_t *asked)
{
	fake_answer(&f->out, ASK_PROC_EXE, 50, start_of(50), program,
		    (uint32_t)strlen(program) + 1);
	fake_answer(&f->out, ASK_NOW, 0, 0, asked, sizeof(*asked));
}

/* No fork, no exec seen. /proc answers, but whether for this image only a later event tells. */
static void lost_start_waits_for_proof(void)
{
	struct fix f;
	struct event *e;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now + SEC / 2;
	answer_of_50(&f, "/usr/sbin/cron", &asked);
	fake_answer(&f.out, ASK_PROC_ARGS, 50, start_of(50), "cron\0-f", 8);
	fake_answer(&f.out, ASK_PROC_CWD, 50, start_of(50), "/var\0deleted", 13);
	e = opens(&f, 50, 4, id(1, 2));
	CHECK(!process(e)->name.p);
	CHECK(!process(e)->executable.p);
	CHECK_INT(parent(e)->exec_id, id(1, 2));
	e = opens(&f, 50, 4, id(1, 2));
	CHECK(!process(e)->executable.p); /* not yet past the question */
	f.now = asked;
	e = opens(&f, 50, 4, id(1, 2));
	CHECK_STREQ(process(e)->executable, "/usr/sbin/cron");
	CHECK_STREQ(process(e)->name, "cron");
	CHECK_STREQ(process(e)->command_line, "cron -f");
	CHECK_STREQ(process(e)->cwd, "/var");
	CHECK_INT(enrich_counter(f.b, "confirmed"), 1);
	CHECK_INT(f.out.asked[ASK_PROC_EXE], 1);
	end(&f);
}

/* The process executed another program before the answer: the answer is not the old image's. */
static void answer_of_the_next_image_is_dropped(void)
{
	struct fix f;
	struct event *e;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now + SEC / 2;
	answer_of_50(&f, "/usr/sbin/sshd", &asked);
	opens(&f, 50, 4, id(1, 2));
	forks(&f, 50, 4, 51);
	e = execs(&f, 50, 4, id(1, 2), "/usr/sbin/sshd", ARGS("sshd"));
	CHECK_STREQ(process(e)->name, "sshd");
	f.now = asked + SEC;
	e = opens(&f, 51, 1, id(50, 5));
	CHECK(!process(e)->name.p);
	CHECK(!parent(e)->name.p);
	CHECK_INT(parent(e)->pid, 50);
	CHECK_INT(enrich_counter(f.b, "confirmed"), 0);
	end(&f);
}

/* A child's event names its parent's image: that proves the parent's pending answer too. */
static void child_proves_the_parent(void)
{
	struct fix f;
	struct event *e;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now + SEC / 2;
	answer_of_50(&f, "/usr/sbin/cron", &asked);
	opens(&f, 50, 4, id(1, 2));
	forks(&f, 50, 4, 51);
	f.now = asked;
	e = opens(&f, 51, 1, id(50, 4));
	CHECK_STREQ(process(e)->name, "cron");
	CHECK_STREQ(parent(e)->name, "cron");
	CHECK_STR(ancestors(e), "cron");
	end(&f);
}

static void idle_process_is_proven_by_silence(void)
{
	struct fix f;
	struct event *e;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now;
	answer_of_50(&f, "/usr/sbin/cron", &asked);
	task(&f, 50, 4, 1, id(1, 2), NULL);
	task(&f, 60, 1, 50, id(50, 4), "/bin/sh");
	enrich_tick(f.b, f.now + SEC);
	e = opens(&f, 60, 1, 0);
	CHECK_STR(ancestors(e), "");
	enrich_tick(f.b, f.now + 4 * SEC);
	e = opens(&f, 60, 1, 0);
	CHECK_STR(ancestors(e), "cron");
	CHECK_STREQ(parent(e)->executable, "/usr/sbin/cron");
	end(&f);
}

static void lost_exec_forbids_proof_by_silence(void)
{
	struct fix f;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now;
	answer_of_50(&f, "/usr/sbin/cron", &asked);
	task(&f, 50, 4, 1, id(1, 2), NULL);
	rec_loss(&f.r, EV_EXEC, 0, 3);
	send(&f);
	enrich_tick(f.b, f.now + 60 * SEC);
	CHECK_INT(enrich_counter(f.b, "confirmed"), 0);
	end(&f);
}

static void tasks_in_any_order(void)
{
	static const uint32_t order[][4] = { { 1, 10, 20, 30 },
					     { 30, 20, 10, 1 },
					     { 20, 1, 30, 10 } };
	static const struct {
		uint32_t pid, ppid;
		const char *exe;
	} t[] = { { 1, 0, "/sbin/init" },
		  { 10, 1, "/usr/sbin/sshd" },
		  { 20, 10, "/bin/bash" },
		  { 30, 20, "/usr/bin/vi" } };

	for (int o = 0; o < 3; o++) {
		for (int named = 0; named < 2; named++) {
			struct fix f;
			struct event *e;

			start(&f, NULL);
			for (int i = 0; i < 4; i++)
				for (int j = 0; j < 4; j++)
					if (t[j].pid == order[o][i])
						/* named 0: the parent's exec_id is of no use */
						task(&f, t[j].pid, 7, t[j].ppid,
						     named ? id(t[j].ppid, 7) : 0xdead, t[j].exe);
			e = opens(&f, 30, 7, 0);
			CHECK_STREQ(process(e)->name, "vi");
			CHECK_INT(parent(e)->pid, 20);
			CHECK_STREQ(parent(e)->name, "bash");
			CHECK_STR(ancestors(e), "bash sshd init");
			e = opens(&f, 1, 7, 0);
			CHECK(!parent(e));
			end(&f);
		}
	}
}

static void task_without_args(struct fix *f, uint32_t pid)
{
	rec_begin(&f->r, EV_TASK);
	f->r.h.tgid = f->r.h.tid = pid;
	f->r.h.exec_id = id(pid, 7);
	f->r.h.start_ns = start_of(pid);
	REC(&f->r, task)->exec_flags = 1u << EV_EXECF_ARGS_UNREAD;
	rec_path(&f->r, &REC(&f->r, task)->executable, "/usr/bin/vi");
	rec_end(&f->r);
	send(f);
}

/* The kernel does not read arguments of who runs already: /proc does, and the next scan proves. */
static void arguments_of_running_processes(void)
{
	static const struct {
		const char *answer;
		uint32_t len, flags;
		uint64_t argc;
		const char *line;
	} cases[] = {
		{ "vi\0a b", 7, 0, 2, "vi a b" },
		{ "vi\0a b", 6, 1u << EV_EXECF_ARGS_TRUNCATED, 0, "vi a b" },
		{ NULL, 0, 1u << EV_EXECF_ARGS_UNREAD, 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t now = 11 * SEC;
		struct event *e;
		struct fix f;

		start(&f, NULL);
		fake_answer(&f.out, ASK_NOW, 0, 0, &now, sizeof(now));
		if (cases[i].answer)
			fake_answer(&f.out, ASK_PROC_ARGS, 30, start_of(30), cases[i].answer,
				    cases[i].len);
		task_without_args(&f, 30);
		e = opens(&f, 30, 7, 0);
		CHECK_STREQ(process(e)->name, "vi");
		CHECK_INT(process(e)->args.len, 0);
		CHECK_INT(process(e)->exec_flags, 1u << EV_EXECF_ARGS_UNREAD);
		f.now = now;
		task_without_args(&f, 30);
		e = opens(&f, 30, 7, 0);
		CHECK_STREQ(process(e)->name, "vi");
		CHECK_INT(process(e)->exec_flags, cases[i].flags);
		CHECK_INT(process(e)->argc, cases[i].argc);
		if (*cases[i].line)
			CHECK_STREQ(process(e)->command_line, cases[i].line);
		else
			CHECK(!process(e)->command_line.len);
		end(&f);
	}
}

/* Under the parent's pid is a process that started after the child: the parent's is used again. */
static void younger_parent_is_another_process(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	task(&f, 50, 1, 1, id(1, 1), "/bin/late");
	task(&f, 40, 1, 50, 0xdead, "/bin/child");
	e = opens(&f, 40, 1, 0);
	CHECK_INT(parent(e)->pid, 50);
	CHECK_INT(parent(e)->exec_id, 0xdead);
	CHECK(!parent(e)->name.p);
	CHECK_STR(ancestors(e), "");
	end(&f);
}

/* An event of a process comes before its TASK record, an exec and a fork before and after. */
static void tasks_among_events(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	e = opens(&f, 30, 7, id(20, 7));
	CHECK(!process(e)->name.p);
	task(&f, 30, 7, 20, id(20, 7), "/usr/bin/vi");
	e = opens(&f, 30, 7, id(20, 7));
	CHECK_STREQ(process(e)->name, "vi");
	CHECK_STR(ancestors(e), "");
	task(&f, 20, 7, 1, id(1, 7), "/bin/bash");
	e = opens(&f, 30, 7, id(20, 7));
	CHECK_STR(ancestors(e), "bash");
	CHECK_INT(parent(e)->pid, 20);
	/* What the stream says is better than what the iterator finds later. */
	forks(&f, 30, 7, 40);
	execs(&f, 40, 1, id(30, 7), "/bin/ls", ARGS("ls"));
	task(&f, 40, 2, 1, id(1, 7), "/bin/other");
	e = opens(&f, 40, 2, 0);
	CHECK_STREQ(process(e)->name, "ls");
	CHECK_STR(ancestors(e), "vi bash");
	/* A process that ended before the iterator's word came does not come back. */
	exits(&f, 40, 2);
	task(&f, 40, 2, 1, id(1, 7), "/bin/other");
	f.now += 60 * SEC;
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "entries"), 2);
	end(&f);
}

/* The exec of a known process is lost; its next event has an exec_id nobody knows. */
static void lost_exec_keeps_the_parent(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	small_tree(&f);
	e = opens(&f, 20, 5, id(1, 2));
	CHECK(!process(e)->name.p);
	CHECK_STREQ(parent(e)->name, "sshd");
	e = execs(&f, 20, 5, id(1, 2), "/bin/ls", ARGS("ls"));
	CHECK_STREQ(process(e)->name, "ls");
	CHECK_STR(ancestors(e), "sshd systemd");
	end(&f);
}

/* A late event of an image never seen must not push out the one that is running. */
static void late_unknown_image(void)
{
	struct fix f;
	struct event *e;

	start(&f, "linger=1s");
	small_tree(&f);
	opens(&f, 20, 9, id(10, 2));
	f.now += SEC / 10;
	e = opens(&f, 20, 2, id(10, 2));
	CHECK_STREQ(process(e)->name, "bash");
	f.now += 10 * SEC;
	enrich_tick(f.b, f.now);
	e = opens(&f, 20, 2, id(10, 2));
	CHECK_STREQ(process(e)->name, "bash");
	end(&f);
}

static void questions_have_a_budget(void)
{
	struct fix f;

	start(&f, "ask_rate=10");
	f.now = 100 * SEC;
	for (uint32_t i = 0; i < 500; i++)
		opens(&f, 1000 + i, 1, 0);
	CHECK_INT(enrich_counter(f.b, "asked"), 10);
	CHECK_INT(enrich_counter(f.b, "not_asked"), 490);
	f.now = 102 * SEC;
	opens(&f, 5000, 1, 0);
	CHECK_INT(enrich_counter(f.b, "asked"), 11);
	end(&f);
}

static void kernel_threads_are_not_asked_for(void)
{
	struct fix f;

	start(&f, NULL);
	rec_begin(&f.r, EV_TASK);
	REC(&f.r, task)->exec_flags = 1u << EV_EXECF_KTHREAD;
	REC(&f.r, task)->ppid = 2;
	rec_end(&f.r);
	send(&f);
	CHECK_INT(f.out.asked[ASK_PROC_EXE], 0);
	end(&f);
}

static const struct test tests[] = {
	TEST(lost_start_waits_for_proof),
	TEST(answer_of_the_next_image_is_dropped),
	TEST(child_proves_the_parent),
	TEST(idle_process_is_proven_by_silence),
	TEST(lost_exec_forbids_proof_by_silence),
	TEST(tasks_in_any_order),
	TEST(arguments_of_running_processes),
	TEST(younger_parent_is_another_process),
	TEST(tasks_among_events),
	TEST(lost_exec_keeps_the_parent),
	TEST(late_unknown_image),
	TEST(questions_have_a_budget),
	TEST(kernel_threads_are_not_asked_for),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
