/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the kernel filter costs with many file policies: ns for open and close of a file five
 * components deep. Batches of all cases take turns; each case is told by its median batch, since
 * the machine has others to serve.
 *   bench_filter [POLICIES [ROUNDS]]     10000, 400
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/probe.h"
#include "tests/bench/filter_policies.h"

enum { BATCH = 500, FILES = 100000, PER_DIR = 500, DIRS = FILES / PER_DIR };

enum way { NONE, EMPTY, ALL_DROPPED, HIT, WANTED, EMPTY_FIRST, FIRST, EMPTY_DIRS, FIRST_DIR, WAYS };

static const char *const names[WAYS] = {
	[NONE] = "no programs",
	[EMPTY] = "empty programs",
	[ALL_DROPPED] = "kind that nobody wants",
	[HIT] = "not wanted, path seen before",
	[WANTED] = "wanted, path seen before",
	[EMPTY_FIRST] = "500 files of a directory, empty programs",
	[FIRST] = "500 files of a known directory, first time",
	[EMPTY_DIRS] = "a file in each of 200 directories, empty programs",
	[FIRST_DIR] = "a file in each of 200 new directories",
};

static const char hit[] = "/usr/share/doc/libc6/copyright";
static char root[64], (*files)[96];

static double ns_of_batch(const char *const *paths, uint32_t n)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (uint32_t i = 0; i < n; i++)
		close(open(paths[i], O_RDONLY | O_CLOEXEC));
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / n;
}

static void ignore(void *ctx, const void *rec, uint32_t len)
{
	(void)ctx;
	(void)rec;
	(void)len;
}

