/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The block of tables, from clauses: first every clause gets its join, then joins get bits, then
 * patterns and addresses are given the bits of their clauses, then all is written. When it does not
 * fit, it is made again with patterns cut shorter; in the end without any.
 */
#include "pipeline/filter/tables.h"

#include <errno.h>
#include <sys/random.h>

#include "pipeline/filter/joins.h"
#include "pipeline/filter/peers.h"
#include "pipeline/filter/texts.h"
#include "pipeline/util.h"

struct kind_work {
	const struct filter_clauses *clauses;
	struct joins joins;
	int64_t *of; /* join of each clause, or JOINS_SURE */
};

struct work {
	const struct filter_request *req;
	struct kind_work open, connect, accept;
	struct texts paths, programs;
	struct groups program_groups, excluded;
	struct buf block;
};

static bool exact(void *arg, const struct filter_pattern *p, bool program)
{
	const struct work *w = arg;

	return texts_exact(program ? &w->programs : &w->paths, p);
}

static bool any_icase(const struct filter_pattern *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (p[i].icase)
			return true;
	return false;
}

static void find_fold(struct work *w, const struct filter_clauses *cs)
{
	for (uint32_t i = 0; i < cs->count; i++) {
		const struct filter_clause *c = &cs->items[i];

		w->paths.fold |=
			any_icase(c->paths, c->npaths) || any_icase(c->not_paths, c->nnot_paths);
		for (uint32_t k = 0; k < c->nprograms; k++)
			w->programs.fold |=
				any_icase(c->programs[k].patterns, c->programs[k].npatterns);
	}
}

static void kind_free(struct kind_work *k)
{
	joins_free(&k->joins);
	free(k->of);
}

static void work_free(struct work *w)
{
	kind_free(&w->open);
	kind_free(&w->connect);
	kind_free(&w->accept);
	automaton_free(w->paths.automaton);
	automaton_free(w->programs.automaton);
	buf_free(&w->block);
}

static int work_init(struct work *w, const struct filter_request *req, uint32_t cut)
{
	*w = (struct work){
		.req = req,
		.open.clauses = &req->kinds[EV_OPEN],
		.connect.clauses = &req->kinds[EV_CONNECT],
		.accept.clauses = &req->kinds[EV_ACCEPT],
		.paths.cut = cut,
		.programs.cut = cut,
		.program_groups.max = JOINS_MARKS,
		.excluded.max = JOINS_GROUPS,
		.block.max = req->max_bytes,
	};
	find_fold(w, w->open.clauses);
	find_fold(w, w->connect.clauses);
	find_fold(w, w->accept.clauses);
	w->paths.automaton = automaton_new(w->paths.fold);
	w->programs.automaton = automaton_new(w->programs.fold);
	return w->paths.automaton && w->programs.automaton ? 0 : -ENOMEM;
}

static int kind_joins(struct work *w, struct kind_work *k)
{
	const struct joins_context x = {
		.programs = &w->program_groups,
		.excluded = &w->excluded,
		.exact = exact,
		.arg = w,
	};

	k->of = calloc(k->clauses->count + 1, sizeof(*k->of));
	for (uint32_t i = 0; k->of && i < k->clauses->count; i++) {
		k->of[i] = joins_need(&k->joins, &k->clauses->items[i], &x);
		if (k->of[i] == -ENOMEM)
			return -ENOMEM;
	}
	return k->of ? 0 : -ENOMEM;
}

static uint64_t bits_of(const struct kind_work *k, uint32_t clause)
{
	int64_t join = k->of[clause];

	return join == JOINS_SURE ? FILTER_WANTED : 1ULL << k->joins.items[join].bit;
}

static int add_group(struct texts *t, const struct filter_pattern *p, uint32_t n, uint64_t bits)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		rc = texts_add(t, &p[i], bits);
	return rc;
}

static int add_paths(struct work *w)
{
	const struct kind_work *k = &w->open;
	int rc = 0;

	for (uint32_t i = 0; i < k->clauses->count && !rc; i++) {
		const struct filter_clause *c = &k->clauses->items[i];

		if (c->npaths)
			rc = add_group(&w->paths, c->paths, c->npaths, bits_of(k, i));
		else
			w->paths.base |= bits_of(k, i);
	}
	for (uint32_t i = 0; i < w->excluded.count && !rc; i++)
		rc = add_group(&w->paths, w->excluded.patterns[i], w->excluded.npatterns[i],
			       1ULL << (FILTER_SURE - 1 - i));
	for (uint32_t i = 0; i < w->program_groups.count && !rc; i++)
		rc = add_group(&w->programs, w->program_groups.patterns[i],
			       w->program_groups.npatterns[i], 1ULL << i);
	return rc;
}

static int write_text(struct work *w, struct texts *t, struct filter_text *to)
{
	to->base = t->base;
	return automaton_write(t->automaton, &w->block, to);
}

static int write_peers(struct work *w, const struct kind_work *k, struct filter_peers *to)
{
	struct peers p = { 0 };
	int rc = 0;

	for (uint32_t i = 0; i < k->clauses->count && !rc; i++) {
		const struct filter_clause *c = &k->clauses->items[i];

		if (c->nunix_paths)
			peers_add_paths(&p, c->unix_paths, c->nunix_paths, bits_of(k, i));
		else if (!c->npeers)
			peers_add_all(&p, c->families_any, bits_of(k, i));
		for (uint32_t n = 0; n < c->npeers && !rc; n++)
			rc = peers_add(&p, &c->peers[n], bits_of(k, i));
	}
	rc = rc ? rc : peers_write(&p, &w->block, to);
	peers_free(&p);
	return rc;
}

