/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * yaml_load: a regular file of bounded size, read whole. What could block a reader or never end
 * (FIFO, device) is refused before it is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "pipeline/util.h"
#include "pipeline/yaml.h"

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

/* The file's descriptor, or negative errno with the reason in d. */
static int open_regular(const char *file, struct diags *d)
{
	CLEANUP_CLOSE int fd = -1;
	const char *what;
	struct stat st;

	if (stat(file, &st) == 0 && (what = not_regular(st.st_mode))) {
		diag_add(d, file, 0, 0, "%s, not a file", what);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		int err = errno;

		diag_add(d, file, 0, 0, "cannot be opened: %s", strerror(err));
		return -err;
	}
	what = not_regular(st.st_mode); /* once more: the name may mean another file by now */
	if (what) {
		diag_add(d, file, 0, 0, "%s, not a file", what);
		return -EINVAL;
	}
	return TAKE_FD(fd);
}

int yaml_load(struct yaml_doc **out, const char *file, struct diags *d)
{
	CLEANUP_CLOSE int fd = open_regular(file, d);
	struct buf b = { .max = YAML_MAX_BYTES + 4096 };
	int err = 0;

	if (fd < 0)
		return fd;
	while (b.len <= YAML_MAX_BYTES) {
		ssize_t n;

		err = buf_reserve(&b, b.len ? b.cap - b.len ? 1 : MIN(b.len, b.max - b.len) : 4096);
		if (err)
			break;
		n = read(fd, b.p + b.len, b.cap - b.len);
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : 0;
		if (n <= 0)
			break;
		b.len += (size_t)n;
	}
	if (err)
		diag_add(d, file, 0, 0, "cannot be read: %s", strerror(-err));
	else
		err = yaml_parse(out, file, (struct str){ b.p, (uint32_t)b.len }, d);
	buf_free(&b);
	return err;
}
