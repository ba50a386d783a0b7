/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Programs that are executed again (known.h): whatever their record says otherwise is said of them
 * otherwise, and images are shared only where it says the same.
 */
#include "tests/harness/procs.h"

static const char *const args[] = { "cat", "/etc/hosts", NULL };

/* The exec of cat by process pid, not sent yet. */
static struct ev_exec *build(struct fix *f, uint32_t pid)
{
	rec_exec(&f->r, pid, id(pid, 1), id(pid, 2), 0, "/usr/bin/cat", args);
	f->r.h.start_ns = start_of(pid);
	REC(&f->r, exec)->ns_pid = 5;
	return REC(&f->r, exec);
}

static void same_program_shares_its_texts(void)
{
	struct fix f;
	const char *executable;
	const struct ctx_process *p;

	start(&f, NULL);
	build(&f, 20);
	executable = process(send(&f))->executable.p;
	for (uint32_t pid = 21; pid < 40; pid++) {
		build(&f, pid);
		p = process(send(&f));
		CHECK_STREQ(p->executable, "/usr/bin/cat");
		CHECK(p->executable.p == executable);
		CHECK_INT(p->start_ns, start_of(pid));
		CHECK_INT(p->ns_pid, 5);
		CHECK_INT(p->sid, pid);
		CHECK_INT(p->pgid, pid);
	}
	forks(&f, 39, 2,
	      60); /* a child has those of its parent, not those of the image's first process */
	CHECK_INT(process(opens(&f, 60, 1, id(39, 2)))->sid, 39);
	/* It lives as long as anybody runs it, and what is kept is let go at the end (no_leak). */
	for (uint32_t pid = 20; pid < 40; pid++)
		exits(&f, pid, 2);
	f.now += 100 * SEC;
	build(&f, 50);
	CHECK_STREQ(process(send(&f))->command_line, "cat /etc/hosts");
	end(&f);
}

/* Each member of the record that the process shows, one at a time. */
static void whatever_differs_is_told(void)
{
	const struct ctx_group_desc *g = schema_group(CTX_PROCESS);
	const struct event_kind *k = schema_kind(EV_EXEC);
	uint32_t pid = 20, told = 0;
	struct fix f;

	start(&f, NULL);
	build(&f, pid);
	send(&f);
	for (uint32_t i = 0; i < k->nfields; i++) {
		const struct field *from = &k->fields[i], *to = NULL;
		uint64_t was = 0, is = 0;

		for (uint32_t j = 0; j < g->nfields; j++)
			if (!strcmp(g->fields[j].member, from->member))
				to = &g->fields[j];
		if (!to || from->class == EV_CLASS_STR || from->class == EV_CLASS_PATH ||
		    from->class == EV_CLASS_LIST)
			continue;
		build(&f, ++pid);
		memcpy(&was, (char *)&f.r.h + from->offset, from->size);
		was ^= 1;
		memcpy((char *)&f.r.h + from->offset, &was, from->size);
		memcpy(&is, (const char *)process(send(&f)) + to->offset, to->size);
		CHECK_INT(is, was);
		told++;
		build(&f, ++pid); /* and that of before again */
		memcpy(&was, (char *)&f.r.h + from->offset, from->size);
		is = 0;
		memcpy(&is, (const char *)process(send(&f)) + to->offset, to->size);
		CHECK_INT(is, was);
	}
	CHECK(told > 20);
	end(&f);
}

static void texts_that_differ(void)
{
	struct fix f;
	struct event *e;

	start(&f, NULL);
	for (int round = 0; round < 3; round++) {
		e = execs(&f, 20, 1, 0, "/usr/bin/cat", ARGS("cat", "/etc/hosts"));
		CHECK_STREQ(process(e)->command_line, "cat /etc/hosts");
		e = execs(&f, 21, 1, 0, "/usr/bin/cat", ARGS("cat", "/etc/hostz"));
		CHECK_STREQ(process(e)->command_line, "cat /etc/hostz");
		e = execs(&f, 22, 1, 0, "/usr/bin/cat", ARGS("cat /etc/hosts"));
		CHECK_INT(process(e)->args.len, 15);
		e = execs(&f, 23, 1, 0, "/usr/bin/cau", ARGS("cat", "/etc/hosts"));
		CHECK_STREQ(process(e)->executable, "/usr/bin/cau");
		e = execs(&f, 24, 1, 0, "/usr/bin/cat", ARGS("cat", "--password", "hosts"));
		CHECK_STREQ(process(e)->command_line, "cat --password ***");
	}
	end(&f);
}

/* Images that were cut for want of room must not outlive the want, nor fill the room. */
static void without_room(void)
{
	static char word[800];
	char path[64];
	struct fix f;
	struct event *e = NULL;

	memset(word, 'a', sizeof(word) - 1);
	start(&f, "max_bytes=64KiB");
	for (uint32_t pid = 20; pid < 420; pid++) {
		snprintf(path, sizeof(path), "/usr/bin/p%u", pid % 100);
		e = execs(&f, pid, 1, 0, path, ARGS("p", word));
		CHECK_STREQ(process(e)->executable, path);
	}
	CHECK(process(e)->command_line.len < sizeof(word)); /* it was cut */
	for (uint32_t pid = 20; pid < 420; pid++)
		exits(&f, pid, 2);
	for (uint32_t pid = 500; pid < 502; pid++) {
		e = execs(&f, pid, 1, 0, path, ARGS("p", word));
		CHECK_INT(process(e)->command_line.len, sizeof(word) + 1);
	}
	end(&f);
}

/* What nobody runs any more must not take the room of what is running. */
static void let_go_for_room(void)
{
	static char word[640];
	char path[64];
	struct fix f;
	const struct ctx_lineage *l;

	memset(word, 'a', sizeof(word) - 1);
	start(&f, "max_bytes=64KiB,linger=1s");
	for (uint32_t pid = 20; pid < 420 && enrich_counter(f.b, "bytes") < 64 << 10; pid++) {
		snprintf(path, sizeof(path), "/usr/bin/p%u", pid);
		execs(&f, pid, 1, 0, path, ARGS("p", word));
		exits(&f, pid, 2);
		f.now += 10 * SEC;
		enrich_tick(f.b, f.now);
	}
	f.now += 100 * SEC;
	enrich_tick(f.b, f.now);
	CHECK_INT(enrich_counter(f.b, "entries"), 0);
	execs(&f, 500, 1, 0, path, ARGS("p", word));
	forks(&f, 500, 2, 501);
	l = opens(&f, 501, 1, id(500, 2))->ctx[CTX_LINEAGE];
	CHECK_INT(l->command_lines.len, sizeof("p ") - 1 + sizeof(word));
	end(&f);
}

static void too_long_to_be_kept(void)
{
	static char word[4000];
	struct fix f;
	struct event *e;

	memset(word, 'a', sizeof(word) - 1);
	start(&f, NULL);
	for (uint32_t pid = 20; pid < 24; pid++) {
		e = execs(&f, pid, 1, 0, "/usr/bin/p", ARGS("p", word));
		CHECK_INT(process(e)->command_line.len, sizeof(word) + 1);
	}
	end(&f);
}

static const struct test tests[] = {
	TEST(same_program_shares_its_texts),
	TEST(whatever_differs_is_told),
	TEST(texts_that_differ),
	TEST(without_room),
	TEST(let_go_for_room),
	TEST(too_long_to_be_kept),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
