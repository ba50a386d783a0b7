/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/save.h: what goes in comes out; cut, damaged and foreign files; answers that do not fit.
 */
#include "pipeline/save.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

static char path[TEST_DIR];

static json_t *header(void)
{
	return json_pack("{s:s,s:s,s:I,s:s,s:[],s:{}}", "boot_id", "00", "run_id", "01",
			 "clock_offset_ns", (json_int_t)5, "policy_digest", "d", "records",
			 "options");
}

static bool answer(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		   struct str *out)
{
	static char text[64];

	(void)state;
	if (key == 404)
		return false;
	out->len = (uint32_t)snprintf(text, sizeof(text), "%d/%llu/%llu", q,
				      (unsigned long long)key, (unsigned long long)key2);
	out->p = text;
	return true;
}

static const struct outside_ops answer_ops = { .ask = answer };

/* The same call that enrichers/outside.c makes; the test needs no more of it. */
static bool ask(struct outside *o, enum outside_question q, uint64_t key, struct str *out)
{
	return o->ops->ask(o->state, q, key, 1, out);
}

/* An answer before the first record, then three records with answers after the first two. */
static void write_file(void)
{
	struct outside live = { .ops = &answer_ops }, wrapped;
	char err[200] = "";
	struct save *s = NULL;
	json_t *h = header();
	struct str a;
	struct rec r;

	CHECK_INT(save_create(&s, path, h, err, sizeof(err)), 0);
	json_decref(h);
	wrapped = save_outside(s, &live);
	CHECK(ask(&wrapped, ASK_USER_NAME, 7, &a));
	for (uint32_t i = 0; i < 3; i++) {
		rec_open(&r, 100 + i, 0x10 + i, "/etc/passwd", 0);
		save_record(s, r.b, r.len);
		if (i < 2) {
			CHECK(ask(&wrapped, ASK_TTY_NAME, i, &a));
			CHECK(!ask(&wrapped, ASK_TTY_NAME, 404, &a));
		}
	}
	CHECK_INT(save_close(s), 0);
}

static struct replay *open_file(void)
{
	struct replay *r = NULL;
	char err[200] = "";

