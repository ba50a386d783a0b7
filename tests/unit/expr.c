/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The expression language of policies: each operator on each class of field, structure, and the
 * place and text of each mistake.
 */
#include "pipeline/policy/ops.h"
#include "pipeline/policy/policy.h"
#include "tests/harness/judge.h"
#include "tests/harness/test.h"

static void text(void)
{
	struct made *m = judge_open();

	YES(m, "file.path = \"/etc/shadow\"");
	YES(m, "file.path = '/etc/shadow'");
	NO(m, "file.path = '/etc/shado'");
	NO(m, "file.path = '/etc/shadow2'");
	NO(m, "file.path != '/etc/shadow'");
	YES(m, "file.path != '/etc/passwd'");
	YES(m, "file.path in ('/a', '/etc/shadow')");
	NO(m, "file.path in ('/a', '/b')");
	YES(m, "file.path contains 'shad'");
	YES(m, "file.path contains ('x', 'c/s')");
	NO(m, "file.path contains 'shadows'");
	YES(m, "file.path startswith '/etc/'");
	YES(m, "file.path startswith ('/usr/', '/etc/')");
	NO(m, "file.path startswith 'etc'");
	YES(m, "file.path endswith '/shadow'");
	NO(m, "file.path endswith ('/shado', 'x/etc/shadow')");
	YES(m, "file.path exists");
	NO(m, "not file.path exists");
	NO(m, "file.requested_path exists");
	YES(m, "file.path regex '^/etc/(g?shadow|passwd)$'");
	NO(m, "file.path regex '^/etc/passwd$'");
	YES(m, "file.path regex ('nothing', 'd.w$')");
	YES(m, "process.thread.name = 'test'");
	YES(m, "process.thread.name startswith 'te'");
	NO(m, "process.thread.name = 'tes'");
	YES(m, "process.name in ('a','b','c','d','e','f','g','h','i','j','k','cat','cats')");
	NO(m, "process.name in ('a','b','c','d','e','f','g','h','i','j','k','ca','cats')");
	made_free(m);
}

static void glob(void)
{
	struct made *m = judge_open();

	YES(m, "file.path glob '/etc/*'");
	YES(m, "file.path glob '*shadow'");
	YES(m, "file.path glob '*'");
	YES(m, "file.path glob '/*/sh?dow'");
	YES(m, "file.path glob '/etc/[p-t]hado[!a]'");
	YES(m, "file.path glob '*s*a*o*'");
	YES(m, "file.path glob ('x', '/etc/shadow')");
	NO(m, "file.path glob '/etc'");
	NO(m, "file.path glob 'etc/*'");
	NO(m, "file.path glob '/etc/[!s]*'");
	NO(m, "file.path glob '/etc/shadow?'");
	NO(m, "file.path glob '/etc/\\*'");
	NO(m, "file.path glob '\\[*'"); /* a bracket that opens no set */
	YES(m, "file.path glob '/etc/s\\hadow'");
	YES(m, "process.command_line glob 'cat *shadow'");
	CHECK(op_glob_match(STR("[]a]*"), STR("]b"), false));
	CHECK(op_glob_match(STR(""), STR(""), false) && op_glob_match(STR("**"), STR(""), false));
	CHECK(!op_glob_match(STR("?"), STR(""), false) &&
	      !op_glob_match(STR("a*b"), STR("ab."), false));
	made_free(m);
}

static void list(void)
{
	struct made *m = judge_open();

	YES(m, "process.args = '-n'");
	YES(m, "process.args = ''");
	YES(m, "process.args in ('x', '/etc/shadow')");
	NO(m, "process.args = 'n'");
	NO(m, "process.args != '-n'");
	YES(m, "process.args != '-x'");
	YES(m, "process.args contains 'shadow'");
	YES(m, "process.args startswith '-'");
	YES(m, "process.args endswith 'n'");
	NO(m, "process.args contains 'n /etc'");
	YES(m, "process.args glob '-?'");
	YES(m, "process.args regex '^/etc/'");
	NO(m, "process.args regex '^$^x'");
	YES(m, "process.args exists");
	made_free(m);
}

