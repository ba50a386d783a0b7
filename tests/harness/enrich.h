/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One enricher or all of them under test: options by text, records in, contexts out, and an
 * outside whose answers the test makes up.
 */
#ifndef TOCSIN_TEST_ENRICH_H
#define TOCSIN_TEST_ENRICH_H

#include "enrichers/enricher.h"
#include "tests/harness/record.h"

enum { FAKE_ANSWERS = 64 };

/* Answers for exact keys; everything else has none. */
struct fake_outside {
	struct outside out;
	struct {
		enum outside_question q;
		uint64_t key, key2;
		struct str text;
	} answers[FAKE_ANSWERS];
	uint32_t count;
	uint64_t asked[ASK_MAX];
	bool all_alive;		/* every process exists */
};

void fake_init(struct fake_outside *f);
/* A later answer for the same keys replaces the earlier one; text NULL takes it away. */
void fake_answer(struct fake_outside *f, enum outside_question q, uint64_t key, uint64_t key2,
		 const void *text, uint32_t len);

struct bench_enrichers;	/* the enrichers under test */

/* names: enrichers to open, NULL-terminated, in the order of enrichers[]; options of the first:
 * key=value,… or NULL. Aborts when one does not open. */
struct bench_enrichers *enrich_open(const char *const *names, const char *options, struct outside *out);
void enrich_close(struct bench_enrichers *b);
/* Validates (aborts on an invalid record), ticks at each new second, enriches. The result is
 * valid until the next call, in which the enrichers also learn that this event is done. */
struct event *enrich(struct bench_enrichers *b, const struct rec *r);
void enrich_tick(struct bench_enrichers *b, uint64_t now_ns);
/* Of the first enricher. */
void enrich_running(const struct bench_enrichers *b, running_fn each, void *arg);
/* A counter of the first enricher by name; aborts when there is none. Ticks nothing. */
uint64_t enrich_counter(const struct bench_enrichers *b, const char *name);

#endif
