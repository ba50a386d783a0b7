/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What overrides change of policies with a sequence or a threshold, and exceptions of steps.
 */
#include "pipeline/policy/policy.h"
#include "pipeline/util.h"
#include "tests/harness/policies.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull

#define SCAN                                                                                       \
	"policies:\n- name: scan\n  on: network.connect\n  where: destination.port > 0\n"          \
	"  exceptions: [{where: user.id = 7}]\n"                                                   \
	"  threshold: {more_than: 2, within: 10s, by: process.pid}\n"                              \
	"  message: '{count} by {process.pid}'\n"
#define DROPPED                                                                                    \
	"policies:\n- name: dropped\n  sequence:\n    within: 10s\n    steps:\n"                   \
	"    - {name: write, on: file.open, where: file.path startswith '/tmp/', by: file.path}\n" \
	"    - {on: process.exec, where: process.executable exists, by: process.executable}\n"     \
	"  message: '{write.file.path}'\n"
#define OVERRIDE(policy, rest) "overrides:\n- policy: " policy "\n" rest

struct run {
	struct matcher r;
	struct made *connect, *open, *exec;
};

static struct run run_new(const char *text)
{
	struct run r = { matcher_new(text), made_new("network.connect"), made_new("file.open"),
			 made_new("process.exec") };

	CHECK(made_set(r.connect, "destination.port", "80"));
	CHECK(made_set(r.open, "file.path", "/tmp/x"));
	CHECK(made_set(r.exec, "process.executable", "/tmp/x"));
	return r;
}

static void run_free(struct run *r)
{
	matcher_free(&r->r);
	made_free(r->connect);
	made_free(r->open);
	made_free(r->exec);
}

static uint32_t at(struct run *r, struct made *m, uint64_t ns, uint32_t pid, uint32_t uid)
{
	m->rec.h.time_ns = ns;
	m->rec.h.tgid = pid;
	m->rec.h.uid = uid;
	return policy_match(r->r.engine, made_event(m), &r->r.m);
}

/* How many connects, a second apart, until the alert; 0: none of 20. */
static uint32_t connects(const char *text, uint32_t uid, bool other_pids)
{
	struct run r = run_new(text);
	uint32_t n = 0;

	for (uint32_t i = 1; i <= 20 && !n; i++)
		if (at(&r, r.connect, (100 + i) * SEC, other_pids ? i : 5, uid))
			n = i;
	run_free(&r);
	return n;
}

static void thresholds(void)
{
	CHECK_INT(connects(SCAN, 1, false), 3);
	CHECK_INT(connects(SCAN, 1, true), 0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  threshold: {more_than: 5}\n"), 1, false), 6);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  threshold: {within: 1s}\n"), 1, false), 0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  threshold: {within: 2s}\n"), 1, false), 3);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  threshold: {by: user.id}\n"), 1, true), 3);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  threshold: {by: process}\n"), 1, true), 0);
	CHECK_INT(
		connects(SCAN OVERRIDE("scan", "  exceptions: [{where: user.id = 8}]\n"), 8, false),
		0);
	CHECK_INT(
		connects(SCAN OVERRIDE("scan", "  exceptions: [{where: user.id = 8}]\n"), 7, false),
		0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  where: user.id = 9\n"), 1, false), 0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  enabled: false\n"), 1, false), 0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  scope: container\n"), 1, false), 0);
	CHECK_INT(connects(SCAN OVERRIDE("scan", "  scope: host\n  severity: low\n"), 1, false), 3);
}

static void words_of_thresholds(void)
{
	struct run r = run_new(SCAN OVERRIDE(
		"scan",
		"  severity: critical\n  message: 'now {count}'\n  threshold: {more_than: 1}\n"));

	CHECK_INT(at(&r, r.connect, 100 * SEC, 5, 0), 0);
	CHECK_INT(at(&r, r.connect, 101 * SEC, 5, 0), 1);
	CHECK_STREQ(r.r.m->message, "now 2");
	CHECK_INT(r.r.m->policy->severity, SEV_CRITICAL);
	run_free(&r);
}

/* Is the program executed so long after it was written told of? */
static bool drops(const char *text, uint64_t ns, uint32_t opener, uint32_t executor)
{
	struct run r = run_new(text);
	bool told;

	CHECK_INT(at(&r, r.open, 100 * SEC, 5, opener), 0);
	told = at(&r, r.exec, 100 * SEC + ns, 6, executor);
	run_free(&r);
	return told;
}

