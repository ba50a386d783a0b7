/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The syslog sink against receivers of this test: datagrams, octet counting, receivers that are down, come
 * back, are slow, or break the connection.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/harness/sinkrun.h"

extern const struct sink sink_syslog;

static int unix_socket(int type, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	strcpy(a.sun_path, path);
	unlink(path);
	CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		CHECK_INT(listen(fd, 8), 0);
	return fd;
}

/* port 0: any; *port is filled. */
static int inet_socket(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, type, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	if (type == SOCK_STREAM)
		CHECK_INT(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	*port = ntohs(a.sin_port);
	return fd;
}

static int open_tcp(struct sinkrun *r, uint16_t port, const char *more)
{
	char text[200];

	snprintf(text, sizeof(text), "transport=tcp,address=127.0.0.1:%u%s", port, more);
	return sinkrun_open(r, &sink_syslog, text);
}

static int64_t number_in(const char *m)
{
	const char *p = strstr(m, ", number ");

	return p ? atoll(p + 9) : -1;
}

/* Takes a datagram while the sink works. */
static ssize_t receive(struct sinkrun *r, int fd, char *m, size_t size)
{
	for (int i = 0; i < 2000; i++) {
		ssize_t n = recv(fd, m, size - 1, MSG_DONTWAIT);

		if (n >= 0) {
			m[n] = '\0';
			return n;
		}
		r->sink->poll(r->state, 1);
	}
	return -1;
}

static void datagrams(const char *options, int fd)
{
	struct sinkrun r;
	char m[9000];

	CHECK_INT(sinkrun_open(&r, &sink_syslog, options), 0);
	for (uint64_t i = 0; i < 200; i += 20) {
		sinkrun_send(&r, i, 10, DOC_ALERT, 0);
		sinkrun_send(&r, i + 10, 10, DOC_EVENT, 0); /* not wanted */
		for (uint64_t k = i; k < i + 10; k++) {
			CHECK(receive(&r, fd, m, sizeof(m)) > 0);
			CHECK_INT(number_in(m), k);
		}
	}
	CHECK_INT(recv(fd, m, sizeof(m), MSG_DONTWAIT), -1);
	CHECK_INT(sink_counter(&r.st.delivered), 100);
	sinkrun_close(&r, 100);
	close(fd);
}

static void unix_datagrams(void)
{
	char path[TEST_DIR], text[100];

	test_file(path);
	snprintf(text, sizeof(text), "path=%s", path);
	datagrams(text, unix_socket(SOCK_DGRAM, path));
}

static void udp_to(const char *host)
{
	uint16_t port = 0;
	int fd = inet_socket(SOCK_DGRAM, &port);
	char text[100];

	snprintf(text, sizeof(text), "transport=udp,address=%s:%u", host, port);
	datagrams(text, fd);
}

static void udp_datagrams(void)
{
	udp_to("127.0.0.1");
}

/* Where the name's first address is that of IPv6, as on most machines, nobody listens there. */
static void udp_name_with_a_second_address(void)
{
	udp_to("localhost");
}

static void unix_stream_has_a_line_each(void)
{
	char path[TEST_DIR], text[100], m[9000];
	struct sinkrun r;
	int fd, c;
	ssize_t n;

	test_file(path);
	fd = unix_socket(SOCK_STREAM, path);
	snprintf(text, sizeof(text), "path=%s", path);
	CHECK_INT(sinkrun_open(&r, &sink_syslog, text), 0);
	sinkrun_send(&r, 0, 3, DOC_ALERT, 0);
	CHECK(sinkrun_settle(&r, 3, 2000));
	c = accept(fd, NULL, NULL);
	n = recv(c, m, sizeof(m) - 1, 0);
	m[n] = '\0';
	CHECK_INT(n, strlen(m));
	for (int64_t i = 0, lines = 0; i < 3; i++) {
		char *end = strchr(m, '\n');

		CHECK(end);
		CHECK_INT(number_in(m), i);
		memmove(m, end + 1, strlen(end));
		lines++;
	}
	CHECK_STR(m, "");
	sinkrun_close(&r, 100);
	close(c);
	close(fd);
}

static void datagram_receiver_that_comes_later_or_is_slow(void)
{
	char path[TEST_DIR], text[100], m[9000];
	struct sinkrun r;
	int fd;

	test_file(path);
	snprintf(text, sizeof(text), "path=%s", path);
	CHECK_INT(sinkrun_open(&r, &sink_syslog, text), 0);
	for (int i = 0; i < 5; i++)
		r.sink->poll(r.state, 20);
	CHECK(sink_counter(&r.st.errors) > 0);
	fd = unix_socket(SOCK_DGRAM, path);
	sinkrun_send(&r, 0, 1000, DOC_ALERT, 0); /* more than its queue holds */
	for (int64_t i = 0; i < 1000; i++) {
		CHECK(receive(&r, fd, m, sizeof(m)) > 0);
		CHECK_INT(number_in(m), i);
		if (i ==
		    500) { /* it starts anew: what is in its queue is gone, what comes is not */
			close(fd);
			fd = unix_socket(SOCK_DGRAM, path);
			CHECK(receive(&r, fd, m, sizeof(m)) > 0);
			i = number_in(m);
			CHECK(i > 500);
		}
	}
	CHECK(sink_counter(&r.st.reconnects) >= 1);
	CHECK_INT(sink_counter(&r.st.delivered), 1000);
	sinkrun_close(&r, 100);
	close(fd);
}

/* Reads octet-counted frames off c while the sink works; marks each document in seen. Returns
 * when `want` frames are read or nothing came for a while. */
static uint32_t read_frames(struct sinkrun *r, int c, uint32_t want, uint8_t *seen, size_t per_read)
{
	static char buf[1 << 16];
	size_t len = 0;
	uint32_t frames = 0;

	for (int idle = 0; frames < want && idle < 300;) {
		ssize_t n = recv(c, buf + len, MIN(per_read, sizeof(buf) - 1 - len), MSG_DONTWAIT);
		char *p = buf, *end;

		if (n <= 0) {
			r->sink->poll(r->state, 1);
			idle++;
			continue;
		}
		idle = 0;
		len += (size_t)n;
		buf[len] = '\0';
		for (;;) {
			size_t size = strtoul(p, &end, 10), left = (size_t)(buf + len - p);
			char save;

			if (end == p || *end != ' ' || left < (size_t)(end + 1 - p) + size)
				break;
			save = end[1 + size];
			end[1 + size] = '\0';
			CHECK(end[1] == '<');
			CHECK_INT(strlen(end + 1), size);
			CHECK(number_in(end + 1) >= 0);
			seen[number_in(end + 1)]++;
			end[1 + size] = save;
			p = end + 1 + size;
			frames++;
		}
		len -= (size_t)(p - buf);
		memmove(buf, p, len);
	}
	return frames;
}

static void tcp_octet_counting(void)
{
	static uint8_t seen[20000];
	uint16_t port = 0;
	int fd = inet_socket(SOCK_STREAM, &port), c;
	struct sinkrun r;

	CHECK_INT(open_tcp(&r, port, ""), 0);
	sinkrun_send(&r, 0, 500, DOC_ALERT, 0);
	c = accept(fd, NULL, NULL);
	CHECK_INT(read_frames(&r, c, 500, seen, 777), 500);
	CHECK(sinkrun_settle(&r, 500, 3000));
	for (int i = 0; i < 500; i++)
		CHECK_INT(seen[i], 1);
	CHECK_INT(sink_counter(&r.st.delivered), 500);
	sinkrun_close(&r, 100);
	close(c);
	close(fd);
}

static void tcp_resends_what_was_not_acknowledged(void)
{
	static uint8_t seen[20000];
	uint16_t port = 0;
	int fd = inet_socket(SOCK_STREAM, &port), c, small = 4096;
	uint64_t acked;
	struct batch *b;
	struct sinkrun r;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	CHECK_INT(open_tcp(&r, port, ""), 0);
	b = docs_batch(0, 500, DOC_ALERT, 0);
	CHECK(sinkrun_submit(&r, b, 3000));
	batch_unref(b);
	c = accept(fd, NULL, NULL);
	for (int i = 0; i < 50; i++)
		r.sink->poll(r.state, 5);
	acked = sink_counter(&r.st.delivered);
	CHECK(acked < 500); /* a receiver that reads nothing: sent is not delivered */
	read_frames(&r, c, 20, seen, 777);
	acked = sink_counter(&r.st.delivered);
	close(c); /* with unread data: a reset */
	c = -1;
	for (int i = 0; i < 400 && c < 0; i++) {
		struct pollfd ready = { fd, POLLIN, 0 };

		r.sink->poll(r.state, 10);
		if (poll(&ready, 1, 0) > 0)
			c = accept(fd, NULL, NULL);
	}
	CHECK(c >= 0);
	read_frames(&r, c, 500, seen, 777);
	CHECK(sinkrun_settle(&r, 500, 3000));
	CHECK_INT(sink_counter(&r.st.delivered), 500);
	CHECK_INT(sink_counter(&r.st.reconnects), 1);
	for (uint64_t i = acked + 50; i < 500; i++)
		CHECK(seen[i] >= 1);
	sinkrun_close(&r, 100);
	close(c);
	close(fd);
}

static void tcp_receiver_down_then_up(void)
{
	static uint8_t seen[100];
	uint16_t port = 0;
	int fd = inet_socket(SOCK_STREAM, &port), c;
	struct sinkrun r;
	struct batch *b = docs_batch(0, 100, DOC_ALERT, 0);
	char text[SINK_ERROR_MAX];
	uint64_t t0;

	close(fd);
	CHECK_INT(open_tcp(&r, port, ""), 0);
	CHECK(!sinkrun_submit(&r, b, 200));
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "Connection refused"));
	t0 = clock_mono_ns();
	r.sink->poll(r.state, 50);
	CHECK(clock_mono_ns() - t0 < 150 * NS_PER_MS);
	fd = inet_socket(SOCK_STREAM, &port);
	CHECK(sinkrun_submit(&r, b, 15000));
	batch_unref(b);
	c = accept(fd, NULL, NULL);
	CHECK_INT(read_frames(&r, c, 100, seen, 5000), 100);
	CHECK(sinkrun_settle(&r, 100, 3000));
	sinkrun_close(&r, 100);
	close(c);
	close(fd);
}

