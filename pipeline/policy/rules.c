/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Checked conditions to branching programs (rules.h). A program is made from its end: the steps
 * of a condition are emitted knowing where to go when it holds and when it does not.
 */
#include "pipeline/policy/rules.h"

#include <errno.h>

#include "pipeline/policy/index/index.h"
#include "pipeline/policy/index/scan.h"
#include "pipeline/util.h"

enum { RECENT = 32 };

/* One rule of one kind under construction. */
struct making {
	struct kind_rules *kr;
	const struct event_kind *kind;
	uint32_t first; /* step */
	struct {
		const struct cond *test;
		uint32_t pred;
	} recent[RECENT]; /* by the place of the test: each is asked for several times */
	int err;
};

static uint32_t hash_pred(const struct pred *p)
{
	uint64_t h = (((uint64_t)p->right << 32 | p->slot) + 1) * 0x9e3779b97f4a7c15ULL;
	struct str key = p->operand->key;
	uint64_t word;

	for (; key.len >= 8; key.p += 8, key.len -= 8) {
		memcpy(&word, key.p, 8);
		h = (h ^ word) * 0xbf58476d1ce4e5b9ULL;
		h ^= h >> 29;
	}
	word = 0;
	memcpy(&word, key.p, key.len);
	h = (h ^ word) * 0xbf58476d1ce4e5b9ULL;
	return (uint32_t)(h ^ h >> 32);
}

/* A larger hash table of predicates where theirs is half full. */
static int index_grow(struct kind_rules *kr)
{
	uint32_t size = kr->index_size ? kr->index_size * 2 : 64, *index;

	if (kr->index_size && kr->npreds * 2 < kr->index_size)
		return 0;
	index = calloc(size, sizeof(*index));
	if (!index)
		return -ENOMEM;
	for (uint32_t i = 0; i < kr->npreds; i++) {
		uint32_t at = hash_pred(&kr->preds[i]) & (size - 1);

		while (index[at])
			at = (at + 1) & (size - 1);
		index[at] = i + 1;
	}
	free(kr->index);
	kr->index = index;
	kr->index_size = size;
	return 0;
}

static int make_slot(struct slot_term *s, const struct term *t, uint32_t kind)
{
	*s = (struct slot_term){ .key = t->key, .of_path = term_reads(t, "file.path") };
	if (t->type == TERM_FIELD) {
		s->field = cond_field(1u << kind, t->text);
		return 0;
	}
	s->field = t->shape;
	return term_compile(&s->code, t, kind);
}

/* The slot of a term that the kind has. */
static uint32_t slot_of(struct making *m, const struct term *t)
{
	struct kind_rules *kr = m->kr;
	uintptr_t place;

	/* Most tests of a policy are of the same term. */
	if (kr->last_slot < kr->nslots && str_eq(kr->slots[kr->last_slot].key, t->key))
		return kr->last_slot;
	place = (uintptr_t)strmap_get(&kr->slot_places, t->key);
	if (place)
		return kr->last_slot = (uint32_t)place - 1;
	if (!array_grow(&kr->slots, kr->nslots, sizeof(*kr->slots)) ||
	    make_slot(&kr->slots[kr->nslots], t, m->kind->kind)) {
		m->err = -ENOMEM;
		return 0;
	}
	place = ++kr->nslots;
	if (strmap_put(&kr->slot_places, t->key, (void *)place))
		m->err = -ENOMEM;
	return kr->nslots - 1;
}

static bool is_pred(const struct pred *a, const struct pred *b)
{
	return a->slot == b->slot && a->right == b->right &&
	       str_eq(a->operand->key, b->operand->key);
}

