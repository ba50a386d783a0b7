/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Numbers and times as text (put.h). No state; any thread.
 */
#include "pipeline/put.h"

enum { DAY_SECONDS = 86400, DAYS_TO_1970 = 719468, ERA_DAYS = 146097 };

static const char two_digits[] = "0001020304050607080910111213141516171819"
				 "2021222324252627282930313233343536373839"
				 "4041424344454647484950515253545556575859"
				 "6061626364656667686970717273747576777879"
				 "8081828384858687888990919293949596979899";

char *put_two(char *p, uint32_t v)
{
	memcpy(p, two_digits + 2 * (v % 100), 2);
	return p + 2;
}

char *put_uint(char *p, uint64_t v)
{
	char text[20], *at = text + sizeof(text);

	while (v >= 100) {
		at -= 2;
		memcpy(at, two_digits + 2 * (v % 100), 2);
		v /= 100;
	}
	if (v >= 10) {
		at -= 2;
		memcpy(at, two_digits + 2 * v, 2);
	} else {
		*--at = (char)('0' + v);
	}
	memcpy(p, at, text + sizeof(text) - at);
	return p + (text + sizeof(text) - at);
}

char *put_hex16(char *p, uint64_t v)
{
	for (int i = 15; i >= 0; i--) {
		p[i] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
	return p + 16;
}

char *put_octal(char *p, uint64_t v)
{
	int digits = 4;

	while (digits < 22 && v >> (3 * digits))
		digits++;
	if (digits > 4)
		*p++ = '0';
	for (int i = digits - 1; i >= 0; i--)
		*p++ = (char)('0' + (v >> (3 * i) & 7));
	return p;
}

/* Days since 1970 to a date of the Gregorian calendar, counted in 400-year eras from 0000-03-01
 * so that the leap day ends a year. */
static char *put_date(char *p, uint32_t days)
{
	uint32_t z = days + DAYS_TO_1970, era = z / ERA_DAYS, day = z % ERA_DAYS;
	uint32_t year = (day - day / 1460 + day / 36524 - day / (ERA_DAYS - 1)) / 365;
	uint32_t of_year = day - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153;
	uint32_t of_month = of_year - (153 * month + 2) / 5 + 1;

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	p = put_two(put_two(p, year / 100), year % 100);
	*p++ = '-';
	p = put_two(p, month);
	*p++ = '-';
	return put_two(p, of_month);
}

char *put_seconds(char *p, uint64_t seconds)
{
	uint32_t of_day = seconds % DAY_SECONDS;

	p = put_date(p, (uint32_t)(seconds / DAY_SECONDS));
	*p++ = 'T';
	p = put_two(p, of_day / 3600);
	*p++ = ':';
	p = put_two(p, of_day / 60 % 60);
	*p++ = ':';
	return put_two(p, of_day % 60);
}

char *put_fraction(char *p, uint32_t fraction)
{
	*p++ = '.';
	*p++ = (char)('0' + fraction / 100000000);
	fraction %= 100000000;
	p = put_two(p, fraction / 1000000);
	p = put_two(p, fraction / 10000 % 100);
	p = put_two(p, fraction / 100 % 100);
	p = put_two(p, fraction % 100);
	*p++ = 'Z';
	return p;
}

char *put_time(char *p, uint64_t ns)
{
	return put_fraction(put_seconds(p, ns / 1000000000), (uint32_t)(ns % 1000000000));
}
