/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Random texts anywhere in random values, compared with looking for each on its own. SEED=N
 * repeats a run.
 */
#include "pipeline/policy/index/inside.h"

#include "pipeline/policy/ops.h"
#include "pipeline/util.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { TEXTS = 400, SETS = 300, VALUES = 60, VALUE = 4 * OP_TEXT_MAX };

static uint64_t state;
static uint32_t told[TEXTS];
static struct pool pool;
static struct trie_text texts[TEXTS];
static uint32_t ntexts;

static uint32_t below(uint32_t n)
{
	return random_below(&state, n);
}

static void on_hit(void *arg, uint32_t key)
{
	(void)arg;
	CHECK(key < TEXTS);
	told[key]++;
}

static void fill(char *p, uint32_t n, uint32_t letters)
{
	static const char alphabet[] = "abAB/.-cdefghijklmnopqrstuvwxyz_ CXYZ\n\xff";

	for (uint32_t i = 0; i < n; i++)
		p[i] = letters ? alphabet[below(letters)] : (char)below(256);
}

static bool is_new(struct str t)
{
	for (uint32_t i = 0; i < ntexts; i++)
		if (str_eq(texts[i].text, t))
			return false;
	return true;
}

/* Keys are the order they are made in; inside_new puts the texts in another. */
static struct inside *make(bool fold, uint32_t letters, uint32_t longest)
{
	uint32_t n = 1 + below(TEXTS);

	for (ntexts = 0; n--;) {
		uint32_t len = 1 + below(longest);
		char *p = pool_get(&pool, len);

		fill(p, len, letters);
		if (fold)
			op_folded((struct str){ p, len }, p);
		if (is_new((struct str){ p, len })) {
			texts[ntexts] = (struct trie_text){ { p, len }, ntexts, false };
			ntexts++;
		}
	}
	return inside_new(&pool, texts, ntexts, fold);
}

static uint32_t check(const struct inside *x, bool fold, uint32_t letters, uint32_t most)
{
	uint32_t len = below(most + 1), found = 0;
	char *value = malloc(len ? len : 1); /* of its very size: ASan sees what reads past it */
	struct str t = texts[below(ntexts)].text;

	fill(value, len, letters);
	if (t.len <= len)
		memcpy(value + (below(2) ? len - t.len : below(len - t.len + 1)), t.p, t.len);
	memset(told, 0, sizeof(told));
	inside_run(x, (struct str){ value, len }, on_hit, NULL);
	for (uint32_t i = 0; i < ntexts; i++) {
		bool want = op_text_has((struct str){ value, len }, texts[i].text, fold);

		if (want != (told[texts[i].key] != 0))
			test_fail(__FILE__, __LINE__, "[%.*s] in %u bytes: told %u",
				  (int)texts[i].text.len, texts[i].text.p, len, told[texts[i].key]);
		found += want;
	}
	free(value);
	return found;
}

static void random_texts(void)
{
	uint64_t found = 0, pairs = 0;

	state = random_seed("SEED");
	for (int i = 0; i < SETS; i++) {
		bool fold = below(2);
		uint32_t letters = below(3) ? 2 + below(38) : 0;
		struct inside *x = make(fold, letters, below(3) ? 1 + below(12) : 300);

		CHECK(x);
		for (int j = 0; j < VALUES; j++)
			found += check(x, fold, letters, below(2) ? 60 : 400);
		pairs += (uint64_t)ntexts * VALUES;
		pool_free(&pool);
	}
	printf("# %llu pairs, %llu found\n", (unsigned long long)pairs, (unsigned long long)found);
	CHECK(found > pairs / 50 && found < pairs);
}

/* Values that are folded in several pieces, and texts that reach from one into the next. */
static void long_values(void)
{
	char *value = malloc(VALUE), *text = malloc(OP_TEXT_MAX);

	state = random_seed("SEED");
	fill(text, OP_TEXT_MAX, 0);
	op_folded((struct str){ text, OP_TEXT_MAX }, text);
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t len = below(5) ? 1 + below(OP_TEXT_MAX) : OP_TEXT_MAX;
		uint32_t at = below(VALUE - len + 1), size = at + len + below(VALUE - at - len + 1);
		bool fold = below(2);
		struct trie_text t = { { text, len }, 7, false };
		struct inside *x = inside_new(&pool, &t, 1, fold);

		memset(value, 0, size);
		memcpy(value + at, text, len);
		for (uint32_t j = 0; fold && j < len; j++)
			if (value[at + j] >= 'a' && value[at + j] <= 'z' && below(2))
				value[at + j] = (char)(value[at + j] - 32);
		memset(told, 0, sizeof(told));
		inside_run(x, (struct str){ value, size }, on_hit, NULL);
		CHECK(told[7] > 0);
		memset(told, 0, sizeof(told));
		inside_run(x, (struct str){ value, at + len - 1 }, on_hit, NULL);
		CHECK_INT(told[7] != 0,
			  op_text_has((struct str){ value, at + len - 1 }, t.text, fold));
		pool_free(&pool);
	}
	free(value);
	free(text);
}

/* The rules of a key may be many: they are not marked again for each byte of a run. */
static void runs(void)
{
	struct trie_text t = { STR("x"), 3, false };
	struct inside *x = inside_new(&pool, &t, 1, false);
	char value[1000];

	memset(value, 'x', sizeof(value));
	memset(told, 0, sizeof(told));
	inside_run(x, (struct str){ value, sizeof(value) }, on_hit, NULL);
	CHECK_INT(told[3], 1);
	pool_free(&pool);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(random_texts), TEST(long_values), TEST(runs) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
