/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The test runner of test.h: fork, run, look for descriptors left open, remove its directories, report.
 */
#include "tests/harness/test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_SKIPPED = 77 };

/* What the test at hand made in /tmp: its child writes it, the runner reads it when that has ended. */
static struct {
	char top[32]; /* empty: nothing */
	unsigned count;
} * dirs;

void test_dir(char path[static TEST_DIR])
{
	if (!*dirs->top) {
		char top[] = "/tmp/tocsin-test.XXXXXX";

		CHECK(mkdtemp(top));
		strcpy(dirs->top, top);
		CHECK(!chmod(top, 0711)); /* a test may give a directory to another user */
	}
	snprintf(path, TEST_DIR, "%s/%u", dirs->top, ++dirs->count);
	CHECK(!mkdir(path, 0700));
}

void test_file(char path[static TEST_DIR])
{
	test_dir(path);
	strcat(path, "/file");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	if (!remove(path))
		return 0;
	printf("# %s cannot be removed: %s\n", path, strerror(errno));
	return 1;
}

/* False: something is left, a mount perhaps. */
static bool remove_dirs(void)
{
	bool gone = !*dirs->top || !nftw(dirs->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	memset(dirs, 0, sizeof(*dirs));
	return gone;
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(EXIT_FAILED);
}

_Noreturn void test_skip(const char *fmt, ...)
{
	va_list ap;

	printf("# reason: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(EXIT_SKIPPED);
}

static void run_child(const struct test *t)
{
	int before = open_descriptors(), after;

	t->run();
	after = open_descriptors();
	if (after != before)
		test_fail(t->name, 0, "%d descriptors left open", after - before);
	fflush(stdout);
	exit(0); /* not _exit: the leak checker of ASan runs at exit */
}

static bool run_one(const struct test *t, bool *skipped)
{
	int status = 0;
	pid_t pid;
	bool clean;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid)
		run_child(t);
	waitpid(pid, &status, 0);
	clean = remove_dirs();
	*skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED;
	if (WIFSIGNALED(status))
		printf("# ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	return clean && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool chosen(const struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return true;
	return argc < 2;
}

int test_main(int argc, char **argv, const struct test *tests, size_t n)
{
	const char *base = strrchr(argv[0], '/');
	int failed = 0, ran = 0;

	dirs = mmap(NULL, sizeof(*dirs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (dirs == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	base = base ? base + 1 : argv[0];
	for (size_t i = 0; i < n; i++) {
		bool skipped, ok;

		if (!chosen(&tests[i], argc, argv))
			continue;
		ok = run_one(&tests[i], &skipped);
		printf("%s %s/%s\n", skipped ? "skip" : ok ? "ok" : "not ok", base, tests[i].name);
		failed += !ok && !skipped;
		ran++;
	}
	return failed ? 1 : ran ? 0 : 2;
}
