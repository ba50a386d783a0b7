/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The id map against a plain array, with keys that collide.
 */
#include "enrichers/idmap.h"

#include <errno.h>

#include "tests/harness/test.h"

enum { KEYS = 512, ROUNDS = 200000 };

static uint32_t next(uint32_t *x)
{
	return *x = *x * 1664525u + 1013904223u;
}

static void like_an_array(void)
{
	static char values[KEYS];
	static uint64_t keys[KEYS];
	bool in[KEYS] = { 0 };
	struct idmap m;
	uint32_t x = 1, n = 0;

	/* Many keys share their home: they differ where the hash does not look first. */
	for (int i = 0; i < KEYS; i++)
		keys[i] = (uint64_t)(i % 16) | (uint64_t)(i / 16) << 58;
	CHECK_INT(idmap_init(&m, KEYS), 0);
	for (int r = 0; r < ROUNDS; r++) {
		uint32_t i = next(&x) >> 20 & (KEYS - 1);

		CHECK(idmap_get(&m, keys[i]) == (in[i] ? &values[i] : NULL));
		if (next(&x) >> 31) {
			CHECK_INT(idmap_put(&m, keys[i], &values[i]), in[i] ? -EEXIST : 0);
			n += !in[i];
			in[i] = true;
		} else {
			CHECK(idmap_del(&m, keys[i]) == (in[i] ? &values[i] : NULL));
			n -= in[i];
			in[i] = false;
		}
		CHECK_INT(m.count, n);
	}
	for (int i = 0; i < KEYS; i++)
		CHECK(idmap_get(&m, keys[i]) == (in[i] ? &values[i] : NULL));
	idmap_free(&m);
}

static void bound(void)
{
	struct idmap m;
	int v;

	CHECK_INT(idmap_init(&m, 3), 0);
	for (uint64_t k = 0; k < 3; k++)
		CHECK_INT(idmap_put(&m, k, &v), 0);
	CHECK_INT(idmap_put(&m, 3, &v), -ENOSPC);
	CHECK_INT(idmap_put(&m, 2, &v), -EEXIST);
	CHECK(idmap_del(&m, 1) == &v);
	CHECK(!idmap_del(&m, 1));
	CHECK_INT(idmap_put(&m, 3, &v), 0);
	idmap_free(&m);
}

static const struct test tests[] = { TEST(like_an_array), TEST(bound) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
