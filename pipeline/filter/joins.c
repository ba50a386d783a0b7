/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Joins: most clauses of a set ask the same of the rest of an event, so equal ones are kept once.
 */
#include "pipeline/filter/joins.h"

#include <errno.h>
#include <sys/stat.h>

#include "pipeline/filter/heads.h"
#include "pipeline/filter/walk.h"
#include "pipeline/util.h"

_Static_assert(sizeof(struct filter_join) == 128, "filter_walk.h finds joins by 128");

static bool same_pattern(const struct filter_pattern *a, const struct filter_pattern *b)
{
	return a->type == b->type && a->icase == b->icase && a->name == b->name &&
	       str_eq(a->text, b->text);
}

static bool same_list(const struct filter_pattern *a, const struct filter_pattern *b, uint32_t n)
{
	for (uint32_t i = 0; a != b && i < n; i++)
		if (!same_pattern(&a[i], &b[i]))
			return false;
	return true;
}

int groups_need(struct groups *g, const struct filter_pattern *patterns, uint32_t n)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->npatterns[i] == n && same_list(g->patterns[i], patterns, n))
			return (int)i;
	if (g->count == g->max)
		return -1;
	g->patterns[g->count] = patterns;
	g->npatterns[g->count] = n;
	return (int)g->count++;
}

void joins_free(struct joins *j)
{
	free(j->items);
	free(j->slots);
	free(j->words);
	*j = (struct joins){ 0 };
}

/* ---- ranges ---- */

static int by_lo(const void *a, const void *b)
{
	const struct filter_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Sorted and disjoint, then over the narrowest gaps into at most FILTER_RANGES. */
static uint32_t merge_ranges(struct filter_range *r, uint32_t n)
{
	uint32_t k = 0;

	qsort(r, n, sizeof(*r), by_lo);
	for (uint32_t i = 1; i < n; i++) {
		if (r[i].lo <= r[k].hi || r[i].lo == r[k].hi + 1)
			r[k].hi = MAX(r[k].hi, r[i].hi);
		else
			r[++k] = r[i];
	}
	n = n ? k + 1 : 0;
	while (n > FILTER_RANGES) {
		uint32_t best = 0;

		for (uint32_t i = 1; i + 1 < n; i++)
			if (r[i + 1].lo - r[i].hi < r[best + 1].lo - r[best].hi)
				best = i;
		r[best].hi = r[best + 1].hi;
		memmove(&r[best + 1], &r[best + 2], (n - best - 2) * sizeof(*r));
		n--;
	}
	return n;
}

/* The offset of words like these, made where there are none. -ENOMEM. */
static int64_t need_words(struct joins *j, const uint64_t *w, uint32_t n)
{
	for (uint32_t i = 0; i + n <= j->nwords; i++)
		if (!memcmp(&j->words[i], w, n * sizeof(*w)))
			return i * (int64_t)sizeof(*w);
	while (j->nwords + n > j->words_cap) {
		uint32_t cap = j->words_cap ? j->words_cap * 2 : 64;
		uint64_t *more = reallocarray(j->words, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		j->words = more;
		j->words_cap = cap;
	}
	memcpy(&j->words[j->nwords], w, n * sizeof(*w));
	j->nwords += n;
	return (j->nwords - n) * (int64_t)sizeof(*w);
}

/* Numbers above 32 bits are nobody's. */
static int add_ranges(struct joins *j, const struct filter_range *ranges, uint32_t n, uint32_t *off,
		      uint8_t *count)
{
	CLEANUP_FREE struct filter_range *r = calloc(n ? n : 1, sizeof(*r));
	uint64_t words[FILTER_RANGES];
	uint32_t kept = 0;
	int64_t at;

	if (!n)
		return 0;
	if (!r)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].lo <= UINT32_MAX && ranges[i].lo <= ranges[i].hi)
			r[kept++] =
				(struct filter_range){ ranges[i].lo,
						       MIN(ranges[i].hi, (uint64_t)UINT32_MAX) };
	if (!kept) /* holds for nobody: an empty range */
		r[kept++] = (struct filter_range){ 1, 0 };
	kept = kept > 1 ? merge_ranges(r, kept) : kept;
	for (uint32_t i = 0; i < kept; i++)
		words[i] = r[i].lo | r[i].hi << 32;
	at = need_words(j, words, kept);
	if (at < 0)
		return (int)at;
	*off = (uint32_t)at;
	*count = (uint8_t)kept;
	return 0;
}

/* ---- from a clause ---- */