static void close_counts_what_is_left_and_keeps_its_time(void)
{
	uint16_t port = 0;
	int fd = inet_socket(SOCK_STREAM, &port), small = 4096;
	struct sinkrun r;
	struct batch *b = docs_batch(0, 1000, DOC_ALERT, 0);
	uint64_t t0;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	CHECK_INT(open_tcp(&r, port, ""), 0);
	CHECK(sinkrun_submit(&r, b, 500) || sink_counter(&r.st.delivered) < 1000);
	batch_unref(b);
	t0 = clock_mono_ns();
	sinkrun_close(&r, 200);
	CHECK(clock_mono_ns() - t0 < 600 * NS_PER_MS);
	CHECK(sink_counter(&r.st.lost[SINK_LOSS_TIMEOUT]) > 0);
	close(fd);
}

/* A name that no server answers for: the sink goes on polling in time. */
static void names_are_resolved_without_blocking(void)
{
	struct sinkrun r;
	uint64_t t0;

	CHECK_INT(sinkrun_open(&r, &sink_syslog, "transport=tcp,address=no-such-host.invalid:514"),
		  0);
	for (int i = 0; i < 20; i++) {
		t0 = clock_mono_ns();
		r.sink->poll(r.state, 10);
		CHECK(clock_mono_ns() - t0 < 200 * NS_PER_MS);
	}
	sinkrun_close(&r, 10);
}

