/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Cgroups by inode. The id is the file handle of kernfs, so opening it by handle gives the
 * directory at once; where that is not allowed, a bounded walk looks for the inode. Either way
 * the path that was found is looked at again: its inode must be the one asked for.
 */
#include "enrichers/cgroup_ask.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

enum {
	KERNFS_HANDLE = 0xfe, /* FILEID_KERNFS of the kernel's exportfs.h */
	WALK_DEPTH = 32,
	WALK_ENTRIES = 20000,
	LOOK_AGAIN_NS = 1000000000,
	PROC_TEXT_MAX = 1 << 20,
};

static struct str word(struct str *s, char end)
{
	const char *p = s->len ? memchr(s->p, end, s->len) : NULL;
	struct str w = { s->p, p ? (uint32_t)(p - s->p) : s->len };
	uint32_t used = p ? w.len + 1 : w.len;

	*s = (struct str){ s->p + used, s->len - used };
	return w;
}

static bool has_word(struct str list, struct str w)
{
	while (list.len)
		if (str_eq(word(&list, ','), w))
			return true;
	return false;
}

static bool octal(const char *p)
{
	return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
	       p[2] <= '7';
}

/* mountinfo writes blanks, tabs, newlines and backslashes as \ooo. */
static char *unescape(struct str s)
{
	char *out = malloc(s.len + 1), *to = out;

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && s.len - i > 3 && octal(s.p + i + 1)) {
			*to++ = (char)((s.p[i + 1] - '0') << 6 | (s.p[i + 2] - '0') << 3 |
				       (s.p[i + 3] - '0'));
			i += 3;
		} else {
			*to++ = s.p[i];
		}
	}
	*to = 0;
	return out;
}

/* The v1 hierarchy whose controllers the super block's options name. 0: none. */
static uint32_t hierarchy_of(struct str cgroups, struct str options)
{
	while (cgroups.len) {
		struct str line = word(&cgroups, '\n'), id = word(&line, ':');
		struct str controllers = word(&line, ':'), first = word(&controllers, ',');
		uint32_t v = 0;

		for (uint32_t i = 0; i < id.len && i < 9; i++)
			v = v * 10 + (uint32_t)(id.p[i] - '0');
		if (v && first.len && has_word(options, first))
			return v;
	}
	return 0;
}

static struct cgroup_mount *find(struct cgroup_mounts *m, uint32_t hierarchy)
{
	for (uint32_t i = 0; i < m->count; i++)
		if (m->items[i].hierarchy == hierarchy)
			return &m->items[i];
	return NULL;
}

static void add_mount(struct cgroup_mounts *m, uint32_t hierarchy, struct str root,
		      struct str point)
{
	struct cgroup_mount *c = &m->items[m->count];

	if (m->count == CGROUP_MOUNTS_MAX || find(m, hierarchy))
		return;
	*c = (struct cgroup_mount){ hierarchy, -1, unescape(root), unescape(point) };
	if (c->root && c->point)
		c->fd = open(c->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0) {
		free(c->root);
		free(c->point);
		return;
	}
	m->count++;
}

/* id parent dev root point options [tags] - type source superoptions */
static void parse_line(struct cgroup_mounts *m, struct str line, struct str cgroups)
{
	struct str root, point, type, options;
	uint32_t hierarchy = 0;

	for (int i = 0; i < 3; i++)
		word(&line, ' ');
	root = word(&line, ' ');
	point = word(&line, ' ');
	while (line.len && !str_eq(word(&line, ' '), STR("-")))
		;
	type = word(&line, ' ');
	word(&line, ' ');
	options = line;
	if (str_eq(type, STR("cgroup"))) {
		hierarchy = hierarchy_of(cgroups, options);
		if (!hierarchy)
			return;
	} else if (!str_eq(type, STR("cgroup2"))) {
		return;
	}
	add_mount(m, hierarchy, root, point);
}

void cgroup_mounts_parse(struct cgroup_mounts *m, struct str mountinfo, struct str cgroups)
{
	while (mountinfo.len)
		parse_line(m, word(&mountinfo, '\n'), cgroups);
}

static void read_text(struct buf *b, const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		buf_add(b, part, (size_t)n);
}