static bool all_exact(const struct joins_context *x, const struct filter_pattern *p, uint32_t n,
		      bool program)
{
	for (uint32_t i = 0; i < n; i++)
		if (!x->exact(x->arg, &p[i], program))
			return false;
	return true;
}

/* False: this part is left out. */
static bool add_program(struct filter_join *join, const struct filter_program *p,
			const struct joins_context *x)
{
	int mark;

	if (p->negated && (p->who != FILTER_SELF || !all_exact(x, p->patterns, p->npatterns, true)))
		return false;
	mark = groups_need(x->programs, p->patterns, p->npatterns);
	if (mark < 0)
		return false;
	if (p->negated)
		join->self_out |= 1ULL << mark;
	else if (p->who == FILTER_SELF)
		join->self_in |= 1ULL << mark;
	else if (p->who == FILTER_ANCESTOR)
		join->ancestor_in |= 1ULL << mark;
	else
		join->line_in |= 1ULL << mark;
	return true;
}

static bool add_excluded(struct filter_join *join, const struct filter_clause *c,
			 const struct joins_context *x)
{
	int group;

	if (!c->nnot_paths)
		return true;
	if (!all_exact(x, c->not_paths, c->nnot_paths, false))
		return false;
	group = groups_need(x->excluded, c->not_paths, c->nnot_paths);
	if (group < 0)
		return false;
	join->not_mask = 1ULL << (FILTER_SURE - 1 - group);
	return true;
}

static void add_cgroups(struct filter_join *join, const struct filter_clause *c, bool *relaxed)
{
	for (uint32_t i = 0; i < c->ncgroups; i++) {
		if (c->cgroups[i].set >= FILTER_BITS)
			*relaxed = true;
		else if (c->cgroups[i].negated)
			join->cgroup_out |= 1ULL << c->cgroups[i].set;
		else
			join->cgroup_in |= 1ULL << c->cgroups[i].set;
	}
}

/* 0 also where this part is left out. */
static int add_threads(struct joins *j, struct filter_join *join, const struct filter_clause *c,
		       bool *relaxed)
{
	struct filter_bytes t[FILTER_HEADS];
	uint32_t n = c->nthreads ? heads_make(t, HEADS_THREAD, c->threads, c->nthreads) : 0;
	uint64_t words[FILTER_HEADS * sizeof(*t) / sizeof(uint64_t)];
	int64_t at = 0;

	memcpy(words, t, n * sizeof(*t));
	if (n)
		at = need_words(j, words, n * (uint32_t)(sizeof(*t) / sizeof(*words)));
	*relaxed |= c->nthreads && !n;
	join->threads = at < 0 ? 0 : (uint32_t)at;
	join->nthreads = (uint8_t)n;
	return at < 0 ? (int)at : 0;
}

static int make_join(struct joins *j, struct filter_join *join, const struct filter_clause *c,
		     const struct joins_context *x)
{
	bool relaxed = false;
	int rc;

	*join = (struct filter_join){
		.flags_any = c->flags_any,
		.mode_any = c->mode_any,
		.types_any = c->types_any,
		.access_any = c->access_any,
		.families_any = c->families_any,
		.via_any = c->via_any,
		.transports_any = c->transports_any,
		.outcomes_any = c->outcomes_any,
	};
	for (uint32_t i = 0; i < c->nprograms; i++)
		relaxed |= !add_program(join, &c->programs[i], x);
	relaxed |= !add_excluded(join, c, x);
	add_cgroups(join, c, &relaxed);
	rc = add_threads(j, join, c, &relaxed);
	j->relaxed += relaxed;
	rc = rc ? rc : add_ranges(j, c->uids, c->nuids, &join->uids, &join->nuids);
	rc = rc ? rc
		: add_ranges(j, c->real_uids, c->nreal_uids, &join->real_uids, &join->nreal_uids);
	return rc ? rc : add_ranges(j, c->ports, c->nports, &join->ports, &join->nports);
}

static uint32_t hash_join(const struct filter_join *join)
{
	const uint64_t *w = (const uint64_t *)join;
	uint64_t x = 0;

	for (size_t i = 0; i < sizeof(*join) / sizeof(*w); i++)
		x = (x ^ w[i]) * 0x9e3779b97f4a7c15ULL, x ^= x >> 29;
	return (uint32_t)x;
}

static int rehash(struct joins *j)
{
	uint32_t size = j->slots_mask ? (j->slots_mask + 1) * 2 : 256;
	uint32_t *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < j->count; i++) {
		uint32_t at = hash_join(&j->items[i].join);

		while (slots[at & (size - 1)])
			at++;
		slots[at & (size - 1)] = i + 1;
	}
	free(j->slots);
	j->slots = slots;
	j->slots_mask = size - 1;
	return 0;
}

