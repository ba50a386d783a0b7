/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The table of processes: one entry for each program image of a process, by exec_id. An entry
 * holds what its events need (struct ctx_process, ctx_parent, ctx_lineage) ready to be pointed
 * at; what it says of its ancestors is a copy, so no entry depends on another's life.
 *
 * An entry lives until its process ended or executed another program, and lingers a while for
 * late events. Number and bytes are bounded; when full, the first to go are those that ended,
 * then those long unseen whose process does not exist any more, then those long unseen.
 * Consumer thread. Its clock is the events'.
 */
#ifndef TOCSIN_PROCTABLE_H
#define TOCSIN_PROCTABLE_H

#include "enrichers/entry.h"
#include "enrichers/idmap.h"
#include "enrichers/image.h"
#include "enrichers/lineage.h"
#include "enrichers/procpool.h"

struct proc {
	/* What every event looks at, together. */
	uint64_t last_ns;	/* last event */
	uint64_t gone_ns;	/* process ended or image replaced; 0: neither */
	uint32_t epoch;		/* of the table, when its ancestors were looked up */
	bool has_parent;	/* parent is filled */
	bool exited;		/* gone for good */
	bool forked;		/* its fork was seen and no exec since: it runs its parent's image */
	bool from_task;		/* found running: what it says is older than the entry */
	uint8_t door;		/* what its program makes of those it starts, see entry.c */
	uint8_t number;		/* procpool.c's */
	struct entry *entry;	/* its entry leader; NULL: not known */
	struct lineage *lineage;	/* of its ancestors, the parent first */
	/* Answers about the process that hold for this image only if it was still running it at
	 * pending_ns: an event of this exec_id past that time proves it. */
	struct image *pending;
	uint64_t pending_ns;
	uint64_t version;	/* of process, parent and entry: see proctable_changed */
	struct ctx_process process;

	uint64_t exec_id, parent_exec_id;	/* parent_exec_id: image that forked it, 0 unknown */
	uint64_t start_ns;	/* of the process */
	uint64_t born_ns;	/* of the entry */
	uint64_t asked_ns;	/* last time anybody asked whether it exists */
	uint32_t pid;
	uint32_t ppid;		/* parent's process id where parent_exec_id is not in the table; 0 unknown */
	struct image *image;	/* NULL: unknown */
	struct image *parent_image;
	struct lineage *as_parent;	/* itself and its ancestors: what its children show; NULL: not made */
	struct ctx_parent parent;
	struct ctx_lineage ancestors;
	struct proc *next, *prev;	/* in one of the table's lists */
};

struct proc_list {
	struct proc *first, *last;
};

struct proctable_cfg {
	uint64_t max_processes, max_bytes, linger_ns;
	bool (*exists)(void *arg, uint32_t pid, uint64_t start_ns);
	void *arg;
};

struct proctable {
	struct proctable_cfg cfg;
	struct idmap by_exec_id, by_pid;	/* by_pid: the newest living image of a process */
	struct procpool pool;	/* memory of the entries */
	struct proc_list living, gone;		/* living: the longest unseen first, roughly; gone: by gone_ns */
	const struct proc *pinned[2];		/* entries the caller works with: not evicted */
	uint64_t bytes;		/* of images, lineages and entry leaders */
	uint32_t npending;	/* entries with a pending image */
	uint32_t epoch;		/* raised when an entry changed that others may show as ancestor */
	uint64_t versions;	/* given to entries so far */
	uint64_t images;	/* made so far */
	int64_t clock_offset_ns;	/* boot time to wall clock, for starts in a lineage */
	uint64_t reaped, evicted, lost_exits, compacted;
};

int proctable_init(struct proctable *t, const struct proctable_cfg *cfg);
void proctable_free(struct proctable *t);

static inline struct proc *proctable_find(const struct proctable *t, uint64_t exec_id)
{
	return idmap_get(&t->by_exec_id, exec_id);
}
static inline struct proc *proctable_pid(const struct proctable *t, uint32_t pid)
{
	return idmap_get(&t->by_pid, pid);
}

/* Is its executable known, or that it has none? */
static inline bool proc_knows_program(const struct proc *p)
{
	return p->image && (p->process.executable.len ||
			    p->process.exec_flags & 1u << EV_EXECF_KTHREAD);
}

/* To be called after each change of p->process, p->parent, p->has_parent or p->entry. */
static inline void proctable_changed(struct proctable *t, struct proc *p)
{
	p->version = ++t->versions;
}

/* A new entry with everything absent, or NULL without memory. An older process under the same
 * pid must have ended (its exit was lost), an older image of the same process was replaced.
 * exec_id is not in the table. */
struct proc *proctable_add(struct proctable *t, uint64_t exec_id, uint32_t pid, uint64_t start_ns,
			   uint64_t now_ns);
/* An image from ctx, made compact where the table is over its bytes. NULL without memory. */
struct image *proctable_image(struct proctable *t, const struct ctx_process *ctx);
void proctable_drop(struct proctable *t, struct image *img);	/* a reference; NULL is legal */
/* Takes the reference over. sid and pgid: of the process when it executed the image. */
void proctable_set_image(struct proctable *t, struct proc *p, struct image *img, uint32_t sid,
			 uint32_t pgid);
void proctable_set_pending(struct proctable *t, struct proc *p, struct image *img, uint64_t asked_ns);
/* The process ended (exited), or runs another image now. Again: no effect. */
void proctable_gone(struct proctable *t, struct proc *p, bool exited, uint64_t now_ns);
/* An event later than the time it went shows that its image was not replaced. */
void proctable_revive(struct proctable *t, struct proc *p, uint64_t now_ns);
/* Frees entries that went more than linger_ns ago. */
void proctable_reap(struct proctable *t, uint64_t now_ns);
/* Asks for up to `max` living entries unseen and unasked for idle_ns whether they exist. */
void proctable_sweep(struct proctable *t, uint64_t now_ns, uint64_t idle_ns, uint32_t max);

#endif
