/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Terms: functions on what they take and what they refuse, arithmetic and its edges, comparison of
 * two terms, and the operators for which case does not matter.
 */
#include "pipeline/policy/functions.h"
#include "pipeline/policy/ops.h"
#include "tests/harness/judge.h"
#include "tests/harness/test.h"

static void text_functions(void)
{
	struct made *m = judge_open();

	YES(m, "basename(file.path) = 'shadow'");
	NO(m, "basename(file.path) = 'hadow'");
	YES(m, "dirname(file.path) = '/etc'");
	YES(m, "dirname(dirname(file.path)) = '/'");
	YES(m, "basename(process.args) = 'shadow'"); /* of each element */
	YES(m, "dirname(process.args) = '/etc'");
	YES(m, "basename(process.name) in ('cat', 'x')");
	NO(m, "dirname(process.name) exists"); /* an empty text is not there */
	NO(m, "extension(file.path) exists");
	YES(m, "upper(file.path) = '/ETC/SHADOW'");
	YES(m, "upper(process.args) contains 'SHADOW'");
	CHECK(made_set(m, "file.path", "/tmp/A.tar.Gz"));
	YES(m, "extension(file.path) = 'Gz'");
	YES(m, "lower(extension(file.path)) = 'gz'");
	YES(m, "lower(file.path) glob '/tmp/a.*'");
	YES(m, "lower(basename(file.path)) regex '^a[.]tar'");
	CHECK(made_set(m, "file.path", "/tmp/.bashrc"));
	NO(m, "extension(file.path) exists");
	CHECK(made_set(m, "file.path", "/tmp/a."));
	NO(m, "extension(file.path) exists");
	CHECK(made_set(m, "file.path", "/tmp.d/a"));
	NO(m, "extension(file.path) exists");
	NO(m, "lower(file.requested_path) exists"); /* absent stays absent */
	NO(m, "lower(file.requested_path) != 'x'");
	YES(m, "not lower(file.requested_path) = 'x'");
	made_free(m);
}

static void number_functions(void)
{
	struct made *m = judge_open();

	YES(m, "length(file.path) = 11");
	YES(m, "length(file.path) > 10");
	NO(m, "length(file.path) > 11");
	YES(m, "length(file.path) in (1, 11)");
	YES(m, "count(process.args) = 4"); /* an empty one counts */
	YES(m, "count(basename(process.args)) = 4");
	NO(m, "length(file.requested_path) >= 0");
	YES(m, "length(basename(file.path)) + 5 = length(file.path)");
	made_free(m);
}

static void ancestors(void)
{
	struct made *m = judge_open();
	struct ctx_lineage *l;

	NO(m, "any_ancestor(process.name) exists");
	CHECK(made_set(m, "process.ancestor_names", "bash\x1fsshd\x1fsystemd"));
	YES(m, "any_ancestor(process.name) = 'sshd'");
	YES(m, "any_ancestor(process.name) startswith 'sys'");
	YES(m, "any_ancestor(process.name) in ('a', 'bash')");
	NO(m, "any_ancestor(process.name) = 'cat'"); /* itself is none */
	NO(m, "any_ancestor(process.name) != 'sshd'");
	YES(m, "count(any_ancestor(process.name)) = 3");
	YES(m, "upper(any_ancestor(process.name)) = 'SSHD'");
	NO(m, "process.name in any_ancestor(process.name)");
	CHECK(made_set(m, "process.name", "bash"));
	YES(m, "process.name in any_ancestor(process.name)");
	l = (struct ctx_lineage *)(void *)m->c.ctx[CTX_LINEAGE].b;
	l->executables = (struct str){ "/bin/bash\0/usr/sbin/sshd", 25 };
	l->command_lines = (struct str){ "-bash\0sshd: root@pts/0", 23 };
	l->args = (struct str){ "-bash\0sshd:\0root@pts/0", 23 };
	YES(m, "any_ancestor(process.executable) startswith '/usr/sbin/'");
	NO(m, "any_ancestor(process.executable) = '/usr/sbin'");
	YES(m, "basename(any_ancestor(process.executable)) = 'sshd'");
	YES(m, "any_ancestor(process.command_line) regex '^sshd: root@'");
	YES(m, "any_ancestor(process.args) = 'root@pts/0'");
	YES(m, "count(any_ancestor(process.args)) = 3");
	YES(m, "any_ancestor(process.executable) iglob '*/SSHD'");
	made_free(m);
}

