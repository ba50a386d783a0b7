/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * derive.h: the walk over the trees of conditions, and the note why a rule stays open.
 */
#include "pipeline/filter/derive.h"

#include <errno.h>

#include "pipeline/policy/rules.h"
#include "pipeline/util.h"

/* Items compared or copied, about 0.1 us each: bounds time and memory where policies are made to
 * take long. What people write takes some 20 a policy. */
enum { WORK_ALL = 2000000, WORK_EACH = 20, WORK_MERGE = 4000000 };

struct filter {
	struct pool pool;
	struct dnf kinds[EV_MAX];
	struct filter_cgroup_set sets[FILTER_CGROUP_SETS];
	uint32_t nsets;
	struct filter_note *notes;
	uint32_t nnotes;
	uint64_t work; /* done for the rules of all kinds */
};

struct deriving {
	struct dnf_ctx x;
	uint64_t work_max; /* for all rules */
	struct leaf_ctx leaf;
};

static struct dnf derive(struct deriving *d, const struct cond *c, bool negated)
{
	bool all = (c->type == COND_AND) != negated;
	struct dnf got;

	if (c->type == COND_TEST)
		return leaf_derive(&d->leaf, c, negated);
	if (c->type == COND_NOT)
		return derive(d, c->kids[0], !negated);
	got = derive(d, c->kids[0], negated);
	for (uint32_t i = 1; i < c->nkids; i++) {
		struct dnf next = derive(d, c->kids[i], negated);

		got = all ? dnf_and(&d->x, got, next) : dnf_or(&d->x, got, next);
	}
	return got;
}

struct blame {
	const struct cond *test;
	const char *why;
};

/* The first test in the text that makes c, which is open, so. */
static struct blame find_blame(struct deriving *d, const struct cond *c, bool negated)
{
	struct blame first = { 0 };
	bool all = (c->type == COND_AND) != negated;

	if (c->type == COND_TEST) {
		struct dnf got = leaf_derive(&d->leaf, c, negated);

		if (dnf_is_open(&got) && d->leaf.why)
			first = (struct blame){ c, d->leaf.why };
		return first;
	}
	for (uint32_t i = 0; i < c->nkids; i++) {
		struct blame b;
		struct dnf got;
		bool kid = negated != (c->type == COND_NOT);

		got = derive(d, c->kids[i], kid);
		if (!all && c->type != COND_NOT && !dnf_is_open(&got))
			continue; /* of alternatives only an open one is to blame */
		b = find_blame(d, c->kids[i], kid);
		if (b.test && (!first.test || b.test->at < first.test->at))
			first = b;
	}
	return first;
}

static int add_note(struct filter *f, struct deriving *d, const struct rule_source *s,
		    const struct policy *policy)
{
	struct blame b = find_blame(d, s->where, false);

	if (!array_grow(&f->notes, f->nnotes, sizeof(*f->notes)))
		return -ENOMEM;
	f->notes[f->nnotes++] =
		(struct filter_note){ policy, (uint8_t)d->leaf.kind, b.test,
				      b.test ? b.why
					     : "asks for nothing that the kernel could look for" };
	return 0;
}

static int add_rule(struct filter *f, struct deriving *d, const struct rule_source *s,
		    const struct policy *policy, struct dnf *all)
{
	struct dnf got;

	d->x.work_max = MIN(d->x.work + DNF_WORK_MAX, d->work_max);
	got = derive(d, s->where, false);
	for (uint32_t i = 0; i < s->nexceptions; i++)
		got = dnf_and(&d->x, got, derive(d, s->exceptions[i], true));
	for (uint32_t i = 0; i < got.count; i++) {
		if (!pool_grow(&f->pool, &all->items, all->count, sizeof(*all->items)))
			return -ENOMEM;
		all->items[all->count++] = got.items[i];
	}
	return dnf_is_open(&got) ? add_note(f, d, s, policy) : 0;
}

bool filter_knows_kind(uint32_t kind)
{
	return kind == EV_OPEN || kind == EV_CONNECT || kind == EV_ACCEPT;
}

/* No plain event fulfils it, but the others of the kind are wanted: a kind without any clause is
 * nobody's at all. */
static const struct filter_clause nothing_plain = {
	.types_any = 1 << EV_FILETYPE_NONE,
	.families_any = 1 << EV_FAMILY_NONE,
};

static int derive_kind(struct filter *f, uint32_t kind, const struct policy_set *s, bool record)
{
	const struct rules *r = policy_rules(s);
	struct dnf all = dnf_never();
	struct deriving d = { .x = { .pool = &f->pool, .work = f->work } };
	bool asked = false;
	int rc = 0;

	d.work_max = WORK_ALL + (uint64_t)r->nsources * WORK_EACH;
	d.leaf = (struct leaf_ctx){ &d.x, kind, f->sets, &f->nsets, NULL };
	for (uint32_t i = 0; i < r->nsources && !rc; i++) {
		const struct policy *p = policy_of_rule(s, r->sources[i].policy);

		/* A policy that drops takes from records; it needs no event. */
		if (r->sources[i].kinds & 1u << kind && p->action != POLICY_DROP)
			rc = add_rule(f, &d, &r->sources[i], p, &all);
		asked |= r->sources[i].kinds & 1u << kind && p->action != POLICY_DROP;
	}
	f->work = d.x.work;
	d.x.work_max = d.x.work + WORK_MERGE;
	f->kinds[kind] = record      ? dnf_maybe(&d.x)
			 : all.count ? dnf_merge(&d.x, all, FILTER_CLAUSES_MAX)
			 : asked     ? dnf_one(&d.x, nothing_plain)
				     : dnf_never();
	if (dnf_is_open(&f->kinds[kind]))
		f->kinds[kind] = dnf_maybe(&d.x);
	return d.x.no_memory ? -ENOMEM : rc;
}

int filter_derive(struct filter **out, const struct policy_set *s, uint64_t record_kinds)
{
	struct filter *f = calloc(1, sizeof(*f));
	int rc = f ? 0 : -ENOMEM;

	for (uint32_t k = 0; k < EV_MAX && !rc; k++)
		if (filter_knows_kind(k))
			rc = derive_kind(f, k, s, record_kinds & 1ULL << k);
	if (rc)
		filter_free(f);
	else
		*out = f;
	return rc;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	pool_free(&f->pool);
	free(f->notes);
	free(f);
}

struct filter_clauses filter_clauses(const struct filter *f, uint32_t kind)
{
	return (struct filter_clauses){ f->kinds[kind].items, f->kinds[kind].count };
}

bool filter_is_open(const struct filter *f, uint32_t kind)
{
	return dnf_is_open(&f->kinds[kind]);
}

const struct filter_note *filter_notes(const struct filter *f, uint32_t *count)
{
	*count = f->nnotes;
	return f->notes;
}

uint32_t filter_cgroup_sets(const struct filter *f)
{
	return f->nsets;
}

bool filter_cgroup_classify(const struct filter *f, struct event *e, struct op_scratch *scratch,
			    uint32_t *sets)
{
	const struct ctx_cgroup *c = e->ctx[CTX_CGROUP];
	struct value v;

	if (!c || !c->path.len)
		return false;
	*sets = 0;
	for (uint32_t i = 0; i < f->nsets; i++) {
		const struct filter_cgroup_set *set = &f->sets[i];

		if (event_get(e, set->field, &v) && set->operand->eval(set->operand, &v, scratch))
			*sets |= 1u << i;
	}
	return true;
}
