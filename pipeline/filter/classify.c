/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * classify.h. Remembers whom the kernel was told of by the key of the cgroup. When that is full it
 * starts anew: telling twice costs a call, no event.
 */
#include "pipeline/filter/classify.h"

#include <errno.h>

#include "enrichers/idmap.h"
#include "pipeline/filter/derive.h"
#include "pipeline/util.h"

enum { TOLD_MAX = 16384 };

struct classify {
	struct classify_cfg cfg;
	const struct filter *filter; /* NULL: nothing to tell */
	uint32_t generation;
	struct idmap told; /* by cgroup */
	struct op_scratch scratch;
};

static uint64_t key_of(uint32_t hierarchy, uint64_t id)
{
	return id ^ (uint64_t)hierarchy << 48;
}

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

static void forget_all(struct classify *c)
{
	memset(c->told.slots, 0, ((size_t)c->told.mask + 1) * sizeof(*c->told.slots));
	c->told.count = 0;
}

void classify_use(struct classify *c, const struct filter *f, uint32_t generation)
{
	c->filter = f && filter_cgroup_sets(f) ? f : NULL;
	c->generation = generation;
	forget_all(c);
}

void classify_event(struct classify *c, struct event *e)
{
	const struct ev_hdr *h = e->raw;
	const struct ev_cgroup *r = (const struct ev_cgroup *)h;
	uint32_t sets;
	uint64_t key;

	if (!c->filter)
		return;
	if (h->kind == EV_CGROUP) {
		if (idmap_del(&c->told, key_of(r->hierarchy, r->id)))
			c->cfg.forget(c->cfg.arg, r->hierarchy, r->id);
		return;
	}
	key = key_of(h->cgroup_hierarchy, h->cgroup_id);
	if (!schema_kind_has_process(e->kind) || !h->cgroup_id || idmap_get(&c->told, key) ||
	    !filter_cgroup_classify(c->filter, e, &c->scratch, &sets))
		return;
	if (c->cfg.tell(c->cfg.arg, h->cgroup_hierarchy, h->cgroup_id, sets, c->generation))
		return;
	if (c->told.count == TOLD_MAX)
		forget_all(c);
	idmap_put(&c->told, key, c);
}