static void numbers(void)
{
	struct made *m = judge_open();

	YES(m, "file.inode = 4711");
	YES(m, "file.inode = 0x1267");
	YES(m, "file.inode in (1, 4711, 3)");
	NO(m, "file.inode in (1, 2)");
	YES(m, "file.inode != 1");
	YES(m, "file.inode > 4710");
	NO(m, "file.inode > 4711");
	YES(m, "file.inode >= 4711");
	YES(m, "file.inode < 5KiB");
	NO(m, "file.inode < 4711");
	YES(m, "file.inode <= 4711");
	YES(m, "file.uid = 0");
	YES(m, "file.mode = 0640");
	YES(m, "file.mode = 0o640");
	NO(m, "file.mode = 640");
	YES(m, "file.mode exists");
	YES(m, "user.saved.id = 1000");
	NO(m, "user.audit.id = 4294967295");
	NO(m, "user.audit.id exists");
	YES(m, "process.entity_id = '1234'");
	YES(m, "process.entity_id = '0000000000001234'");
	YES(m, "process.entity_id = 0x1234");
	YES(m, "process.entity_id in ('99', '1234')");
	made_free(m);
}

static void named(void)
{
	struct made *m = judge_open();

	YES(m, "event.outcome = 'success'");
	YES(m, "event.outcome in ('failure', 'success')");
	YES(m, "event.outcome != 'failure'");
	YES(m, "event.outcome exists");
	YES(m, "file.type = 'file'");
	NO(m, "error.code = 'EACCES'");
	YES(m, "file.flags = 'O_RDWR'");
	YES(m, "file.flags in ('O_WRONLY', 'O_RDWR')");
	YES(m, "file.flags contains 'O_CLOEXEC'");
	NO(m, "file.flags = 'O_WRONLY'");
	NO(m, "file.flags != 'O_RDWR'");
	YES(m, "file.flags != 'O_RDONLY'");
	NO(m, "tocsin.io_uring");
	YES(m, "not tocsin.io_uring");
	CHECK(made_set(m, "tocsin.io_uring", "true"));
	CHECK(made_set(m, "file.flags", "O_RDONLY"));
	CHECK(made_set(m, "error.code", "EACCES"));
	YES(m, "tocsin.io_uring");
	YES(m, "tocsin.io_uring = true");
	YES(m, "file.flags = 'O_RDONLY'");
	NO(m, "file.flags in ('O_RDWR', 'O_WRONLY')");
	YES(m, "error.code = 'EACCES'");
	YES(m, "error.code = 13");
	made_free(m);
}

static void addresses(void)
{
	struct made *m = made_new("network.connect");

	CHECK(made_set(m, "destination.ip", "10.1.2.3"));
	CHECK(made_set(m, "destination.port", "443"));
	YES(m, "destination.ip = '10.1.2.3'");
	YES(m, "destination.ip = '::ffff:10.1.2.3'");
	NO(m, "destination.ip = '10.1.2.4'");
	YES(m, "destination.ip != '10.1.2.4'");
	YES(m, "destination.ip in ('1.1.1.1', '10.1.2.3')");
	YES(m, "destination.ip cidr '10.0.0.0/8'");
	YES(m, "destination.ip cidr '0.0.0.0/0'");
	YES(m, "destination.ip cidr '10.1.2.3'");
	YES(m, "destination.ip cidr ('192.168.0.0/16', '10.1.2.2/31')");
	NO(m, "destination.ip cidr '10.1.3.0/24'");
	NO(m, "destination.ip cidr '::/0'");
	NO(m, "source.ip cidr '0.0.0.0/0'");
	NO(m, "not destination.ip exists");
	YES(m, "destination.port in (80, 443)");
	CHECK(made_set(m, "destination.ip", "2001:db8::1"));
	YES(m, "destination.ip cidr '2001:db8::/32'");
	YES(m, "destination.ip cidr '2001:db8::1/128'");
	NO(m, "destination.ip cidr '0.0.0.0/0'");
	NO(m, "destination.ip = '2001:db8::2'");
	CHECK(made_set(m, "destination.ip", "::ffff:127.0.0.1"));
	YES(m, "destination.ip cidr '127.0.0.0/8'");
	YES(m, "destination.ip cidr '::ffff:127.0.0.0/104'");
	NO(m, "destination.ip cidr '::/0'");
	made_free(m);
}

