/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef TOCSIN_UTF8_H
#define TOCSIN_UTF8_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* How many of the n bytes at p, from the first on, are ASCII that can be shown: 0x20 to 0x7e. */
static inline uint32_t utf8_plain(const char *p, uint32_t n)
{
	const uint64_t every = 0x0101010101010101ULL;
	uint32_t at = 0;
	uint64_t x;

	for (; n - at >= 8; at += 8) {
		memcpy(&x, p + at, 8);
		/* The high bit of each byte: above 0x7e, or below 0x20 (or next to such a byte). */
		if ((x | (x + every) | (x - 0x20 * every)) & 0x80 * every)
			break;
	}
	while (at < n && p[at] >= 0x20 && p[at] < 0x7f)
		at++;
	return at;
}

/* Length of the character at p (p < end) with *c set, or 0: this byte begins none. */
static inline uint32_t utf8_next(const char *p, const char *end, uint32_t *c)
{
	const unsigned char *s = (const unsigned char *)p;
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t n, v;

	if (*s < 0x80) {
		*c = *s;
		return 1;
	}
	n = *s >= 0xf8 ? 0 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0;
	if (!n || end - p < n)
		return 0;
	v = *s & (0x7fu >> n);
	for (uint32_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*c = v;
	return n;
}

/* Characters that a terminal acts on or that hide or reorder what a person reads: C0, DEL, C1,
 * bidirectional controls, line separators, zero-width and tag characters. */
static inline bool utf8_is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

#endif
