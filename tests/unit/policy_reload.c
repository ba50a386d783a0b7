/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Loading policies again while a set is in force: what is kept, and what counts as changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/policy/policy.h"
#include "tests/harness/test.h"

static char dir[TEST_DIR];
static struct diags d;

static void start(void)
{
	test_dir(dir);
	diags_free(&d);
}

static void end(struct policy_set *s)
{
	policy_free(s);
	diags_free(&d);
}

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

#define POLICY(name, where)                                                                        \
	"  - name: " name "\n    on: file.open\n    where: '" where "'\n    severity: low\n"
#define FILE_OF(policies) "policies:\n" policies

static struct policy_set *load(void)
{
	const char *path = dir;
	struct policy_set *s = NULL;

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	return s;
}

/* Replaces *s by what is there now. Errors are in d. */
static void again(struct policy_set **s)
{
	const char *path = dir;
	struct policy_set *new = NULL;

	diags_free(&d);
	CHECK_INT(policy_reload(&new, &path, 1, *s, &d), 0);
	policy_free(*s);
	*s = new;
}

/* The names in the set, in its order. */
static const char *names(const struct policy_set *s)
{
	static char text[500];
	size_t len = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < policy_count(s); i++) {
		const struct policy *p = policy_at(s, i);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", i ? " " : "",
					(int)p->name.len, p->name.p);
	}
	return text;
}

static void bad_file_is_kept(void)
{
	struct policy_set *s;

	start();
	put("a.yaml", FILE_OF(POLICY("a1", "file.inode = 1") POLICY("a2", "file.inode = 2")));
	put("b.yaml", FILE_OF(POLICY("b1", "file.inode = 1")));
	s = load();
	for (int i = 0; i < 3; i++) { /* and stays kept */
		put("a.yaml", i == 1 ? "policies: [" : FILE_OF(POLICY("a1", "no.field = 1")));
		put("b.yaml", i == 2 ? FILE_OF(POLICY("b3", "file.inode = 3"))
				     : FILE_OF(POLICY("b2", "file.inode = 1")));
		again(&s);
		CHECK(d.errors > 0);
		CHECK_STR(names(s), i == 2 ? "a1 a2 b3" : "a1 a2 b2");
	}
	put("a.yaml", FILE_OF(POLICY("a9", "file.inode = 1")));
	again(&s);
	CHECK_INT(d.errors, 0);
	CHECK_STR(names(s), "a9 b3");
	end(s);
}

static void emptied_is_kept_and_deleted_goes(void)
{
	static const char *const empty[] = { "", "\n# nothing\n", "policies: []\n" };
	char path[128];
	struct policy_set *s;

	start();
	put("a.yaml", FILE_OF(POLICY("a1", "file.inode = 1")));
	put("b.yaml", FILE_OF(POLICY("b1", "file.inode = 1")));
	s = load();
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		put("a.yaml", empty[i]);
		again(&s);
		CHECK_STR(names(s), "a1 b1");
		CHECK(d.errors > 0);
	}
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	CHECK(!unlink(path));
	again(&s);
	CHECK_STR(names(s), "b1");
	CHECK_INT(d.errors, 0);
	end(s);
}

/* The name that a kept file has, another one takes: the other one is bad, and kept too. */
static void kept_file_makes_another_bad(void)
{
	struct policy_set *s;

	start();
	put("a.yaml", FILE_OF(POLICY("a1", "file.inode = 1")));
	put("b.yaml", FILE_OF(POLICY("b1", "file.inode = 1")));
	s = load();
	put("a.yaml", FILE_OF(POLICY("a2", "no.field = 1")));
	put("b.yaml", FILE_OF(POLICY("a1", "file.inode = 2")));
	again(&s);
	CHECK_STR(names(s), "a1 b1");
	CHECK_INT(d.errors, 2);
	end(s);
}

/* What other files name: a file of lists, and a file of values. */
static void lists_are_kept(void)
{
	const char *path = dir;
	struct policy_set *s, *new = NULL;

	start();
	put("a.yaml", FILE_OF(POLICY("a1", "process.name in $shells")));
	put("b.yaml", FILE_OF(POLICY("b1", "file.inode = 1")));
	put("lists.yaml", "lists:\n  shells: {file: shells.txt}\n");
	put("shells.txt", "sh\nbash\n");
	s = load();
	CHECK_STR(names(s), "a1 b1");
	put("lists.yaml", "");
	put("b.yaml", FILE_OF(POLICY("b2", "file.inode = 1")));
	again(&s);
	CHECK_STR(names(s), "a1 b2");
	CHECK(d.errors > 0);
	put("lists.yaml", "lists:\n  shells: {file: none.txt}\n");
	again(&s);
	CHECK_STR(names(s), "a1 b2");
	CHECK(d.errors > 0);
	/* Not kept by itself, since it is right by itself: then all stays. */
	put("lists.yaml", "lists:\n  others: [a]\n");
	put("b.yaml", FILE_OF(POLICY("b3", "file.inode = 1")));
	diags_free(&d);
	CHECK_INT(policy_reload(&new, &path, 1, s, &d), -EINVAL);
	CHECK(d.errors > 0 && !new);
	end(s);
}

