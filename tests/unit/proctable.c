/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process table through its enricher: who an event is said to come from, in every order of
 * fork, exec and exit, with lost records, reused pids and hostile texts; and its bounds.
 */
#include <inttypes.h>

#include "enrichers/lineage.h"
#include "pipeline/encode.h"
#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const only_process[] = { "process", NULL };

struct fix {
	struct fake_outside out;
	struct bench_enrichers *b;
	struct rec r;
	uint64_t now;
};

static void start(struct fix *f, const char *options)
{
	fake_init(&f->out);
	f->out.all_alive = true;
	f->b = enrich_open(only_process, options, &f->out.out);
	f->now = 10 * SEC;
}

static void end(struct fix *f)
{
	enrich_close(f->b);
}

/* Sends what the test built; each record is 1 ms after the one before it. */
static struct event *send(struct fix *f)
{
	f->now += SEC / 1000;
	f->r.h.time_ns = f->now;
	return enrich(f->b, &f->r);
}

static uint64_t start_of(uint32_t pid)
{
	return SEC + pid * 10000ull;
}

/* parent: pid and image number of the one that forks. The first image of a process is 1. */
static uint64_t id(uint32_t pid, uint32_t image)
{
	return (uint64_t)pid << 16 | image;
}

static void forks(struct fix *f, uint32_t pid, uint32_t image, uint32_t child)
{
	rec_fork(&f->r, pid, id(pid, image), child, id(child, 1));
	f->r.h.start_ns = start_of(pid);
	REC(&f->r, fork)->child_start_ns = start_of(child);
	send(f);
}

static struct event *execs(struct fix *f, uint32_t pid, uint32_t old, uint64_t parent,
			   const char *exe, const char *const *args)
{
	rec_exec(&f->r, pid, id(pid, old), id(pid, old + 1), parent, exe, args);
	f->r.h.start_ns = start_of(pid);
	return send(f);
}

static struct event *opens(struct fix *f, uint32_t pid, uint32_t image, uint64_t parent)
{
	rec_open(&f->r, pid, id(pid, image), "/etc/hosts", 0);
	f->r.h.start_ns = start_of(pid);
	f->r.h.parent_exec_id = parent;
	return send(f);
}

static struct event *exits(struct fix *f, uint32_t pid, uint32_t image)
{
	rec_exit(&f->r, pid, id(pid, image), 0, 0);
	f->r.h.start_ns = start_of(pid);
	return send(f);
}

static void task(struct fix *f, uint32_t pid, uint32_t image, uint32_t ppid, uint64_t parent,
		 const char *exe)
{
	rec_begin(&f->r, EV_TASK);
	f->r.h.tgid = f->r.h.tid = pid;
	f->r.h.exec_id = id(pid, image);
	f->r.h.parent_exec_id = parent;
	f->r.h.start_ns = start_of(pid);
	f->r.h.hook = EV_HOOK_ITER;
	REC(&f->r, task)->ppid = ppid;
	rec_path(&f->r, &REC(&f->r, task)->executable, exe);
	rec_end(&f->r);
	send(f);
}

static const struct ctx_process *process(const struct event *e)
{
	return e->ctx[CTX_PROCESS];
}
static const struct ctx_parent *parent(const struct event *e)
{
	return e->ctx[CTX_PARENT];
}

/* "bash sshd": names of ancestors, for CHECK_STR. */
static const char *ancestors(const struct event *e)
{
	static char text[4096];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];

	if (!l)
		return "";
	if (l->names.len >= sizeof(text))
		abort();
	memcpy(text, l->names.p, l->names.len);
	for (uint32_t i = 0; i + 1 < l->names.len; i++)
		if (!text[i])
			text[i] = ' ';
	if (!l->names.len)
		text[0] = 0;
	return text;
}

/* systemd(1) -> sshd(10) -> bash(20), all from execs. */
static void small_tree(struct fix *f)
{
	execs(f, 1, 1, 0, "/lib/systemd/systemd", ARGS("/sbin/init"));
	forks(f, 1, 2, 10);
	execs(f, 10, 1, id(1, 2), "/usr/sbin/sshd", ARGS("sshd", "-D"));
	forks(f, 10, 2, 20);
	execs(f, 20, 1, id(10, 2), "/bin/bash", ARGS("-bash"));
}

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

