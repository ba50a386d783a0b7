/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * parts.h. A part that two clauses both ask is intersected where the form allows it (patterns,
 * numbers, addresses, masks of a single value) and else one of the two is kept, which is wider.
 */
#include "pipeline/filter/parts.h"

#include "pipeline/filter/pattern.h"
#include "pipeline/filter/sets.h"
#include "pipeline/util.h"

enum { NETS_CROSS_MAX = 16384 };

#define PATHS(c) ((struct patterns_list){ (c)->paths, (c)->npaths })
#define NOT_PATHS(c) ((struct patterns_list){ (c)->not_paths, (c)->nnot_paths })
#define THREADS(c) ((struct patterns_list){ (c)->threads, (c)->nthreads })
#define UNIX_PATHS(c) ((struct patterns_list){ (c)->unix_paths, (c)->nunix_paths })
#define RANGES(c, m) ((struct ranges){ (c)->m, (c)->n##m })
#define PEERS(c) ((struct nets){ (c)->peers, (c)->npeers })

uint32_t clause_parts(const struct filter_clause *c)
{
	return (c->npaths ? CLAUSE_PATHS : 0) | (c->nnot_paths ? CLAUSE_NOT_PATHS : 0) |
	       (c->nprograms ? CLAUSE_PROGRAMS : 0) | (c->nthreads ? CLAUSE_THREADS : 0) |
	       (c->nuids ? CLAUSE_UIDS : 0) | (c->nreal_uids ? CLAUSE_REAL_UIDS : 0) |
	       (c->npeers ? CLAUSE_PEERS : 0) | (c->nports ? CLAUSE_PORTS : 0) |
	       (c->ncgroups ? CLAUSE_CGROUPS : 0) | (c->flags_any ? CLAUSE_FLAGS : 0) |
	       (c->access_any ? CLAUSE_ACCESS : 0) | (c->mode_any ? CLAUSE_MODE : 0) |
	       (c->types_any ? CLAUSE_TYPES : 0) | (c->families_any ? CLAUSE_FAMILIES : 0) |
	       (c->via_any ? CLAUSE_VIA : 0) | (c->transports_any ? CLAUSE_TRANSPORTS : 0) |
	       (c->outcomes_any ? CLAUSE_OUTCOMES : 0) | (c->nunix_paths ? CLAUSE_UNIX_PATHS : 0);
}

bool clause_is_open(const struct filter_clause *c)
{
	return !clause_parts(c);
}

/* What most events do not fulfil weighs most. */
uint32_t clause_weight(const struct filter_clause *c)
{
	uint32_t weight = 0;

	weight += c->npaths ? 1000 : 0;
	weight += c->nthreads ? 400 : 0;
	weight += c->npeers || c->nunix_paths ? 300 : 0;
	weight += c->nports ? 300 : 0;
	weight += c->via_any == FILTER_VIA_IO_URING ? 900 : 0;
	for (uint32_t i = 0; i < c->nprograms; i++)
		weight += c->programs[i].negated ? 20 : 400;
	for (uint32_t i = 0; i < c->ncgroups; i++)
		weight += c->cgroups[i].negated ? 20 : 200;
	weight += c->nuids || c->nreal_uids ? 50 : 0;
	weight += c->access_any || c->flags_any ? 100 : 0;
	weight += c->types_any || c->mode_any || c->families_any || c->transports_any ? 50 : 0;
	weight += c->outcomes_any && !(c->outcomes_any & 1 << EV_OUTCOME_SUCCESS) ? 200 : 0;
	return weight + (c->nnot_paths ? 20 : 0);
}

static bool same_patterns(struct patterns_list a, struct patterns_list b)
{
	if (a.count != b.count)
		return false;
	for (uint32_t i = 0; i < a.count && a.items != b.items; i++)
		if (!pattern_equal(&a.items[i], &b.items[i]))
			return false;
	return true;
}

static bool same_program(const struct filter_program *a, const struct filter_program *b)
{
	return a->who == b->who && a->negated == b->negated &&
	       same_patterns((struct patterns_list){ a->patterns, a->npatterns },
			     (struct patterns_list){ b->patterns, b->npatterns });
}

static bool same_programs(const struct filter_clause *a, const struct filter_clause *b)
{
	if (a->nprograms != b->nprograms)
		return false;
	for (uint32_t i = 0; i < a->nprograms; i++)
		if (!same_program(&a->programs[i], &b->programs[i]))
			return false;
	return true;
}

static bool same_bytes(const void *a, uint32_t na, const void *b, uint32_t nb, size_t size)
{
	return na == nb && (!na || a == b || !memcmp(a, b, na * size));
}

