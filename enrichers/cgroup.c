/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The cgroup enricher: path, container, pod and unit of the cgroup an event came from. Paths come
 * from CGROUP records, which precede the processes in a new cgroup, and for older cgroups from
 * outside. A removed cgroup stays a while for late events. The inode of a cgroup is not used again
 * while the machine runs, so a late answer cannot be another cgroup's. When one is renamed, what lies
 * below it gets another path too; where such a record may have been lost, all paths are asked for
 * again, and one that is not found any more keeps the last.
 */
#include <errno.h>
#include <stdlib.h>

#include "enrichers/container.h"
#include "enrichers/counter.h"
#include "enrichers/enricher.h"
#include "enrichers/idmap.h"
#include "pipeline/util.h"

enum { REMOVED_PER_EVENT = 4 };

struct cgroup_cfg {
	uint64_t max_cgroups, expiry_ns, missing_ns, linger_ns;
};

enum cgroup_counter {
	C_HITS,
	C_MISSES,
	C_UNKNOWN,
	C_RECORDS,
	C_EVICTED,
	C_REAPED,
	C_ENTRIES,
	C_MAX
};

struct cgroup {
	uint64_t id, expires_ns;
	uint64_t removed_ns; /* 0: it is there */
	uint32_t hierarchy;
	uint64_t version; /* of ctx, which stays as it was learned */
	struct container_info info;
	struct ctx_cgroup ctx;
	struct cgroup *next, *prev; /* in order of the last time it was learned, or removed */
	char path[];
};

struct list {
	struct cgroup *first, *last;
};

struct cgroups {
	struct cgroup_cfg cfg;
	struct outside *outside;
	struct idmap by_id;
	struct list there, removed;
	uint64_t versions; /* given to cgroups so far */
	counter_t counters[C_MAX];
};

/* Ids of v2 and of each v1 hierarchy are separate; those of kernfs leave the top bits free. */
static uint64_t key_of(uint64_t id, uint32_t hierarchy)
{
	return id ^ (uint64_t)hierarchy << 48;
}

static void list_add(struct list *l, struct cgroup *c)
{
	c->prev = l->last;
	c->next = NULL;
	if (l->last)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
}

static void list_del(struct list *l, struct cgroup *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		l->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		l->last = c->prev;
}

static void forget(struct cgroups *s, struct cgroup *c)
{
	list_del(c->removed_ns ? &s->removed : &s->there, c);
	idmap_del(&s->by_id, key_of(c->id, c->hierarchy));
	free(c);
}

static void set_context(struct cgroup *c, struct str path)
{
	c->ctx.id = c->id;
	if (!path.len)
		return;
	memcpy(c->path, path.p, path.len);
	c->ctx.path = (struct str){ c->path, path.len };
	container_parse(&c->info, c->ctx.path);
	c->ctx.unit = c->info.unit;
	c->ctx.container_id = c->info.id;
	c->ctx.runtime = c->info.runtime;
	c->ctx.pod_uid = (struct str){ c->info.pod_uid, c->info.pod_uid_len };
}

/* Learns a path (empty: it has none that we can find) until expires_ns. NULL without memory. */
static struct cgroup *learn(struct cgroups *s, uint64_t id, uint32_t hierarchy, struct str path,
			    uint64_t expires_ns)
{
	struct cgroup *c = idmap_get(&s->by_id, key_of(id, hierarchy));

	if (c)
		forget(s, c);
	if (s->by_id.count >= s->cfg.max_cgroups) {
		forget(s, s->removed.first ? s->removed.first : s->there.first);
		counter_inc(&s->counters[C_EVICTED]);
	}
	c = calloc(1, sizeof(*c) + path.len);
	if (!c)
		return NULL;
	c->id = id;
	c->hierarchy = hierarchy;
	c->expires_ns = expires_ns;
	c->version = ++s->versions;
	if (idmap_put(&s->by_id, key_of(id, hierarchy), c)) {
		free(c);
		return NULL;
	}
	set_context(c, path);
	list_add(&s->there, c);
	return c;
}

