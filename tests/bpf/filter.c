/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter on the live kernel: real opens, against what the tables answer in user space for
 * the same path; modes and generations; and the store of verdicts.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"
#include "tests/harness/random.h"

enum { MIB = 1 << 20 };

/* ---- patterns ---- */

static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint32_t roll(uint32_t n)
{
	return random_below(&seed, n);
}

enum { FILES = 150, PATTERNS = 8 };

static void random_path(const struct filtered *f, char *to)
{
	uint32_t depth = 1 + roll(5);
	char *p = to + sprintf(to, "%s", f->dir);

	for (uint32_t i = 0; i < depth; i++) {
		uint32_t len = roll(8) ? 1 + roll(3) : 1 + roll(40);

		if (i)
			mkdir(to, 0755);
		*p++ = '/';
		for (uint32_t k = 0; k < len; k++)
			*p++ = i + 1 < depth ? "ab"[roll(2)] : "ab.c"[roll(4)];
		if (i + 1 == depth)
			*p++ = 'f'; /* no directory is called so */
		*p = 0;
	}
}

static void random_pattern(struct filter_pattern *p, char *text, const char *like)
{
	uint32_t len = (uint32_t)strlen(like), from, n;

	*p = (struct filter_pattern){ .type = (uint8_t)roll(5),
				      .icase = !roll(9),
				      .name = !roll(3) };
	from = p->name ? (uint32_t)(strrchr(like, '/') + 1 - like) : 0;
	if (p->type == FILTER_SUFFIX || p->type == FILTER_CONTAINS)
		from = len - roll(MIN(len - from, 8u)) - 1;
	n = p->type == FILTER_PREFIX ? MIN(len - from, len - roll(12)) : len - from;
	memcpy(text, like + from, n);
	text[n] = 0;
	if (p->type == FILTER_GLOB)
		text[roll(n)] = '*';
	p->text = str_of(text);
}

static void random_patterns_and_paths(bool no_typed_loads)
{
	static char paths[FILES][512], texts[PATTERNS][512];
	struct filter_pattern p[PATTERNS];
	uint32_t wanted = 0;
	struct filtered f;

	filtered_begin(&f, no_typed_loads);
	for (uint32_t i = 0; i < FILES; i++) {
		random_path(&f, paths[i]);
		filtered_touch(paths[i]);
	}
	for (uint32_t round = 0; round < 12; round++) {
		for (uint32_t i = 0; i < PATTERNS; i++)
			random_pattern(&p[i], texts[i], paths[roll(FILES)]);
		filtered_want(&f, p, 1 + roll(PATTERNS));
		for (uint32_t i = 0; i < FILES; i++) {
			filtered_look(paths[i]);
			filtered_look(paths[i]);
		}
		live_read(&f.l);
		for (uint32_t i = 0; i < FILES; i++) {
			uint32_t same = 0;

			for (uint32_t k = 0; k < FILES; k++)
				same += !strcmp(paths[i], paths[k]);
			CHECK_INT(filtered_count(&f, paths[i], NULL),
				  filtered_should(&f, paths[i]) ? 2 * same : 0);
			filtered_check_stored(&f, paths[i]);
			wanted += filtered_should(&f, paths[i]);
		}
	}
	printf("# wanted %u of %u\n", wanted, 12 * FILES);
	CHECK(wanted > 100 && wanted < 12 * FILES - 100);
	filtered_end(&f);
}

static void patterns_by_words(void)
{
	random_patterns_and_paths(false);
}

static void patterns_by_probe_reads(void)
{
	random_patterns_and_paths(true);
}

static void conditions_on_the_rest(void)
{
	struct filter_range me = { geteuid(), geteuid() }, other = { 4000000, 4000001 };
	struct filter_clause c[4] = {
		{ .access_any = 1 << O_WRONLY, .uids = &me, .nuids = 1 },
		{ .types_any = 1 << EV_FILETYPE_DIR, .real_uids = &me, .nreal_uids = 1 },
		{ .mode_any = 04000 },
		{ .flags_any = O_APPEND, .uids = &other, .nuids = 1 },
	};
	struct filtered f;
	char path[128];
	int fd;

	filtered_begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	filtered_touch(path);
	filtered_install(&f, EV_OPEN, c, 4, FILTER_MODE_ON);
	for (int i = 0; i < 3; i++) {
		filtered_forget(&f);
		filtered_look(path);
		CHECK_INT(filtered_seen(&f, path, NULL), 0);
		filtered_touch(path);
		CHECK_INT(filtered_seen(&f, path, NULL), 1);
		filtered_look(f.dir);
		CHECK_INT(filtered_seen(&f, f.dir, NULL), 1);
		fd = open(path, O_RDONLY | O_APPEND | O_CLOEXEC);
		close(fd);
		CHECK_INT(filtered_seen(&f, path, NULL), 1);
		CHECK_INT(chmod(path, 04755), 0);
		filtered_look(path);
		CHECK_INT(filtered_seen(&f, path, NULL), 2);
		CHECK_INT(chmod(path, 0644), 0);
	}
	filtered_end(&f);
}

