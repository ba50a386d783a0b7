/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Suppression: on the time of events, by key, bounded, and honest about what it held back.
 */
#include "pipeline/policy/suppress.h"

#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static uint32_t at(struct matcher *r, struct made *m, uint64_t seconds)
{
	m->rec.h.time_ns = seconds * 1000000000;
	return policy_match(r->engine, made_event(m), &r->m);
}

static void suppression(void)
{
	struct matcher r =
		matcher_new(ONE("  suppress: {by: [process.name, user.id], every: 10s}\n"));
	struct made *m = policies_event();

	CHECK_INT(at(&r, m, 100), 1);
	CHECK_INT(r.m->suppressed, 0);
	CHECK_INT(at(&r, m, 101), 0);
	CHECK_INT(at(&r, m, 109), 0);
	CHECK_INT(at(&r, m, 99), 0); /* CPUs are not quite in order */
	m->rec.h.uid = 5;
	CHECK_INT(at(&r, m, 109), 1); /* another key */
	CHECK_INT(r.m->suppressed, 0);
	m->rec.h.uid = 1000;
	CHECK_INT(at(&r, m, 110), 1);
	CHECK_INT(r.m->suppressed, 3);
	CHECK_INT(at(&r, m, 119), 0);
	CHECK_INT(at(&r, m, 500), 1);
	CHECK_INT(r.m->suppressed, 1);
	CHECK_INT(policy_engine_stats(r.engine).suppressed, 4);
	CHECK_INT(policy_engine_stats(r.engine).matches, 8);
	made_free(m);
	matcher_free(&r);
}

/* Nothing is forgotten or held back wrongly when the table is full. */
static void suppression_full(void)
{
	struct matcher r = matcher_new(ONE("  suppress: {by: process.pid, every: 10s}\n"));
	struct made *m = policies_event();

	for (uint32_t i = 0; i < SUPPRESS_KEYS_MAX; i++) {
		m->rec.h.tgid = i;
		CHECK_INT(at(&r, m, 100), 1);
	}
	CHECK_INT(policy_engine_stats(r.engine).suppression_full, 0);
	m->rec.h.tgid = SUPPRESS_KEYS_MAX;
	CHECK_INT(at(&r, m, 101), 1);
	CHECK_INT(at(&r, m, 101), 1);
	CHECK_INT(policy_engine_stats(r.engine).suppression_full, 2);
	m->rec.h.tgid = 7;
	CHECK_INT(at(&r, m, 101), 0);
	m->rec.h.tgid = SUPPRESS_KEYS_MAX;
	CHECK_INT(at(&r, m, 111), 1); /* the old ones made room */
	CHECK_INT(at(&r, m, 112), 0);
	CHECK_INT(policy_engine_stats(r.engine).suppression_full, 2);
	made_free(m);
	matcher_free(&r);
}

/* Each class of field makes a key of its value, and an absent one a key of its own. */
static void classes(void)
{
	static const struct {
		const char *path, *values[3];
	} fields[] = {
		{ "file.path", { "/a", "/b", "/a/b" } },
		{ "process.name", { "a", "b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" } },
		{ "process.args",
		  { "a\x1f"
		    "b",
		    "ab",
		    "b\x1f"
		    "a" } },
		{ "process.thread.name", { "x", "y", "xy" } },
		{ "file.mode", { "0644", "0645", "0" } },
		{ "file.flags", { "O_WRONLY", "O_RDWR", "O_RDONLY" } },
		{ "user.saved.id", { "1", "2", "0" } },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct event_kind *k = schema_kind_by_name(STR("file.open"));
		const struct field *by[1] = { schema_field(k, str_of(fields[i].path)) };
		struct suppress *s = NULL;
		uint64_t held;

		CHECK_INT(suppress_new(&s), 0);
		CHECK(by[0]);
		for (int again = 0; again < 2; again++) {
			for (int v = 0; v < 4; v++) {
				static const struct policy p = { .name = { "p", 1 } };
				struct made *m = made_new("file.open");
				struct suppress_item it = { .policy = &p,
							    .by = by,
							    .nby = 1,
							    .time_ns = 5,
							    .every_ns = 10,
							    .count = 1 };

				CHECK(v == 3 || made_set(m, fields[i].path, fields[i].values[v]));
				it.e = made_event(m);
				for (it.id = 1; it.id <= 2; it.id++)
					CHECK_INT(suppress_ask(s, &it, &held),
						  again ? SUPPRESS_HOLD : SUPPRESS_PASS);
				made_free(m);
			}
		}
		suppress_free(s);
	}
	suppress_free(NULL);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(suppression), TEST(suppression_full),
					     TEST(classes) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
