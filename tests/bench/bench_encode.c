/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Cost of validating and encoding one record on one core: prints ns and bytes a document.
 *   build/tests/bench/bench_encode [rounds]
 */
#include <fcntl.h>

#include "pipeline/clock.h"
#include "pipeline/encode.h"
#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/scene.h"

static struct encoder *encoder;
static struct arena arena;

static void one(struct batch *b, const struct rec *r, const struct match *m)
{
	struct event e = { 0 };
	const char *why;

	if (event_validate(&e, &arena, r->b, r->len, &why)) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	scene_set(&e);
	if (encoder_add(encoder, b, &e, m)) {
		b->data.len = 0;
		b->ndocs = 0;
		if (encoder_add(encoder, b, &e, m))
			exit(1);
	}
}

static void run(const char *name, const struct rec *r, const struct match *m, uint32_t rounds)
{
	struct batch *b = batch_new(1 << 20, 4096);
	uint64_t best = UINT64_MAX, start, took;
	size_t bytes;

	if (!b)
		exit(1);
	one(b, r, m);
	bytes = b->docs[0].json.len;
	for (int batch = 0; batch < 10; batch++) {
		start = clock_mono_ns();
		for (uint32_t i = 0; i < rounds; i++)
			one(b, r, m);
		took = clock_mono_ns() - start;
		best = MIN(best, took);
	}
	printf("%-24s %6.0f ns/doc %8.0f docs/s %6zu bytes of JSON\n", name, (double)best / rounds,
	       rounds * 1e9 / (double)best, bytes);
	batch_unref(b);
}

static void validate_only(const struct rec *r, uint32_t rounds)
{
	uint64_t best = UINT64_MAX, start, took;
	struct event e = { 0 };
	const char *why;

	for (int batch = 0; batch < 10; batch++) {
		start = clock_mono_ns();
		for (uint32_t i = 0; i < rounds; i++)
			if (event_validate(&e, &arena, r->b, r->len, &why))
				exit(1);
		took = clock_mono_ns() - start;
		best = MIN(best, took);
	}
	printf("%-24s %6.0f ns\n", "event_validate file.open", (double)best / rounds);
}

int main(int argc, char **argv)
{
	static const char *const args[] = { "/usr/bin/cat", "-n", "/etc/shadow", NULL };
	uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
	struct encoder_cfg cfg = { 1764000000000000000, STR("0123456789abcdef0123456789abcdef"),
				   STR("cafe0001"), false };
	static struct rec r;

	if (!rounds || arena_init(&arena, 65536) || encoder_new(&encoder, &cfg))
		return 1;
	rec_open(&r, 4711, 0x1234, "/usr/share/doc/libc6/copyright", O_RDONLY | O_LARGEFILE);
	validate_only(&r, rounds);
	run("file.open record", &r, NULL, rounds);
	run("file.open alert", &r, scene_match(), rounds);
	rec_exec(&r, 4711, 1, 0x1234, 0x1000, "/usr/bin/cat", args);
	run("process.exec record", &r, NULL, rounds);
	rec_connect(&r, 4711, 0x1234, "192.0.2.77", 443);
	run("network.connect record", &r, NULL, rounds);
	rec_connect(&r, 4711, 0x1234, "2001:db8::77", 443);
	run("network.connect ipv6", &r, NULL, rounds);
	encoder_free(encoder);
	cfg.text = true;
	if (encoder_new(&encoder, &cfg))
		return 1;
	run("ipv6 alert with text", &r, scene_match(), rounds);
	encoder_free(encoder);
	arena_free(&arena);
	return 0;
}
