/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * How values are written: strings for JSON and for a terminal, numbers, times and addresses,
 * compared with what another library reads or writes.
 */
#include "pipeline/put.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <time.h>

#include "pipeline/json.h"
#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

/* Back to bytes, as docs/events.md tells a reader to do it. */
static struct str decode(const char *s, size_t len, char *out)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	uint32_t n = 0;

	while (p < end) {
		if (end - p >= 3 && p[0] == 0xee && p[1] >= 0xbe && p[1] <= 0xbf) {
			out[n++] = (char)((p[1] & 1) << 6 | (p[2] & 0x3f) | 0x80);
			p += 3;
		} else {
			out[n++] = (char)*p++;
		}
	}
	return (struct str){ out, n };
}

static bool there_and_back(const char *p, uint32_t len)
{
	static char out[65536];
	struct buf b = { 0 };
	bool encoded = put_json_string(&b, (struct str){ p, len });
	json_t *list, *s;
	struct str back;

	CHECK(!b.failed && json_has_encoded((struct str){ b.p, (uint32_t)b.len }) == encoded);
	for (size_t i = 0; i < b.len; i++)
		CHECK((unsigned char)b.p[i] >= 0x20 && b.p[i] != 0x7f);
	list = json_loadb(b.p, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!list)
		test_fail("parse", 0, "%.*s", (int)b.len, b.p);
	s = list;
	back = decode(json_string_value(s), json_string_length(s), out);
	CHECK(back.len == len && !memcmp(back.p, p, len));
	json_decref(list);
	buf_free(&b);
	return encoded;
}

static const struct {
	const char *bytes, *json;
	bool encoded;
} strings[] = {
	{ "", "", false },
	{ "plain", "plain", false },
	{ "exactly8", "exactly8", false },
	{ "a\"b\\c/d", "a\\\"b\\\\c/d", false },
	{ "\n\r\t\b\f", "\\n\\r\\t\\b\\f", false },
	{ "\x01\x1b[31m\x7f", "\\u0001\\u001b[31m\\u007f", false },
	{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92",
	  "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x92", false },
	{ "\xc2\x9b", "\\u009b", false }, /* C1 CSI */
	{ "\xe2\x80\xae\xe2\x80\xa8", "\\u202e\\u2028", false }, /* bidi, line separator */
	{ "\xf3\xa0\x81\x81", "\\udb40\\udc41", false }, /* tag character */
	{ "\x80", "\\uef80", true },
	{ "a\xff\x62", "a\\uefffb", true },
	{ "\xc0\xaf", "\\uefc0\\uefaf", true }, /* overlong slash */
	{ "\xed\xa0\x80", "\\uefed\\uefa0\\uef80", true }, /* surrogate */
	{ "\xf4\x90\x80\x80", "\\ueff4\\uef90\\uef80\\uef80", true }, /* above U+10FFFF */
	{ "\xe2\x82", "\\uefe2\\uef82", true }, /* cut short */
	{ "\xee\xbe\x80", "\\uefee\\uefbe\\uef80", true }, /* U+EF80 itself */
	{ "\xee\xbd\xbf", "\xee\xbd\xbf", false }, /* U+EF7F */
	{ "\xee\xbf\xbf", "\\uefee\\uefbf\\uefbf", true }, /* U+EFFF */
	{ "\xef\x80\x80", "\xef\x80\x80", false }, /* U+F000 */
	{ "\\uef80", "\\\\uef80", false },
};

static void strings_are_escaped_reversibly(void)
{
	char every[256];
	uint32_t seed = 1;

	for (uint32_t i = 0; i < ARRAY_LEN(strings); i++) {
		struct buf b = { 0 };
		struct str s = str_of(strings[i].bytes);

		CHECK_INT(json_escape(&b, s), strings[i].encoded);
		buf_char(&b, 0);
		CHECK_STR(b.p, strings[i].json);
		CHECK_INT(there_and_back(s.p, s.len), strings[i].encoded);
		buf_free(&b);
	}
	/* Every byte at every place of the eight that are looked at together. */
	for (uint32_t c = 0; c < 256; c++)
		for (uint32_t i = 0; i < 19; i++) {
			memset(every, 'x', 19);
			every[i] = (char)c;
			CHECK_INT(there_and_back(every, 19), c >= 0x80);
		}
	for (uint32_t round = 0; round < 20000; round++) {
		uint32_t len = round % sizeof(every);

		for (uint32_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			every[i] = (char)(seed >> 24);
			if (seed >> 8 & 1)
				every[i] = "\xee\xbe\xbf\x80 \"\\a"[seed >> 9 & 7];
		}
		there_and_back(every, len);
	}
}

