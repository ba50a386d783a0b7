/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Names of users and groups: the parser of passwd files, their re-reading, and the enricher's
 * caches.
 */
#include <fcntl.h>
#include <unistd.h>

#include "enrichers/passwd.h"
#include "pipeline/util.h"
#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull

static const char *const only_user[] = { "user", NULL };

static const char *name_in(const char *text, uint32_t id)
{
	static char out[512];
	struct passwd_file f;
	struct str name;
	bool found;

	passwd_init(&f, "");
	CHECK_INT(passwd_parse(&f, str_of(text)), 0);
	found = passwd_find(&f, id, &name);
	if (found)
		snprintf(out, sizeof(out), "%.*s", (int)name.len, name.p);
	passwd_free(&f);
	return found ? out : "";
}

static void parser(void)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/bash\n"
				   "toor:x:0:0::/root:/bin/sh\n"
				   "#comment:x:5:5::/:\n"
				   "+nis:x:6:6::/:\n"
				   "-nis:x:7:7::/:\n"
				   ":x:8:8::/:\n"
				   "noid:x\n"
				   "text:x:abc:1::/:\n"
				   "minus:x:-1:1::/:\n"
				   "big:x:4294967295:1::/:\n"
				   "bigger:x:4294967296:1::/:\n"
				   "long:x:00000000009:1::/:\n"
				   "space:x: 10:1::/:\n"
				   "\n"
				   "n\xff:x:11:1::/:\n"
				   "group:x:12:\n"
				   "last:x:4294967294:1";

	CHECK_STR(name_in(text, 0), "root");
	for (uint32_t id = 1; id < 11; id++)
		CHECK_STR(name_in(text, id), "");
	CHECK_STR(name_in(text, 11), "n\xff");
	CHECK_STR(name_in(text, 12), "group");
	CHECK_STR(name_in(text, 4294967294u), "last");
	CHECK_STR(name_in(text, UINT32_MAX), "");
	CHECK_STR(name_in("", 0), "");
	CHECK_STR(name_in("a:b", 0), "");
}