/* The number of the predicate, which is new when no rule had it. */
static uint32_t add_pred(struct making *m, const struct cond *test)
{
	struct pred p = { .operand = test->operand,
			  .slot = slot_of(m, test->left),
			  .right = test->right ? slot_of(m, test->right) : SLOT_NONE };
	struct kind_rules *kr = m->kr;
	uint32_t at;

	if (m->err || index_grow(kr) || !array_grow(&kr->preds, kr->npreds, sizeof(*kr->preds))) {
		m->err = -ENOMEM;
		return 0;
	}
	at = hash_pred(&p) & (kr->index_size - 1);
	for (; kr->index[at]; at = (at + 1) & (kr->index_size - 1))
		if (is_pred(&kr->preds[kr->index[at] - 1], &p))
			return kr->index[at] - 1;
	kr->preds[kr->npreds] = p;
	kr->index[at] = ++kr->npreds;
	return kr->npreds - 1;
}

static uint32_t intern(struct making *m, const struct cond *test)
{
	uint32_t place = (uint32_t)((uintptr_t)test / 16 % RECENT);

	if (m->recent[place].test != test) {
		m->recent[place].pred = add_pred(m, test);
		m->recent[place].test = m->err ? NULL : test;
	}
	return m->recent[place].pred;
}

/* A term with a field that this kind has not is absent. */
static bool has_terms(const struct making *m, const struct cond *test)
{
	uint32_t kind = m->kind->kind;

	return term_on(test->left, kind) && (!test->right || term_on(test->right, kind));
}

static uint16_t emit_test(struct making *m, const struct cond *c, uint16_t yes, uint16_t no)
{
	struct kind_rules *kr = m->kr;
	uint32_t pred;

	if (!has_terms(m, c) || yes == no)
		return no;
	if (kr->nsteps - m->first >= STEPS_MAX) {
		m->err = -E2BIG;
		return no;
	}
	pred = intern(m, c);
	if (m->err || !array_grow(&kr->steps, kr->nsteps, sizeof(*kr->steps))) {
		m->err = m->err ? m->err : -ENOMEM;
		return no;
	}
	kr->steps[kr->nsteps++] = (struct step){ pred, yes, no };
	return (uint16_t)(kr->nsteps - 1 - m->first);
}

/* Entry of the program that goes to yes where c holds, else to no. */
static uint16_t emit(struct making *m, const struct cond *c, uint16_t yes, uint16_t no)
{
	uint16_t entry = c->type == COND_AND ? yes : no;

	if (m->err)
		return no;
	switch (c->type) {
	case COND_NOT: return emit(m, c->kids[0], no, yes);
	case COND_TEST: return emit_test(m, c, yes, no);
	case COND_AND:
		for (uint32_t i = c->nkids; i--;)
			entry = emit(m, c->kids[i], entry, no);
		return entry;
	default:
		for (uint32_t i = c->nkids; i--;)
			entry = emit(m, c->kids[i], yes, entry);
		return entry;
	}
}

static void collect_leaves(struct making *m, const struct cond *c, bool negated)
{
	struct kind_rules *kr = m->kr;
	uint32_t pred;

	if (c->type != COND_TEST) {
		for (uint32_t i = 0; i < c->nkids; i++)
			collect_leaves(m, c->kids[i], negated != (c->type == COND_NOT));
		return;
	}
	if (negated || m->err || !has_terms(m, c))
		return;
	pred = intern(m, c);
	if (m->err || !array_grow(&kr->leaves, kr->nleaves, sizeof(*kr->leaves)))
		m->err = m->err ? m->err : -ENOMEM;
	else
		kr->leaves[kr->nleaves++] = (struct leaf){ pred, c->at, c->source };
}

static int by_place(const void *x, const void *y)
{
	const struct leaf *a = x, *b = y;

	return (a->at > b->at) - (a->at < b->at);
}

static bool mentions(const struct cond *c, const char *path)
{
	if (c->type == COND_TEST)
		return term_reads(c->left, path) || (c->right && term_reads(c->right, path));
	for (uint32_t i = 0; i < c->nkids; i++)
		if (mentions(c->kids[i], path))
			return true;
	return false;
}

const struct field *rules_implied_outcome(const struct event_kind *kind, const struct cond *where)
{
	if (kind->kind != EV_OPEN || mentions(where, "event.outcome") ||
	    mentions(where, "error.code") || mentions(where, "file.requested_path"))
		return NULL;
	return schema_field(kind, STR("event.outcome"));
}

