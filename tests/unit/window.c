/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The state machines of windows against a reference that looks at the whole list of events each
 * time, and their limits: boundaries, memory, eviction, late events.
 */
#include "pipeline/policy/window/window.h"

#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

#define NEVER UINT64_MAX
enum { KEYS = 3, EVENTS = 120, SEC = 1000000000 };

struct ev {
	uint64_t time, value;
	uint32_t key, steps, id;
};

/* What fired: the number of the event that completed it, or for a missing step its end. */
struct fire {
	uint64_t time, start;
	uint32_t key, count;
	uint32_t nkept, kept[WINDOW_KEPT_MAX];
};

struct fires {
	struct fire all[4 * EVENTS];
	uint32_t n;
};

static uint64_t seed;

static uint32_t dice(uint32_t n)
{
	return random_below(&seed, n);
}

/* --- the reference --- */

struct ref {
	const struct window_cfg *cfg;
	const struct ev *list[EVENTS]; /* of one key, since it last began anew */
	uint32_t n;
	uint32_t happens[WINDOW_STEPS_MAX], nhappen;
	const struct ev *wait; /* all but the last step are there */
	struct fire wait_fire;
};

static void ref_init(struct ref *r, const struct window_cfg *cfg)
{
	*r = (struct ref){ .cfg = cfg };
	for (uint32_t i = 0; i < cfg->nsteps; i++)
		if (!(cfg->negated & 1u << i))
			r->happens[r->nhappen++] = i;
}

/* No event between i and j passes a step that stands between two that happen. */
static bool is_clear(const struct ref *r, uint32_t i, uint32_t j, uint32_t from, uint32_t to)
{
	for (uint32_t k = i + 1; k < j; k++)
		for (uint32_t s = from + 1; s < to; s++)
			if (r->list[k]->steps & 1u << s)
				return false;
	return true;
}

/* The latest start of a chain of steps 0..h whose last event is list[j]; chain gets the events. */
static uint64_t chain(const struct ref *r, uint32_t h, uint32_t j, uint64_t last, uint32_t *ids)
{
	uint64_t best = NEVER;
	uint32_t found[WINDOW_STEPS_MAX];

	if (!(r->list[j]->steps & 1u << r->happens[h]))
		return NEVER;
	if (!h) {
		if (last - r->list[j]->time > r->cfg->within_ns)
			return NEVER;
		ids[0] = r->list[j]->id;
		return r->list[j]->time;
	}
	for (uint32_t i = 0; i < j; i++) {
		uint64_t start;

		if (!is_clear(r, i, j, r->happens[h - 1], r->happens[h]))
			continue;
		start = chain(r, h - 1, i, last, found);
		if (start == NEVER || (best != NEVER && start < best))
			continue;
		best = start;
		memcpy(ids, found, sizeof(found));
	}
	ids[h] = r->list[j]->id;
	return best;
}

static bool is_trailing(const struct window_cfg *cfg)
{
	return cfg->negated & 1u << (cfg->nsteps - 1);
}

static void ref_end(struct ref *r, uint64_t now, struct fires *f)
{
	if (!r->wait || r->wait_fire.time > now)
		return;
	f->all[f->n++] = r->wait_fire;
	r->wait = NULL;
}

static void ref_sequence(struct ref *r, const struct ev *e, struct fires *f)
{
	uint32_t ids[WINDOW_STEPS_MAX], guards = 0;
	struct fire fire = { .time = e->time, .key = e->key };
	uint64_t start;

	if (is_trailing(r->cfg)) {
		ref_end(r, e->time ? e->time - 1 : 0, f);
		for (uint32_t s = r->happens[r->nhappen - 1] + 1; s < r->cfg->nsteps; s++)
			guards |= 1u << s;
		if (e->steps & guards)
			r->wait = NULL;
	}
	r->list[r->n++] = e;
	start = chain(r, r->nhappen - 1, r->n - 1, e->time, ids);
	if (start == NEVER)
		return;
	r->n = 0;
	fire.start = start;
	fire.nkept = r->nhappen - !is_trailing(r->cfg);
	memcpy(fire.kept, ids, sizeof(uint32_t) * fire.nkept);
	if (!is_trailing(r->cfg)) {
		f->all[f->n++] = fire;
	} else if (!r->wait) {
		r->wait = e;
		r->wait_fire = fire;
		r->wait_fire.time = start + r->cfg->within_ns;
	}
}

