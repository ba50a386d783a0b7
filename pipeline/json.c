/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * JSON strings and values (json.h, encode.h). The output is valid JSON and valid UTF-8 whatever
 * the input holds, also for parsers that refuse lone surrogates or integers past 63 bits: a
 * document that a consumer cannot parse would hide an attack from it.
 *
 * Most strings need no escape, so they are copied eight bytes at a time while looking.
 */
#include "pipeline/json.h"

#include "pipeline/put.h"
#include "pipeline/utf8.h"

#define EVERY(byte) ((byte)*0x0101010101010101ULL)

/* Code point of an encoded byte: see encode.h. */
enum { ENCODED_BASE = 0xef00, ENCODED_FIRST = 0xef80, ENCODED_LAST = 0xefff };

/* Non-zero when one of eight bytes is below space, a quote, a backslash or above '~'. May say so
 * wrongly next to such a byte only, never the other way round. */
static inline uint64_t eight_special(uint64_t x)
{
	uint64_t quote = x ^ EVERY('"'), back = x ^ EVERY('\\');

	return (x | (x + EVERY(1)) | (x - EVERY(0x20)) | ((quote - EVERY(1)) & ~quote) |
		((back - EVERY(1)) & ~back)) &
	       EVERY(0x80);
}

static inline bool one_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x7f;
}

static inline uint64_t load8(const char *p)
{
	uint64_t x;

	memcpy(&x, p, 8);
	return x;
}

/* Copies s while nothing needs an escape; returns the bytes copied. `out` has room for s.len. */
static inline uint32_t copy_plain(char *out, const char *p, uint32_t len)
{
	uint32_t at = 0;
	uint64_t x;

	for (; len - at >= 8; at += 8) {
		x = load8(p + at);
		if (eight_special(x))
			break;
		memcpy(out + at, &x, 8);
	}
	if (at && len - at < 8) {
		/* The last eight once more: those before `at` are known to be plain. */
		x = load8(p + len - 8);
		if (!eight_special(x)) {
			memcpy(out + len - 8, &x, 8);
			return len;
		}
	}
	while (at < len && !one_special((unsigned char)p[at])) {
		out[at] = p[at];
		at++;
	}
	return at;
}

static char *put_u16(char *out, uint32_t c)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	out[2] = hex[c >> 12 & 15];
	out[3] = hex[c >> 8 & 15];
	out[4] = hex[c >> 4 & 15];
	out[5] = hex[c & 15];
	return out + 6;
}

static char *put_ascii_escape(char *out, char c)
{
	static const char letters[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
	};
	char letter = c == '"' || c == '\\' ? c : (unsigned char)c < 32 ? letters[(int)c] : 0;

	if (!letter)
		return put_u16(out, (unsigned char)c);
	*out++ = '\\';
	*out++ = letter;
	return out;
}

/* One character that copy_plain stopped at: at most 18 bytes. *taken: bytes of it. */
static char *put_escaped(char *out, const char *p, const char *end, uint32_t *taken, bool *encoded)
{
	uint32_t c = 0, n = utf8_next(p, end, &c);

	*taken = n ? n : 1;
	if (n == 1)
		return put_ascii_escape(out, *p);
	if (!n || (c >= ENCODED_FIRST && c <= ENCODED_LAST)) {
		*encoded = true;
		for (uint32_t i = 0; i < *taken; i++)
			out = put_u16(out, ENCODED_BASE | (unsigned char)p[i]);
		return out;
	}
	if (!utf8_is_unsafe(c)) {
		memcpy(out, p, n);
		return out + n;
	}
	if (c < 0x10000)
		return put_u16(out, c);
	c -= 0x10000;
	return put_u16(put_u16(out, 0xd800 | c >> 10), 0xdc00 | (c & 0x3ff));
}

bool json_escape(struct buf *b, struct str s)
{
	enum { ESCAPE_ROOM = 18 };
	const char *p = s.p, *end = str_end(s);
	size_t before = b->len;
	bool encoded = false;
	uint32_t n;
	char *out;

	while (p < end) {
		out = put_room(b, (size_t)(end - p) + ESCAPE_ROOM);
		if (!out) {
			b->len = before;
			return encoded;
		}
		n = copy_plain(out, p, (uint32_t)(end - p));
		out += n;
		p += n;
		if (p < end) {
			out = put_escaped(out, p, end, &n, &encoded);
			p += n;
		}
		b->len = (size_t)(out - b->p);
	}
	return encoded;
}