static void sequences(void)
{
	static const char longer[] = DROPPED OVERRIDE("dropped", "  sequence: {within: 1m}\n");
	static const char number[] =
		DROPPED OVERRIDE("dropped", "  exceptions: [{step: 2, where: user.id = 3}]\n");
	static const char name[] = DROPPED OVERRIDE(
		"dropped",
		"  exceptions:\n  - {name: n, step: write, where: user.id = 3 and file.path exists}\n"
		"  - {step: write, where: user.id = 4}\n");
	static const char own[] =
		DROPPED "  exceptions: [{step: write, where: user.id = 3}]\n" OVERRIDE(
			"dropped", "  exceptions: [{step: write, where: user.id = 4}]\n");

	CHECK(drops(DROPPED, 10 * SEC, 0, 0) && !drops(DROPPED, 11 * SEC, 0, 0));
	CHECK(drops(longer, 60 * SEC, 0, 0) && !drops(longer, 61 * SEC, 0, 0));
	CHECK(drops(number, SEC, 3, 0) && !drops(number, SEC, 0, 3));
	CHECK(drops(name, SEC, 0, 3) && !drops(name, SEC, 3, 0) && !drops(name, SEC, 4, 0));
	CHECK(drops(own, SEC, 5, 3) && !drops(own, SEC, 3, 0) && !drops(own, SEC, 4, 0));
	CHECK(!drops(DROPPED OVERRIDE("dropped", "  enabled: false\n"), SEC, 0, 0));
	CHECK(!drops(DROPPED OVERRIDE("dropped", "  scope: container\n"), SEC, 0, 0));
}

/* A window whose time or exceptions are others keeps nothing over a reload; one whose severity is does. */
static void reloads(void)
{
	static const struct {
		const char *text;
		bool kept;
	} later[] = {
		{ DROPPED OVERRIDE("dropped", "  severity: low\n"), true },
		{ DROPPED OVERRIDE("dropped", "  sequence: {within: 11s}\n"), false },
		{ DROPPED OVERRIDE("dropped", "  exceptions: [{step: 1, where: user.id = 9}]\n"),
		  false },
	};

	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		struct run r = run_new(DROPPED), n = run_new(later[i].text);

		CHECK_INT(at(&r, r.open, 100 * SEC, 5, 0), 0);
		policy_engine_adopt(n.r.engine, r.r.engine);
		CHECK_INT(at(&n, n.exec, 101 * SEC, 6, 0), later[i].kept);
		CHECK(memcmp(policy_at(r.r.set, 0)->definition, policy_at(n.r.set, 0)->definition,
			     POLICY_DEFINITION_BYTES));
		run_free(&r);
		run_free(&n);
	}
}

static void check_told(const char *text, const char *want)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load_text(&s, "f.yaml", str_of(text), &d), 0);
	CHECK_STR(policies_told(&d), want);
	policy_free(s);
	diags_free(&d);
}

static void mistakes(void)
{
	check_told(SCAN OVERRIDE("scan", "  threshold: 5\n"),
		   "f.yaml:10:14: threshold in an override is a map of what to change\n");
	check_told(
		SCAN OVERRIDE(
			"scan",
			"  threshold: {more_than: 0, within: 5, distinct: user.id, whitin: 1s}\n"),
		"f.yaml:10:26: more_than is a number from 1 to 10000\n"
		"f.yaml:10:37: within is a time, as in 30s, 10m, 1h\n"
		"f.yaml:10:50: distinct cannot be changed: disable the policy and write one of your own\n"
		"f.yaml:10:59: unknown key whitin of a threshold in an override; did you mean within?\n");
	check_told(
		SCAN OVERRIDE("scan", "  threshold: {by: [file.path, process.lineage]}\n"),
		"f.yaml:10:19: process.lineage joins the steps of a sequence: a threshold has no first "
		"process\n"
		"f.yaml:10:20: no kind of this policy has the field file.path; file.open has it\n");
	check_told(SCAN OVERRIDE("scan", "  sequence: {within: 1s}\n"),
		   "f.yaml:10:13: the policy has no sequence\n");
	check_told(SCAN OVERRIDE("scan", "  exceptions: [{step: 1, where: user.id = 1}]\n"),
		   "f.yaml:10:17: unknown key step of an exception\n");
	check_told(
		DROPPED OVERRIDE("dropped", "  sequence: {within: 0s, by: user.id, steps: []}\n"),
		"f.yaml:11:22: within is from 1ns to 30d\n"
		"f.yaml:11:30: by cannot be changed: disable the policy and write one of your own\n"
		"f.yaml:11:46: steps cannot be changed: disable the policy and write one of your own\n");
	check_told(DROPPED OVERRIDE("dropped", "  threshold: {more_than: 1}\n  where: user.id = 1\n"
					       "  on: file.open\n  action: record\n"),
		   "f.yaml:11:14: the policy has no threshold\n"
		   "f.yaml:12:10: a policy with a sequence has no where of its own: its steps do\n"
		   "f.yaml:13:3: unknown key on of an override\n"
		   "f.yaml:14:11: a sequence or threshold can only alert\n");
	check_told(
		DROPPED OVERRIDE(
			"dropped",
			"  exceptions:\n  - {where: user.id = 1}\n"
			"  - {step: 3, where: user.id = 1}\n  - {step: writ, where: user.id = 1}\n"
			"  - {step: write, where: process.exit_code = 1}\n  - {step: 1}\n"),
		"f.yaml:12:5: an exception of a sequence is of one step: step: its name or number\n"
		"f.yaml:13:12: the sequence has no step 3: it has 2\n"
		"f.yaml:14:12: the sequence has no step writ: it has 2\n"
		"f.yaml:15:26: no kind of this policy has the field process.exit_code; process.exit has it\n"
		"f.yaml:16:5: the exception has no where\n");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(thresholds), TEST(words_of_thresholds),
					     TEST(sequences), TEST(reloads), TEST(mistakes) };

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
