/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Regular expressions: matches, groups, errors with their place, and the limit of work.
 */
#include "pipeline/regex.h"

#include <errno.h>

#include "tests/harness/test.h"

static struct regex *compiled(const char *pattern)
{
	struct regex *r = NULL;
	char err[128] = "";

	if (regex_new(&r, str_of(pattern), err, sizeof(err), NULL))
		test_fail(__FILE__, __LINE__, "%s: %s", pattern, err);
	return r;
}

static void whole_and_group(void)
{
	struct regex *r = compiled("pass=(\\S+)"), *w = compiled("b+"),
		     *many = compiled("(a)(b)(c)");
	struct regex_span m = { 9, 9 };

	CHECK_INT(regex_match(r, STR("x pass=ab c"), 0, &m), 1);
	CHECK_INT(m.from, 7);
	CHECK_INT(m.to, 9);
	CHECK_INT(regex_match(r, STR("x pass=ab c"), 3, &m), 0);
	CHECK_INT(regex_match(w, STR("abbbc"), 0, &m), 1);
	CHECK_INT(m.from, 1);
	CHECK_INT(m.to, 4);
	CHECK_INT(regex_match(many, STR("xabc"), 0, &m), 1);
	CHECK_INT(m.from, 1);
	CHECK_INT(m.to, 2);
	CHECK_INT(regex_match(w, STR("abc"), 4, &m), 0);
	CHECK_INT(regex_match(w, (struct str){ NULL, 0 }, 0, NULL), 0);
	regex_free(r);
	regex_free(w);
	regex_free(many);
	regex_free(NULL);
}

static void group_that_took_no_part(void)
{
	struct regex *r = compiled("a(b)?c");
	struct regex_span m;

	CHECK_INT(regex_match(r, STR("xac"), 0, &m), 1);
	CHECK_INT(m.from, 1);
	CHECK_INT(m.to, 3);
	regex_free(r);
}

static void bytes_not_utf8(void)
{
	struct regex *r = compiled("\\xff.");
	struct regex_span m;

	CHECK_INT(regex_match(r, STR("a\xff\0"), 0, &m), 1);
	CHECK_INT(m.from, 1);
	CHECK_INT(m.to, 3);
	regex_free(r);
}

static void errors_have_a_place(void)
{
	struct regex *r = (void *)1;
	char err[128] = "";
	uint32_t at = 0;

	CHECK_INT(regex_new(&r, STR("ab(c"), err, sizeof(err), &at), -EINVAL);
	CHECK(r == (void *)1);
	CHECK_INT(at, 4);
	CHECK(strstr(err, "parenthesis") != NULL);
	CHECK_INT(regex_new(&r, STR("(*UTF)a"), NULL, 0, NULL), -EINVAL);
}

static void work_is_bounded(void)
{
	struct regex *r = compiled("^(a+)+$");
	char text[64];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	CHECK_INT(regex_match(r, (struct str){ text, sizeof(text) }, 0, NULL), -E2BIG);
	regex_free(r);
}

static const struct test tests[] = {
	TEST(whole_and_group),     TEST(group_that_took_no_part), TEST(bytes_not_utf8),
	TEST(errors_have_a_place), TEST(work_is_bounded),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