/* event.outcome != "failure" */
static struct cond not_failed(struct rules *r, const struct field *outcome)
{
	if (!r->not_failed.eval) {
		r->failure = (uint64_t)schema_enum_value(outcome, STR("failure"));
		r->not_failed = (struct operand){
			.eval = ops[OP_NE].eval,
			.op = OP_NE,
			.base = OP_NE,
			.class = outcome->class,
			.count = 1,
			.numbers = &r->failure,
			.key = STR("not failed"),
		};
		r->outcome = (struct term){ .type = TERM_FIELD,
					    .text = str_of(outcome->path),
					    .key = str_of(outcome->path),
					    .shape = outcome };
	}
	return (struct cond){ .type = COND_TEST, .left = &r->outcome, .operand = &r->not_failed };
}

/* Takes back what an unfinished or useless rule added, save for predicates, which may be shared. */
static void drop(struct kind_rules *kr, const struct rule *rule)
{
	kr->nsteps = rule->steps;
	kr->nleaves = rule->leaves;
}

static uint16_t emit_rule(struct making *m, struct rules *r, const struct cond *where,
			  const struct cond *const *exceptions, uint32_t nexceptions)
{
	const struct field *outcome = rules_implied_outcome(m->kind, where);
	uint16_t entry = STEP_TRUE;

	for (uint32_t i = nexceptions; i--;)
		entry = emit(m, exceptions[i], STEP_FALSE, entry);
	/* After the rest: it nearly always holds, and what is asked first should be what does not. */
	if (outcome && entry != STEP_FALSE && !m->err) {
		struct cond test = not_failed(r, outcome);

		entry = emit_test(m, &test, entry, STEP_FALSE);
	}
	return emit(m, where, entry, STEP_FALSE);
}

/* access_slot: of the predicate that the test became. */
static int test_slot(void *arg, const struct cond *test, uint32_t *slot)
{
	struct making *m = arg;
	uint32_t pred;

	if (!has_terms(m, test))
		return 0;
	pred = intern(m, test); /* which may move the predicates */
	*slot = m->err ? 0 : m->kr->preds[pred].slot;
	return m->err ? m->err : 1;
}

/* Only by its `where`: exceptions stand under a not, and the rest nearly always holds. */
static uint32_t find_by(struct making *m, const struct cond *where)
{
	int64_t place = access_add(&m->kr->access, where, test_slot, m);

	if (place < 0)
		m->err = (int)place;
	return (uint32_t)place;
}

static int add_kind(struct rules *r, uint32_t kind, const struct cond *where,
		    const struct cond *const *exceptions, uint32_t nexceptions, uint32_t policy)
{
	struct kind_rules *kr = &r->kinds[kind];
	struct rule rule = { .policy = policy, .steps = kr->nsteps, .leaves = kr->nleaves };
	struct making m = { .kr = kr, .kind = schema_kind(kind), .first = kr->nsteps };

	rule.entry = emit_rule(&m, r, where, exceptions, nexceptions);
	if (rule.entry != STEP_FALSE) {
		collect_leaves(&m, where, false);
		rule.access = find_by(&m, where);
	}
	if (!m.err && rule.entry != STEP_FALSE &&
	    !array_grow(&kr->rules, kr->nrules, sizeof(*kr->rules)))
		m.err = -ENOMEM;
	if (m.err || rule.entry == STEP_FALSE) {
		drop(kr, &rule);
		return m.err;
	}
	rule.nsteps = (uint16_t)(kr->nsteps - rule.steps);
	rule.nleaves = kr->nleaves - rule.leaves;
	if (rule.nleaves)
		qsort(kr->leaves + rule.leaves, rule.nleaves, sizeof(*kr->leaves), by_place);
	kr->rules[kr->nrules++] = rule;
	return 0;
}