static uint8_t kind_of(const struct kind_work *k, uint64_t base)
{
	if (!k->clauses->count)
		return FILTER_KIND_NONE;
	return base & FILTER_WANTED ? FILTER_KIND_ALL : FILTER_KIND_TABLES;
}

static int draw_keys(struct filter_block *h)
{
	uint64_t keys[3];

	if (getrandom(keys, sizeof(keys), 0) != sizeof(keys))
		return -errno;
	h->keys.seed = keys[0];
	h->keys.k1 = keys[1] | 1;
	h->keys.k2 = keys[2] | 1;
	return 0;
}

/* Programs of a memfd have no '/' in front, deleted ones a word behind: which marks they may have. */
static uint64_t odd_marks(const struct groups *g)
{
	uint64_t odd = 0;

	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->npatterns[i]; k++) {
			const struct filter_pattern *p = &g->patterns[i][k];
			bool rooted = p->text.len && p->text.p[0] == '/' && !p->name;

			if (!rooted || (p->type != FILTER_EXACT && p->type != FILTER_PREFIX) ||
			    (p->type == FILTER_EXACT && p->text.p[p->text.len - 1] == ')'))
				odd |= 1ULL << i;
		}
	return odd;
}

static int write_all(struct work *w)
{
	struct filter_block h = { .generation = w->req->generation,
				  .mode = w->req->mode,
				  .cgroups = FILTER_STAMP(w->req->generation, 0) };
	struct buf *b = &w->block;
	int rc;

	if (buf_reserve(b, sizeof(h)))
		return -ENOMEM;
	b->len = sizeof(h);
	rc = draw_keys(&h);
	rc = rc ? rc : write_text(w, &w->paths, &h.open);
	rc = rc ? rc : write_text(w, &w->programs, &h.program);
	rc = rc ? rc : write_peers(w, &w->connect, &h.connect);
	rc = rc ? rc : write_peers(w, &w->accept, &h.accept);
	rc = rc ? rc : joins_write(&w->open.joins, b, &h.open_joins);
	rc = rc ? rc : joins_write(&w->connect.joins, b, &h.connect_joins);
	rc = rc ? rc : joins_write(&w->accept.joins, b, &h.accept_joins);
	joins_open_may(&w->open.joins, h.open_may);
	h.marks = w->program_groups.count == JOINS_MARKS ? ~0ULL
							 : (1ULL << w->program_groups.count) - 1;
	h.odd = odd_marks(&w->program_groups);
	h.kinds[EV_OPEN] = kind_of(&w->open, w->paths.base);
	h.kinds[EV_CONNECT] = kind_of(&w->connect, h.connect.none);
	h.kinds[EV_ACCEPT] = kind_of(&w->accept, h.accept.none);
	if (!rc)
		memcpy(b->p, &h, sizeof(h));
	return rc;
}

static int work_run(struct work *w)
{
	int rc = kind_joins(w, &w->open);

	rc = rc ? rc : kind_joins(w, &w->connect);
	rc = rc ? rc : kind_joins(w, &w->accept);
	if (rc)
		return rc;
	joins_spread(&w->open.joins, FILTER_SURE - w->excluded.count);
	joins_spread(&w->connect.joins, FILTER_SURE);
	joins_spread(&w->accept.joins, FILTER_SURE);
	rc = add_paths(w);
	return rc ? rc : write_all(w);
}

/* Everything that anybody wants of a kind, all of it. */
static void write_nothing(struct work *w)
{
	struct filter_block *h = (struct filter_block *)w->block.p;

	memset(h, 0, sizeof(*h));
	h->generation = w->req->generation;
	h->mode = w->req->mode;
	h->cgroups = FILTER_STAMP(w->req->generation, 0);
	h->keys.k1 = h->keys.k2 = 1;
	for (uint32_t i = EV_OPEN; i <= EV_ACCEPT; i++)
		h->kinds[i] = w->req->kinds[i].count ? FILTER_KIND_ALL : FILTER_KIND_NONE;
	w->block.len = sizeof(*h);
}

static void fill_report(const struct work *w, struct filter_report *r)
{
	const struct filter_block *h = (const struct filter_block *)w->block.p;

	*r = (struct filter_report){
		.bytes = w->block.len,
		.states = automaton_states(w->paths.automaton) +
			  automaton_states(w->programs.automaton),
		.cut = w->paths.cut,
		.joins = w->open.joins.count + w->connect.joins.count + w->accept.joins.count,
		.relaxed =
			w->open.joins.relaxed + w->connect.joins.relaxed + w->accept.joins.relaxed,
	};
	for (uint32_t i = 0; i < EV_MAX; i++)
		r->all |= (uint64_t)(h->kinds[i] == FILTER_KIND_ALL) << i;
}

int filter_tables_make(void **block, const struct filter_request *req, struct filter_report *report)
{
	static const uint32_t cuts[] = { 0, 64, 32, 16, 8, 4 };
	struct work w;
	void *p;
	int rc = -E2BIG;

	for (size_t i = 0; i < ARRAY_LEN(cuts) && rc == -E2BIG; i++) {
		if (i)
			work_free(&w);
		rc = work_init(&w, req, cuts[i]);
		rc = rc ? rc : work_run(&w);
	}
	if (rc == -E2BIG) {
		write_nothing(&w);
		rc = 0;
	}
	p = rc ? NULL : calloc(1, req->max_bytes);
	if (p) {
		memcpy(p, w.block.p, w.block.len);
		if (report)
			fill_report(&w, report);
		*block = p;
	}
	work_free(&w);
	return rc ? rc : p ? 0 : -ENOMEM;
}