static void structure(void)
{
	struct made *m = judge_open();

	/* T and F hold and do not; `and` binds tighter than `or`, `not` tightest. */
#define T "file.inode = 4711"
#define F "file.inode = 1"
	YES(m, T " or " T " and " F);
	NO(m, "(" T " or " T ") and " F);
	NO(m, "not " T " or " F);
	YES(m, "not (" T " and " F ")");
	NO(m, "not (" T " or " F ")");
	YES(m, "not not " T);
	YES(m, "not " F " and " T);
	YES(m, "((((" T "))))");
	YES(m, T "\n    and\n    " T);
	YES(m, F " or " F " or " F " or (" T " and not " F ")");
	YES(m, "not process.name in ('a', 'b')");
	YES(m, "process.name not in ('a', 'b')");
	NO(m, "process.name not in ('cat')");
	YES(m, "process.name not contains 'x'");
	YES(m, "file.requested_path not exists");
#undef T
#undef F
	made_free(m);
}

/* The name that a program gives itself may be empty, and is there. */
static void empty(void)
{
	struct made *m = judge_open();

	CHECK(made_set(m, "process.thread.name", ""));
	CHECK(made_set(m, "process.args", "a\x1f"));
	YES(m, "process.thread.name exists");
	YES(m, "process.thread.name = ''");
	YES(m, "process.thread.name in ('x', '')");
	NO(m, "process.thread.name != ''");
	YES(m, "process.thread.name = process.args");
	YES(m, "process.thread.name in process.args");
	NO(m, "process.args contains process.thread.name");
	CHECK(made_set(m, "process.thread.name", "sh"));
	NO(m, "process.thread.name = ''");
	YES(m, "process.thread.name != ''");
	NO(m, "process.thread.name in process.args");
	made_free(m);
	check_mistake("process.name = ''", "f.yaml:5:20: empty text: write process.name exists, or "
					   "not process.name exists\n");
	check_mistake("process.thread.name contains ''", "f.yaml:5:34: empty text");
}

/* Absent: no test holds, and so its negation does; != is a test. */
static void absent(void)
{
	struct made *m = made_new("file.open");

	NO(m, "process.name = 'x'");
	NO(m, "process.name != 'x'");
	NO(m, "process.name in ('x')");
	YES(m, "process.name not in ('x')");
	YES(m, "not process.name = 'x'");
	NO(m, "process.name exists");
	YES(m, "not process.name exists");
	NO(m, "file.inode < 5");
	NO(m, "file.inode >= 0");
	/* No field of this kind at all. */
	NO(m, "destination.port = 1");
	NO(m, "destination.port != 1");
	YES(m, "not destination.port = 1");
	YES(m, "destination.port not exists");
	made_free(m);
}

static void bytes(void)
{
	struct made *m = made_new("file.open");

	CHECK(made_set(m, "file.path", "/tmp/a\nb\xff\x1b'\"\\"));
	YES(m, "file.path endswith \"a\\nb\\xff\\x1b'\\\"\\\\\"");
	YES(m, "file.path contains '\\''");
	YES(m, "file.path endswith '\\\\'");
	YES(m, "file.path regex 'a.b'");
	NO(m, "file.path regex 'a$'");
	YES(m, "file.path glob '*a?b*'");
	made_free(m);
}

