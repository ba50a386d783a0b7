/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The matcher: exceptions, reasons, messages, and what a set of policies asks of events.
 */
#include "pipeline/policy/policy.h"

#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static void exceptions(void)
{
	struct matcher r = matcher_new(
		ONE("  exceptions:\n  - where: process.name in ('sshd', 'su')\n"
		    "  - name: root's\n    where: 'user.id = 0 and process.name = \"cat\"'\n"));
	struct made *m = policies_event();

	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	m->rec.h.uid = 0;
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 0);
	CHECK(made_set(m, "process.name", "vi"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK(made_set(m, "process.name", "su"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 0);
	made_free(m);
	matcher_free(&r);
}

static void reasons(void)
{
	struct matcher r = matcher_new(
		"policies:\n- name: one\n  on: file.open\n"
		"  where: >\n"
		"    file.path endswith \"shadow\" and not process.name in (\"su\")\n"
		"    and (process.args contains '-' or user.id = 77 or file.flags = 'O_WRONLY')\n"
		"    and file.path endswith 'shadow' and file.inode > 4KiB and process.cgroup.path not exists\n");
	struct made *m = policies_event();

	CHECK(made_set(m, "process.args", "a\x01\x1f-\"b"));
	CHECK(made_set(m, "file.flags", "O_WRONLY|O_CLOEXEC"));
	CHECK(made_set(m, "file.inode", "5000"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(
		r.m->matched,
		"[{\"condition\":\"file.path endswith \\\"shadow\\\"\",\"value\":\"/etc/shadow\"},"
		"{\"condition\":\"process.args contains '-'\",\"value\":[\"a\\u0001\",\"-\\\"b\"]},"
		"{\"condition\":\"file.flags = 'O_WRONLY'\",\"value\":[\"O_WRONLY\",\"O_CLOEXEC\"]},"
		"{\"condition\":\"file.inode > 4KiB\",\"value\":5000}]");
	made_free(m);
	matcher_free(&r);
}

static void messages(void)
{
	struct matcher r = matcher_new(ONE(
		"  message: |\n    {{{process.name}}} \"read\"\n    {file.path} {file.inode} {user.name} {file.flags} \\n {process.args}\n"));
	struct made *m = policies_event();

	CHECK(made_set(m, "process.name", "\x1b[31mx\n\xff{file.path}\xe2\x80\xae"));
	CHECK(made_set(m, "file.flags", "O_RDWR"));
	CHECK(made_set(m, "process.args", "a\x1f\tb"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(
		r.m->message,
		"{\\x1b[31mx\\x0a\\xff{file.path}\\u{202E}} \"read\" /etc/shadow ? ? O_RDWR \\n a \\x09b");
	made_free(m);
	matcher_free(&r);
	r = matcher_new(ONE(""));
	m = policies_event();
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(r.m->message, "one");
	made_free(m);
	matcher_free(&r);
}

/* Long and hostile values neither overflow nor cut a character. */
static void long_values(void)
{
	struct matcher r = matcher_new(
		ONE("  message: '{process.command_line}|{process.args}|{process.name}'\n"));
	struct made *m = policies_event();
	char big[8000];

	for (size_t i = 0; i < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xa4", 2);
	CHECK(made_set_bytes(m, "process.command_line", big, 7001));
	memset(big, 0xfe, sizeof(big));
	CHECK(made_set_bytes(m, "process.args", big, 4000));
	CHECK(made_set_bytes(m, "process.name", big, 513));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK(r.m->message.len < 512 + 3 + 1 + 2048 + 3 + 1 + 2048 + 4);
	CHECK(!memcmp(r.m->message.p + 510, "\xc3\xa4\xe2\x80\xa6|\\xfe", 10));
	made_free(m);
	matcher_free(&r);
}

/* With no memory left the alert is still raised. */
static void full_arena(void)
{
	struct matcher r = matcher_new(ONE("  message: 'x'\n"));
	struct made *m = policies_event();
	struct event *e = made_event(m);

	CHECK(event_get(e, schema_field(e->kind, STR("file.path")), &(struct value){ 0 }));
	e->arena->used = e->arena->size;
	CHECK_INT(policy_match(r.engine, e, &r.m), 1);
	CHECK_STREQ(r.m->message, "one");
	CHECK_STREQ(r.m->matched, "[]");
	made_free(m);
	matcher_free(&r);
}

static void several(void)
{
	struct matcher r = matcher_new(
		ONE("- name: two\n  on: file.open\n  where: file.path startswith '/etc/'\n"
		    "- name: three\n  on: file.open\n  where: file.path = '/etc/passwd'\n"
		    "- name: four\n  on: process.exec\n  where: process.name exists\n"));
	struct made *m = policies_event();
	struct policy_stats st;

	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 2);
	CHECK_STREQ(r.m[0].policy->name, "one");
	CHECK_STREQ(r.m[1].policy->name, "two");
	CHECK(r.m[0].message.p != r.m[1].message.p);
	st = policy_engine_stats(r.engine);
	CHECK_INT(st.events, 1);
	CHECK_INT(st.evaluated, 2); /* the third's first test failed */
	CHECK_INT(st.matches, 2);
	made_free(m);
	matcher_free(&r);
}

static bool wants(const char *where)
{
	char text[1000];
	struct policy_set *s;
	bool w;

	snprintf(text, sizeof(text),
		 "policies:\n- name: x\n  on: [file.open, network.connect]\n  where: |\n    %s\n",
		 where);
	s = policies_good(text);
	w = policy_wants_failed_opens(s);
	policy_free(s);
	return w;
}

static void failed_opens(void)
{
	struct matcher r =
		matcher_new(ONE("- name: two\n  on: file.open\n  where: process.name = 'cat'\n"
				"- name: three\n  on: file.open\n"
				"  where: process.name = 'cat' and event.outcome = 'failure'\n"));
	struct made *m = made_new("file.open");

	CHECK(made_set(m, "process.name", "cat"));
	CHECK(made_set(m, "event.outcome", "failure"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(r.m->policy->name, "three");
	CHECK(made_set(m, "event.outcome", "success"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(r.m->policy->name, "two");
	CHECK_STREQ(r.m->matched, "[{\"condition\":\"process.name = 'cat'\",\"value\":\"cat\"}]");
	made_free(m);
	CHECK(policy_wants_failed_opens(r.set));
	matcher_free(&r);

	CHECK(!wants("process.name = 'x'"));
	CHECK(!wants("event.outcome = 'success'"));
	CHECK(!wants(
		"event.outcome != 'failure' or (event.outcome = 'failure' and file.path = 'x')"));
	CHECK(!wants("not event.outcome in ('failure', 'unknown')"));
	CHECK(!wants(
		"process.name = 'x' and not (event.outcome = 'failure' or process.name = 'y')"));
	CHECK(wants("event.outcome = 'failure'"));
	CHECK(wants("not event.outcome = 'success'"));
	CHECK(wants("event.outcome in ('failure', 'unknown') and process.name = 'x'"));
	CHECK(wants("error.code = 'EACCES'"));
	CHECK(wants("file.requested_path startswith '/etc/'"));
	CHECK(wants("event.outcome = 'success' or process.name = 'x'"));
	CHECK(wants("not file.path = 'x' and event.outcome exists"));
	CHECK(!wants("destination.port = 5 and event.outcome = 'failure'"));
}

static void kinds_apart(void)
{
	/* A field that only one of the kinds has. */
	struct matcher r = matcher_new("policies:\n- name: x\n  on: [file.open, network.connect]\n"
				       "  where: file.path = '/a' or destination.port = 5\n"
				       "  message: '{file.path}:{destination.port}'\n"
				       "  suppress: {by: destination.port, every: 1s}\n");
	struct made *m = made_new("network.connect"), *n = made_new("file.open");

	CHECK(made_set(m, "destination.port", "5") && made_set(n, "file.path", "/a"));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	CHECK_STREQ(r.m->message, "?:5");
	CHECK_INT(policy_match(r.engine, made_event(n), &r.m), 1);
	CHECK_STREQ(r.m->message, "/a:?");
	CHECK_INT(policy_match(r.engine, made_event(n), &r.m), 0);
	made_free(m);
	made_free(n);
	matcher_free(&r);
}

/* A pattern that backtracks without end is given up and counted. */
static void regex_limits(void)
{
	struct matcher r =
		matcher_new("policies:\n- name: x\n  on: file.open\n"
			    "  where: process.command_line regex '^(a+)+(?=\\1|c)\\1?$'\n");
	struct made *m = policies_event();
	char text[4000];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	CHECK(made_set_bytes(m, "process.command_line", text, sizeof(text)));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 0);
	CHECK_INT(policy_engine_stats(r.engine).regex_limits, 1);
	CHECK(made_set_bytes(m, "process.command_line", text, 30));
	CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
	made_free(m);
	matcher_free(&r);
}

/* Many policies over the same fields share their predicates and stay apart in their answers. */
static void many(void)
{
	struct buf b = { 0 };
	struct matcher r;
	struct made *m = policies_event();

	buf_lit(&b, "policies:\n");
	for (int i = 0; i < 3000; i++)
		buf_addf(
			&b,
			"- name: p%d\n  on: file.open\n"
			"  where: 'file.path = \"/etc/shadow\" and user.id = %d and (process.name = \"cat\" or file.inode = %d)'\n",
			i, i, i + 1);
	buf_char(&b, '\0');
	CHECK(!b.failed);
	r = matcher_new(b.p);
	buf_free(&b);
	for (uint32_t i = 0; i < 3000; i += 311) {
		char name[16];

		m->rec.h.uid = i;
		snprintf(name, sizeof(name), "p%u", i);
		CHECK_INT(policy_match(r.engine, made_event(m), &r.m), 1);
		CHECK_STREQ(r.m->policy->name, name);
	}
	made_free(m);
	matcher_free(&r);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(exceptions),   TEST(reasons), TEST(messages),     TEST(long_values),
		TEST(full_arena),   TEST(several), TEST(failed_opens), TEST(kinds_apart),
		TEST(regex_limits), TEST(many),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
