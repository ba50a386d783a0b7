/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The engine against a second evaluator (tests/harness/reference.h) that was written from
 * docs/policies.md alone: what it says of random policies and random events must be the same.
 * REFERENCE_PAIRS=N judges at least so many pairs of policy and event, REFERENCE_SEED=N repeats a
 * run.
 */
#include "tests/harness/reference.h"

#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { PAIRS = 2200000, EVENTS = 200 };

struct tally {
	uint64_t pairs, held, sets, limits;
	uint64_t never, always; /* policies that held for no event of a set, or all */
};

static struct policy_set *load(const struct reference *r)
{
	struct policy_set *s = NULL;
	struct buf text = { 0 };
	struct diags d = { 0 };

	reference_print(r, &text);
	CHECK_INT(policy_load_text(&s, "made.yaml", (struct str){ text.p, (uint32_t)text.len }, &d),
		  0);
	if (d.errors || policy_count(s) != r->npolicies) {
		printf("# seed %llu\n%.*s\n", (unsigned long long)r->seed, (int)text.len, text.p);
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "policies of the language are refused");
	}
	buf_free(&text);
	diags_free(&d);
	return s;
}

static _Noreturn void differ(const struct reference *r, uint32_t i, bool engine, uint64_t seed)
{
	struct buf policy = { 0 }, event = { 0 };

	reference_print_policy(r, &policy, i);
	reference_print_event(r, &event);
	printf("# REFERENCE_SEED=%llu\n%.*s\n%.*s", (unsigned long long)seed, (int)policy.len,
	       policy.p, (int)event.len, event.p);
	test_fail(__FILE__, __LINE__, "r%u: the engine says %s, the reference %s", i,
		  engine ? "yes" : "no", engine ? "no" : "yes");
}

/* Which policies the engine says hold. */
static void ask(struct policy_engine *p, struct event *e, bool *holds)
{
	const struct match *m;
	uint32_t n = policy_match(p, e, &m);

	memset(holds, 0, REFERENCE_POLICIES);
	for (uint32_t i = 0; i < n; i++)
		holds[atoi(m[i].policy->name.p + 1)] = true;
}

static void one_set(struct reference *r, struct tally *t)
{
	bool engine[REFERENCE_POLICIES];
	uint32_t held[REFERENCE_POLICIES] = { 0 }, asked[REFERENCE_POLICIES] = { 0 };
	struct policy_engine *p = NULL;
	uint64_t seed = r->state, gave_up;
	struct policy_set *s;

	reference_policies(r);
	s = load(r);
	CHECK_INT(policy_engine_new(&p, s), 0);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct made *m = reference_make_event(r);

		gave_up = policy_engine_stats(p).regex_limits;
		ask(p, made_event(m), engine);
		gave_up = policy_engine_stats(p).regex_limits - gave_up;
		t->limits += gave_up;
		for (uint32_t j = 0; j < r->npolicies; j++) {
			bool want = reference_holds(r, j);

			/* An expression that was given up counts as not found. */
			if (want != engine[j] && !gave_up)
				differ(r, j, engine[j], seed);
			/* Pairs of a policy and an event of another kind say little. */
			if (r->policies[j].kinds & 1 << r->event.kind)
				asked[j]++;
			held[j] += want;
		}
		made_free(m);
	}
	for (uint32_t j = 0; j < r->npolicies; j++) {
		t->pairs += asked[j];
		t->held += held[j];
		t->never += !held[j];
		t->always += asked[j] && held[j] == asked[j];
	}
	t->sets++;
	policy_engine_free(p);
	policy_free(s);
}

static void same_as_reference(void)
{
	const char *given = getenv("REFERENCE_PAIRS");
	uint64_t pairs = given ? strtoull(given, NULL, 0) : PAIRS;
	uint64_t seed = random_seed("REFERENCE_SEED");
	struct reference *r = reference_new(seed);
	struct tally t = { 0 };

	while (t.pairs < pairs)
		one_set(r, &t);
	printf("# %llu pairs of %llu sets: %llu held; of %llu policies %llu never, %llu always\n",
	       (unsigned long long)t.pairs, (unsigned long long)t.sets, (unsigned long long)t.held,
	       (unsigned long long)t.sets * REFERENCE_POLICIES, (unsigned long long)t.never,
	       (unsigned long long)t.always);
	CHECK(t.limits <= t.pairs / 100000 + 5);
	CHECK(t.held > t.pairs / 20 && t.held < t.pairs / 2);
	CHECK(t.never < t.sets * REFERENCE_POLICIES / 2);
	reference_free(r);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(same_as_reference) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
