/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Numbers of conditions: decimal, 0x, 0o, with a unit of size or time; ids and addresses.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "pipeline/policy/cond.h"
#include "pipeline/util.h"

struct unit {
	const char *word;
	uint64_t factor;
	char kind;
};

static const struct unit units[] = {
	{ "B", 1, 's' },
	{ "KiB", 1ULL << 10, 's' },
	{ "MiB", 1ULL << 20, 's' },
	{ "GiB", 1ULL << 30, 's' },
	{ "TiB", 1ULL << 40, 's' },
	{ "ns", 1, 'd' },
	{ "us", 1000, 'd' },
	{ "ms", 1000000, 'd' },
	{ "s", 1000000000ULL, 'd' },
	{ "m", 60 * 1000000000ULL, 'd' },
	{ "h", 3600 * 1000000000ULL, 'd' },
	{ "d", 86400 * 1000000000ULL, 'd' },
};

static uint32_t digit(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 99;
}

static uint32_t base_of(struct str *s, bool octal)
{
	char second = s->len > 1 ? s->p[1] : '\0';

	if (s->len < 2 || s->p[0] != '0')
		return 10;
	if (second == 'x' || second == 'o') {
		s->p += 2;
		s->len -= 2;
		return second == 'x' ? 16 : 8;
	}
	return octal ? 8 : digit(second) < 10 ? 0 : 10;
}

/* An empty unit is a factor of 1. */
static bool unit_of(struct str word, uint64_t *factor, char *kind)
{
	*factor = 1;
	*kind = '\0';
	if (!word.len)
		return true;
	for (uint32_t i = 0; i < ARRAY_LEN(units); i++) {
		if (str_eq(word, str_of(units[i].word))) {
			*factor = units[i].factor;
			*kind = units[i].kind;
			return true;
		}
	}
	return false;
}

int number_parse(struct str text, bool octal, uint64_t *value, bool *negative, char *unit)
{
	bool minus = text.len && text.p[0] == '-';
	struct str s = { text.p + minus, text.len - minus };
	uint32_t base = base_of(&s, octal), n = 0;
	uint64_t sum = 0, factor;

	if (!base)
		return -EINVAL;
	for (; n < s.len && digit(s.p[n]) < base; n++)
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit(s.p[n]), &sum))
			return -ERANGE;
	if (!n || !unit_of((struct str){ s.p + n, s.len - n }, &factor, unit))
		return -EINVAL;
	if (__builtin_mul_overflow(sum, factor, value))
		return -ERANGE;
	*negative = minus && *value;
	return 0;
}

bool hex_parse(struct str text, uint64_t *value)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < text.len; i++) {
		if (digit(text.p[i]) > 15)
			return false;
		v = v << 4 | digit(text.p[i]);
	}
	*value = v;
	return text.len && text.len <= 16;
}

bool ip_parse(struct str text, struct ev_ip *ip)
{
	char copy[INET6_ADDRSTRLEN] = "";

	if (!text.len || text.len >= sizeof(copy) || memchr(text.p, '\0', text.len))
		return false;
	memcpy(copy, text.p, text.len);
	*ip = (struct ev_ip){ .family = strchr(copy, ':') ? 6 : 4 };
	return inet_pton(ip->family == 6 ? AF_INET6 : AF_INET, copy, ip->addr) == 1;
}
