/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The stdout sink on a pipe, a terminal, a socket, a full disk and nothing at all. Descriptor 1 is
 * replaced while the sink runs, and put back before anything is checked.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <termios.h>

#include "tests/harness/sinkrun.h"

extern const struct sink sink_stdout;

static int real = -1;

/* fd becomes standard output; -1: closed. */
static void redirect(int fd)
{
	fflush(stdout);
	real = dup(STDOUT_FILENO);
	if (fd < 0)
		close(STDOUT_FILENO);
	else
		dup2(fd, STDOUT_FILENO);
}

static void restore(void)
{
	dup2(real, STDOUT_FILENO);
	close(real);
}

/* All that can be read from fd now. */
static char *drain(int fd)
{
	static char buf[1 << 20];
	size_t n = 0;
	ssize_t k;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((k = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0)
		n += (size_t)k;
	buf[n] = '\0';
	return buf;
}

static uint32_t count(const char *text, const char *what)
{
	uint32_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static void json_to_a_pipe_and_alerts_only(void)
{
	struct sinkrun r;
	struct batch *b = batch_new(1 << 16, 20);
	int p[2], rc;
	char *text;

	CHECK_INT(pipe(p), 0);
	for (uint64_t i = 0; i < 20; i++)
		docs_add(b, i, i % 2 ? DOC_EVENT : DOC_ALERT, 0);
	redirect(p[1]);
	rc = sinkrun_open(&r, &sink_stdout, "");
	if (!rc) {
		sinkrun_submit(&r, b, 1000);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	text = drain(p[0]);
	CHECK_INT(count(text, "\n"), 10);
	CHECK_INT(count(text, "\"kind\":\"alert\""), 10);
	CHECK(!strncmp(text, "{\"tocsin\"", 9));
	CHECK_INT(sink_counter(&r.st.delivered), 10);
	CHECK_INT(sink_counter(&r.st.bytes), strlen(text));
	batch_unref(b);
	close(p[0]);
	close(p[1]);
}

static void text_and_records_by_option(void)
{
	struct sinkrun r;
	int p[2], rc;
	char *text;

	CHECK_INT(pipe(p), 0);
	redirect(p[1]);
	rc = sinkrun_open(&r, &sink_stdout, "format=text,records=true");
	if (!rc) {
		sinkrun_send(&r, 0, 5, DOC_EVENT, 0);
		sinkrun_send(&r, 5, 5, DOC_METRIC, 0);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	text = drain(p[0]);
	CHECK_INT(count(text, "\n"), 10);
	CHECK(!strncmp(text, "/usr/bin/cat read /etc/shadow, number 0\n", 40));
	CHECK_INT(count(text, "\033"), 0);
	close(p[0]);
	close(p[1]);
}

/* What a terminal gets, with the environment as given. */
static char *on_a_terminal(const char *no_color, const char *term)
{
	static char *text;
	struct sinkrun r;
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, rc;

	CHECK(master >= 0);
	CHECK_INT(grantpt(master) | unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	if (no_color)
		setenv("NO_COLOR", no_color, 1);
	else
		unsetenv("NO_COLOR");
	setenv("TERM", term, 1);
	redirect(slave);
	rc = sinkrun_open(&r, &sink_stdout, "");
	if (!rc) {
		struct batch *b = docs_batch(0, 1, DOC_ALERT, 0);

		b->docs[0].text_mark = (struct span){ b->docs[0].text.off + 9, 3 };
		sinkrun_submit(&r, b, 1000);
		batch_unref(b);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	text = drain(master);
	close(master);
	close(slave);
	return text;
}

static void colour_on_a_terminal_unless_asked_not_to(void)
{
	CHECK_STR(on_a_terminal(NULL, "xterm"),
		  "/usr/bin/\033[31mcat\033[0m read /etc/shadow, number 0\n");
	CHECK_STR(on_a_terminal("", "xterm"),
		  "/usr/bin/\033[31mcat\033[0m read /etc/shadow, number 0\n");
	CHECK_STR(on_a_terminal("1", "xterm"), "/usr/bin/cat read /etc/shadow, number 0\n");
	CHECK_STR(on_a_terminal(NULL, "dumb"), "/usr/bin/cat read /etc/shadow, number 0\n");
}

static void closed_pipe_is_counted(void)
{
	struct sinkrun r;
	char text[SINK_ERROR_MAX];
	sigset_t pipes;
	int p[2], rc;

	/* As in a lane's thread: blocked, and so an error code. */
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	CHECK_INT(pipe(p), 0);
	redirect(p[1]);
	rc = sinkrun_open(&r, &sink_stdout, "");
	if (!rc) {
		sinkrun_send(&r, 0, 5, DOC_ALERT, 0);
		close(p[0]);
		sinkrun_send(&r, 5, 5, DOC_ALERT, 0);
		sinkrun_send(&r, 10, 5, DOC_ALERT, 0);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	CHECK_INT(sink_counter(&r.st.delivered), 5);
	CHECK_INT(sink_counter(&r.st.lost[SINK_LOSS_IO]), 10);
	sink_last_error(&r.st, text);
	CHECK_STR(text, "standard output: Broken pipe");
	close(p[1]);
}

static void closed_descriptor_is_counted(void)
{
	struct sinkrun r;
	char text[SINK_ERROR_MAX];
	int rc;

	redirect(-1);
	rc = sinkrun_open(&r, &sink_stdout, "");
	if (!rc) {
		sinkrun_send(&r, 0, 5, DOC_ALERT, 0);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	CHECK_INT(sink_counter(&r.st.lost[SINK_LOSS_IO]), 5);
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "standard output is closed"));
}

/* A pager nobody scrolls: the sink takes what it has room for, never blocks, and goes on later.
 * The descriptor itself stays a blocking one, since a shell shares it. */
static void slow_reader_does_not_block(void)
{
	struct sinkrun r;
	struct batch *b = docs_batch(0, 3000, DOC_ALERT, 100);
	uint64_t t0 = clock_mono_ns(), lines = 0;
	bool taken, all;
	int p[2], flags;

	CHECK_INT(pipe(p), 0);
	redirect(p[1]);
	sinkrun_open(&r, &sink_stdout, "");
	taken = sinkrun_submit(&r, b, 300);
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	restore();
	CHECK(!taken);
	CHECK(clock_mono_ns() - t0 < 2 * NS_PER_SEC);
	CHECK(!(flags & O_NONBLOCK));
	all = false;
	for (int i = 0; i < 1000 && lines < 3000; i++) {
		lines += count(drain(p[0]), "\n");
		if (!all)
			all = sinkrun_submit(&r, b, 0);
		r.sink->poll(r.state, 1);
	}
	CHECK_INT(lines, 3000);
	CHECK(sinkrun_settle(&r, 3000, 1000));
	sinkrun_close(&r, 100);
	batch_unref(b);
	close(p[0]);
	close(p[1]);
}

static void close_leaves_a_stuck_reader_in_time(void)
{
	struct sinkrun r;
	struct batch *b = docs_batch(0, 3000, DOC_ALERT, 100);
	uint64_t t0;
	int p[2];

	CHECK_INT(pipe(p), 0);
	redirect(p[1]);
	sinkrun_open(&r, &sink_stdout, "");
	sinkrun_submit(&r, b, 50);
	t0 = clock_mono_ns();
	sinkrun_close(&r, 200);
	restore();
	CHECK(clock_mono_ns() - t0 < NS_PER_SEC);
	CHECK(sink_counter(&r.st.delivered) < 3000);
	batch_unref(b);
	close(p[0]);
	close(p[1]);
}

static void socket_works(void)
{
	struct sinkrun r;
	int s[2], rc;

	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	redirect(s[1]);
	rc = sinkrun_open(&r, &sink_stdout, "");
	if (!rc) {
		sinkrun_send(&r, 0, 50, DOC_ALERT, 0);
		sinkrun_close(&r, 100);
	}
	restore();
	CHECK_INT(rc, 0);
	CHECK_INT(count(drain(s[0]), "\n"), 50);
	close(s[0]);
	close(s[1]);
}

static void full_disk_holds_and_goes_on(void)
{
	static char fill[4096];
	char dir[TEST_DIR], path[64], filler[64];
	struct sinkrun r;
	struct batch *b = docs_batch(0, 1000, DOC_ALERT, 200);
	uint32_t held;
	bool taken;
	int fd, other;

	test_dir(dir);
	if (unshare(CLONE_NEWNS))
		test_skip("unshare: %s", strerror(errno));
	CHECK_INT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("tocsin-test", dir, "tmpfs", 0, "size=1m"))
		test_skip("mount: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/out", dir);
	snprintf(filler, sizeof(filler), "%s/filler", dir);
	fd = open(path, O_CREAT | O_RDWR | O_APPEND, 0600);
	other = open(filler, O_CREAT | O_WRONLY, 0600);
	while (write(other, fill, sizeof(fill)) == sizeof(fill))
		;
	redirect(fd);
	sinkrun_open(&r, &sink_stdout, "");
	taken = sinkrun_submit(&r, b, 300);
	held = r.st.held_by;
	CHECK_INT(unlink(filler), 0);
	close(other);
	if (!taken)
		taken = sinkrun_submit(&r, b, 3000);
	sinkrun_settle(&r, 1000, 3000);
	sinkrun_close(&r, 1000);
	restore();
	CHECK_INT(held, SINK_LOSS_IO);
	CHECK(taken);
	CHECK_INT(sink_counter(&r.st.delivered), 1000);
	lseek(fd, 0, SEEK_SET);
	CHECK_INT(count(drain(fd), "\n"), 1000);
	close(fd);
	batch_unref(b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(json_to_a_pipe_and_alerts_only),
		TEST(text_and_records_by_option),
		TEST(colour_on_a_terminal_unless_asked_not_to),
		TEST(closed_pipe_is_counted),
		TEST(closed_descriptor_is_counted),
		TEST(slow_reader_does_not_block),
		TEST(close_leaves_a_stuck_reader_in_time),
		TEST(socket_works),
		TEST(full_disk_holds_and_goes_on),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