static void ref_threshold(struct ref *r, const struct ev *e, struct fires *f)
{
	uint64_t values[EVENTS], start = e->time;
	uint32_t n = 0;

	r->list[r->n++] = e;
	for (uint32_t i = 0; i < r->n; i++) {
		bool again = false;

		if (e->time - r->list[i]->time > r->cfg->within_ns)
			continue;
		for (uint32_t j = 0; r->cfg->distinct && j < n; j++)
			again |= values[j] == r->list[i]->value;
		if (!again)
			values[n++] = r->list[i]->value;
		start = MIN(start, r->list[i]->time);
	}
	if (n <= r->cfg->more_than)
		return;
	f->all[f->n++] =
		(struct fire){ .time = e->time, .start = start, .key = e->key, .count = n };
	r->n = 0;
}

static void reference(const struct window_cfg *cfg, const struct ev *e, uint32_t n, uint64_t end,
		      struct fires *f)
{
	static struct ref refs[KEYS];

	for (uint32_t k = 0; k < KEYS; k++)
		ref_init(&refs[k], cfg);
	for (uint32_t i = 0; i < n; i++) {
		if (cfg->type == WINDOW_THRESHOLD)
			ref_threshold(&refs[e[i].key], &e[i], f);
		else
			ref_sequence(&refs[e[i].key], &e[i], f);
	}
	for (uint32_t k = 0; k < KEYS; k++)
		ref_end(&refs[k], end, f);
}

/* --- the machine --- */

static struct arena arena;

static struct str keep(void *arg)
{
	static struct {
		uint32_t id;
		char more[700];
	} what; /* more than a block, sometimes */
	const struct ev *e = arg;

	what.id = e->id;
	return (struct str){ (const char *)&what, (uint32_t)sizeof(uint32_t) + e->id % 700 };
}

static struct window *machine(const struct window_cfg *cfg)
{
	struct window *w = NULL;

	CHECK_INT(window_new(&w, cfg), 0);
	return w;
}

static void note(struct fires *f, const struct window_fired *w, uint32_t key)
{
	struct fire x = { .time = w->time_ns, .start = w->start_ns, .key = key, .count = w->count };

	for (uint32_t i = 0; i < w->nkept; i++) {
		CHECK(w->kept[i].len >= sizeof(uint32_t));
		memcpy(&x.kept[i], w->kept[i].p, sizeof(uint32_t));
		CHECK_INT(w->kept[i].len, sizeof(uint32_t) + x.kept[i] % 700);
	}
	x.nkept = w->nkept;
	f->all[f->n++] = x;
}

static uint32_t unexpected; /* steps that nothing waited for */
static bool feed(struct window *w, const struct window_cfg *cfg, const struct ev *e,
		 struct window_fired *f)
{
	struct window_item it = { .key = { { e->key * 16, e->key } },
				  .time_ns = e->time,
				  .value = e->value,
				  .keep = keep,
				  .arg = (void *)(uintptr_t)e };
	enum window_answer answer = WINDOW_GOES_ON;

	arena_reset(&arena);
	if (cfg->type == WINDOW_THRESHOLD)
		return window_count(w, &it, &arena, f);
	for (uint32_t s = cfg->nsteps; s-- && answer == WINDOW_GOES_ON;)
		if (e->steps & 1u << s && !window_expects(w, s, e->time))
			unexpected++; /* the reference looks at all */
		else if (e->steps & 1u << s)
			answer = window_step(w, s, &it, &arena, f);
	return answer == WINDOW_FIRED;
}

static void due(struct window *w, const struct ev *e, uint64_t now, struct fires *f)
{
	struct window_fired x;
	uint32_t id;

	while (arena_reset(&arena), window_due(w, now, &arena, &x)) {
		memcpy(&id, x.kept[0].p, sizeof(id));
		note(f, &x, e[id].key);
	}
}

static void play(const struct window_cfg *cfg, const struct ev *e, uint32_t n, uint64_t end,
		 struct fires *f)
{
	struct window *w = machine(cfg);
	struct window_fired x;

	for (uint32_t i = 0; i < n; i++) {
		due(w, e, e[i].time, f);
		if (feed(w, cfg, &e[i], &x))
			note(f, &x, e[i].key);
	}
	due(w, e, end + WINDOW_LATE_NS, f);
	CHECK_INT(window_stats(w).evicted, 0);
	window_free(w);
}

