/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/log.h: level, escaping, holding.
 */
#include "pipeline/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/test.h"

static int saved = -1;
static char path[TEST_DIR];

/* Standard error into a file. */
static void capture(void)
{
	int fd;

	test_file(path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

static const char *captured(void)
{
	static char text[256 << 10];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void end_capture(void)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void levels(void)
{
	const char *text;

	capture();
	log_debug("no");
	log_info("one %d", 1);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("no");
	log_error("two");
	text = strdup(captured());
	end_capture();
	CHECK_STR(text, "info: one 1\nerror: two\n");
	free((void *)text);
}

static void control_characters(void)
{
	char *text;

	capture();
	log_error("a\nb\x1b[31m\x7f");
	text = strdup(captured());
	end_capture();
	CHECK_STR(text, "error: a\\x0ab\\x1b[31m\\x7f\n");
	free(text);
}

static void long_lines(void)
{
	char big[5000], *text;

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture();
	log_error("%s", big);
	text = strdup(captured());
	end_capture();
	CHECK(strlen(text) < 2100);
	CHECK(text[strlen(text) - 1] == '\n');
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	free(text);
}

static void held(void)
{
	char *before, *after;

	capture();
	log_hold();
	log_info("kept");
	before = strdup(captured());
	log_release();
	log_info("direct");
	after = strdup(captured());
	end_capture();
	CHECK_STR(before, "");
	CHECK_STR(after, "info: kept\ninfo: direct\n");
	free(before);
	free(after);
}

static void held_is_bounded(void)
{
	char *text;

	capture();
	log_hold();
	for (int i = 0; i < 20000; i++)
		log_info("message %d", i);
	log_release();
	text = strdup(captured());
	end_capture();
	CHECK(strstr(text, "message 0\n"));
	CHECK(!strstr(text, "message 19999\n"));
	CHECK(strstr(text, "more messages were dropped\n"));
	free(text);
}

static const struct test tests[] = {
	TEST(levels), TEST(control_characters), TEST(long_lines), TEST(held), TEST(held_is_bounded),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
