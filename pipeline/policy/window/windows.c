/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * windows.h. What is kept of an event (struct kept_event and behind it): its evidence as JSON but for
 * the id, which the encoder knows; the values that the message wants of its step; and where the
 * alert repeats an earlier event, which conditions it met and the event itself.
 */
#include "pipeline/policy/window/windows.h"

#include <errno.h>

#include "pipeline/event_copy.h"
#include "pipeline/policy/window/evidence.h"
#include "pipeline/policy/window/window.h"
#include "pipeline/util.h"

enum {
	CANDIDATES_MAX = 2 + 64, /* an entry leader, a process and its ancestors */
	WINDOW_BYTES_MAX = 4 << 20, /* of one window, where there are few */
	SCRATCH_BYTES = WINDOW_KEEP_BYTES + EVIDENCE_SCRATCH,
};

struct kept_event {
	uint64_t seq, template; /* template: whose values they are */
	uint32_t cpu, kind;
	uint32_t evidence, values, matched,
		event; /* bytes of each, in this order; each padded to 8 */
};

struct one {
	const struct policy_def *def;
	const struct window_def *w;
	uint32_t policy;
	struct window *machine;
};

struct windows {
	const struct policy_set *set;
	struct keyhash hash;
	struct one *all;
	uint32_t count;
	const struct rule **held; /* steps that the event at hand passes */
	uint32_t nheld, fed;
	uint64_t next_due;
	struct str (*explain)(void *arg, const struct rule *r);
	void *arg;
	struct arena scratch; /* of what is to be kept of one event by one window */
	struct event restored;
};

/* An event that a machine may want to keep. */
struct keeping {
	struct windows *ws;
	const struct one *o;
	const struct rule *rule;
	struct event *e;
	uint32_t step;
	struct str made; /* p NULL: not yet */
};

static uint32_t step_of(const struct rule *r)
{
	return (r->policy >> POLICY_STEP_SHIFT) - 1;
}

static uint32_t policy_of(const struct rule *r)
{
	return r->policy & POLICY_NUMBER_MASK;
}

static bool is_sequence(const struct window_def *w)
{
	return w->type == WINDOW_SEQUENCE;
}

/* --- keeping --- */

static void pad(struct buf *b)
{
	static const char zeros[8];

	buf_add(b, zeros, -b->len & 7);
}

/* Is the event one that the alert will be about although it is over? */
static bool is_repeated(const struct keeping *k)
{
	const struct window_def *w = k->o->w;

	return is_sequence(w) && w->steps[w->nsteps - 1].negated && k->step == w->last;
}

static void add_event(struct keeping *k, struct buf *b, struct kept_event *h)
{
	struct str matched = k->ws->explain(k->ws->arg, k->rule);
	size_t at = b->len;

	buf_str(b, matched);
	h->matched = (uint32_t)(b->len - at);
	pad(b);
	at = b->len;
	event_copy_most(b, k->e);
	h->event = (uint32_t)(b->len - at);
}

static struct str keep(void *arg)
{
	struct keeping *k = arg;
	struct kept_event h = { .seq = k->e->raw->seq,
				.template = k->o->def->message.id,
				.cpu = k->e->raw->cpu,
				.kind = k->e->kind->kind };
	struct str evidence;
	struct buf b;

	if (k->made.p)
		return k->made;
	evidence =
		evidence_make(k->e, is_sequence(k->o->w) ? k->o->w->steps[k->step].name : STR(""),
			      &k->ws->scratch);
	b = arena_buf(&k->ws->scratch, WINDOW_KEEP_BYTES);
	buf_add(&b, &h, sizeof(h));
	buf_str(&b, evidence);
	h.evidence = evidence.len;
	pad(&b);
	if (is_sequence(k->o->w) && k->step != k->o->w->last)
		template_keep(&k->o->def->message, k->step + 1, k->e, &b, &h.values);
	pad(&b);
	if (is_repeated(k))
		add_event(k, &b, &h);
	if (b.failed)
		return (struct str){ NULL, 0 };
	memcpy(b.p, &h, sizeof(h));
	k->made = arena_kept(&k->ws->scratch, &b);
	return k->made;
}

/* --- telling --- */

static uint32_t padded(uint32_t n)
{
	return (n + 7) & ~7u;
}

