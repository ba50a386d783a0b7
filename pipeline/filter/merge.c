/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Fewer clauses for the same, or for more. Clauses that differ only in a part that means "any of"
 * become one with the union: exact. Where too many are left, parts are left out in the order of
 * `less`: what tells least beside a path goes first, and paths are the last to go.
 */
#include "pipeline/filter/parts.h"
#include "pipeline/filter/pattern.h"
#include "pipeline/filter/sets.h"
#include "pipeline/util.h"

static bool join_programs(struct dnf_ctx *x, struct filter_clause *a, const struct filter_clause *b)
{
	const struct filter_program *p = a->programs, *q = b->programs;
	struct filter_program *both;
	struct patterns_list all;

	if (a->nprograms != 1 || b->nprograms != 1 || p->who != q->who || p->negated || q->negated)
		return false;
	all = patterns_union(x->pool, (struct patterns_list){ p->patterns, p->npatterns },
			     (struct patterns_list){ q->patterns, q->npatterns });
	both = pool_get(x->pool, sizeof(*both));
	if (!both || !all.count) {
		x->no_memory = true;
		return false;
	}
	*both = (struct filter_program){ all.items, all.count, p->who, false };
	a->programs = both;
	return true;
}

static bool join_patterns(struct dnf_ctx *x, const struct filter_pattern **a, uint32_t *na,
			  const struct filter_pattern *b, uint32_t nb)
{
	struct patterns_list all = patterns_union(x->pool, (struct patterns_list){ *a, *na },
						  (struct patterns_list){ b, nb });

	x->no_memory |= !all.count;
	*a = all.items;
	*na = all.count;
	return true;
}

static bool join_peers(struct dnf_ctx *x, struct filter_clause *a, const struct filter_clause *b)
{
	struct nets all;

	if (!nets_or(x->pool, (struct nets){ a->peers, a->npeers },
		     (struct nets){ b->peers, b->npeers }, &all)) {
		x->no_memory = true;
		return false;
	}
	a->peers = all.items;
	a->npeers = all.count;
	return true;
}

static bool join_ranges(struct dnf_ctx *x, const struct filter_range **a, uint32_t *na,
			const struct filter_range *b, uint32_t nb, uint64_t max)
{
	struct ranges all;

	if (!ranges_or(x->pool, (struct ranges){ *a, *na }, (struct ranges){ b, nb }, &all)) {
		x->no_memory = true;
		return false;
	}
	*a = all.items;
	*na = all.count == 1 && !all.items[0].lo && all.items[0].hi >= max ? 0 : all.count;
	return true;
}

static uint32_t mask_or(uint32_t a, uint32_t b, uint32_t all)
{
	return ((a | b) & all) == all ? 0 : a | b;
}

/* Of patterns each is compared with each, as long as they are not very many. */
static uint64_t pattern_work(uint32_t na, uint32_t nb)
{
	return na + nb > PATTERNS_COMPARED_MAX ? na + nb : na + nb + (uint64_t)na * nb;
}

static uint64_t join_work(const struct filter_clause *a, const struct filter_clause *b)
{
	const struct filter_program *p = a->programs, *q = b->programs;

	return pattern_work(a->npaths, b->npaths) + pattern_work(a->nthreads, b->nthreads) +
	       pattern_work(a->nunix_paths, b->nunix_paths) +
	       (a->nprograms && b->nprograms ? pattern_work(p->npatterns, q->npatterns) : 0) +
	       a->npeers + b->npeers + a->nuids + b->nuids + a->nreal_uids + b->nreal_uids +
	       a->nports + b->nports;
}

