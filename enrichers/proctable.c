/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Entries of the process table: making, finding, letting go. What is decided here depends only on
 * the calls, their times and the answers of cfg.exists, never on addresses or a clock, so that a
 * replay makes the same decisions.
 */
#include "enrichers/proctable.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/util.h"

enum { EVICT_ASKS = 2 }; /* questions asked to find one entry to evict */

static void list_add(struct proc_list *l, struct proc *p)
{
	p->prev = l->last;
	p->next = NULL;
	if (l->last)
		l->last->next = p;
	else
		l->first = p;
	l->last = p;
}

static void list_del(struct proc_list *l, struct proc *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		l->first = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		l->last = p->prev;
}

static void to_tail(struct proc_list *l, struct proc *p)
{
	list_del(l, p);
	list_add(l, p);
}

static struct proc_list *list_of(struct proctable *t, const struct proc *p)
{
	return p->gone_ns ? &t->gone : &t->living;
}

void proctable_drop(struct proctable *t, struct image *img)
{
	t->bytes -= image_unref(img);
}

static void drop_pending(struct proctable *t, struct proc *p)
{
	if (!p->pending)
		return;
	proctable_drop(t, TAKE_PTR(p->pending));
	t->npending--;
}

static void forget(struct proctable *t, struct proc *p)
{
	list_del(list_of(t, p), p);
	idmap_del(&t->by_exec_id, p->exec_id);
	if (proctable_pid(t, p->pid) == p)
		idmap_del(&t->by_pid, p->pid);
	drop_pending(t, p);
	proctable_drop(t, p->image);
	proctable_drop(t, p->parent_image);
	lineage_drop(t, p->lineage);
	lineage_drop(t, p->as_parent);
	entry_drop(t, p->entry);
	procpool_put(&t->pool, p);
}

static bool pinned(const struct proctable *t, const struct proc *p)
{
	return p == t->pinned[0] || p == t->pinned[1];
}

static bool evict_gone(struct proctable *t)
{
	for (struct proc *p = t->gone.first; p; p = p->next)
		if (!pinned(t, p)) {
			forget(t, p);
			t->reaped++;
			return true;
		}
	return false;
}

/* One that was not seen since it was last looked at, and better one whose process is no more.
 * Each entry is passed over at most once for each of its events, so that many looks now are few
 * later. */
static struct proc *pick_living(struct proctable *t, uint64_t now_ns, bool *lost)
{
	uint32_t looks = 2 * t->by_exec_id.count;
	struct proc *p, *last = NULL;
	int asks = 0;

	while (looks-- && asks < EVICT_ASKS) {
		p = t->living.first;
		if (!p)
			return NULL;
		to_tail(&t->living, p);
		if (pinned(t, p) || p == last || p->last_ns > p->asked_ns) {
			p->asked_ns = now_ns;
			continue;
		}
		p->asked_ns = now_ns;
		asks++;
		last = p;
		if (!t->cfg.exists(t->cfg.arg, p->pid, p->start_ns)) {
			*lost = true;
			return p;
		}
	}
	if (last)
		return last;
	for (p = t->living.first; p && pinned(t, p);)
		p = p->next;
	return p;
}

static bool evict(struct proctable *t, uint64_t now_ns)
{
	bool lost = false;
	struct proc *p;

	if (evict_gone(t))
		return true;
	p = pick_living(t, now_ns, &lost);
	if (!p)
		return false;
	forget(t, p);
	if (lost)
		t->lost_exits++;
	else
		t->evicted++;
	return true;
}

/* The pid belongs to this process now: what else is known under it ended or was replaced. */
static void claim_pid(struct proctable *t, struct proc *p, uint64_t now_ns)
{
	struct proc *other = proctable_pid(t, p->pid);

	if (!other) {
		idmap_put(&t->by_pid, p->pid, p);
		return;
	}
	if (other->start_ns > p->start_ns) {
		proctable_gone(t, p, true, now_ns); /* a late word of an older process */
		return;
	}
	t->lost_exits += other->start_ns != p->start_ns;
	proctable_gone(t, other, other->start_ns != p->start_ns, now_ns);
	idmap_put(&t->by_pid, p->pid, p);
}

