/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The consumer of consumer.h. What can go wrong with one event is counted and costs that event
 * only.
 */
#include "pipeline/consumer.h"

#include <errno.h>
#include <stdio.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

enum {
	ARENA_BYTES = 1 << 20, /* one event's texts: far more than EV_REC_MAX can need */
	BATCH_BYTES = 1 << 20,
	BATCH_DOCS = 1024,
	ENRICHERS_MAX = 16,
	IDLE_LATE_NS = 250000000, /* no record is on its way for so long */
};

struct consumer {
	struct consumer_cfg cfg;
	struct event e;
	struct arena arena;
	struct generation {
		struct policy_engine *engine;
		uint32_t number;
	} generations[CONSUMER_GENERATIONS]; /* the newest first */
	uint32_t ngenerations;
	struct policy_stats retired; /* of engines that are gone */
	struct encoder *encoder;
	void *enricher[ENRICHERS_MAX]; /* state of enrichers[i] */
	uint32_t opened;
	struct batch *batch; /* NULL: none open */
	uint64_t batch_since_ns; /* CLOCK_MONOTONIC */
	uint64_t next_tick_ns; /* event time */
	uint64_t last_ns; /* event time: the latest so far */
	struct consumer_stats stats;
};

void consumer_flush(struct consumer *c)
{
	if (!c->batch)
		return;
	batch_seal(c->batch);
	egress_publish(c->cfg.egress, c->batch);
	batch_unref(c->batch);
	c->batch = NULL;
}

static uint64_t batch_due(struct consumer *c)
{
	uint64_t waited;

	if (!c->batch)
		return UINT64_MAX;
	waited = clock_mono_ns() - c->batch_since_ns;
	if (waited < c->cfg.latency_ns)
		return c->cfg.latency_ns - waited;
	consumer_flush(c);
	return UINT64_MAX;
}

uint64_t consumer_due(struct consumer *c)
{
	uint64_t batch = batch_due(c), saved = c->cfg.save ? save_due(c->cfg.save) : UINT64_MAX;

	return MIN(batch, saved);
}

static bool need_batch(struct consumer *c)
{
	if (c->batch)
		return true;
	c->batch = batch_new(BATCH_BYTES, BATCH_DOCS);
	c->batch_since_ns = clock_mono_ns();
	return c->batch;
}

/* Encodes one document, into a new batch where the open one is full. */
static void add_document(struct consumer *c, const struct match *m)
{
	int rc = -ENOMEM;

	if (need_batch(c)) {
		rc = encoder_add(c->encoder, c->batch, &c->e, m);
		if (rc == -ENOSPC) {
			consumer_flush(c);
			rc = need_batch(c) ? encoder_add(c->encoder, c->batch, &c->e, m) : -ENOMEM;
		}
	}
	if (rc == -ENOMEM)
		counter_inc(&c->stats.no_memory);
	else if (rc)
		counter_inc(&c->stats.too_large);
	else if (m)
		counter_inc(&c->stats.alerts);
	else if (c->e.kind->kind == EV_LOSS)
		counter_inc(&c->stats.metrics);
	else
		counter_inc(&c->stats.records);
}

static struct policy_engine *engine_of(const struct consumer *c, uint32_t generation)
{
	for (uint32_t i = 0; i < c->ngenerations; i++)
		if (c->generations[i].number == generation)
			return c->generations[i].engine;
	return c->generations[0].engine;
}

/* The kernel would not have sent this event: nobody may want it. */
static void verify(struct consumer *c, const struct policy *wanted_by, bool record)
{
	if (!wanted_by && !record)
		return;
	filter_faults_add(&c->stats.faults, &c->e, wanted_by);
	counter_inc(&c->stats.filter_errors);
}

