/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The line of facts, and what a process can read about itself.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int need_comma;

static void text(const void *p, size_t len)
{
	const unsigned char *s = p;

	putchar('"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			printf("\\%c", s[i]);
		else if (s[i] < 0x20 || s[i] > 0x7e)
			printf("\\u00%02x", s[i]);
		else
			putchar(s[i]);
	}
	putchar('"');
}

static void key_out(const char *key)
{
	if (need_comma)
		putchar(',');
	if (key) {
		text(key, strlen(key));
		putchar(':');
	}
	need_comma = 1;
}

void fact_int(const char *key, long long value)
{
	key_out(key);
	printf("%lld", value);
}

void fact_bytes(const char *key, const void *value, size_t len)
{
	key_out(key);
	text(value, len);
}

void fact_str(const char *key, const char *value)
{
	fact_bytes(key, value, strlen(value));
}

void fact_open(const char *key, char bracket)
{
	key_out(key);
	putchar(bracket);
	need_comma = 0;
}

void fact_close(char bracket)
{
	putchar(bracket);
	need_comma = 1;
}

/* The numbers of /proc are those of the host's pid namespace, getpid's may not be. */
void facts_begin(void)
{
	char b[64];
	ssize_t n;

	need_comma = 0;
	putchar('{');
	n = readlink("/proc/thread-self", b, sizeof(b) - 1);
	b[n > 0 ? n : 0] = 0;
	fact_int("pid", n > 0 ? atoi(b) : getpid());
	fact_int("tid", n > 0 ? atoi(strrchr(b, '/') + 1) : syscall(SYS_gettid));
}

void facts_end(void)
{
	puts("}");
	fflush(stdout);
}

static void fact_link(const char *key, const char *path)
{
	char b[8192];
	ssize_t n = readlink(path, b, sizeof(b));

	if (n >= 0)
		fact_bytes(key, b, n);
}

/* A small file of /proc, without the line feed at its end. Returns its length, or -1. */
static ssize_t slurp(const char *path, char *b, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = 0, got;

	if (fd < 0)
		return -1;
	while (n < (ssize_t)size - 1 && (got = read(fd, b + n, size - 1 - n)) > 0)
		n += got;
	close(fd);
	if (n > 0 && b[n - 1] == '\n')
		n--;
	b[n] = 0;
	return n;
}

static void facts_status(void)
{
	static const char *const names[] = { "Uid", "Gid", "CapInh", "CapPrm", "CapEff" };
	char b[8192], *line, *save = NULL;

	if (slurp("/proc/self/status", b, sizeof(b)) < 0)
		return;
	for (line = strtok_r(b, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(line, names[i], strlen(names[i])) &&
			    line[strlen(names[i])] == ':')
				fact_str(names[i], line + strlen(names[i]) + 2);
}

static void facts_namespaces(void)
{
	static const char *const names[] = { "mnt", "pid", "net", "uts", "ipc", "user", "cgroup" };
	char path[64];
	struct stat st;

	fact_open("namespace", '{');
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (!stat(path, &st))
			fact_int(names[i], st.st_ino);
	}
	fact_close('}');
}

static void facts_args(void)
{
	static char b[4 << 20];
	ssize_t n = slurp("/proc/self/cmdline", b, sizeof(b));

	fact_open("args", '[');
	for (ssize_t at = 0; at < n; at += strlen(b + at) + 1)
		fact_str(NULL, b + at);
	fact_close(']');
}

void facts_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		die(path);
	fact_int("inode", st.st_ino);
	fact_int("device_major", major(st.st_dev));
	fact_int("device_minor", minor(st.st_dev));
	fact_int("mode", st.st_mode);
	fact_int("uid", st.st_uid);
	fact_int("gid", st.st_gid);
}

void facts_fd(int fd, int err)
{
	struct stat st;
	int flags;

	if (fd < 0) {
		fact_int("errno", err);
		return;
	}
	if (fstat(fd, &st))
		die("fstat");
	flags = fcntl(fd, F_GETFL);
	fact_int("fd", fd);
	fact_int("inode", st.st_ino);
	fact_int("device_major", major(st.st_dev));
	fact_int("device_minor", minor(st.st_dev));
	fact_int("mode", st.st_mode);
	fact_int("uid", st.st_uid);
	fact_int("gid", st.st_gid);
	fact_int("flags", flags);
}

void facts_process(void)
{
	char b[8192];
	struct stat st;

	fact_open("process", '{');
	facts_status();
	facts_namespaces();
	fact_link("exe", "/proc/self/exe");
	fact_link("cwd", "/proc/self/cwd");
	if (!stat("/proc/self/exe", &st)) {
		fact_int("exe_inode", st.st_ino);
		fact_int("exe_major", major(st.st_dev));
		fact_int("exe_minor", minor(st.st_dev));
		fact_int("exe_mode", st.st_mode);
		fact_int("exe_uid", st.st_uid);
	}
	if (slurp("/proc/self/comm", b, sizeof(b)) >= 0)
		fact_str("comm", b);
	if (slurp("/proc/self/stat", b, sizeof(b)) >= 0)
		fact_str("stat", b);
	if (slurp("/proc/self/loginuid", b, sizeof(b)) >= 0)
		fact_str("loginuid", b);
	if (slurp("/proc/self/sessionid", b, sizeof(b)) >= 0)
		fact_str("sessionid", b);
	if (slurp("/proc/self/cgroup", b, sizeof(b)) >= 0)
		fact_str("cgroup", b);
	facts_args();
	fact_close('}');
}

void skip(const char *fmt, ...)
{
	char b[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	printf("{\"skip\":");
	text(b, strlen(b));
	puts("}");
	fflush(stdout);
	_exit(0);
}

void die(const char *what)
{
	fprintf(stderr, "act: %s: %s\n", what, strerror(errno));
	exit(1);
}
