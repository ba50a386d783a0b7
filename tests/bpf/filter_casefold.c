/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter in a directory that folds case. There a file has one name on the disk and many by
 * which it is found, and the dentry, and so the path, has the one by which it was looked up when it
 * was not in the cache. The kernel's hash of a name is of its folded form, and names of different
 * lengths can be the same. Whatever the case, what is reported, what is judged and what is stored must
 * speak of the same bytes: those that the kernel itself gives for the open file.
 *
 * The file system is ext4 in an image, $B/casefold.img or one that is made here. Few kernels can mount
 * it: tests/vm has some.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"
#include "tests/harness/random.h"

enum { MIB = 1 << 20, IMAGE_BYTES = 8 * MIB, PATH = 512 };

struct folding {
	struct filtered f;
	char mount[96], dir[128]; /* dir folds case */
};

/* ---- the directory ---- */

/* The first line that a command prints, "" where it ends well. */
static void run(const char *command, char *said, size_t size)
{
	FILE *p = popen(command, "re");
	int rc;

	CHECK(p);
	if (!fgets(said, (int)size, p))
		snprintf(said, size, "%s", "no word");
	said[strcspn(said, "\n")] = '\0';
	rc = pclose(p);
	if (!rc)
		*said = '\0';
}

static void make_image(const char *image)
{
	char command[300], said[200];
	int fd = open(image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && !ftruncate(fd, IMAGE_BYTES));
	close(fd);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin mkfs.ext4 -q -O casefold -E encoding=utf8 %s 2>&1",
		 image);
	run(command, said, sizeof(said));
	if (*said)
		test_skip("no ext4 that folds case can be made: %s", said);
}

static void mount_image(const char *at)
{
	const char *b = getenv("B");
	char given[200], made[TEST_DIR], command[600], said[200];

	snprintf(given, sizeof(given), "%s/casefold.img", b ? b : "build");
	if (access(given, R_OK)) {
		test_file(made);
		make_image(made);
		snprintf(given, sizeof(given), "%s", made);
	}
	snprintf(command, sizeof(command), "mount -t ext4 -o loop %s %s 2>&1", given, at);
	run(command, said, sizeof(said));
	if (*said)
		test_skip("no ext4 that folds case can be mounted: %s", said);
}

static void fold(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags;

	CHECK(fd >= 0 && !ioctl(fd, FS_IOC_GETFLAGS, &flags));
	flags |= FS_CASEFOLD_FL;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		test_fail(__FILE__, __LINE__, "%s does not fold case: %s", dir, strerror(errno));
	close(fd);
}

static void begin(struct folding *t, bool no_typed_loads)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		test_skip("mounts: %s", strerror(errno));
	test_dir(t->mount);
	mount_image(t->mount);
	snprintf(t->dir, sizeof(t->dir), "%s/%d", t->mount, (int)getpid());
	CHECK(!mkdir(t->dir, 0755));
	fold(t->dir);
	filtered_begin(&t->f, no_typed_loads);
}

static void end(struct folding *t)
{
	filtered_end(&t->f);
	CHECK(!umount2(t->mount, 0));
}

static const char *in(const struct folding *t, const char *name)
{
	static char path[2][PATH];
	static int which;

	which = !which;
	snprintf(path[which], PATH, "%s/%s", t->dir, name);
	return path[which];
}

/* ---- opens ---- */

/* Opens a file by a name; path: what the kernel calls it now. */
static void look(const struct folding *t, const char *name, char path[static PATH])
{
	int fd = open(in(t, name), O_RDONLY | O_CLOEXEC);
	char proc[40];
	ssize_t n;

	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", in(t, name), strerror(errno));
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, path, PATH - 1);
	CHECK(n > 0);
	path[n] = '\0';
	close(fd);
}

/* An open is told and judged by the kernel's word for the file. Twice: not known yet, and known. */
static void check(struct folding *t, const char *name, char path[static PATH])
{
	char again[PATH];
	uint32_t should;

	filtered_forget(&t->f);
	look(t, name, path);
	look(t, name, again);
	CHECK_STR(again, path);
	should = filtered_should(&t->f, path) ? 2 : 0;
	CHECK_INT(filtered_seen(&t->f, path, NULL), should);
	CHECK_INT(filtered_count(&t->f, NULL, NULL), should);
	filtered_check_stored(&t->f, path);
}