static void many_in_any_order(void)
{
	struct buf b = { 0 };
	struct passwd_file f;
	struct str name;
	char want[32];

	for (uint32_t i = 0; i < 5000; i++)
		buf_addf(&b, "u%u:x:%u:0::/:\n", i * 7919 % 5000, i * 7919 % 5000);
	passwd_init(&f, "");
	CHECK_INT(passwd_parse(&f, (struct str){ b.p, (uint32_t)b.len }), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(want, sizeof(want), "u%u", i);
		CHECK(passwd_find(&f, i, &name));
		CHECK_STREQ(name, want);
	}
	CHECK(!passwd_find(&f, 5000, &name));
	passwd_free(&f);
	buf_free(&b);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

static void file_is_read_again(void)
{
	char dir[TEST_DIR], path[64], other[64];
	struct passwd_file f;
	struct str name;

	test_dir(dir);
	snprintf(path, sizeof(path), "%s/passwd", dir);
	snprintf(other, sizeof(other), "%s/passwd+", dir);
	passwd_init(&f, path);
	CHECK(!passwd_name(&f, 5, &name));
	write_file(path, "five:x:5:5::/:\n");
	CHECK(passwd_name(&f, 5, &name));
	CHECK_STREQ(name, "five");
	write_file(other, "cinq:x:5:5::/:\n"); /* as useradd does: another file in its place */
	CHECK_INT(rename(other, path), 0);
	CHECK(passwd_name(&f, 5, &name));
	CHECK_STREQ(name, "cinq");
	write_file(path, "fünf:x:5:5::/:\nsix:x:6:6::/:\n");
	CHECK(passwd_name(&f, 6, &name));
	CHECK_STREQ(name, "six");
	CHECK(passwd_name(&f, 5, &name));
	CHECK_STREQ(name, "f\xc3\xbcnf");
	unlink(path);
	CHECK(!passwd_name(&f, 5, &name));
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK(!passwd_name(&f, 5, &name));
	rmdir(path);
	CHECK_INT(mkfifo(path, 0600), 0); /* must not block */
	CHECK(!passwd_name(&f, 5, &name));
	passwd_free(&f);
}

static void huge_file_is_cut(void)
{
	char path[TEST_DIR];
	struct passwd_file f;
	struct str name;
	FILE *out;

	test_file(path);
	out = fopen(path, "we");
	CHECK(out != NULL);
	for (uint32_t i = 0; i < 600000; i++)
		fprintf(out, "user%06u:x:%u:0::/:\n", i, i + 1);
	CHECK_INT(fclose(out), 0);
	passwd_init(&f, path);
	CHECK(passwd_name(&f, 1, &name));
	CHECK_STREQ(name, "user000000");
	CHECK(passwd_name(&f, 100000, &name));
	CHECK(!passwd_name(&f, 600000, &name));
	CHECK(f.text.len <= PASSWD_FILE_MAX);
	passwd_free(&f);
}

static const struct ctx_user *open_by(struct bench_enrichers *b, uint64_t now, uint32_t uid,
				      uint32_t euid, uint32_t gid)
{
	static struct rec r;

	rec_open(&r, 7, 0x70, "/etc/hosts", 0);
	r.h.time_ns = now;
	r.h.uid = uid;
	r.h.euid = euid;
	r.h.gid = gid;
	return enrich(b, &r)->ctx[CTX_USER];
}

static void names_of_an_event(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	const struct ctx_user *u;

	fake_init(&f);
	fake_answer(&f, ASK_USER_NAME, 0, 0, "root", 4);
	fake_answer(&f, ASK_USER_NAME, 1000, 0, "alice", 5);
	fake_answer(&f, ASK_GROUP_NAME, 1000, 0, "people", 6);
	b = enrich_open(only_user, NULL, &f.out);
	u = open_by(b, SEC, 1000, 0, 1000);
	CHECK_STREQ(u->name, "alice");
	CHECK_STREQ(u->effective, "root");
	CHECK_STREQ(u->group, "people");
	CHECK(!u->audit.len);
	u = open_by(b, SEC, 1000, 5, 0);
	CHECK_STREQ(u->name, "alice");
	CHECK(!u->effective.len);
	CHECK(!u->group.len);
	for (int i = 0; i < 100; i++)
		u = open_by(b, SEC + i, 1000, 0, 1000);
	CHECK_STREQ(u->name, "alice");
	CHECK_INT(f.asked[ASK_USER_NAME], 3);
	CHECK_INT(f.asked[ASK_GROUP_NAME], 2);
	CHECK_INT(enrich_counter(b, "hits"), 100);
	enrich_close(b);
}

static void names_expire_on_event_time(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;

	fake_init(&f);
	fake_answer(&f, ASK_USER_NAME, 1, 0, "old", 3);
	b = enrich_open(only_user, "expiry=60s,missing=10s", &f.out);
	CHECK_STREQ(open_by(b, SEC, 1, 1, 1)->name, "old");
	fake_answer(&f, ASK_USER_NAME, 1, 0, "new", 3);
	fake_answer(&f, ASK_GROUP_NAME, 1, 0, "came", 4);
	CHECK_STREQ(open_by(b, 10 * SEC, 1, 1, 1)->name, "old");
	CHECK(!open_by(b, 10 * SEC, 1, 1, 1)->group.len);
	CHECK_STREQ(open_by(b, 12 * SEC, 1, 1, 1)->group, "came");
	CHECK_STREQ(open_by(b, 60 * SEC, 1, 1, 1)->name, "old");
	CHECK_STREQ(open_by(b, 62 * SEC, 1, 1, 1)->name, "new");
	CHECK_STREQ(open_by(b, 62 * SEC, 1, 1, 1)->effective, "new");
	enrich_close(b);
}

static bool any_user(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		     struct str *answer)
{
	static char text[32];

	(void)state;
	(void)key2;
	answer->len = (uint32_t)snprintf(text, sizeof(text), "%c%u",
					 q == ASK_GROUP_NAME ? 'g' : 'u', (uint32_t)key);
	answer->p = text;
	return true;
}

static void cache_is_bounded_and_right(void)
{
	static const struct outside_ops ops = { .ask = any_user };
	struct outside out = { &ops, NULL };
	struct bench_enrichers *b = enrich_open(only_user, "max_names=16", &out);
	char want[3][32];

	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t uid = i * 2654435761u % 40, euid = i * 40503u % 30, gid = i % 20;
		const struct ctx_user *u = open_by(b, SEC + i, uid, euid, gid);

		snprintf(want[0], 32, "u%u", uid);
		snprintf(want[1], 32, "u%u", euid);
		snprintf(want[2], 32, "g%u", gid);
		CHECK_STREQ(u->name, want[0]);
		CHECK_STREQ(u->effective, want[1]);
		CHECK_STREQ(u->group, want[2]);
	}
	enrich_tick(b, 2 * SEC);
	CHECK(enrich_counter(b, "entries") <= 16);
	CHECK(enrich_counter(b, "evicted") > 1000);
	enrich_close(b);
}

static void login_user_comes_from_the_process(void)
{
	static const char *const both[] = { "process", "user", NULL };
	static const char *const args[] = { "x", NULL };
	struct fake_outside f;
	struct bench_enrichers *b;
	const struct ctx_user *u;
	struct rec r;

	fake_init(&f);
	fake_answer(&f, ASK_USER_NAME, 1000, 0, "alice", 5);
	b = enrich_open(both, NULL, &f.out);
	rec_exec(&r, 7, 0x60, 0x70, 0, "/bin/su", args);
	u = enrich(b, &r)->ctx[CTX_USER];
	CHECK_STREQ(u->audit, "alice");
	enrich_close(b);
}

static void losses_have_no_user(void)
{
	struct fake_outside f;
	struct bench_enrichers *b;
	struct rec r;

	fake_init(&f);
	b = enrich_open(only_user, NULL, &f.out);
	rec_loss(&r, EV_OPEN, 0, 5);
	CHECK(!enrich(b, &r)->ctx[CTX_USER]);
	CHECK_INT(f.asked[ASK_USER_NAME], 0);
	enrich_close(b);
}

static const struct test tests[] = {
	TEST(parser),
	TEST(many_in_any_order),
	TEST(file_is_read_again),
	TEST(huge_file_is_cut),
	TEST(names_of_an_event),
	TEST(names_expire_on_event_time),
	TEST(cache_is_bounded_and_right),
	TEST(login_user_comes_from_the_process),
	TEST(losses_have_no_user),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
