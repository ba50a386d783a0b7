/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The dispatcher of system call exits: each slot is reached, by 64-bit and by 32-bit calls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/harness/live.h"

/* Memory that a 32-bit system call can point to. */
struct low {
	char path[64];
	struct sockaddr_in addr;
	uint32_t args[6];
};

static struct low *low_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static long call32(long nr, long b, long c, long d)
{
#ifdef __x86_64__
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(b), "c"(c), "d"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
#else
	return -ENOSYS;
#endif
}

static void need_32bit(void)
{
	if (call32(20 /* getpid */, 0, 0, 0) != getpid())
		test_skip("this kernel takes no 32-bit system calls");
}

static uint32_t count(const struct live *l, uint32_t kind)
{
	uint32_t n = 0;

	for (const struct ev_hdr *h = NULL; (h = live_find(l, h, kind, (uint32_t)getpid()));)
		n++;
	return n;
}

static void opens_32bit(void)
{
	struct low *m = low_memory();
	const struct ev_hdr *h = NULL;
	char text[4096];
	struct live l;
	long fd[4];

	need_32bit();
	live_open(&l, &live_defaults);
	strcpy(m->path, "/etc/hostname");
	fd[0] = call32(5 /* open */, (long)m->path, O_RDONLY, 0);
	fd[1] = call32(295 /* openat */, AT_FDCWD, (long)m->path, O_RDONLY);
	fd[2] = open(m->path, O_RDONLY | O_CLOEXEC);
	fd[3] = call32(102 /* socketcall: nothing to open */, 99, 0, 0);
	CHECK(fd[0] >= 0 && fd[1] >= 0 && fd[2] >= 0 && fd[3] < 0);
	for (int i = 0; i < 3; i++)
		close((int)fd[i]);
	live_read(&l);
	CHECK_INT(count(&l, EV_OPEN), 3);
	while ((h = live_find(&l, h, EV_OPEN, (uint32_t)getpid())))
		CHECK_STR(live_path(h, &((const struct ev_open *)h)->path, text, sizeof(text)),
			  "/etc/hostname");
	live_close(&l);
	munmap(m, 4096);
}

/* A listening socket, and its address in m. */
static int listening(struct low *m)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(m->addr);

	m->addr.sin_family = AF_INET;
	m->addr.sin_port = 0;
	m->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&m->addr, len) && !listen(fd, 8));
	CHECK(!getsockname(fd, (struct sockaddr *)&m->addr, &len));
	return fd;
}

static long socketcall(struct low *m, long op, uint32_t a, uint32_t b, uint32_t c)
{
	m->args[0] = a;
	m->args[1] = b;
	m->args[2] = c;
	m->args[3] = 0;
	return call32(102, op, (long)m->args, 0);
}

/* The kernel takes a call by the lower half of rax alone. */
static const long upper_half = 1L << 32 | 1L << 47;

enum entry { BITS64, BITS32, UPPER_HALF };

static void connections(enum entry entry)
{
	int server, client, datagram;
	struct low *m = low_memory();
	const struct ev_connect *c;
	struct live l;
	long fd;

	if (entry == BITS32)
		need_32bit();
	live_open(&l, &live_defaults);
	server = listening(m);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (entry == BITS32) {
		CHECK_INT(socketcall(m, 3, (uint32_t)client, (uint32_t)(uintptr_t)&m->addr,
				     sizeof(m->addr)),
			  0);
		fd = socketcall(m, 5, (uint32_t)server, 0, 0);
		CHECK_INT(socketcall(m, 3, (uint32_t)datagram, (uint32_t)(uintptr_t)&m->addr,
				     sizeof(m->addr)),
			  0);
	} else if (entry == UPPER_HALF) {
		CHECK(!syscall(upper_half | SYS_connect, client, &m->addr, sizeof(m->addr)));
		fd = syscall(upper_half | SYS_accept4, server, NULL, NULL, 0);
		CHECK(!syscall(upper_half | SYS_connect, datagram, &m->addr, sizeof(m->addr)));
	} else {
		CHECK(!connect(client, (struct sockaddr *)&m->addr, sizeof(m->addr)));
		fd = accept(server, NULL, NULL);
		CHECK(!connect(datagram, (struct sockaddr *)&m->addr, sizeof(m->addr)));
	}
	CHECK(fd >= 0);
	live_read(&l);
	CHECK_INT(count(&l, EV_CONNECT), 2);
	CHECK_INT(count(&l, EV_ACCEPT), 1);
	c = live_need(&l, EV_CONNECT, (uint32_t)getpid());
	CHECK_INT(c->dport, ntohs(m->addr.sin_port));
	CHECK_INT(c->transport, EV_TRANSPORT_TCP);
	close((int)fd);
	close(server);
	close(client);
	close(datagram);
	live_close(&l);
	munmap(m, 4096);
}

static void connections_64bit(void)
{
	connections(BITS64);
}