static void grammar_mistakes(void)
{
	check_mistake("file.path =", "f.yaml:5:16: a value is missing at the end\n");
	check_mistake("file.path = )", "f.yaml:5:17: a value is missing before )\n");
	check_mistake("and", "f.yaml:5:5: a field is missing before and\n");
	check_mistake("file.path = 'a' and", "f.yaml:5:24: a field is missing at the end\n");
	check_mistake("file.path = 'a' 'b'",
		      "f.yaml:5:21: \"and\" or \"or\" is missing before 'b'\n");
	check_mistake("(file.path = 'a'",
		      "f.yaml:5:21: \"and\", \"or\" or ) is missing at the end\n");
	check_mistake("file.path = 'a')", "f.yaml:5:20: ) without its (\n");
	check_mistake("file.path = 'a", "f.yaml:5:17: the quote does not end\n");
	check_mistake("file.path = \"\\d\"",
		      "f.yaml:5:18: no such escape: write \\\\ for a backslash");
	check_mistake("file.path == 'a'", "f.yaml:5:15: write = and not ==\n");
	check_mistake("file.path = 'a' && file.path = 'b'",
		      "f.yaml:5:21: unexpected &: write and\n");
	check_mistake("! file.path = 'a'", "f.yaml:5:5: unexpected !: write not\n");
	check_mistake("file.path in 'a'",
		      "f.yaml:5:18: a list in parentheses is missing before 'a'\n");
	check_mistake("file.path in ['a']",
		      "f.yaml:5:18: unexpected bracket: lists are written in parentheses\n");
	check_mistake("file.path in ()", "f.yaml:5:19: a value is missing before )\n");
	check_mistake("file.path in ('a',)", "f.yaml:5:23: a value is missing before )\n");
	check_mistake("file.path in ('a' 'b')", "f.yaml:5:23: , or ) is missing before 'b'\n");
	check_mistake("file.path = ('a', 'b')",
		      "f.yaml:5:17: = takes one value; for a list write in\n");
	check_mistake("file.path = shadow", "f.yaml:5:17: text needs quotes: \"shadow\"\n");
	check_mistake("file.path equals 'a'", "f.yaml:5:15: unknown operator equals");
	check_mistake("file.path startwith 'a'",
		      "f.yaml:5:15: unknown operator startwith; did you mean startswith?\n");
	check_mistake("file.path not = 'a'", "f.yaml:5:19: an operator of letters");
	check_mistake("'a' = file.path", "f.yaml:5:5: a test begins with a field");
	check_mistake("", "f.yaml:4:10: where is empty\n");
}

static void type_mistakes(void)
{
	check_mistake("file.pth = 'a'",
		      "f.yaml:5:5: unknown field file.pth; did you mean file.path?\n");
	check_mistake(
		"process.exit_code = 1",
		"f.yaml:5:5: no kind of this policy has the field process.exit_code; process.exit has it\n");
	check_mistake("event.id = 'a'",
		      "f.yaml:5:5: event.id is made with the document: policies cannot use it\n");
	check_mistake("file.path > 'a'",
		      "f.yaml:5:5: file.path cannot be tested with >: it is text\n");
	check_mistake("file.path = 5",
		      "f.yaml:5:17: file.path holds text: write \"5\" in quotes\n");
	check_mistake("file.path = ''", "f.yaml:5:17: empty text");
	check_mistake("file.path", "f.yaml:5:5: an operator must follow file.path");
	check_mistake("file.inode = '5'",
		      "f.yaml:5:18: file.inode is a number: write one without quotes\n");
	check_mistake("file.inode = 5x", "f.yaml:5:18: 5x is not a number");
	check_mistake("file.inode = 0644", "f.yaml:5:18: 0644 is not a number");
	check_mistake(
		"file.inode = 0",
		"f.yaml:5:18: file.inode is absent when it is zero: write not file.inode exists\n");
	check_mistake("file.inode = -1",
		      "f.yaml:5:18: file.inode holds 0 to 18446744073709551615\n");
	check_mistake("destination.port in (80, 65536)",
		      "f.yaml:5:30: destination.port holds 0 to 65535\n");
	check_mistake("file.inode contains 5",
		      "f.yaml:5:5: file.inode cannot be tested with contains: it is a number");
	check_mistake("tocsin.io_uring = false",
		      "f.yaml:5:23: tocsin.io_uring is absent when it is false");
	check_mistake("tocsin.io_uring != true",
		      "f.yaml:5:24: tocsin.io_uring is absent when it is false");
	check_mistake("tocsin.io_uring = 1", "f.yaml:5:23: tocsin.io_uring is true or false");
	/* All of an expression at once. */
	check_mistake("file.pth = 'a' or file.inode = 'x'",
		      "f.yaml:5:5: unknown field file.pth; did you mean file.path?\n"
		      "f.yaml:5:36: file.inode is a number: write one without quotes\n");
}

