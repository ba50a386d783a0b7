/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * replace.h. Not for the consumer thread.
 */
#include "pipeline/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "pipeline/util.h"

int write_whole(int fd, const void *data, size_t len)
{
	for (const char *p = data; len;) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_to(const char *path, struct str text)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : write_whole(fd, text.p, text.len);
}

/* mode: of the file that was there; NULL: there was none. */
static int write_new(const char *path, struct str text, const mode_t *mode)
{
	int fd, rc;

	unlink(path); /* of a run that was killed; whatever it is, it is not followed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	rc = mode && fchmod(fd, *mode & 07777) ? -errno : write_whole(fd, text.p, text.len);
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

int replace_file(const char *path, struct str text)
{
	char target[PATH_MAX];
	CLEANUP_FREE char *new = NULL;
	struct stat st;
	bool there = !stat(path, &st);
	int rc;

	if (there && !S_ISREG(st.st_mode))
		return write_to(path, text);
	if (there && realpath(path, target))
		path = target;
	if (asprintf(&new, "%s.new", path) < 0) {
		new = NULL;
		return -ENOMEM;
	}
	rc = write_new(new, text, there ? &st.st_mode : NULL);
	if (!rc && rename(new, path))
		rc = -errno;
	if (rc)
		unlink(new);
	return rc;
}