bool clause_join(struct dnf_ctx *x, struct filter_clause *a, const struct filter_clause *b,
		 uint32_t part)
{
	x->work += join_work(a, b);
	switch (part) {
	case CLAUSE_PATHS: return join_patterns(x, &a->paths, &a->npaths, b->paths, b->npaths);
	case CLAUSE_PROGRAMS: return join_programs(x, a, b);
	case CLAUSE_THREADS:
		return join_patterns(x, &a->threads, &a->nthreads, b->threads, b->nthreads);
	case CLAUSE_UNIX_PATHS:
		return join_patterns(x, &a->unix_paths, &a->nunix_paths, b->unix_paths,
				     b->nunix_paths);
	case CLAUSE_PEERS: return join_peers(x, a, b);
	case CLAUSE_UIDS: return join_ranges(x, &a->uids, &a->nuids, b->uids, b->nuids, UINT32_MAX);
	case CLAUSE_REAL_UIDS:
		return join_ranges(x, &a->real_uids, &a->nreal_uids, b->real_uids, b->nreal_uids,
				   UINT32_MAX);
	case CLAUSE_FLAGS: a->flags_any |= b->flags_any; return true;
	case CLAUSE_MODE: a->mode_any |= b->mode_any; return true;
	case CLAUSE_ACCESS:
		a->access_any = (uint8_t)mask_or(a->access_any, b->access_any, ACCESS_ALL);
		return true;
	case CLAUSE_TYPES:
		a->types_any = (uint16_t)mask_or(a->types_any, b->types_any, TYPES_ALL);
		return true;
	case CLAUSE_FAMILIES:
		a->families_any = (uint8_t)mask_or(a->families_any, b->families_any, FAMILIES_ALL);
		return true;
	case CLAUSE_VIA:
		a->via_any = (uint8_t)mask_or(a->via_any, b->via_any, VIA_ALL);
		return true;
	case CLAUSE_TRANSPORTS:
		a->transports_any =
			(uint8_t)mask_or(a->transports_any, b->transports_any, TRANSPORTS_ALL);
		return true;
	case CLAUSE_OUTCOMES:
		a->outcomes_any =
			(uint8_t)mask_or(a->outcomes_any, b->outcomes_any, FILTER_OUTCOMES);
		return true;
	case CLAUSE_PORTS: /* a full range is still only for those that have a port */
		return join_ranges(x, &a->ports, &a->nports, b->ports, b->nports, UINT64_MAX);
	default: return false;
	}
}

/* One for both, where that can be said exactly: b only differs from a by asking more, or by one
 * part that both ask. */
static bool absorb(struct dnf_ctx *x, struct filter_clause *a, const struct filter_clause *b)
{
	uint32_t diff = clause_diff(a, b), asked = clause_parts(a);

	if (!(diff & asked))
		return true;
	if (!(diff & clause_parts(b))) {
		*a = *b;
		return true;
	}
	return !(diff & (diff - 1)) && clause_join(x, a, b, diff);
}

static void merge_pairs(struct dnf_ctx *x, struct dnf *d)
{
	bool again = true;

	while (again && x->work <= x->work_max) {
		again = false;
		x->work += (uint64_t)d->count * d->count / 2;
		for (uint32_t i = 0; i < d->count; i++)
			for (uint32_t j = d->count; --j > i;) {
				if (!absorb(x, &d->items[i], &d->items[j]))
					continue;
				d->items[j] = d->items[--d->count];
				again = true;
			}
	}
}

/* Clauses that differ in one list only become one, in one pass: there may be thousands. */
struct bucket {
	uint64_t hash;
	uint32_t clause;
};

struct list {
	const void *items;
	uint32_t count;
	size_t size;
};

/* The list of the part, or none where it cannot be joined. */
static struct list list_of(const struct filter_clause *c, uint32_t part)
{
	const struct filter_program *p = c->programs;

	if (part == CLAUSE_PATHS)
		return (struct list){ c->paths, c->npaths, sizeof(*c->paths) };
	if (part == CLAUSE_PEERS)
		return (struct list){ c->peers, c->npeers, sizeof(*c->peers) };
	if (c->nprograms != 1 || p->negated)
		return (struct list){ 0 };
	return (struct list){ p->patterns, p->npatterns, sizeof(*p->patterns) };
}

static void set_list(struct dnf_ctx *x, struct filter_clause *c, uint32_t part, struct list l)
{
	struct filter_program *p;

	if (part == CLAUSE_PATHS) {
		c->paths = l.items;
		c->npaths = l.count;
	} else if (part == CLAUSE_PEERS) {
		c->peers = l.items;
		c->npeers = l.count;
	} else {
		p = pool_get(x->pool, sizeof(*p));
		x->no_memory |= !p;
		if (!p)
			return;
		*p = (struct filter_program){ l.items, l.count, c->programs->who, false };
		c->programs = p;
	}
}

static int by_hash(const void *a, const void *b)
{
	const struct bucket *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (x->clause > y->clause) - (x->clause < y->clause);
}

/* The clauses b[0] to b[n - 1], alike but for the part, as one. */
static struct filter_clause join_all(struct dnf_ctx *x, const struct dnf *d, const struct bucket *b,
				     uint32_t n, uint32_t part)
{
	struct filter_clause c = d->items[b->clause];
	struct list all = list_of(&c, part), one;
	uint32_t count = 0;
	char *items;

	for (uint32_t i = 0; i < n; i++)
		count += list_of(&d->items[b[i].clause], part).count;
	if (n == 1 || !count) /* without the part they are equal */
		return c;
	items = pool_array(x->pool, count, all.size);
	if (!items) {
		x->no_memory = true;
		return c;
	}
	all = (struct list){ items, 0, all.size };
	for (uint32_t i = 0; i < n; i++) {
		one = list_of(&d->items[b[i].clause], part);
		memcpy(items + all.count * all.size, one.items, one.count * all.size);
		all.count += one.count;
	}
	set_list(x, &c, part, all);
	return c;
}