static void type_mistakes_of_sets_and_patterns(void)
{
	check_mistake(
		"event.outcome = 'failed'",
		"f.yaml:5:21: event.outcome is never \"failed\"; did you mean \"failure\"?\n");
	check_mistake("file.flags in ('O_WRONLY', 'O_RDWD')",
		      "f.yaml:5:32: file.flags is never \"O_RDWD\"; did you mean \"O_RDWR\"?\n");
	check_mistake("file.flags > 1",
		      "f.yaml:5:5: file.flags cannot be tested with >: it is a set of flags");
	check_mistake("destination.ip = '10.0.0.0/8'",
		      "f.yaml:5:22: \"10.0.0.0/8\": a network: use cidr\n");
	check_mistake("destination.ip cidr '10.0.0.1/8'",
		      "f.yaml:5:25: \"10.0.0.1/8\": has bits set past its prefix\n");
	check_mistake("destination.ip cidr '10.0.0/8'",
		      "f.yaml:5:25: \"10.0.0/8\": not an IP address or network\n");
	check_mistake("destination.ip cidr '10.0.0.0/33'", "f.yaml:5:25: \"10.0.0.0/33\": not an");
	check_mistake("destination.ip cidr '10.0.0.0/'", "f.yaml:5:25: \"10.0.0.0/\": not an");
	check_mistake(
		"file.path regex 'a('",
		"f.yaml:5:21: the regular expression is wrong: missing closing parenthesis at byte 2");
	check_mistake("file.path glob 'a['", "f.yaml:5:20: the pattern has a [ without its ]\n");
	check_mistake("file.path glob 'a\\'", "f.yaml:5:20: the quote does not end\n");
	check_mistake("file.path glob 'a\\\\'", "f.yaml:5:20: the pattern ends in a backslash\n");
	check_mistake("process.thread.name = '0123456789abcdef'",
		      "f.yaml:5:27: process.thread.name holds at most 15 bytes\n");
	check_mistake("process.entity_id = 'xyz'",
		      "f.yaml:5:25: process.entity_id is 16 hexadecimal digits");
	check_mistake("process.ancestors = 'a'",
		      "f.yaml:5:5: process.ancestors cannot be tested\n");
}