static void bad_options_are_refused(void)
{
	static const char *const bad[] = {
		"transport=tcp",
		"transport=udp,address=host:",
		"transport=udp,address=host:0",
		"transport=udp,address=host:65536",
		"transport=udp,address=host:12x",
		"transport=udp,address=:514",
		"transport=udp,address=[::1",
		"transport=udp,address=[::1]x",
		"transport=udp,address=fe80::1",
		"transport=udp,address=localhost:514,max_bytes=70000",
		"max_bytes=100",
		"facility=local8",
	};
	static const char *const good[] = {
		"transport=udp,address=localhost",
		"transport=udp,address=[::1]",
		"transport=tcp,address=[::1]:6514",
	};
	struct sinkrun r;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int rc = sinkrun_open(&r, &sink_syslog, bad[i]);

		if (rc != -EINVAL || !*r.err)
			test_fail(__FILE__, __LINE__, "%s: %d %s", bad[i], rc, r.err);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK_INT(sinkrun_open(&r, &sink_syslog, good[i]), 0);
		sinkrun_close(&r, 0);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(unix_datagrams),
		TEST(udp_datagrams),
		TEST(udp_name_with_a_second_address),
		TEST(unix_stream_has_a_line_each),
		TEST(datagram_receiver_that_comes_later_or_is_slow),
		TEST(tcp_octet_counting),
		TEST(tcp_resends_what_was_not_acknowledged),
		TEST(tcp_receiver_down_then_up),
		TEST(close_counts_what_is_left_and_keeps_its_time),
		TEST(names_are_resolved_without_blocking),
		TEST(bad_options_are_refused),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