void cgroup_mounts_read(struct cgroup_mounts *m)
{
	struct buf mounts = { .max = PROC_TEXT_MAX }, cgroups = { .max = PROC_TEXT_MAX };

	cgroup_mounts_free(m);
	read_text(&mounts, "/proc/self/mountinfo");
	read_text(&cgroups, "/proc/self/cgroup");
	cgroup_mounts_parse(m, (struct str){ mounts.p, (uint32_t)mounts.len },
			    (struct str){ cgroups.p, (uint32_t)cgroups.len });
	m->read_ns = clock_mono_ns();
	buf_free(&mounts);
	buf_free(&cgroups);
}

void cgroup_mounts_free(struct cgroup_mounts *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		close(m->items[i].fd);
		free(m->items[i].root);
		free(m->items[i].point);
	}
	m->count = 0;
}

/* The directory of the mount whose path below its root is `below`, with the inode checked. */
static bool finish(const struct cgroup_mount *m, uint64_t id, const char *below, struct buf *out)
{
	struct stat st;

	if (fstatat(m->fd, below[1] ? below + 1 : ".", &st, AT_SYMLINK_NOFOLLOW) || st.st_ino != id)
		return false;
	buf_reset(out);
	if (strcmp(m->root, "/"))
		buf_lit(out, m->root);
	if (below[1] || !out->len)
		buf_lit(out, below);
	return !out->failed;
}

/* 1 found, 0 there is none, -1 handles do not work here. */
static int by_handle(const struct cgroup_mount *m, uint64_t id, struct buf *out)
{
	struct {
		struct file_handle h;
		uint64_t id;
	} handle = { .h = { .handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE }, .id = id };
	char link[32], path[PATH_MAX];
	CLEANUP_CLOSE int fd = open_by_handle_at(m->fd, &handle.h, O_PATH | O_CLOEXEC);
	size_t point = strlen(m->point);
	ssize_t n;

	if (fd < 0)
		return errno == ESTALE || errno == ENOENT ? 0 : -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < (ssize_t)point || memcmp(path, m->point, point))
		return 0;
	path[n] = 0;
	if (path[point] && path[point] != '/')
		return 0;
	return finish(m, id, path[point] ? path + point : "/", out);
}

struct walk {
	uint64_t id;
	uint32_t entries; /* still allowed */
	struct buf path;
};

static bool walk_dir(struct walk *w, int fd, uint32_t depth)
{
	size_t len = w->path.len;
	bool found = false;
	struct dirent *d;
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return false;
	}
	while (!found && w->entries && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || !strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		w->entries--;
		buf_char(&w->path, '/');
		buf_lit(&w->path, d->d_name);
		found = d->d_ino == w->id;
		if (!found && depth < WALK_DEPTH) {
			int sub = openat(dirfd(dir), d->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			found = sub >= 0 && walk_dir(w, sub, depth + 1);
		}
		if (!found)
			w->path.len = len;
	}
	closedir(dir);
	return found;
}

static bool by_walk(const struct cgroup_mount *m, uint64_t id, struct buf *out)
{
	struct walk w = { .id = id, .entries = WALK_ENTRIES, .path.max = PATH_MAX };
	int fd = openat(m->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool found = false;

	if (!fstat(m->fd, &st) && st.st_ino == id)
		buf_char(&w.path, '/');
	else if (fd >= 0)
		found = walk_dir(&w, TAKE_FD(fd), 0);
	if (fd >= 0)
		close(fd);
	buf_char(&w.path, 0);
	found = !w.path.failed && w.path.len > 1 && finish(m, id, w.path.p, out);
	buf_free(&w.path);
	return found;
}

bool cgroup_path(struct cgroup_mounts *m, uint64_t id, uint32_t hierarchy, struct buf *out)
{
	struct cgroup_mount *c = find(m, hierarchy);
	int rc = -1;

	if (!c && clock_mono_ns() - m->read_ns > LOOK_AGAIN_NS) {
		cgroup_mounts_read(m);
		c = find(m, hierarchy);
	}
	if (!c)
		return false;
	if (!m->walk)
		rc = by_handle(c, id, out);
	return rc < 0 ? by_walk(c, id, out) : rc;
}