/* Positions through YAML's ways of quoting. */
static void quoted_positions(void)
{
	static const struct {
		const char *yaml, *want;
	} cases[] = {
		{ "where: file.pth = 1", "f:4:10: unknown field" },
		{ "where: 'tocsin.io_uring and file.pth = ''a'''", "f:4:31: unknown field" },
		{ "where: \"file.path = \\\"a\\\" and file.pth = 'a'\"", "f:4:33: unknown field" },
		{ "where: tocsin.io_uring\n    and file.pth = 1", "f:5:9: unknown field" },
		{ "where: >-\n    tocsin.io_uring\n    and file.pth = 1", "f:6:9: unknown field" },
		{ "where: |\n    tocsin.io_uring and\n      file.pth = 1", "f:6:7: unknown field" },
		{ "where: {}", "f:4:10: where must be text" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy_set *s = NULL;
		struct diags d = { 0 };
		char source[512], got[600];

		snprintf(source, sizeof(source), "policies:\n- name: t\n  on: file.open\n  %s\n",
			 cases[i].yaml);
		CHECK_INT(policy_load_text(&s, "f", str_of(source), &d), 0);
		CHECK_INT(d.count, 1);
		snprintf(got, sizeof(got), "%s:%u:%u: %s", d.items[0].file, d.items[0].line,
			 d.items[0].column, d.items[0].reason);
		if (strncmp(got, cases[i].want, strlen(cases[i].want)))
			test_fail(__FILE__, __LINE__, "%s\n gives %s\n not %s", cases[i].yaml, got,
				  cases[i].want);
		diags_free(&d);
		policy_free(s);
	}
}

static void deep(void)
{
	char expr[4096];
	size_t n = 0;

	for (int i = 0; i < 60; i++)
		n += (size_t)sprintf(expr + n, "(");
	n += (size_t)sprintf(expr + n, "tocsin.io_uring");
	for (int i = 0; i < 60; i++)
		n += (size_t)sprintf(expr + n, ")");
	{
		struct made *m = made_new("file.open");

		NO(m, expr);
		made_free(m);
	}
	n = 0;
	for (int i = 0; i < 61; i++)
		n += (size_t)sprintf(expr + n, "(");
	sprintf(expr + n, "tocsin.io_uring");
	check_mistake(expr, "f.yaml:5:65: nested deeper than 60\n");
}

/* A path means the same type on every kind that has it: operands are compiled once for all. */
static void one_type(void)
{
	for (uint32_t k = 0; k < EV_MAX; k++) {
		const struct event_kind *kind = schema_kind(k);

		for (uint32_t i = 0; kind && i < kind->nfields; i++) {
			const struct field *f = &kind->fields[i];

			for (uint32_t j = 0; f->path && j < EV_MAX; j++) {
				const struct field *g =
					schema_kind(j)
						? schema_field(schema_kind(j), str_of(f->path))
						: NULL;

				if (g && strcmp(f->type, g->type))
					test_fail(__FILE__, __LINE__, "%s is %s on %s and %s on %s",
						  f->path, f->type, kind->name, g->type,
						  schema_kind(j)->name);
			}
		}
	}
}

/* A mistake in one test hides none in another. */
static void all_mistakes(void)
{
	check_mistake("basenam(file.path) = \"x\" and (file.pth = \"y\" or process.name startwith "
		      "\"z\") and not file.uid = \"root\" and",
		      "f.yaml:5:5: unknown function basenam; did you mean basename?\n"
		      "f.yaml:5:35: unknown field file.pth; did you mean file.path?\n"
		      "f.yaml:5:66: unknown operator startwith; did you mean startswith?\n"
		      "f.yaml:5:100: file.uid is a number: write one without quotes\n"
		      "f.yaml:5:110: a field is missing at the end\n");
	check_mistake("(process.name = \"a\" or file.path = \"b\"",
		      "f.yaml:5:43: \"and\", \"or\" or ) is missing at the end\n");
	check_mistake("process.name = \"a\" \"b\" or file.pth = 1",
		      "f.yaml:5:24: \"and\" or \"or\" is missing before \"b\"");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(all_mistakes),
		TEST(text),
		TEST(glob),
		TEST(list),
		TEST(numbers),
		TEST(named),
		TEST(addresses),
		TEST(structure),
		TEST(absent),
		TEST(empty),
		TEST(bytes),
		TEST(grammar_mistakes),
		TEST(type_mistakes),
		TEST(type_mistakes_of_sets_and_patterns),
		TEST(quoted_positions),
		TEST(deep),
		TEST(one_type),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