static void arithmetic(void)
{
	struct made *m = judge_open();

	YES(m, "file.inode + 1 = 4712");
	YES(m, "file.inode - 4712 = -1");
	YES(m, "file.inode -4712 = -1");
	YES(m, "file.inode * 2 = 9422");
	YES(m, "file.inode / 2 = 2355");
	YES(m, "file.inode % 10 = 1");
	YES(m, "file.inode + 2 * 3 = 4717");
	YES(m, "(file.inode + 2) * 3 = 14139");
	YES(m, "file.inode - 1 - 1 = 4709");
	YES(m, "file.inode > 2 * 1024");
	YES(m, "file.inode < 5KiB - 1");
	YES(m, "2 * file.inode > 9421");
	YES(m, "(file.inode) = 4711 and (file.inode = 4711)");
	YES(m, "file.inode = (4700 + 11)");
	YES(m, "file.inode + file.uid = file.inode"); /* uid 0 is there */
	/* No result: no test holds. */
	NO(m, "file.inode / file.uid > 0");
	NO(m, "file.inode / file.uid <= 0");
	YES(m, "not file.inode / file.uid exists");
	NO(m, "file.inode % file.uid exists");
	NO(m, "file.requested_path exists or length(file.requested_path) + 1 exists");
	YES(m, "file.inode * 9223372036854775807 not exists");
	YES(m, "file.inode + 9223372036854775807 not exists");
	YES(m, "0 - file.inode - 9223372036854775807 not exists");
	CHECK(made_set(m, "file.inode", "9223372036854775808")); /* 2^63 */
	YES(m, "file.inode + 0 not exists");
	YES(m, "file.inode > file.uid");
	made_free(m);
}

static void pairs(void)
{
	struct made *m = judge_open();

	CHECK(made_set(m, "process.executable", "/usr/bin/cat"));
	CHECK(made_set(m, "process.working_directory", "/etc/"));
	NO(m, "process.name = process.executable");
	YES(m, "process.name != process.executable");
	YES(m, "process.name = basename(process.executable)");
	YES(m, "process.executable endswith process.name");
	YES(m, "file.path startswith process.working_directory");
	NO(m, "process.working_directory startswith file.path");
	YES(m, "process.command_line contains file.path");
	YES(m, "process.args = file.path");
	YES(m, "file.path in process.args");
	NO(m, "process.executable in process.args");
	YES(m, "process.executable ine process.name");
	YES(m, "upper(process.name) ieq process.name");
	YES(m, "upper(process.executable) iendswith process.name");
	YES(m, "upper(process.executable) icontains 'BIN/c'");
	YES(m, "upper(process.command_line) icontains file.path");
	NO(m, "upper(process.executable) icontains file.path");
	YES(m, "upper(file.path) istartswith process.working_directory");
	YES(m, "file.path iin upper(process.args)");
	YES(m, "file.uid != user.saved.id");
	YES(m, "file.uid < user.saved.id");
	NO(m, "file.uid >= user.saved.id");
	YES(m, "file.inode = file.inode");
	/* Absent on either side: no test holds. */
	NO(m, "file.path = file.requested_path");
	NO(m, "file.path != file.requested_path");
	NO(m, "file.requested_path != file.path");
	NO(m, "file.path startswith file.requested_path");
	made_free(m);
	m = made_new("network.connect");
	CHECK(made_set(m, "source.ip", "10.1.2.3"));
	CHECK(made_set(m, "destination.ip", "::ffff:10.1.2.3"));
	YES(m, "source.ip = destination.ip");
	NO(m, "source.ip != destination.ip");
	CHECK(made_set(m, "destination.ip", "2001:db8::1"));
	NO(m, "source.ip = destination.ip");
	YES(m, "source.ip != destination.ip");
	made_free(m);
}