static void reap(struct cgroups *s, uint64_t now_ns, uint32_t max)
{
	struct cgroup *c;

	while (max-- && (c = s->removed.first) && now_ns > c->removed_ns &&
	       now_ns - c->removed_ns >= s->cfg.linger_ns) {
		forget(s, c);
		counter_inc(&s->counters[C_REAPED]);
	}
}

static bool is_below(struct str path, struct str dir)
{
	return path.len > dir.len && path.p[dir.len] == '/' && str_starts(path, dir);
}

static void move(struct cgroups *s, struct cgroup *c, struct str from, struct str to)
{
	uint32_t rest = c->ctx.path.len - from.len;
	char text[EV_PATH_MAX];

	if (to.len + rest > sizeof(text)) {
		forget(s, c);
		return;
	}
	memcpy(text, to.p, to.len);
	memcpy(text + to.len, c->ctx.path.p + from.len, rest);
	learn(s, c->id, c->hierarchy, (struct str){ text, to.len + rest }, UINT64_MAX);
}

/* A rename changes the last name of a path alone, and thereby what lies below. Paths that records
 * told are those of this place in the stream, so the new ones follow from them. One that was asked
 * for may be from before the rename or after it: it is asked for again, and so is all that lies
 * beside it where that is how we know the old name, or we do not. Removed ones keep their last. */
static void on_rename(struct cgroups *s, const struct ev_cgroup *r, struct str path)
{
	struct cgroup *self = idmap_get(&s->by_id, key_of(r->id, r->hierarchy));
	bool told = path.len && self && self->id == r->id && self->hierarchy == r->hierarchy &&
		    self->expires_ns == UINT64_MAX && !self->removed_ns;
	struct cgroup *c = s->there.first, *last = s->there.last, *next;
	struct str dir = path;

	while (dir.len && dir.p[dir.len - 1] != '/')
		dir.len--;
	for (; c; c = next) {
		next = c == last ? NULL : c->next; /* what moves goes to the end */
		if (c->hierarchy != r->hierarchy || !str_starts(c->ctx.path, dir))
			continue;
		if (!told || c->expires_ns != UINT64_MAX)
			forget(s, c);
		else if (is_below(c->ctx.path, self->ctx.path))
			move(s, c, self->ctx.path, path);
	}
}

static void on_record(struct cgroups *s, struct event *e)
{
	const struct ev_cgroup *r = (const struct ev_cgroup *)e->raw;
	struct str path = { (const char *)r + r->path.off, r->path.off ? r->path.len : 0 };
	struct cgroup *c;

	counter_inc(&s->counters[C_RECORDS]);
	reap(s, r->h.time_ns, REMOVED_PER_EVENT);
	if (r->renamed)
		on_rename(s, r, path);
	c = idmap_get(&s->by_id, key_of(r->id, r->hierarchy));
	if (path.len && (!c || !r->removed))
		c = learn(s, r->id, r->hierarchy, path, UINT64_MAX);
	if (!c || !r->removed || c->removed_ns)
		return;
	list_del(&s->there, c);
	c->removed_ns = r->h.time_ns ? r->h.time_ns : 1;
	list_add(&s->removed, c);
}

static void on_loss(struct cgroups *s, const struct ev_loss *r)
{
	if (r->lost_kind != EV_CGROUP && r->lost_kind != EV_NONE)
		return;
	for (struct cgroup *c = s->there.first; c; c = c->next)
		c->expires_ns = 0;
}

/* old: what is known of it, from before; may be NULL. */
static struct cgroup *ask(struct cgroups *s, uint64_t id, uint32_t hierarchy, struct cgroup *old,
			  uint64_t now_ns)
{
	struct str path = { 0 };
	bool known = outside_ask(s->outside, ASK_CGROUP_PATH, id, hierarchy, &path) && path.len &&
		     path.len <= EV_PATH_MAX;

	if (!known) {
		path.len = 0;
		counter_inc(&s->counters[C_UNKNOWN]);
		if (old && old->ctx.path.len) {
			old->expires_ns = now_ns + s->cfg.missing_ns;
			return old;
		}
	}
	return learn(s, id, hierarchy, path,
		     now_ns + (known ? s->cfg.expiry_ns : s->cfg.missing_ns));
}

