/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The matcher: judges events by a policy set. Consumer thread; allocates only in
 * policy_engine_new. Fields are fetched and predicates evaluated at most once an event: each
 * remembers the event it was last looked at for (its epoch). The index marks the rules that may
 * hold (index.h); only these are asked. Rules are branching programs, see rules.h. Statistics may
 * be read by any thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "pipeline/encode.h"
#include "pipeline/message.h"
#include "pipeline/policy/index/index.h"
#include "pipeline/policy/index/recall.h"
#include "pipeline/policy/window/windows.h"
#include "pipeline/util.h"

enum { MATCHED_MAX = 16384, EPOCH_MAX = 0x7fffffff };

struct slot {
	uint32_t epoch;
	bool there;
	struct value v;
};

typedef _Atomic uint64_t counter;

enum { IMAGES = 64, IMAGE_RULES = 16 };

/* The rules of a kind that the index found by fields of one image (struct event). */
struct image_rules {
	const struct kind_rules *kr;
	uint64_t image; /* 0: nothing is kept here */
	uint32_t count;
	uint32_t rules[IMAGE_RULES];
};

struct policy_engine {
	const struct policy_set *set;
	const struct kind_rules *kr; /* of the event being judged */
	struct event *e;
	uint32_t epoch;
	uint32_t *memo; /* by predicate: epoch * 2 + answer */
	struct slot *slots;
	uint32_t npreds, nslots;
	struct op_scratch scratch;
	struct marks marks;
	struct index_scratch look;
	uint64_t slots_first[EV_MAX]; /* of a kind's index: a bit for each of the first 64 slots */
	uint64_t by_image[EV_MAX]; /* those of them that say the same for the same image */
	struct image_rules images[IMAGES];
	struct suppress *suppress;
	struct windows *windows; /* NULL: no policy has one */
	struct match *matches;
	const struct policy *wanted_by;
	char text[MATCHED_MAX];
	counter events, evaluated, matched, suppressed, suppression_full;
	struct held_told told;
};