static int by_time(const void *a, const void *b)
{
	const struct fire *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->key != y->key ? (x->key < y->key ? -1 : 1)
				: (x->start > y->start) - (x->start < y->start);
}

static void compare(const struct window_cfg *cfg, struct fires *got, struct fires *want)
{
	qsort(got->all, got->n, sizeof(*got->all), by_time);
	qsort(want->all, want->n, sizeof(*want->all), by_time);
	CHECK_INT(got->n, want->n);
	for (uint32_t i = 0; i < got->n; i++) {
		CHECK_INT(got->all[i].time, want->all[i].time);
		CHECK_INT(got->all[i].key, want->all[i].key);
		CHECK_INT(got->all[i].count, want->all[i].count);
		if (cfg->type == WINDOW_THRESHOLD) {
			if (!cfg->distinct)
				CHECK_INT(got->all[i].start, want->all[i].start);
			continue;
		}
		CHECK_INT(got->all[i].start, want->all[i].start);
		CHECK_INT(got->all[i].nkept, want->all[i].nkept);
		CHECK_INT(got->all[i].kept[0] < EVENTS, 1);
	}
}

/* Times in steps of more than the lateness that is waited for, and often equal. */
static uint32_t random_stream(const struct window_cfg *cfg, struct ev *e)
{
	uint32_t n = 20 + dice(EVENTS - 20);
	uint64_t t = 1000ull * SEC;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t steps = 1u << dice(cfg->nsteps ? cfg->nsteps : 1);

		if (!dice(6))
			steps |= 1u << dice(cfg->nsteps ? cfg->nsteps : 1);
		if (!dice(5))
			steps = 0;
		t += dice(3) ? dice(3) * (uint64_t)SEC : 0;
		e[i] = (struct ev){ t, dice(6), dice(KEYS), steps, i };
	}
	return n;
}

static void rounds(const struct window_cfg *base, uint32_t count)
{
	static struct fires got, want;
	static struct ev e[EVENTS];
	uint32_t fired = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct window_cfg cfg = *base;
		uint32_t n;
		uint64_t end;

		cfg.within_ns = dice(15) * (uint64_t)SEC;
		if (cfg.type == WINDOW_THRESHOLD)
			cfg.more_than = 1 + dice(6);
		n = random_stream(&cfg, e);
		end = e[n - 1].time + dice(12) * (uint64_t)SEC;
		got.n = want.n = 0;
		play(&cfg, e, n, end, &got);
		reference(&cfg, e, n, end, &want);
		compare(&cfg, &got, &want);
		fired += got.n;
	}
	printf("# %u streams, %u alerts\n", count, fired);
	CHECK(fired > count / 4);
}

static void random_thresholds(void)
{
	seed = 1;
	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	rounds(&(struct window_cfg){ .type = WINDOW_THRESHOLD }, 4000);
	rounds(&(struct window_cfg){ .type = WINDOW_THRESHOLD, .distinct = true }, 4000);
	arena_free(&arena);
}

/* Of 2 to 4 steps, each but the first with or without a not. */
static void random_sequences(void)
{
	struct window_cfg c = { .type = WINDOW_SEQUENCE };

	seed = 2;
	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	for (c.nsteps = 2; c.nsteps <= 4; c.nsteps++)
		for (c.negated = 0; c.negated < 1u << c.nsteps; c.negated += 2)
			rounds(&c, 500);
	CHECK(unexpected > 10000);
	arena_free(&arena);
}

static uint32_t ask(struct window *w, const struct window_cfg *cfg, uint64_t t, uint32_t steps,
		    uint32_t key)
{
	const struct ev e = { .time = t, .key = key, .steps = steps, .value = t };
	struct window_fired f;

	return feed(w, cfg, &e, &f);
}