static bool same_cgroups(const struct filter_clause *a, const struct filter_clause *b)
{
	if (a->ncgroups != b->ncgroups)
		return false;
	for (uint32_t i = 0; i < a->ncgroups; i++)
		if (a->cgroups[i].set != b->cgroups[i].set ||
		    a->cgroups[i].negated != b->cgroups[i].negated)
			return false;
	return true;
}

#define SAME_RANGES(m) same_bytes(a->m, a->n##m, b->m, b->n##m, sizeof(struct filter_range))

uint32_t clause_diff(const struct filter_clause *a, const struct filter_clause *b)
{
	uint32_t d = 0;

	d |= same_patterns(PATHS(a), PATHS(b)) ? 0 : CLAUSE_PATHS;
	d |= same_patterns(NOT_PATHS(a), NOT_PATHS(b)) ? 0 : CLAUSE_NOT_PATHS;
	d |= same_programs(a, b) ? 0 : CLAUSE_PROGRAMS;
	d |= same_patterns(THREADS(a), THREADS(b)) ? 0 : CLAUSE_THREADS;
	d |= same_patterns(UNIX_PATHS(a), UNIX_PATHS(b)) ? 0 : CLAUSE_UNIX_PATHS;
	d |= SAME_RANGES(uids) ? 0 : CLAUSE_UIDS;
	d |= SAME_RANGES(real_uids) ? 0 : CLAUSE_REAL_UIDS;
	d |= SAME_RANGES(ports) ? 0 : CLAUSE_PORTS;
	d |= same_bytes(a->peers, a->npeers, b->peers, b->npeers, sizeof(struct filter_net))
		     ? 0
		     : CLAUSE_PEERS;
	d |= same_cgroups(a, b) ? 0 : CLAUSE_CGROUPS;
	d |= a->flags_any == b->flags_any ? 0 : CLAUSE_FLAGS;
	d |= a->access_any == b->access_any ? 0 : CLAUSE_ACCESS;
	d |= a->mode_any == b->mode_any ? 0 : CLAUSE_MODE;
	d |= a->types_any == b->types_any ? 0 : CLAUSE_TYPES;
	d |= a->families_any == b->families_any ? 0 : CLAUSE_FAMILIES;
	d |= a->via_any == b->via_any ? 0 : CLAUSE_VIA;
	d |= a->transports_any == b->transports_any ? 0 : CLAUSE_TRANSPORTS;
	d |= a->outcomes_any == b->outcomes_any ? 0 : CLAUSE_OUTCOMES;
	return d;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3ULL;
	return mix(h, n);
}

static uint64_t mix_patterns(uint64_t h, struct patterns_list l)
{
	for (uint32_t i = 0; i < l.count; i++) {
		h = mix(h, l.items[i].type | (uint64_t)l.items[i].icase << 8 |
				   (uint64_t)l.items[i].name << 9);
		h = mix_bytes(h, l.items[i].text.p, l.items[i].text.len);
	}
	return mix(h, l.count);
}

uint64_t clause_hash(const struct filter_clause *from, uint32_t without)
{
	struct filter_clause c = *from;
	uint64_t h = 0;

	clause_drop(&c, without);
	h = mix_patterns(h, PATHS(&c));
	h = mix_patterns(h, NOT_PATHS(&c));
	h = mix_patterns(h, THREADS(&c));
	h = mix_patterns(h, UNIX_PATHS(&c));
	for (uint32_t i = 0; i < c.nprograms; i++) {
		h = mix(h, c.programs[i].who | (uint64_t)c.programs[i].negated << 8);
		h = mix_patterns(h, (struct patterns_list){ c.programs[i].patterns,
							    c.programs[i].npatterns });
	}
	h = mix_bytes(h, c.uids, c.nuids * sizeof(*c.uids));
	h = mix_bytes(h, c.real_uids, c.nreal_uids * sizeof(*c.real_uids));
	h = mix_bytes(h, c.ports, c.nports * sizeof(*c.ports));
	h = mix_bytes(h, c.peers, c.npeers * sizeof(*c.peers));
	for (uint32_t i = 0; i < c.ncgroups; i++)
		h = mix(h, c.cgroups[i].set | (uint64_t)c.cgroups[i].negated << 32);
	h = mix(h, c.flags_any | (uint64_t)c.mode_any << 32);
	return mix(h, c.types_any | (uint64_t)c.access_any << 16 | (uint64_t)c.families_any << 24 |
			      (uint64_t)c.via_any << 32 | (uint64_t)c.transports_any << 40 |
			      (uint64_t)c.outcomes_any << 48);
}

