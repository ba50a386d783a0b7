/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The ways that a verdict of the kernel filter about a path could be wrong: mounts, links, reused
 * names and dentries, chroot, overlayfs, dropped caches, long names and deep paths. Renames that race opens
 * are in filter_renames.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"

/* ---- the ways to be wrong ---- */

static void private_mounts(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		test_skip("mounts: %s", strerror(errno));
}

/* One file by many ways: each path gets its own answer, whatever was stored before. */
static void names_of_one_file(void)
{
	struct filtered f;
	char a[96], b[96], file[128], other[128], link_[128];

	private_mounts();
	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	CHECK(!mkdir(a, 0755) && !mkdir(b, 0755));
	snprintf(file, sizeof(file), "%s/file", a);
	snprintf(other, sizeof(other), "%s/file", b);
	snprintf(link_, sizeof(link_), "%s/hard", a);
	filtered_touch(file);
	CHECK_INT(link(file, link_), 0);
	filtered_want_one(&f, FILTER_EXACT, file);
	filtered_check(&f, file);
	filtered_check(&f, link_);
	CHECK_INT(mount(a, b, NULL, MS_BIND, NULL), 0);
	filtered_check(&f, other);
	filtered_check(&f, file);
	filtered_want_one(&f, FILTER_EXACT, other);
	filtered_check(&f, other);
	filtered_check(&f, file);
	CHECK_INT(umount2(b, MNT_DETACH), 0);
	CHECK_INT(rmdir(b), 0);
	CHECK_INT(rename(a, b), 0);
	filtered_check(&f, other);
	filtered_end(&f);
}

static void moved_mounts(void)
{
	struct filtered f;
	char a[96], b[96], file[128], other[128];

	private_mounts();
	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	CHECK(!mkdir(a, 0755) && !mkdir(b, 0755));
	CHECK_INT(mount("none", a, "tmpfs", 0, NULL), 0);
	snprintf(file, sizeof(file), "%s/file", a);
	snprintf(other, sizeof(other), "%s/file", b);
	filtered_touch(file);
	filtered_want_one(&f, FILTER_EXACT, other);
	filtered_check(&f, file);
	CHECK_INT(mount(a, b, NULL, MS_MOVE, NULL), 0);
	filtered_check(&f, other);
	CHECK_INT(mount(b, a, NULL, MS_MOVE, NULL), 0);
	filtered_check(&f, file);
	/* the directory that the mount is on gets another name */
	CHECK_INT(rmdir(b), 0);
	CHECK_INT(umount(a), 0);
	CHECK_INT(rename(a, b), 0);
	filtered_touch(other);
	filtered_check(&f, other);
	filtered_end(&f);
}

static void reused_names_and_dentries(void)
{
	struct filtered f;
	char a[96], b[96];

	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	filtered_want_one(&f, FILTER_EXACT, b);
	for (int i = 0; i < 20; i++) {
		filtered_touch(a);
		filtered_check(&f, a);
		CHECK_INT(rename(a, b), 0);
		filtered_check(&f, b);
		CHECK_INT(unlink(b), 0);
	}
	filtered_end(&f);
}

static void caches_dropped(void)
{
	struct filtered f;
	char a[96];

	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	filtered_touch(a);
	for (int i = 0; i < 4; i++) {
		filtered_want_one(&f, FILTER_SUFFIX, i % 2 ? "/a" : "/b");
		filtered_check(&f, a);
		filtered_drop_caches();
		filtered_check(&f, a);
	}
	filtered_end(&f);
}

/* What has no place in the tree, or none any more, is sent. */
static void files_without_a_path(void)
{
	struct filtered f;
	char a[96], proc[64];
	int fd, tree, again;

	private_mounts();
	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	filtered_touch(a);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	filtered_check(&f, a);
	fd = open(a, O_RDONLY | O_CLOEXEC);
	CHECK_INT(unlink(a), 0);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	filtered_forget(&f);
	filtered_look(proc);
	CHECK_INT(filtered_seen(&f, a, NULL), 1);
	close(fd);
	fd = (int)syscall(SYS_memfd_create, "x", 1u);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	filtered_forget(&f);
	filtered_look(proc);
	CHECK_INT(filtered_seen(&f, NULL, NULL), 1);
	close(fd);
	filtered_touch(a);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, f.dir, 1u | O_CLOEXEC); /* OPEN_TREE_CLONE */
	CHECK(tree >= 0);
	filtered_forget(&f);
	again = openat(tree, "a", O_RDONLY | O_CLOEXEC);
	CHECK(again >= 0);
	CHECK_INT(filtered_seen(&f, NULL, NULL), 1);
	close(again);
	close(tree);
	filtered_end(&f);
}

