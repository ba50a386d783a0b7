/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The cgroup enricher's cache: records, questions, removal, expiry, bounds, hierarchies.
 */
#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const only_cgroup[] = { "cgroup", NULL };

enum { MADE, RENAMED, REMOVED };

static void change(struct bench_enrichers *b, uint64_t now, uint64_t id, uint32_t hierarchy,
		   const char *path, int what)
{
	static struct rec r;

	rec_begin(&r, EV_CGROUP);
	r.h.time_ns = now;
	REC(&r, cgroup)->id = id;
	REC(&r, cgroup)->hierarchy = hierarchy;
	REC(&r, cgroup)->removed = what == REMOVED;
	REC(&r, cgroup)->renamed = what == RENAMED;
	rec_str(&r, &REC(&r, cgroup)->path, path);
	rec_end(&r);
	CHECK(!enrich(b, &r)->ctx[CTX_CGROUP]);
}

static const struct ctx_cgroup *open_in(struct bench_enrichers *b, uint64_t now, uint64_t id,
					uint32_t hierarchy)
{
	static struct rec r;

	rec_open(&r, 7, 0x70, "/etc/hosts", 0);
	r.h.time_ns = now;
	r.h.cgroup_id = id;
	r.h.cgroup_hierarchy = hierarchy;
	return enrich(b, &r)->ctx[CTX_CGROUP];
}

static void record_before_the_process(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	const struct ctx_cgroup *c;

	fake_init(&f);
	b = enrich_open(only_cgroup, NULL, &f.out);
	change(b, SEC, 77, 0, "/docker/" HEX, MADE);
	c = open_in(b, SEC, 77, 0);
	CHECK_INT(c->id, 77);
	CHECK_STREQ(c->path, "/docker/" HEX);
	CHECK_STREQ(c->container_id, HEX);
	CHECK_STREQ(c->runtime, "docker");
	CHECK(!c->unit.len && !c->pod_uid.len);
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 0);
	change(b, SEC, 77, 0, "/system.slice/ssh.service", RENAMED);
	c = open_in(b, SEC, 77, 0);
	CHECK_STREQ(c->unit, "ssh.service");
	CHECK(!c->container_id.len);
	enrich_close(b);
}

static void removed_stays_for_late_events(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	b = enrich_open(only_cgroup, "linger=5s", &f.out);
	change(b, 10 * SEC, 77, 0, "/a", MADE);
	change(b, 11 * SEC, 77, 0, NULL, REMOVED);
	CHECK_STREQ(open_in(b, 14 * SEC, 77, 0)->path, "/a");
	enrich_tick(b, 17 * SEC);
	CHECK(!open_in(b, 17 * SEC, 77, 0)->path.len);
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 1);
	change(b, 18 * SEC, 78, 0, "/seen-only-at-its-end", REMOVED);
	CHECK_STREQ(open_in(b, 18 * SEC, 78, 0)->path, "/seen-only-at-its-end");
	enrich_close(b);
}

static void hierarchies_are_apart(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	fake_answer(&f, ASK_CGROUP_PATH, 5, 0, "/two", 4);
	fake_answer(&f, ASK_CGROUP_PATH, 5, 4, "/docker/" HEX, 72);
	b = enrich_open(only_cgroup, NULL, &f.out);
	CHECK_STREQ(open_in(b, SEC, 5, 0)->path, "/two");
	CHECK_STREQ(open_in(b, SEC, 5, 4)->container_id, HEX);
	CHECK(!open_in(b, SEC, 5, 3)->path.len);
	/* An id that falls on the key of another hierarchy's gets nothing, not the other's path. */
	CHECK(!open_in(b, SEC, 5ull ^ 4ull << 48, 0));
	CHECK(!open_in(b, SEC, 0, 0));
	enrich_close(b);
}

static void answers_expire(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	b = enrich_open(only_cgroup, "expiry=60s,missing=5s", &f.out);
	CHECK(!open_in(b, 10 * SEC, 5, 0)->path.len);
	CHECK_INT(open_in(b, 10 * SEC, 5, 0)->id, 5);
	fake_answer(&f, ASK_CGROUP_PATH, 5, 0, "/x", 2);
	CHECK(!open_in(b, 14 * SEC, 5, 0)->path.len);
	CHECK_STREQ(open_in(b, 15 * SEC, 5, 0)->path, "/x");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 2);
	fake_answer(&f, ASK_CGROUP_PATH, 5, 0, "/y", 2);
	CHECK_STREQ(open_in(b, 74 * SEC, 5, 0)->path, "/x");
	CHECK_STREQ(open_in(b, 76 * SEC, 5, 0)->path, "/y");
	enrich_close(b);
}

