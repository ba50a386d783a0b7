/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * classify.h. Remembers whom the kernel was told of by the key of the cgroup, and by which version
 * of its context. What is not remembered the kernel does not know either: when that is full, and of
 * a hierarchy in which a cgroup was renamed, all is forgotten here and there. Telling twice costs a
 * call, no event.
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

enum { ANY_HIERARCHY = UINT32_MAX };

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

/* Deletion moves later slots here, so one that was emptied is looked at again; what moves from the
 * beginning of the table to its end was seen before. */
static void forget_in(struct classify *c, uint32_t hierarchy)
{
	for (uint32_t i = 0; i <= c->told.mask; i++) {
		const struct idmap_slot *s = &c->told.slots[i];

		while (s->value &&
		       (hierarchy == ANY_HIERARCHY || FILTER_CGROUP_HIERARCHY(s->key) == hierarchy))
			forget(c, s->key);
	}
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

static void on_change(struct classify *c, const struct ev_cgroup *r)
{
	if (r->renamed)
		forget_in(c, r->hierarchy);
	else
		forget(c, FILTER_CGROUP_KEY(r->hierarchy, r->id));
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
	if (c->cfg.tell(c->cfg.arg, hierarchy, id, sets, c->generation)) {
		if (told)
			forget(c, key);
		return;
	}
	idmap_del(&c->told, key);
	if (c->told.count == TOLD_MAX)
		forget_in(c, ANY_HIERARCHY);
	if (idmap_put(&c->told, key, judged_by(e)))
		c->cfg.forget(c->cfg.arg, hierarchy, id);
}

void classify_event(struct classify *c, struct event *e)
{
	if (!c->filter)
		return;
	if (e->raw->kind == EV_CGROUP)
		on_change(c, (const struct ev_cgroup *)e->raw);
	else if (schema_kind_has_process(e->kind) && e->raw->cgroup_id)
		on_event(c, e);
}