static void boundaries(void)
{
	const struct window_cfg two = { .type = WINDOW_SEQUENCE, .nsteps = 2, .within_ns = 10 };
	const struct window_cfg same = { .type = WINDOW_THRESHOLD,
					 .more_than = 3,
					 .within_ns = 10 };
	struct window *w = machine(&two);

	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	CHECK_INT(ask(w, &two, 100, 1, 1), 0);
	CHECK_INT(ask(w, &two, 110, 2, 1), 1); /* exactly the time */
	CHECK_INT(ask(w, &two, 111, 2, 1), 0); /* begun anew */
	CHECK_INT(ask(w, &two, 120, 1, 1), 0);
	CHECK_INT(ask(w, &two, 131, 2, 1), 0);
	CHECK_INT(ask(w, &two, 140, 1, 1), 0);
	CHECK_INT(ask(w, &two, 140, 2, 1), 1); /* the same moment */
	CHECK_INT(ask(w, &two, 150, 3, 1), 0); /* one event is not two */
	CHECK_INT(ask(w, &two, 151, 3, 1), 1);
	CHECK_INT(ask(w, &two, 160, 1, 1), 0);
	CHECK_INT(ask(w, &two, 160, 2, 2), 0); /* another key */
	CHECK_INT(ask(w, &two, 159, 2, 1), 1); /* late by a little */
	window_free(w);
	w = machine(&same);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_INT(ask(w, &same, 200 + (i == 3 ? 10 : i), 0, 1), i == 3);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_INT(ask(w, &same, 300 + (i == 3 ? 11 : i), 0, 1), 0);
	CHECK_INT(ask(w, &same, 311, 0, 1), 1); /* 301, 302, 311, 311 */
	for (uint64_t i = 0; i < 3; i++)
		CHECK_INT(ask(w, &same, 400, 0, 1), 0);
	CHECK_INT(ask(w, &same, 400, 0, 1), 1);
	window_free(w);
	arena_free(&arena);
}

/* An event that another CPU's passed on the way counts at its own time. */
static void late_events(void)
{
	const struct window_cfg c = { .type = WINDOW_THRESHOLD, .more_than = 3, .within_ns = 10 };
	struct window *w = machine(&c);

	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	CHECK_INT(ask(w, &c, 100, 0, 1), 0);
	CHECK_INT(ask(w, &c, 108, 0, 1), 0);
	CHECK_INT(ask(w, &c, 104, 0, 1), 0);
	CHECK_INT(ask(w, &c, 111, 0, 1), 0); /* 100 is over, 104 is not */
	CHECK_INT(ask(w, &c, 90, 0, 1), 0); /* over when it came */
	CHECK_INT(ask(w, &c, 101, 0, 1), 1);
	window_free(w);
	arena_free(&arena);
}

static void missing_step(void)
{
	const struct window_cfg c = {
		.type = WINDOW_SEQUENCE, .nsteps = 2, .negated = 2, .within_ns = 10ull * SEC
	};
	struct window *w = machine(&c);
	struct window_fired f;

	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	CHECK(window_next_due(w) == UINT64_MAX);
	CHECK_INT(ask(w, &c, 100ull * SEC, 1, 1), 0);
	CHECK_INT(ask(w, &c, 101ull * SEC, 1, 2), 0);
	CHECK(window_next_due(w) == 110ull * SEC + WINDOW_LATE_NS);
	CHECK(!window_due(w, 110ull * SEC + WINDOW_LATE_NS - 1, &arena, &f));
	CHECK_INT(ask(w, &c, 110ull * SEC, 2, 1), 0); /* at the last moment */
	CHECK(!window_due(w, 110ull * SEC + WINDOW_LATE_NS, &arena, &f));
	CHECK_INT(ask(w, &c, 111ull * SEC + 1, 2, 2), 0); /* a moment too late */
	CHECK(window_due(w, 111ull * SEC + WINDOW_LATE_NS, &arena, &f));
	CHECK(f.time_ns == 111ull * SEC && f.start_ns == 101ull * SEC);
	CHECK_INT(f.nkept, 1);
	CHECK(!window_due(w, UINT64_MAX - 1, &arena, &f));
	CHECK(window_next_due(w) == UINT64_MAX);
	window_free(w);
	arena_free(&arena);
}

static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	CHECK(f && fscanf(f, "%*u %lu", &pages) == 1);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A million keys cost no more than the memory that was taken, and the newest state works. */
static void flood(const struct window_cfg *c, uint32_t first)
{
	uint64_t before = resident(), t = 1000ull * SEC, half;
	struct window *w = machine(c);

	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	for (uint32_t i = 0; i < 100000; i++)
		CHECK_INT(ask(w, c, t++, first, 10 + i), 0);
	half = resident();
	for (uint32_t i = 100000; i < 1000000; i++)
		CHECK_INT(ask(w, c, t++, first, 10 + i), 0);
	CHECK(resident() <= half + (64 << 10));
	CHECK(resident() - before <= window_bytes(w) + (2 << 20));
	CHECK(window_bytes(w) <= 5 << 20);
	CHECK_INT(window_stats(w).evicted + window_stats(w).states, 1000000);
	CHECK(window_stats(w).states > 100);
	printf("# %llu of 1000000 states kept in %llu bytes\n",
	       (unsigned long long)window_stats(w).states, (unsigned long long)window_bytes(w));
	window_free(w);
	arena_free(&arena);
}

