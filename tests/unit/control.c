/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Requests over the control socket: good, bad and hostile ones.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pipeline/control.h"
#include "tests/harness/test.h"

static char dir[TEST_DIR], path[100];

static void start(void)
{
	test_dir(dir);
	snprintf(path, sizeof(path), "%s/run/control.sock", dir);
}

static void end(void)
{
	char run[100];

	snprintf(run, sizeof(run), "%s/run", dir);
	CHECK(!rmdir(run) && !rmdir(dir));
}

static json_t *echo(void *arg, const char *command, const json_t *request)
{
	(void)arg;
	return json_pack("{sssi}", "said", command, "n",
			 (int)json_integer_value(json_object_get(request, "n")));
}

static void *serve_one(void *c)
{
	control_serve(c, echo, NULL);
	return NULL;
}

static void asked_and_answered(void)
{
	json_t *request = json_pack("{sssi}", "command", "reload", "n", 7), *answer = NULL;
	struct control *c, *second;
	struct stat st;
	pthread_t t;

	start();
	CHECK_INT(control_open(&c, path), 0);
	CHECK(!stat(path, &st) && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
	CHECK(!pthread_create(&t, NULL, serve_one, c));
	CHECK_INT(control_ask(path, request, &answer), 0);
	CHECK_STR(json_string_value(json_object_get(answer, "said")), "reload");
	CHECK_INT(json_integer_value(json_object_get(answer, "n")), 7);
	pthread_join(t, NULL);
	json_decref(answer);
	CHECK_INT(control_open(&second, path), -EADDRINUSE);
	control_close(c);
	CHECK_INT(control_ask(path, request, &answer), -ENOENT);
	json_decref(request);
	end();
}

static void left_over_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct control *c;
	int fd;

	start();
	CHECK_INT(control_open(&c, path), 0);
	control_close(c);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(a.sun_path, path);
	CHECK(!bind(fd, (struct sockaddr *)&a, sizeof(a)));
	close(fd);
	CHECK_INT(control_open(&c, path), 0);
	control_close(c);
	end();
}

static void not_a_socket(void)
{
	struct control *c;
	FILE *f;

	start();
	CHECK_INT(control_open(&c, path), 0);
	control_close(c);
	f = fopen(path, "w");
	CHECK(f && !fclose(f));
	CHECK_INT(control_open(&c, path), -EEXIST);
	CHECK(!unlink(path));
	end();
}

static char *answer_to(const char *text)
{
	json_t *o = control_answer(text, strlen(text), echo, NULL);
	char *s = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(o);
	return s;
}

static void not_understood(void)
{
	static const char *const texts[] = { "",
					     "{",
					     "[]",
					     "7",
					     "{\"command\":7}",
					     "\xff\xfe",
					     "{\"\\\xdd\x92\"}",
					     "{\"command\":\"a\",\"command\":\"b\"}",
					     "{\"command\":\"a\"} more" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *s = answer_to(texts[i]);

		CHECK(strstr(s, "\"error\":\""));
		free(s);
	}
}

/* One that says nothing, and one that does not stop. */
static void slow_and_long(void)
{
	char *much = calloc(1, CONTROL_REQUEST_MAX + 1), got[200] = "";
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct control *c;
	int fd;

	start();
	CHECK_INT(control_open(&c, path), 0);
	strcpy(a.sun_path, path);
	for (int round = 0; round < 2; round++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CHECK(!connect(fd, (struct sockaddr *)&a, sizeof(a)));
		memset(much, 'x', CONTROL_REQUEST_MAX);
		if (round)
			CHECK(send(fd, much, CONTROL_REQUEST_MAX, 0) == CONTROL_REQUEST_MAX);
		control_serve(c, echo, NULL);
		CHECK(read(fd, got, sizeof(got) - 1) > 0);
		CHECK(strstr(got, round ? "too long" : "timed out"));
		close(fd);
	}
	control_close(c);
	free(much);
	end();
}

static const struct test tests[] = {
	TEST(asked_and_answered), TEST(left_over_socket), TEST(not_a_socket),
	TEST(not_understood),     TEST(slow_and_long),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