void clause_drop(struct filter_clause *c, uint32_t parts)
{
	if (parts & CLAUSE_PATHS)
		c->npaths = 0;
	if (parts & CLAUSE_NOT_PATHS)
		c->nnot_paths = 0;
	if (parts & CLAUSE_PROGRAMS)
		c->nprograms = 0;
	if (parts & CLAUSE_THREADS)
		c->nthreads = 0;
	if (parts & CLAUSE_UIDS)
		c->nuids = 0;
	if (parts & CLAUSE_REAL_UIDS)
		c->nreal_uids = 0;
	if (parts & CLAUSE_PEERS)
		c->npeers = 0;
	if (parts & CLAUSE_PORTS)
		c->nports = 0;
	if (parts & CLAUSE_CGROUPS)
		c->ncgroups = 0;
	if (parts & CLAUSE_FLAGS)
		c->flags_any = 0;
	if (parts & CLAUSE_ACCESS)
		c->access_any = 0;
	if (parts & CLAUSE_MODE)
		c->mode_any = 0;
	if (parts & CLAUSE_TYPES)
		c->types_any = 0;
	if (parts & CLAUSE_FAMILIES)
		c->families_any = 0;
	if (parts & CLAUSE_VIA)
		c->via_any = 0;
	if (parts & CLAUSE_TRANSPORTS)
		c->transports_any = 0;
	if (parts & CLAUSE_OUTCOMES)
		c->outcomes_any = 0;
	if (parts & CLAUSE_UNIX_PATHS)
		c->nunix_paths = 0;
}

/* Masks of a single value: exact. False: no value is in both. */
static bool value_and(uint32_t a, uint32_t b, uint32_t *both)
{
	*both = a && b ? a & b : a | b;
	return *both || !a || !b;
}

/* Masks of which one bit must be set: one that is within the other says both; else either is wider. */
static uint32_t bits_and(uint32_t a, uint32_t b)
{
	if (!a || !b)
		return a | b;
	if ((a & b) == a || (a & b) == b)
		return a & b;
	return __builtin_popcount(a) <= __builtin_popcount(b) ? a : b;
}

static bool masks_and(const struct filter_clause *b, struct filter_clause *out)
{
	uint32_t access, types, families, via, transports, outcomes;

	out->flags_any = bits_and(out->flags_any, b->flags_any);
	out->mode_any = bits_and(out->mode_any, b->mode_any);
	if (!value_and(out->access_any, b->access_any, &access) ||
	    !value_and(out->types_any, b->types_any, &types) ||
	    !value_and(out->families_any, b->families_any, &families) ||
	    !value_and(out->via_any, b->via_any, &via) ||
	    !value_and(out->transports_any, b->transports_any, &transports) ||
	    !value_and(out->outcomes_any, b->outcomes_any, &outcomes))
		return false;
	out->access_any = (uint8_t)access;
	out->types_any = (uint16_t)types;
	out->families_any = (uint8_t)families;
	out->via_any = (uint8_t)via;
	out->transports_any = (uint8_t)transports;
	out->outcomes_any = (uint8_t)outcomes;
	return true;
}

#define RANGES_AND(m)                                                                              \
	do {                                                                                       \
		struct ranges both = RANGES(a, m);                                                 \
		if (b->n##m && a->n##m) {                                                          \
			if (!ranges_and(x->pool, RANGES(a, m), RANGES(b, m), &both))               \
				x->no_memory = true;                                               \
			else if (!both.count)                                                      \
				return false;                                                      \
		} else if (b->n##m) {                                                              \
			both = RANGES(b, m);                                                       \
		}                                                                                  \
		out->m = both.items;                                                               \
		out->n##m = both.count;                                                            \
	} while (0)

static bool numbers_and(struct dnf_ctx *x, const struct filter_clause *a,
			const struct filter_clause *b, struct filter_clause *out)
{
	struct nets peers = a->npeers ? PEERS(a) : PEERS(b);

	x->work += (uint64_t)a->npeers * b->npeers + a->nuids + a->nreal_uids + a->nports +
		   b->nuids + b->nreal_uids + b->nports;
	RANGES_AND(uids);
	RANGES_AND(real_uids);
	RANGES_AND(ports);
	if (a->npeers && b->npeers && (uint64_t)a->npeers * b->npeers > NETS_CROSS_MAX) {
		peers = a->npeers <= b->npeers ? PEERS(a) : PEERS(b);
		x->widened = true;
	} else if (a->npeers && b->npeers) {
		if (!nets_and(x->pool, PEERS(a), PEERS(b), &peers))
			x->no_memory = true;
		else if (!peers.count)
			return false;
	}
	out->peers = peers.items;
	out->npeers = peers.count;
	/* Only IP has addresses and ports. */
	return !((out->npeers || out->nports) && out->families_any &&
		 !(out->families_any & FAMILIES_IP));
}