static void flood_sequence(void)
{
	flood(&(struct window_cfg){ .type = WINDOW_SEQUENCE,
				    .nsteps = 2,
				    .bytes = 4 << 20,
				    .within_ns = 10ull * SEC },
	      1);
}

static void flood_missing(void)
{
	flood(&(struct window_cfg){ .type = WINDOW_SEQUENCE,
				    .nsteps = 2,
				    .bytes = 4 << 20,
				    .negated = 2,
				    .within_ns = 10ull * SEC },
	      1);
}

static void flood_threshold(void)
{
	flood(&(struct window_cfg){ .type = WINDOW_THRESHOLD,
				    .bytes = 4 << 20,
				    .more_than = 20,
				    .within_ns = 10ull * SEC },
	      0);
}

/* What was forgotten is said: the count of a key that was evicted is a lower bound. */
static void lower_bound(void)
{
	const struct window_cfg c = { .type = WINDOW_THRESHOLD,
				      .more_than = 3,
				      .within_ns = 1000000,
				      .bytes = WINDOW_BYTES_MIN };
	struct window *w = machine(&c);
	struct window_fired f = { 0 };
	uint64_t t = 1000;
	uint32_t i;

	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	CHECK_INT(ask(w, &c, t++, 0, 1), 0);
	for (i = 0; !window_stats(w).evicted; i++)
		ask(w, &c, t++, 0, 10 + i);
	CHECK_INT(window_stats(w).evicted, 1); /* key 1, the oldest */
	for (uint32_t k = 0; k < 4; k++) {
		const struct ev e = { .time = t++, .key = 1 };

		CHECK_INT(feed(w, &c, &e, &f), k == 3);
	}
	CHECK(f.lower_bound);
	t += 2000000; /* what was forgotten is over, and so is all else */
	for (uint32_t k = 0; k < 4; k++) {
		const struct ev e = { .time = t++, .key = 1 };

		CHECK_INT(feed(w, &c, &e, &f), k == 3);
	}
	CHECK(!f.lower_bound);
	i = (uint32_t)window_stats(w).evicted;
	for (uint32_t k = 0; k < 50; k++)
		ask(w, &c, t++, 0, 100000 + k);
	CHECK_INT(window_stats(w).evicted, i); /* what is over is no loss */
	window_free(w);
	arena_free(&arena);
}

/* Chains that several stages share are freed once, and all of them. */
static void no_leak(void)
{
	const struct window_cfg c = { .type = WINDOW_SEQUENCE,
				      .nsteps = 5,
				      .negated = 8,
				      .within_ns = 50ull * SEC,
				      .bytes = WINDOW_BYTES_MIN };
	struct window *w = machine(&c);
	struct ev e = { .time = 1000ull * SEC };
	struct window_fired f;
	uint32_t fired = 0;

	seed = 3;
	CHECK_INT(arena_init(&arena, 1 << 20), 0);
	for (uint32_t i = 0; i < 300000; i++) {
		e.time += dice(3) * (uint64_t)SEC;
		e.key = dice(5);
		e.steps = 1u << dice(5);
		e.id = i;
		fired += feed(w, &c, &e, &f);
	}
	CHECK(fired > 1000);
	e.time += 100ull * SEC;
	for (uint32_t i = 0; i < 4; i++) { /* one state can still have as much as ever */
		e.key = 1000;
		e.steps = i == 3 ? 16 : 1u << i;
		e.id = 699;
		CHECK_INT(feed(w, &c, &e, &f), i == 3);
	}
	CHECK_INT(f.nkept, 3);
	CHECK_INT(f.kept[2].len, sizeof(uint32_t) + 699);
	window_free(w);
	window_free(NULL);
	arena_free(&arena);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(random_thresholds), TEST(random_sequences), TEST(boundaries),
		TEST(late_events),       TEST(missing_step),     TEST(flood_sequence),
		TEST(flood_missing),     TEST(flood_threshold),  TEST(lower_bound),
		TEST(no_leak),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