static void folded(void)
{
	struct made *m = judge_open();
	char lower[64];

	CHECK(made_set(m, "file.path", "/TMP/Evil.EXE"));
	YES(m, "file.path ieq '/tmp/evil.exe'");
	YES(m, "file.path ieq '/TMP/EVIL.EXE'");
	NO(m, "file.path ieq '/tmp/evil.ex'");
	NO(m, "file.path ine '/tmp/evil.exe'");
	YES(m, "file.path ine '/tmp'");
	YES(m, "file.path iin ('a', '/tmp/evil.EXE')");
	YES(m, "file.path iin ('1','2','3','4','5','6','7','8','9','/tmp/EVIL.exe')");
	NO(m, "file.path iin ('1','2','3','4','5','6','7','8','9','/tmp/EVIL.ex')");
	YES(m, "file.path icontains 'EVIL'");
	YES(m, "file.path icontains ('x', 'p/e')");
	NO(m, "file.path icontains 'evils'");
	YES(m, "file.path istartswith '/tMP/'");
	NO(m, "file.path istartswith 'tmp'");
	YES(m, "file.path iendswith ('.dll', '.Exe')");
	NO(m, "file.path iendswith '.dll'");
	YES(m, "file.path iglob '/tmp/*.exe'");
	YES(m, "file.path iglob '/[t]m[a-q]/[!f]*'");
	NO(m, "file.path iglob '/tmp/[!E]*'");
	NO(m, "file.path iglob '/tmp/[!e]*'");
	NO(m, "file.path glob '/tmp/*'");
	YES(m, "file.path iregex '^/tmp/EVIL[.]exe$'");
	NO(m, "file.path regex '^/tmp/'");
	YES(m, "process.args ieq '-N'");
	NO(m, "process.args ine '-N'");
	/* Letters of ASCII alone. */
	CHECK(made_set(m, "file.path", "/\xc3\x84@[`{"));
	snprintf(lower, sizeof(lower), "file.path ieq \"/\\xc3\\xa4@[`{\"");
	NO(m, lower);
	NO(m, "file.path iendswith '`{`{'");
	YES(m, "file.path iendswith '@[`{'");
	made_free(m);
}

/* A long text is folded piece by piece. */
static void folded_long(void)
{
	static const uint32_t at[] = { 0, 1, 3000, 4090, 4095, 5000, 8100, 8150 };
	char line[8192 + 1];

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		struct made *m = judge_open();

		memset(line, 'x', sizeof(line));
		memcpy(line + at[i], "NeeDLe", 6);
		CHECK(made_set_bytes(m, "process.command_line", line, 8160));
		YES(m, "process.command_line icontains 'needle'");
		NO(m, "process.command_line icontains 'needles'");
		made_free(m);
	}
}

static void mistakes(void)
{
	check_mistake("basname(file.path) = 'a'",
		      "f.yaml:5:5: unknown function basname; did you mean basename?\n");
	check_mistake("basename(file.pth) = 'a'",
		      "f.yaml:5:14: unknown field file.pth; did you mean file.path?\n");
	check_mistake("basename(file.inode) = 'a'",
		      "f.yaml:5:14: basename takes text, and file.inode is none\n");
	check_mistake("basename('a') = 'a'", "f.yaml:5:14: basename takes a field\n");
	check_mistake("basename(file.path, file.path) = 'a'",
		      "f.yaml:5:5: basename takes one value in its parentheses\n");
	check_mistake("basename() = 'a'", "f.yaml:5:14: a field is missing before )\n");
	check_mistake("basename(file.path = 'a'", "f.yaml:5:24: , or ) is missing before =\n");
	check_mistake("basename(file.path) = 5",
		      "f.yaml:5:27: basename(file.path) holds text: write \"5\" in quotes\n");
	check_mistake("basename(file.path)",
		      "f.yaml:5:5: an operator must follow basename(file.path)");
	check_mistake(
		"length(process.args) = 1",
		"f.yaml:5:12: length takes text, and process.args is a list (count takes lists)\n");
	check_mistake("count(file.path) = 1",
		      "f.yaml:5:11: count takes a list, and file.path is none\n");
	check_mistake("length(file.path) = 'a'",
		      "f.yaml:5:25: length(file.path) is a number: write one without quotes\n");
	check_mistake(
		"length(file.path) contains 'a'",
		"f.yaml:5:5: length(file.path) cannot be tested with contains: it is a number");
	check_mistake("any_ancestor(file.path) = 'a'",
		      "f.yaml:5:18: any_ancestor takes one of process.name, process.executable");
}

