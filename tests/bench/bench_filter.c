/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the kernel filter costs an open: ns over the floor, which is a program that does nothing on the
 * same hook. Batches of opens take turns with and without the agent's programs, round by round; a case is
 * told by the median round of the floor and by the median of what the rounds are above it, since the
 * machine has others to serve.
 *   bench_filter EMPTY.bpf.o ROUNDS POLICIES...    a number of made-up file policies
 *                                                  (filter_policies.h), or a directory of policies
 * Prints a line of JSON for each POLICIES. Times are of open and close of files five components deep.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/clock.h"
#include "pipeline/filter/derive.h"
#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/bench/filter_policies.h"

enum { BATCH = 500, FILES = 100000, PER_DIR = 500, DIRS = FILES / PER_DIR, FILTER_MIB = 2 };

static const char one_file[] = "/usr/share/doc/libc6/copyright";
static char root[] = "/tmp/tocsin-bench.XXXXXX", (*files)[96];

/* --- what is measured --- */

enum way { HIT_ONE, HIT_MANY, FIRST_NAME, FIRST_DIR, WANTED_ONE, WANTED_MANY, WAYS };

static const char *const way_names[WAYS] = {
	[HIT_ONE] = "hit_one",     [HIT_MANY] = "hit_many",     [FIRST_NAME] = "first_name",
	[FIRST_DIR] = "first_dir", [WANTED_ONE] = "wanted_one", [WANTED_MANY] = "wanted_many",
};

struct source {
	const char *name;
	uint32_t policies;
	struct policy_set *set; /* NULL: made-up ones */
	struct filter *filter; /* of the set */
	struct policies made;
	struct filter_clause *clauses; /* of opens, with one more that wants what is opened here */
	uint32_t nclauses;
	void *quiet, *wanted; /* blocks without that one and with it */
	struct filter_report report;
	double tables_ms;
};

struct bench {
	struct probe_set *probes;
	struct bpf_object *empty;
	struct bpf_link *floor; /* attached: the agent's program for the hook is not */
	uint32_t rounds, generation;
	uint32_t next_file, next_dir;
	double *floors[WAYS], *above[WAYS];
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_filter: %s: %s\n", what, why);
	exit(1);
}

static void *get(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		die("memory", "none");
	return p;
}

static double ms_since(uint64_t start_ns)
{
	return (double)(clock_mono_ns() - start_ns) / 1e6;
}

/* --- opens --- */

static double ns_of_batch(const char *const *paths, uint32_t n)
{
	uint64_t start = clock_mono_ns();

	for (uint32_t i = 0; i < n; i++)
		close(open(paths[i], O_RDONLY | O_CLOEXEC));
	return (double)(clock_mono_ns() - start) / n;
}

static void remove_files(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	if (system(command))
		fprintf(stderr, "bench_filter: %s stays\n", root);
}

static void make_files(void)
{
	char dir[80];

	files = get(FILES, sizeof(*files));
	if (!mkdtemp(root))
		die(root, strerror(errno));
	atexit(remove_files);
	for (uint32_t i = 0; i < FILES; i++) {
		if (!(i % PER_DIR)) {
			snprintf(dir, sizeof(dir), "%s/d%u", root, i / PER_DIR);
			mkdir(dir, 0755);
			snprintf(dir, sizeof(dir), "%s/d%u/data", root, i / PER_DIR);
			mkdir(dir, 0755);
		}
		snprintf(files[i], sizeof(files[i]), "%s/file%u.dat", dir, i);
		if (mknod(files[i], S_IFREG | 0644, 0))
			die(files[i], strerror(errno));
	}
}

/* The next so many files of all, one after the other. */
static uint32_t next_files(struct bench *b, const char **paths)
{
	for (uint32_t i = 0; i < BATCH; i++)
		paths[i] = files[(b->next_file + i) % FILES];
	b->next_file = (b->next_file + BATCH) % FILES;
	return BATCH;
}

static uint32_t same_file(const char **paths)
{
	for (uint32_t i = 0; i < BATCH; i++)
		paths[i] = one_file;
	return BATCH;
}

/* All files of the next directory but its first. */
static uint32_t next_names(struct bench *b, const char **paths)
{
	b->next_dir = (b->next_dir + 1) % DIRS;
	for (uint32_t i = 0; i + 1 < PER_DIR; i++)
		paths[i] = files[b->next_dir * PER_DIR + 1 + i];
	return PER_DIR - 1;
}

/* A file of every directory. */
static uint32_t next_dirs(struct bench *b, const char **paths)
{
	b->next_file++;
	for (uint32_t i = 0; i < DIRS; i++)
		paths[i] = files[i * PER_DIR + b->next_file % PER_DIR];
	return DIRS;
}

/* --- policies --- */