/* ---- modes ---- */

static void modes_and_generations(void)
{
	struct filtered f;
	struct filter_clause c = { 0 };
	struct filter_pattern p = { STR("/nowhere"), FILTER_EXACT, 0, 0 };
	uint32_t flags = 0;
	uint64_t before;
	char path[128];

	filtered_begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	filtered_touch(path);
	filtered_install(&f, EV_OPEN, &c, 0, FILTER_MODE_ON);
	before = filtered_out(&f, EV_OPEN);
	filtered_look(path);
	CHECK_INT(filtered_seen(&f, NULL, NULL), 0);
	CHECK(filtered_out(&f, EV_OPEN) > before);
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_ON);
	filtered_look(path);
	CHECK_INT(filtered_seen(&f, path, &flags), 1);
	CHECK(!(flags & 1u << EV_HDR_WOULD_DROP));
	c = (struct filter_clause){ .paths = &p, .npaths = 1 };
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_VERIFY);
	filtered_look(path);
	filtered_look(path);
	CHECK_INT(filtered_seen(&f, path, &flags), 2);
	CHECK(flags & 1u << EV_HDR_WOULD_DROP);
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_OFF);
	flags = 0;
	filtered_look(path);
	CHECK_INT(filtered_seen(&f, path, &flags), 1);
	CHECK(!(flags & 1u << EV_HDR_WOULD_DROP));
	f.generation = 77;
	CHECK_INT(probe_set_generation(f.l.set, 77), 0);
	filtered_forget(&f);
	filtered_look(path);
	CHECK_INT(filtered_seen(&f, path, NULL), 1);
	filtered_end(&f);
}

/* A verdict of one generation is none of the next. */
static void new_generation_judges_anew(void)
{
	struct filtered f;
	char path[128];

	filtered_begin(&f, false);
	snprintf(path, sizeof(path), "%s/x", f.dir);
	filtered_touch(path);
	for (int i = 0; i < 20; i++) {
		filtered_want_one(&f, FILTER_PREFIX, i % 2 ? f.dir : "/nowhere");
		filtered_check(&f, path);
	}
	filtered_end(&f);
}

/* ---- the store of verdicts ---- */

static void full_of_others(void)
{
	struct filtered f;
	struct filter_verdict_set set;
	char path[128];

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_SUFFIX, "7");
	for (uint32_t i = 0; i < FILTER_VERDICT_SETS; i++) {
		for (int k = 0; k < FILTER_WAYS; k++)
			set.way[k] = (struct filter_verdict){ (uint64_t)roll(~0u) << 32 | roll(~0u),
							      roll(2) ? FILTER_WANTED : 0 };
		CHECK_INT(bpf_map_update_elem(f.l.set->maps.fd[MAP_VERDICTS], &i, &set, 0), 0);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "%s/%d", f.dir, i);
		filtered_touch(path);
		filtered_look(path);
		filtered_look(path);
		filtered_check_stored(&f, path);
	}
	CHECK_INT(filtered_seen(&f, NULL, NULL), 30 * 4);
	filtered_end(&f);
}

enum { RIVALS = 12, RIVAL_OPENS = 20000 };

struct rival {
	char (*paths)[128];
	pthread_barrier_t *start;
	uint32_t first;
};

static void *open_in_turn(void *arg)
{
	struct rival *r = arg;

	pthread_barrier_wait(r->start);
	for (uint32_t i = 0; i < RIVAL_OPENS; i++)
		filtered_look(r->paths[(r->first + i) % RIVALS]);
	return NULL;
}

/* More paths than ways in one set of the store, from two threads. */
static void fought_over(void)
{
	static char paths[RIVALS][128];
	struct filtered f;
	struct rival r[2];
	pthread_barrier_t start;
	pthread_t t[2];
	uint32_t n = 0, index = 0, wanted = 0;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_SUFFIX, "w");
	for (uint32_t i = 0; n < RIVALS; i++) {
		uint64_t s;

		snprintf(paths[n], sizeof(paths[n]), "%s/%u%c", f.dir, i, n % 3 ? 'x' : 'w');
		s = filter_tables_signature(f.block, paths[n]);
		if (n && ((s >> 40) & (FILTER_VERDICT_SETS - 1)) != index)
			continue;
		index = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
		n++;
	}
	for (uint32_t i = 0; i < RIVALS; i++)
		filtered_touch(paths[i]);
	filtered_forget(&f);
	pthread_barrier_init(&start, NULL, 2);
	for (uint32_t i = 0; i < 2; i++) {
		r[i] = (struct rival){ paths, &start, i * 5 };
		CHECK(!pthread_create(&t[i], NULL, open_in_turn, &r[i]));
	}
	for (uint32_t i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (uint32_t i = 0; i < 2 * RIVAL_OPENS; i++) /* the threads' turns */
		wanted += !((i % RIVAL_OPENS + (i / RIVAL_OPENS) * 5) % RIVALS % 3);
	CHECK_INT(filtered_seen(&f, NULL, NULL), wanted);
	for (uint32_t i = 0; i < RIVALS; i++) {
		uint64_t mask;

		if (filtered_stored(&f, paths[i], &mask))
			CHECK(mask == filter_tables_mask(f.block, MIB, false, paths[i]));
	}
	filtered_end(&f);
}