static void mistakes_of_calculations_and_pairs(void)
{
	check_mistake("file.path + 1 = 2",
		      "f.yaml:5:5: file.path is no number: it cannot be calculated with\n");
	check_mistake("file.inode + 'a' = 2",
		      "f.yaml:5:18: 'a' is no number: it cannot be calculated with\n");
	check_mistake("file.inode + \"a\\x41\" = 2",
		      "f.yaml:5:18: \"a\\x41\" is no number: it cannot be calculated with\n");
	check_mistake("file.inode + lower(file.path) = 2",
		      "f.yaml:5:18: lower(file.path) is no number: it cannot be calculated with\n");
	check_mistake("event.outcome + 1 = 2", "f.yaml:5:5: event.outcome is no number");
	check_mistake("file.inode / 0 = 1", "f.yaml:5:18: division by zero\n");
	check_mistake("file.inode = 9223372036854775807 + 1",
		      "f.yaml:5:18: the result is beyond 64 bits with sign\n");
	check_mistake("file.inode + 18446744073709551615 = 1",
		      "f.yaml:5:18: numbers that are calculated with are of 64 bits with sign\n");
	check_mistake("file.inode + 1 * = 2", "f.yaml:5:22: a field is missing before =\n");
	check_mistake("1 + 2 = 3", "f.yaml:5:5: a test begins with a field");
	check_mistake(
		"file.path = file.inode",
		"f.yaml:5:17: file.path and file.inode are of different types: they cannot be compared\n");
	check_mistake("file.path < process.name",
		      "f.yaml:5:5: < does not compare file.path with another field\n");
	check_mistake("file.path regex process.name",
		      "f.yaml:5:5: regex does not compare file.path with another field\n");
	check_mistake("file.path in process.name",
		      "f.yaml:5:18: in needs a list, and process.name is none\n");
	check_mistake("file.flags = file.flags", "f.yaml:5:18: file.flags and file.flags are of");
	check_mistake("event.outcome = error.code",
		      "f.yaml:5:21: event.outcome and error.code are of different types");
	check_mistake("file.path = proces.name",
		      "f.yaml:5:17: unknown field proces.name; did you mean process.name?\n");
	check_mistake("file.path = /etc/passwd",
		      "f.yaml:5:17: unexpected /: text is written in quotes\n");
	check_mistake("file.inode ieq 5",
		      "f.yaml:5:5: file.inode cannot be tested with ieq: it is a number");
	check_mistake("file.path = file.path(file.path)",
		      "f.yaml:5:17: unknown function file.path");
}

