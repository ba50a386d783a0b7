/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The bench of enrich.h.
 */
#include "tests/harness/enrich.h"

#include <stdio.h>
#include <stdlib.h>

enum { BENCH_MAX = 8, BENCH_ARENA = 1 << 20 };

struct bench_enrichers {
	const struct enricher *type[BENCH_MAX];
	void *cfg[BENCH_MAX], *state[BENCH_MAX];
	uint32_t count;
	struct arena arena;
	struct event e;
	bool open_event;
	struct rec r; /* the caller may build the next one before this event is done */
	uint64_t next_tick_ns;
};

static bool ask_fake(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		     struct str *answer)
{
	struct fake_outside *f = state;

	f->asked[q]++;
	for (uint32_t i = f->count; i--;)
		if (f->answers[i].q == q && f->answers[i].key == key &&
		    f->answers[i].key2 == key2) {
			*answer = f->answers[i].text;
			return answer->p != NULL;
		}
	*answer = STR("");
	return q == ASK_PROC_ALIVE && f->all_alive;
}

void fake_init(struct fake_outside *f)
{
	static const struct outside_ops ops = { .ask = ask_fake };

	memset(f, 0, sizeof(*f));
	f->out = (struct outside){ &ops, f };
}

void fake_answer(struct fake_outside *f, enum outside_question q, uint64_t key, uint64_t key2,
		 const void *text, uint32_t len)
{
	if (f->count == FAKE_ANSWERS)
		abort();
	f->answers[f->count].q = q;
	f->answers[f->count].key = key;
	f->answers[f->count].key2 = key2;
	f->answers[f->count++].text = (struct str){ text, len };
}

static const struct enricher *by_name(const char *name)
{
	for (uint32_t i = 0; enrichers[i]; i++)
		if (!strcmp(enrichers[i]->name, name))
			return enrichers[i];
	abort();
}

struct bench_enrichers *enrich_open(const char *const *names, const char *options,
				    struct outside *out)
{
	struct bench_enrichers *b = calloc(1, sizeof(*b));
	char err[256] = "";

	if (!b || arena_init(&b->arena, BENCH_ARENA))
		abort();
	for (; *names; names++, b->count++) {
		const struct enricher *t = b->type[b->count] = by_name(*names);

		b->cfg[b->count] = calloc(1, t->cfg_size + 1);
		if (t->opts)
			option_defaults(t->opts, b->cfg[b->count]);
		if (options && !b->count &&
		    option_parse_list(t->opts, b->cfg[0], NULL, NULL, str_of(options), err,
				      sizeof(err))) {
			fprintf(stderr, "%s\n", err);
			abort();
		}
		if (t->open(&b->state[b->count], b->cfg[b->count], out))
			abort();
	}
	return b;
}

static void finish_event(struct bench_enrichers *b)
{
	for (uint32_t i = 0; b->open_event && i < b->count; i++)
		if (b->type[i]->after)
			b->type[i]->after(b->state[i], &b->e);
	b->open_event = false;
}

void enrich_close(struct bench_enrichers *b)
{
	finish_event(b);
	for (uint32_t i = 0; i < b->count; i++) {
		b->type[i]->close(b->state[i]);
		if (b->type[i]->opts)
			option_free(b->type[i]->opts, b->cfg[i]);
		free(b->cfg[i]);
	}
	arena_free(&b->arena);
	free(b);
}

void enrich_tick(struct bench_enrichers *b, uint64_t now_ns)
{
	finish_event(b);
	for (uint32_t i = 0; i < b->count; i++)
		if (b->type[i]->tick)
			b->type[i]->tick(b->state[i], now_ns);
	b->next_tick_ns = now_ns + 1000000000;
}

struct event *enrich(struct bench_enrichers *b, const struct rec *r)
{
	const char *why = "";

	finish_event(b);
	memcpy(b->r.b, r->b, r->len);
	if (event_validate(&b->e, &b->arena, b->r.b, r->len, &why)) {
		fprintf(stderr, "invalid record: %s\n", why);
		abort();
	}
	if (r->h.time_ns >= b->next_tick_ns)
		enrich_tick(b, r->h.time_ns);
	for (uint32_t i = 0; i < b->count; i++)
		b->type[i]->event(b->state[i], &b->e);
	b->open_event = true;
	return &b->e;
}

void enrich_running(const struct bench_enrichers *b, running_fn each, void *arg)
{
	b->type[0]->running(b->state[0], each, arg);
}

uint64_t enrich_counter(const struct bench_enrichers *b, const char *name)
{
	for (uint32_t i = 0; b->type[0]->counters[i]; i++)
		if (!strcmp(b->type[0]->counters[i], name))
			return b->type[0]->counter(b->state[0], i);
	abort();
}