/* Under chroot, the path is the one from the root of the mount namespace. */
static void inside_a_chroot(void)
{
	struct filtered f;
	char a[96];
	int status = 0;
	pid_t child;

	filtered_begin(&f, false);
	snprintf(a, sizeof(a), "%s/passwd", f.dir);
	filtered_touch(a);
	for (int i = 0; i < 2; i++) {
		filtered_want_one(&f, FILTER_EXACT, i ? a : "/passwd");
		child = fork();
		if (!child) {
			if (chroot(f.dir) || chdir("/"))
				_exit(1);
			for (int k = 0; k < 3; k++)
				close(open("/passwd", O_RDONLY | O_CLOEXEC));
			_exit(0);
		}
		waitpid(child, &status, 0);
		CHECK_INT(status, 0);
		live_read(&f.l);
		status = 0;
		for (const struct ev_hdr *h = NULL;
		     (h = live_find(&f.l, h, EV_OPEN, (uint32_t)child));)
			status++;
		CHECK_INT(status, i ? 3 : 0);
	}
	filtered_end(&f);
}

static void on_overlayfs(void)
{
	struct filtered f;
	char command[512], lower[128], upper[128];

	private_mounts();
	filtered_begin(&f, false);
	CHECK_INT(mount("none", f.dir, "tmpfs", 0, NULL), 0);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir l u w m && echo 1 >l/low && mount -t overlay overlay "
		 "-o lowerdir=l,upperdir=u,workdir=w m 2>/dev/null",
		 f.dir);
	if (system(command))
		test_skip("overlayfs cannot be mounted");
	snprintf(lower, sizeof(lower), "%s/m/low", f.dir);
	snprintf(upper, sizeof(upper), "%s/m/up", f.dir);
	filtered_want_one(&f, FILTER_SUFFIX, "/m/low");
	filtered_touch(upper);
	filtered_check(&f, lower);
	filtered_check(&f, upper);
	filtered_want_one(&f, FILTER_SUFFIX, "/m/up");
	filtered_check(&f, lower);
	filtered_check(&f, upper);
	filtered_touch(lower); /* copied up */
	filtered_check(&f, lower);
	snprintf(command, sizeof(command), "umount %s/m && umount %s", f.dir, f.dir);
	CHECK_INT(system(command), 0);
	filtered_end(&f);
}

/* A file that is mounted elsewhere and unlinked has no path; the dentry that it is mounted on has one. */
static void unlinked_and_mounted(bool no_typed_loads)
{
	struct filtered f;
	char a[128], b[128];

	private_mounts();
	filtered_begin(&f, no_typed_loads);
	snprintf(a, sizeof(a), "%s/a", f.dir);
	snprintf(b, sizeof(b), "%s/b", f.dir);
	filtered_touch(a);
	filtered_touch(b);
	CHECK(!mount(a, b, NULL, MS_BIND, NULL));
	for (int known = 0; known < 2; known++) {
		filtered_want_one(&f, FILTER_EXACT, "/nowhere");
		for (int i = 0; known && i < 2; i++)
			filtered_look(b);
		CHECK_INT(filtered_seen(&f, NULL, NULL), 0);
		if (known)
			CHECK(!unlink(a));
		filtered_look(b);
		CHECK_INT(filtered_seen(&f, NULL, NULL), known);
	}
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	filtered_touch(a); /* the directory is known, the file is not */
	filtered_look(b);
	CHECK_INT(filtered_seen(&f, NULL, NULL), 1);
	umount2(b, MNT_DETACH);
	filtered_end(&f);
}

static void unlinked_and_mounted_by_words(void)
{
	unlinked_and_mounted(false);
}

static void unlinked_and_mounted_by_probe_reads(void)
{
	unlinked_and_mounted(true);
}