/* What is kept of one event, taken apart; memory of `from`. */
struct told {
	struct kept_event h;
	struct str evidence, values, matched, event;
};

static bool take_apart(struct str from, struct told *t)
{
	const char *p = from.p + sizeof(t->h);

	if (from.len < sizeof(t->h))
		return false;
	memcpy(&t->h, from.p, sizeof(t->h));
	t->evidence = (struct str){ p, t->h.evidence };
	p += padded(t->h.evidence);
	t->values = (struct str){ p, t->h.values };
	p += padded(t->h.values);
	t->matched = (struct str){ p, t->h.matched };
	p += padded(t->h.matched);
	t->event = (struct str){ p, t->h.event };
	return true;
}

static void tell_evidence(struct window_report *r, const struct told *t)
{
	if (t->evidence.len)
		r->evidence[r->nevidence++] = (struct evidence){
			.json = t->evidence,
			.seq = t->h.seq,
			.cpu = t->h.cpu,
			.kind = t->h.kind,
		};
}

/* Made in scratch memory: what it looks at keeps texts of its own in the arena. */
static struct str make_message(struct windows *ws, const struct one *o, struct event *e,
			       const struct template_more *more)
{
	struct buf b;
	char *copy;

	arena_reset(&ws->scratch);
	b = arena_buf(&ws->scratch, TEMPLATE_MESSAGE_MAX);
	template_render_more(&o->def->message, e, more, &b);
	copy = b.len ? arena_get(e->arena, b.len) : NULL;
	if (!copy)
		return o->def->pub.name;
	memcpy(copy, b.p, b.len);
	return (struct str){ copy, (uint32_t)b.len };
}

/* What a machine said as an alert; without a rule it is about an event that was kept. */
static bool make_alert(struct windows *ws, const struct one *o, const struct rule *rule,
		       struct event *e, struct arena *a, const struct window_fired *f,
		       struct window_alert *out)
{
	struct window_report *r = arena_get(a, sizeof(*r));
	struct template_more more = { .count = f->count };
	struct told t = { 0 };

	if (!r)
		return false;
	*out = (struct window_alert){ .policy = o->policy, .rule = rule, .event = e };
	*r = (struct window_report){
		.start_ns = f->start_ns,
		.count = f->count,
		.lower_bound = f->lower_bound,
	};
	for (uint32_t i = 0; i < f->nkept; i++) {
		if (!take_apart(f->kept[i], &t))
			continue;
		if (is_sequence(o->w) && t.h.template == o->def->message.id)
			more.values[o->w->order[i]] = t.values;
		if (rule || i + 1 < f->nkept)
			tell_evidence(r, &t);
	}
	if (!rule) {
		out->event = &ws->restored;
		if (!t.event.len ||
		    !event_restore(&ws->restored, a, (char *)(uintptr_t)t.event.p, t.event.len))
			return false;
		out->match.event = out->event;
		out->match.time_ns = f->time_ns;
		out->match.matched = t.matched;
	}
	out->match.message = make_message(ws, o, out->event, &more);
	out->match.window = r;
	return true;
}

/* --- keys --- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static struct key128 of_process(struct key128 base, uint64_t id)
{
	return (struct key128){ { base.k[0] ^ mix(id), base.k[1] + mix(~id) } };
}

/* All below one entry leader. Never the key of a process. */
static struct key128 of_entry(struct key128 base, const struct ctx_entry *e)
{
	return of_process((struct key128){ { ~base.k[0], base.k[1] } },
			  ctx_process_id(e->pid, e->start_ns));
}

/* A process, and each of its ancestors as the one that the lineage may have begun at, the nearest
 * first. */
static uint32_t add_lineage(struct key128 base, const struct event *e, struct key128 *keys,
			    uint32_t max)
{
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];
	uint32_t n = 0, nids = l ? l->ids.len / (uint32_t)sizeof(uint64_t) : 0;

	keys[n++] = of_process(base, ctx_process_id(e->raw->tgid, e->raw->start_ns));
	for (uint32_t i = 0; i < nids && n < max; i++) {
		uint64_t id;

		memcpy(&id, l->ids.p + i * sizeof(id), sizeof(id));
		keys[n++] = of_process(base, id);
	}
	return n;
}

