/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the keys `sequence` and `threshold` of native policies refuse, and where they say it is.
 */
#include <stdio.h>

#include "pipeline/policy/policy.h"
#include "pipeline/util.h"
#include "tests/harness/policies.h"
#include "tests/harness/test.h"

static void mistakes_of_sequences(void)
{
	policies_bad(
		"policies:\n"
		"- name: a\n"
		"  on: file.open\n"
		"  where: file.path exists\n"
		"  exceptions: [{where: user.id = 0}]\n"
		"  action: record\n"
		"  sequence:\n"
		"    by: [process.tree, process, user.id, file.path]\n"
		"    withn: 10s\n"
		"    steps:\n"
		"    - {name: 1x, on: process.exec, where: user.id = 0, not: true}\n"
		"    - {name: file, on: file.opn, where: file.pth = 'x', not: maybe}\n"
		"    - {name: b, where: user.id = 0, by: process, if: 1}\n"
		"    - {name: b, on: file.open, by: [user.id, process.pid]}\n"
		"    - x\n"
		"  message: '{b.file.path} {3.user.name} {count}'\n",
		"f.yaml:3:7: a policy with a sequence has no on of its own: its steps do\n"
		"f.yaml:4:10: a policy with a sequence has no where of its own: its steps do\n"
		"f.yaml:5:16: an exception of a sequence is of one step: step: its name or number\n"
		"f.yaml:6:11: a sequence or threshold can only alert\n"
		"f.yaml:8:5: the sequence has no within\n"
		"f.yaml:8:24: by names only one of process, process.lineage and process.tree\n"
		"f.yaml:8:42: no kind of this policy has the field file.path; file.open has it\n"
		"f.yaml:9:5: unknown key withn of a sequence; did you mean within?\n"
		"f.yaml:11:14: name of a step: a small letter, then small letters, digits, _ and -\n"
		"f.yaml:11:61: the first step must happen: nothing else starts the time\n"
		"f.yaml:12:14: name of a step: file is what fields begin with\n"
		"f.yaml:12:24: unknown event kind file.opn; did you mean file.open?\n"
		"f.yaml:12:41: unknown field file.pth; did you mean file.path?\n"
		"f.yaml:12:62: not is true or false\n"
		"f.yaml:13:7: the step has no on\n"
		"f.yaml:13:41: process, process.lineage and process.tree go into the by of the sequence\n"
		"f.yaml:13:41: step 3 is joined by 0 fields, step 1 by 2\n"
		"f.yaml:13:50: unknown key if of a step\n"
		"f.yaml:14:7: the step has no where\n"
		"f.yaml:14:14: step 3 has this name too\n"
		"f.yaml:15:7: a step is a map with on and where\n"
		"f.yaml:16:42: unknown field count; did you mean tocsin.loss.count?\n");
}

static void mistakes_of_thresholds(void)
{
	static const struct {
		const char *threshold, *want;
	} cases[] = {
		{ "5",
		  "f.yaml:5:14: threshold is a map with more_than, within, and distinct and by if "
		  "you like\n" },
		{ "{}", "f.yaml:5:14: the threshold has no more_than\n"
			"f.yaml:5:14: the threshold has no within\n" },
		{ "{more_than: 0, within: 1s}",
		  "f.yaml:5:26: more_than is a number from 1 to 10000\n" },
		{ "{more_than: 10001, within: 1s}",
		  "f.yaml:5:26: more_than is a number from 1 to 10000\n" },
		{ "{more_than: 1001, within: 1s, distinct: file.path}",
		  "f.yaml:5:26: more_than is a number from 1 to 1000 where values are distinct\n" },
		{ "{more_than: 5, within: 31d}", "f.yaml:5:37: within is from 1ns to 30d\n" },
		{ "{more_than: 5, within: 5, by: process.lineage}",
		  "f.yaml:5:37: within is a time, as in 30s, 10m, 1h\n"
		  "f.yaml:5:44: process.lineage joins the steps of a sequence: a threshold has no "
		  "first process\n" },
		{ "{more_than: 5, within: 5s, by: [], distinct: file.pth, x: 1}",
		  "f.yaml:5:45: by has 1 to 8 fields\n"
		  "f.yaml:5:59: unknown field file.pth; did you mean file.path?\n"
		  "f.yaml:5:69: unknown key x of a threshold\n" },
		{ "{more_than: 5, within: 5s, by: process.ancestors}",
		  "f.yaml:5:45: process.ancestors cannot be compared\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[400];

		snprintf(text, sizeof(text),
			 "policies:\n- name: a\n  on: file.open\n  where: file.path exists\n"
			 "  threshold: %s\n",
			 cases[i].threshold);
		policies_bad(text, cases[i].want);
	}
}

static void mistakes_of_both(void)
{
	policies_bad("policies:\n- name: a\n  sequence: 5\n  threshold: 5\n",
		     "f.yaml:3:13: sequence is a map with within, steps, and by if you like\n"
		     "f.yaml:4:14: a policy has a sequence or a threshold, not both\n");
	policies_bad("policies:\n- name: a\n  threshold: {more_than: 5, within: 1s}\n",
		     "f.yaml:2:3: the policy has no on\nf.yaml:2:3: the policy has no where\n");
	policies_bad("policies:\n- name: a\n  sequence: {within: 1s, steps: [x]}\n",
		     "f.yaml:3:33: a sequence has a list of 2 to 8 steps\n");
	policies_bad("policies:\n- name: a\n  sequence:\n    within: 1s\n    steps:\n"
		     "    - {on: file.open, where: user.id = 0, by: user.id}\n"
		     "    - {on: file.open, where: user.id = 0, by: file.path}\n",
		     "f.yaml:4:5: user.id and file.path can never be equal: they are of different "
		     "types\n");
}

/* A set has a thousand windows at most; these it has. */
static void too_many(void)
{
	struct buf b = { 0 };
	struct policy_set *s = NULL;
	struct policy_engine *p = NULL;
	struct policy_window_stats st;
	struct diags d = { 0 };

	buf_lit(&b, "policies:\n");
	for (int i = 0; i < 1001; i++)
		buf_addf(&b,
			 "- {name: p%d, on: file.open, where: file.path exists, "
			 "threshold: {more_than: %d, within: 1s}}\n",
			 i, 1 + i % 9);
	CHECK_INT(policy_load_text(&s, "f.yaml", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	CHECK_INT(d.count, 1);
	CHECK_STR(d.items[0].reason, "more than 1000 sequences and thresholds");
	CHECK_INT(d.items[0].line, 1002);
	CHECK_INT(policy_engine_new(&p, s), 0);
	CHECK(policy_window_stats(p, 999, &st) && st.bytes < 128 << 10);
	CHECK(!policy_window_stats(p, 1000, &st));
	policy_engine_free(p);
	policy_free(s);
	diags_free(&d);
	buf_free(&b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(mistakes_of_sequences),
		TEST(mistakes_of_thresholds),
		TEST(mistakes_of_both),
		TEST(too_many),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
