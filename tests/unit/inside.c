/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Random texts anywhere in random values, compared with looking for each on its own. SEED=N
 * repeats a run.
 */
#include "pipeline/policy/index/inside.h"

#include <valgrind/callgrind.h>

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
static struct inside_seen seen;

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

static void run(const struct inside *x, struct str value)
{
	CHECK_INT(inside_seen_for(&seen, x), 0);
	memset(told, 0, sizeof(told));
	inside_run(x, value, &seen, on_hit, NULL);
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
	run(x, (struct str){ value, len });
	for (uint32_t i = 0; i < ntexts; i++) {
		bool want = op_text_has((struct str){ value, len }, texts[i].text, fold);

		if (want != told[texts[i].key])
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
		run(x, (struct str){ value, size });
		CHECK_INT(told[7], 1);
		run(x, (struct str){ value, at + len - 1 });
		CHECK_INT(told[7], op_text_has((struct str){ value, at + len - 1 }, t.text, fold));
		pool_free(&pool);
	}
	free(value);
	free(text);
}

/* Texts in each other, in a value that is full of them: each is told once. */
static void runs(void)
{
	char *value = malloc(VALUE);
	struct inside *x;

	memset(value, 'x', VALUE);
	for (ntexts = 0; ntexts < TEXTS; ntexts++)
		texts[ntexts] = (struct trie_text){ { value, ntexts + 1 }, ntexts, false };
	x = inside_new(&pool, texts, TEXTS, false);
	CHECK(x);
	for (uint32_t len = 0; len < 1000; len += 100) {
		run(x, (struct str){ value, len });
		for (uint32_t i = 0; i < TEXTS; i++)
			CHECK_INT(told[i], i < len);
	}
	/* Also where the numbers of runs begin again. */
	seen.run = UINT32_MAX - 1;
	for (uint32_t i = 0; i < 4; i++) {
		run(x, (struct str){ value, TEXTS / 2 });
		CHECK_INT(told[TEXTS / 2 - 1], 1);
		CHECK_INT(told[TEXTS / 2], 0);
	}
	pool_free(&pool);
	free(value);
}

/* More bytes than states have numbers are refused. */
static void too_many_bytes(void)
{
	enum { N = INSIDE_BYTES_MAX / OP_TEXT_MAX + 9, SIZE = 4 + OP_TEXT_MAX };
	struct trie_text *many = calloc(N, sizeof(*many));
	char *bytes = calloc(N, OP_TEXT_MAX);

	CHECK(many && bytes);
	for (uint32_t i = 0; i < N; i++) {
		char *p = bytes + (size_t)i * OP_TEXT_MAX;

		snprintf(p, SIZE - OP_TEXT_MAX + 4, "%06u", i);
		many[i] = (struct trie_text){ { p, OP_TEXT_MAX }, i, false };
	}
	CHECK(!inside_new(&pool, many, N, false));
	pool_free(&pool);
	free(bytes);
	free(many);
}

/* A profile of one run, where valgrind counts (nested.test). */
static void count(const struct inside *x, const char *name, const char *value, uint32_t len)
{
	memset(told, 0, sizeof(told));
	CHECK_INT(inside_seen_for(&seen, x), 0);
	CALLGRIND_START_INSTRUMENTATION;
	inside_run(x, (struct str){ value, len }, &seen, on_hit, NULL);
	CALLGRIND_STOP_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS_AT(name);
}

/* Texts that a value is full of, but for their last byte or wholly, by the length of the value. */
static void nested(void)
{
	enum { SHORT = 1 << 10, LONG = 32 << 10 };
	char *value = malloc(LONG), *text = malloc((size_t)TEXTS * OP_TEXT_MAX);

	memset(value, 'a', LONG);
	memset(text, 'a', (size_t)TEXTS * OP_TEXT_MAX);
	for (int whole = 0; whole < 2; whole++) {
		struct inside *x;

		for (uint32_t i = 0; i < TEXTS; i++) {
			char *p = text + (size_t)i * OP_TEXT_MAX;
			uint32_t len = (i + 1) * (OP_TEXT_MAX / TEXTS);

			p[len - 1] = whole ? 'a' : 'b';
			texts[i] = (struct trie_text){ { p, len }, i, false };
		}
		x = inside_new(&pool, texts, TEXTS, false);
		CHECK(x);
		count(x, whole ? "whole, short" : "in part, short", value, SHORT);
		count(x, whole ? "whole, long" : "in part, long", value, LONG);
		CHECK_INT(told[TEXTS - 1], whole);
		pool_free(&pool);
	}
	free(text);
	free(value);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(random_texts), TEST(long_values), TEST(runs),
					     TEST(too_many_bytes), TEST(nested) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