int64_t joins_need(struct joins *j, const struct filter_clause *c, const struct joins_context *x)
{
	static const struct filter_join nothing;
	struct filter_join join;
	uint32_t at;
	int rc = make_join(j, &join, c, x);

	if (!rc && !memcmp(&join, &nothing, sizeof(join)))
		return JOINS_SURE;
	if (!rc && 2 * (j->count + 1) > j->slots_mask)
		rc = rehash(j);
	if (!rc && j->count == j->cap) {
		uint32_t cap = j->cap ? j->cap * 2 : 16;
		struct join_entry *items = reallocarray(j->items, cap, sizeof(*items));

		j->items = items ? items : j->items;
		j->cap = items ? cap : j->cap;
		rc = items ? 0 : -ENOMEM;
	}
	if (rc)
		return -ENOMEM;
	for (at = hash_join(&join); j->slots[at & j->slots_mask]; at++) {
		uint32_t i = j->slots[at & j->slots_mask] - 1;

		if (!memcmp(&j->items[i].join, &join, sizeof(join)))
			return i;
	}
	j->items[j->count].join = join;
	j->slots[at & j->slots_mask] = ++j->count;
	return j->count - 1;
}

/* ---- bits and bytes ---- */

void joins_spread(struct joins *j, uint32_t nbits)
{
	uint32_t each = (j->count + nbits - 1) / nbits;

	each = each ? MIN(each, (uint32_t)FILTER_BUCKET_JOINS) : 1;
	for (uint32_t i = 0; i < j->count; i++)
		j->items[i].bit = (uint8_t)(i / each < nbits ? i / each : FILTER_SURE);
}

static void add_asked(struct filter_buckets *b, const struct join_entry *e)
{
	const struct filter_join *j = &e->join;
	uint64_t bit = 1ULL << e->bit;

	b->cgroup |= j->cgroup_in | j->cgroup_out ? bit : 0;
	b->marks |= j->self_in | j->self_out | j->ancestor_in | j->line_in ? bit : 0;
	b->thread |= j->nthreads ? bit : 0;
	b->user |= j->nuids || j->nreal_uids ? bit : 0;
}

int joins_write(const struct joins *j, struct buf *block, struct filter_buckets *b)
{
	size_t at = (block->len + 127) & ~(size_t)127, ranges;
	size_t bytes = j->count * sizeof(struct filter_join) + j->nwords * sizeof(*j->words);

	if (buf_reserve(block, at - block->len + bytes))
		return block->max ? -E2BIG : -ENOMEM;
	memset(block->p + block->len, 0, at - block->len + bytes);
	block->len = at + bytes;
	ranges = at + j->count * sizeof(struct filter_join);
	memset(b, 0, sizeof(*b));
	for (uint32_t i = 0; i < j->count; i++) {
		struct filter_join join = j->items[i].join;
		uint32_t off = (uint32_t)(at + i * sizeof(join));
		__u64 *bucket = &b->at[j->items[i].bit];

		join.uids += (uint32_t)ranges;
		join.real_uids += (uint32_t)ranges;
		join.ports += (uint32_t)ranges;
		join.threads += (uint32_t)ranges;
		memcpy(block->p + off, &join, sizeof(join));
		add_asked(b, &j->items[i]);
		if (j->items[i].bit != FILTER_SURE)
			*bucket = (*bucket ? *bucket : off) + (1ULL << 32);
	}
	if (j->nwords)
		memcpy(block->p + ranges, j->words, j->nwords * sizeof(*j->words));
	return 0;
}

static bool open_may_hold(const struct filter_join *j, uint32_t via, uint32_t mode, uint32_t access)
{
	return (!j->via_any || j->via_any & via) &&
	       (!j->types_any || j->types_any >> filter_file_type(mode) & 1) &&
	       (!j->access_any || j->access_any >> access & 1);
}

void joins_open_may(const struct joins *j, __u64 may[FILTER_OPEN_CLASSES])
{
	for (uint32_t i = 0; i < FILTER_OPEN_CLASSES; i++)
		may[i] = FILTER_WANTED;
	for (uint32_t via = FILTER_VIA_SYSCALL; via <= FILTER_VIA_IO_URING; via++)
		for (uint32_t mode = 0; mode <= S_IFMT; mode += 1u << 12)
			for (uint32_t access = 0; access <= 3; access++)
				for (uint32_t i = 0; i < j->count; i++)
					if (open_may_hold(&j->items[i].join, via, mode, access))
						may[FILTER_OPEN_CLASS(via, mode, access)] |=
							1ULL << j->items[i].bit;
}