/* A pair of words that two writers left of one another belongs to no path. */
static void torn_pairs_are_nobodys(void)
{
	struct filtered f;
	struct filter_verdict_set set = { 0 };
	char path[128];
	uint64_t s;
	uint32_t at;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_SUFFIX, "w");
	snprintf(path, sizeof(path), "%s/w", f.dir);
	filtered_touch(path);
	s = filter_tables_signature(f.block, path);
	at = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
	for (int i = 0; i < FILTER_WAYS; i++) /* its own first word, another's second one */
		set.way[i] = (struct filter_verdict){ s ^ FILTER_WANTED, 0 };
	CHECK_INT(bpf_map_update_elem(f.l.set->maps.fd[MAP_VERDICTS], &at, &set, 0), 0);
	filtered_check(&f, path);
	filtered_end(&f);
}

/* What a task is changes between opens of files with the same mask: what the kernel kept of the joins
 * for what it was before is not for what it is now. */
static void answers_follow_the_task(void)
{
	static const char *const names[] = { "tocsin-a", "tocsin-b" };
	enum { USERS = 3, OPENS = 200 };
	struct filter_pattern p = { .type = FILTER_PREFIX }, comm = { .type = FILTER_EXACT };
	struct filter_range user, real;
	struct filter_clause c = {
		.paths = &p,
		.npaths = 1,
		.uids = &user,
		.nuids = 1,
		.real_uids = &real,
		.nreal_uids = 1,
		.threads = &comm,
		.nthreads = 1,
	};
	bool should[OPENS];
	struct filtered f;
	char path[128];
	uint32_t yes = 0;

	filtered_begin(&f, false);
	CHECK(!chmod(f.dir, 0755));
	p.text = str_of(f.dir);
	for (uint32_t i = 0; i < OPENS; i++) {
		snprintf(path, sizeof(path), "%s/%u", f.dir, i);
		filtered_touch(path);
	}
	for (uint32_t round = 0; round < 6; round++) {
		user.lo = user.hi = roll(USERS);
		real.lo = real.hi = roll(USERS);
		comm.text = str_of(names[roll(2)]);
		filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_ON);
		for (uint32_t i = 0; i < OPENS; i++) {
			const char *name = names[roll(2)];
			uid_t r = roll(USERS), e = roll(USERS);

			CHECK(!prctl(PR_SET_NAME, name) && !setresuid(r, e, 0));
			snprintf(path, sizeof(path), "%s/%u", f.dir, i);
			filtered_look(path);
			CHECK(!setresuid(0, 0, 0));
			should[i] = e == user.lo && r == real.lo && !strcmp(name, comm.text.p);
			yes += should[i];
		}
		live_read(&f.l);
		for (uint32_t i = 0; i < OPENS; i++) {
			snprintf(path, sizeof(path), "%s/%u", f.dir, i);
			CHECK_INT(filtered_count(&f, path, NULL), should[i]);
		}
	}
	CHECK(yes > 20 && yes < 200);
	filtered_end(&f);
}

/* Each drop is counted, whichever way it was decided. */
static void drops_are_counted(void)
{
	struct filtered f;
	uint64_t before;
	char path[128];

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	before = filtered_out(&f, EV_OPEN);
	for (uint32_t i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "%s/%u", f.dir, i % 10);
		filtered_touch(path);
	}
	CHECK(filtered_out(&f, EV_OPEN) - before >= 100); /* others open files too */
	CHECK(filtered_out(&f, EV_OPEN) - before < 100000);
	filtered_end(&f);
}

static const struct test tests[] = {
	TEST(patterns_by_words),       TEST(patterns_by_probe_reads),
	TEST(conditions_on_the_rest),  TEST(modes_and_generations),
	TEST(answers_follow_the_task), TEST(new_generation_judges_anew),
	TEST(full_of_others),          TEST(fought_over),
	TEST(torn_pairs_are_nobodys),  TEST(drops_are_counted),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