static void load_set(struct source *s)
{
	struct diags d = { 0 };
	struct filter_clauses all;

	if (policy_load(&s->set, &s->name, 1, &d) || d.errors ||
	    filter_derive(&s->filter, s->set, 0))
		die(s->name, "does not load");
	s->policies = policy_count(s->set);
	all = filter_clauses(s->filter, EV_OPEN);
	s->nclauses = all.count;
	s->clauses = get(all.count + 1, sizeof(*s->clauses));
	memcpy(s->clauses, all.items, all.count * sizeof(*s->clauses));
	diags_free(&d);
}

static void make_up(struct source *s)
{
	policies_make(&s->made, (uint32_t)atoi(s->name));
	s->policies = s->nclauses = s->made.count;
	s->clauses = get(s->nclauses + 1, sizeof(*s->clauses));
	memcpy(s->clauses, s->made.clauses, s->nclauses * sizeof(*s->clauses));
}

static void *make_block(struct source *s, uint32_t more)
{
	struct filter_request req = {
		.kinds[EV_OPEN] = { s->clauses, s->nclauses + more },
		.mode = FILTER_MODE_ON,
		.max_bytes = FILTER_MIB << 20,
	};
	uint64_t start = clock_mono_ns();
	void *block = NULL;

	if (filter_tables_make(&block, &req, &s->report))
		die("tables", "no memory");
	s->tables_ms = ms_since(start);
	if (((struct filter_block *)block)->kinds[EV_OPEN] != FILTER_KIND_TABLES)
		die(s->name, "every open is wanted");
	return block;
}

static void source_begin(struct source *s, const char *name)
{
	static struct filter_pattern opened[2];

	memset(s, 0, sizeof(*s));
	s->name = name;
	if (name[strspn(name, "0123456789")])
		load_set(s);
	else
		make_up(s);
	opened[0] = (struct filter_pattern){ str_of(one_file), FILTER_EXACT, false, false };
	opened[1] = (struct filter_pattern){ str_of(root), FILTER_PREFIX, false, false };
	s->clauses[s->nclauses] = (struct filter_clause){ .paths = opened, .npaths = 2 };
	s->wanted = make_block(s, 1);
	s->quiet = make_block(s, 0);
}

static void source_end(struct source *s)
{
	free(s->quiet);
	free(s->wanted);
	free(s->clauses);
	free(s->made.clauses);
	free(s->made.patterns);
	free(s->made.texts);
	filter_free(s->filter);
	policy_free(s->set);
}

/* --- programs --- */

static void ignore(void *ctx, const void *rec, uint32_t len)
{
	(void)ctx;
	(void)rec;
	(void)len;
}

static void drain(struct bench *b)
{
	probe_set_read(b->probes, ignore, NULL, 1u << 20);
}

/* From now on the hook has a program that does nothing. */
static void use_floor(struct bench *b)
{
	const char *paths[BATCH];

	drain(b);
	object_detach(b->probes->dispatcher.object);
	b->floor =
		bpf_program__attach(bpf_object__find_program_by_name(b->empty, "empty_sys_exit"));
	if (!b->floor)
		die("empty_sys_exit", strerror(errno));
	ns_of_batch(paths, same_file(paths));
}

/* The agent's program again. */
static void use_agent(struct bench *b)
{
	struct object_error e;
	const char *paths[BATCH];

	if (b->floor)
		bpf_link__destroy(TAKE_PTR(b->floor));
	if (object_attach(b->probes->dispatcher.object, "sys_exit", -1, &e))
		die("sys_exit", e.reason);
	ns_of_batch(paths, same_file(paths));
	drain(b);
}

/* fresh: under keys of which nothing is known. */
static void put(struct bench *b, void *block, bool fresh)
{
	struct filter_block *h = block;

	h->generation = ++b->generation;
	if (fresh) {
		h->keys.seed = b->generation * 0x9e3779b97f4a7c15ULL;
		h->keys.k1 = h->keys.seed | 1;
	}
	if (probe_set_tables(b->probes, block, NULL))
		die("tables", "the kernel does not take them");
}

/* A child that stands in for the agent: the programs learn by an open of the agent's own what its root is, and what
 * this process opens is measured. It opens a file when *go closes, and ends. */
static pid_t agent_begin(int *go)
{
	int ends[2];
	pid_t pid;
	char c;

	if (pipe(ends) || (pid = fork()) < 0)
		die("agent", strerror(errno));
	if (!pid) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1) || open(one_file, O_RDONLY | O_CLOEXEC) < 0);
	}
	close(ends[0]);
	*go = ends[1];
	return pid;
}

static void agent_opens(pid_t pid, int go)
{
	int status;

	close(go);
	if (waitpid(pid, &status, 0) != pid || status)
		die(one_file, "the agent's child does not open it");
}

