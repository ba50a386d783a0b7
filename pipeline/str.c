/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Growing buffers, arenas and the like of str.h.
 */
#include "pipeline/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void str_printable(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

int buf_reserve(struct buf *b, size_t more)
{
	size_t want, cap;
	char *p;

	if (__builtin_add_overflow(b->len, more, &want) || (b->max && want > b->max))
		return -ENOSPC;
	if (want <= b->cap)
		return 0;
	cap = b->cap ? b->cap : 256;
	while (cap < want)
		if (__builtin_mul_overflow(cap, 2, &cap))
			return -ENOMEM;
	if (b->max && cap > b->max)
		cap = b->max;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (b->failed || !n)
		return;
	if (b->cap - b->len < n && buf_reserve(b, n)) {
		b->failed = true;
		return;
	}
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	char text[256];
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(text)) {
		buf_add(b, text, (size_t)n);
	} else if (n < 0 || b->failed || buf_reserve(b, (size_t)n + 1)) {
		b->failed = true;
	} else {
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

int arena_init(struct arena *a, size_t size)
{
	a->base = malloc(size);
	if (!a->base)
		return -ENOMEM;
	a->size = size;
	a->used = 0;
	return 0;
}

struct buf arena_buf(struct arena *a, size_t max)
{
	char *mem = arena_get(a, max);

	return (struct buf){ .p = mem, .cap = mem ? max : 0, .max = mem ? max : 1 };
}

struct str arena_kept(struct arena *a, const struct buf *b)
{
	if (!b->p)
		return (struct str){ NULL, 0 };
	a->used = (size_t)(b->p - a->base) + b->len;
	return (struct str){ b->p, (uint32_t)b->len };
}

void arena_free(struct arena *a)
{
	free(a->base);
	*a = (struct arena){ 0 };
}
