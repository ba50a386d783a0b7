/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Names of one directory that have the same hash in the kernel: the filter must tell them apart. Of
 * 300,000 names ten pairs or so are expected to have one, which depends on where in memory the
 * directory is, so they are looked for; some directories have none.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/bpf/programs/hashes.h"
#include "tests/harness/filtered.h"

extern const uint8_t _binary_hashes_bpf_o_start[], _binary_hashes_bpf_o_end[];

enum { NAMES = 300000, BATCH = 500, FDS = BATCH + 100, DIRECTORIES = 8 };

struct name {
	uint32_t number, hash;
};

struct names {
	char top[80], dir[96], file[120];
	struct bpf_object *object;
	struct bpf_link *link;
	uint32_t of_fd[FDS]; /* its name's number, or NAMES */
	struct name *all;
	uint32_t count;
};

static void path_of(const struct names *n, uint32_t number, char path[static 128])
{
	snprintf(path, 128, "%s/%06x", n->dir, number);
}

static void names_begin(struct names *n, const char *dir)
{
	union bpf_iter_link_info who = { .task.pid = (__u32)getpid() };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &who, .link_info_len = sizeof(who));

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		test_skip("mounts: %s", strerror(errno));
	snprintf(n->top, sizeof(n->top), "%s/m", dir);
	CHECK(!mkdir(n->top, 0755) && !mount("none", n->top, "tmpfs", 0, NULL));
	n->all = calloc(NAMES, sizeof(*n->all));
	n->object = bpf_object__open_mem(
		_binary_hashes_bpf_o_start,
		(size_t)(_binary_hashes_bpf_o_end - _binary_hashes_bpf_o_start), NULL);
	CHECK(n->all && n->object && !bpf_object__load(n->object));
	n->link = bpf_program__attach_iter(bpf_object__find_program_by_name(n->object, "hashes"),
					   &opts);
	CHECK(n->link);
}

static void names_end(struct names *n)
{
	CHECK(!umount2(n->top, MNT_DETACH));
	bpf_link__destroy(n->link);
	bpf_object__close(n->object);
	free(n->all);
}

static void read_hashes(struct names *n)
{
	int fd = bpf_iter_create(bpf_link__fd(n->link));
	struct hash_of_fd h[512];
	ssize_t got;

	CHECK(fd >= 0);
	while ((got = read(fd, h, sizeof(h))) > 0)
		for (size_t i = 0; i < (size_t)got / sizeof(*h); i++)
			if (h[i].fd < FDS && n->of_fd[h[i].fd] < NAMES)
				n->all[n->count++] = (struct name){ n->of_fd[h[i].fd], h[i].hash };
	CHECK_INT(got, 0);
	close(fd);
}

/* Names for one file, a batch at a time: what a name's hash is depends on it and the directory alone. */
static void hash_batch(struct names *n, uint32_t first)
{
	char path[128];

	for (uint32_t i = 0; i < FDS; i++)
		n->of_fd[i] = NAMES;
	for (uint32_t i = first; i < first + BATCH; i++) {
		int fd;

		path_of(n, i, path);
		CHECK(!link(n->file, path));
		fd = open(path, O_PATH | O_CLOEXEC);
		CHECK(fd >= 0 && fd < FDS);
		n->of_fd[fd] = i;
	}
	read_hashes(n);
	for (int fd = 0; fd < FDS; fd++)
		if (n->of_fd[fd] < NAMES) {
			path_of(n, n->of_fd[fd], path);
			CHECK(!unlink(path));
			close(fd);
		}
}

static int by_hash(const void *x, const void *y)
{
	const struct name *a = x, *b = y;

	return (a->hash > b->hash) - (a->hash < b->hash);
}

/* Whichever of the two is wanted or looked at first. */
static void check_pair(struct filtered *f, const struct names *n, uint32_t x, uint32_t y)
{
	char a[128], b[128];

	path_of(n, x, a);
	path_of(n, y, b);
	filtered_touch(a);
	filtered_touch(b);
	for (int i = 0; i < 4; i++) {
		filtered_want_one(f, FILTER_EXACT, i % 2 ? a : b);
		filtered_check(f, i / 2 ? a : b);
		filtered_check(f, i / 2 ? b : a);
		filtered_check_stored(f, a);
		filtered_check_stored(f, b);
	}
}

/* The names of one directory. How many pairs there were. */
static uint32_t try_directory(struct names *n, uint32_t number)
{
	struct filtered f;
	uint32_t pairs = 0;

	snprintf(n->dir, sizeof(n->dir), "%s/%u", n->top, number);
	snprintf(n->file, sizeof(n->file), "%s/file", n->dir);
	CHECK(!mkdir(n->dir, 0755));
	filtered_touch(n->file);
	n->count = 0;
	for (uint32_t first = 0; first < NAMES; first += BATCH)
		hash_batch(n, first);
	CHECK_INT(n->count, NAMES);
	qsort(n->all, n->count, sizeof(*n->all), by_hash);
	filtered_begin(&f, false);
	for (uint32_t i = 1; i < n->count; i++)
		if (n->all[i].hash == n->all[i - 1].hash) {
			check_pair(&f, n, n->all[i - 1].number, n->all[i].number);
			pairs++;
		}
	filtered_end(&f);
	printf("# %u names, %u pairs of one hash\n", n->count, pairs);
	return pairs;
}

static void names_of_one_hash(void)
{
	static struct names n;
	uint32_t pairs = 0;
	char dir[TEST_DIR];

	test_dir(dir);
	names_begin(&n, dir);
	for (uint32_t i = 0; i < DIRECTORIES && !pairs; i++)
		pairs = try_directory(&n, i);
	CHECK(pairs);
	names_end(&n);
}

static const struct test tests[] = { TEST(names_of_one_hash) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
