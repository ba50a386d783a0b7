/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * /proc of one process. Nothing here follows a path that the process chose: links are read, not
 * walked, and attributes come from the kernel's cache, so that a file system served by user space
 * (FUSE) cannot hold the caller.
 */
#include "enrichers/proc_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "bpf/event.h"
#include "pipeline/util.h"

enum { STAT_TEXT = 1024, START_FIELD = 22, STATE_FIELD = 3 };

bool proc_start_ticks(struct str stat, uint64_t *ticks)
{
	const char *end = stat.p + stat.len, *p;
	uint64_t v = 0;
	int field = STATE_FIELD - 1;

	/* The second field is the comm in parentheses, which may hold some itself. */
	p = stat.len ? memrchr(stat.p, ')', stat.len) : NULL;
	for (; p && p < end && field < START_FIELD; p++)
		field += *p == ' ';
	if (!p || p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	*ticks = v;
	return true;
}

static bool started_at(int dir, uint64_t start_ns)
{
	CLEANUP_CLOSE int fd = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	uint64_t ticks, tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	char text[STAT_TEXT];
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	return n > 0 && proc_start_ticks((struct str){ text, (uint32_t)n }, &ticks) &&
	       ticks == start_ns / tick_ns;
}

int proc_dir(uint32_t pid, uint64_t start_ns)
{
	char path[32];
	CLEANUP_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!started_at(fd, start_ns))
		return -ESRCH;
	return TAKE_FD(fd);
}

bool proc_exists(uint32_t pid, uint64_t start_ns)
{
	CLEANUP_CLOSE int fd = proc_dir(pid, start_ns);

	return fd >= 0;
}

static bool unlinked(int dir, const char *name)
{
	struct statx st;

	return !statx(dir, name, AT_STATX_DONT_SYNC, STATX_NLINK, &st) &&
	       st.stx_mask & STATX_NLINK && !st.stx_nlink;
}

bool proc_link(struct buf *out, uint32_t pid, uint64_t start_ns, const char *name)
{
	static const char mark[] = " (deleted)";
	CLEANUP_CLOSE int dir = proc_dir(pid, start_ns);
	const size_t mark_len = sizeof(mark) - 1;
	char path[PATH_MAX];
	bool deleted;
	ssize_t n;

	if (dir < 0)
		return false;
	n = readlinkat(dir, name, path, sizeof(path));
	if (n <= 0 || (size_t)n == sizeof(path) || path[0] != '/')
		return false;
	deleted = (size_t)n > mark_len && !memcmp(path + n - mark_len, mark, mark_len);
	if (deleted && !unlinked(dir, name))
		return false;
	buf_reset(out);
	buf_add(out, path, deleted ? (size_t)n - mark_len : (size_t)n);
	buf_char(out, 0);
	if (deleted)
		buf_add(out, "deleted", sizeof("deleted"));
	return !out->failed;
}

bool proc_args(struct buf *out, uint32_t pid, uint64_t start_ns)
{
	CLEANUP_CLOSE int dir = proc_dir(pid, start_ns);
	CLEANUP_CLOSE int fd = dir < 0 ? -1 : openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	buf_reset(out);
	if (buf_reserve(out, EV_ARGS_MAX))
		return false;
	while (n > 0 && out->len < EV_ARGS_MAX) {
		n = read(fd, out->p + out->len, EV_ARGS_MAX - out->len);
		out->len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 || !out->len)
		return false;
	/* Room for the NUL that ends what was cut. */
	if (out->p[out->len - 1] && out->len == EV_ARGS_MAX)
		out->len--;
	return true;
}
