/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Explanations of policies (pipeline/policy/explain.h): each part told apart, with what was found.
 */
#include "pipeline/policy/explain.h"

#include <jansson.h>

#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static const char file[] =
	"lists:\n"
	"  shells: [sh, bash]\n"
	"macros:\n"
	"  from_server: 'process.parent.name in (\"nginx\",  \"httpd\")'\n"
	"policies:\n"
	"- name: p\n"
	"  on: process.exec\n"
	"  scope: container\n"
	"  where: 'process.name in $shells and ($from_server or not user.id = 0)'\n"
	"  exceptions:\n"
	"  - where: 'process.args = \"-h\"'\n"
	"  - {name: the \"nightly\" job, where: 'process.args = \"-n\"'}\n"
	"- name: o\n"
	"  on: file.open\n"
	"  where: 'file.path startswith \"/etc/\"\n"
	"    and file.uid != user.id'\n"
	"- name: s\n"
	"  sequence:\n"
	"    within: 5s\n"
	"    by: process\n"
	"    steps:\n"
	"    - {name: got, on: network.accept, where: 'destination.port = 22'}\n"
	"    - {on: process.exec, not: true, where: 'process.name = \"login\"'}\n"
	"  exceptions: [{name: root, step: got, where: user.id = 0}]\n";

static bool lacks(const struct event_kind *k, const struct field *f)
{
	(void)k;
	return !strcmp(f->path, "process.args");
}

/* The explanation of a policy, and that it says what the matcher does. */
static void check(const char *policy, struct made *m, bool decisive, const char *want)
{
	struct policy_set *s = policies_good(file);
	struct policy_engine *p = NULL;
	struct explanation x;
	const struct match *match;
	struct buf b = { 0 };
	uint32_t i = policy_find(s, str_of(policy)), n;
	json_error_t error;
	json_t *json;

	CHECK(i != UINT32_MAX);
	CHECK_INT(policy_explain(&x, s, i, made_event(m), lacks), 0);
	explain_verdict(&b, &x);
	buf_char(&b, '\n');
	explain_text(&b, &x, "| ", decisive);
	buf_char(&b, '\0');
	CHECK_STR(b.p, want);
	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, made_event(m), &match);
	if (!x.def->window)
		CHECK_INT(explain_held(&x), n == 1);
	buf_reset(&b);
	buf_char(&b, '{');
	explain_json(&b, &x);
	buf_char(&b, '}');
	json = json_loadb(b.p, b.len, JSON_REJECT_DUPLICATES, &error);
	CHECK(json);
	CHECK(json_is_true(json_object_get(json, "held")) == explain_held(&x));
	json_decref(json);
	buf_free(&b);
	explanation_free(&x);
	policy_engine_free(p);
	policy_free(s);
	made_free(m);
}

static struct made *exec(const char *name, const char *parent)
{
	struct made *m = made_new("process.exec");

	CHECK(made_set(m, "process.name", name));
	CHECK(made_set(m, "process.parent.name", parent));
	CHECK(made_set(m, "container.id", "abc"));
	return m;
}

static void held(void)
{
	check("p", exec("sh", "nginx"), false,
	      "p holds for this process.exec\n"
	      "| held      on: the event is process.exec\n"
	      "| held      scope\n"
	      "| held        scope: container: it is \"abc\"\n"
	      "| held      where\n"
	      "| held        all of\n"
	      "| held          process.name in (\"sh\", \"bash\"): it is \"sh\"\n"
	      "| held          any of\n"
	      "| held            not\n"
	      "| not held          user.id = 0: it is 1000\n"
	      "| held            process.parent.name in (\"nginx\", \"httpd\"): it is \"nginx\"\n"
	      "| not held  exception 1\n"
	      "| absent      process.args = \"-h\": the event has no process.args (a record leaves "
	      "it out)\n"
	      "| not held  exception 2 (the \"nightly\" job)\n"
	      "| absent      process.args = \"-n\": the event has no process.args (a record leaves "
	      "it out)\n");
}

static void decided_by_one(void)
{
	struct made *m = exec("sh", "make");

	CHECK(made_set(m, "user.id", "0"));
	check("p", m, true,
	      "p does not hold for this process.exec\n"
	      "| not held  where\n"
	      "| not held    all of\n"
	      "| not held      any of\n"
	      "| not held        not\n"
	      "| held              user.id = 0: it is 0\n"
	      "| not held        process.parent.name in (\"nginx\", \"httpd\"): it is \"make\"\n");
}