static void make_files(void)
{
	char dir[80];

	strcpy(root, "/tmp/tocsin-bench.XXXXXX");
	files = calloc(FILES, sizeof(*files));
	if (!files || !mkdtemp(root))
		exit(1);
	for (uint32_t i = 0; i < FILES; i++) {
		if (!(i % PER_DIR)) {
			snprintf(dir, sizeof(dir), "%s/d%u", root, i / PER_DIR);
			mkdir(dir, 0755);
			snprintf(dir, sizeof(dir), "%s/d%u/data", root, i / PER_DIR);
			mkdir(dir, 0755);
		}
		snprintf(files[i], sizeof(files[i]), "%s/file%u.dat", dir, i);
		close(open(files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	}
}

/* Tables of the same policies under new keys: nothing is known. */
static void *new_tables(struct policies *p, uint32_t bytes, bool want_hit)
{
	struct filter_pattern extra = { str_of(hit), FILTER_EXACT, false, false };
	struct filter_request req = {
		.kinds[EV_OPEN] = { p->clauses, p->count },
		.mode = FILTER_MODE_ON,
		.generation = 1,
		.max_bytes = bytes,
	};
	struct filter_report r;
	struct timespec a, b;
	void *block = NULL;

	if (want_hit) {
		p->clauses[0].paths = &extra;
		p->clauses[0].access_any = 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (filter_tables_make(&block, &req, &r))
		exit(1);
	clock_gettime(CLOCK_MONOTONIC, &b);
	p->clauses[0].paths = &p->patterns[0];
	printf("# %u policies: %u states, %zu KiB, cut %u, made in %.0f ms\n", p->count, r.states,
	       r.bytes >> 10, r.cut,
	       (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
	return block;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench {
	struct probe_set *set;
	void *quiet, *wanted, *nothing;
	uint32_t next_file, next_dir;
};

static void keys_anew(void *block, uint32_t n)
{
	((struct filter_block *)block)->seed = n * 0x9e3779b97f4a7c15ULL;
}

/* What one batch of this case opens; the tables it needs are in force afterwards. */
static uint32_t prepare(struct bench *b, enum way w, const char **paths)
{
	uint32_t n = BATCH;
	char err[160];

	for (uint32_t i = 0; i < BATCH; i++)
		paths[i] = hit;
	probe_set_want(b->set,
		       w == EMPTY || w == EMPTY_FIRST || w == EMPTY_DIRS ? 0 : 1ULL << EV_OPEN,
		       false, err, sizeof(err));
	if (w == ALL_DROPPED)
		probe_set_tables(b->set, b->nothing);
	if (w == WANTED || w == HIT)
		probe_set_tables(b->set, w == HIT ? b->quiet : b->wanted);
	if (w == FIRST ||
	    w == EMPTY_FIRST) { /* the first of a directory is opened before the clock runs */
		n = PER_DIR - 1;
		for (uint32_t i = 0; i < n; i++)
			paths[i] = files[b->next_file + 1 + i];
		ns_of_batch(paths, n); /* into the kernel's own caches */
		keys_anew(b->quiet, b->next_file + 1);
		probe_set_tables(b->set, b->quiet);
		close(open(files[b->next_file], O_RDONLY | O_CLOEXEC));
		b->next_file = (b->next_file + PER_DIR) % FILES;
	}
	if (w == FIRST_DIR || w == EMPTY_DIRS) {
		n = DIRS;
		for (uint32_t i = 0; i < n; i++)
			paths[i] = files[i * PER_DIR + b->next_dir % PER_DIR];
		ns_of_batch(paths, n);
		keys_anew(b->quiet, FILES + ++b->next_dir);
		probe_set_tables(b->set, b->quiet);
	}
	if (w == HIT || w == WANTED || w == ALL_DROPPED)
		ns_of_batch(paths, n);
	probe_set_read(b->set, ignore, NULL, 1u << 20);
	return n;
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 10000,
		 rounds = argc > 2 ? (uint32_t)atoi(argv[2]) : 400;
	struct probe_cfg cfg = { .ring_bytes = 64 << 20,
				 .filter_bytes = 8 << 20,
				 .want = 1ULL << EV_OPEN };
	struct policies p;
	struct bench b = { 0 };
	enum way base;
	double *ns[WAYS];
	const char *paths[BATCH];
	char err[256], command[96];

	policies_make(&p, count);
	make_files();
	for (int w = 0; w < WAYS; w++)
		ns[w] = calloc(rounds, sizeof(double));
	for (uint32_t i = 0; i < BATCH; i++)
		paths[i] = hit;
	for (uint32_t i = 0; i < rounds; i++)
		ns[NONE][i] = ns_of_batch(paths, BATCH);
	if (probe_set_open(&b.set, &cfg, err, sizeof(err))) {
		printf("%s\n", err);
		return 1;
	}
	b.quiet = new_tables(&p, probe_set_filter_bytes(b.set), false);
	b.wanted = new_tables(&p, probe_set_filter_bytes(b.set), true);
	b.nothing = calloc(1, probe_set_filter_bytes(b.set));
	((struct filter_block *)b.nothing)->mode = FILTER_MODE_ON;
	((struct filter_block *)b.nothing)->kinds[EV_OPEN] = FILTER_KIND_NONE;
	for (uint32_t i = 0; i < rounds; i++)
		for (int w = EMPTY; w < WAYS; w++) {
			uint32_t n = prepare(&b, (enum way)w, paths);

			ns[w][i] = ns_of_batch(paths, n);
			probe_set_read(b.set, ignore, NULL, 1u << 20);
		}
	probe_set_free(b.set);
	for (int w = 0; w < WAYS; w++) {
		qsort(ns[w], rounds, sizeof(double), by_value);
		base = w < EMPTY_FIRST ? EMPTY : w < EMPTY_DIRS ? EMPTY_FIRST : EMPTY_DIRS;
		printf("%-50s median %6.0f ns %+6.0f, tenth %6.0f %+6.0f\n", names[w],
		       ns[w][rounds / 2], ns[w][rounds / 2] - ns[base][rounds / 2],
		       ns[w][rounds / 10], ns[w][rounds / 10] - ns[base][rounds / 10]);
	}
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}