/* A name in a known directory that makes a path too long for a record: what is cut is sent. */
static void paths_at_the_limit(void)
{
	char name[256], dir[4200], *end;
	struct filtered f;
	int fd, file;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	fd = open(f.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	end = dir + sprintf(dir, "%s", f.dir);
	memset(name, 'd', sizeof(name));
	while (end - dir < 4076) {
		size_t n = (size_t)MIN(4076 - (end - dir) - 1, 200);
		int next;

		if (4076 - (end - dir) - 1 - n == 1)
			n--; /* room for a last component */
		CHECK(n);
		name[n] = '\0';
		CHECK(!mkdirat(fd, name, 0755));
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		close(fd);
		fd = next;
		name[n] = 'd';
		end += sprintf(end, "/%.*s", (int)n, name);
	}
	filtered_forget(&f);
	for (int i = 0; i < 3; i++) {
		file = openat(fd, "a", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
		CHECK(file >= 0);
		close(file);
	}
	CHECK_INT(filtered_seen(&f, NULL, NULL), 0);
	for (uint32_t i = 0; i < 3; i++) {
		file = openat(fd, "a-name-of-thirty-one-bytes-in-it", O_CREAT | O_RDWR | O_CLOEXEC,
			      0644);
		CHECK(file >= 0);
		close(file);
		CHECK_INT(filtered_seen(&f, NULL, NULL), i + 1);
	}
	CHECK(!unlinkat(fd, "a-name-of-thirty-one-bytes-in-it", 0)); /* by no whole path */
	close(fd);
	filtered_end(&f);
}

/* Names of every length, so that every rest of a word is met. */
static void every_length(bool no_typed_loads)
{
	struct filtered f;
	char path[512], name[256];

	filtered_begin(&f, no_typed_loads);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t expected = 0;

		filtered_want_one(&f, FILTER_CONTAINS, i ? "aaaaaaaaaab" : "aaaaaaaaaaaaaaab");
		for (uint32_t len = 1; len < 256; len += len < 70 ? 1 : 37) {
			memset(name, 'a', len);
			name[len - 1] = 'b';
			name[len] = 0;
			snprintf(path, sizeof(path), "%s/%s", f.dir, name);
			filtered_touch(path);
			filtered_look(path);
			filtered_look(path);
			expected += filtered_should(&f, path) ? 4 : 0;
			filtered_check_stored(&f, path);
		}
		CHECK_INT(filtered_seen(&f, NULL, NULL), expected);
	}
	filtered_end(&f);
}

static void names_of_every_length(void)
{
	every_length(false);
}

static void by_probe_reads_too(void)
{
	every_length(true);
}

/* What a long name has after its first word is not the name of another directory. */
static void names_that_go_on(void)
{
	static const char *const paths[] = { "second8b/first8by/f", "first8bysecond8b/f",
					     "first8by/second8b/f", "second8bfirst8by/f" };
	char path[512], *slash;
	struct filtered f;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_CONTAINS, "8bysec");
	for (uint32_t i = 0; i < ARRAY_LEN(paths); i++) {
		snprintf(path, sizeof(path), "%s/%s", f.dir, paths[i]);
		for (slash = path + strlen(f.dir) + 1; (slash = strchr(slash, '/')); slash++) {
			*slash = 0;
			mkdir(path, 0755);
			*slash = '/';
		}
		filtered_touch(path);
		filtered_look(path);
		filtered_check_stored(&f, path);
		CHECK_INT(filtered_should(&f, path), i == 1);
		CHECK_INT(filtered_seen(&f, path, NULL), i == 1 ? 3 : 0);
	}
	filtered_end(&f);
}

/* Paths deeper than what is judged are sent; those above are judged. */
static void deep_paths(void)
{
	struct filtered f;
	char path[1024], *p;
	uint32_t depth = 1; /* of the first directory in that of the test */
	uint64_t mask;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	p = path + sprintf(path, "%s", f.dir);
	for (const char *c = f.dir; *c; c++)
		depth += *c == '/';
	for (; depth <= FILTER_COMPONENTS + 20; depth++) {
		p += sprintf(p, "/d");
		CHECK_INT(mkdir(path, 0755), 0);
		if (depth % 10 && depth != FILTER_COMPONENTS && depth != FILTER_COMPONENTS + 1)
			continue;
		filtered_forget(&f);
		filtered_look(path);
		filtered_look(path);
		CHECK_INT(filtered_seen(&f, path, NULL), depth <= FILTER_COMPONENTS ? 0 : 2);
		CHECK(depth <= FILTER_COMPONENTS || !filtered_stored(&f, path, &mask));
	}
	filtered_end(&f);
}

static const struct test tests[] = {
	TEST(names_of_one_file),
	TEST(moved_mounts),
	TEST(unlinked_and_mounted_by_words),
	TEST(unlinked_and_mounted_by_probe_reads),
	TEST(paths_at_the_limit),
	TEST(reused_names_and_dentries),
	TEST(caches_dropped),
	TEST(files_without_a_path),
	TEST(inside_a_chroot),
	TEST(on_overlayfs),
	TEST(names_of_every_length),
	TEST(by_probe_reads_too),
	TEST(names_that_go_on),
	TEST(deep_paths),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
