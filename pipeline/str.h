/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Byte strings. Names on Linux are bytes, so everything here has a length and may hold any byte;
 * none is NUL-terminated unless its owner says so.
 */
#ifndef TOCSIN_STR_H
#define TOCSIN_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	uint32_t len;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })

static inline struct str str_of(const char *s) /* NULL gives the empty string */
{
	return (struct str){ s, s ? (uint32_t)strlen(s) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

/* Order by bytes. */
static inline int str_cmp(struct str a, struct str b)
{
	uint32_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (!prefix.len || !memcmp(s.p, prefix.p, prefix.len));
}

/* At most max bytes of s, without cutting a character of UTF-8. What is none is cut at max: names
 * are an attacker's, and must not make all of a text go. */
static inline struct str str_cut(struct str s, uint32_t max)
{
	uint32_t n = max;

	if (s.len <= max)
		return s;
	while (n && n > max - 4 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct str){ s.p, (s.p[n] & 0xc0) == 0x80 ? max : n };
}

/* Takes the first element off a LIST, whose elements end in a NUL each; the last may lack it. */
static inline struct str str_take(struct str *list)
{
	struct str one = { list->p, (uint32_t)strnlen(list->p, list->len) };
	uint32_t n = one.len < list->len ? one.len + 1 : one.len;

	list->p += n;
	list->len -= n;
	return one;
}

/* What follows the last slash; all of it where there is none. */
static inline struct str str_base(struct str path)
{
	uint32_t at = path.len;

	while (at && path.p[at - 1] != '/')
		at--;
	return (struct str){ path.p + at, path.len - at };
}

void str_printable(char *text); /* control characters become '?' */

/* A growing buffer with a hard limit. Never fails mid-way silently: once an append did not fit
 * or memory ran out, `failed` stays set and the bytes are those of before that append. */
struct buf {
	char *p;
	size_t len, cap;
	size_t max;	/* 0: no limit */
	bool failed;
};

void buf_free(struct buf *b);
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes past len: 0 or -ENOSPC, -ENOMEM */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_str(struct buf *b, struct str s) { buf_add(b, s.p, s.len); }
static inline void buf_lit(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
static inline void buf_char(struct buf *b, char c) { buf_add(b, &c, 1); }
static inline void buf_reset(struct buf *b) { b->len = 0; b->failed = false; }

/* Memory for one event, given back all at once. Never grows: a request past the end returns NULL
 * and is counted by the caller. */
struct arena {
	char *base;
	size_t size, used;
};

int arena_init(struct arena *a, size_t size); /* 0 or -ENOMEM */
void arena_free(struct arena *a);
static inline void arena_reset(struct arena *a) { a->used = 0; }
static inline void *arena_get(struct arena *a, size_t n)
{
	size_t at = (a->used + 7) & ~(size_t)7;

	if (n > a->size || at > a->size - n)
		return NULL;
	a->used = at + n;
	return a->base + at;
}

/* At most max bytes of the arena as a buffer that does not grow; p is NULL when the arena is full. */
struct buf arena_buf(struct arena *a, size_t max);
/* What is in the buffer; the rest of it goes back. The buffer must be the last the arena gave. */
struct str arena_kept(struct arena *a, const struct buf *b);

#endif