/* One writer. */
static void count(counter *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* The slot's term in this event; NULL: it has no value. */
static inline const struct value *fetch(struct policy_engine *p, uint32_t i)
{
	struct slot *slot = &p->slots[i];

	if (slot->epoch != p->epoch) {
		slot->there = slot_get(&p->kr->slots[i], p->e, &slot->v);
		slot->epoch = p->epoch;
	}
	return slot->there ? &slot->v : NULL;
}

/* An expression is asked once of a text that comes again soon, as most do. */
static bool ask_expression(struct policy_engine *p, const struct operand *o, const struct value *v)
{
	struct recalled *r = p->look.recall ? recall_place(p->look.recall, o, v->s) : NULL;
	uint64_t limits = regex_limit_hits(p->scratch.regex);
	bool yes;

	if (r && recall_fits(r, o, v->s))
		return r->nkeys;
	yes = o->eval(o, v, &p->scratch);
	if (r && regex_limit_hits(p->scratch.regex) == limits) {
		recall_begin(r, o, v->s);
		r->nkeys = yes;
	}
	return yes;
}

static bool ask(struct policy_engine *p, const struct operand *o, const struct value *v)
{
	return o->base == OP_REGEX ? ask_expression(p, o, v) : o->eval(o, v, &p->scratch);
}

static __attribute__((noinline)) bool evaluate(struct policy_engine *p, uint32_t i)
{
	const struct pred *pred = &p->kr->preds[i];
	const struct value *left = fetch(p, pred->slot), *right;
	bool yes;

	if (!left) {
		yes = false;
	} else if (pred->right == SLOT_NONE) {
		yes = ask(p, pred->operand, left);
	} else {
		right = fetch(p, pred->right);
		yes = right && op_pair(pred->operand, left, right);
	}
	p->memo[i] = p->epoch << 1 | yes;
	return yes;
}

static inline bool holds(struct policy_engine *p, uint32_t i)
{
	uint32_t memo = p->memo[i];

	return memo >> 1 == p->epoch ? memo & 1 : evaluate(p, i);
}

static bool rule_holds(struct policy_engine *p, const struct rule *r)
{
	const struct step *steps = p->kr->steps + r->steps;
	uint32_t at = r->entry;

	while (at < STEP_FALSE)
		at = holds(p, steps[at].pred) ? steps[at].yes : steps[at].no;
	return at == STEP_TRUE;
}

/* Texts are made here and then kept in the arena: what looks at fields meanwhile may keep texts of
 * its own there. */
static struct buf text_buf(struct policy_engine *p, size_t max)
{
	return (struct buf){ .p = p->text, .cap = max, .max = max };
}

/* {NULL, 0}: the arena is full. */
static struct str kept(struct policy_engine *p, const struct buf *b)
{
	char *copy = arena_get(p->e->arena, b->len);

	if (!copy)
		return (struct str){ NULL, 0 };
	memcpy(copy, b->p, b->len);
	return (struct str){ copy, (uint32_t)b->len };
}

static void add_leaf(struct policy_engine *p, const struct leaf *leaf, struct buf *b)
{
	const struct pred *pred = &p->kr->preds[leaf->pred];
	size_t before = b->len;

	if (b->len > 1)
		buf_char(b, ',');
	buf_lit(b, "{\"condition\":\"");
	json_escape(b, leaf->source);
	buf_lit(b, "\",\"value\":");
	value_json(b, p->kr->slots[pred->slot].field, &p->slots[pred->slot].v);
	if (pred->right != SLOT_NONE) {
		buf_lit(b, ",\"other\":");
		value_json(b, p->kr->slots[pred->right].field, &p->slots[pred->right].v);
	}
	buf_lit(b, "}");
	if (b->failed || b->len + 1 > b->max) { /* no room: it is left out whole */
		b->len = before;
		b->failed = false;
	}
}

static bool said_before(const struct leaf *leaves, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (leaves[j].pred == leaves[i].pred)
			return true;
	return false;
}

static struct str explain(struct policy_engine *p, const struct rule *r)
{
	const struct leaf *leaves = r->nleaves ? p->kr->leaves + r->leaves : NULL;
	struct buf b = text_buf(p, MATCHED_MAX);
	struct str s;

	buf_char(&b, '[');
	for (uint32_t i = 0; i < r->nleaves; i++)
		if (holds(p, leaves[i].pred) && !said_before(leaves, i))
			add_leaf(p, &leaves[i], &b);
	buf_char(&b, ']');
	s = kept(p, &b);
	return s.p ? s : STR("[]");
}

static struct str message(struct policy_engine *p, const struct policy_def *def)
{
	struct buf b = text_buf(p, TEMPLATE_MESSAGE_MAX);
	struct str s;

	template_render(&def->message, p->e, &b);
	s = kept(p, &b);
	return s.len ? s : def->pub.name;
}

/* False: held back. */
static bool passes(struct policy_engine *p, uint32_t policy, uint64_t time_ns, uint64_t *held)
{
	const struct policy_def *def = p->set->policies[policy];
	struct suppress_item it;

	*held = 0;
	if (!def->suppress_ns || def->pub.action == POLICY_DROP)
		return true;
	it = (struct suppress_item){
		.policy = &def->pub,
		.id = def->id,
		.e = p->e,
		.by = def->by ? def->by[p->e->kind->kind] : NULL,
		.nby = def->nby,
		.time_ns = time_ns,
		.every_ns = def->suppress_ns,
		.count = def->suppress_count,
	};
	switch (suppress_ask(p->suppress, &it, held)) {
	case SUPPRESS_HOLD: count(&p->suppressed, 1); return false;
	case SUPPRESS_FULL: count(&p->suppression_full, 1); return true;
	default: return true;
	}
}

static void next_epoch(struct policy_engine *p)
{
	if (++p->epoch < EPOCH_MAX)
		return;
	memset(p->memo, 0, sizeof(*p->memo) * p->npreds);
	for (uint32_t i = 0; i < p->nslots; i++)
		p->slots[i].epoch = 0;
	p->epoch = 1;
}

static void add_match(struct policy_engine *p, uint32_t found, const struct rule *r, uint64_t held)
{
	const struct policy_def *def = p->set->policies[r->policy];
	struct match *m = &p->matches[found];

	*m = (struct match){ .policy = &def->pub, .suppressed = held };
	if (def->pub.action == POLICY_DROP) /* nobody reads it */
		return;
	m->message = message(p, def);
	m->matched = explain(p, r);
}

static void look_at(struct policy_engine *p, const struct index *x, uint32_t i)
{
	const struct value *v = fetch(p, index_slot(x, i));

	if (v)
		index_look(x, i, v, &p->marks, &p->look);
}

static void look_at_all(struct policy_engine *p, const struct index *x, uint64_t slots)
{
	for (; slots; slots &= slots - 1)
		look_at(p, x, (uint32_t)__builtin_ctzll(slots));
}

/* Most events are of images that others were of before. Nothing is marked yet. */
static void look_at_image(struct policy_engine *p, const struct index *x, uint64_t slots)
{
	struct image_rules *r = &p->images[(p->e->image + p->e->kind->kind) % IMAGES];

	if (r->image == p->e->image && r->kr == p->kr) {
		for (uint32_t i = 0; i < r->count; i++)
			marks_set(&p->marks, r->rules[i]);
		return;
	}
	look_at_all(p, x, slots);
	r->kr = p->kr;
	r->count = marks_list(&p->marks, r->rules, IMAGE_RULES);
	r->image = r->count <= IMAGE_RULES ? p->e->image : 0;
}

/* Marks the rules that this event may make hold. */
static void look_up(struct policy_engine *p)
{
	const struct index *x = p->kr->lookup;
	uint64_t by_image = p->e->image ? p->by_image[p->e->kind->kind] : 0;
	const uint32_t *always;
	uint32_t n;

	if (by_image)
		look_at_image(p, x, by_image);
	look_at_all(p, x, p->slots_first[p->e->kind->kind] & ~by_image);
	for (uint32_t i = 64; index_slot(x, i) != UINT32_MAX; i++)
		look_at(p, x, i);
	always = index_always(x, &n);
	for (uint32_t i = 0; i < n; i++)
		marks_set(&p->marks, always[i]);
}

/* True: it is at `found` of the matches; false: it is held back. */
static bool add_window_match(struct policy_engine *p, uint32_t found, const struct window_alert *w)
{
	struct match *m = &p->matches[found];
	uint64_t time_ns = w->match.time_ns ? w->match.time_ns : w->event->raw->time_ns, held;

	count(&p->matched, 1);
	if (!passes(p, w->policy, time_ns, &held))
		return false;
	*m = w->match;
	m->policy = &p->set->policies[w->policy]->pub;
	m->suppressed = held;
	if (w->rule)
		m->matched = explain(p, w->rule);
	return true;
}

/* The steps that this event passes; what they complete comes behind the other matches. */
static uint32_t feed_windows(struct policy_engine *p, uint32_t found)
{
	struct window_alert w;

	while (windows_feed(p->windows, p->e, &w))
		found += add_window_match(p, found, &w);
	return found;
}

static struct str explain_step(void *arg, const struct rule *r)
{
	return explain(arg, r);
}

static void note_want(struct policy_engine *p, const struct rule *r)
{
	const struct policy *policy = policy_of_rule(p->set, r->policy);

	if (policy->action != POLICY_DROP)
		p->wanted_by = policy;
}

uint32_t policy_match(struct policy_engine *p, struct event *e, const struct match **m)
{
	const struct kind_rules *kr = &p->set->rules.kinds[e->kind->kind];
	uint32_t found = 0, asked = 0, top = 0, i;
	bool held_steps = false;
	uint64_t held;

	count(&p->events, 1);
	*m = p->matches;
	p->wanted_by = NULL;
	if (!kr->nrules)
		return 0;
	p->kr = kr;
	p->e = e;
	next_epoch(p);
	look_up(p);
	while ((i = marks_next(&p->marks, &top)) != UINT32_MAX) {
		const struct rule *r = &kr->rules[i];

		asked++;
		if (!rule_holds(p, r))
			continue;
		note_want(p, r);
		if (r->policy > POLICY_NUMBER_MASK) {
			windows_hold(p->windows, r);
			held_steps = true;
			continue;
		}
		count(&p->matched, 1);
		if (passes(p, r->policy, e->raw->time_ns, &held))
			add_match(p, found++, r, held);
	}
	count(&p->evaluated, asked);
	return held_steps ? feed_windows(p, found) : found;
}

const struct policy *policy_wanted_by(const struct policy_engine *p)
{
	return p->wanted_by;
}

static void add_held_back(struct buf *b, uint64_t held, const struct held_report *r)
{
	uint64_t ms = (r->last_ns - r->first_ns) / 1000000;

	if (held == 1)
		buf_lit(b, "held back 1 more alert: ");
	else
		buf_addf(b, "held back %" PRIu64 " more alerts in %" PRIu64 ".%03u s, the first: ",
			 held, ms / 1000, (uint32_t)(ms % 1000));
}

/* False: it was no alerts that were held back. */
static bool tell_held(struct policy_engine *p, struct arena *a)
{
	struct buf b = text_buf(p, TEMPLATE_MESSAGE_MAX + 128);
	struct held_told *t = &p->told;
	const struct policy_def *def;
	uint64_t held;
	size_t at;

	suppress_tell(p->suppress, a, t, &held);
	if (t->policy.action != POLICY_ALERT)
		return false;
	p->e = t->event;
	def = set_find(p->set, t->id);
	add_held_back(&b, held, &t->report);
	at = b.len;
	if (def && !def->window && t->whole)
		template_render(&def->message, p->e, &b);
	if (b.len == at)
		message_default(&b, p->e);
	p->matches[0] = (struct match){
		.policy = def && def->pub.action == POLICY_ALERT ? &def->pub : &t->policy,
		.message = kept(p, &b),
		.suppressed = held,
		.held = &t->report,
		.event = p->e,
		.time_ns = t->report.last_ns,
	};
	return true;
}

static uint64_t next_held(const struct policy_engine *p)
{
	return p->suppress ? suppress_next_due(p->suppress) : UINT64_MAX;
}

/* In the order of time: what a window tells may itself be held back. */
bool policy_due(struct policy_engine *p, uint64_t now_ns, struct arena *a, const struct match **m)
{
	struct window_alert w;

	*m = p->matches;
	for (;;) {
		uint64_t held_ns = next_held(p);

		if (p->windows && windows_due(p->windows, MIN(now_ns, held_ns), a, &w)) {
			p->e = w.event;
			if (add_window_match(p, 0, &w))
				return true;
		} else if (held_ns > now_ns) {
			return false;
		} else if (tell_held(p, a)) {
			return true;
		}
	}
}

bool policy_end(struct policy_engine *p, uint64_t end_ns, struct arena *a, const struct match **m)
{
	if (policy_due(p, window_later(end_ns, WINDOW_LATE_NS), a, m))
		return true;
	while (next_held(p) != UINT64_MAX)
		if (tell_held(p, a))
			return true;
	return false;
}

void policy_look_due(struct policy_engine *p)
{
	if (p->windows)
		windows_look_due(p->windows);
}

uint64_t policy_next_due(const struct policy_engine *p)
{
	return MIN(next_held(p), p->windows ? windows_next_due(p->windows) : UINT64_MAX);
}

struct policy_stats policy_engine_stats(const struct policy_engine *p)
{
	return (struct policy_stats){
		.events = atomic_load_explicit(&p->events, memory_order_relaxed),
		.evaluated = atomic_load_explicit(&p->evaluated, memory_order_relaxed),
		.matches = atomic_load_explicit(&p->matched, memory_order_relaxed),
		.suppressed = atomic_load_explicit(&p->suppressed, memory_order_relaxed),
		.suppression_full =
			atomic_load_explicit(&p->suppression_full, memory_order_relaxed),
		.regex_limits = regex_limit_hits(p->scratch.regex),
	};
}

void policy_stats_add(struct policy_stats *to, struct policy_stats more)
{
	const uint64_t *from = (const uint64_t *)&more;
	uint64_t *sum = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(more) / sizeof(*sum); i++)
		sum[i] += from[i];
}