static bool patterns_and(struct dnf_ctx *x, struct patterns_list a, struct patterns_list b,
			 struct patterns_list *out)
{
	*out = a.count ? a : b;
	if (!a.count || !b.count)
		return true;
	x->work += (uint64_t)a.count * b.count;
	if (!patterns_both(x->pool, a, b, out))
		x->no_memory = true;
	return out->count;
}

static bool paths_and(struct dnf_ctx *x, const struct filter_clause *a,
		      const struct filter_clause *b, struct filter_clause *out)
{
	struct patterns_list paths = a->npaths ? PATHS(a) : PATHS(b), without = NOT_PATHS(a);
	bool asked = a->npaths || b->npaths;

	x->work += a->nnot_paths + b->nnot_paths + (uint64_t)paths.count * without.count;
	if (!patterns_and(x, PATHS(a), PATHS(b), &paths))
		return false;
	if (b->nnot_paths && !same_patterns(NOT_PATHS(a), NOT_PATHS(b)))
		without = patterns_union(x->pool, without, NOT_PATHS(b));
	if (asked && without.count && !patterns_without(x->pool, paths, without, &paths))
		x->no_memory = true;
	if (asked && !paths.count)
		return false;
	out->paths = paths.items;
	out->npaths = paths.count;
	out->not_paths = without.items;
	out->nnot_paths = without.count;
	return true;
}

static bool heads_and(struct dnf_ctx *x, const struct filter_clause *b, struct filter_clause *out)
{
	struct patterns_list threads, paths;

	if (!patterns_and(x, THREADS(out), THREADS(b), &threads) ||
	    !patterns_and(x, UNIX_PATHS(out), UNIX_PATHS(b), &paths))
		return false;
	out->threads = threads.items;
	out->nthreads = threads.count;
	out->unix_paths = paths.items;
	out->nunix_paths = paths.count;
	return !paths.count || (!out->npeers && !out->nports);
}

static bool programs_and(struct dnf_ctx *x, const struct filter_clause *b,
			 struct filter_clause *out)
{
	uint32_t n = out->nprograms;
	struct filter_program *all;

	if (!b->nprograms)
		return true;
	all = pool_array(x->pool, (size_t)n + b->nprograms, sizeof(*all));
	if (!all) {
		x->no_memory = true;
		return true;
	}
	if (n)
		memcpy(all, out->programs, n * sizeof(*all));
	for (uint32_t i = 0; i < b->nprograms; i++) {
		bool known = false;

		for (uint32_t j = 0; j < n && !known; j++)
			known = same_program(&all[j], &b->programs[i]);
		if (known)
			continue;
		if (n >= DNF_PROGRAMS_MAX) {
			x->widened = true;
			break;
		}
		all[n++] = b->programs[i];
	}
	out->programs = all;
	out->nprograms = n;
	return true;
}

static bool cgroups_and(struct dnf_ctx *x, const struct filter_clause *b, struct filter_clause *out)
{
	uint32_t n = out->ncgroups;
	struct filter_cgroups *all;

	if (!b->ncgroups)
		return true;
	all = pool_array(x->pool, (size_t)n + b->ncgroups, sizeof(*all));
	if (!all) {
		x->no_memory = true;
		return true;
	}
	if (n)
		memcpy(all, out->cgroups, n * sizeof(*all));
	for (uint32_t i = 0; i < b->ncgroups; i++) {
		bool known = false;

		for (uint32_t j = 0; j < n && !known; j++) {
			if (all[j].set != b->cgroups[i].set)
				continue;
			if (all[j].negated != b->cgroups[i].negated)
				return false;
			known = true;
		}
		if (!known)
			all[n++] = b->cgroups[i];
	}
	out->cgroups = all;
	out->ncgroups = n;
	return true;
}

bool clause_and(struct dnf_ctx *x, const struct filter_clause *a, const struct filter_clause *b,
		struct filter_clause *out)
{
	struct filter_clause c = *a;

	if (!masks_and(b, &c) || !numbers_and(x, a, b, &c) || !paths_and(x, a, b, &c) ||
	    !heads_and(x, b, &c) || !programs_and(x, b, &c) || !cgroups_and(x, b, &c))
		return false;
	*out = c;
	return true;
}
