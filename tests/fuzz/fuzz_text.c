/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Escaping: any bytes become valid JSON that leads back to them, and text that is safe to print.
 */
#include <jansson.h>

#include "pipeline/json.h"
#include "pipeline/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inverse of the encoding of bytes that are not UTF-8. */
static bool leads_back(const char *s, size_t len, struct str want)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	const unsigned char *w = (const unsigned char *)want.p, *wend = w + want.len;

	while (p < end && w < wend) {
		if (end - p >= 3 && p[0] == 0xee && (p[1] == 0xbe || p[1] == 0xbf)) {
			if (*w++ != ((p[1] & 1) << 6 | (p[2] & 0x3f) | 0x80))
				return false;
			p += 3;
		} else if (*w++ != *p++) {
			return false;
		}
	}
	return p == end && w == wend;
}

static void check_string(struct str in)
{
	struct buf b = { 0 };
	bool encoded = put_json_string(&b, in);
	json_t *j = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (!j || !leads_back(json_string_value(j), json_string_length(j), in))
		abort();
	if (encoded != json_has_encoded((struct str){ b.p, (uint32_t)b.len }))
		abort();
	json_decref(j);
	buf_free(&b);
}

static void check_list(struct str in)
{
	struct buf b = { 0 };
	json_t *j;

	put_json_list(&b, in);
	j = json_loadb(b.p, b.len, JSON_ALLOW_NUL, NULL);
	if (!j)
		abort();
	json_decref(j);
	buf_free(&b);
}

static void check_text(struct str in)
{
	struct buf b = { 0 };
	uint32_t c, n;

	text_escape(&b, in);
	for (size_t i = 0; i < b.len; i += n) {
		n = utf8_next(b.p + i, b.p + b.len, &c);
		if (!n || utf8_is_unsafe(c))
			abort();
	}
	buf_free(&b);
}

/* A buffer that ends anywhere: fails whole, or gives what the large one gave. */
static void check_limit(struct str in, uint32_t limit)
{
	struct buf small = { .max = limit }, large = { 0 };

	put_json_string(&small, in);
	put_json_string(&large, in);
	if (small.failed ? small.len != 0
			 : small.len != large.len || memcmp(small.p, large.p, large.len))
		abort();
	if (small.cap > limit)
		abort();
	buf_free(&small);
	buf_free(&large);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in;

	if (size < 1 || size > 1 << 16)
		return 0;
	in = (struct str){ (const char *)data + 1, (uint32_t)size - 1 };
	check_string(in);
	check_list(in);
	check_text(in);
	check_limit(in, data[0] + 1u);
	return 0;
}
