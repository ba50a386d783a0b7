/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * leaf.h. A function here says two things of a test on its field: what can make it hold, and what
 * can make its negation hold. The second is never made from the first where that is wider than
 * the test. Plain events have a path, an outcome and so on; a field they may lack is taken into
 * account by each function.
 */
#include "pipeline/filter/leaf_test.h"

#include "pipeline/filter/parts.h"
#include "pipeline/filter/sets.h"
#include "pipeline/names.h"
#include "pipeline/util.h"

enum { OPEN = 1 << EV_OPEN, CONNECT = 1 << EV_CONNECT, ACCEPT = 1 << EV_ACCEPT };

/* --- values of which there are few: the test is tried on each --- */

static bool holds_for(const struct test *t, uint64_t value)
{
	struct value v = { .class = t->f->class, .u = value };
	struct op_scratch s = { NULL };

	return t->o->eval(t->o, &v, &s) != t->negated;
}

/* A bit for each of n values of which it holds. Value 0 is none of them: operators do see it where
 * the field is never absent, as network.transport is, and `not` does in any case. */
static uint32_t values(const struct test *t, uint32_t n)
{
	uint32_t mask = t->negated;

	for (uint32_t i = 0; i < n; i++)
		mask |= holds_for(t, i) ? 1u << i : 0;
	return mask;
}

static struct dnf on_type(struct test *t)
{
	uint32_t mask = values(t, EV_FILETYPE_MAX);

	if (!mask)
		return dnf_never();
	if ((mask | 1) == TYPES_ALL)
		mask = 0;
	return one(t, (struct filter_clause){ .types_any = (uint16_t)mask });
}

static struct dnf on_family(struct test *t)
{
	uint32_t mask = values(t, EV_FAMILY_MAX) & FAMILIES_ALL;

	if (!mask)
		return dnf_never();
	return one(t, (struct filter_clause){ .families_any =
						      (uint8_t)(mask == FAMILIES_ALL ? 0 : mask) });
}

static struct dnf on_transport(struct test *t)
{
	uint32_t mask = values(t, EV_TRANSPORT_MAX);

	if (!mask)
		return dnf_never();
	return one(t, (struct filter_clause){
			      .transports_any = (uint8_t)(mask == TRANSPORTS_ALL ? 0 : mask) });
}

static struct dnf on_outcome_of_peer(struct test *t)
{
	uint32_t mask = values(t, EV_OUTCOME_MAX);

	if (!mask)
		return dnf_never();
	return one(t, (struct filter_clause){
			      .outcomes_any = (uint8_t)(mask == FILTER_OUTCOMES ? 0 : mask) });
}

static struct dnf on_io_uring(struct test *t)
{
	uint32_t mask =
		(t->negated ? FILTER_VIA_SYSCALL : 0) | (holds_for(t, 1) ? FILTER_VIA_IO_URING : 0);

	if (!mask)
		return dnf_never();
	return one(t, (struct filter_clause){ .via_any = (uint8_t)(mask == VIA_ALL ? 0 : mask) });
}

static struct dnf on_outcome(struct test *t)
{
	return always(t, holds_for(t, EV_OUTCOME_SUCCESS) != t->negated);
}

/* Fields that no plain event has. */
static struct dnf on_absent(struct test *t)
{
	return always(t, false);
}

/* Plain opens have no flag but this one. */
static struct dnf on_path_flags(struct test *t)
{
	if (!t->negated && holds_for(t, 1u << EV_PATHF_FOREIGN))
		return maybe(t, "is about a path in another mount namespace");
	return always(t, false);
}

/* --- numbers --- */

static bool number_ranges(struct test *t, uint64_t max, struct ranges *out)
{
	struct filter_range *r = memory(t, (size_t)t->o->count + 1, sizeof(*r));
	uint64_t n = t->o->count ? t->o->numbers[0] : 0;
	struct ranges got = { r, 1 };

	if (!r)
		return false;
	switch (t->o->base) {
	case OP_EQ:
	case OP_IN:
	case OP_NE:
		for (uint32_t i = 0; i < t->o->count; i++)
			r[i] = (struct filter_range){ t->o->numbers[i], t->o->numbers[i] };
		got.count = t->o->count;
		break;
	case OP_LT:
		*r = (struct filter_range){ 0, MIN(n - 1, max) };
		got.count = n > 0;
		break;
	case OP_LE: *r = (struct filter_range){ 0, MIN(n, max) }; break;
	case OP_GT:
		*r = (struct filter_range){ n + 1, max };
		got.count = n < max;
		break;
	case OP_GE:
		*r = (struct filter_range){ n, max };
		got.count = n <= max;
		break;
	case OP_EXISTS: *r = (struct filter_range){ 0, max }; break;
	default: return false;
	}
	if ((t->o->base == OP_NE) != t->negated && !ranges_not(t->l->x->pool, got, max, &got)) {
		t->l->x->no_memory = true;
		return false;
	}
	*out = got;
	return true;
}