int rules_add(struct rules *r, uint32_t kinds, const struct cond *where,
	      const struct cond *const *exceptions, uint32_t nexceptions, uint32_t policy)
{
	if (!array_grow(&r->sources, r->nsources, sizeof(*r->sources)))
		return -ENOMEM;
	r->sources[r->nsources++] =
		(struct rule_source){ kinds, policy, where, exceptions, nexceptions };
	for (uint32_t k = 0; k < EV_MAX; k++) {
		int err = kinds & 1u << k ? add_kind(r, k, where, exceptions, nexceptions, policy)
					  : 0;

		if (err)
			return err;
	}
	return 0;
}

static int seal_kind(struct kind_rules *kr, struct scan_room *room)
{
	CLEANUP_FREE uint32_t *places = calloc((size_t)kr->nrules + 1, sizeof(*places));
	int err = places ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < kr->nrules && !err; i++)
		places[i] = kr->rules[i].access;
	if (!err)
		err = index_new(&kr->lookup, &kr->access, places, kr->nrules, room);
	access_free(&kr->access);
	strmap_free(&kr->slot_places);
	free(kr->index);
	kr->index = NULL;
	return err;
}

int rules_seal(struct rules *r)
{
	struct scan_room room = { SCAN_TEXTS_MAX, SCAN_BYTES_MAX, SCAN_STATES_MAX };

	for (uint32_t k = 0; k < EV_MAX; k++) {
		int err = r->kinds[k].nrules ? seal_kind(&r->kinds[k], &room) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* What a predicate says of a failed open: 1, 0, or -1 for either. */
static int on_failed_open(const struct kind_rules *kr, const struct pred *p, uint64_t failure)
{
	const struct slot_term *slot = &kr->slots[p->slot];
	struct value v = { .class = EV_CLASS_ENUM, .u = failure };

	if (slot->of_path || (p->right != SLOT_NONE && kr->slots[p->right].of_path))
		return 0; /* nothing was opened */
	if (slot->code || p->right != SLOT_NONE || strcmp(slot->field->path, "event.outcome"))
		return -1;
	return p->operand->eval(p->operand, &v, NULL);
}

/* Steps only lead to steps emitted before them: one pass from the first finds what can be reached. */
static bool reaches_true(const struct kind_rules *kr, const struct rule *rule, uint64_t failure,
			 bool *can)
{
	const struct step *steps = kr->steps + rule->steps;

	if (rule->entry == STEP_TRUE)
		return true;
	for (uint32_t i = 0; i < rule->nsteps; i++) {
		int said = on_failed_open(kr, &kr->preds[steps[i].pred], failure);
		bool yes = steps[i].yes == STEP_TRUE || (steps[i].yes < i && can[steps[i].yes]);
		bool no = steps[i].no == STEP_TRUE || (steps[i].no < i && can[steps[i].no]);

		can[i] = said < 0 ? yes || no : said ? yes : no;
	}
	return can[rule->entry];
}

bool rules_want_failed_opens(const struct rules *r, bool (*tells)(const void *arg, uint32_t policy),
			     const void *arg)
{
	static const struct str path = { "event.outcome", 13 };
	const struct kind_rules *kr = &r->kinds[EV_OPEN];
	const struct field *outcome = schema_field(schema_kind(EV_OPEN), path);
	uint64_t failure = (uint64_t)schema_enum_value(outcome, STR("failure"));
	CLEANUP_FREE bool *can = malloc(STEPS_MAX + 1);

	if (!can)
		return true; /* costs work, loses nothing */
	for (uint32_t i = 0; i < kr->nrules; i++)
		if (tells(arg, kr->rules[i].policy) &&
		    reaches_true(kr, &kr->rules[i], failure, can))
			return true;
	return false;
}

void rules_free(struct rules *r)
{
	free(r->sources);
	for (uint32_t k = 0; k < EV_MAX; k++) {
		struct kind_rules *kr = &r->kinds[k];

		for (uint32_t i = 0; i < kr->nslots; i++)
			term_code_free(kr->slots[i].code);
		free(kr->preds);
		free(kr->slots);
		strmap_free(&kr->slot_places);
		free(kr->steps);
		free(kr->leaves);
		free(kr->rules);
		free(kr->index);
		access_free(&kr->access);
		index_free(kr->lookup);
	}
	memset(r, 0, sizeof(*r));
}
