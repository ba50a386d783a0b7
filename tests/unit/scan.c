/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Scans of random sets of texts and expressions, compared with looking for each on its own: the
 * library is not trusted, since one version of it missed texts near the end of a value. SEED=N
 * repeats a run.
 */
#include "pipeline/policy/index/scan.h"

#include "pipeline/policy/ops.h"
#include "pipeline/policy/regex.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { ITEMS = 300, SETS = 250, VALUES = 150, TEXT = 24, VALUE = 256 };

static uint64_t state;
static bool told[ITEMS];

static uint32_t below(uint32_t n)
{
	return random_below(&state, n);
}

static void seed(void)
{
	state = random_seed("SEED");
	if (!scan_supported())
		test_skip("libhs cannot be used on this machine, or misses matches");
}

static void on_hit(void *arg, uint32_t key)
{
	(void)arg;
	CHECK(key < ITEMS && !told[key]);
	told[key] = true;
}

static uint32_t fill(char *p, uint32_t n, uint32_t letters)
{
	static const char alphabet[] = "ab/.-cdefghijklmnopqrstuvwxyz_ ABCXYZ\n\xff";

	for (uint32_t i = 0; i < n; i++)
		p[i] = alphabet[below(letters)];
	return n;
}

static void check_texts(const struct scan *s, struct scan_scratch *x, const struct scan_item *items,
			uint32_t n, uint32_t letters)
{
	char *value = malloc(VALUE); /* of its very size: ASan sees what reads past it */
	uint32_t len = fill(value, 1 + below(below(2) ? 40 : 200), letters);
	const struct scan_item *planted = &items[below(n)];

	if (below(2) && planted->text.len <= len)
		memcpy(value + (below(2) ? len - planted->text.len
					 : below(len - planted->text.len + 1)),
		       planted->text.p, planted->text.len);
	memset(told, 0, sizeof(told));
	scan_run(s, x, (struct str){ value, len }, on_hit, NULL);
	for (uint32_t i = 0; i < n; i++)
		if (told[i] !=
		    op_text_has((struct str){ value, len }, items[i].text, items[i].fold))
			test_fail(__FILE__, __LINE__, "[%.*s] in [%.*s] of %u: told %d",
				  (int)items[i].text.len, items[i].text.p, (int)len, value, n,
				  told[i]);
	free(value);
}

static void texts(void)
{
	static char room[ITEMS][TEXT];
	uint64_t pairs = 0;

	seed();
	for (int i = 0; i < SETS; i++) {
		uint32_t n = 1 + below(below(2) ? 6 : ITEMS - 1), letters = below(2) ? 4 : 39;
		struct scan_item items[ITEMS];
		struct scan_scratch *x = NULL;
		struct scan *s = NULL;

		for (uint32_t j = 0; j < n; j++) {
			uint32_t len = fill(room[j], 1 + below(below(3) ? 6 : TEXT - 1), letters);

			items[j] = (struct scan_item){ { room[j], len }, j, !below(5) };
			if (items[j].fold)
				op_folded(items[j].text, room[j]);
		}
		CHECK_INT(scan_texts(&s, items, n), 0);
		CHECK_INT(scan_scratch_for(&x, s), 0);
		for (int j = 0; j < VALUES; j++)
			check_texts(s, x, items, n, letters);
		pairs += (uint64_t)n * VALUES;
		scan_scratch_free(x);
		scan_free(s);
	}
	printf("# %llu pairs\n", (unsigned long long)pairs);
}

static struct regex *random_regex(char *text, struct scan_item *item, uint32_t key)
{
	static const char *const parts[] = { "a",     "b",      "ab",     "/",     ".",
					     "[ab]",  "[^/]",   ".*",     "c+",    "d?",
					     "^",     "$",      "(a|b/)", "\\.",   "(?:ab)*",
					     "|",     "a{2}",   "\\b",    "\\w",   "(?i)",
					     "(?=b)", "(?>a+)", "\\x2f",  "e{1,3}" };
	char err[200];

	text[0] = '\0';
	for (uint32_t k = 1 + below(6); k--;)
		strcat(text, parts[below(sizeof(parts) / sizeof(*parts))]);
	*item = (struct scan_item){ { text, (uint32_t)strlen(text) }, key, !below(4) };
	return item->fold ? regex_new_folded(item->text, err, sizeof(err))
			  : regex_new(item->text, err, sizeof(err));
}

/* What PCRE2 finds is hit; the other way round is not asked for, but is the rule. */
static void expressions(void)
{
	struct regex_scratch *scratch = regex_scratch_new();
	uint64_t found = 0, hits = 0, all = 0;

	seed();
	for (int i = 0; i < SETS * 2; i++) {
		uint32_t states = SCAN_STATES_MAX, n = 1 + below(5);
		struct scan_item items[5];
		struct regex *r[5] = { 0 };
		struct scan_scratch *x = NULL;
		struct scan *s = NULL;
		char text[5][100];
		bool taken[5];

		for (uint32_t j = 0; j < n; j++) {
			r[j] = random_regex(text[j], &items[j], j);
			if (!r[j])
				n = j;
		}
		CHECK_INT(scan_regexes(&s, items, n, taken, &states), 0);
		if (s)
			CHECK_INT(scan_scratch_for(&x, s), 0);
		for (int j = 0; j < VALUES && s; j++) {
			char value[VALUE];
			struct str v = { value, fill(value, below(below(3) ? 30 : 200),
						     below(2) ? 6 : 39) };

			memset(told, 0, sizeof(told));
			scan_run(s, x, v, on_hit, NULL);
			for (uint32_t k = 0; k < n; k++) {
				bool want = taken[k] && regex_found(r[k], scratch, v);

				if (want && !told[k])
					test_fail(__FILE__, __LINE__, "%s in [%.*s]", text[k],
						  (int)v.len, value);
				found += want;
				hits += taken[k] && told[k];
				all += taken[k];
			}
		}
		for (uint32_t j = 0; j < 5; j++)
			regex_free(r[j]);
		scan_scratch_free(x);
		scan_free(s);
	}
	regex_scratch_free(scratch);
	printf("# %llu pairs, %llu found, %llu hit\n", (unsigned long long)all,
	       (unsigned long long)found, (unsigned long long)hits);
	CHECK(all > 20000 && found > all / 10 && hits < found + all / 5);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(texts), TEST(expressions) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