static bool all_of(struct ranges r, uint64_t max)
{
	return r.count == 1 && !r.items[0].lo && r.items[0].hi >= max;
}

static struct dnf on_uid(struct test *t)
{
	struct ranges r;

	if (!number_ranges(t, UINT32_MAX, &r))
		return maybe(t, "uses an operator that the kernel does not know");
	if (!r.count || all_of(r, UINT32_MAX))
		return r.count ? one(t, (struct filter_clause){ 0 }) : dnf_never();
	return one(t, (struct filter_clause){ .uids = r.items, .nuids = r.count });
}

static struct dnf on_real_uid(struct test *t)
{
	struct dnf d = on_uid(t);

	for (uint32_t i = 0; i < d.count && d.items[i].nuids; i++) {
		d.items[i].real_uids = d.items[i].uids;
		d.items[i].nreal_uids = d.items[i].nuids;
		d.items[i].nuids = 0;
	}
	return d;
}

/* What a Unix socket, which has neither address nor port, does to a test. */
static struct dnf with_unix(struct test *t, struct dnf d)
{
	struct filter_clause c = { .families_any = 1 << EV_FAMILY_UNIX };

	return t->negated ? dnf_or(t->l->x, d, one(t, c)) : d;
}

static struct dnf on_port(struct test *t)
{
	struct ranges r;
	struct dnf d;

	if (!number_ranges(t, UINT16_MAX, &r))
		return maybe(t, "uses an operator that the kernel does not know");
	/* Port 0 is none: the operators do not see it, `not` does. */
	if (t->negated && !ranges_hold(r.items, r.count, 0)) {
		static const struct filter_range zero = { 0, 0 };

		if (!ranges_or(t->l->x->pool, r, (struct ranges){ &zero, 1 }, &r))
			t->l->x->no_memory = true;
	}
	d = r.count ? one(t, (struct filter_clause){ .ports = r.items, .nports = r.count })
		    : dnf_never();
	return with_unix(t, d);
}

static bool address_nets(struct test *t, struct nets *out)
{
	struct filter_net *n = memory(t, t->o->count, sizeof(*n));

	for (uint32_t i = 0; i < t->o->count && n; i++) {
		const struct ip_net *from = &t->o->nets[i];

		n[i].family = from->v4 ? 4 : 6;
		n[i].bits = (uint8_t)(from->bits - (from->v4 ? 96 : 0));
		memcpy(n[i].addr, from->addr + (from->v4 ? 12 : 0), from->v4 ? 4 : 16);
	}
	*out = (struct nets){ n, n ? t->o->count : 0 };
	return n;
}

/* The address of the peer, which plain events over IP have. */
static struct dnf on_peer(struct test *t)
{
	bool none_of = (t->o->base == OP_NE) != t->negated;
	struct nets l;
	struct dnf d;

	if (t->o->base == OP_EXISTS)
		return one(t,
			   (struct filter_clause){ .families_any = t->negated ? 1 << EV_FAMILY_UNIX
									      : FAMILIES_IP });
	if (!address_nets(t, &l))
		return dnf_maybe(t->l->x);
	if (none_of && l.count > DNF_NETS_NOT_MAX)
		return maybe(t, "excludes more networks than the filter looks at");
	if (none_of && !nets_not(t->l->x->pool, l, &l)) {
		t->l->x->no_memory = true;
		return dnf_maybe(t->l->x);
	}
	d = l.count ? one(t, (struct filter_clause){ .peers = l.items, .npeers = l.count })
		    : dnf_never();
	return with_unix(t, d);
}

/* --- flags and modes --- */

/* 0 and 1 of the operand are access modes, as is the bit of O_RDONLY; see oflags_bits. */
static uint32_t access_of(uint64_t bits)
{
	return (bits >> OFLAGS_RDONLY_BIT & 1) | (bits & 1 ? 2u | 8u : 0) |
	       (bits & 2 ? 4u | 8u : 0);
}

static struct dnf on_flags(struct test *t)
{
	uint64_t bits = t->o->bits;
	uint32_t rest = (uint32_t)bits & ~3u, access = access_of(bits);
	bool none_of = (t->o->base == OP_NE) != t->negated;
	struct dnf d = dnf_never();

