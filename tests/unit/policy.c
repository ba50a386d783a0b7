/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policy files: what they hold, what is told of mistakes, and what hostile ones cost. What comes of
 * events: tests/unit/policy_match.c.
 */
#include "pipeline/policy/policy.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static void attributes(void)
{
	struct policy_set *s =
		policies_good(ONE("  description: |\n    Two\n    lines\n"
				  "  severity: high\n  tags: [attack.t1003.008, b]\n"
				  "  action: record\n  references: https://x\n  enabled: true\n"
				  "- name: two\n  on: [process.exec, file.open]\n"
				  "  where: process.name = 'x'\n  enabled: false\n"
				  "- name: Three.3_x-y\n  on: [process.exec, process.exit]\n"
				  "  where: process.name = 'x'\n"));
	const struct policy *p = policy_at(s, 0), *q = policy_at(s, 1);

	CHECK_INT(policy_count(s), 2);
	CHECK_STREQ(p->name, "one");
	CHECK_STREQ(p->description, "Two\nlines");
	CHECK_STREQ(p->file, "f.yaml");
	CHECK_INT(p->line, 2);
	CHECK_INT(p->severity, SEV_HIGH);
	CHECK_INT(p->action, POLICY_RECORD);
	CHECK_INT(p->kinds, 1u << EV_OPEN);
	CHECK_INT(p->tags.len, 19);
	CHECK(!memcmp(p->tags.p, "attack.t1003.008\0b\0", 19));
	CHECK_STREQ(q->name, "Three.3_x-y");
	CHECK_INT(q->severity, SEV_MEDIUM);
	CHECK_INT(q->action, POLICY_ALERT);
	CHECK_INT(policy_kinds(s), 1u << EV_OPEN | 1u << EV_EXEC | 1u << EV_EXIT);
	policy_free(s);
	policy_free(NULL);
	policy_engine_free(NULL);
}

/* One pass finds them all. */
static void all_mistakes(void)
{
	policies_bad(
		"policies:\n"
		"- nme: one\n"
		"  on: file.opn\n"
		"  where: file.path = 'x'\n"
		"- name: a b\n"
		"  on: [file.open, file.open]\n"
		"  where: file.pth = 'x' and\n"
		"  severity: hgh\n"
		"  action: kill\n"
		"  message: 'a {file.pth} } {'\n"
		"  exceptions:\n"
		"  - name: e\n"
		"  - where: file.inode = 'x'\n"
		"  - x\n"
		"  suppress: {by: [file.pth], evry: 5m}\n"
		"  enabled: maybe\n"
		"  tags: [a, {}]\n"
		"- just text\n"
		"polices: 1\n",
		"f.yaml:2:3: unknown key nme of a policy; did you mean name?\n"
		"f.yaml:2:3: the policy has no name\n"
		"f.yaml:3:7: unknown event kind file.opn; did you mean file.open?\n"
		"f.yaml:5:9: name may only hold letters, digits and . _ -\n"
		"f.yaml:6:19: file.open is here twice\n"
		"f.yaml:7:10: unknown field file.pth; did you mean file.path?\n"
		"f.yaml:7:28: a field is missing at the end\n"
		"f.yaml:8:13: severity is one of info, low, medium, high, critical; did you mean high?\n"
		"f.yaml:9:11: action kill is not in this version: it sees and does not enforce (alert, record, drop)\n"
		"f.yaml:10:16: unknown field file.pth; did you mean file.path?\n"
		"f.yaml:10:26: } without its {; write }} for a brace\n"
		"f.yaml:10:28: { without its }; write {{ for a brace\n"
		"f.yaml:12:5: the exception has no where\n"
		"f.yaml:13:25: file.inode is a number: write one without quotes\n"
		"f.yaml:14:5: an exception is a map with where, and name if you like\n"
		"f.yaml:15:13: suppress has no every\n"
		"f.yaml:15:19: unknown field file.pth; did you mean file.path?\n"
		"f.yaml:15:30: unknown key evry of suppress; did you mean every?\n"
		"f.yaml:16:12: enabled is true or false\n"
		"f.yaml:17:13: tags must be text\n"
		"f.yaml:18:3: a policy is a map with name, on and where\n"
		"f.yaml:19:1: unknown key polices of a policy file; did you mean policies?\n");
}

