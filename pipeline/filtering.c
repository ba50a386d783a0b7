/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * filtering.h.
 */
#include "pipeline/filtering.h"

#include <errno.h>

#include "pipeline/filter/marks.h"
#include "pipeline/filter/tables.h"
#include "pipeline/log.h"
#include "pipeline/util.h"

static int tell(void *arg, uint32_t hierarchy, uint64_t id, const struct filter_cgroup *said)
{
	struct filtering *f = arg;

	return probe_set_cgroup(f->probes, hierarchy, id, said);
}

static uint32_t epoch(void *arg)
{
	struct filtering *f = arg;

	return probe_set_cgroup_epoch(f->probes);
}

static void forget(void *arg, uint32_t hierarchy, uint64_t id)
{
	struct filtering *f = arg;

	probe_set_forget_cgroup(f->probes, hierarchy, id);
}

int filtering_init(struct filtering *f, uint32_t mode, uint64_t record_kinds)
{
	*f = (struct filtering){ .mode = mode, .record_kinds = record_kinds };
	if (mode == FILTERING_OFF)
		return 0;
	return classify_new(&f->classify, &(struct classify_cfg){ tell, forget, epoch, f });
}

void filtering_start(struct filtering *f, struct probe_set *set, struct live *live,
		     struct consumer *consumer)
{
	f->probes = set;
	f->live = live;
	f->consumer = consumer;
}

struct ask {
	struct filtering *f;
	const void *block;
	struct filter_processes *out;
};

static void ask_table(void *arg)
{
	struct ask *a = arg;
	struct marker *m = marker_new(a->block, probe_set_filter_bytes(a->f->probes));

	if (!m)
		return;
	consumer_running(a->f->consumer, marker_add, m);
	marker_end(m, a->out);
}

/* Forks and execs from now on are the programs' to see: those before are in the table once the ring
 * is drained. */
static void processes(void *arg, const void *block, struct filter_processes *out)
{
	struct ask a = { arg, block, out };

	live_catch_up(a.f->live);
	live_call(a.f->live, ask_table, &a);
}

/* What has no room is sent, and that must not be a riddle to who looks for the cost of it. */
static void tell_room(const struct filter_report *r, uint32_t bytes)
{
	if (r->bytes <= sizeof(struct filter_block))
		log_warn(
			"%u KiB (filter_size) have no room for the tables of the kernel filter: every event is sent",
			bytes >> 10);
	else if (r->cut)
		log_warn(
			"%u KiB (filter_size) are too few for the tables of the kernel filter: paths in policies are cut "
			"to %u bytes there, so more events are sent",
			bytes >> 10, r->cut);
}

/* The block for the programs; NULL without memory. */
static void *make_block(const struct filtering *f, const struct filter *filter, uint32_t generation)
{
	struct filter_request req = {
		.mode = f->mode == FILTERING_VERIFY ? FILTER_MODE_VERIFY : FILTER_MODE_ON,
		.generation = generation,
		.max_bytes = probe_set_filter_bytes(f->probes),
	};
	struct filter_report report;
	void *block = NULL;

	for (uint32_t k = 0; k < EV_MAX; k++)
		if (filter_knows_kind(k))
			req.kinds[k] = filter_clauses(filter, k);
	if (filter_tables_make(&block, &req, &report))
		return NULL;
	log_debug("kernel filter: %zu bytes, %u states, %u conditions, %u of them widened",
		  report.bytes, report.states, report.joins, report.relaxed);
	tell_room(&report, req.max_bytes);
	return block;
}

static int put_filter(struct filtering *f, const struct policy_set *s, uint32_t generation,
		      struct filter **next)
{
	const struct probe_ask ask = { processes, f };
	CLEANUP_FREE void *block = NULL;
	struct filter *filter = NULL;
	int rc = filter_derive(&filter, s, f->record_kinds);

	if (rc)
		return rc;
	block = make_block(f, filter, generation);
	rc = block ? probe_set_tables(f->probes, block, &ask) : -ENOMEM;
	if (rc)
		filter_free(filter);
	else
		*next = filter;
	return rc;
}

int filtering_put(struct filtering *f, const struct policy_set *s, uint32_t generation,
		  struct filter **next)
{
	int why = 0, rc;

	*next = NULL;
	if (f->mode != FILTERING_OFF) {
		why = put_filter(f, s, generation, next);
		if (!why)
			return 0;
	}
	rc = generation ? probe_set_generation(f->probes, generation) : 0;
	if (why && !rc)
		log_warn("the kernel filter is off, every event is sent: %s", strerror(-why));
	return rc;
}

void filtering_use(struct filtering *f, struct filter *next, uint32_t generation)
{
	if (f->classify)
		classify_use(f->classify, next, generation);
	filter_free(f->filter);
	f->filter = next;
}

void filtering_free(struct filtering *f)
{
	classify_free(f->classify);
	filter_free(f->filter);
	*f = (struct filtering){ 0 };
}