	if (replay_open(&r, path, err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
	return r;
}

static void round_trip(void)
{
	struct replay *r;
	struct outside o;
	const void *rec;
	uint32_t len;
	struct stat st;
	struct str a;

	test_file(path);
	write_file();
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	r = open_file();
	CHECK_INT(json_integer_value(json_object_get(replay_header(r), "clock_offset_ns")), 5);
	o = replay_outside(r);
	CHECK(ask(&o, ASK_USER_NAME, 7, &a));
	CHECK_STREQ(a, "1/7/1");
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(replay_next(r, &rec, &len), 1);
		CHECK_INT(((const struct ev_hdr *)rec)->tgid, 100 + i);
		CHECK_INT(((const struct ev_hdr *)rec)->len, len);
		CHECK_INT((uintptr_t)rec % 8, 0);
		if (i < 2) {
			CHECK(ask(&o, ASK_TTY_NAME, i, &a));
			CHECK(!ask(&o, ASK_TTY_NAME, 404, &a));
			CHECK_INT(((const struct ev_hdr *)rec)->tgid, 100 + i);
		}
	}
	CHECK_INT(replay_next(r, &rec, &len), 0);
	CHECK(!replay_warning(r));
	replay_close(r);
}

static int count_records(void)
{
	char err[200] = "";
	struct replay *p;
	const void *rec;
	uint32_t len;
	int n = 0;

	CHECK_INT(replay_open(&p, path, err, sizeof(err)), 0);
	while (replay_next(p, &rec, &len) == 1)
		n++;
	CHECK(replay_warning(p));
	replay_close(p);
	return n;
}

/* What a run that is killed leaves: all but the last second. */
static void a_second_is_written(void)
{
	char err[200] = "";
	struct save *s = NULL;
	json_t *h = header();
	struct rec r;

	test_file(path);
	CHECK_INT(save_create(&s, path, h, err, sizeof(err)), 0);
	json_decref(h);
	CHECK(save_due(s) == UINT64_MAX);
	rec_open(&r, 100, 0x10, "/etc/passwd", 0);
	save_record(s, r.b, r.len);
	CHECK_INT(save_due(s), 1000000000);
	usleep(600000);
	save_record(s, r.b, r.len);
	CHECK(save_due(s) <= 400000000);
	CHECK_INT(count_records(), 0);
	usleep(400000);
	CHECK(save_due(s) == UINT64_MAX);
	CHECK_INT(count_records(), 2);
	save_record(s, r.b, r.len);
	CHECK_INT(save_due(s), 1000000000);
	CHECK_INT(save_close(s), 0);
}

static void an_existing_file_is_kept(void)
{
	struct save *s = NULL;
	char err[200] = "";
	json_t *h = header();

	test_file(path);
	write_file();
	CHECK_INT(save_create(&s, path, h, err, sizeof(err)), -EEXIST);
	CHECK(strstr(err, path));
	json_decref(h);
}

/* Reads to the end or the first error, asking as the writer did. Returns the last result. */
static int read_all(struct replay *r)
{
	struct outside o = replay_outside(r);
	const void *rec;
	uint32_t len, i = 0;
	struct str a;
	int rc;

	ask(&o, ASK_USER_NAME, 7, &a);
	while ((rc = replay_next(r, &rec, &len)) == 1) {
		if (i < 2) {
			ask(&o, ASK_TTY_NAME, i, &a);
			ask(&o, ASK_TTY_NAME, 404, &a);
		}
		i++;
	}
	return rc;
}

/* Cut at every length: refused, or replayed with a warning; never an error, never a crash. */
static void cut_anywhere(void)
{
	struct stat st;
	uint32_t refused = 0, warned = 0;

	test_file(path);
	write_file();
	CHECK_INT(stat(path, &st), 0);
	for (off_t len = st.st_size - 1; len >= 0; len--) {
		struct replay *r = NULL;
		char err[200] = "";

		CHECK_INT(truncate(path, len), 0);
		if (replay_open(&r, path, err, sizeof(err))) {
			CHECK(err[0]);
			refused++;
			continue;
		}
		CHECK_INT(read_all(r), 0);
		CHECK(replay_warning(r));
		warned++;
		replay_close(r);
	}
	CHECK(refused > 20);
	CHECK(warned > 200);
}

/* Any byte changed: noticed, or in padding. */
static void damage_is_noticed(void)
{
	uint32_t unnoticed = 0;
	struct stat st;

	test_file(path);
	write_file();
	CHECK_INT(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		int fd = open(path, O_RDWR), rc = -EINVAL;
		struct replay *r = NULL;
		char err[200] = "", c;

		CHECK_INT(pread(fd, &c, 1, at), 1);
		c = (char)~c;
		CHECK_INT(pwrite(fd, &c, 1, at), 1);
		if (!replay_open(&r, path, err, sizeof(err)))
			rc = read_all(r);
		unnoticed += !rc && !replay_warning(r);
		replay_close(r);
		c = (char)~c;
		CHECK_INT(pwrite(fd, &c, 1, at), 1);
		close(fd);
	}
	CHECK(unnoticed < 80); /* padding and the unused member of each chunk */
}

static void other_questions_are_told(void)
{
	struct replay *r;
	struct outside o;
	const void *rec;
	uint32_t len;
	struct str a;

	test_file(path);
	write_file();
	r = open_file();
	o = replay_outside(r);
	CHECK(!ask(&o, ASK_USER_NAME, 8, &a));
	CHECK_INT(replay_next(r, &rec, &len), -EINVAL);
	CHECK(strstr(replay_error(r), "another question"));
	CHECK(strstr(replay_error(r), "at byte"));
	replay_close(r);
	r = open_file();
	CHECK_INT(replay_next(r, &rec, &len), -EINVAL);
	CHECK(strstr(replay_error(r), "nobody asked"));
	replay_close(r);
	r = open_file();
	o = replay_outside(r);
	CHECK(ask(&o, ASK_USER_NAME, 7, &a));
	CHECK(!ask(&o, ASK_USER_NAME, 7, &a));
	CHECK(strstr(replay_error(r), "without an answer"));
	replay_close(r);
}

static void foreign_files_are_refused(void)
{
	static const char *const names[] = { "/etc/passwd", "/dev/null", "/nonexistent", "/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct replay *r = NULL;
		char err[200] = "";

		CHECK(replay_open(&r, names[i], err, sizeof(err)) < 0);
		CHECK(strstr(err, names[i]));
		CHECK(!r);
	}
}

/* A limit on the size of files stands in for a full disk. */
static void a_full_disk_ends_the_saving(void)
{
	const struct rlimit limit = { 400 << 10, 400 << 10 };
	struct save *s = NULL;
	char err[200] = "";
	json_t *h = header();
	struct replay *r;
	const void *rec;
	uint32_t len;
	struct rec one;
	int n = 0, rc;

	test_file(path);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_INT(save_create(&s, path, h, err, sizeof(err)), 0);
	json_decref(h);
	rec_open(&one, 100, 0x10, "/etc/passwd", 0);
	for (int i = 0; i < 10000; i++)
		save_record(s, one.b, one.len);
	CHECK_INT(save_close(s), EFBIG);
	r = open_file();
	while ((rc = replay_next(r, &rec, &len)) == 1)
		n++;
	CHECK_INT(rc, 0);
	CHECK(n > 500);
	CHECK(replay_warning(r));
	replay_close(r);
}

static const struct test tests[] = {
	TEST(round_trip),
	TEST(a_second_is_written),
	TEST(an_existing_file_is_kept),
	TEST(cut_anywhere),
	TEST(damage_is_noticed),
	TEST(other_questions_are_told),
	TEST(foreign_files_are_refused),
	TEST(a_full_disk_ends_the_saving),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