static void decided_by_exception(void)
{
	struct made *m = exec("sh", "nginx");

	CHECK(made_set(m, "process.args", "sh\x1f-h"));
	check("p", m, true,
	      "p does not hold for this process.exec, because exception 1 holds\n"
	      "| held      exception 1\n"
	      "| held        process.args = \"-h\": it is [\"sh\",\"-h\"]\n");
	m = exec("sh", "nginx");
	CHECK(made_set(m, "process.args", "sh\x1f-n\x1f-h"));
	check("p", m, true,
	      "p does not hold for this process.exec, because exception 1, exception 2 (the "
	      "\"nightly\" job) hold\n"
	      "| held      exception 1\n"
	      "| held        process.args = \"-h\": it is [\"sh\",\"-n\",\"-h\"]\n"
	      "| held      exception 2 (the \"nightly\" job)\n"
	      "| held        process.args = \"-n\": it is [\"sh\",\"-n\",\"-h\"]\n");
	/* Where it is not the exception alone. */
	m = exec("cat", "nginx");
	CHECK(made_set(m, "process.args", "sh\x1f-n"));
	check("p", m, true,
	      "p does not hold for this process.exec\n"
	      "| not held  where\n"
	      "| not held    all of\n"
	      "| not held      process.name in (\"sh\", \"bash\"): it is \"cat\"\n"
	      "| held      exception 2 (the \"nightly\" job)\n"
	      "| held        process.args = \"-n\": it is [\"sh\",\"-n\"]\n");
}

static void exception_of_a_step(void)
{
	struct made *m = made_new("network.accept");

	CHECK(made_set(m, "destination.port", "22"));
	CHECK(made_set(m, "user.id", "0"));
	check("s", m, true,
	      "s does not hold for this network.accept, because exception 1 (root) of step 1 holds\n"
	      "| not held  step 1 got\n"
	      "| held        exception 1 (root)\n"
	      "| held          user.id = 0: it is 0\n"
	      "| not held  step 2, which must not happen\n"
	      "| not held    on: the event is network.accept\n");
}

static void decided_by_kind_and_scope(void)
{
	struct made *m = made_new("process.exec");

	check("p", made_new("file.open"), true,
	      "p does not hold for this file.open\n"
	      "| not held  on: the event is file.open\n");
	CHECK(made_set(m, "process.name", "sh"));
	CHECK(made_set(m, "process.args", "sh"));
	check("p", m, true,
	      "p does not hold for this process.exec\n"
	      "| not held  scope\n"
	      "| absent      scope: container: the event has no container.id\n");
}

static void opened(void)
{
	struct made *m = made_new("file.open");

	CHECK(made_set(m, "file.path", "/etc/a\xff"));
	CHECK(made_set(m, "file.uid", "0"));
	CHECK(made_set(m, "event.outcome", "failure"));
	check("o", m, false,
	      "o does not hold for this file.open\n"
	      "| held      on: the event is file.open\n"
	      "| held      where\n"
	      "| held        all of\n"
	      "| held          file.path startswith \"/etc/\": it is \"/etc/a\\uefff\"\n"
	      "| held          file.uid != user.id: it is 0, the other 1000\n"
	      "| not held  the open did not fail, which policies that test no outcome ask\n");
}

static void steps(void)
{
	struct made *m = made_new("network.accept");

	CHECK(made_set(m, "destination.port", "22"));
	check("s", m, false,
	      "s takes this network.accept as step 1\n"
	      "| held      step 1 got\n"
	      "| held        on: the event is network.accept\n"
	      "| held        where\n"
	      "| held          destination.port = 22: it is 22\n"
	      "| not held    exception 1 (root)\n"
	      "| not held      user.id = 0: it is 1000\n"
	      "| not held  step 2, which must not happen\n"
	      "| not held    on: the event is network.accept\n");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(held),
					     TEST(decided_by_one),
					     TEST(decided_by_exception),
					     TEST(exception_of_a_step),
					     TEST(decided_by_kind_and_scope),
					     TEST(opened),
					     TEST(steps) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