bool put_json_string(struct buf *b, struct str s)
{
	size_t before = b->len;
	char *out = put_room(b, s.len + 2);
	uint32_t n;
	bool encoded;

	if (!out)
		return false;
	*out = '"';
	n = s.len ? copy_plain(out + 1, s.p, s.len) : 0;
	if (n == s.len) {
		out[1 + n] = '"';
		b->len += n + 2;
		return false;
	}
	b->len += 1 + n;
	encoded = json_escape(b, (struct str){ s.p + n, s.len - n });
	put_char(b, '"');
	if (b->failed)
		b->len = before;
	return encoded;
}

bool put_json_list(struct buf *b, struct str list)
{
	const char *p = list.p, *end = str_end(list), *nul;
	size_t before = b->len;
	bool encoded = false;

	put_char(b, '[');
	while (p < end && !b->failed) {
		nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			nul = end;
		encoded |= put_json_string(b, (struct str){ p, (uint32_t)(nul - p) });
		p = nul + 1;
		if (p < end)
			put_char(b, ',');
	}
	put_char(b, ']');
	if (b->failed)
		b->len = before;
	return encoded;
}

void put_json_uint(struct buf *b, uint64_t v)
{
	char *p = put_room(b, PUT_NUMBER);
	bool quote = v > INT64_MAX;

	if (!p)
		return;
	*p = '"';
	p = put_uint(p + quote, v);
	if (quote)
		*p++ = '"';
	b->len = (size_t)(p - b->p);
}

void put_json_enum(struct buf *b, const struct name_table *t, uint64_t v)
{
	const char *name = v < t->count ? t->names[v] : NULL;
	char *p;

	if (name) {
		put_json_string(b, str_of(name));
		return;
	}
	p = put_room(b, PUT_NUMBER);
	if (!p)
		return;
	*p = '"';
	p = put_uint(p + 1, v);
	*p++ = '"';
	b->len = (size_t)(p - b->p);
}

/* Names of the bits, lowest first; "bit37" for one without a name. */
void put_json_bits(struct buf *b, const struct name_table *t, uint64_t v)
{
	size_t before = b->len;

	put_char(b, '[');
	for (; v; v &= v - 1) {
		uint32_t bit = (uint32_t)__builtin_ctzll(v);
		const char *name = bit < t->count ? t->names[bit] : NULL;
		char unnamed[8] = "bit";

		if (!name) {
			*put_uint(unnamed + 3, bit) = 0;
			name = unnamed;
		}
		put_json_string(b, str_of(name));
		put_char(b, ',');
	}
	if (b->failed)
		b->len = before;
	else if (b->p[b->len - 1] == ',')
		b->p[b->len - 1] = ']';
	else
		put_char(b, ']');
}

static char *put_ip4(char *p, const uint8_t *addr)
{
	for (int i = 0; i < 4; i++) {
		p = put_uint(p, addr[i]);
		*p++ = '.';
	}
	return p - 1;
}

static char *put_hex_short(char *p, uint32_t v)
{
	int shift = 12;

	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[v >> shift & 15];
	return p;
}

/* RFC 5952: the first longest run of two or more zero groups is "::". */
static char *put_ip6(char *p, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint32_t group[8], run = 0, best = 8, best_len = 1;

	if (!memcmp(addr, mapped, sizeof(mapped)))
		return put_ip4(stpcpy(p, "::ffff:"), addr + 12);
	for (uint32_t i = 0; i < 8; i++) {
		group[i] = (uint32_t)addr[2 * i] << 8 | addr[2 * i + 1];
		run = group[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i + 1 - run;
		}
	}
	for (uint32_t i = 0; i < 8; i++) {
		if (i == best) {
			*p++ = ':';
			*p++ = ':';
			i += best_len - 1;
			continue;
		}
		if (i && p[-1] != ':')
			*p++ = ':';
		p = put_hex_short(p, group[i]);
	}
	return p;
}

char *put_ip(char *p, const struct ev_ip *ip)
{
	return ip->family == 4 ? put_ip4(p, ip->addr) : put_ip6(p, ip->addr);
}

void put_json_ip(struct buf *b, const struct ev_ip *ip)
{
	char *p = put_room(b, IP_TEXT + 2);

	if (!p)
		return;
	*p = '"';
	p = put_ip(p + 1, ip);
	*p++ = '"';
	b->len = (size_t)(p - b->p);
}

bool json_has_encoded(struct str json)
{
	const char *p = json.p, *end = str_end(json), *hit, *back;

	while (end - p >= 6 && (hit = memmem(p, (size_t)(end - p), "\\uef", 4))) {
		for (back = hit; back > json.p && back[-1] == '\\'; back--)
			;
		if (end - hit >= 6 && ((hit - back) & 1) == 0 && hit[4] &&
		    strchr("89abcdef", hit[4]))
			return true;
		p = hit + 4;
	}
	return false;
}
