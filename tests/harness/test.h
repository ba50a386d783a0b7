/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Unit tests: each runs in a forked child, which must leave no open descriptor behind. A test
 * program lists its tests in one table and prints a line for each, read by tests/run.sh:
 *   ok NAME | not ok NAME | skip NAME: reason
 */
#ifndef TOCSIN_TEST_H
#define TOCSIN_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(fn) { #fn, fn }

/* main() of a test program: runs all tests of the table, or those named in argv. Exit status 1
 * when one failed, 2 when none ran. */
int test_main(int argc, char **argv, const struct test *tests, size_t n);

enum { TEST_DIR = 48 };

/* Makes a new empty directory and writes its path. It goes away with what is in it when the test
 * has ended, however that ends. */
void test_dir(char path[static TEST_DIR]);
/* The path of a file, not there yet, in such a directory of its own. */
void test_file(char path[static TEST_DIR]);

_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Ends the test as skipped: a capability the machine lacks, with the reason. */
_Noreturn void test_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			test_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)
#define CHECK_INT(got, want) \
	do { \
		long long g_ = (long long)(got), w_ = (long long)(want); \
		if (g_ != w_) \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #got, g_, w_); \
	} while (0)
#define CHECK_STR(got, want) \
	do { \
		const char *g_ = (got), *w_ = (want); \
		if (!g_ || strcmp(g_, w_)) \
			test_fail(__FILE__, __LINE__, "%s is\n  %s\nnot\n  %s", #got, g_ ? g_ : "NULL", w_); \
	} while (0)
/* g: struct str */
#define CHECK_STREQ(got, want) \
	do { \
		__typeof__(got) g_ = (got); \
		const char *w_ = (want); \
		if (g_.len != strlen(w_) || memcmp(g_.p ? g_.p : "", w_, g_.len)) \
			test_fail(__FILE__, __LINE__, "%s is\n  %.*s\nnot\n  %s", #got, (int)g_.len, g_.p ? g_.p : "", w_); \
	} while (0)

#endif