/* No fork, no exec seen. /proc answers, but whether for this image only a later event tells. */
static void lost_start_waits_for_proof(void)
{
	struct fix f;
	struct event *e;
	uint64_t asked;

	start(&f, NULL);
	asked = f.now + SEC / 2;
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/usr/sbin/cron", 15);
	fake_answer(&f.out, ASK_PROC_ARGS, 50, start_of(50), "cron\0-f", 8);
	fake_answer(&f.out, ASK_PROC_CWD, 50, start_of(50), "/var\0deleted", 13);
	fake_answer(&f.out, ASK_NOW, 0, 0, &asked, 8);
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
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/usr/sbin/sshd", 15);
	fake_answer(&f.out, ASK_NOW, 0, 0, &asked, 8);
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
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/usr/sbin/cron", 15);
	fake_answer(&f.out, ASK_NOW, 0, 0, &asked, 8);
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
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/usr/sbin/cron", 15);
	fake_answer(&f.out, ASK_NOW, 0, 0, &asked, 8);
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
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/usr/sbin/cron", 15);
	fake_answer(&f.out, ASK_NOW, 0, 0, &asked, 8);
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
	CHECK(bytes < 1000 * 30000);
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

static bool has(struct str s, const char *text)
{
	return memmem(s.p, s.len, text, strlen(text)) != NULL;
}

static void hostile_texts(void)
{
	static char big[4000];
	struct fix f;
	const struct ctx_lineage *l;
	struct event *e;

	memset(big, 1, sizeof(big) - 1);
	start(&f, NULL);
	execs(&f, 1, 1, 0, "/tmp/a\"\n\x1b[31m\xff\xfe", ARGS("x\"\\\n", "\xc3", big));
	forks(&f, 1, 2, 2);
	forks(&f, 2, 1, 3);
	e = opens(&f, 3, 1, 0);
	CHECK_STREQ(process(e)->name, "a\"\n\x1b[31m\xff\xfe");
	l = e->ctx[CTX_LINEAGE];
	CHECK(has(l->ancestors, "\"name\":\"a\\\"\\n\\u001b[31m\\u"));
	CHECK(has(l->ancestors, "\"truncated\":true"));
	CHECK(has(l->ancestors, "\"encoded\":true"));
	for (uint32_t i = 0; i < l->ancestors.len; i++)
		CHECK((unsigned char)l->ancestors.p[i] >= 0x20);
	end(&f);
}

/* An anonymous file may have slashes in its name, which must not make it sshd. */
static void memfd_name_is_whole(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	rec_exec(&f.r, 20, id(20, 1), id(20, 2), 0, NULL, ARGS("x"));
	rec_bytes(&f.r, &REC(&f.r, exec)->executable, "memfd:x/sshd", 13);
	REC(&f.r, exec)->path_flags = 1u << EV_PATHF_PSEUDO | 1u << EV_PATHF_DELETED;
	rec_end(&f.r);
	e = send(&f);
	CHECK_STREQ(process(e)->executable, "memfd:x/sshd (deleted)");
	CHECK_STREQ(process(e)->name, "memfd:x/sshd");
	rec_exec(&f.r, 20, id(20, 2), id(20, 3), 0, "/tmp/evil", ARGS("x"));
	REC(&f.r, exec)->path_flags = 1u << EV_PATHF_DELETED;
	e = send(&f);
	CHECK_STREQ(process(e)->executable, "/tmp/evil (deleted)");
	CHECK_STREQ(process(e)->name, "evil");
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

static const char *line_of(struct fix *f, const char *const *args)
{
	static char text[1024];
	struct event *e = execs(f, 20, 1, 0, "/bin/x", args);
	struct str s = process(e)->command_line;

	CHECK(s.len < sizeof(text));
	memcpy(text, s.p, s.len);
	text[s.len] = 0;
	return text;
}

static void secrets_are_redacted(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	CHECK_STR(line_of(&f, ARGS("x", "--password=hunter2", "-v")), "x --password=*** -v");
	CHECK_STR(line_of(&f, ARGS("x", "--db-password", "hunter2", "-v")),
		  "x --db-password *** -v");
	CHECK_STR(line_of(&f, ARGS("x", "--password", "--verbose")), "x --password --verbose");
	CHECK_STR(line_of(&f, ARGS("env", "MYSQL_PASSWORD=a b", "true")),
		  "env MYSQL_PASSWORD=*** b true");
	CHECK_STR(line_of(&f, ARGS("/usr/bin/mysql", "-u", "root", "-pgeheim", "db")),
		  "/usr/bin/mysql -u root -p*** db");
	CHECK_STR(line_of(&f, ARGS("sshpass", "-p", "geheim", "ssh", "-p", "22", "h")),
		  "sshpass -p *** ssh -p 22 h");
	CHECK_STR(line_of(&f, ARGS("curl", "-H", "Authorization: Bearer abc.def-1=")),
		  "curl -H Authorization: Bearer ***");
	CHECK_STR(line_of(&f, ARGS("git", "clone", "https://me:tok@host/x")),
		  "git clone https://me:***@host/x");
	CHECK_STR(line_of(&f, ARGS("aws", "AKIAIOSFODNN7EXAMPLE")), "aws ***");
	CHECK_STR(line_of(&f, ARGS("x", "AWS_SECRET_ACCESS_KEY=wJalr/x+y")),
		  "x AWS_SECRET_ACCESS_KEY=***");
	CHECK_STR(line_of(&f, ARGS("ls", "-p", "/tmp", "--color=auto")), "ls -p /tmp --color=auto");
	e = execs(&f, 20, 1, 0, "/bin/x", ARGS("x", "--token", "t", "y"));
	CHECK_INT(process(e)->args.len, 16);
	CHECK(!memcmp(process(e)->args.p, "x\0--token\0***\0y", 16));
	end(&f);
}

static void patterns_of_the_user(void)
{
	struct fix f;

	start(&f, "redact_args=s+cret,redact_args=^x (\\S+) end$");
	CHECK_STR(line_of(&f, ARGS("a", "ssscret scret")), "a *** ***");
	CHECK_STR(line_of(&f, ARGS("x", "middle", "end")), "x *** end");
	CHECK_STR(line_of(&f, ARGS("x", "--password=shown")), "x --password=shown");
	end(&f);
	start(&f, "redact_args=^(a+)+$");
	CHECK_STR(line_of(&f, ARGS("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")), "***");
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "redact_gave_up"), 1);
	end(&f);
}

