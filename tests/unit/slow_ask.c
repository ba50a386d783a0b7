/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Questions that hang: the asker goes on, and what hung is freed when it returns.
 */
#include "enrichers/slow_ask.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/test.h"

static int gate[2]; /* a question under pid 1 hangs until a byte comes */
static atomic_int passed;

static bool answer(struct buf *out, uint32_t pid, uint64_t start_ns)
{
	char c;

	if (pid == 1) {
		if (read(gate[0], &c, 1) != 1)
			return false;
		atomic_fetch_add(&passed, 1);
	}
	buf_reset(out);
	buf_addf(out, "%u/%llu", pid, (unsigned long long)start_ns);
	return pid != 404;
}

static uint64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void answers_come_through(void)
{
	struct slow_ask *s = NULL;
	struct buf out = { 0 };
	char want[32];

	for (uint32_t i = 2; i < 1000; i++) {
		snprintf(want, sizeof(want), "%u/%u", i, i * 2);
		if (i == 404)
			continue;
		CHECK(slow_ask(&s, answer, &out, i, i * 2));
		CHECK_STREQ(((struct str){ out.p, (uint32_t)out.len }), want);
	}
	CHECK(!slow_ask(&s, answer, &out, 404, 0));
	CHECK(slow_ask(&s, answer, &out, 5, 0));
	slow_ask_free(s);
	slow_ask_free(NULL);
	buf_free(&out);
}

static void nobody_waits_long(void)
{
	struct slow_ask *s = NULL;
	struct buf out = { 0 };
	uint64_t before = mono_ms();
	int i;

	CHECK_INT(pipe(gate), 0);
	for (i = 0; i < 20; i++)
		CHECK(!slow_ask(&s, answer, &out, 1, 0));
	CHECK(mono_ms() - before >= SLOW_ASK_STUCK_MAX * SLOW_ASK_WAIT_MS);
	CHECK(mono_ms() - before < 5000);
	CHECK(!slow_ask(&s, answer, &out, 2, 0)); /* too many hang */
	CHECK_INT(write(gate[1], "xx", 2), 2);
	for (i = 0; i < 200 && !slow_ask(&s, answer, &out, 2, 0); i++)
		usleep(10000);
	CHECK_STREQ(((struct str){ out.p, (uint32_t)out.len }), "2/0");
	slow_ask_free(s); /* two still hang, and outlive it */
	CHECK_INT(write(gate[1], "xx", 2), 2);
	for (i = 0; i < 200 && atomic_load(&passed) < SLOW_ASK_STUCK_MAX; i++)
		usleep(10000);
	CHECK_INT(atomic_load(&passed), SLOW_ASK_STUCK_MAX);
	usleep(100000); /* they free what is theirs */
	close(gate[0]);
	close(gate[1]);
	buf_free(&out);
}

static const struct test tests[] = { TEST(answers_come_through), TEST(nobody_waits_long) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
