/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A file that retires is synced and closed while appends to the next one go on, with io_uring and
 * with plain writes. (The file sink's test has the appends themselves.)
 */
#include "pipeline/aio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/test.h"

enum { WAIT_MS = 10000 };

static struct aio *aio;
static char dir[TEST_DIR];
static int dir_fd, next_fd;

static void setup(bool ring)
{
	CHECK_INT(aio_new(&aio, ring), 0);
	if (ring && !aio_uses_ring(aio))
		printf("# io_uring is refused here: plain writes in its place\n");
	test_dir(dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	next_fd = openat(dir_fd, "next", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	CHECK(dir_fd >= 0 && next_fd >= 0);
	aio_attach(aio, next_fd);
}

static void teardown(void)
{
	aio_free(aio);
	close(next_fd);
	close(dir_fd);
}

static int old_file(void)
{
	int fd = openat(dir_fd, "old", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char part[4096] = { 1 };

	CHECK(fd >= 0);
	for (int i = 0; i < 256; i++)
		CHECK_INT(write(fd, part, sizeof(part)), sizeof(part));
	return fd;
}

static void appends_go_on(bool ring)
{
	char back[8] = "";
	int old;

	setup(ring);
	old = old_file();
	aio_retire(aio, old, dir_fd);
	CHECK_INT(aio_append(aio, "one\n", 4), 0);
	aio_kick(aio);
	while (aio_in_flight(aio))
		aio_wait(aio, WAIT_MS);
	CHECK_INT(aio_written(aio), 4);
	CHECK_INT(pread(next_fd, back, sizeof(back), 0), 4);
	aio_wait(aio, WAIT_MS);
	CHECK(!aio_retiring(aio));
	CHECK_INT(aio_take_retire_error(aio), 0);
	CHECK_INT(aio_take_error(aio), 0);
	CHECK_INT(fcntl(old, F_GETFD), -1);
	teardown();
}

static void a_file_retires_beside_appends(void)
{
	appends_go_on(true);
	appends_go_on(false);
}

/* A pipe cannot be synced, which stands for a disk that fails. */
static void an_error_is_told_once(void)
{
	int ends[2];

	for (int ring = 0; ring < 2; ring++) {
		setup(ring);
		CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
		aio_retire(aio, ends[0], dir_fd);
		aio_wait(aio, WAIT_MS);
		CHECK(!aio_retiring(aio));
		CHECK_INT(aio_take_retire_error(aio), EINVAL);
		CHECK_INT(aio_take_retire_error(aio), 0);
		CHECK_INT(aio_take_error(aio), 0);
		CHECK_INT(fcntl(ends[0], F_GETFD), -1);
		close(ends[1]);
		teardown();
	}
}

static void the_end_waits_for_it(void)
{
	int old;

	setup(true);
	old = old_file();
	aio_retire(aio, old, dir_fd);
	aio_free(aio);
	CHECK_INT(fcntl(old, F_GETFD), -1);
	CHECK_INT(aio_new(&aio, false), 0);
	teardown();
}

static const struct test tests[] = {
	TEST(a_file_retires_beside_appends),
	TEST(an_error_is_told_once),
	TEST(the_end_waits_for_it),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
