/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * dnf.h: and, or. Bounds: a conjunction that would become too long keeps the more telling side
 * (A and B is within A); a disjunction is merged, see merge.c.
 */
#include "pipeline/filter/dnf.h"

#include "pipeline/filter/parts.h"
#include "pipeline/util.h"

struct dnf dnf_never(void)
{
	return (struct dnf){ 0 };
}

struct dnf dnf_one(struct dnf_ctx *x, struct filter_clause c)
{
	struct filter_clause *p = pool_get(x->pool, sizeof(*p));

	if (!p) {
		x->no_memory = true;
		x->spare = (struct filter_clause){ 0 };
		return (struct dnf){ &x->spare, 1 };
	}
	*p = c;
	return (struct dnf){ p, 1 };
}

struct dnf dnf_maybe(struct dnf_ctx *x)
{
	return dnf_one(x, (struct filter_clause){ 0 });
}

bool dnf_is_open(const struct dnf *d)
{
	for (uint32_t i = 0; i < d->count; i++)
		if (clause_is_open(&d->items[i]))
			return true;
	return false;
}

/* How much a side tells: what its least telling clause does. */
static uint32_t telling(const struct dnf *d)
{
	uint32_t least = UINT32_MAX;

	for (uint32_t i = 0; i < d->count; i++)
		least = MIN(least, clause_weight(&d->items[i]));
	return least;
}

struct dnf dnf_and(struct dnf_ctx *x, struct dnf a, struct dnf b)
{
	struct dnf d = { 0 };

	if (!a.count || !b.count)
		return dnf_never();
	if (a.count == 1 && clause_is_open(a.items))
		return b;
	if (b.count == 1 && clause_is_open(b.items))
		return a;
	if ((uint64_t)a.count * b.count > DNF_CLAUSES_MAX * 4 || x->work > x->work_max) {
		x->widened = true;
		return telling(&a) >= telling(&b) ? a : b;
	}
	d.items = pool_array(x->pool, (size_t)a.count * b.count, sizeof(*d.items));
	if (!d.items) {
		x->no_memory = true;
		return a;
	}
	for (uint32_t i = 0; i < a.count; i++)
		for (uint32_t j = 0; j < b.count; j++)
			d.count += clause_and(x, &a.items[i], &b.items[j], &d.items[d.count]);
	return dnf_merge(x, d, DNF_CLAUSES_MAX);
}

struct dnf dnf_or(struct dnf_ctx *x, struct dnf a, struct dnf b)
{
	struct dnf d = { .count = a.count + b.count };

	if (!a.count || dnf_is_open(&b))
		return b;
	if (!b.count || dnf_is_open(&a))
		return a;
	if (x->work > x->work_max) {
		x->widened = true;
		return dnf_maybe(x);
	}
	d.items = pool_array(x->pool, d.count, sizeof(*d.items));
	if (!d.items) {
		x->no_memory = true;
		return dnf_maybe(x);
	}
	memcpy(d.items, a.items, a.count * sizeof(*d.items));
	memcpy(d.items + a.count, b.items, b.count * sizeof(*d.items));
	return dnf_merge(x, d, DNF_CLAUSES_MAX);
}
