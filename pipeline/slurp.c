/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * slurp.h. Not for the consumer thread.
 */
#include "pipeline/slurp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pipeline/util.h"

static const char *not_regular(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return NULL;
	case S_IFDIR: return "is a directory";
	case S_IFIFO: return "is a FIFO";
	case S_IFSOCK: return "is a socket";
	default: return "is a device";
	}
}

/* The file's descriptor, or negative errno with why filled. */
static int open_regular(const char *file, char *why, size_t why_len)
{
	CLEANUP_CLOSE int fd = -1;
	const char *what;
	struct stat st;

	if (stat(file, &st) == 0 && (what = not_regular(st.st_mode))) {
		snprintf(why, why_len, "%s, not a file", what);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;

		snprintf(why, why_len, "cannot be opened: %s", strerror(err));
		return -err;
	}
	what = not_regular(st.st_mode); /* once more: the name may mean another file by now */
	if (what) {
		snprintf(why, why_len, "%s, not a file", what);
		return -EINVAL;
	}
	return TAKE_FD(fd);
}

/* All of it, and up to 4 KiB past max. */
static int read_all(int fd, uint32_t max, struct buf *b)
{
	int err;

	b->max = (size_t)max + 4096;
	while (b->len <= max) {
		ssize_t n;

		err = buf_reserve(b, b->len ? b->cap - b->len ? 1 : MIN(b->len, b->max - b->len)
					    : 4096);
		if (err)
			return err;
		n = read(fd, b->p + b->len, b->cap - b->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		b->len += (size_t)n;
	}
	return 0;
}

int slurp(const char *file, uint32_t max, struct buf *b, char *why, size_t why_len)
{
	CLEANUP_CLOSE int fd = open_regular(file, why, why_len);
	int err;

	if (fd < 0)
		return fd;
	err = read_all(fd, max, b);
	if (!err && b->len > max) {
		snprintf(why, why_len, "larger than %u bytes", max);
		return -E2BIG;
	}
	if (err)
		snprintf(why, why_len, "cannot be read: %s", strerror(-err));
	return err;
}