/* A wrong or missing `on` hides nothing, and makes no problem of fields that some kind has. */
static void mistakes_beside_on(void)
{
	policies_bad("policies:\n"
		     "- name: a\n"
		     "  where: file.pth = 'x' and file.path = 'x' and destination.port = 1\n"
		     "  on: file.opn\n"
		     "- name: b\n"
		     "  where: file.path = 'x' and fle.path = 'x'\n"
		     "  message: '{process.nmae} {file.path}'\n"
		     "- name: c\n"
		     "  on: [file.open, process.exce]\n"
		     "  where: process.args contains 'x'\n"
		     "  suppress: {every: 5m, by: process.pd}\n",
		     "f.yaml:3:10: unknown field file.pth; did you mean file.path?\n"
		     "f.yaml:4:7: unknown event kind file.opn; did you mean file.open?\n"
		     "f.yaml:5:3: the policy has no on\n"
		     "f.yaml:6:30: unknown field fle.path; did you mean file.path?\n"
		     "f.yaml:7:14: unknown field process.nmae; did you mean process.name?\n"
		     "f.yaml:9:19: unknown event kind process.exce; did you mean process.exec?\n"
		     "f.yaml:11:29: unknown field process.pd; did you mean process.pid?\n");
}

static void more_mistakes(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "",
		  "f.yaml:1:1: a policy file has a list named policies, or macros, lists, overrides\n" },
		{ "- a\n",
		  "f.yaml:1:1: a policy file has a list named policies, or macros, lists, overrides\n" },
		{ "policies: 5\n", "f.yaml:1:11: policies must be a list\n" },
		{ "policies: [\n",
		  "f.yaml:2:1: not valid YAML: did not find expected node content, "
		  "while parsing a flow node on line 2\n" },
		{ ONE("  action: deny\n"),
		  "f.yaml:5:11: action deny is not in this version: it sees and does not enforce (alert, record, drop)\n" },
		{ ONE("  suppress: {every: 5}\n"),
		  "f.yaml:5:21: every is a time, as in 30s, 10m, 1h\n" },
		{ ONE("  suppress: {every: 40d}\n"), "f.yaml:5:21: every is from 1ns to 30d\n" },
		{ ONE("  suppress: {every: 0s}\n"), "f.yaml:5:21: every is from 1ns to 30d\n" },
		{ ONE("  suppress: 5m\n"),
		  "f.yaml:5:13: suppress is a map with every, and by if you like\n" },
		{ ONE("  message: '{event.id}'\n"),
		  "f.yaml:5:14: event.id is made with the document: policies cannot use it\n" },
		{ ONE("  description: ''\n"), "f.yaml:5:16: description is empty\n" },
		{ ONE("  tags: \"a\\0b\"\n"), "f.yaml:5:9: tags holds a NUL\n" },
		{ ONE("- name: one\n  on: file.open\n  where: file.path exists\n"),
		  "f.yaml:5:9: policy one is defined already, in f.yaml:2\n" },
		{ ONE("  on: file.open\n"),
		  "f.yaml:5:3: key on is here a second time (first on line 3)\n" },
		{ "policies:\n- name: x\n  on: process.running\n  where: process.name = 'a'\n",
		  "f.yaml:3:7: unknown event kind process.running\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		policies_bad(cases[i].text, cases[i].want);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

/* Good files count although others are bad; names are unique over files. */
static void files(void)
{
	char dir[TEST_DIR], path[200], want[1000];
	const char *paths[2] = { dir, path };
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	test_dir(dir);
	snprintf(path, sizeof(path), "%s/sub", dir);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/sub/deep", dir);
	CHECK(!mkdir(path, 0700));
	put(dir, "b.yml", "policies:\n- {name: b, on: file.open, where: \"file.path = 'b'\"}\n");
	put(dir, "a.yaml", "policies:\n- {name: a, on: file.open, where: \"file.path = 'a'\"}\n");
	put(dir, "c.yaml",
	    "policies:\n- {name: c, on: file.open, where: \"file.path = 'c'\"}\n"
	    "- {name: c2, on: file.open, where: \"file.path = c\"}\n");
	put(dir, "d.yaml",
	    "policies:\n- {name: d, on: file.open, where: \"file.path = 'd'\"}\n"
	    "- {name: a, on: file.open, where: \"file.path = 'a'\"}\n");
	put(dir, "README.txt", "no: policy\n");
	put(dir, ".hidden.yaml", "no: policy\n");
	put(dir, "sub/e.yaml",
	    "policies:\n- {name: e, on: file.open, where: \"file.path = 'e'\"}\n");
	put(dir, "sub/deep/f.yaml", "no: policy\n");
	snprintf(path, sizeof(path), "%s/fifo.yaml", dir);
	CHECK(!mkfifo(path, 0600));
	snprintf(path, sizeof(path), "%s/sub/../a.yaml", dir); /* read once */
	CHECK_INT(policy_load(&s, paths, 2, &d), 0);
	snprintf(want, sizeof(want),
		 "%s/c.yaml:3:49: text needs quotes: \"c\"\n"
		 "%s/d.yaml:3:10: policy a is defined already, in %s/a.yaml:2\n"
		 "%s/fifo.yaml: is a FIFO, not a file\n",
		 dir, dir, dir, dir);
	CHECK_STR(policies_told(&d), want);
	CHECK_INT(policy_count(s), 3);
	CHECK_STREQ(policy_at(s, 0)->name, "a");
	CHECK_STREQ(policy_at(s, 1)->name, "b");
	CHECK_STREQ(policy_at(s, 2)->name, "e");
	policy_free(s);
	diags_free(&d);

	s = NULL;
	paths[1] = "/nonexistent/x.yaml";
	CHECK_INT(policy_load(&s, paths, 2, &d), -ENOENT);
	CHECK(!s && strstr(policies_told(&d),
			   "/nonexistent/x.yaml: cannot be read: No such file or directory"));
	diags_free(&d);
	snprintf(path, sizeof(path), "%s/sub/deep/none", dir);
	CHECK(!mkdir(path, 0700));
	paths[0] = path;
	CHECK_INT(policy_load(&s, paths, 1, &d), 0);
	CHECK_INT(policy_count(s), 0);
	CHECK_INT(d.errors, 0);
	CHECK_INT(d.count, 1);
	policy_free(s);
	diags_free(&d);
}

/* The digest is that of the texts: Python's hashlib.sha256(b"f.yaml\0" + pack("<Q", len(t)) + t) */
static void digest(void)
{
	struct policy_set *fixed = policies_good("policies:\n  - name: a\n    on: file.open\n"
						 "    where: 'file.path = \"/a\"'\n");
	struct policy_set *a = policies_good(ONE("")), *b = policies_good(ONE("")),
			  *c = policies_good(ONE("  severity: low\n"));

	CHECK(str_eq(policy_digest(fixed), str_of("61971b85e0d4b47d64a2c4f38ed2e07e"
						  "231c70a5593434d1ef9c8f8d7bfd16e2")));
	CHECK(str_eq(policy_digest(a), policy_digest(b)));
	CHECK(!str_eq(policy_digest(a), policy_digest(c)));
	policy_free(fixed);
	policy_free(a);
	policy_free(b);
	policy_free(c);
}

static void check_hostile(const char *head, const char *unit, size_t bytes, const char *tail)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	struct buf b = { 0 };
	struct timespec start, end;

	buf_lit(&b, head);
	while (b.len < bytes)
		buf_lit(&b, unit);
	buf_lit(&b, tail);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	CHECK_INT(policy_load_text(&s, "f", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	CHECK(d.errors);
	CHECK_INT(policy_count(s), 0);
	if (end.tv_sec - start.tv_sec > 8)
		test_fail(__FILE__, __LINE__, "%s… took %ld s", unit,
			  (long)(end.tv_sec - start.tv_sec));
	policy_free(s);
	diags_free(&d);
	buf_free(&b);
}

/* Files made to take long: many mistakes, many names, patterns that swell. */
static void hostile(void)
{
	static const char one[] = "policies:\n- name: a\n  on: file.open\n  where: ";

	check_hostile("policies:\n", "- {name: abcdefgh, x: 1}\n", 4 << 20, "");
	check_hostile("policies:\n- {on: [", "file.opem, ", 8 << 20, "]}\n");
	check_hostile("policies:\n- name: a\n  on: file.open\n  where: file.path in (", "'x', ",
		      60000, "5)\n");
	check_hostile(one, "file.pathabcdefghij exists or ", 60000, "file.path exists\n");
	check_hostile("policies:\n",
		      "- {name: a, on: file.open, where: file.pathabcdefghij exists}\n", 8 << 20,
		      "");
	check_hostile("policies:\n- name: a\n  on: network.connect\n  where: error.code in (",
		      "'EABCDEFGHIJ', ", 60000, "5)\n");
	check_hostile(one, "file.path regex '(((a{1,40}){1,40}){1,40}){1,40}' or ", 60000,
		      "file.path exists\n");
	check_hostile(one, "file.path regex '(([ab]|c{1,9}){1,9}x){1,30}' or ", 60000,
		      "file.path exist\n");
	check_hostile(one, "not ", 60000, "x\n");
	check_hostile(one, "(", 60000, "\n");
	check_hostile("policies:\n- name: a\n  message: '", "{x}", 60000, "'\n");
	check_hostile("policies:\n- ", "key_of_some_length_", 8 << 20, ": 1\n");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(attributes), TEST(all_mistakes), TEST(more_mistakes),      TEST(files),
		TEST(digest),     TEST(hostile),      TEST(mistakes_beside_on),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
