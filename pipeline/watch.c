/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Watches of watch.h. The kernel watches directories: those named, and for each path the one it
 * lies in, of which only the entry of its name counts.
 */
#include "pipeline/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/util.h"

enum {
	EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE,
	DIRS_MAX = 4096,
};

struct watched {
	int wd;
	char *dir;
	char *name; /* of the entry that counts; NULL: every entry does */
};

struct watch {
	int fd;
	struct watched *items;
	uint32_t count;
};

int watch_new(struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0) {
		rc = -errno;
		free(w);
		return rc;
	}
	*out = w;
	return 0;
}

static void watched_free(struct watched *i)
{
	free(i->dir);
	free(i->name);
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->count; i++)
		watched_free(&w->items[i]);
	free(w->items);
	close(w->fd);
	free(w);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static int watch_dir(struct watch *w, const char *dir, const char *name)
{
	int wd = inotify_add_watch(w->fd, dir, EVENTS | IN_ONLYDIR);
	struct watched *grown;

	if (wd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->items[i].wd == wd && same(w->items[i].name, name))
			return 0;
	if (w->count >= DIRS_MAX)
		return -ENOSPC;
	grown = reallocarray(w->items, w->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	w->items = grown;
	grown[w->count] = (struct watched){ wd, strdup(dir), name ? strdup(name) : NULL };
	if (!grown[w->count].dir || (name && !grown[w->count].name)) {
		watched_free(&grown[w->count]);
		return -ENOMEM;
	}
	w->count++;
	return 0;
}

/* The directory that path lies in, for its last name. */
static int watch_entry(struct watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	size_t len = slash ? (size_t)(slash - path) : 0;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	if (!slash)
		return watch_dir(w, ".", path);
	if (!slash[1])
		return 0; /* "dir/": itself is watched */
	memcpy(dir, path, len);
	dir[len] = 0;
	return watch_dir(w, len ? dir : "/", slash + 1);
}

static int watch_below(struct watch *w, const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	char path[PATH_MAX];
	int rc = watch_dir(w, dir, NULL);

	if (!d)
		return rc ? rc : -errno;
	while (!rc && (e = readdir(d))) {
		if (e->d_name[0] == '.' ||
		    (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN && e->d_type != DT_LNK))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path))
			rc = e->d_type == DT_LNK ? watch_add(w, path) : watch_dir(w, path, NULL);
	}
	closedir(d);
	return rc;
}

int watch_add(struct watch *w, const char *path)
{
	char real[PATH_MAX];
	struct stat st;
	int rc = watch_entry(w, path);

	if (rc || !realpath(path, real) || stat(real, &st))
		return rc;
	if (strcmp(real, path))
		rc = watch_entry(w, real);
	if (!rc && S_ISDIR(st.st_mode))
		rc = watch_below(w, real);
	return rc;
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* A file that was just made is looked at when it is closed; a link to one is there at once. */
static bool still_written(const struct watched *i, const struct inotify_event *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (!(e->mask & IN_CREATE) || !e->len ||
	    snprintf(path, sizeof(path), "%s/%s", i->dir, e->name) >= (int)sizeof(path))
		return false;
	return !lstat(path, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static bool counts(const struct watch *w, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	for (uint32_t i = 0; i < w->count; i++)
		if (w->items[i].wd == e->wd &&
		    (!w->items[i].name || (e->len && !strcmp(w->items[i].name, e->name))))
			return !still_written(&w->items[i], e);
	return false;
}

bool watch_read(struct watch *w)
{
	_Alignas(struct inotify_event) char buf[16384];
	bool changed = false;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			changed |= counts(w, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	return changed;
}