/* Terms in a list are alternatives beside its values. */
static void members(void)
{
	struct made *m = judge_open();

	CHECK(made_set(m, "process.executable", "/usr/bin/cat"));
	YES(m, "process.name in (basename(process.executable), 'x')");
	YES(m, "process.name in ('x', basename(process.executable))");
	YES(m, "process.name in ('cat', file.path)");
	NO(m, "process.name in (file.path, 'x')");
	NO(m, "process.name not in ('x', basename(process.executable))");
	YES(m, "process.name not in ('x', file.path)");
	YES(m, "process.name in (basename(process.executable))");
	YES(m, "process.name in ('x', process.args)"); /* any element */
	NO(m, "file.inode in (1, user.id + 3710)");
	YES(m, "file.inode in (1, user.id + 3711)");
	YES(m, "file.inode in (4710 + 1, 5)");
	YES(m, "file.inode in (5, (4710) + 1)");
	YES(m, "process.executable contains ('x', process.name)");
	YES(m, "process.executable endswith (process.name)");
	YES(m, "process.name iin ('x', upper(process.name), 'y')");
	NO(m, "process.name in ('x', container.id)"); /* absent */
	YES(m, "process.name in ('cat', container.id)");
	made_free(m);
	check_mistake("file.path in (proces.name, 'a', lower(user.nam))",
		      "f.yaml:5:19: unknown field proces.name; did you mean process.name?\n"
		      "f.yaml:5:43: unknown field user.nam; did you mean user.name?\n");
	check_mistake("file.pth in (process.name, 'a', user.name)",
		      "f.yaml:5:5: unknown field file.pth; did you mean file.path?\n");
	check_mistake("file.path in ('a', shadow)", "f.yaml:5:24: text needs quotes: \"shadow\"\n");
	check_mistake(
		"file.path in ('a', file.inode + 1)",
		"f.yaml:5:24: file.path and (file.inode + 1) are of different types: they cannot "
		"be compared\n");
	check_mistake("file.path glob ('a', process.name)",
		      "f.yaml:5:26: glob does not compare file.path with another field\n");
	check_mistake("file.path in ('a', process.name process.name)",
		      "f.yaml:5:37: , or ) is missing before process.name\n");
	check_mistake("file.path in ('a', in)", "f.yaml:5:24: text needs quotes: \"in\"\n");
	check_mistake("file.path in ('a', )", "f.yaml:5:24: a value is missing before )\n");
}

static void deep(void)
{
	char expr[4096];
	size_t n = 0;

	for (int i = 0; i < 15; i++)
		n += (size_t)sprintf(expr + n, "lower(");
	n += (size_t)sprintf(expr + n, "file.path");
	for (int i = 0; i < 15; i++)
		n += (size_t)sprintf(expr + n, ")");
	sprintf(expr + n, " = '/etc/shadow'");
	{
		struct made *m = judge_open();

		YES(m, expr);
		made_free(m);
	}
	n = 0;
	for (int i = 0; i < 16; i++)
		n += (size_t)sprintf(expr + n, "lower(");
	n += (size_t)sprintf(expr + n, "file.path");
	for (int i = 0; i < 16; i++)
		n += (size_t)sprintf(expr + n, ")");
	sprintf(expr + n, " = 'a'");
	check_mistake(expr,
		      "f.yaml:5:101: calls and arithmetic of more than 16 levels or 64 parts\n");
	n = (size_t)sprintf(expr, "file.inode");
	for (int i = 0; i < 40; i++)
		n += (size_t)sprintf(expr + n, " * (file.inode)");
	sprintf(expr + n, " > 1");
	check_mistake(expr,
		      "f.yaml:5:5: calls and arithmetic of more than 16 levels or 64 parts\n");
}

/* Equal terms and tests are one slot and one predicate; an alert says what both sides were. */
static void explained(void)
{
	struct made *m = judge_open();
	struct policy_engine *p = NULL;
	const struct match *match;
	struct diags d = { 0 };
	struct policy_set *s = judge_load("file.path endswith basename( file.path ) and "
					  "length(file.path) = 11 and "
					  "file.path contains ('x', dirname(file.path))",
					  &d);
	static const char want[] = "[{\"condition\":\"file.path endswith basename( file.path )\","
				   "\"value\":\"/etc/shadow\",\"other\":\"shadow\"},"
				   "{\"condition\":\"length(file.path) = 11\",\"value\":11},"
				   "{\"condition\":\"file.path contains dirname(file.path)\","
				   "\"value\":\"/etc/shadow\",\"other\":\"/etc\"}]";

	CHECK_INT(d.count, 0);
	CHECK_INT(policy_engine_new(&p, s), 0);
	CHECK_INT(policy_match(p, made_event(m), &match), 1);
	CHECK_STREQ(match[0].matched, want);
	policy_engine_free(p);
	policy_free(s);
	made_free(m);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(text_functions),
		TEST(number_functions),
		TEST(ancestors),
		TEST(arithmetic),
		TEST(pairs),
		TEST(folded),
		TEST(folded_long),
		TEST(mistakes),
		TEST(mistakes_of_calculations_and_pairs),
		TEST(members),
		TEST(deep),
		TEST(explained),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
