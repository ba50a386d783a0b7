/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents a second from egress to the file sink, with io_uring and with plain writes: publishes
 * the same batches over and over to a sink that blocks when it is full, and waits until all is
 * written. Prints the CPU time of all threads as well.
 *   build/tests/bench/bench_egress [DIRECTORY] [documents] [bytes a document]
 */
#include <dirent.h>
#include <sys/resource.h>

#include "pipeline/clock.h"
#include "pipeline/egress.h"
#include "tests/harness/docs.h"

enum { BATCH_DOCS = 200, BATCHES = 16 };

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_SEC +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static void clear(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' || !strcmp(e->d_name, ".lock"))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

static void run(const char *dir, const char *name, const char *options, uint64_t docs, size_t bytes)
{
	const struct sink *s = sink_by_name(STR("file"));
	void *cfg = calloc(1, s->cfg_size);
	struct egress_cfg q = { 0 };
	struct batch *b[BATCHES];
	const struct sink_stats *st;
	struct egress *e;
	char text[600], err[300] = "";
	uint64_t start, cpu, took;

	snprintf(text, sizeof(text), "path=%s,overflow=block,%s", dir, options);
	option_defaults(s->opts, cfg);
	option_defaults(egress_opts, &q);
	if (option_parse_list(s->opts, cfg, egress_opts, &q, str_of(text), err, sizeof(err)) ||
	    egress_new(&e) || egress_add(e, s, cfg, &q, name, err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	for (int i = 0; i < BATCHES; i++)
		b[i] = docs_batch((uint64_t)i * BATCH_DOCS, BATCH_DOCS, DOC_EVENT, bytes);
	start = clock_mono_ns();
	cpu = cpu_ns();
	for (uint64_t n = 0; n < docs; n += BATCH_DOCS)
		egress_publish(e, b[n / BATCH_DOCS % BATCHES]);
	egress_stop(e, 60000);
	took = clock_mono_ns() - start;
	cpu = cpu_ns() - cpu;
	st = egress_stats(e, 0, NULL, NULL);
	printf("%-28s %9.0f docs/s %7.1f MB/s %6.0f ns CPU/doc  %lu delivered, %lu lost\n", name,
	       (double)sink_counter(&st->delivered) * 1e9 / (double)took,
	       (double)sink_counter(&st->bytes) * 1e3 / (double)took, (double)cpu / (double)docs,
	       sink_counter(&st->delivered), docs - sink_counter(&st->delivered));
	egress_free(e);
	for (int i = 0; i < BATCHES; i++)
		batch_unref(b[i]);
	option_free(s->opts, cfg);
	free(cfg);
	clear(dir);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "/tmp/tocsin-bench-egress";
	uint64_t docs = argc > 2 ? strtoull(argv[2], NULL, 10) : 400000;
	size_t bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 1200;

	docs -= docs % BATCH_DOCS;
	for (int round = 0; round < 3; round++) {
		run(dir, "io_uring", "io_uring=true", docs, bytes);
		run(dir, "plain writes", "io_uring=false", docs, bytes);
	}
	run(dir, "io_uring, fsync=interval", "io_uring=true,fsync=interval", docs, bytes);
	run(dir, "plain, fsync=interval", "io_uring=false,fsync=interval", docs, bytes);
	run(dir, "io_uring, fsync=always", "io_uring=true,fsync=always", docs / 10, bytes);
	run(dir, "plain, fsync=always", "io_uring=false,fsync=always", docs / 10, bytes);
	run(dir, "io_uring, gzip", "io_uring=true,compress=gzip", docs, bytes);
	rmdir(dir);
	return 0;
}