/* Another file has more problems than a list of them holds. */
static void bad_behind_many_problems(void)
{
	static char many[200000];
	struct policy_set *s;
	size_t len;

	start();
	put("z.yaml", FILE_OF(POLICY("z1", "file.inode = 1")));
	s = load();
	len = (size_t)sprintf(many, "policies:\n");
	for (int i = 0; i < 2 * DIAGS_MAX; i++)
		len += (size_t)sprintf(many + len,
				       "  - name: a%d\n    on: file.open\n"
				       "    where: 'no.field = 1'\n",
				       i);
	put("a.yaml", many);
	put("z.yaml", FILE_OF(POLICY("z2", "no.field = 1")));
	again(&s);
	CHECK_STR(names(s), "z1");
	CHECK(d.errors > DIAGS_MAX && d.dropped);
	end(s);
}

static bool same(const char *one, const char *other)
{
	struct policy_set *a = NULL, *b = NULL;
	bool yes;

	CHECK_INT(policy_load_text(&a, "a.yaml", str_of(one), &d), 0);
	CHECK_INT(policy_load_text(&b, "b.yaml", str_of(other), &d), 0);
	CHECK_INT(policy_count(a), 1);
	CHECK_INT(policy_count(b), 1);
	yes = !memcmp(policy_at(a, 0)->definition, policy_at(b, 0)->definition,
		      POLICY_DEFINITION_BYTES);
	policy_free(a);
	policy_free(b);
	return yes;
}

static void what_counts_as_a_change(void)
{
	static const char base[] =
		FILE_OF(POLICY("a", "file.inode = 16 and not file.uid in (1, 2)"));
	static const char *const others[] = {
		FILE_OF(POLICY("b", "file.inode = 16 and not file.uid in (1, 2)")),
		FILE_OF(POLICY("a", "file.inode = 17 and not file.uid in (1, 2)")),
		FILE_OF(POLICY("a", "file.inode = 16 and not file.gid in (1, 2)")),
		FILE_OF(POLICY("a", "file.inode = 16 and file.uid in (1, 2)")),
		FILE_OF(POLICY("a", "file.inode = 16 or not file.uid in (1, 2)")),
		FILE_OF(POLICY("a", "file.inode != 16 and not file.uid in (1, 2)")),
		FILE_OF(POLICY("a",
			       "file.inode = 16 and not file.uid in (1, 2)") "    tags: [x]\n"),
		FILE_OF(POLICY(
			"a", "file.inode = 16 and not file.uid in (1, 2)") "    action: record\n"),
		FILE_OF(POLICY("a",
			       "file.inode = 16 and not file.uid in (1, 2)") "    message: x\n"),
		FILE_OF(POLICY(
			"a",
			"file.inode = 16 and not file.uid in (1, 2)") "    suppress: {every: 5s}\n"),
		FILE_OF(POLICY(
			"a",
			"file.inode = 16 and not file.uid in (1, 2)") "    exceptions: [{where: \"file.uid = 7\"}]\n"),
	};

	CHECK(same(base, base));
	CHECK(same(base,
		   "# a comment\n\npolicies:\n  - severity: low\n    name: a\n    on: [file.open]\n"
		   "    where: \"file.inode=0x10 and (not file.uid in (2,1))\"\n"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (same(base, others[i]))
			test_fail(__FILE__, __LINE__, "no change: %s", others[i]);
}

/* A load that is too large is refused whole: by no file of it alone. */
static void too_many(void)
{
	enum { EACH = 100001 };
	char *text = malloc(20 + EACH * 3), *at = text;
	const char *path = dir;
	struct policy_set *s, *new = NULL;

	start();
	put("a.yaml", FILE_OF(POLICY("a", "file.inode = 1")));
	s = load();
	at += sprintf(at, "policies: [");
	for (uint32_t i = 0; i < EACH; i++)
		at += sprintf(at, "a, ");
	sprintf(at, "]\n");
	put("b.yaml", text);
	put("c.yaml", text);
	CHECK_INT(policy_reload(&new, &path, 1, s, &d), -E2BIG);
	CHECK(!new &&d.errors == 1 && d.items[0].line == 1);
	CHECK_STR(d.items[0].reason, "more than 200000 policies in all");
	CHECK(!strcmp(strrchr(d.items[0].file, '/'), "/c.yaml"));
	free(text);
	end(s);
}

static const struct test tests[] = {
	TEST(bad_file_is_kept),
	TEST(too_many),
	TEST(emptied_is_kept_and_deleted_goes),
	TEST(kept_file_makes_another_bad),
	TEST(lists_are_kept),
	TEST(bad_behind_many_problems),
	TEST(what_counts_as_a_change),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