int policy_engine_new(struct policy_engine **out, const struct policy_set *s)
{
	return policy_engine_new_with(out, s, POLICY_WINDOW_BYTES);
}

static bool is_by_image(const struct slot_term *s)
{
	const struct field *f = s->code ? NULL : s->field;

	return f && f->source == FIELD_CTX && f->group == CTX_PROCESS &&
	       f->offset != offsetof(struct ctx_process, start_ns) &&
	       f->offset != offsetof(struct ctx_process, sid) &&
	       f->offset != offsetof(struct ctx_process, pgid);
}

static void sort_slots(struct policy_engine *p, uint32_t kind, const struct kind_rules *kr)
{
	uint32_t slot;

	for (uint32_t i = 0; i < 64 && (slot = index_slot(kr->lookup, i)) != UINT32_MAX; i++) {
		p->slots_first[kind] |= 1ULL << i;
		p->by_image[kind] |= (uint64_t)is_by_image(&kr->slots[slot]) << i;
	}
}

int policy_engine_new_with(struct policy_engine **out, const struct policy_set *s,
			   uint64_t window_bytes)
{
	struct policy_engine *p = calloc(1, sizeof(*p));
	uint32_t nrules = 0;

	if (!p)
		return -ENOMEM;
	p->set = s;
	for (uint32_t k = 0; k < EV_MAX; k++) {
		const struct index *x = s->rules.kinds[k].lookup;

		if (x && index_scratch_for(&p->look, x)) {
			policy_engine_free(p);
			return -ENOMEM;
		}
		if (x)
			sort_slots(p, k, &s->rules.kinds[k]);
		p->npreds = MAX(p->npreds, s->rules.kinds[k].npreds);
		p->nslots = MAX(p->nslots, s->rules.kinds[k].nslots);
		nrules = MAX(nrules, s->rules.kinds[k].nrules);
	}
	p->memo = calloc(p->npreds + 1, sizeof(*p->memo));
	p->slots = calloc(p->nslots + 1, sizeof(*p->slots));
	p->matches = calloc(nrules + 1, sizeof(*p->matches));
	if (s->patterns.count)
		p->scratch.regex = regex_scratch_new();
	if (!p->memo || !p->slots || !p->matches || marks_init(&p->marks, nrules) ||
	    (s->patterns.count && !p->scratch.regex) ||
	    (s->suppresses && suppress_new(&p->suppress)) ||
	    (s->nwindows && windows_new(&p->windows, s, window_bytes, explain_step, p))) {
		policy_engine_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void policy_engine_adopt(struct policy_engine *p, const struct policy_engine *old)
{
	if (old->suppress) { /* also where p holds nothing back: it may have held something back */
		suppress_free(p->suppress);
		p->suppress = suppress_ref(old->suppress);
	}
	if (p->windows && old->windows)
		windows_adopt(p->windows, old->windows);
}

bool policy_window_stats(const struct policy_engine *p, uint32_t i, struct policy_window_stats *out)
{
	return p->windows && windows_stats(p->windows, i, out);
}

void policy_engine_free(struct policy_engine *p)
{
	if (!p)
		return;
	regex_scratch_free(p->scratch.regex);
	suppress_free(p->suppress);
	windows_free(p->windows);
	free(p->memo);
	free(p->slots);
	free(p->matches);
	marks_free(&p->marks);
	index_scratch_free(&p->look);
	free(p);
}
