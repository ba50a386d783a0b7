/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Regular expressions: matches, groups, errors with their place, and the limit of work.
 */
#include "pipeline/policy/regex.h"

#include <errno.h>

#include "tests/harness/test.h"

/* 1 and the span's text in *found, 0 or -E2BIG. */
static int find(const char *pattern, struct str text, uint32_t start, struct str *found)
{
	struct regex_scratch *s = regex_scratch_new();
	char err[128] = "";
	struct regex *r = regex_new(str_of(pattern), err, sizeof(err));
	struct regex_span m = { 0, 0 };
	int rc;

	if (!r || !s)
		test_fail(__FILE__, __LINE__, "%s: %s", pattern, err);
	rc = regex_find(r, s, text, start, &m);
	*found = (struct str){ text.p ? text.p + m.from : NULL, m.to - m.from };
	CHECK_INT(regex_limit_hits(s), rc == -E2BIG);
	regex_free(r);
	regex_free(NULL);
	regex_scratch_free(s);
	return rc;
}

static void whole_and_group(void)
{
	struct str f;

	CHECK_INT(find("pass=(\\S+)", STR("x pass=ab c"), 0, &f), 1);
	CHECK_STREQ(f, "ab");
	CHECK_INT(find("pass=(\\S+)", STR("x pass=ab c"), 3, &f), 0);
	CHECK_INT(find("b+", STR("abbbc"), 0, &f), 1);
	CHECK_STREQ(f, "bbb");
	CHECK_INT(find("(a)(b)(c)", STR("xabc"), 0, &f), 1);
	CHECK_STREQ(f, "a");
	CHECK_INT(find("b+", STR("abc"), 4, &f), 0);
	CHECK_INT(find("b+", (struct str){ NULL, 0 }, 0, &f), 0);
}

static void group_that_took_no_part(void)
{
	struct str f;

	CHECK_INT(find("a(b)?c", STR("xac"), 0, &f), 1);
	CHECK_STREQ(f, "ac");
}

static void bytes_not_utf8(void)
{
	struct str f;

	CHECK_INT(find("\\xff.", STR("a\xff\0"), 0, &f), 1);
	CHECK_INT(f.len, 2);
}

static void errors_have_a_place(void)
{
	char err[128] = "";

	CHECK(!regex_new(STR("ab(c"), err, sizeof(err)));
	CHECK(strstr(err, "parenthesis") != NULL);
	CHECK(strstr(err, "at byte 4") != NULL);
	CHECK(!regex_new(STR("(*UTF)a"), err, sizeof(err)));
}

static void work_is_bounded(void)
{
	char text[64];
	struct str f;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	CHECK_INT(find("^(a+)+$", (struct str){ text, sizeof(text) }, 0, &f), -E2BIG);
}

static const struct test tests[] = {
	TEST(whole_and_group),     TEST(group_that_took_no_part), TEST(bytes_not_utf8),
	TEST(errors_have_a_place), TEST(work_is_bounded),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