/* What lies below a renamed cgroup has another path too, whoever told of its old one. */
static void renamed_parent(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/d/a/asked", 10);
	fake_answer(&f, ASK_CGROUP_PATH, 14, 4, "/da", 3);
	b = enrich_open(only_cgroup, "linger=60s", &f.out);
	change(b, SEC, 10, 4, "/d/a", MADE);
	change(b, SEC, 11, 4, "/d/a/child", MADE);
	change(b, SEC, 12, 4, "/d/a/gone", MADE);
	change(b, SEC, 11, 0, "/d/a/of-v2", MADE);
	change(b, 2 * SEC, 12, 4, NULL, REMOVED);
	CHECK_STREQ(open_in(b, 2 * SEC, 13, 4)->path, "/d/a/asked");
	CHECK_STREQ(open_in(b, 2 * SEC, 14, 4)->path, "/da");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 2);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/d/b/asked", 10);
	change(b, 3 * SEC, 10, 4, "/d/b", RENAMED);
	CHECK_STREQ(open_in(b, 3 * SEC, 10, 4)->path, "/d/b");
	CHECK_STREQ(open_in(b, 3 * SEC, 14, 4)->path, "/da");
	CHECK_STREQ(open_in(b, 3 * SEC, 12, 4)->path, "/d/a/gone");
	CHECK_STREQ(open_in(b, 3 * SEC, 11, 0)->path, "/d/a/of-v2");
	CHECK_STREQ(open_in(b, 3 * SEC, 11, 4)->path, "/d/b/child");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 2);
	CHECK_STREQ(open_in(b, 3 * SEC, 13, 4)->path, "/d/b/asked");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 3);
	/* Two change places, by way of a third name; then the same name again. */
	change(b, 4 * SEC, 20, 4, "/d/c", MADE);
	change(b, 4 * SEC, 21, 4, "/d/c/child", MADE);
	change(b, 4 * SEC, 10, 4, "/d/x", RENAMED);
	change(b, 4 * SEC, 20, 4, "/d/b", RENAMED);
	change(b, 4 * SEC, 10, 4, "/d/c", RENAMED);
	change(b, 4 * SEC, 10, 4, "/d/c", RENAMED);
	CHECK_STREQ(open_in(b, 4 * SEC, 11, 4)->path, "/d/c/child");
	CHECK_STREQ(open_in(b, 4 * SEC, 21, 4)->path, "/d/b/child");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 3);
	enrich_close(b);
}

/* Where no record told the old name, all that lies beside the new one is asked for again. */
static void renamed_unknown(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/d/a/x", 6);
	fake_answer(&f, ASK_CGROUP_PATH, 9, 4, "/d", 2);
	b = enrich_open(only_cgroup, NULL, &f.out);
	change(b, SEC, 11, 4, "/d/a", MADE);
	CHECK_STREQ(open_in(b, SEC, 13, 4)->path, "/d/a/x");
	fake_answer(&f, ASK_CGROUP_PATH, 11, 4, "/e/a", 4);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/e/a/x", 6);
	change(b, 4 * SEC, 9, 4, "/e", RENAMED); /* never seen */
	CHECK_STREQ(open_in(b, 4 * SEC, 11, 4)->path, "/e/a");
	CHECK_STREQ(open_in(b, 4 * SEC, 13, 4)->path, "/e/a/x");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 3);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/g/a/x", 6);
	change(b, 5 * SEC, 9, 4, NULL, RENAMED); /* its name is not told */
	CHECK_STREQ(open_in(b, 5 * SEC, 13, 4)->path, "/g/a/x");
	fake_answer(&f, ASK_CGROUP_PATH, 9, 4, "/h", 2);
	fake_answer(&f, ASK_CGROUP_PATH, 13, 4, "/h/a/x", 6);
	change(b, 6 * SEC, 9, 4, NULL, REMOVED);
	change(b, 6 * SEC, 8, 4, "/h", RENAMED);
	CHECK_STREQ(open_in(b, 6 * SEC, 13, 4)->path, "/h/a/x");
	enrich_close(b);
}

