/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * strmap.h: what is put is found; and names that were made to lie in one place do not, in any map.
 */
#include "pipeline/policy/strmap.h"

#include "pipeline/util.h"
#include "tests/harness/test.h"

enum { NAMES = 2000, LEN = 12, PLACES = 4096 };

static char names[NAMES][LEN + 1];

static struct str name(uint32_t i)
{
	return str_of(names[i]);
}

static void put_all(struct strmap *m)
{
	for (uint32_t i = 0; i < NAMES; i++)
		CHECK_INT(strmap_put(m, name(i), names[i]), 0);
}

static void finds(void)
{
	struct strmap m = { 0 };

	CHECK(!strmap_get(&m, STR("a")));
	for (uint32_t i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(names[i]), "%u", i);
	put_all(&m);
	for (uint32_t i = 0; i < NAMES; i++)
		CHECK(strmap_get(&m, name(i)) == names[i]);
	CHECK(!strmap_get(&m, STR("2000")) && !strmap_get(&m, STR("")));
	CHECK_INT(m.count, NAMES);
	strmap_free(&m);
	CHECK(!strmap_get(&m, STR("1")));
	CHECK_INT(strmap_put(&m, STR("1"), names[0]), 0);
	CHECK(strmap_get(&m, STR("1")) == names[0]);
	strmap_free(&m);
}

/* By FNV-1a, as it may begin, all lie in place 0 of a table of PLACES. */
static void make_names(uint64_t begin)
{
	for (uint32_t i = 0, k = 0; i < NAMES; k++) {
		uint64_t h = begin;

		snprintf(names[i], sizeof(names[i]), "n%011u", k);
		for (uint32_t j = 0; j < LEN; j++)
			h = (h ^ (unsigned char)names[i][j]) * 0x100000001b3ULL;
		i += ((h ^ h >> 32) & (PLACES - 1)) == 0;
	}
}

/* The most slots that lie next to each other and are not free. */
static uint32_t longest_run(const struct strmap *m)
{
	uint32_t run = 0, most = 0;

	for (uint32_t i = 0; i < m->size; i++) {
		run = m->slots[i].value ? run + 1 : 0;
		most = MAX(most, run);
	}
	return most;
}

static void chosen_names(void)
{
	static const uint64_t begins[] = { LEN, 0xcbf29ce484222325ULL };

	for (uint32_t i = 0; i < ARRAY_LEN(begins); i++) {
		struct strmap m = { 0 }, other = { 0 };
		uint32_t same = 0;

		make_names(begins[i]);
		put_all(&m);
		put_all(&other);
		CHECK_INT(m.size, PLACES);
		CHECK(longest_run(&m) < NAMES / 4);
		for (uint32_t j = 0; j < m.size; j++)
			same += m.slots[j].value && m.slots[j].value == other.slots[j].value;
		CHECK(same < NAMES / 4); /* what meets in one map does not in another */
		strmap_free(&m);
		strmap_free(&other);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(finds), TEST(chosen_names) };

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