static void bench_begin(struct bench *b, const char *empty, uint32_t rounds)
{
	struct probe_cfg cfg = { .ring_bytes = 64 << 20,
				 .filter_bytes = FILTER_MIB << 20,
				 .want = 1ULL << EV_OPEN };
	char err[256];
	pid_t agent;
	int go;

	*b = (struct bench){ .rounds = rounds };
	for (int w = 0; w < WAYS; w++) {
		b->floors[w] = get(rounds, sizeof(double));
		b->above[w] = get(rounds, sizeof(double));
	}
	agent = agent_begin(&go);
	cfg.self_tgid = (uint32_t)agent;
	b->empty = bpf_object__open_file(empty, NULL);
	if (!b->empty || bpf_object__load(b->empty))
		die(empty, strerror(errno));
	if (probe_set_open(&b->probes, &cfg, err, sizeof(err)))
		die("probes", err);
	agent_opens(agent, go);
}

static void bench_end(struct bench *b)
{
	for (int w = 0; w < WAYS; w++) {
		free(b->floors[w]);
		free(b->above[w]);
	}
	probe_set_free(b->probes);
	bpf_object__close(b->empty);
}

/* --- rounds --- */

static void keep(struct bench *b, enum way w, uint32_t round, double floor, double ns)
{
	b->floors[w][round] = floor;
	b->above[w][round] = ns - floor;
}

/* One file again and again, and all in turn, after each was opened once. */
static void known(struct bench *b, void *block, enum way one, enum way many)
{
	const char *paths[BATCH];
	double floor[2];

	put(b, block, true);
	for (uint32_t i = 0; i < FILES / BATCH; i++) {
		ns_of_batch(paths, next_files(b, paths));
		drain(b);
	}
	for (uint32_t i = 0; i < b->rounds; i++) {
		use_floor(b);
		floor[0] = ns_of_batch(paths, same_file(paths));
		floor[1] = ns_of_batch(paths, next_files(b, paths));
		use_agent(b);
		keep(b, one, i, floor[0], ns_of_batch(paths, same_file(paths)));
		drain(b);
		keep(b, many, i, floor[1], ns_of_batch(paths, next_files(b, paths)));
		drain(b);
	}
}

/* Into the kernel's own caches; then the tables are new. Waiting for them to come into force is part of
 * it, with and without the agent's program: the processor did other things meanwhile. */
static void prepare(struct bench *b, void *block, const char *const *paths, uint32_t n)
{
	ns_of_batch(paths, n);
	put(b, block, true);
}

/* The rest of a directory of which one file was opened. */
static double ns_of_names(struct bench *b, void *block)
{
	const char *paths[BATCH];
	uint32_t n = next_names(b, paths);

	prepare(b, block, paths, n);
	close(open(files[b->next_dir * PER_DIR], O_RDONLY | O_CLOEXEC));
	return ns_of_batch(paths, n);
}

static double ns_of_dirs(struct bench *b, void *block)
{
	const char *paths[BATCH];
	uint32_t n = next_dirs(b, paths);

	prepare(b, block, paths, n);
	return ns_of_batch(paths, n);
}

/* Files that the filter sees for the first time. */
static void first(struct bench *b, void *block)
{
	double floor[2];

	for (uint32_t i = 0; i < b->rounds; i++) {
		use_floor(b);
		floor[0] = ns_of_names(b, block);
		floor[1] = ns_of_dirs(b, block);
		use_agent(b);
		keep(b, FIRST_NAME, i, floor[0], ns_of_names(b, block));
		keep(b, FIRST_DIR, i, floor[1], ns_of_dirs(b, block));
		drain(b);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static void tell(struct bench *b, const struct source *s)
{
	json_t *ways = json_object(),
	       *o = json_pack("{s:s,s:i,s:f,s:i,s:i,s:i}", "source", s->name, "policies",
			      s->policies, "tables_ms", s->tables_ms, "tables_bytes",
			      (int)s->report.bytes, "states", s->report.states, "cut",
			      s->report.cut);

	for (int w = 0; w < WAYS; w++)
		json_object_set_new(ways, way_names[w],
				    json_pack("{s:f,s:f}", "floor_ns",
					      median(b->floors[w], b->rounds), "above_ns",
					      median(b->above[w], b->rounds)));
	json_object_set_new(o, "ns", ways);
	json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	printf("\n");
	fflush(stdout);
	json_decref(o);
}

int main(int argc, char **argv)
{
	struct source s;
	struct bench b;

	if (argc < 4 || atoi(argv[2]) < 1) {
		fprintf(stderr, "usage: bench_filter EMPTY.bpf.o ROUNDS POLICIES...\n");
		return 2;
	}
	bench_begin(&b, argv[1], (uint32_t)atoi(argv[2]));
	make_files();
	for (int i = 3; i < argc; i++) {
		source_begin(&s, argv[i]);
		known(&b, s.quiet, HIT_ONE, HIT_MANY);
		first(&b, s.quiet);
		known(&b, s.wanted, WANTED_ONE, WANTED_MANY);
		tell(&b, &s);
		source_end(&s);
	}
	bench_end(&b);
	return 0;
}
