/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * policies.h.
 */
#include "tests/harness/policies.h"

#include "tests/harness/test.h"

struct policy_set *policies_good(const char *text)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load_text(&s, "f.yaml", str_of(text), &d), 0);
	if (d.count) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "refused: %s", text);
	}
	return s;
}

const char *policies_told(const struct diags *d)
{
	static char text[16384];
	FILE *f = fmemopen(text, sizeof(text), "w");

	diags_print(d, f);
	fclose(f);
	return text;
}

void policies_bad(const char *text, const char *want)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load_text(&s, "f.yaml", str_of(text), &d), 0);
	CHECK_STR(policies_told(&d), want);
	CHECK_INT(policy_count(s), 0);
	policy_free(s);
	diags_free(&d);
}

struct matcher matcher_new(const char *text)
{
	struct matcher r = { .set = policies_good(text) };

	CHECK_INT(policy_engine_new(&r.engine, r.set), 0);
	return r;
}

void matcher_free(struct matcher *r)
{
	policy_engine_free(r->engine);
	policy_free(r->set);
}

struct made *policies_event(void)
{
	struct made *m = made_new("file.open");

	CHECK(made_set(m, "file.path", "/etc/shadow"));
	CHECK(made_set(m, "process.name", "cat"));
	return m;
}
