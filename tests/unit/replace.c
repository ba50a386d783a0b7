/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/replace.h: files that come whole or not at all.
 */
#include "pipeline/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/test.h"

static const char *read_fd(int fd)
{
	static char text[64];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	CHECK(n >= 0);
	text[n] = '\0';
	return text;
}

static const char *content(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	return read_fd(fd);
}

static bool is_there(const char *path, const char *more)
{
	char text[TEST_DIR + 8];

	snprintf(text, sizeof(text), "%s%s", path, more);
	return !access(text, F_OK);
}

static void new_and_old(void)
{
	char path[TEST_DIR];
	struct stat st;
	int old;

	test_file(path);
	umask(022);
	CHECK_INT(replace_file(path, STR("first, and longer")), 0);
	CHECK_STR(content(path), "first, and longer");
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0644);
	CHECK_INT(chmod(path, 0600), 0);
	old = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(replace_file(path, STR("second")), 0);
	CHECK_STR(content(path), "second");
	CHECK_STR(read_fd(old), "first, and longer"); /* whoever reads has one of them whole */
	close(old);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(replace_file(path, STR("")), 0);
	CHECK_STR(content(path), "");
	CHECK(!is_there(path, ".new"));
}

static void links_stay(void)
{
	char path[TEST_DIR], link_[TEST_DIR], other[TEST_DIR + 8];
	struct stat st;

	test_file(path);
	test_file(link_);
	CHECK_INT(replace_file(path, STR("first")), 0);
	CHECK_INT(symlink(path, link_), 0);
	snprintf(other, sizeof(other), "%s.new", path);
	CHECK_INT(symlink("/nonexistent/x", other), 0); /* is in the way, and not followed */
	CHECK_INT(replace_file(link_, STR("second")), 0);
	CHECK_INT(lstat(link_, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_STR(content(path), "second");
	CHECK(!is_there(path, ".new"));
}

static void what_is_no_file(void)
{
	char path[TEST_DIR];
	struct stat st;
	int fd;

	test_file(path);
	CHECK_INT(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK_INT(replace_file(path, STR("text")), 0);
	CHECK_STR(read_fd(fd), "text");
	close(fd);
	CHECK_INT(stat(path, &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_INT(replace_file("/dev/full", STR("text")), -ENOSPC);
	CHECK_INT(replace_file("/dev/null", STR("text")), 0);
	CHECK_INT(stat("/dev/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode));
}

/* No room: what was there stays. */
static void failures(void)
{
	const struct rlimit little = { 16, 16 };
	char path[TEST_DIR], dir[TEST_DIR];

	CHECK_INT(replace_file("/nonexistent/file", STR("text")), -ENOENT);
	test_dir(dir);
	CHECK_INT(replace_file(dir, STR("text")), -EISDIR);
	test_file(path);
	CHECK_INT(replace_file(path, STR("first")), 0);
	signal(SIGXFSZ, SIG_IGN);
	fflush(stdout);
	CHECK_INT(setrlimit(RLIMIT_FSIZE, &little), 0);
	CHECK_INT(replace_file(path, STR("longer than what a file may be here")), -EFBIG);
	CHECK_STR(content(path), "first");
	CHECK(!is_there(path, ".new"));
}

static const struct test tests[] = { TEST(new_and_old), TEST(links_stay), TEST(what_is_no_file),
				     TEST(failures) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