/* ---- tests ---- */

static const char *const cases[] = { "secret", "SECRET", "Secret", "sEcReT" };

static void names_of_different_case(bool no_typed_loads)
{
	static const uint8_t types[] = { FILTER_EXACT, FILTER_PREFIX, FILTER_SUFFIX,
					 FILTER_CONTAINS };
	uint32_t seen = 0, wanted = 0;
	struct folding t;
	char path[PATH];

	begin(&t, no_typed_loads);
	filtered_touch(in(&t, cases[0]));
	for (uint32_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(types) * 2; i++) {
		const char *name = cases[i % ARRAY_LEN(cases)];
		uint8_t type = types[i / ARRAY_LEN(cases) % ARRAY_LEN(types)];
		struct filter_pattern p = { .type = type, .icase = i & 1 };

		p.text = str_of(type <= FILTER_PREFIX ? in(&t, name) : name);
		filtered_want(&t.f, &p, 1);
		for (uint32_t k = 0; k < ARRAY_LEN(cases); k++) {
			filtered_drop_caches();
			check(&t, cases[k], path);
			CHECK(!p.icase || filtered_should(&t.f, path));
			seen |= (uint32_t)!strcmp(path, in(&t, cases[k])) << k;
			wanted += filtered_should(&t.f, path);
			check(&t, cases[(k + 1) % ARRAY_LEN(cases)], path);
		}
	}
	printf("# wanted %u of %zu\n", wanted,
	       ARRAY_LEN(cases) * ARRAY_LEN(cases) * ARRAY_LEN(types) * 2);
	CHECK_INT(seen, (1 << ARRAY_LEN(cases)) - 1); /* each name was once the dentry's */
	end(&t);
}

static void names_by_words(void)
{
	names_of_different_case(false);
}

static void names_by_probe_reads(void)
{
	names_of_different_case(true);
}

/* Names that are the same there and have neither the same bytes nor, most of them, the same length. */
static void names_that_fold_alike(void)
{
	static const char *const pairs[][2] = {
		{ "stra\xc3\x9f"
		  "e",
		  "STRASSE" },
		{ "caf\xc3\xa9", "CAFE\xcc\x81" }, /* composed; not */
		{ "\xe2\x84\xaa", "k" }, /* Kelvin */
		{ "\xef\xac\x81le", "FILE" }, /* a ligature */
		{ "a-name-that-does-not-fit-into-its-dentry-\xc3\x9f",
		  "A-NAME-THAT-DOES-NOT-FIT-INTO-ITS-DENTRY-SS" },
		{ "1234567\xc3\x9f", "1234567ss" }, /* of one word, or more */
		{ "123456\xc3\x9f\xc3\x9f", "123456SSss" },
	};
	struct folding t;
	char path[PATH];

	begin(&t, false);
	for (uint32_t i = 0; i < ARRAY_LEN(pairs) * 4; i++) {
		const char *const *pair = pairs[i / 4];
		struct stat a, b;

		if (!(i % 4))
			filtered_touch(in(&t, pair[0]));
		CHECK(!stat(in(&t, pair[0]), &a) && !stat(in(&t, pair[1]), &b));
		CHECK_INT(a.st_ino, b.st_ino);
		filtered_want_one(&t.f, FILTER_EXACT, in(&t, pair[i % 2]));
		filtered_drop_caches();
		check(&t, pair[i / 2 % 2], path);
		CHECK_STR(path, in(&t, pair[i / 2 % 2]));
		check(&t, pair[!(i / 2 % 2)], path);
	}
	end(&t);
}

