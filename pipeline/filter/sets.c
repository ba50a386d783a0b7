/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * sets.h. Load time.
 */
#include "pipeline/filter/sets.h"

#include "pipeline/util.h"

enum { TIDY_MAX = 2048 }; /* longer lists of networks keep some that are within others */

static bool make(struct pool *pool, size_t n, size_t size, void *items)
{
	void **p = items;

	*p = pool_array(pool, n ? n : 1, size);
	return *p;
}

bool ranges_and(struct pool *pool, struct ranges a, struct ranges b, struct ranges *out)
{
	struct filter_range *r;
	uint32_t n = 0, i = 0, j = 0;

	if (!make(pool, (size_t)a.count + b.count, sizeof(*r), &r))
		return false;
	while (i < a.count && j < b.count) {
		uint64_t lo = MAX(a.items[i].lo, b.items[j].lo);
		uint64_t hi = MIN(a.items[i].hi, b.items[j].hi);

		if (lo <= hi)
			r[n++] = (struct filter_range){ lo, hi };
		if (a.items[i].hi < b.items[j].hi)
			i++;
		else
			j++;
	}
	*out = (struct ranges){ r, n };
	return true;
}

static int by_lo(const void *x, const void *y)
{
	const struct filter_range *a = x, *b = y;

	return (a->lo > b->lo) - (a->lo < b->lo);
}

bool ranges_or(struct pool *pool, struct ranges a, struct ranges b, struct ranges *out)
{
	uint32_t count = a.count + b.count, n = 0;
	struct filter_range *r;

	if (!make(pool, count, sizeof(*r), &r))
		return false;
	if (a.count)
		memcpy(r, a.items, a.count * sizeof(*r));
	if (b.count)
		memcpy(r + a.count, b.items, b.count * sizeof(*r));
	qsort(r, count, sizeof(*r), by_lo);
	for (uint32_t i = 0; i < count; i++) {
		if (n && (r[i].lo <= r[n - 1].hi || r[i].lo - 1 == r[n - 1].hi))
			r[n - 1].hi = MAX(r[n - 1].hi, r[i].hi);
		else
			r[n++] = r[i];
	}
	*out = (struct ranges){ r, n };
	return true;
}

bool ranges_not(struct pool *pool, struct ranges a, uint64_t max, struct ranges *out)
{
	struct filter_range *r;
	uint64_t from = 0;
	uint32_t n = 0, i;

	if (!make(pool, (size_t)a.count + 1, sizeof(*r), &r))
		return false;
	for (i = 0; i < a.count && a.items[i].lo <= max; i++) {
		if (a.items[i].lo > from)
			r[n++] = (struct filter_range){ from, a.items[i].lo - 1 };
		if (a.items[i].hi >= max)
			break;
		from = a.items[i].hi + 1;
	}
	if (i == a.count || a.items[i].hi < max || a.items[i].lo > max)
		r[n++] = (struct filter_range){ from, max };
	*out = (struct ranges){ r, n };
	return true;
}

bool ranges_hold(const struct filter_range *r, uint32_t count, uint64_t n)
{
	for (uint32_t i = 0; i < count; i++)
		if (n >= r[i].lo && n <= r[i].hi)
			return true;
	return false;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	uint32_t whole = bits / 8, rest = bits % 8;

	return !memcmp(a, b, whole) && (!rest || !((a[whole] ^ b[whole]) >> (8 - rest)));
}

/* Is b within a? */
static bool net_within(const struct filter_net *a, const struct filter_net *b)
{
	return a->family == b->family && a->bits <= b->bits &&
	       bits_equal(a->addr, b->addr, a->bits);
}

bool nets_or(struct pool *pool, struct nets a, struct nets b, struct nets *out)
{
	uint32_t count = a.count + b.count, n = 0;
	struct filter_net *r;

	if (!make(pool, count, sizeof(*r), &r))
		return false;
	for (uint32_t i = 0; i < count && count > TIDY_MAX; i++)
		r[n++] = i < a.count ? a.items[i] : b.items[i - a.count];
	for (uint32_t i = 0; i < count && count <= TIDY_MAX; i++) {
		struct filter_net net = i < a.count ? a.items[i] : b.items[i - a.count];
		uint32_t kept = 0;
		bool inside = false;

		for (uint32_t j = 0; j < n; j++) {
			inside |= net_within(&r[j], &net);
			if (!net_within(&net, &r[j]) || inside)
				r[kept++] = r[j];
		}
		if (!inside)
			r[kept++] = net;
		n = kept;
	}
	*out = (struct nets){ r, n };
	return true;
}

/* Of two networks one holds the other, or they have nothing in common. */
bool nets_and(struct pool *pool, struct nets a, struct nets b, struct nets *out)
{
	struct nets none = { 0 };
	struct filter_net *r;
	uint32_t n = 0;

	if (!make(pool, (size_t)a.count + b.count, sizeof(*r), &r))
		return false;
	for (uint32_t i = 0; i < a.count; i++)
		for (uint32_t j = 0; j < b.count; j++)
			if (net_within(&b.items[j], &a.items[i])) {
				r[n++] = a.items[i];
				break;
			}
	for (uint32_t j = 0; j < b.count; j++)
		for (uint32_t i = 0; i < a.count; i++)
			if (a.items[i].bits != b.items[j].bits &&
			    net_within(&a.items[i], &b.items[j])) {
				r[n++] = b.items[j];
				break;
			}
	return nets_or(pool, (struct nets){ r, n }, none, out);
}

static uint32_t width(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

/* Everything but one network: for each bit of its prefix, what differs there first. */
static bool net_not(struct pool *pool, const struct filter_net *net, struct nets *out)
{
	uint8_t other = net->family == 4 ? 6 : 4;
	struct filter_net *r;

	if (!make(pool, (size_t)net->bits + 1, sizeof(*r), &r))
		return false;
	for (uint32_t i = 0; i < net->bits; i++) {
		r[i] = (struct filter_net){ .family = net->family, .bits = (uint8_t)(i + 1) };
		memcpy(r[i].addr, net->addr, sizeof(r[i].addr));
		r[i].addr[i / 8] ^= 0x80 >> i % 8;
		for (uint32_t j = i + 1; j < width(net->family); j++)
			r[i].addr[j / 8] &= (uint8_t) ~(0x80 >> j % 8);
	}
	r[net->bits] = (struct filter_net){ .family = other };
	*out = (struct nets){ r, (uint32_t)net->bits + 1 };
	return true;
}

bool nets_not(struct pool *pool, struct nets a, struct nets *out)
{
	static const struct filter_net all[2] = { { .family = 4 }, { .family = 6 } };
	struct nets left = { all, 2 }, one;

	for (uint32_t i = 0; i < a.count; i++)
		if (!net_not(pool, &a.items[i], &one) || !nets_and(pool, left, one, &left))
			return false;
	*out = left;
	return true;
}
