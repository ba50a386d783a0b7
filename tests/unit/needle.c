/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Literals that patterns cannot match without: found where they are sure, and never one that a
 * matching text could lack.
 */
#include "pipeline/policy/needle.h"

#include "pipeline/policy/regex.h"
#include "tests/harness/test.h"

static void check(const char *pattern, const char *prefix, const char *inside)
{
	struct needle n;

	needle_find(&n, str_of(pattern));
	if (n.prefix_len != strlen(prefix) || memcmp(n.prefix, prefix, n.prefix_len) ||
	    n.inside_len != strlen(inside) || memcmp(n.inside, inside, n.inside_len))
		test_fail(__FILE__, __LINE__, "%s has \"%.*s\" and \"%.*s\"", pattern,
			  (int)n.prefix_len, n.prefix, (int)n.inside_len, n.inside);
}

static void found(void)
{
	check("^/etc/passwd$", "/etc/passwd", "");
	check("/\\.ssh/(id_|x)", "", "/.ssh/");
	check("^/proc/[0-9]+/environ$", "/proc/", "/environ");
	check("abc?def", "", "def");
	check("abc+def", "", "abc");
	check("abcx*def", "", "abc");
	check("^ab*c", "", "");
	check("x{2}abc", "", "abc");
	check("a.cdef.g", "", "cdef");
	check("(a|b)cdef", "", "cdef");
	check("(?:a|b)?cdef", "", "cdef");
	check("[]a]bcd", "", "bcd");
	check("[^]a]bcd", "", "bcd");
	check("[\\]a]bcd", "", "bcd");
	check("foo\\dbar+", "", "foo");
	check("^\\bfoo", "", "foo");
}

static void given_up(void)
{
	static const char *const patterns[] = {
		"abc|def",
		"(?i)abcdef",
		"abc(?=def)",
		"abc\\x41def",
		"\\Qabc\\Edef",
		"abc(?#x)def",
		"(*UTF)abc",
		"abc[[:alpha:]]def",
		"a(?i)bcd",
		"abc(?!x)def",
		"(abc)\\1def",
		"",
		"a",
		"abc(",
		"abc[",
		"abc\\",
		"*abc",
		"a**bcd",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		check(patterns[i], "", "");
}

/* With and without the needle, a pattern finds the same. */
static void agrees(void)
{
	static const struct {
		const char *pattern, *text;
	} yes[] = {
		{ "abc?def", "abdef" },
		{ "abc+def", "abcccdef" },
		{ "x{0}abc", "abc" },
		{ "^(/a)?/bcd", "/bcd" },
		{ "\\.ssh/id", "/x/.ssh/id" },
		{ "a{,2}bcd", "a{,2}bcd" },
		{ "abc{d}e", "abc{d}e" },
		{ "abc\\nd", "abc\nd" },
		{ "abcd??e", "abce" },
		{ "abcd*+e", "abce" },
		{ "abc$", "xabc" },
		{ "a\\|bc|zz", "zz" },
		{ "(a|(b|[)]))cde", "bcde" },
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		struct regex_scratch *s = regex_scratch_new();
		char err[200] = "";
		struct regex *r = regex_new(str_of(yes[i].pattern), err, sizeof(err));

		CHECK(r && s);
		if (!regex_found(r, s, str_of(yes[i].text)))
			test_fail(__FILE__, __LINE__, "%s is not found in %s", yes[i].pattern,
				  yes[i].text);
		regex_free(r);
		regex_scratch_free(s);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(found), TEST(given_up), TEST(agrees) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