/* The new path would be longer than a path may be: it is asked for. */
static void renamed_too_long(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	char path[EV_PATH_MAX + 1] = "/a/";

	fake_init(&f);
	b = enrich_open(only_cgroup, NULL, &f.out);
	memset(path + 3, 'x', EV_STR_MAX - 10);
	change(b, SEC, 5, 4, "/a", MADE);
	change(b, SEC, 6, 4, path, MADE);
	memset(path + 1, 'y', EV_STR_MAX - 10);
	change(b, SEC, 5, 4, path, RENAMED);
	CHECK(!open_in(b, SEC, 6, 4)->path.len);
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 1);
	CHECK_STREQ(open_in(b, SEC, 5, 4)->path, path);
	enrich_close(b);
}

static void lose(struct bench_enrichers *b, uint64_t now, uint16_t kind)
{
	static struct rec r;

	rec_begin(&r, EV_LOSS);
	r.h.time_ns = now;
	REC(&r, loss)->lost_kind = kind;
	REC(&r, loss)->count = 1;
	rec_end(&r);
	enrich(b, &r);
}

/* A rename may have been lost with the others: whoever told of a path, it is asked for again. */
static void renamed_unseen(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	fake_answer(&f, ASK_CGROUP_PATH, 12, 4, "/d/a/asked", 10);
	b = enrich_open(only_cgroup, "missing=5s", &f.out);
	change(b, SEC, 10, 4, "/d/a", MADE);
	change(b, SEC, 11, 4, "/d/a/child", MADE);
	change(b, SEC, 13, 4, "/d/a/gone", MADE);
	change(b, SEC, 14, 4, "/d/a/unseen", MADE);
	change(b, SEC, 13, 4, NULL, REMOVED);
	CHECK_STREQ(open_in(b, 2 * SEC, 12, 4)->path, "/d/a/asked");
	fake_answer(&f, ASK_CGROUP_PATH, 11, 4, "/d/b/child", 10);
	fake_answer(&f, ASK_CGROUP_PATH, 12, 4, "/d/b/asked", 10);
	lose(b, 2 * SEC, EV_OPEN);
	CHECK_STREQ(open_in(b, 2 * SEC, 11, 4)->path, "/d/a/child");
	CHECK_STREQ(open_in(b, 2 * SEC, 12, 4)->path, "/d/a/asked");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 1);
	lose(b, 2 * SEC, EV_CGROUP);
	for (int i = 0; i < 2; i++) {
		CHECK_STREQ(open_in(b, 2 * SEC, 11, 4)->path, "/d/b/child");
		CHECK_STREQ(open_in(b, 2 * SEC, 12, 4)->path, "/d/b/asked");
		CHECK_STREQ(open_in(b, 2 * SEC, 13, 4)->path, "/d/a/gone");
		CHECK_STREQ(open_in(b, 2 * SEC, 14, 4)->path, "/d/a/unseen"); /* so is its end */
	}
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 4);
	CHECK_STREQ(open_in(b, 8 * SEC, 14, 4)->path, "/d/a/unseen");
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 5);
	fake_answer(&f, ASK_CGROUP_PATH, 11, 4, "/d/c/child", 10);
	lose(b, 8 * SEC, EV_NONE);
	CHECK_STREQ(open_in(b, 8 * SEC, 11, 4)->path, "/d/c/child");
	enrich_close(b);
}

static void bounded(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	char path[32];

	fake_init(&f);
	b = enrich_open(only_cgroup, "max_cgroups=100", &f.out);
	for (uint64_t i = 1; i < 10000; i++) {
		snprintf(path, sizeof(path), "/g%u", (unsigned)i);
		change(b, SEC + i, i, 0, path, MADE);
		if (i % 3 == 0)
			change(b, SEC + i, i, 0, path, REMOVED);
		CHECK_STREQ(open_in(b, SEC + i, i, 0)->path, path);
	}
	enrich_tick(b, 2 * SEC);
	CHECK_INT(enrich_counter(b, "entries"), 100);
	CHECK(enrich_counter(b, "evicted") > 9000);
	enrich_close(b);
}

static const struct test tests[] = {
	TEST(record_before_the_process),
	TEST(removed_stays_for_late_events),
	TEST(hierarchies_are_apart),
	TEST(answers_expire),
	TEST(renamed_parent),
	TEST(renamed_unknown),
	TEST(renamed_too_long),
	TEST(renamed_unseen),
	TEST(bounded),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