/* The keys whose windows an event can belong to: one, and for later steps of a lineage several. A
 * tree is a lineage where the first step's entry leader was not known. */
static uint32_t keys_of(const struct windows *ws, const struct one *o, uint32_t step,
			struct event *e, struct key128 keys[CANDIDATES_MAX])
{
	const struct ctx_entry *entry =
		o->w->by_process == WINDOW_BY_TREE ? e->ctx[CTX_ENTRY] : NULL;
	bool later = o->w->by_process >= WINDOW_BY_LINEAGE && step;
	struct key128 base =
		keyhash_fields(&ws->hash, 0, e, o->w->steps[step].by[e->kind->kind], o->w->nby);
	uint32_t n = 0;

	if (!o->w->by_process) {
		keys[0] = base;
		return 1;
	}
	if (entry)
		keys[n++] = of_entry(base, entry);
	if (!entry || later)
		n += add_lineage(base, e, keys + n, later ? CANDIDATES_MAX - n : 1);
	return n;
}

/* --- feeding --- */

void windows_hold(struct windows *w, const struct rule *r)
{
	uint32_t at = w->nheld++;

	/* Policies in their order, of each the last step first. */
	for (; at; at--) {
		const struct rule *before = w->held[at - 1];

		if (policy_of(before) < policy_of(r) ||
		    (policy_of(before) == policy_of(r) && before->policy > r->policy))
			break;
		w->held[at] = before;
	}
	w->held[at] = r;
}

static bool feed_threshold(struct windows *ws, const struct one *o, struct window_item *it,
			   struct event *e, struct window_fired *f)
{
	const struct field *distinct = o->w->distinct[e->kind->kind];
	struct key128 keys[CANDIDATES_MAX];
	struct value v;

	if (o->w->is_distinct) {
		if (!distinct || !event_get(e, distinct, &v))
			return false;
		it->value = keyhash_value(&ws->hash, &v);
	}
	keys_of(ws, o, 0, e, keys);
	it->key = keys[0];
	return window_count(o->machine, it, e->arena, f);
}

/* What it completes at an ancestor, too, is complete; the nearest process is told of. One event
 * begins to wait for a missing step but once: it is what the alert will be about. */
static enum window_answer feed_step(struct windows *ws, const struct one *o, uint32_t step,
				    struct window_item *it, struct event *e, struct window_fired *f)
{
	enum window_answer answer = WINDOW_GOES_ON;
	struct key128 keys[CANDIDATES_MAX];
	uint32_t n = keys_of(ws, o, step, e, keys);
	struct window_fired other;

	for (uint32_t i = 0; i < n && answer != WINDOW_TAKEN; i++) {
		it->key = keys[i];
		answer = MAX(answer, window_step(o->machine, step, it, e->arena,
						 answer == WINDOW_FIRED ? &other : f));
	}
	return answer;
}

static struct one *one_of(const struct windows *w, const struct rule *r)
{
	return &w->all[w->set->policies[policy_of(r)]->window->index];
}

static enum window_answer feed(struct windows *ws, const struct one *o, const struct rule *r,
			       struct event *e, struct window_fired *f)
{
	struct keeping k = { .ws = ws, .o = o, .rule = r, .e = e, .step = step_of(r) };
	struct window_item it = { .time_ns = e->raw->time_ns, .keep = keep, .arg = &k };

	if (is_sequence(o->w) && !window_expects(o->machine, k.step, it.time_ns))
		return WINDOW_GOES_ON; /* most events: no key is made */
	arena_reset(&ws->scratch);
	if (is_sequence(o->w))
		return feed_step(ws, o, k.step, &it, e, f);
	return feed_threshold(ws, o, &it, e, f) ? WINDOW_FIRED : WINDOW_GOES_ON;
}

void windows_look_due(struct windows *w)
{
	w->next_due = UINT64_MAX;
	for (uint32_t i = 0; i < w->count; i++)
		w->next_due = MIN(w->next_due, window_next_due(w->all[i].machine));
}

