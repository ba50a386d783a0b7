/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * judge.h.
 */
#include "tests/harness/judge.h"

#include "tests/harness/test.h"

struct policy_set *judge_load(const char *expr, struct diags *d)
{
	struct policy_set *s = NULL;
	char text[8192];

	snprintf(text, sizeof(text),
		 "policies:\n- name: t\n  on: [file.open, process.exec, network.connect]\n"
		 "  where: |\n    %s\n",
		 expr);
	CHECK_INT(policy_load_text(&s, "f.yaml", str_of(text), d), 0);
	return s;
}

bool judge(struct made *m, const char *expr)
{
	struct policy_engine *p = NULL;
	const struct match *match;
	struct diags d = { 0 };
	struct policy_set *s = judge_load(expr, &d);
	uint32_t n;

	if (d.errors) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "refused: %s", expr);
	}
	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, made_event(m), &match);
	/* The memo must not change the answer of the next event. */
	CHECK_INT(policy_match(p, made_event(m), &match), n);
	policy_engine_free(p);
	policy_free(s);
	return n == 1;
}

struct made *judge_open(void)
{
	struct made *m = made_new("file.open");

	CHECK(made_set(m, "file.path", "/etc/shadow"));
	CHECK(made_set(m, "file.flags", "O_RDWR|O_CLOEXEC"));
	CHECK(made_set(m, "file.mode", "0640"));
	CHECK(made_set(m, "file.uid", "0"));
	CHECK(made_set(m, "file.inode", "4711"));
	CHECK(made_set(m, "file.type", "file"));
	CHECK(made_set(m, "process.name", "cat"));
	CHECK(made_set(m, "process.args", "cat\x1f-n\x1f\x1f/etc/shadow"));
	CHECK(made_set(m, "process.command_line", "cat -n  /etc/shadow"));
	CHECK(made_set(m, "user.saved.id", "1000"));
	return m;
}

void judge_mistake(const char *file, int line, const char *expr, const char *want)
{
	char shown[2048];
	struct diags d = { 0 };
	struct policy_set *s = judge_load(expr, &d);
	FILE *f = fmemopen(shown, sizeof(shown), "w");

	diags_print(&d, f);
	fclose(f);
	CHECK_INT(policy_count(s), 0);
	if (strncmp(shown, want, strlen(want)))
		test_fail(file, line, "%s gives\n  %snot\n  %s", expr, shown, want);
	diags_free(&d);
	policy_free(s);
}