static void judge(struct consumer *c)
{
	struct policy_engine *engine = engine_of(c, c->e.raw->generation);
	const struct match *m;
	uint32_t n = policy_match(engine, &c->e, &m);
	bool record = c->cfg.record_kinds & 1ULL << c->e.kind->kind, drop = false;

	if (engine != c->generations[0].engine)
		policy_look_due(c->generations[0].engine); /* they share windows */
	if (c->e.raw->flags & 1u << EV_HDR_WOULD_DROP)
		verify(c, policy_wanted_by(engine), record);

	if (c->cfg.observer) {
		if (n || c->e.kind->kind == EV_LOSS)
			c->cfg.observer->event(c->cfg.observer->arg, &c->e);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		switch (m[i].policy->action) {
		case POLICY_ALERT: add_document(c, &m[i]); break;
		case POLICY_RECORD: record = true; break;
		default: drop = true;
		}
	}
	if ((record && !drop) || c->e.kind->kind == EV_LOSS)
		add_document(c, NULL);
}

/* What did not happen by now_ns, by the newest policies; memory of the arena is given back. */
static void tell_due(struct consumer *c, uint64_t now_ns)
{
	struct policy_engine *p = c->generations[0].engine;
	size_t used = c->arena.used;
	const struct match *m;

	if (policy_next_due(p) > now_ns)
		return;
	while (policy_due(p, now_ns, &c->arena, &m)) {
		add_document(c, m);
		c->arena.used = used;
	}
}

static void tick(struct consumer *c, uint64_t now_ns)
{
	if (now_ns < c->next_tick_ns)
		return;
	c->next_tick_ns = now_ns + NS_PER_SEC;
	for (uint32_t i = 0; i < c->opened; i++)
		if (enrichers[i]->tick)
			enrichers[i]->tick(c->enricher[i], now_ns);
}

static void count_loss(struct consumer *c, const struct ev_loss *l)
{
	if (l->lost_kind < EV_MAX && l->cause < EV_LOSS_MAX_)
		counter_add(&c->stats.lost[l->lost_kind][l->cause], l->count);
}

void consumer_record(void *ctx, const void *rec, uint32_t len)
{
	struct consumer *c = ctx;
	const char *why;

	if (event_validate(&c->e, &c->arena, rec, len, &why)) {
		counter_inc(&c->stats.invalid);
		c->stats.invalid_why = why;
		return;
	}
	if (c->cfg.save)
		save_record(c->cfg.save, rec, len);
	counter_inc(&c->stats.events[c->e.kind->kind]);
	if (c->e.kind->kind == EV_LOSS)
		count_loss(c, rec);
	c->last_ns = MAX(c->last_ns, c->e.raw->time_ns);
	tick(c, c->e.raw->time_ns);
	tell_due(c, c->e.raw->time_ns);
	for (uint32_t i = 0; i < c->opened; i++)
		enrichers[i]->event(c->enricher[i], &c->e);
	if (c->cfg.classify)
		classify_event(c->cfg.classify, &c->e);
	if (schema_kind_is_public(c->e.kind))
		judge(c);
	for (uint32_t i = 0; i < c->opened; i++)
		if (enrichers[i]->after)
			enrichers[i]->after(c->enricher[i], &c->e);
}

uint64_t consumer_idle(struct consumer *c, uint64_t boot_ns)
{
	uint64_t due;

	if (boot_ns > IDLE_LATE_NS) {
		arena_reset(&c->arena);
		tell_due(c, boot_ns - IDLE_LATE_NS);
	}
	due = policy_next_due(c->generations[0].engine);
	if (due > UINT64_MAX - IDLE_LATE_NS)
		return UINT64_MAX;
	return due + IDLE_LATE_NS > boot_ns ? due + IDLE_LATE_NS - boot_ns : 0;
}

void consumer_settled(struct consumer *c)
{
	if (c->cfg.classify)
		classify_settled(c->cfg.classify);
}

void consumer_running(struct consumer *c, running_fn each, void *arg)
{
	for (uint32_t i = 0; i < c->opened; i++)
		if (enrichers[i]->running)
			enrichers[i]->running(c->enricher[i], each, arg);
}

