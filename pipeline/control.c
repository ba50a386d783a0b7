/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Both ends of control.h's socket. One client is served at a time.
 */
#include "pipeline/control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pipeline/clock.h"
#include "pipeline/encode.h"
#include "pipeline/util.h"

enum { SLOW_NS = NS_PER_SEC };

struct control {
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static int address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

static int stream(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int dial(const struct sockaddr_un *a)
{
	int fd = stream(), rc;

	if (fd < 0)
		return fd;
	if (!connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int make_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *dir = slash > path ? strndup(path, (size_t)(slash - path)) : NULL;

	return dir && mkdir(dir, 0755) && errno != EEXIST ? -errno : 0;
}

static int listen_at(int fd, const struct sockaddr_un *a)
{
	mode_t before = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)a, sizeof(*a)) ? -errno : 0;

	umask(before);
	return rc ? rc : listen(fd, 8) ? -errno : 0;
}

/* A socket that nobody answers at is left over; anything else at its place is not ours. */
static int make_room(const struct sockaddr_un *a)
{
	struct stat st;
	int fd = dial(a);

	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	if (lstat(a->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(a->sun_path) ? -errno : 0;
}

int control_open(struct control **out, const char *path)
{
	CLEANUP_FREE struct control *c = calloc(1, sizeof(*c));
	struct sockaddr_un a;
	int rc = c ? address(&a, path) : -ENOMEM;

	rc = rc ? rc : make_directory(path);
	rc = rc ? rc : make_room(&a);
	if (rc)
		return rc;
	c->fd = stream();
	if (c->fd < 0)
		return c->fd;
	rc = listen_at(c->fd, &a);
	if (rc) {
		close(c->fd);
		return rc;
	}
	memcpy(c->path, a.sun_path, sizeof(c->path));
	*out = TAKE_PTR(c);
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	unlink(c->path);
	close(c->fd);
	free(c);
}

int control_fd(const struct control *c)
{
	return c->fd;
}

static json_t *error(const char *reason)
{
	return json_pack("{ss}", "error", reason);
}

/* jansson quotes what is wrong, be it UTF-8 or not; an answer is UTF-8. */
static json_t *no_json(const json_error_t *e)
{
	struct buf b = { 0 };
	json_t *answer;

	text_escape(&b, str_of(e->text));
	answer = json_pack("{ss%sisi}", "error", b.p ? b.p : "", b.len, "line", e->line, "column",
			   e->column);
	buf_free(&b);
	return answer;
}

json_t *control_answer(const char *text, size_t len, control_fn *fn, void *arg)
{
	json_error_t e;
	json_t *request = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e), *answer;
	const char *command = json_string_value(json_object_get(request, "command"));

	if (!request)
		answer = no_json(&e);
	else if (!command)
		answer = error("a request is an object with a text \"command\"");
	else
		answer = fn(arg, command, request);
	json_decref(request);
	return answer;
}

/* Waits until fd is ready. False: not before `until`. */
static bool ready(int fd, short what, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = what };
	int left = clock_left_ms(until, INT_MAX);

	return left && poll(&p, 1, left) == 1;
}

/* Reads up to a line feed or the end. Bytes read, or negative errno. */
static ssize_t read_line(int fd, char *buf, size_t size, uint64_t until)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		if (!ready(fd, POLLIN, until))
			return -ETIMEDOUT;
		n = read(fd, buf + len, size - len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (!n || memchr(buf + len - n, '\n', (size_t)n))
			return (ssize_t)len;
	}
	return -EMSGSIZE;
}

static int write_all(int fd, const char *p, size_t len, uint64_t until)
{
	ssize_t n;

	while (len) {
		if (!ready(fd, POLLOUT, until))
			return -ETIMEDOUT;
		n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_json(int fd, const json_t *o, uint64_t wait_ns)
{
	CLEANUP_FREE char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	uint64_t until = clock_mono_ns() + wait_ns;
	int rc = text ? write_all(fd, text, strlen(text), until) : -ENOMEM;

	return rc ? rc : write_all(fd, "\n", 1, until);
}

void control_serve(struct control *c, control_fn *fn, void *arg)
{
	CLEANUP_FREE char *text = malloc(CONTROL_REQUEST_MAX);
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	json_t *answer = NULL;
	ssize_t n;

	if (fd < 0)
		return;
	n = text ? read_line(fd, text, CONTROL_REQUEST_MAX, clock_mono_ns() + SLOW_NS) : -ENOMEM;
	if (n >= 0)
		answer = control_answer(text, (size_t)n, fn, arg);
	else
		answer = error(n == -EMSGSIZE ? "the request is too long" : strerror((int)-n));
	if (answer)
		write_json(fd, answer, SLOW_NS);
	json_decref(answer);
	close(fd);
}

int control_ask(const char *path, const json_t *request, json_t **answer)
{
	struct sockaddr_un a;
	int rc = address(&a, path), fd;
	FILE *f;

	if (rc)
		return rc;
	fd = dial(&a);
	if (fd < 0)
		return fd;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	rc = write_json(fd, request, 10 * NS_PER_SEC);
	*answer = rc ? NULL : json_loadf(f, 0, NULL);
	fclose(f);
	if (rc || json_is_object(*answer))
		return rc;
	json_decref(*answer);
	return -EBADMSG;
}