bool windows_feed(struct windows *w, struct event *e, struct window_alert *out)
{
	while (w->fed < w->nheld) {
		const struct rule *r = w->held[w->fed++];
		const struct one *o = one_of(w, r);
		struct window_fired f;
		enum window_answer answer = feed(w, o, r, e, &f);

		if (o->w->trailing)
			w->next_due = MIN(w->next_due, window_next_due(o->machine));
		if (answer == WINDOW_GOES_ON)
			continue;
		while (w->fed < w->nheld && policy_of(w->held[w->fed]) == o->policy)
			w->fed++;
		if (answer == WINDOW_FIRED && make_alert(w, o, r, e, e->arena, &f, out))
			return true;
	}
	w->nheld = w->fed = 0;
	return false;
}

/* next_due may be too early, where a step came in time: so it is looked up first. */
bool windows_due(struct windows *w, uint64_t now_ns, struct arena *a, struct window_alert *out)
{
	for (windows_look_due(w); w->next_due <= now_ns; windows_look_due(w)) {
		const struct one *o = w->all;
		struct window_fired f;

		while (window_next_due(o->machine) != w->next_due)
			o++;
		if (!window_due(o->machine, now_ns, a, &f))
			return false;
		if (make_alert(w, o, NULL, NULL, a, &f, out))
			return true;
	}
	return false;
}

uint64_t windows_next_due(const struct windows *w)
{
	return w->next_due;
}

/* --- all --- */

static int make_machine(struct one *o, uint64_t bytes)
{
	struct window_cfg cfg = {
		.type = o->w->type,
		.within_ns = o->w->within_ns,
		.bytes = bytes,
		.more_than = o->w->more_than,
		.distinct = o->w->is_distinct,
		.nsteps = (uint8_t)o->w->nsteps,
	};

	for (uint32_t i = 0; i < o->w->nsteps; i++)
		cfg.negated |= (uint8_t)(o->w->steps[i].negated << i);
	return window_new(&o->machine, &cfg);
}

static int make_all(struct windows *w, const struct policy_set *s, uint64_t bytes)
{
	uint64_t each = MIN(bytes / s->nwindows, (uint64_t)WINDOW_BYTES_MAX);
	uint32_t nsteps = 0;

	w->all = calloc(s->nwindows, sizeof(*w->all));
	if (!w->all)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct policy_def *p = s->policies[i];
		struct one *o;

		if (!p->window)
			continue;
		o = &w->all[w->count++];
		*o = (struct one){ .def = p, .w = p->window, .policy = i };
		nsteps += p->window->nsteps;
		if (make_machine(o, each))
			return -ENOMEM;
	}
	w->held = calloc(nsteps, sizeof(struct rule *));
	return w->held ? arena_init(&w->scratch, SCRATCH_BYTES) : -ENOMEM;
}

int windows_new(struct windows **out, const struct policy_set *s, uint64_t bytes,
		struct str (*explain)(void *arg, const struct rule *r), void *arg)
{
	struct windows *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->set = s;
	w->explain = explain;
	w->arg = arg;
	w->next_due = UINT64_MAX;
	keyhash_init(&w->hash);
	if (make_all(w, s, bytes)) {
		windows_free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->count; i++)
		window_free(w->all[i].machine);
	arena_free(&w->scratch);
	free(w->held);
	free(w->all);
	free(w);
}

static bool is_same(const struct one *a, const struct one *b)
{
	return str_eq(a->def->pub.name, b->def->pub.name) &&
	       !memcmp(a->w->digest, b->w->digest, sizeof(a->w->digest));
}

void windows_adopt(struct windows *w, const struct windows *from)
{
	w->hash = from->hash;
	for (uint32_t i = 0; i < w->count; i++)
		for (uint32_t j = 0; j < from->count; j++) {
			if (!is_same(&w->all[i], &from->all[j]))
				continue;
			window_free(w->all[i].machine);
			w->all[i].machine = window_ref(from->all[j].machine);
			break;
		}
	windows_look_due(w);
}

bool windows_stats(const struct windows *w, uint32_t i, struct policy_window_stats *out)
{
	struct window_stats st;

	if (i >= w->count)
		return false;
	st = window_stats(w->all[i].machine);
	*out = (struct policy_window_stats){
		.policy = &w->all[i].def->pub,
		.states = st.states,
		.evicted = st.evicted,
		.bytes = window_bytes(w->all[i].machine),
	};
	return true;
}