struct proc *proctable_add(struct proctable *t, uint64_t exec_id, uint32_t pid, uint64_t start_ns,
			   uint64_t now_ns)
{
	struct proc *p;

	while (t->by_exec_id.count >= t->cfg.max_processes)
		if (!evict(t, now_ns))
			return NULL;
	p = procpool_get(&t->pool);
	if (!p)
		return NULL;
	if (idmap_put(&t->by_exec_id, exec_id, p)) {
		procpool_put(&t->pool, p);
		return NULL;
	}
	p->exec_id = exec_id;
	p->pid = pid;
	p->start_ns = start_ns;
	p->born_ns = p->last_ns = now_ns;
	image_absent(&p->process);
	p->process.start_ns = start_ns;
	proctable_changed(t, p);
	list_add(&t->living, p);
	claim_pid(t, p, now_ns);
	return p;
}

struct image *proctable_image(struct proctable *t, const struct ctx_process *ctx)
{
	struct image *img;
	bool full;

	while (t->bytes >= t->cfg.max_bytes && evict_gone(t))
		;
	full = t->bytes >= t->cfg.max_bytes;
	img = image_new(ctx, full);
	if (!img)
		return NULL;
	img->id = ++t->images;
	t->compacted += full;
	t->bytes += img->bytes;
	return img;
}

void proctable_set_image(struct proctable *t, struct proc *p, struct image *img, uint32_t sid,
			 uint32_t pgid)
{
	drop_pending(t, p);
	proctable_drop(t, p->image);
	p->image = img;
	p->process = img->ctx;
	p->process.start_ns = p->start_ns;
	p->process.sid = sid;
	p->process.pgid = pgid;
	proctable_changed(t, p);
}

void proctable_set_pending(struct proctable *t, struct proc *p, struct image *img,
			   uint64_t asked_ns)
{
	drop_pending(t, p);
	p->pending = img;
	p->pending_ns = asked_ns;
	t->npending += img != NULL;
}

void proctable_gone(struct proctable *t, struct proc *p, bool exited, uint64_t now_ns)
{
	p->exited |= exited;
	if (p->gone_ns)
		return;
	list_del(&t->living, p);
	p->gone_ns = now_ns ? now_ns : 1;
	list_add(&t->gone, p);
	if (proctable_pid(t, p->pid) == p)
		idmap_del(&t->by_pid, p->pid);
}

void proctable_revive(struct proctable *t, struct proc *p, uint64_t now_ns)
{
	if (!p->gone_ns || p->exited || now_ns <= p->gone_ns)
		return;
	list_del(&t->gone, p);
	p->gone_ns = 0;
	list_add(&t->living, p);
	claim_pid(t, p, now_ns);
}

void proctable_reap(struct proctable *t, uint64_t now_ns)
{
	struct proc *p;

	while ((p = t->gone.first) && now_ns > p->gone_ns &&
	       now_ns - p->gone_ns >= t->cfg.linger_ns) {
		forget(t, p);
		t->reaped++;
	}
}

void proctable_sweep(struct proctable *t, uint64_t now_ns, uint64_t idle_ns, uint32_t max)
{
	struct proc *p = t->living.first, *next;
	uint64_t since;

	for (uint32_t looks = 4 * max; p && looks && max; looks--, p = next) {
		next = p->next;
		since = MAX(p->last_ns, p->asked_ns);
		if (now_ns < since || now_ns - since < idle_ns) {
			to_tail(&t->living, p);
			continue;
		}
		max--;
		p->asked_ns = now_ns;
		to_tail(&t->living, p);
		if (t->cfg.exists(t->cfg.arg, p->pid, p->start_ns))
			continue;
		t->lost_exits++;
		proctable_gone(t, p, true, now_ns);
	}
}

int proctable_init(struct proctable *t, const struct proctable_cfg *cfg)
{
	uint32_t max = (uint32_t)MIN(cfg->max_processes, (uint64_t)UINT32_MAX / 4);

	*t = (struct proctable){ .cfg = *cfg, .epoch = 1 };
	if (idmap_init(&t->by_exec_id, max + 1))
		return -ENOMEM;
	if (idmap_init(&t->by_pid, max + 1)) {
		idmap_free(&t->by_exec_id);
		return -ENOMEM;
	}
	return 0;
}

void proctable_free(struct proctable *t)
{
	struct proc *p;

	while ((p = t->living.first) || (p = t->gone.first))
		forget(t, p);
	procpool_free(&t->pool);
	idmap_free(&t->by_exec_id);
	idmap_free(&t->by_pid);
}