	if (t->o->base == OP_EXISTS)
		return always(t, true);
	if (t->o->class != EV_CLASS_BITS)
		return maybe(t, "uses an operator that the kernel does not know");
	if (none_of) { /* of other flags the kernel is only asked whether they are set */
		access = ~access & ACCESS_ALL;
		rest = bits >> OFLAGS_RDONLY_BIT & 1 ? OFLAGS_PATH : 0; /* has no access mode */
		if (access == ACCESS_ALL)
			return maybe(t, "asks for flags that are not set");
	}
	if (access)
		d = one(t, (struct filter_clause){ .access_any = (uint8_t)access });
	if (rest)
		d = dnf_or(t->l->x, d, one(t, (struct filter_clause){ .flags_any = rest }));
	return d;
}

/* A number that is at least n has n's highest bit or one above it. */
static struct dnf on_mode(struct test *t)
{
	uint64_t n = t->o->count ? t->o->numbers[0] : 0;
	uint32_t mask = 0;

	if (t->negated || t->o->base == OP_NE || t->o->base == OP_LT || t->o->base == OP_LE ||
	    t->o->base == OP_EXISTS)
		return maybe(t, "asks for mode bits that are not set");
	if (t->o->base == OP_EQ || t->o->base == OP_IN) {
		for (uint32_t i = 0; i < t->o->count; i++) {
			if (!t->o->numbers[i])
				return maybe(t, "asks for mode bits that are not set");
			mask |= (uint32_t)t->o->numbers[i] & 07777;
		}
	} else {
		n += t->o->base == OP_GT;
		if (!n)
			return maybe(t, "asks for mode bits that are not set");
		mask = n > 07777 ? 0 : 07777u & ~((1u << (63 - __builtin_clzll(n))) - 1);
	}
	return mask ? one(t, (struct filter_clause){ .mode_any = mask }) : dnf_never();
}

/* --- cgroups: user space judges each once, by the test itself, so that `not` is exact --- */

static struct dnf on_cgroup(struct test *t)
{
	struct leaf_ctx *l = t->l;
	struct filter_cgroups *c;
	uint32_t i = 0;

	while (i < *l->nsets &&
	       (l->sets[i].field != t->f || !str_eq(l->sets[i].operand->key, t->o->key)))
		i++;
	if (i == FILTER_CGROUP_SETS)
		return maybe(t, "is one of more tests of cgroups than there are sets for");
	c = memory(t, 1, sizeof(*c));
	if (!c)
		return dnf_maybe(l->x);
	if (i == *l->nsets)
		l->sets[(*l->nsets)++] = (struct filter_cgroup_set){ t->f, t->o };
	*c = (struct filter_cgroups){ i, t->negated };
	return one(t, (struct filter_clause){ .cgroups = c, .ncgroups = 1 });
}

static const struct row {
	const char *path;
	uint32_t kinds; /* bit per enum ev_kind */
	struct dnf (*derive)(struct test *t);
} rows[] = {
	{ "file.flags", OPEN, on_flags },
	{ "file.mode", OPEN, on_mode },
	{ "file.type", OPEN, on_type },
	{ "file.path_flags", OPEN, on_path_flags },
	{ "event.outcome", OPEN, on_outcome },
	{ "event.outcome", CONNECT | ACCEPT, on_outcome_of_peer },
	{ "error.code", OPEN, on_absent },
	{ "file.requested_path", OPEN, on_absent },
	{ "tocsin.io_uring", OPEN | CONNECT | ACCEPT, on_io_uring },
	{ "destination.ip", CONNECT, on_peer },
	{ "source.ip", ACCEPT, on_peer },
	{ "destination.port", CONNECT | ACCEPT, on_port },
	{ "network.type", CONNECT | ACCEPT, on_family },
	{ "network.transport", CONNECT | ACCEPT, on_transport },
	{ "user.effective.id", OPEN | CONNECT | ACCEPT, on_uid },
	{ "user.id", OPEN | CONNECT | ACCEPT, on_real_uid },
};

struct dnf leaf_derive(struct leaf_ctx *l, const struct cond *test, bool negated)
{
	struct test t = { l, test, test->operand, NULL, negated };
	struct dnf d;

	l->why = NULL;
	if (!t.o)
		return maybe(&t, "is not understood");
	if (!term_on(test->left, l->kind) || (test->right && !term_on(test->right, l->kind)))
		return always(&t, false); /* this kind has no such field */
	if (test->right)
		return maybe(&t, "compares two fields");
	if (leaf_text(&t, &d))
		return d;
	if (test->left->type != TERM_FIELD)
		return maybe(&t, "calculates with something that the filter does not know");
	t.f = cond_field(1u << l->kind, test->left->text);
	if (t.f->source == FIELD_CTX && t.f->group == CTX_CGROUP)
		return on_cgroup(&t);
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].kinds & 1u << l->kind && !strcmp(rows[i].path, t.f->path))
			return rows[i].derive(&t);
	return maybe(&t, "is about something that the filter does not know");
}
