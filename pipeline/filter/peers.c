/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Networks may overlap, so a sweep over their borders counts for each bit how many are open.
 */
#include "pipeline/filter/peers.h"

#include <endian.h>
#include <errno.h>

#include "pipeline/filter/heads.h"
#include "pipeline/util.h"

struct peers_point {
	uint64_t hi, lo, bits;
	int8_t step; /* 1: begins, -1: has ended */
	uint8_t family;
};

struct sweep {
	uint32_t open[FILTER_BITS];
	uint64_t mask;
};

void peers_add_all(struct peers *p, uint8_t families, uint64_t bits)
{
	for (uint32_t i = 0; i < ARRAY_LEN(p->all); i++)
		if (!families || families >> i & 1)
			p->all[i] |= bits;
}

static int add_point(struct peers *p, struct peers_point point)
{
	if (p->count == p->cap) {
		uint32_t cap = p->cap ? p->cap * 2 : 64;
		struct peers_point *more = reallocarray(p->points, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->points = more;
		p->cap = cap;
	}
	p->points[p->count++] = point;
	return 0;
}

int peers_add(struct peers *p, const struct filter_net *net, uint64_t bits)
{
	bool v4 = net->family == 4;
	uint32_t width = v4 ? 32 : 128, host = width - MIN((uint32_t)net->bits, width);
	struct peers_point a = { .bits = bits, .step = 1, .family = net->family };
	unsigned __int128 from, size = host == 128 ? 0 : (unsigned __int128)1 << host, to;
	uint64_t words[2];
	uint32_t word;
	int rc;

	memcpy(words, net->addr, sizeof(words));
	memcpy(&word, net->addr, sizeof(word));
	from = v4 ? be32toh(word) : (unsigned __int128)be64toh(words[0]) << 64 | be64toh(words[1]);
	from = size ? from & ~(size - 1) : 0;
	a.hi = (uint64_t)(from >> 64);
	a.lo = (uint64_t)from;
	rc = add_point(p, a);
	to = from + size;
	if (rc || !to) /* the last one has no end */
		return rc;
	a.hi = (uint64_t)(to >> 64);
	a.lo = (uint64_t)to;
	a.step = -1;
	return add_point(p, a);
}

void peers_add_paths(struct peers *p, const struct filter_pattern *patterns, uint32_t n,
		     uint64_t bits)
{
	struct filter_bytes heads[FILTER_HEADS];
	uint32_t count = heads_make(heads, HEADS_UNIX, patterns, n);

	if (!count || p->npaths + count > FILTER_UNIX_HEADS) {
		p->all[EV_FAMILY_UNIX] |= bits;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		p->paths[p->npaths++] = (struct filter_unix){ heads[i], bits };
}

static int by_address(const void *x, const void *y)
{
	const struct peers_point *a = x, *b = y;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	return (a->lo > b->lo) - (a->lo < b->lo);
}

static void step(struct sweep *s, const struct peers_point *p)
{
	for (uint32_t i = 0; i < FILTER_BITS; i++) {
		if (!(p->bits >> i & 1))
			continue;
		s->open[i] = (uint32_t)((int64_t)s->open[i] + p->step);
		s->mask = s->open[i] ? s->mask | 1ULL << i : s->mask & ~(1ULL << i);
	}
}

static void put(struct buf *block, uint64_t hi, uint64_t lo, uint64_t mask)
{
	const uint64_t words[4] = { hi, lo, mask, 0 };

	buf_add(block, words, sizeof(words));
}

/* The intervals of points i to end, which are of one family, whose peers all have the bits. Their
 * number. */
static uint32_t write_family(const struct peers *p, uint32_t i, uint32_t end, uint64_t all,
			     struct buf *block)
{
	struct sweep s = { 0 };
	uint64_t mask = all; /* of the interval that was written last */
	uint32_t n = 1;

	if (i == end || p->points[i].hi || p->points[i].lo)
		put(block, 0, 0, all);
	else
		n = 0;
	while (i < end) {
		const struct peers_point *first = &p->points[i];

		for (; i < end && !by_address(first, &p->points[i]); i++)
			step(&s, &p->points[i]);
		if (n && mask == (all | s.mask))
			continue;
		mask = all | s.mask;
		put(block, first->hi, first->lo, mask);
		n++;
	}
	return n;
}

int peers_write(struct peers *p, struct buf *block, struct filter_peers *to)
{
	uint32_t split = 0;

	if (p->count)
		qsort(p->points, p->count, sizeof(*p->points), by_address);
	while (split < p->count && p->points[split].family == 4)
		split++;
	to->none = p->all[EV_FAMILY_UNIX];
	to->paths = (uint32_t)block->len;
	to->npaths = p->npaths;
	buf_add(block, p->paths, p->npaths * sizeof(*p->paths));
	to->v4 = (uint32_t)block->len;
	to->nv4 = write_family(p, 0, split, p->all[EV_FAMILY_IPV4], block);
	to->v6 = (uint32_t)block->len;
	to->nv6 = write_family(p, split, p->count, p->all[EV_FAMILY_IPV6], block);
	if (!block->failed)
		return 0;
	return block->max ? -E2BIG : -ENOMEM;
}

void peers_free(struct peers *p)
{
	free(p->points);
	*p = (struct peers){ 0 };
}
