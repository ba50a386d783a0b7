/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a watch notices, and what it must not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/watch.h"
#include "tests/harness/test.h"

static char top[TEST_DIR];

static const char *at(const char *name)
{
	static char path[4][200];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", top, name);
	return path[n];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	CHECK(f);
	fputs(text, f);
	CHECK(!fclose(f));
}

static void a_directory(void)
{
	struct watch *w;
	int fd;

	test_dir(top);
	put("a.yaml", "1");
	CHECK(!watch_new(&w));
	CHECK(!watch_add(w, top));
	CHECK(!watch_read(w));
	put("a.yaml", "2");
	CHECK(watch_read(w) && !watch_read(w));
	CHECK(!rename(at("a.yaml"), at("b.yaml")));
	CHECK(watch_read(w));
	CHECK(!symlink("b.yaml", at("c.yaml")));
	CHECK(watch_read(w));
	CHECK(!link(at("b.yaml"), at("d.yaml")));
	CHECK(watch_read(w));
	CHECK(!unlink(at("b.yaml")));
	CHECK(watch_read(w));
	/* Not while it is written. */
	fd = open(at("slow.yaml"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK(!watch_read(w));
	close(fd);
	CHECK(watch_read(w));
	watch_free(w);
}

static void directories_in_it(void)
{
	struct watch *w;

	test_dir(top);
	CHECK(!mkdir(at("sub"), 0700));
	CHECK(!watch_new(&w));
	CHECK(!watch_add(w, top));
	put("sub/a.yaml", "1");
	CHECK(watch_read(w));
	CHECK(!mkdir(at("new"), 0700));
	CHECK(watch_read(w));
	CHECK(!watch_add(w, top));
	put("new/a.yaml", "1");
	CHECK(watch_read(w));
	watch_free(w);
}

static void one_file(void)
{
	struct watch *w;

	test_dir(top);
	put("a.yaml", "1");
	CHECK(!watch_new(&w));
	CHECK(!watch_add(w, at("a.yaml")));
	CHECK(!watch_add(w, at("later.yaml")));
	put("b.yaml", "1");
	CHECK(!watch_read(w));
	put("a.yaml", "2");
	CHECK(watch_read(w));
	put("later.yaml", "1");
	CHECK(watch_read(w));
	CHECK(!unlink(at("a.yaml")));
	CHECK(watch_read(w));
	watch_free(w);
}

/* As Kubernetes mounts a ConfigMap: files lead through ..data, which is exchanged by a rename. */
static void exchanged_link(void)
{
	struct watch *w;

	test_dir(top);
	CHECK(!mkdir(at("..1"), 0700) && !mkdir(at("..2"), 0700));
	put("..1/a.yaml", "1");
	put("..2/a.yaml", "2");
	CHECK(!symlink("..1", at("..data")) && !symlink("..data/a.yaml", at("a.yaml")));
	CHECK(!watch_new(&w));
	CHECK(!watch_add(w, top));
	CHECK(!symlink("..2", at("..data_tmp")));
	watch_read(w);
	CHECK(!rename(at("..data_tmp"), at("..data")));
	CHECK(watch_read(w));
	watch_free(w);
}

/* A file elsewhere that a link leads to. */
static void link_to_elsewhere(void)
{
	struct watch *w;

	test_dir(top);
	CHECK(!mkdir(at("real"), 0700) && !mkdir(at("conf"), 0700));
	put("real/a.yaml", "1");
	CHECK(!symlink("../real/a.yaml", at("conf/a.yaml")));
	CHECK(!watch_new(&w));
	CHECK(!watch_add(w, at("conf")));
	put("real/a.yaml", "2");
	CHECK(watch_read(w));
	put("real/b.yaml", "2");
	CHECK(!watch_read(w));
	watch_free(w);
}

static const struct test tests[] = {
	TEST(a_directory),    TEST(directories_in_it), TEST(one_file),
	TEST(exchanged_link), TEST(link_to_elsewhere),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