static void text_is_safe_for_a_terminal(void)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{ "plain \"text\" \\", "plain \"text\" \\" },
		{ "\x1b]0;x\x07\n", "\\x1b]0;x\\x07\\x0a" },
		{ "\x7f\x80\xff", "\\x7f\\x80\\xff" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u{009B}31m" },
		{ "gr\xc3\xbc n", "gr\xc3\xbc n" },
		{ "a\xe2\x80\xae\xe2\x80\xa8z", "a\\u{202E}\\u{2028}z" },
		{ "\xe2\x82", "\\xe2\\x82" },
	};

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = { 0 };

		text_escape(&b, str_of(cases[i].bytes));
		buf_char(&b, 0);
		CHECK_STR(b.p, cases[i].text);
		buf_free(&b);
	}
}

static void numbers_at_their_edges(void)
{
	static const struct {
		uint64_t v;
		const char *uint, *octal;
	} cases[] = {
		{ 0, "0", "0000" },
		{ 7, "7", "0007" },
		{ 10, "10", "0012" },
		{ 99, "99", "0143" },
		{ 100, "100", "0144" },
		{ 04755, "2541", "4755" },
		{ 0104755, "35309", "0104755" },
		{ 4294967295, "4294967295", "037777777777" },
		{ INT64_MAX, "9223372036854775807", "0777777777777777777777" },
		{ UINT64_MAX, "18446744073709551615", "01777777777777777777777" },
	};
	char text[64];

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		*put_uint(text, cases[i].v) = 0;
		CHECK_STR(text, cases[i].uint);
		*put_octal(text, cases[i].v) = 0;
		CHECK_STR(text, cases[i].octal);
	}
	*put_hex16(text, UINT64_MAX) = 0;
	CHECK_STR(text, "ffffffffffffffff");
}

static void times_are_right(void)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1, "1970-01-01T00:00:00.000000001Z" },
		{ 951782399999999999, "2000-02-28T23:59:59.999999999Z" },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
		{ 1709164800123456789, "2024-02-29T00:00:00.123456789Z" },
		{ 1767225599000000000, "2025-12-31T23:59:59.000000000Z" },
		{ 4107542400000000000, "2100-03-01T00:00:00.000000000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709551615Z" },
	};
	char text[PUT_TIME + 1], want[64];
	struct tm tm;

	for (uint32_t i = 0; i < ARRAY_LEN(cases); i++) {
		*put_time(text, cases[i].ns) = 0;
		CHECK_STR(text, cases[i].text);
	}
	for (uint64_t day = 0; day < 150000; day++) {
		time_t t = (time_t)(day * 86400 + day % 86400);

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		*put_time(text, (uint64_t)t * 1000000000) = 0;
		CHECK_STR(text, want);
	}
}

static void addresses_are_canonical(void)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"255.255.255.255",
		"10.1.2.3",
		"::",
		"::1",
		"1::",
		"2001:db8::1",
		"fe80::1:0:0:1",
		"1:0:0:2::3",
		"1:2:3:4:5:6:7:8",
		"::ffff:10.1.2.3",
		"1:0:3:4:5:6:7:8",
		"0:1::",
		"abcd:ef01:2345:6789:abcd:ef01:2345:6789",
	};
	char text[IP_TEXT + 1], want[64];
	struct ev_ip ip;
	uint32_t seed = 7;

	for (uint32_t i = 0; i < ARRAY_LEN(texts); i++) {
		rec_ip(&ip, texts[i]);
		*put_ip(text, &ip) = 0;
		CHECK_STR(text, texts[i]);
	}
	ip.family = 6;
	for (uint32_t round = 0; round < 20000; round++) {
		for (uint32_t i = 0; i < 16; i++) {
			seed = seed * 1664525 + 1013904223;
			ip.addr[i] = seed >> 30 ? 0 : (uint8_t)(seed >> 20);
		}
		ip.addr[0] |= 0x20; /* not the old form of IPv4 inside, which inet_ntop still has */
		inet_ntop(AF_INET6, ip.addr, want, sizeof(want));
		*put_ip(text, &ip) = 0;
		CHECK_STR(text, want);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(strings_are_escaped_reversibly), TEST(text_is_safe_for_a_terminal),
		TEST(numbers_at_their_edges),         TEST(times_are_right),
		TEST(addresses_are_canonical),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