/* In directories that fold too, over renames that change case alone and others. */
static void renames_and_links(void)
{
	static const char *const steps[][2] = {
		{ "dir/file", "dir/FILE" }, /* case alone: may do nothing */
		{ "dir", "DIR" },
		{ "DIR", "other" },
		{ "OTHER", "Dir" },
		{ "dir/FILE", "dir/x" },
		{ "DIR/x", "dir/File" },
		{ "dir", "a-name-that-is-longer-than-what-is-inline" },
		{ "A-NAME-THAT-IS-LONGER-THAN-WHAT-IS-INLINE", "dIR" },
	};
	static const char *const wants[] = { "dir/file", "DIR/FILE", "Dir/File", "other/file",
					     "dIR/File" };
	struct folding t;
	char path[PATH];

	begin(&t, false);
	CHECK(!mkdir(in(&t, "dir"), 0755));
	filtered_touch(in(&t, "dir/file"));
	for (uint32_t i = 0; i < ARRAY_LEN(steps) * ARRAY_LEN(wants); i++) {
		const char *const *step = steps[i % ARRAY_LEN(steps)];

		filtered_want_one(&t.f, FILTER_EXACT, in(&t, wants[i / ARRAY_LEN(steps)]));
		CHECK_INT(rename(in(&t, step[0]), in(&t, step[1])), 0);
		for (uint32_t k = 0; k < 6; k++) {
			const char *dir = strchr(step[1], '/') ? "dir" : step[1];
			char name[100];

			snprintf(name, sizeof(name), "%s/%s", dir,
				 i % ARRAY_LEN(steps) == 4 ? "X"
				 : k % 2                   ? "FILE"
							   : "file");
			if (k == 3)
				filtered_drop_caches();
			check(&t, name, path);
		}
	}
	end(&t);
}

/* A name that is made again by another case; a file that is open and has no name any more. */
static void deleted_and_made_again(void)
{
	struct folding t;
	char path[PATH], proc[40];
	int fd;

	begin(&t, false);
	filtered_want_one(&t.f, FILTER_EXACT, in(&t, "SECRET"));
	for (uint32_t i = 0; i < 3 * ARRAY_LEN(cases); i++) {
		const char *name = cases[i % ARRAY_LEN(cases)];

		filtered_touch(in(&t, name));
		check(&t, name, path);
		CHECK_STR(path, in(&t, name));
		check(&t, cases[(i + 1) % ARRAY_LEN(cases)], path);
		fd = open(in(&t, name), O_RDONLY | O_CLOEXEC);
		CHECK_INT(unlink(in(&t, cases[(i + 2) % ARRAY_LEN(cases)])), 0);
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		filtered_forget(&t.f);
		filtered_look(proc);
		CHECK_INT(filtered_seen(&t.f, NULL, NULL), 1); /* by no path: it is sent */
		close(fd);
	}
	end(&t);
}

/* ---- at random ---- */

enum { FILES = 30, LOOKS = 400, ROUNDS = 6, PATTERNS = 4 };

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
	return random_below(&seed, n);
}

static void some_case(char *name)
{
	for (; *name; name++)
		if ((*name | 32) >= 'a' && (*name | 32) <= 'z' && !roll(3))
			*name ^= 32;
}

static void some_pattern(const struct folding *t, char names[][PATH], struct filter_pattern *p,
			 char text[static PATH])
{
	size_t from = 0, len;

	*p = (struct filter_pattern){ .type = (uint8_t)roll(FILTER_GLOB), .icase = !roll(4) };
	snprintf(text, PATH, "%s", names[roll(FILES)]);
	some_case(text + strlen(t->dir));
	len = strlen(text);
	if (p->type == FILTER_PREFIX)
		text[len - roll(3)] = '\0';
	else if (p->type != FILTER_EXACT)
		from = len - 1 - roll(4);
	p->text = str_of(text + from);
}

/* Records of all these opens, each of which was done twice, are there as the tables want, and no others but
 * of `drops`. */
static void check_looks(struct folding *t, char paths[][PATH], uint32_t drops, uint32_t *wanted)
{
	uint32_t all = 0;

	live_read(&t->f.l);
	for (uint32_t i = 0; i < LOOKS; i++) {
		uint32_t same = 0;

		for (uint32_t k = 0; k < LOOKS; k++)
			same += !strcmp(paths[i], paths[k]);
		all += filtered_should(&t->f, paths[i]);
		CHECK_INT(filtered_count(&t->f, paths[i], NULL),
			  filtered_should(&t->f, paths[i]) ? 2 * same : 0);
	}
	*wanted += all;
	all *= 2;
	all += filtered_should(&t->f, "/proc/sys/vm/drop_caches") ? drops : 0;
	CHECK_INT(filtered_count(&t->f, NULL, NULL), all);
}

