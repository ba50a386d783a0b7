/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Renames that race opens: whatever the kernel filter stored meanwhile is judged again.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"

enum { MIB = 1 << 20 };

struct race {
	char a[160], b[160], other[160];
	volatile bool stop;
	uint32_t count;
	pthread_t thread;
};

static void *rename_back_and_forth(void *arg)
{
	struct race *r = arg;

	while (!r->stop) {
		if (rename(r->a, r->other) || rename(r->b, r->a) || rename(r->a, r->b) ||
		    rename(r->other, r->a))
			break;
		r->count++;
	}
	return NULL;
}

static int open_any(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

enum { RACE_FILES = 64 };

static void race_begin(struct race *r, const char *base)
{
	char path[192];

	CHECK_INT(mkdir(base, 0755), 0);
	snprintf(r->a, sizeof(r->a), "%s/aaaa", base);
	snprintf(r->b, sizeof(r->b), "%s/bbbb", base);
	snprintf(r->other, sizeof(r->other), "%s/a-name-that-is-longer-than-what-is-inline-in-it",
		 base);
	CHECK(!mkdir(r->a, 0755) && !mkdir(r->b, 0755));
	for (int i = 0; i < RACE_FILES; i++) {
		snprintf(path, sizeof(path), "%s/f%d", i % 2 ? r->a : r->b, i);
		filtered_touch(path);
	}
}

/* Begins to rename. */
static void race_start(struct race *r)
{
	r->stop = false;
	CHECK(!pthread_create(&r->thread, NULL, rename_back_and_forth, r));
}

static void race_stop(struct race *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
}

/* Opens files by all their names while the directories are renamed. How many opens succeeded. */
static uint32_t open_while_renamed(struct filtered *f, struct race *r)
{
	uint32_t opened = 0;

	race_start(r);
	for (int i = 0; i < 60000; i++) {
		char name[16];
		int fd;

		snprintf(name, sizeof(name), "f%d", i % RACE_FILES);
		fd = open_any(i % 3 == 0 ? r->a : i % 3 == 1 ? r->b : r->other, name);
		if (fd < 0)
			continue;
		opened++;
		close(fd);
		if (!(i % 4096))
			live_read(&f->l);
	}
	race_stop(r);
	return opened;
}

/* What is stored of the files' names is what the tables say. How many of them are. */
static uint32_t check_race(const struct filtered *f, const struct race *r)
{
	const char *const dirs[] = { r->a, r->b, r->other };
	uint32_t judged = 0;
	char path[192];
	uint64_t mask;

	for (int i = 0; i < RACE_FILES; i++)
		for (uint32_t k = 0; k < ARRAY_LEN(dirs); k++) {
			snprintf(path, sizeof(path), "%s/f%d", dirs[k], i);
			if (!filtered_stored(f, path, &mask))
				continue;
			judged++;
			CHECK(mask == filter_tables_mask(f->block, MIB, false, path));
		}
	return judged;
}

/* The same of what is known by the short way, whose keys no text gives: the directory gets each of its
 * names again, and each file the answer that the tables have for it. */
static void check_known(struct filtered *f, const struct race *r)
{
	const char *const names[] = { r->a, r->other, r->a };
	char path[192];

	for (uint32_t k = 0; k < ARRAY_LEN(names); k++) {
		CHECK(!k || !rename(names[k - 1], names[k]));
		filtered_forget(f);
		for (int i = 1; i < RACE_FILES; i += 2) {
			uint32_t before = filtered_seen(f, NULL, NULL);

			snprintf(path, sizeof(path), "%s/f%d", names[k], i);
			filtered_look(path);
			CHECK_INT(filtered_seen(f, NULL, NULL) - before, filtered_should(f, path));
		}
	}
}

/* A directory is renamed while files in it are opened: whatever was stored is true of its path, and
 * nothing that is wanted under all its names is missed. */
static void renames_racing_opens(void)
{
	struct filtered f;
	struct race r = { 0 };
	uint32_t opened = 0, judged = 0;
	char base[96];

	filtered_begin(&f, false);
	snprintf(base, sizeof(base), "%s/p", f.dir);
	race_begin(&r, base);
	for (int round = 0; round < 2; round++) {
		/* first one name is wanted, then all are */
		filtered_want_one(&f, FILTER_PREFIX, round ? base : r.a);
		opened = open_while_renamed(&f, &r);
		judged += check_race(&f, &r);
		if (round)
			CHECK_INT(filtered_seen(&f, NULL, NULL), opened);
		check_known(&f, &r);
	}
	printf("# %u renames, %u opens, %u stored verdicts judged again\n", r.count * 4, opened,
	       judged);
	CHECK(r.count > 100 && opened > 1000 && judged > 64);
	filtered_end(&f);
}

enum { NEW_FILES = 4000 };

/* Files that the generation has not met, in the directory by whichever name it has. How many opens
 * succeeded. */
static uint32_t open_new_while_renamed(struct filtered *f, struct race *r)
{
	const char *const dirs[] = { r->a, r->other };
	uint32_t opened = 0;

	race_start(r);
	for (uint32_t i = 0; i < NEW_FILES; i++) {
		char path[256];
		int fd = -1;

		for (uint32_t k = 0; k < 2 && fd < 0; k++) {
			snprintf(path, sizeof(path), "%s/new%u", dirs[k], i);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
		if (fd < 0)
			continue;
		opened++;
		close(fd);
		if (!(i % 512))
			live_read(&f->l);
	}
	race_stop(r);
	return opened;
}

/* What those files' masks are known as is true under each name of the directory. */
static uint32_t check_new(struct filtered *f, const struct race *r)
{
	const char *const names[] = { r->a, r->other, r->a };
	uint32_t checked = 0;
	char path[256];

	for (uint32_t k = 0; k < ARRAY_LEN(names); k++) {
		uint32_t wanted = 0;

		CHECK(!k || !rename(names[k - 1], names[k]));
		filtered_forget(f);
		for (uint32_t i = 0; i < NEW_FILES; i++, checked++) {
			snprintf(path, sizeof(path), "%s/new%u", names[k], i);
			filtered_look(path);
			wanted += filtered_should(f, path);
		}
		CHECK_INT(filtered_seen(f, NULL, NULL), wanted);
		CHECK_INT(wanted, k == 1 ? 0 : NEW_FILES);
	}
	return checked;
}

/* The same of first opens in a directory that is known: their last name is read apart from the others. */
static void renames_racing_first_opens(bool no_typed_loads)
{
	uint32_t opened, checked;
	struct race r = { 0 };
	char base[96], path[256];
	struct filtered f;

	filtered_begin(&f, no_typed_loads);
	snprintf(base, sizeof(base), "%s/p", f.dir);
	race_begin(&r, base);
	for (uint32_t i = 0; i < NEW_FILES; i++) {
		snprintf(path, sizeof(path), "%s/new%u", r.a, i);
		filtered_touch(path);
	}
	filtered_want_one(&f, FILTER_PREFIX, r.a);
	opened = open_new_while_renamed(&f, &r);
	checked = check_new(&f, &r);
	printf("# %u renames, %u opens, %u masks judged again\n", r.count * 4, opened, checked);
	CHECK(r.count > 20 && opened > NEW_FILES / 4);
	filtered_end(&f);
}

static void renames_racing_first_opens_by_words(void)
{
	renames_racing_first_opens(false);
}

static void renames_racing_first_opens_by_probe_reads(void)
{
	renames_racing_first_opens(true);
}

static const struct test tests[] = {
	TEST(renames_racing_opens),
	TEST(renames_racing_first_opens_by_words),
	TEST(renames_racing_first_opens_by_probe_reads),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
