/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The cgroup enricher's cache: records, questions, removal, expiry, bounds, hierarchies.
 */
#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const only_cgroup[] = { "cgroup", NULL };

static void change(struct bench_enrichers *b, uint64_t now, uint64_t id, uint32_t hierarchy,
		   const char *path, bool removed)
{
	static struct rec r;

	rec_begin(&r, EV_CGROUP);
	r.h.time_ns = now;
	REC(&r, cgroup)->id = id;
	REC(&r, cgroup)->hierarchy = hierarchy;
	REC(&r, cgroup)->removed = removed;
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
	change(b, SEC, 77, 0, "/docker/" HEX, false);
	c = open_in(b, SEC, 77, 0);
	CHECK_INT(c->id, 77);
	CHECK_STREQ(c->path, "/docker/" HEX);
	CHECK_STREQ(c->container_id, HEX);
	CHECK_STREQ(c->runtime, "docker");
	CHECK(!c->unit.len && !c->pod_uid.len);
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 0);
	change(b, SEC, 77, 0, "/system.slice/ssh.service", false); /* renamed */
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
	change(b, 10 * SEC, 77, 0, "/a", false);
	change(b, 11 * SEC, 77, 0, NULL, true);
	CHECK_STREQ(open_in(b, 14 * SEC, 77, 0)->path, "/a");
	enrich_tick(b, 17 * SEC);
	CHECK(!open_in(b, 17 * SEC, 77, 0)->path.len);
	CHECK_INT(f.asked[ASK_CGROUP_PATH], 1);
	change(b, 18 * SEC, 78, 0, "/seen-only-at-its-end", true);
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

static void bounded(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	char path[32];

	fake_init(&f);
	b = enrich_open(only_cgroup, "max_cgroups=100", &f.out);
	for (uint64_t i = 1; i < 10000; i++) {
		snprintf(path, sizeof(path), "/g%u", (unsigned)i);
		change(b, SEC + i, i, 0, path, false);
		if (i % 3 == 0)
			change(b, SEC + i, i, 0, path, true);
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
	TEST(bounded),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