static void random_cases(void)
{
	static char names[FILES][PATH], paths[LOOKS][PATH], texts[PATTERNS][PATH];
	struct filter_pattern p[PATTERNS];
	uint32_t wanted = 0;
	struct folding t;

	seed = random_seed("TOCSIN_SEED");
	begin(&t, false);
	for (uint32_t i = 0; i < FILES; i++) {
		snprintf(names[i], PATH, "%s/%s%c%c", t.dir,
			 roll(2) ? "f" : "a-longer-name-of-a-file-", 'a' + i % 3, 'a' + i);
		filtered_touch(names[i]);
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t drops = 0;

		for (uint32_t i = 0; i < PATTERNS; i++)
			some_pattern(&t, names, &p[i], texts[i]);
		filtered_want(&t.f, p, PATTERNS);
		for (uint32_t i = 0; i < LOOKS; i++) {
			char name[PATH];

			if (!roll(20)) {
				filtered_drop_caches();
				drops++;
			}
			snprintf(name, sizeof(name), "%s", names[roll(FILES)] + strlen(t.dir) + 1);
			some_case(name);
			look(&t, name, paths[i]);
			/* now, while the dentry has this case of the name */
			filtered_check_stored(&t.f, paths[i]);
		}
		check_looks(&t, paths, drops, &wanted);
	}
	printf("# wanted %u of %u\n", wanted, ROUNDS * LOOKS);
	CHECK(wanted > ROUNDS * LOOKS / 40 && wanted < ROUNDS * LOOKS * 39 / 40);
	end(&t);
}

/* ---- a race ---- */

struct race {
	char from[4][PATH];
	volatile bool stop;
	uint32_t count;
};

/* Its name goes round: lower case, another name, upper case, a long name. */
static void *rename_round(void *arg)
{
	struct race *r = arg;

	for (; !r->stop; r->count++)
		if (rename(r->from[r->count % 4], r->from[(r->count + 1) % 4]))
			break;
	return NULL;
}

static uint32_t open_while_renamed(struct race *r, uint32_t opens)
{
	uint32_t opened = 0;
	pthread_t thread;

	r->stop = false;
	CHECK(!pthread_create(&thread, NULL, rename_round, r));
	for (uint32_t i = 0; i < opens; i++) {
		char path[PATH + 16];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", r->from[i % 4], i & 4 ? "file" : "FILE");
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		close(fd);
		opened++;
	}
	r->stop = true;
	pthread_join(thread, NULL);
	return opened;
}

/* A directory is renamed while a file in it is opened: whatever was stored is true of its path, and
 * nothing is missed that is wanted under all its names. */
static void renames_racing_opens(void)
{
	static const char *const dirs[] = { "aaaa", "bbbb", "AAAA",
					    "a-name-that-is-longer-than-what-is-inline" };
	uint32_t opened = 0, judged = 0;
	struct race r = { 0 };
	struct folding t;
	uint64_t mask;

	begin(&t, false);
	for (uint32_t i = 0; i < 4; i++)
		snprintf(r.from[i], PATH, "%s", in(&t, dirs[i]));
	CHECK(!mkdir(r.from[0], 0755));
	filtered_touch(in(&t, "aaaa/file"));
	for (uint32_t round = 0; round < 4; round++) {
		filtered_want_one(&t.f, FILTER_PREFIX, round % 2 ? t.dir : in(&t, "aa"));
		opened = open_while_renamed(&r, 20000);
		for (uint32_t i = 0; i < 8; i++) {
			char path[PATH + 16];

			snprintf(path, sizeof(path), "%s/%s", r.from[i % 4],
				 i & 4 ? "file" : "FILE");
			if (!filtered_stored(&t.f, path, &mask))
				continue;
			judged++;
			CHECK(mask == filter_tables_mask(t.f.block, MIB, false, path));
		}
		if (round % 2)
			CHECK_INT(filtered_seen(&t.f, NULL, NULL), opened);
	}
	printf("# %u renames, %u opens in the last round, %u stored verdicts judged again\n",
	       r.count, opened, judged);
	CHECK(r.count > 100 && opened > 100 && judged > 4);
	end(&t);
}

static const struct test tests[] = {
	TEST(names_by_words),       TEST(names_by_probe_reads),   TEST(names_that_fold_alike),
	TEST(renames_and_links),    TEST(deleted_and_made_again), TEST(random_cases),
	TEST(renames_racing_opens),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
