/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Names of threads in the kernel filter's tables: never less than what the patterns mean, and where
 * they are few and about a name's beginning, no more. TOCSIN_SEED=n chooses another run.
 */
#include "pipeline/filter/heads.h"

#include "pipeline/filter/pattern.h"
#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { ROUNDS = 20000, NAMES = 40, PATTERNS = 20 };

static void wants(const struct filter_pattern *p, uint32_t n, const char *const *names,
		  uint32_t nnames, bool *out)
{
	const struct ev_ip peer = { .family = 4 };
	struct filter_clause c = { .threads = p, .nthreads = n };
	struct filter_request req = { .kinds[EV_CONNECT] = { &c, 1 },
				      .mode = FILTER_MODE_ON,
				      .max_bytes = FILTER_BYTES_MIN };
	struct filter_facts facts = { .family = EV_FAMILY_IPV4 };
	struct filter_event e = { .kind = EV_CONNECT, .peer = &peer, .facts = &facts };
	CLEANUP_FREE void *block = NULL;

	CHECK_INT(filter_tables_make(&block, &req, NULL), 0);
	for (uint32_t i = 0; i < nnames; i++) {
		e.thread = names[i];
		out[i] = filter_tables_wants(block, req.max_bytes, &e);
	}
}

static void one_by_one(void)
{
	static const char *const names[] = { "sh", "SH",          "bash",
					     "",   "kworker/0:1", "fifteen-bytes-x" };
	static const struct {
		struct filter_pattern p;
		const char *want; /* of each name */
	} cases[] = {
		{ { STR("sh"), FILTER_EXACT, false, false }, "100000" },
		{ { STR("sh"), FILTER_EXACT, true, false }, "110000" },
		{ { STR("s"), FILTER_PREFIX, false, false }, "100000" },
		{ { STR(""), FILTER_EXACT, false, false }, "000100" },
		{ { STR(""), FILTER_PREFIX, false, false }, "111111" },
		{ { STR("fifteen-bytes-x"), FILTER_EXACT, false, false }, "000001" },
		{ { STR("fifteen-bytes-x"), FILTER_PREFIX, false, false }, "000001" },
		{ { STR("fifteen-bytes-xx"), FILTER_EXACT, false, false }, "000000" },
		{ { STR("fifteen-bytes-xx"), FILTER_PREFIX, false, false }, "000000" },
		{ { STR("k*/?:1"), FILTER_GLOB, false, false }, "000010" },
		{ { STR("?h"), FILTER_GLOB, false, false }, "100000" },
		{ { STR("[st]h"), FILTER_GLOB, false, false }, "111111" },
		{ { STR("s\\h"), FILTER_GLOB, false, false }, "100000" },
		{ { STR("as"), FILTER_CONTAINS, false, false }, "111111" },
		{ { STR("sh"), FILTER_SUFFIX, false, false }, "111111" },
	};
	bool got[ARRAY_LEN(names)];

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		wants(&cases[i].p, 1, names, ARRAY_LEN(names), got);
		for (uint32_t k = 0; k < ARRAY_LEN(names); k++)
			if (got[k] != (cases[i].want[k] == '1'))
				test_fail(__FILE__, __LINE__, "case %u, name '%s': %d", i, names[k],
					  got[k]);
	}
}

static void random_text(uint64_t *seed, char *out, uint32_t max)
{
	uint32_t n = random_below(seed, max + 1);

	for (uint32_t i = 0; i < n; i++)
		out[i] = "abAB/[k:"[random_below(seed, 8)];
	out[n] = '\0';
}

static void random_patterns(void)
{
	uint64_t seed = random_seed("TOCSIN_SEED"), fits = 0, more = 0, exact = 0;
	static char names[NAMES][EV_COMM_LEN], texts[PATTERNS][32];
	const char *all[NAMES];
	struct filter_pattern p[PATTERNS];
	bool got[NAMES];

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t n = 1 + random_below(&seed, round % 2 ? 4 : PATTERNS);

		for (uint32_t i = 0; i < NAMES; i++) {
			random_text(&seed, names[i], round % 3 ? 3 : EV_COMM_LEN - 1);
			all[i] = names[i];
		}
		for (uint32_t i = 0; i < n; i++) {
			random_text(&seed, texts[i], round % 3 ? 3 : 17);
			p[i] = (struct filter_pattern){ str_of(texts[i]),
							random_below(&seed, 2) ? FILTER_EXACT
									       : FILTER_PREFIX,
							random_below(&seed, 2), false };
		}
		wants(p, n, all, NAMES, got);
		for (uint32_t i = 0; i < NAMES; i++) {
			bool should = patterns_fit(p, n, str_of(names[i]));

			if ((should && !got[i]) || (got[i] && !should && n <= FILTER_HEADS))
				test_fail(__FILE__, __LINE__, "round %u, name '%s': %d", round,
					  names[i], got[i]);
			fits += should;
			more += got[i] && !should;
			exact += !got[i];
		}
	}
	printf("# %llu fit, %llu more are wanted, %llu are not\n", (unsigned long long)fits,
	       (unsigned long long)more, (unsigned long long)exact);
	CHECK(fits > ROUNDS && exact > ROUNDS);
}

static void more_than_are_looked_at(void)
{
	static struct filter_pattern p[100];
	static char texts[100][8];
	struct filter_bytes out[FILTER_HEADS];

	for (uint32_t i = 0; i < ARRAY_LEN(p); i++) {
		snprintf(texts[i], sizeof(texts[i]), "kw%u", i);
		p[i] = (struct filter_pattern){ str_of(texts[i]), FILTER_EXACT, false, false };
	}
	CHECK_INT(heads_make(out, HEADS_THREAD, p, 100), 0);
	CHECK_INT(heads_make(out, HEADS_THREAD, p, 60), FILTER_HEADS);
	for (uint32_t i = 0; i < FILTER_HEADS; i++)
		CHECK((out[i].mask[0] & 0xffff) == 0xffff); /* what all have in common is asked */
}

static const struct test tests[] = { TEST(one_by_one), TEST(random_patterns),
				     TEST(more_than_are_looked_at) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
