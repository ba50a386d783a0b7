/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * passwd(5) and group(5) read directly. The C library would ask name services too, which may sit
 * behind a network and block; users known only to those have no name here. Both files have the
 * name first and the id third; lines of another shape (NIS marks, comments) are passed over.
 */
#include "enrichers/passwd.h"

#include <errno.h>
#include <fcntl.h>

#include "pipeline/util.h"

void passwd_init(struct passwd_file *f, const char *path)
{
	*f = (struct passwd_file){ .path = path, .text.max = PASSWD_FILE_MAX };
}

void passwd_free(struct passwd_file *f)
{
	buf_free(&f->text);
	free(f->entries);
	passwd_init(f, f->path);
}

static struct str field(struct str *line)
{
	const char *colon = line->len ? memchr(line->p, ':', line->len) : NULL;
	struct str s = { line->p, colon ? (uint32_t)(colon - line->p) : line->len };
	uint32_t used = colon ? s.len + 1 : s.len;

	*line = (struct str){ line->p + used, line->len - used };
	return s;
}

static bool parse_id(struct str s, uint32_t *id)
{
	uint64_t v = 0;

	if (!s.len || s.len > 10)
		return false;
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	if (v >= UINT32_MAX)
		return false; /* the last one means "none" */
	*id = (uint32_t)v;
	return true;
}

static bool parse_line(struct str line, struct passwd_entry *e)
{
	e->name = field(&line);
	if (!e->name.len || e->name.len > PASSWD_NAME_MAX || strchr("+-#", e->name.p[0]) ||
	    memchr(e->name.p, 0, e->name.len))
		return false;
	field(&line);
	return parse_id(field(&line), &e->id);
}

static int by_id(const void *a, const void *b)
{
	const struct passwd_entry *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

int passwd_parse(struct passwd_file *f, struct str text)
{
	const char *p = text.p, *end = p + text.len, *nl;
	struct passwd_entry *entries;
	uint32_t lines = 1, n = 0, line = 0;

	for (uint32_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n';
	entries = calloc(lines, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		entries[n].line = ++line;
		n += parse_line((struct str){ p, (uint32_t)(nl - p) }, &entries[n]);
	}
	qsort(entries, n, sizeof(*entries), by_id);
	free(f->entries);
	f->entries = entries;
	f->count = n;
	return 0;
}

bool passwd_find(const struct passwd_file *f, uint32_t id, struct str *name)
{
	uint32_t lo = 0, hi = f->count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->entries[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == f->count || f->entries[lo].id != id)
		return false;
	*name = f->entries[lo].name;
	return true;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A cut last line must not give a name to a cut id: it goes. */
static void cut_last_line(struct buf *b)
{
	while (b->len && b->p[b->len - 1] != '\n')
		b->len--;
}

static int read_file(struct buf *b, const char *path, struct stat *st)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = 1;

	if (fd < 0 || fstat(fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	buf_reset(b);
	while (n > 0) {
		if (b->len == b->max) {
			cut_last_line(b);
			break;
		}
		if (b->len == b->cap && buf_reserve(b, 1))
			return -ENOMEM;
		n = read(fd, b->p + b->len, b->cap - b->len);
		if (n < 0)
			return -errno;
		b->len += (size_t)n;
	}
	return 0;
}

static int refresh(struct passwd_file *f)
{
	struct stat now;
	struct buf text = { .max = PASSWD_FILE_MAX };
	int rc;

	if (stat(f->path, &now))
		return -errno;
	if (f->entries && unchanged(&now, &f->seen))
		return 0;
	rc = read_file(&text, f->path, &now);
	if (!rc)
		rc = passwd_parse(f, (struct str){ text.p, (uint32_t)text.len });
	if (rc) {
		buf_free(&text);
		return rc;
	}
	buf_free(&f->text);
	f->text = text;
	f->seen = now;
	return 0;
}

bool passwd_name(struct passwd_file *f, uint32_t id, struct str *name)
{
	return refresh(f) == 0 && passwd_find(f, id, name);
}