static bool alike(const struct filter_clause *a, const struct filter_clause *b, uint32_t part)
{
	bool listed = list_of(a, part).count;

	if (listed != (list_of(b, part).count != 0))
		return false;
	if (clause_diff(a, b) & ~(listed ? part : 0))
		return false;
	return !listed || part != CLAUSE_PROGRAMS || a->programs->who == b->programs->who;
}

static void merge_lists(struct dnf_ctx *x, struct dnf *d, uint32_t part)
{
	struct bucket *b = pool_array(x->pool, d->count, sizeof(*b));
	struct filter_clause *out = pool_array(x->pool, d->count, sizeof(*out));
	uint32_t n = 0;

	if (!b || !out) {
		x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		const struct filter_clause *c = &d->items[i];

		b[i] = (struct bucket){ clause_hash(c, list_of(c, part).count ? part : 0), i };
	}
	qsort(b, d->count, sizeof(*b), by_hash);
	for (uint32_t i = 0, end; i < d->count; i = end) {
		for (end = i + 1; end < d->count && b[end].hash == b[i].hash; end++)
			if (!alike(&d->items[b[i].clause], &d->items[b[end].clause], part))
				break;
		out[n++] = join_all(x, d, &b[i], end - i, part);
	}
	*d = (struct dnf){ out, n };
}

/* What goes where there are too many: `parts` of the clauses that still ask something of `keep`. */
static const struct less {
	uint32_t parts, keep;
} less[] = {
	{ CLAUSE_MODE | CLAUSE_NOT_PATHS | CLAUSE_REAL_UIDS | CLAUSE_TYPES, CLAUSE_PATHS },
	{ CLAUSE_UIDS, CLAUSE_PATHS },
	{ CLAUSE_PROGRAMS | CLAUSE_THREADS, CLAUSE_PATHS },
	{ CLAUSE_CGROUPS, CLAUSE_PATHS },
	{ CLAUSE_FLAGS | CLAUSE_ACCESS, CLAUSE_PATHS },
	{ CLAUSE_MODE | CLAUSE_NOT_PATHS | CLAUSE_REAL_UIDS | CLAUSE_UIDS | CLAUSE_CGROUPS |
		  CLAUSE_PORTS | CLAUSE_FLAGS | CLAUSE_ACCESS | CLAUSE_TYPES,
	  CLAUSE_PROGRAMS },
	{ CLAUSE_PROGRAMS | CLAUSE_THREADS | CLAUSE_CGROUPS | CLAUSE_MODE | CLAUSE_NOT_PATHS |
		  CLAUSE_REAL_UIDS | CLAUSE_UIDS,
	  CLAUSE_PEERS | CLAUSE_PORTS | CLAUSE_FLAGS | CLAUSE_ACCESS },
	{ CLAUSE_ALL & ~(uint32_t)CLAUSE_PATHS, CLAUSE_PATHS },
	{ CLAUSE_ALL, CLAUSE_ALL },
};

/* Of programs the negated ones go first: one that says what it is tells enough. */
static void drop_negated(struct dnf_ctx *x, struct filter_clause *c)
{
	struct filter_program *kept = pool_array(x->pool, c->nprograms, sizeof(*kept));
	uint32_t n = 0;

	if (!kept) {
		x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < c->nprograms; i++)
		if (!c->programs[i].negated)
			kept[n++] = c->programs[i];
	if (n || c->npaths) {
		c->programs = kept;
		c->nprograms = n;
	}
}

static void settle(struct dnf_ctx *x, struct dnf *d)
{
	if (d->count > DNF_CLAUSES_MAX) {
		merge_lists(x, d, CLAUSE_PATHS);
		merge_lists(x, d, CLAUSE_PROGRAMS);
		merge_lists(x, d, CLAUSE_PEERS);
	}
	if (d->count <= DNF_CLAUSES_MAX * 16)
		merge_pairs(x, d);
}

struct dnf dnf_merge(struct dnf_ctx *x, struct dnf d, uint32_t max)
{
	settle(x, &d);
	if (d.count <= max)
		return d;
	x->widened = true;
	for (uint32_t i = 0; i < d.count; i++)
		if (d.items[i].nprograms)
			drop_negated(x, &d.items[i]);
	settle(x, &d);
	for (uint32_t s = 0; s < ARRAY_LEN(less) && d.count > max; s++) {
		for (uint32_t i = 0; i < d.count; i++)
			if (clause_parts(&d.items[i]) & less[s].keep)
				clause_drop(&d.items[i], less[s].parts);
		settle(x, &d);
	}
	return d;
}
