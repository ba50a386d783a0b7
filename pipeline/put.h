/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Fast appends to a struct buf for the encoder: room is asked for once, then bytes are stored
 * without further checks. Like buf_add, an append that does not fit leaves `failed` set.
 */
#ifndef TOCSIN_PUT_H
#define TOCSIN_PUT_H

#include "pipeline/str.h"

enum { PUT_NUMBER = 24 }; /* room that any one number needs, quotes and sign included */

static inline const char *str_end(struct str s)
{
	return s.len ? s.p + s.len : s.p; /* no arithmetic on NULL */
}

/* Where the next n bytes (at least one) go, or NULL and b->failed. The caller adds what it wrote to b->len. */
static inline char *put_room(struct buf *b, size_t n)
{
	if (__builtin_expect(b->cap - b->len < n || b->failed, 0))
		if (b->failed || buf_reserve(b, n)) {
			b->failed = true;
			return NULL;
		}
	return b->p + b->len;
}

static inline void put_bytes(struct buf *b, const void *p, size_t n)
{
	char *at = n ? put_room(b, n) : NULL;

	if (at) {
		memcpy(at, p, n);
		b->len += n;
	}
}

static inline void put_char(struct buf *b, char c)
{
	char *at = put_room(b, 1);

	if (at) {
		*at = c;
		b->len++;
	}
}

/* These write at p and return the end; at most PUT_NUMBER bytes. */
char *put_uint(char *p, uint64_t v);
char *put_two(char *p, uint32_t v); /* 00 to 99 */
char *put_hex16(char *p, uint64_t v); /* 16 digits */
char *put_octal(char *p, uint64_t v); /* 4 digits, or a 0 and more of them */

enum { PUT_TIME = 32, PUT_SECONDS = 19 };
/* "2026-11-24T18:04:53.123456789Z" of ns since 1970; PUT_TIME bytes of room. */
char *put_time(char *p, uint64_t ns);
/* Its two parts: "2026-11-24T18:04:53", PUT_SECONDS bytes, and ".123456789Z" of ns below 1 s. */
char *put_seconds(char *p, uint64_t seconds);
char *put_fraction(char *p, uint32_t ns);

#endif
