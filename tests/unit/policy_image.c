/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the matcher keeps by image (struct event): events of one image find the rules that their first
 * one found, of each kind its own; what is not the image's is looked at each time.
 */
#include "pipeline/policy/policy.h"

#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static const char policies[] =
	"policies:\n"
	"- {name: cat, on: [process.exec, file.open], where: process.name = 'cat'}\n"
	"- {name: opened, on: file.open, where: process.executable startswith '/usr/bin/c'}\n"
	"- {name: session, on: process.exec, where: process.session_leader.pid = 77}\n"
	"- {name: group, on: process.exec, where: process.group_leader.pid = 78}\n"
	"- {name: early, on: process.exec, where: process.start < 2000000000}\n"
	"- {name: user, on: process.exec, where: user.name = 'bob'}\n";

static struct made *made(const char *kind, const char *name)
{
	char path[64];
	struct made *m = made_new(kind);

	snprintf(path, sizeof(path), "/usr/bin/%s", name);
	CHECK(made_set(m, "process.name", name));
	CHECK(made_set(m, "process.executable", path));
	return m;
}

/* Names of the policies that hold, each with a space behind it. */
static const char *found(struct matcher *r, struct made *m, uint64_t image)
{
	static char names[256];
	struct event *e = made_event(m);
	uint32_t n;

	e->image = image;
	n = policy_match(r->engine, e, &r->m);
	names[0] = 0;
	for (uint32_t i = 0; i < n; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ",
			 (int)r->m[i].policy->name.len, r->m[i].policy->name.p);
	return names;
}

static void again_and_by_kind(void)
{
	struct matcher r = matcher_new(policies);
	struct made *exec = made("process.exec", "cat"), *open = made("file.open", "cat");
	struct made *dog = made("process.exec", "dog");

	for (int i = 0; i < 3; i++) {
		CHECK_STR(found(&r, exec, 5), "cat ");
		CHECK_STR(found(&r, open, 5), "cat opened ");
		CHECK_STR(found(&r, dog, 6), "");
		for (uint64_t other = 5 + 64; other < 5 + 64 * 20; other += 7)
			CHECK_STR(found(&r, dog, other), ""); /* some in the same place */
	}
	made_free(exec);
	made_free(open);
	made_free(dog);
	matcher_free(&r);
}

/* Fields of the process that are not the image's, and those of other groups. */
static void what_differs_is_looked_at(void)
{
	struct matcher r = matcher_new(policies);
	struct made *m = made("process.exec", "cat");

	CHECK_STR(found(&r, m, 5), "cat ");
	CHECK(made_set(m, "process.session_leader.pid", "77"));
	CHECK_STR(found(&r, m, 5), "cat session ");
	CHECK(made_set(m, "process.group_leader.pid", "78"));
	CHECK(made_set(m, "user.name", "bob"));
	CHECK_STR(found(&r, m, 5), "cat session group user ");
	CHECK(made_set(m, "process.session_leader.pid", "1"));
	CHECK_STR(found(&r, m, 5), "cat group user ");
	made_free(m);
	matcher_free(&r);
}

/* Without a number nothing is taken for known, and under one all that was found counts, however much. */
static void without_a_number_and_many(void)
{
	static char text[8192] = "policies:\n";
	struct made *m = made("process.exec", "cat"), *dog = made("process.exec", "dog");
	struct matcher r = matcher_new(policies);

	CHECK_STR(found(&r, m, 0), "cat ");
	CHECK_STR(found(&r, dog, 0), "");
	CHECK_STR(found(&r, m, 0), "cat ");
	matcher_free(&r);
	for (int i = 0; i < 40; i++)
		snprintf(
			text + strlen(text), sizeof(text) - strlen(text),
			"- {name: p%d, on: process.exec, where: process.name = 'cat' and process.pid != %d}\n",
			i, i + 100000);
	r = matcher_new(text);
	for (int i = 0; i < 3; i++) {
		struct event *e = made_event(m);

		e->image = 9;
		CHECK_INT(policy_match(r.engine, e, &r.m), 40);
		CHECK_STR(found(&r, dog, 10), "");
	}
	made_free(m);
	made_free(dog);
	matcher_free(&r);
}

static const struct test tests[] = {
	TEST(again_and_by_kind),
	TEST(what_differs_is_looked_at),
	TEST(without_a_number_and_many),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
