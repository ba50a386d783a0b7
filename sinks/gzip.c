/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The compressing thread of gzip.h. It keeps no list: each time it is woken it looks for rotated
 * files that are not compressed, so that nothing is lost over a restart.
 *
 * A file is compressed into NAME.gz.tmp, synced, renamed to NAME.gz, and only then is NAME
 * removed: whenever the machine stops, one of the two is whole. Replacing and deleting happen
 * under the lock of the directory, so that a file that the cap deleted does not come back.
 */
#include "sinks/gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <zlib.h>

#include "pipeline/replace.h"
#include "pipeline/util.h"

enum { SLICE = 64 << 10, LEVEL = 6, GZIP_WINDOW = 15 + 16, NICE = 10 };

struct gzipper {
	struct file_dir *dir;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool woken;
	_Atomic bool stop;
	_Atomic uint64_t done;
	_Atomic int error;
};

/* One slice in, whatever comes out of it. */
static int deflate_slice(z_stream *z, int out, unsigned char *in, size_t n, int flush)
{
	unsigned char buf[SLICE];
	int rc;

	z->next_in = in;
	z->avail_in = (uInt)n;
	do {
		z->next_out = buf;
		z->avail_out = sizeof(buf);
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return -EIO;
		rc = write_whole(out, buf, sizeof(buf) - z->avail_out);
		if (rc)
			return rc;
	} while (z->avail_out == 0);
	return 0;
}

static int compress_stream(struct gzipper *g, int in, int out)
{
	unsigned char buf[SLICE];
	z_stream z = { 0 };
	ssize_t n;
	int rc;

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		n = read(in, buf, sizeof(buf));
		if (n < 0)
			rc = -errno;
		else if (atomic_load(&g->stop))
			rc = -ECANCELED;
		else
			rc = deflate_slice(&z, out, buf, (size_t)n, n ? Z_NO_FLUSH : Z_FINISH);
	} while (!rc && n > 0);
	deflateEnd(&z);
	return rc;
}

/* The compressed file takes the place of the other, unless that one is gone meanwhile. */
static int replace(struct gzipper *g, const char *name, const char *tmp, const char *final)
{
	int fd = g->dir->fd, rc = 0;

	pthread_mutex_lock(&g->dir->lock);
	if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW))
		unlinkat(fd, tmp, 0);
	else if (renameat(fd, tmp, fd, final) || unlinkat(fd, name, 0))
		rc = -errno;
	pthread_mutex_unlock(&g->dir->lock);
	return rc;
}

static int compress_file(struct gzipper *g, const char *name)
{
	char final[FILE_NAME_MAX + 4], tmp[FILE_NAME_MAX + 8];
	CLEANUP_CLOSE int in = -1, out = -1;
	int fd = g->dir->fd, rc;

	snprintf(final, sizeof(final), "%s.gz", name);
	snprintf(tmp, sizeof(tmp), "%s.tmp", final);
	in = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0)
		return errno == ENOENT ? 0 : -errno;
	out = openat(fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	rc = compress_stream(g, in, out);
	if (!rc && fdatasync(out))
		rc = -errno;
	if (!rc)
		rc = replace(g, name, tmp, final);
	if (rc)
		unlinkat(fd, tmp, 0);
	else
		atomic_fetch_add(&g->done, 1);
	return rc;
}

/* The run before stopped between the two steps of replace: the compressed one is whole. */
static bool has_twin(const struct file_entry *list, int n, const struct file_entry *e)
{
	for (int i = 0; i < n; i++)
		if (list[i].gzip && list[i].seq == e->seq && list[i].stream == e->stream)
			return true;
	return false;
}

/* 0: nothing left to do. 1: there may be more. Or -errno. */
static int compress_next(struct gzipper *g)
{
	CLEANUP_FREE struct file_entry *list = NULL;
	int n = file_dir_scan(g->dir->fd, &list), rc;

	for (int i = 0; i < n; i++) {
		if (list[i].temporary || list[i].gzip)
			continue;
		if (has_twin(list, n, &list[i])) {
			unlinkat(g->dir->fd, list[i].name, 0);
			continue;
		}
		rc = compress_file(g, list[i].name);
		return rc ? rc : 1;
	}
	return n < 0 ? n : 0;
}

static void *gzipper_thread(void *arg)
{
	struct gzipper *g = arg;
	int rc;

	prctl(PR_SET_NAME, "file-gzip");
	setpriority(PRIO_PROCESS, 0, NICE); /* this thread alone, on Linux */
	while (!atomic_load(&g->stop)) {
		rc = compress_next(g);
		if (rc < 0 && rc != -ECANCELED)
			atomic_store(&g->error, -rc);
		pthread_mutex_lock(&g->lock);
		while (rc <= 0 && !g->woken && !atomic_load(&g->stop))
			pthread_cond_wait(&g->wake, &g->lock);
		g->woken = false;
		pthread_mutex_unlock(&g->lock);
	}
	return NULL;
}

int gzipper_new(struct gzipper **out, struct file_dir *d)
{
	struct gzipper *g = calloc(1, sizeof(*g));
	sigset_t all, old;
	int rc;

	if (!g)
		return -ENOMEM;
	g->dir = d;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->wake, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&g->thread, NULL, gzipper_thread, g);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		free(g);
		return -rc;
	}
	*out = g;
	return 0;
}

void gzipper_wake(struct gzipper *g)
{
	pthread_mutex_lock(&g->lock);
	g->woken = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
}

uint64_t gzipper_done(const struct gzipper *g)
{
	return atomic_load(&g->done);
}

int gzipper_take_error(struct gzipper *g)
{
	return atomic_exchange(&g->error, 0);
}

void gzipper_free(struct gzipper *g)
{
	if (!g)
		return;
	atomic_store(&g->stop, true);
	gzipper_wake(g);
	pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->lock);
	free(g);
}