static void connections_32bit(void)
{
	connections(BITS32);
}

/* Only accepts are wanted: socketcall's still come, through the slot of connects. */
static void accepts_alone(void)
{
	struct probe_cfg cfg = live_defaults;
	struct low *m = low_memory();
	int server, client;
	struct live l;
	long fd;

	need_32bit();
	cfg.want = KIND_BIT(ACCEPT);
	live_open(&l, &cfg);
	server = listening(m);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!connect(client, (struct sockaddr *)&m->addr, sizeof(m->addr)));
	fd = socketcall(m, 5, (uint32_t)server, 0, 0);
	CHECK(fd >= 0);
	live_read(&l);
	CHECK_INT(count(&l, EV_ACCEPT), 1);
	CHECK_INT(count(&l, EV_CONNECT), 0);
	CHECK_INT(count(&l, EV_OPEN), 0);
	close((int)fd);
	close(server);
	close(client);
	live_close(&l);
	munmap(m, 4096);
}

/* The dispatcher goes by the lowest ten bits of a call's number. */
static void numbers_without_a_call(void)
{
	struct probe_cfg cfg = live_defaults;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	const struct ev_hdr *h;
	char text[4096];
	struct live l;

	cfg.failed_opens = 1;
	live_open(&l, &cfg);
	for (long high = 1024; high <= 1L << 28; high *= 4) {
		CHECK(syscall(high + SYS_openat, AT_FDCWD, "/no/call", O_RDONLY) < 0);
		CHECK_INT(errno, ENOSYS);
		CHECK(syscall(high + SYS_connect, 0, &to, sizeof(to)) < 0);
		CHECK(syscall(high + SYS_accept4, 0, NULL, NULL, 0) < 0);
	}
	CHECK(open("/no/file", O_RDONLY) < 0);
	live_read(&l);
	CHECK_INT(count(&l, EV_OPEN), 1);
	CHECK_INT(count(&l, EV_CONNECT) + count(&l, EV_ACCEPT), 0);
	h = live_find(&l, NULL, EV_OPEN, (uint32_t)getpid());
	CHECK_STR(live_str(h, &((const struct ev_open *)h)->requested, text, sizeof(text)),
		  "/no/file");
	live_close(&l);
}

/* What lies in the upper half of a number hides no call. */
static void numbers_with_an_upper_half(void)
{
	struct probe_cfg cfg = live_defaults;
	const struct ev_hdr *h;
	char text[4096];
	struct live l;

	cfg.failed_opens = 1;
	live_open(&l, &cfg);
	CHECK(syscall(upper_half | SYS_open, "/no/file", O_RDONLY) < 0);
	live_read(&l);
	CHECK_INT(count(&l, EV_OPEN), 1);
	h = live_find(&l, NULL, EV_OPEN, (uint32_t)getpid());
	CHECK_STR(live_str(h, &((const struct ev_open *)h)->requested, text, sizeof(text)),
		  "/no/file");
	live_close(&l);
	connections(UPPER_HALF);
}

/* A name of len bytes, some of which the search for a NUL in a word might take for one. */
static void make_name(char *name, size_t len)
{
	static const char bytes[] = "\x01\x7f\x80\x81\xff\xfe"
				    "a.";

	for (size_t i = 0; i < len; i++)
		name[i] = bytes[(i + len) % (sizeof(bytes) - 1)];
	if (name[0] == '.')
		name[0] = 'x';
	name[len] = 0;
}

/* Names are copied a word at a time where they are short: every length, any byte. */
static void names_of_every_length(bool probe_reads)
{
	char dir[TEST_DIR], path[300], text[4096];
	struct probe_cfg cfg = live_defaults;
	const struct ev_hdr *h = NULL;
	size_t base;
	struct live l;
	int fd;

	cfg.no_typed_loads = probe_reads;
	test_dir(dir);
	base = (size_t)sprintf(path, "%s/", dir);
	live_open(&l, &cfg);
	for (size_t len = 1; len < 256; len++) {
		make_name(path + base, len);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		CHECK(fd >= 0);
		close(fd);
	}
	live_read(&l);
	for (size_t len = 1; len < 256; len++) {
		make_name(path + base, len);
		CHECK_INT(unlink(path), 0);
		h = live_find(&l, h, EV_OPEN, (uint32_t)getpid());
		CHECK(h);
		CHECK_STR(live_path(h, &((const struct ev_open *)h)->path, text, sizeof(text)),
			  path);
	}
	live_close(&l);
}

static void names_by_words(void)
{
	names_of_every_length(false);
}

static void names_by_probe_reads(void)
{
	names_of_every_length(true);
}

static const struct test tests[] = {
	TEST(names_by_words),         TEST(names_by_probe_reads),       TEST(opens_32bit),
	TEST(connections_64bit),      TEST(connections_32bit),          TEST(accepts_alone),
	TEST(numbers_without_a_call), TEST(numbers_with_an_upper_half),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
