/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * window.h.
 *
 * A sequence has a stage for each number of steps that happened (those that must not are guards of
 * the stage before them). A key holds for each stage the partial sequence whose first event is
 * the latest: whatever completes an older one completes it too, and it lasts longer. So one
 * partial sequence a stage is exact. Where the last step must not happen, a partial sequence that
 * has all others becomes a state of its own, which waits for its time to pass; the first one
 * stands for those that follow it until it is decided.
 *
 * A threshold keeps the times of the last events, at most more_than of them, for distinct values
 * the last time of each.
 */
#include "pipeline/policy/window/window.h"

#include <errno.h>

#include "pipeline/policy/window/store.h"
#include "pipeline/util.h"

enum {
	BLOCK = 256,
	STEP_BYTES = 3 * BLOCK, /* what is kept of a step, by experience: sizes the tables only */
	EVENT_BYTES = 16 * BLOCK, /* of the event that an alert about a missing one repeats */
};

struct stage {
	bool live;
	uint64_t start_ns;
	uint32_t chains[WINDOW_STEPS_MAX]; /* one for each step that happened */
};

struct tally {
	uint64_t newest_ns;
	uint64_t forgot_ns; /* newest event of a state that was evicted before this one began */
	bool forgot;
	uint32_t first, n; /* of the rings below */
	uint32_t nkept, kept[WINDOW_KEPT_MAX];
	uint64_t kept_ns[WINDOW_KEPT_MAX];
	uint64_t marks[]; /* more_than times in order, then as many values */
};

struct window {
	atomic_uint refs;
	struct window_cfg cfg;
	struct store store;
	uint32_t nstages; /* steps that happen */
	uint8_t stage_of[WINDOW_STEPS_MAX]; /* steps that happen before this one */
	bool trailing; /* the last step must not happen */
	bool forgot;
	uint64_t forgot_ns;
	uint64_t ends_ns; /* sequence: nothing that has begun so far lasts longer */
	_Atomic uint64_t evicted;
};

static struct stage *stages(struct state *x) /* [0] is stage 1 */
{
	return (struct stage *)x->more;
}

static struct tally *tally(struct state *x)
{
	return (struct tally *)x->more;
}

static void release_stages(struct store *s, struct state *x)
{
	uint32_t n = (s->stride - (uint32_t)sizeof(*x)) / (uint32_t)sizeof(struct stage);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < WINDOW_STEPS_MAX; j++)
			chain_drop(s, stages(x)[i].chains[j]);
}

static void release_tally(struct store *s, struct state *x)
{
	for (uint32_t i = 0; i < tally(x)->nkept; i++)
		chain_drop(s, tally(x)->kept[i]);
}