static void cgroup_event(void *state, struct event *e)
{
	struct cgroups *s = state;
	const struct ev_hdr *h = e->raw;
	struct cgroup *c;

	if (h->kind == EV_CGROUP)
		on_record(s, e);
	else if (h->kind == EV_LOSS)
		on_loss(s, (const struct ev_loss *)h);
	if (!schema_kind_has_process(e->kind) || !h->cgroup_id)
		return;
	c = idmap_get(&s->by_id, key_of(h->cgroup_id, h->cgroup_hierarchy));
	if (c && (c->id != h->cgroup_id || c->hierarchy != h->cgroup_hierarchy))
		return; /* two keys fell together: no answer, and never the other's */
	if (c && (h->time_ns < c->expires_ns || c->removed_ns)) {
		counter_inc(&s->counters[C_HITS]);
	} else {
		counter_inc(&s->counters[C_MISSES]);
		c = ask(s, h->cgroup_id, h->cgroup_hierarchy, c, h->time_ns);
	}
	if (c) {
		e->ctx[CTX_CGROUP] = &c->ctx;
		e->version[CTX_CGROUP] = c->version;
	}
}

static void cgroup_tick(void *state, uint64_t now_ns)
{
	struct cgroups *s = state;

	reap(s, now_ns, UINT32_MAX);
	counter_set(&s->counters[C_ENTRIES], s->by_id.count);
}

static void cgroup_close(void *state)
{
	struct cgroups *s = state;

	while (s->there.first)
		forget(s, s->there.first);
	while (s->removed.first)
		forget(s, s->removed.first);
	idmap_free(&s->by_id);
	free(s);
}

static int cgroup_open(void **state, const void *cfg, struct outside *out)
{
	struct cgroups *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->cfg = *(const struct cgroup_cfg *)cfg;
	s->outside = out;
	if (idmap_init(&s->by_id, (uint32_t)s->cfg.max_cgroups)) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static uint64_t cgroup_counter(const void *state, uint32_t i)
{
	return i < C_MAX ? counter_get(&((const struct cgroups *)state)->counters[i]) : 0;
}

static const char *const counter_names[] = { "hits",    "misses", "unknown", "records",
					     "evicted", "reaped", "entries", NULL };
_Static_assert(ARRAY_LEN(counter_names) == C_MAX + 1, "a name for each counter");

static const struct option cgroup_opts[] = {
	{ "max_cgroups", OPT_UINT, OPT(struct cgroup_cfg, max_cgroups), "8192", 16, 1048576, NULL,
	  "Cgroups kept" },
	{ "expiry", OPT_DURATION, OPT(struct cgroup_cfg, expiry_ns), "10m", 1000000000,
	  86400000000000, NULL,
	  "After this long a path found under /sys/fs/cgroup is looked up again" },
	{ "missing", OPT_DURATION, OPT(struct cgroup_cfg, missing_ns), "5s", 1000000000,
	  86400000000000, NULL, "After this long a cgroup that was not found is looked up again" },
	{ "linger", OPT_DURATION, OPT(struct cgroup_cfg, linger_ns), "5s", 0, 3600000000000, NULL,
	  "How long the path of a removed cgroup stays, for late events" },
	{ 0 },
};

const struct enricher enricher_cgroup = {
	.name = "cgroup",
	.help = "Path of the cgroup, and what it says: container, runtime, pod, systemd unit",
	.opts = cgroup_opts,
	.cfg_size = sizeof(struct cgroup_cfg),
	.open = cgroup_open,
	.event = cgroup_event,
	.tick = cgroup_tick,
	.close = cgroup_close,
	.counters = counter_names,
	.counter = cgroup_counter,
};
