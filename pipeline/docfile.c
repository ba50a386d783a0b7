/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * docfile.h. Where a document ends is found by its braces: what follows the line of its last brace
 * belongs to the next.
 */
#include "pipeline/docfile.h"

#include <errno.h>
#include <stdlib.h>

/* Braces that are open, and whether a text is. */
struct scan {
	uint32_t depth;
	bool in_text, escaped;
};

int docfile_open(struct docfile *d, const char *name)
{
	*d = (struct docfile){ .text.max = DOCFILE_MAX };
	d->f = strcmp(name, "-") ? fopen(name, "re") : stdin;
	return d->f ? 0 : -errno;
}

void docfile_close(struct docfile *d)
{
	if (d->f && d->f != stdin)
		fclose(d->f);
	free(d->line);
	buf_free(&d->text);
	*d = (struct docfile){ 0 };
}

static void scan(struct scan *s, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s->escaped)
			s->escaped = false;
		else if (s->in_text && p[i] == '\\')
			s->escaped = true;
		else if (p[i] == '"')
			s->in_text = !s->in_text;
		else if (!s->in_text && p[i] == '{')
			s->depth++;
		else if (!s->in_text && p[i] == '}' && s->depth)
			s->depth--;
	}
}

static bool is_blank(const char *p, size_t len)
{
	return strspn(p, " \t\r\n") >= len;
}

/* The next line into d->line: its length, 0 at the end, -errno. */
static ssize_t next_line(struct docfile *d)
{
	ssize_t n;

	errno = 0;
	n = getline(&d->line, &d->line_room, d->f);
	if (n < 0)
		return feof(d->f) ? 0 : -(errno ? errno : EIO);
	d->at++;
	d->line_len = (size_t)n;
	return n;
}

int docfile_next(struct docfile *d, struct str *json, uint32_t *at)
{
	struct scan s = { 0 };
	ssize_t n;

	buf_reset(&d->text);
	for (;;) {
		n = d->pending ? (ssize_t)d->line_len : next_line(d);
		d->pending = false;
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		if (!d->text.len && !d->text.failed) {
			if (is_blank(d->line, (size_t)n))
				continue;
			*at = d->at;
		} else if (d->line[0] == '{') {
			d->pending = true;
			break;
		}
		scan(&s, d->line, (size_t)n);
		buf_add(&d->text, d->line, (size_t)n);
		if (!s.depth)
			break;
	}
	if (d->text.failed)
		return -E2BIG;
	*json = (struct str){ d->text.p, (uint32_t)d->text.len };
	return d->text.len ? 1 : 0;
}
