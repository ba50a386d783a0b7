/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * classify.h. Remembers whom the kernel was told of by the key of the cgroup, and by which version
 * of its context. What is not remembered the kernel does not know either: when that is full, and
 * when a cgroup was renamed, all is forgotten here and there. Telling twice costs a call, no event.
 */
#include "pipeline/filter/classify.h"

#include <errno.h>

#include "bpf/filter_abi.h"
#include "enrichers/idmap.h"
#include "pipeline/filter/derive.h"
#include "pipeline/util.h"

enum { TOLD_MAX = 16384 };

struct classify {
	struct classify_cfg cfg;
	const struct filter *filter; /* NULL: nothing to tell */
	uint32_t generation;
	uint32_t epoch; /* of the last rename that was read */
	bool lost; /* a rename may have been lost: the epoch is not known */
	bool asked; /* since then, for the kernel's epoch: */
	uint32_t kernel_epoch;
	struct idmap told; /* by FILTER_CGROUP_KEY: judged_by() of what was told */
	struct op_scratch scratch;
};

int classify_new(struct classify **out, const struct classify_cfg *cfg)
{
	struct classify *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->cfg = *cfg;
	c->scratch.regex = regex_scratch_new();
	if (!c->scratch.regex || idmap_init(&c->told, TOLD_MAX)) {
		regex_scratch_free(c->scratch.regex);
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void classify_free(struct classify *c)
{
	if (!c)
		return;
	idmap_free(&c->told);
	regex_scratch_free(c->scratch.regex);
	free(c);
}

/* Never NULL. */
static void *judged_by(const struct event *e)
{
	return (void *)(uintptr_t)(e->version[CTX_CGROUP] + 1);
}

static void forget(struct classify *c, uint64_t key)
{
	uint32_t hierarchy = FILTER_CGROUP_HIERARCHY(key);

	if (idmap_del(&c->told, key))
		c->cfg.forget(c->cfg.arg, hierarchy, key - FILTER_CGROUP_KEY(hierarchy, 0));
}

/* Deletion moves later slots here, so one that was emptied is looked at again. */
static void forget_all(struct classify *c)
{
	for (uint32_t i = 0; i <= c->told.mask; i++)
		while (c->told.slots[i].value)
			forget(c, c->told.slots[i].key);
}

/* By another generation: what the kernel knows is void. */
static void start_anew(struct classify *c)
{
	memset(c->told.slots, 0, ((size_t)c->told.mask + 1) * sizeof(*c->told.slots));
	c->told.count = 0;
}

void classify_use(struct classify *c, const struct filter *f, uint32_t generation)
{
	c->filter = f && filter_cgroup_sets(f) ? f : NULL;
	c->generation = generation;
	start_anew(c);
}

/* The record has the last bits of an epoch that is later than the one known. */
static void on_change(struct classify *c, const struct ev_cgroup *r)
{
	if (!r->renamed) {
		forget(c, FILTER_CGROUP_KEY(r->hierarchy, r->id));
		return;
	}
	c->epoch += (uint16_t)(r->epoch - c->epoch);
	forget_all(c);
}

static void on_loss(struct classify *c, const struct ev_loss *r)
{
	if (r->lost_kind != EV_CGROUP && r->lost_kind != EV_NONE)
		return;
	c->lost = true;
	c->asked = false;
	forget_all(c);
}

static int tell(struct classify *c, uint32_t hierarchy, uint64_t id, uint64_t sets)
{
	const struct filter_cgroup said = { sets, FILTER_STAMP(c->generation, c->epoch) };

	return c->cfg.tell(c->cfg.arg, hierarchy, id, &said);
}

static void on_event(struct classify *c, struct event *e)
{
	uint32_t hierarchy = e->raw->cgroup_hierarchy, sets;
	uint64_t id = e->raw->cgroup_id, key = FILTER_CGROUP_KEY(hierarchy, id);
	void *told = idmap_get(&c->told, key);

	if (told == judged_by(e))
		return;
	if (!filter_cgroup_classify(c->filter, e, &c->scratch, &sets)) {
		if (told)
			forget(c, key);
		return;
	}
	if (tell(c, hierarchy, id, sets)) {
		if (told)
			forget(c, key);
		return;
	}
	idmap_del(&c->told, key);
	if (c->told.count == TOLD_MAX)
		forget_all(c);
	if (idmap_put(&c->told, key, judged_by(e)))
		c->cfg.forget(c->cfg.arg, hierarchy, id);
}

void classify_event(struct classify *c, struct event *e)
{
	if (e->raw->kind == EV_CGROUP)
		on_change(c, (const struct ev_cgroup *)e->raw);
	else if (e->raw->kind == EV_LOSS)
		on_loss(c, (const struct ev_loss *)e->raw);
	else if (c->filter && !c->lost && schema_kind_has_process(e->kind) && e->raw->cgroup_id)
		on_event(c, e);
}

/* What was renamed before the kernel was asked has been read by the second call, or its loss has. */
void classify_settled(struct classify *c)
{
	if (!c->lost || !c->filter)
		return;
	if (c->asked) {
		c->epoch = c->kernel_epoch;
		c->lost = false;
	}
	c->kernel_epoch = c->cfg.epoch(c->cfg.arg);
	c->asked = true;
}