static void count_evicted(struct window *w)
{
	atomic_store_explicit(&w->evicted,
			      atomic_load_explicit(&w->evicted, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* Frees the state longest unused, unless it is `but`. */
static bool evict(struct window *w, const struct state *but, uint64_t now_ns)
{
	struct state *x = store_oldest(&w->store);

	if (!x || x == but)
		return false;
	if (x->heap || x->expires_ns >= now_ns) {
		count_evicted(w);
		if (w->cfg.type == WINDOW_THRESHOLD) {
			w->forgot_ns = MAX(w->forgot_ns, tally(x)->newest_ns);
			w->forgot = true;
		}
	}
	store_drop(&w->store, x);
	return true;
}

static struct state *add(struct window *w, const struct window_item *it, bool pending)
{
	struct state *x = store_add(&w->store, it->key, pending);

	if (!x && evict(w, NULL, it->time_ns))
		x = store_add(&w->store, it->key, pending);
	return x;
}

/* Room is made for it at the cost of other states. */
static uint32_t keep(struct window *w, const struct window_item *it, const struct state *but)
{
	struct str s = it->keep ? it->keep(it->arg) : (struct str){ 0 };

	while (s.len && !chain_fits(&w->store, s.len) && evict(w, but, it->time_ns))
		;
	return s.len ? chain_put(&w->store, s) : STORE_NONE;
}

/* --- sequences --- */

static void clear_stage(struct window *w, struct stage *g)
{
	for (uint32_t j = 0; j < WINDOW_STEPS_MAX; j++)
		chain_drop(&w->store, g->chains[j]);
	*g = (struct stage){ 0 };
}

static void tell(struct window *w, const struct stage *g, uint32_t n, struct arena *a,
		 struct window_fired *f)
{
	f->start_ns = g->start_ns;
	for (uint32_t j = 0; j < n; j++)
		f->kept[f->nkept++] = chain_get(&w->store, g->chains[j], a);
}

/* The same first n steps as `from`, with references of their own. */
static struct stage follow(struct window *w, const struct stage *from, uint32_t n)
{
	struct stage g = { .live = true, .start_ns = from->start_ns };

	for (uint32_t j = 0; j < n; j++) {
		g.chains[j] = from->chains[j];
		chain_ref(&w->store, g.chains[j]);
	}
	return g;
}

/* All steps that must happen have; now the last must not, until the time is over. Takes g over. */
static void wait_for_end(struct window *w, const struct window_item *it, struct stage *g)
{
	uint64_t due = window_later(g->start_ns, w->cfg.within_ns);
	struct state *x = store_find(&w->store, it->key, true);

	if (x && x->due_ns >= it->time_ns) {
		clear_stage(w, g);
		return;
	}
	if (x)
		store_unhash(&w->store, x);
	x = add(w, it, true);
	if (!x) {
		clear_stage(w, g);
		return;
	}
	stages(x)[w->nstages - 1] = *g;
	g->live = false;
	store_due(&w->store, x, due);
	x->expires_ns = due;
	stages(x)[w->nstages - 1].chains[w->nstages - 1] = keep(w, it, x);
	if (it->keep && !stages(x)[w->nstages - 1].chains[w->nstages - 1]) {
		count_evicted(w); /* larger than all the memory: nothing could be told of it */
		store_drop(&w->store, x);
	}
}

static void begin(struct window *w, const struct window_item *it)
{
	struct stage g = { .live = true, .start_ns = it->time_ns };
	struct state *x;

	w->ends_ns = MAX(w->ends_ns, window_later(it->time_ns, w->cfg.within_ns));
	if (w->nstages == 1) {
		wait_for_end(w, it, &g);
		return;
	}
	x = store_find(&w->store, it->key, false);
	if (!x)
		x = add(w, it, false);
	if (!x || (stages(x)[0].live && stages(x)[0].start_ns > it->time_ns))
		return;
	store_touch(&w->store, x);
	clear_stage(w, &stages(x)[0]);
	x->expires_ns = MAX(x->expires_ns, window_later(it->time_ns, w->cfg.within_ns));
	g.chains[0] = keep(w, it, x);
	stages(x)[0] = g;
}

static enum window_answer advance(struct window *w, uint32_t n, const struct window_item *it,
				  struct arena *a, struct window_fired *f)
{
	struct state *x = store_find(&w->store, it->key, false);
	struct stage *from = x ? &stages(x)[n - 1] : NULL, g;

	if (!from || !from->live || it->time_ns > window_later(from->start_ns, w->cfg.within_ns))
		return WINDOW_GOES_ON;
	if (n + 1 == w->nstages && !w->trailing) {
		*f = (struct window_fired){ .time_ns = it->time_ns };
		tell(w, from, n, a, f);
		store_drop(&w->store, x);
		return WINDOW_FIRED;
	}
	if (n + 1 == w->nstages) {
		g = follow(w, from, n);
		store_drop(&w->store, x);
		wait_for_end(w, it, &g);
		return WINDOW_TAKEN;
	}
	if (from[1].live && from[1].start_ns > from->start_ns)
		return WINDOW_GOES_ON;
	store_touch(&w->store, x);
	g = follow(w, from, n);
	clear_stage(w, &from[1]);
	from[1] = g;
	from[1].chains[n] = keep(w, it, x);
	return WINDOW_GOES_ON;
}

/* A step that must not happen after n others: what has n steps is over. */
static void guard(struct window *w, uint32_t n, const struct window_item *it)
{
	bool pending = w->trailing && n == w->nstages;
	struct state *x = store_find(&w->store, it->key, pending);

	if (!x)
		return;
	if (!pending)
		clear_stage(w, &stages(x)[n - 1]);
	else if (it->time_ns <= x->due_ns)
		store_drop(&w->store, x);
}

bool window_expects(const struct window *w, uint32_t step, uint64_t time_ns)
{
	if (!w->stage_of[step] && !(w->cfg.negated & 1u << step))
		return true;
	if (!atomic_load_explicit(&w->store.used, memory_order_relaxed))
		return false;
	return w->cfg.negated & 1u << step || time_ns <= w->ends_ns;
}

enum window_answer window_step(struct window *w, uint32_t step, const struct window_item *it,
			       struct arena *a, struct window_fired *f)
{
	uint32_t n = w->stage_of[step];

	if (w->cfg.negated & 1u << step)
		guard(w, n, it);
	else if (!n)
		begin(w, it);
	else
		return advance(w, n, it, a, f);
	return WINDOW_GOES_ON;
}

uint64_t window_next_due(const struct window *w)
{
	const struct state *x = w->trailing ? store_first_due(&w->store) : NULL;

	return x ? window_later(x->due_ns, WINDOW_LATE_NS) : UINT64_MAX;
}

bool window_due(struct window *w, uint64_t now_ns, struct arena *a, struct window_fired *f)
{
	struct state *x;

	if (window_next_due(w) > now_ns)
		return false;
	x = store_first_due(&w->store);
	if (!x)
		return false;
	*f = (struct window_fired){ .time_ns = x->due_ns };
	tell(w, &stages(x)[w->nstages - 1], w->nstages, a, f);
	store_drop(&w->store, x);
	return true;
}

/* --- thresholds --- */

static uint64_t *mark(const struct window *w, struct tally *t, uint32_t i)
{
	uint32_t place = t->first + i;

	return &t->marks[place < w->cfg.more_than ? place : place - w->cfg.more_than];
}

static void move_mark(const struct window *w, struct tally *t, uint32_t to, uint32_t from)
{
	*mark(w, t, to) = *mark(w, t, from);
	if (w->cfg.distinct)
		mark(w, t, to)[w->cfg.more_than] = mark(w, t, from)[w->cfg.more_than];
}

static void expire(struct window *w, struct tally *t)
{
	uint64_t from = t->newest_ns > w->cfg.within_ns ? t->newest_ns - w->cfg.within_ns : 0;
	uint32_t gone = 0;

	while (t->n && *mark(w, t, 0) < from) {
		t->first = t->first + 1 < w->cfg.more_than ? t->first + 1 : 0;
		t->n--;
	}
	while (gone < t->nkept && t->kept_ns[gone] < from)
		chain_drop(&w->store, t->kept[gone++]);
	t->nkept -= gone;
	memmove(t->kept, t->kept + gone, t->nkept * sizeof(*t->kept));
	memmove(t->kept_ns, t->kept_ns + gone, t->nkept * sizeof(*t->kept_ns));
}

/* A value that is there goes to its newer time. True: it was there. */
static bool take_out(const struct window *w, struct tally *t, const struct window_item *it,
		     uint64_t *time_ns)
{
	for (uint32_t i = 0; i < t->n; i++) {
		if (mark(w, t, i)[w->cfg.more_than] != it->value)
			continue;
		*time_ns = MAX(it->time_ns, *mark(w, t, i));
		for (; i + 1 < t->n; i++)
			move_mark(w, t, i, i + 1);
		t->n--;
		return true;
	}
	return false;
}

static void insert(const struct window *w, struct tally *t, uint64_t time_ns, uint64_t value)
{
	uint32_t i = t->n++;

	for (; i && *mark(w, t, i - 1) > time_ns; i--)
		move_mark(w, t, i, i - 1);
	*mark(w, t, i) = time_ns;
	if (w->cfg.distinct)
		mark(w, t, i)[w->cfg.more_than] = value;
}

/* The first ones of a window; its count matters more than they do, so nothing gives way for them. */
static void keep_event(struct window *w, struct tally *t, const struct window_item *it)
{
	struct str s;

	if (t->nkept == WINDOW_KEPT_MAX || !it->keep)
		return;
	s = it->keep(it->arg);
	t->kept[t->nkept] = s.len ? chain_put(&w->store, s) : STORE_NONE;
	t->kept_ns[t->nkept] = it->time_ns;
	t->nkept += t->kept[t->nkept] != STORE_NONE;
}

static struct state *tally_of(struct window *w, const struct window_item *it)
{
	struct state *x = store_find(&w->store, it->key, false);

	if (x) {
		store_touch(&w->store, x);
		return x;
	}
	x = add(w, it, false);
	if (x) {
		tally(x)->forgot = w->forgot;
		tally(x)->forgot_ns = w->forgot_ns;
	}
	return x;
}

bool window_count(struct window *w, const struct window_item *it, struct arena *a,
		  struct window_fired *f)
{
	struct state *x = tally_of(w, it);
	struct tally *t = x ? tally(x) : NULL;
	uint64_t time_ns = it->time_ns;
	bool again;

	if (!t)
		return false;
	t->newest_ns = MAX(t->newest_ns, it->time_ns);
	x->expires_ns = window_later(t->newest_ns, w->cfg.within_ns);
	expire(w, t);
	if (window_later(it->time_ns, w->cfg.within_ns) < t->newest_ns)
		return false;
	again = w->cfg.distinct && take_out(w, t, it, &time_ns);
	if (t->n < w->cfg.more_than) {
		insert(w, t, time_ns, it->value);
		if (!again)
			keep_event(w, t, it);
		return false;
	}
	*f = (struct window_fired){
		.time_ns = it->time_ns,
		.start_ns = MIN(*mark(w, t, 0), it->time_ns),
		.count = t->n + 1,
		.lower_bound =
			t->forgot && window_later(t->forgot_ns, w->cfg.within_ns) >= t->newest_ns,
	};
	for (uint32_t i = 0; i < t->nkept; i++)
		f->kept[f->nkept++] = chain_get(&w->store, t->kept[i], a);
	store_drop(&w->store, x);
	return true;
}

/* --- all --- */

/* How many states and blocks make up about cfg.bytes. */
static int take_memory(struct window *w)
{
	uint64_t bytes = MAX(w->cfg.bytes, (uint64_t)WINDOW_BYTES_MIN);
	uint32_t more, kept;
	uint64_t states, blocks, least;

	if (w->cfg.type == WINDOW_THRESHOLD) {
		more = (uint32_t)(sizeof(struct tally) +
				  sizeof(uint64_t) * w->cfg.more_than * (1 + w->cfg.distinct));
		kept = 2 * BLOCK;
	} else {
		more = (uint32_t)sizeof(struct stage) * w->nstages;
		kept = STEP_BYTES * (w->nstages - !w->trailing) + EVENT_BYTES * w->trailing;
	}
	states = MAX(bytes / (sizeof(struct state) + more + kept + 12), (uint64_t)8);
	least = w->trailing ? WINDOW_KEEP_BYTES + WINDOW_BYTES_MIN / 2 : WINDOW_BYTES_MIN / 2;
	blocks = MAX(states * kept / BLOCK, least / BLOCK);
	return store_init(&w->store, more, (uint32_t)states, (uint32_t)blocks, w->trailing);
}

int window_new(struct window **out, const struct window_cfg *cfg)
{
	struct window *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	atomic_init(&w->refs, 1);
	w->cfg = *cfg;
	for (uint32_t i = 0; i < cfg->nsteps; i++) {
		w->stage_of[i] = (uint8_t)w->nstages;
		w->nstages += !(cfg->negated & 1u << i);
	}
	w->trailing = cfg->type == WINDOW_SEQUENCE && cfg->negated & 1u << (cfg->nsteps - 1);
	w->store.release = cfg->type == WINDOW_SEQUENCE ? release_stages : release_tally;
	if (take_memory(w)) {
		free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

struct window *window_ref(struct window *w)
{
	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return w;
}

void window_free(struct window *w)
{
	if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) > 1)
		return;
	store_free(&w->store);
	free(w);
}

struct window_stats window_stats(const struct window *w)
{
	return (struct window_stats){
		.states = atomic_load_explicit(&w->store.used, memory_order_relaxed),
		.evicted = atomic_load_explicit(&w->evicted, memory_order_relaxed),
	};
}

uint64_t window_bytes(const struct window *w)
{
	return w->store.bytes;
}
