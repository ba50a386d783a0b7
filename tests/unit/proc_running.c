/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the process table tells of running processes: what their next event will show, and whether
 * that can still change.
 */
#include "tests/harness/procs.h"

struct line {
	uint32_t pid;
	bool found;
	char text[8192];
};

/* "/bin/sh: near /a /b | above /c whole" */
static void write_line(void *arg, const struct running *r)
{
	struct line *l = arg;
	char *p = l->text;

	if (r->pid != l->pid)
		return;
	CHECK(!l->found);
	l->found = true;
	CHECK_INT(r->start_ns, start_of(r->pid));
	p += sprintf(p, "%.*s%s:", (int)r->executable.len, r->executable.p, r->known ? "" : "?");
	for (uint32_t i = 0; i < r->nnear; i++)
		p += sprintf(p, " %.*s", (int)r->near[i].len, r->near[i].p);
	p += sprintf(p, " |");
	for (const char *at = r->above.p; at < r->above.p + r->above.len; at += strlen(at) + 1)
		p += sprintf(p, " %s", at);
	sprintf(p, "%s", r->whole ? " whole" : "");
}

static const char *line(struct fix *f, uint32_t pid)
{
	static struct line l;

	l = (struct line){ .pid = pid };
	enrich_running(f->b, write_line, &l);
	return l.found ? l.text : "none";
}

static void pass(struct fix *f)
{
	f->now += 5 * SEC;
	enrich_tick(f->b, f->now);
}

static void ancestors_that_ended(void)
{
	struct fix f;

	start(&f, "linger=1s");
	small_tree(&f);
	forks(&f, 20, 2, 30);
	execs(&f, 30, 1, id(20, 2), "/usr/bin/sleep", ARGS("sleep", "9"));
	forks(&f, 30, 2, 40);
	exits(&f, 20, 2);
	exits(&f, 10, 2);
	exits(&f, 30, 2);
	CHECK_STR(line(&f, 30),
		  "/usr/bin/sleep: | /bin/bash /usr/sbin/sshd /lib/systemd/systemd whole");
	opens(&f, 40, 1, id(1, 2)); /* and so it has ended when this asks */
	CHECK_STR(line(&f, 30), "none");
	pass(&f);
	CHECK_STR(line(&f, 40), "/usr/bin/sleep: | /usr/bin/sleep /bin/bash /usr/sbin/sshd "
				"/lib/systemd/systemd whole");
	CHECK_STR(line(&f, 1), "/lib/systemd/systemd: | whole");
	end(&f);
}

/* Found by the scan, without an event yet: by way of their parents. */
static void found_running(void)
{
	struct fix f;

	start(&f, "linger=1s");
	task(&f, 30, 5, 20, id(20, 3), "/bin/cat");
	CHECK_STR(line(&f, 30), "/bin/cat: |");
	task(&f, 1, 2, 0, 0, "/sbin/init");
	task(&f, 20, 3, 1, id(1, 2), "/bin/bash");
	CHECK_STR(line(&f, 30), "/bin/cat: /bin/bash /sbin/init | whole");
	opens(&f, 20, 3, id(1, 2));
	CHECK_STR(line(&f, 30), "/bin/cat: /bin/bash | /sbin/init whole");
	opens(&f, 30, 5, id(20, 3));
	CHECK_STR(line(&f, 30), "/bin/cat: | /bin/bash /sbin/init whole");
	task(&f, 2, 1, 0, 0, NULL);
	end(&f);
}

/* While a parent that executed another program lingers its child's next event shows it as it was,
 * afterwards as it is. Once shown it stays. */
static void parent_that_changed(void)
{
	struct fix f;

	start(&f, "linger=1s");
	task(&f, 1, 2, 0, 0, "/sbin/init");
	task(&f, 20, 3, 1, id(1, 2), "/bin/bash");
	task(&f, 30, 1, 20, id(20, 3), "/bin/cat");
	task(&f, 31, 1, 20, id(20, 3), "/bin/cat");
	opens(&f, 31, 1, id(20, 3));
	execs(&f, 20, 3, id(1, 2), "/bin/other", ARGS("other"));
	CHECK_STR(line(&f, 30), "/bin/cat: |");
	CHECK_STR(line(&f, 31), "/bin/cat: | /bin/bash /sbin/init whole");
	pass(&f);
	CHECK_STR(line(&f, 30), "/bin/cat: /bin/other | /sbin/init whole");
	CHECK_STR(ancestors(opens(&f, 30, 1, id(20, 4))), "other init");
	CHECK_STR(ancestors(opens(&f, 31, 1, id(20, 4))), "bash init");
	execs(&f, 20, 4, id(1, 2), "/bin/third", ARGS("third"));
	pass(&f);
	CHECK_STR(ancestors(opens(&f, 30, 1, id(20, 5))), "other init");
	CHECK_STR(line(&f, 31), "/bin/cat: | /bin/bash /sbin/init whole");
	end(&f);
}

/* A program, or an ancestor's, that will be known later, or never. */
static void unknown_programs(void)
{
	struct fix f;

	start(&f, "linger=1s");
	small_tree(&f);
	fake_answer(&f.out, ASK_PROC_EXE, 50, start_of(50), "/bin/lost", 10);
	fake_answer(&f.out, ASK_NOW, 0, 0, &(uint64_t){ f.now + SEC / 10 }, 8);
	opens(&f, 50, 3, id(20, 2)); /* neither fork nor exec was seen */
	forks(&f, 50, 3, 60);
	execs(&f, 60, 1, id(50, 3), "/bin/child", ARGS("child"));
	CHECK_STR(line(&f, 50), "?: | /bin/bash /usr/sbin/sshd /lib/systemd/systemd whole");
	CHECK_STR(line(&f, 60), "/bin/child: | /bin/bash /usr/sbin/sshd /lib/systemd/systemd");
	f.now += SEC;
	opens(&f, 50, 3, id(20, 2));
	opens(&f, 60, 2, id(50, 3));
	CHECK_STR(line(&f, 60),
		  "/bin/child: | /bin/lost /bin/bash /usr/sbin/sshd /lib/systemd/systemd whole");
	opens(&f, 70, 1, 0x1234); /* nor is its parent known */
	CHECK_STR(line(&f, 70), "?: |");
	end(&f);
}

/* Deeper than a lineage may be, in or above it. */
static void too_deep(void)
{
	struct fix f;
	uint32_t pid;

	start(&f, NULL);
	small_tree(&f);
	for (pid = 20; pid < 100; pid++)
		forks(&f, pid, pid == 20 ? 2 : 1, pid + 1);
	CHECK(strstr(line(&f, 60), "whole"));
	CHECK(!strstr(line(&f, 100), "whole"));
	end(&f);
	start(&f, NULL);
	task(&f, 1, 1, 0, 0, "/a");
	for (pid = 3; pid < 100; pid++)
		task(&f, pid, 1, pid == 3 ? 1 : pid - 1, id(pid == 3 ? 1 : pid - 1, 1), "/a");
	CHECK(strstr(line(&f, 60), "whole"));
	CHECK(!strstr(line(&f, 99), "whole"));
	end(&f);
}

static const struct test tests[] = {
	TEST(ancestors_that_ended), TEST(found_running), TEST(parent_that_changed),
	TEST(unknown_programs),     TEST(too_deep),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