static void chosen_environment(void)
{
	struct fix f;
	struct event *e;
	static const char *const env[] = { "PATH=/bin", "LD_PRELOAD=/tmp/x.so",
					   "LD_X=1",    "API_TOKEN=abc\ndef",
					   "NOEQUALS",  "=odd",
					   NULL };

	start(&f, "env=LD_*,env=API_?OKEN");
	rec_exec(&f.r, 20, id(20, 1), id(20, 2), 0, "/bin/x", ARGS("x"));
	rec_list(&f.r, &REC(&f.r, exec)->env, env);
	rec_end(&f.r);
	e = send(&f);
	CHECK_INT(process(e)->env.len, 42);
	CHECK(!memcmp(process(e)->env.p, "LD_PRELOAD=/tmp/x.so\0LD_X=1\0API_TOKEN=***", 42));
	end(&f);
	start(&f, NULL);
	e = enrich(f.b, &f.r);
	CHECK(!process(e)->env.p); /* off by default */
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
	TEST(exec_gives_all_fields),
	TEST(fork_inherits_the_image),
	TEST(ancestors_are_json),
	TEST(parent_exits_first),
	TEST(parent_execs_after_the_fork),
	TEST(exit_is_kept_for_late_events),
	TEST(pid_reused),
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
	TEST(a_million_forks_stay_bounded),
	TEST(lost_exits_go_first),
	TEST(bytes_are_bounded),
	TEST(depth_is_bounded),
	TEST(hostile_texts),
	TEST(memfd_name_is_whole),
	TEST(records_without_sense),
	TEST(secrets_are_redacted),
	TEST(patterns_of_the_user),
	TEST(chosen_environment),
	TEST(questions_have_a_budget),
	TEST(kernel_threads_are_not_asked_for),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
