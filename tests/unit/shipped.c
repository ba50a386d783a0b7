/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The shipped policies. `tocsin policy test policies --require` runs the tests that they carry;
 * here each event of these tests is judged and explained by all policies, what a normal server
 * does (tests/golden/policies/quiet.yaml) raises none, and each policy says what it is about.
 */
#include "pipeline/policy/cases.h"
#include "pipeline/policy/explain.h"
#include "tests/harness/test.h"

static struct policy_set *load(void)
{
	const char *path = "policies";
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	diags_print(&d, stdout);
	CHECK_INT(d.count, 0);
	return s;
}

static const struct match *match_of(const struct policy *p, const struct match *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (m[i].policy == p)
			return &m[i];
	return NULL;
}

/* An explanation reads the conditions as they were written, the matcher the program made of them. */
static uint32_t compare(const struct policy_set *s, struct event *e)
{
	struct policy_engine *p = NULL;
	const struct match *m;
	uint32_t n, held = 0;

	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, e, &m);
	for (uint32_t i = 0; i < n; i++)
		CHECK(m[i].message.len && m[i].matched.len > 2);
	for (uint32_t i = 0; i < policy_count(s); i++) {
		const struct policy *policy = policy_at(s, i);
		struct explanation x;

		CHECK_INT(policy_explain(&x, s, i, e, NULL), 0);
		if (!x.def->window && explain_held(&x) != !!match_of(policy, m, n))
			test_fail(policy->file.p, (int)policy->line,
				  "explained as %s, judged otherwise",
				  explain_held(&x) ? "held" : "not held");
		held += explain_held(&x);
		explanation_free(&x);
	}
	policy_engine_free(p);
	return held;
}

static void explained(void)
{
	struct policy_set *s = load();
	struct compose *c = compose_new();
	uint32_t held = 0, events = 0;

	for (uint32_t i = 0; i < policy_count(s); i++) {
		const struct policy_def *p = s->policies[i];

		for (uint32_t j = 0; j < p->ncases; j++)
			for (uint32_t k = 0; k < p->cases[j].nevents; k++) {
				const struct case_value *bad;
				struct event *e = case_compose(c, &p->cases[j].events[k], 1, &bad);

				CHECK(e);
				held += compare(s, e);
				events++;
			}
	}
	printf("# %u events, %u policies held\n", events, held);
	CHECK(events > 300 && held > 150);
	compose_free(c);
	policy_free(s);
}

static uint32_t alerts(const struct policy_set *s, const struct case_event *ce, struct compose *c)
{
	struct policy_engine *p = NULL;
	const struct case_value *bad;
	struct event *e = case_compose(c, ce, 1, &bad);
	const struct match *m;
	uint32_t n;

	CHECK(e);
	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, e, &m);
	for (uint32_t i = 0; i < n; i++)
		printf("# line %u raises %.*s\n", ce->line, (int)m[i].policy->name.len,
		       m[i].policy->name.p);
	policy_engine_free(p);
	return n;
}

static void normal_server(void)
{
	const char *file = "tests/golden/policies/quiet.yaml";
	struct policy_set *s = load();
	struct pool pool = { 0 };
	struct diags d = { 0 };
	struct case_reader r = { .file = file, .pool = &pool, .d = &d, .compose = compose_new() };
	const struct yaml_node *quiet;
	struct yaml_doc *doc = NULL;

	CHECK_INT(yaml_load(&doc, file, &d), 0);
	quiet = yaml_get(yaml_root(doc), "quiet");
	CHECK(quiet && quiet->count > 30);
	for (uint32_t i = 0; i < quiet->count; i++) {
		struct case_event ce;

		if (!case_read_event(&r, quiet->items[i], &ce)) {
			diags_print(&d, stdout);
			test_fail(file, (int)quiet->items[i]->line, "no event");
		}
		if (alerts(s, &ce, r.compose))
			test_fail(file, (int)ce.line, "is not quiet");
	}
	yaml_doc_free(doc);
	compose_free(r.compose);
	pool_free(&pool);
	policy_free(s);
}

static bool is_tactic(struct str tag)
{
	static const char *const tactics[] = {
		"attack.initial-access",  "attack.execution",
		"attack.persistence",     "attack.privilege-escalation",
		"attack.defense-evasion", "attack.credential-access",
		"attack.discovery",       "attack.lateral-movement",
		"attack.collection",      "attack.command-and-control",
		"attack.exfiltration",    "attack.impact",
	};

	for (size_t i = 0; i < sizeof(tactics) / sizeof(*tactics); i++)
		if (str_eq(tag, str_of(tactics[i])))
			return true;
	return false;
}

static bool is_technique(struct str tag)
{
	uint32_t at = 8;

	if (!str_starts(tag, STR("attack.t")))
		return false;
	for (; at < tag.len && at < 12; at++)
		if (tag.p[at] < '0' || tag.p[at] > '9')
			return false;
	return tag.len == 12 || (tag.len == 16 && tag.p[12] == '.' && tag.p[13] == '0');
}

/* Each says what it is about, and is tagged with tactics and techniques of MITRE ATT&CK. */
static void attributes(void)
{
	struct policy_set *s = load();

	CHECK(policy_count(s) >= 30);
	for (uint32_t i = 0; i < policy_count(s); i++) {
		const struct policy *p = policy_at(s, i);
		uint32_t tactics = 0, techniques = 0, others = 0;

		for (uint32_t at = 0; at < p->tags.len;) {
			struct str tag = str_of(p->tags.p + at);

			if (is_tactic(tag))
				tactics++;
			else if (is_technique(tag))
				techniques++;
			else
				others++;
			at += tag.len + 1;
		}
		if (!p->description.len || !tactics || !techniques || others)
			test_fail(
				p->file.p, (int)p->line,
				"%.*s: description %u bytes, %u tactics, %u techniques, %u other tags",
				(int)p->name.len, p->name.p, p->description.len, tactics,
				techniques, others);
	}
	CHECK(!policy_wants_failed_opens(s));
	policy_free(s);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(explained), TEST(normal_server),
					     TEST(attributes) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