void consumer_end(struct consumer *c, uint64_t end_ns)
{
	const struct match *m;
	uint64_t end = MAX(end_ns, c->last_ns);

	if (c->cfg.save)
		save_end(c->cfg.save, end);
	arena_reset(&c->arena);
	while (policy_end(c->generations[0].engine, end, &c->arena, &m)) {
		add_document(c, m);
		arena_reset(&c->arena);
	}
	consumer_flush(c);
}

int consumer_install(struct consumer *c, struct policy_engine *engine, uint32_t generation)
{
	if (c->ngenerations == CONSUMER_GENERATIONS)
		return -EBUSY;
	policy_engine_adopt(engine, c->generations[0].engine);
	memmove(c->generations + 1, c->generations, sizeof(*c->generations) * c->ngenerations);
	c->generations[0] = (struct generation){ engine, generation };
	c->ngenerations++;
	return 0;
}

struct policy_engine *consumer_withdraw(struct consumer *c)
{
	struct policy_engine *newest = c->generations[0].engine;

	if (c->ngenerations < 2)
		return NULL;
	c->ngenerations--;
	memmove(c->generations, c->generations + 1, sizeof(*c->generations) * c->ngenerations);
	return newest;
}

struct policy_engine *consumer_retire(struct consumer *c)
{
	struct policy_engine *oldest;

	if (c->ngenerations < 2)
		return NULL;
	oldest = c->generations[--c->ngenerations].engine;
	policy_stats_add(&c->retired, policy_engine_stats(oldest));
	return oldest;
}

static int open_enrichers(struct consumer *c, char *err, size_t err_len)
{
	for (uint32_t i = 0; enrichers[i]; i++) {
		int rc = i < ENRICHERS_MAX
				 ? enrichers[i]->open(&c->enricher[i], c->cfg.enricher_cfg[i],
						      c->cfg.outside)
				 : -E2BIG;

		if (rc) {
			snprintf(err, err_len, "enricher %s: %s", enrichers[i]->name,
				 strerror(-rc));
			return rc;
		}
		c->opened++;
	}
	return 0;
}

int consumer_new(struct consumer **out, const struct consumer_cfg *cfg, char *err, size_t err_len)
{
	struct consumer *c = calloc(1, sizeof(*c));
	int rc;

	snprintf(err, err_len, "out of memory");
	if (!c)
		return -ENOMEM;
	c->cfg = *cfg;
	c->e.clock_offset_ns = cfg->encoder.clock_offset_ns;
	rc = arena_init(&c->arena, ARENA_BYTES);
	if (!rc)
		rc = policy_engine_new(&c->generations[0].engine, cfg->policies);
	c->ngenerations = c->generations[0].engine ? 1 : 0;
	if (!rc)
		rc = encoder_new(&c->encoder, &cfg->encoder);
	if (!rc)
		rc = open_enrichers(c, err, err_len);
	if (rc) {
		consumer_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void consumer_free(struct consumer *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->opened; i++)
		enrichers[i]->close(c->enricher[i]);
	batch_unref(c->batch);
	encoder_free(c->encoder);
	for (uint32_t i = 0; i < c->ngenerations; i++)
		policy_engine_free(c->generations[i].engine);
	arena_free(&c->arena);
	free(c);
}

const struct consumer_stats *consumer_stats(const struct consumer *c)
{
	return &c->stats;
}

struct policy_stats consumer_policy_stats(const struct consumer *c)
{
	struct policy_stats sum = c->retired;

	for (uint32_t i = 0; i < c->ngenerations; i++)
		policy_stats_add(&sum, policy_engine_stats(c->generations[i].engine));
	return sum;
}

bool consumer_window_stats(const struct consumer *c, uint32_t i, struct policy_window_stats *out)
{
	return policy_window_stats(c->generations[0].engine, i, out);
}

bool consumer_counter(const struct consumer *c, uint32_t i, uint32_t j, const char **name,
		      uint64_t *value)
{
	if (i >= c->opened || !enrichers[i]->counters || !enrichers[i]->counters[j])
		return false;
	*name = enrichers[i]->counters[j];
	*value = enrichers[i]->counter(c->enricher[i], j);
	return true;
}
