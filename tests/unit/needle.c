/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Literals that patterns cannot match without: found where they are sure, and never one that a
 * matching text could lack.
 */
#include "pipeline/policy/needle.h"

#include "pipeline/policy/regex.h"
#include "tests/harness/random.h"
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

/* want: the texts, a comma behind each. */
static void check_branches(const char *pattern, const char *want)
{
	struct needle_branches b;
	char got[NEEDLE_BRANCHES_MAX * (NEEDLE_MAX + 1) + 1];
	size_t n = 0;

	needle_find_branches(&b, str_of(pattern));
	for (uint32_t i = 0; i < b.count; i++)
		n += (size_t)sprintf(got + n, "%.*s,", b.lens[i], b.texts[i]);
	got[n] = '\0';
	if (strcmp(got, want))
		test_fail(__FILE__, __LINE__, "%s has %s not %s", pattern, got, want);
}

static void branches(void)
{
	check_branches("(foo|bar)$", "foo,bar,");
	check_branches("(foo|bar)+x", "foo,bar,");
	check_branches("(foo|bar){1,3}", "foo,bar,");
	check_branches("^/(?:tmp|dev/shm)/", "tmp,dev/shm,");
	check_branches("foo|^bar/|x(one|two?|three)", ""); /* tw is too short */
	check_branches("foo|^bar/|x(one|twoo?|three)", "foo,bar/,one,two,three,");
	check_branches("(^|/)(aaa|bb[|)]b\\.ccc)[^|]*\\.(sh|py)$", "aaa,b.ccc,");
	check_branches("((a|(foo|bar)x)|baz)", "");
	check_branches("(([a-z](foo|bar)x)|baz)", "foo,bar,baz,");
	check_branches("abc", "abc,");
	check_branches("(foo|bar)?x", "");
	check_branches("(foo|bar)*", "");
	check_branches("(foo|bar){0,2}x", "");
	check_branches("(foo|)", "");
	check_branches("foo|ba", "");
	check_branches("(?i)(foo|bar)", "");
	check_branches("(foo|(?i)bar|baz)", "");
	check_branches("(?<n>foo|bar)", "");
	check_branches("(?!foo|bar)", "");
	check_branches("(*ACCEPT)(foo|bar)", "");
	check_branches("(foo|bar", "");
	check_branches("foo|[bar", "");
	check_branches("((((((((((foo|bar))))))))))", "");
}

static void too_many_branches(void)
{
	char pattern[NEEDLE_BRANCHES_MAX * 4 + 8] = "aaa", *p = pattern + 3;
	struct needle_branches b;

	for (int i = 1; i < NEEDLE_BRANCHES_MAX; i++)
		p += sprintf(p, "|aaa");
	needle_find_branches(&b, str_of(pattern));
	CHECK_INT(b.count, NEEDLE_BRANCHES_MAX);
	strcpy(p, "|aaa");
	needle_find_branches(&b, str_of(pattern));
	CHECK_INT(b.count, 0);
}

static bool holds_one(const struct needle_branches *b, struct str text)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (memmem(text.p, text.len, b->texts[i], b->lens[i]))
			return true;
	return false;
}

/* Whatever is found holds one of the branches. */
static void random_branches(void)
{
	static const char *const parts[] = { "aab", "bab", "a",   "b",   "(",   ")",   "|",
					     "|",   "(",   ")",   "?",   "*",   "{0}", "{1,2}",
					     "^",   "$",   ".",   "[ab", "]",   "\\b", "\\.",
					     "(?:", "(?=", "abb", "bbb", "(?i)" };
	uint64_t rnd = random_seed("NEEDLE_SEED");
	struct regex_scratch *scratch = regex_scratch_new();
	uint32_t found = 0;

	for (uint32_t i = 0; i < 150000; i++) {
		struct needle_branches b;
		char pattern[80] = "", text[25], err[200];
		struct regex *r;

		for (uint32_t n = 3 + random_below(&rnd, 9); n; n--)
			strcat(pattern, parts[random_below(&rnd, sizeof(parts) / sizeof(*parts))]);
		needle_find_branches(&b, str_of(pattern));
		r = b.count ? regex_new(str_of(pattern), err, sizeof(err)) : NULL;
		for (uint32_t t = 0; r && t < 60; t++) {
			struct str s = { text, 1 + random_below(&rnd, sizeof(text) - 1) };

			for (uint32_t j = 0; j < s.len; j++)
				text[j] = "ababab.A"[random_below(&rnd, 8)];
			if (!regex_found(r, scratch, s))
				continue;
			found++;
			if (!holds_one(&b, s))
				test_fail(__FILE__, __LINE__, "%s is found in %.*s", pattern,
					  (int)s.len, s.p);
		}
		regex_free(r);
	}
	CHECK(found > 10000);
	regex_scratch_free(scratch);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(found),    TEST(given_up),          TEST(agrees),
		TEST(branches), TEST(too_many_branches), TEST(random_branches)
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
