/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Marks: which of the programs that policies name a task runs, and which its ancestors run, as bits
 * in the task's storage. Set at exec by the automaton over the program's path, inherited at fork;
 * for a new generation the tasks there are get theirs from two scans before it comes into force.
 *
 * What the agent says of a process is as of its fork and its exec. It tells what it knows of those
 * that run (lineages), and scans take that; of others, as those that came meanwhile, they find it, and
 * take nothing for known that may have changed: a program that was moved or renamed, an ancestor that
 * ended, was passed over (CLONE_PARENT) or executed another program after the fork.
 *
 * Bits may be there too many of ancestors, which is only ever asked whether they have one; a mark
 * that is not sure is unknown, and then everything is wanted. A process that comes to run a program
 * when it has children changes what ancestors its children have: filter_block.late says for all.
 */
#ifndef TOCSIN_MARKS_H
#define TOCSIN_MARKS_H

#include "path.h"

#define FILTER_PTR(block, off, align)                                                              \
	((const void *)((const char *)(block) + ((off) & (cfg.filter_mask & ~((__u32)(align)-1)))))

/* They stand alone for the verifier, which would else follow three loops in one another, and each
 * test from every state of what is asked about. */
int ranges_hold(__u32 off, __u32 n, __u32 v);
#define FILTER_IN_RANGES(block, off, n, v) ranges_hold(off, n, v)
int thread_fits(const struct filter_facts *f, __u32 off, __u32 n);
#define FILTER_THREAD_FITS(block, off, n, f) thread_fits(f, off, n)
int join_holds(const struct filter_facts *f, __u32 off);
#define FILTER_JOIN_HOLDS(block, off, f) join_holds(f, off)

#include "filter_walk.h"

enum { MARK_LEVELS = 48 };

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct filter_marks);
} marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FILTER_PROCESSES);
	__type(key, struct filter_process);
	__type(value, struct filter_lineage);
} lineages SEC(".maps");

static __always_inline bool marks_known(const struct filter_mark *m, const struct filter_block *h)
{
	return m && m->generation == h->generation &&
	       (m->known & ~FILTER_MAYBE) == FILTER_KNOWS_ALL;
}

struct text_walk {
	const struct filter_block *head;
	const struct filter_text *text;
	struct scratch_slot *s;
};

enum { WALK_AT_ONCE = 4 }; /* steps in a round of bpf_loop, which takes two dozen instructions */

static long walk_step(__u64 i, struct text_walk *w)
{
#pragma nounroll
	for (int k = 0; k < WALK_AT_ONCE; k++)
		if (!filter_walk_step(w->head, w->text, &w->s->walk, w->s->b, EV_REC_MAX - 1))
			return 1;
	return 0;
}

/* Walks an automaton of the block of a generation over the text in a scratch slot. 1: to its end.
 * It stands alone for the verifier, which would else follow it from every state of its callers. */
__noinline int walk_text(__u32 scratch_key, __u32 block, __u32 generation, bool program)
{
	const struct filter_block *h = filter_at(block);
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	struct text_walk w = { .head = h, .s = s };

	if (!h || !s || h->generation != generation)
		return 0;
	w.text = program ? &h->program : &h->open;
	bpf_loop(FILTER_STEPS / WALK_AT_ONCE, walk_step, &w, 0);
	return s->walk.done;
}

/* Where the mask of the text in s is, or would be, kept, whose first 8 bytes are these. */
static __always_inline struct program_mask *mask_place(struct scratch_slot *s, __u64 head)
{
	return &s->programs[mix64(head) & (PROGRAM_MASKS - 1)];
}

#define TEXT_WORD(s, at) (*(__u64 *)((s)->b + ((at) & (EV_REC_MAX - 1))))

/* Walks the automaton of programs over the path in a scratch slot, unless the slot has kept what it said of
 * the very same text. Nothing else reads or writes what a slot keeps: it is claimed. 1: s->walk.now.mask is
 * set. It stands alone for the verifier, as walk_text. */
__noinline int walk_program(__u32 scratch_key, __u32 block, __u32 generation)
{
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	const struct filter_block *h;
	struct program_mask *p;
	__u32 at, len, words;
	__u64 differs = 0;

	if (!s)
		return 0;
	at = s->walk.at[0];
	len = s->pos - at;
	words = (len + 7) / 8;
	TEXT_WORD(s, s->pos) = 0;
	p = mask_place(s, TEXT_WORD(s, at));
	if (p->len == len && p->generation == generation) {
#pragma nounroll
		for (__u32 i = 0; i < PROGRAM_WORDS && i < words; i++)
			differs |= p->text[i] ^ TEXT_WORD(s, at + i * 8);
		if (!differs) {
			s->walk.now.mask = p->mask;
			return 1;
		}
	}
	h = filter_at(block);
	if (!h || h->generation != generation)
		return 0;
	filter_walk_begin(h, &h->program, &s->walk);
	if (!walk_text(scratch_key, block, generation, true))
		return 0;
	if (words > PROGRAM_WORDS)
		return 1;
#pragma nounroll
	for (__u32 i = 0; i < PROGRAM_WORDS && i < words; i++)
		p->text[i] = TEXT_WORD(s, at + i * 8);
	p->mask = s->walk.now.mask;
	p->generation = generation;
	p->len = len;
	return 1;
}

/* The marks of the program whose path, with these flags, path_write has just written to s, the slot of that
 * key. FILTER_UNKNOWN, FILTER_KNOWS_SELF or that with FILTER_MAYBE. */
static __always_inline __u32 mark_program(const struct filter_block *h, __u32 block,
					  struct scratch_slot *s, __u32 scratch_key,
					  __u32 path_flags, __u64 *self)
{
	const __u32 odd = 1u << EV_PATHF_PSEUDO | 1u << EV_PATHF_DELETED;

	*self = h->odd;
	/* a file without a directory is detached too */
	if (path_flags & 1u << EV_PATHF_PSEUDO)
		return FILTER_KNOWS_SELF | FILTER_MAYBE;
	if (path_flags & ~(1u << EV_PATHF_FOREIGN | odd) || !s->walk.ncomponents ||
	    s->walk.ncomponents > FILTER_COMPONENTS)
		return FILTER_UNKNOWN;
	if (!walk_program(scratch_key, block, h->generation))
		return FILTER_UNKNOWN;
	*self = s->walk.now.mask | (path_flags & odd ? h->odd : 0);
	return FILTER_KNOWS_SELF | (path_flags & odd ? FILTER_MAYBE : 0);
}

static __always_inline bool has_children(struct task_struct *t)
{
	return (void *)UNTRUSTED(t, struct task_struct)->children.next !=
	       (char *)t + bpf_core_field_offset(struct task_struct, children);
}

/* What t, the current task whose marks are m, runs from now on, for one block. */
static __always_inline void mark_exec_for(struct filter_block *h, __u32 block,
					  struct filter_marks *m, struct task_struct *t,
					  struct scratch_slot *s, __u32 scratch_key,
					  __u32 path_flags)
{
	struct filter_mark *k;
	__u64 self = 0;
	__u32 known;

	if (!h->marks)
		return;
	known = mark_program(h, block, s, scratch_key, path_flags, &self);
	if (has_children(t))
		__sync_fetch_and_or(&h->late, known ? self : ~0ULL);
	if (!m)
		return;
	k = &m->of[h->generation & 1];
	if (k->generation != h->generation)
		return;
	k->self = self;
	if (!known || !k->known)
		k->known = FILTER_UNKNOWN;
	else
		k->known = (k->known & ~FILTER_MAYBE) | (known & FILTER_MAYBE);
}

/* The current task runs the program whose path, with these flags, path_write has just written to a slot, with
 * its image. It stands alone for the verifier, which would else follow the rest of the record from each of
 * its ends. Returns 0. */
__noinline int mark_exec(__u32 scratch_key, __u32 path_flags)
{
	struct filter_block *now = filter_at(FILTER_NOW), *next = filter_at(FILTER_NEXT);
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	struct task_struct *t = bpf_get_current_task_btf();
	struct filter_marks *m = bpf_task_storage_get(&marks, t, NULL, 0);

	if (!s)
		return 0;
	if (m)
		m->image = s->image;
	if (now)
		mark_exec_for(now, FILTER_NOW, m, t, s, scratch_key, path_flags);
	if (next && (!now || now->generation != next->generation))
		mark_exec_for(next, FILTER_NEXT, m, t, s, scratch_key, path_flags);
	return 0;
}

/* A scan may be writing what is copied. It writes the generation and what is known last, so they are
 * read first. */
static __always_inline void copy_mark(struct filter_mark *to,
				      const volatile struct filter_mark *from)
{
	__u32 generation = from->generation, known;

	barrier();
	known = from->known;
	barrier();
	to->ancestors = from->ancestors;
	to->self = from->self;
	to->known = known;
	to->generation = generation;
}

/* A thread has the marks of its process; a new process also has them for an ancestor's. */
static __always_inline void mark_fork(struct task_struct *parent, struct task_struct *child)
{
	const struct filter_block *now = filter_at(FILTER_NOW), *next = filter_at(FILTER_NEXT);
	struct filter_marks *from, *to;
	bool process = child->pid == child->tgid;

	if (!next && (!now || now->mode == FILTER_MODE_OFF))
		return;
	from = bpf_task_storage_get(&marks, parent, NULL, 0);
	to = bpf_task_storage_get(&marks, child, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!to)
		return;
	to->parent = process ? read_exec_id(parent) : from ? from->parent : 0;
	if (!from)
		return;
	to->image = from->image;
	copy_mark(&to->of[0], &from->of[0]);
	copy_mark(&to->of[1], &from->of[1]);
	if (!process)
		return;
	to->of[0].ancestors |= to->of[0].self;
	to->of[1].ancestors |= to->of[1].self;
}

/* What the agent told of t's process for that generation, or NULL. */
static __always_inline const struct filter_lineage *lineage_of(struct task_struct *t,
							       __u32 generation)
{
	struct task_struct *u = UNTRUSTED(t, struct task_struct);
	struct filter_process key = { .start_ns = u->group_leader->start_boottime,
				      .tgid = u->tgid };
	const struct filter_lineage *l = bpf_map_lookup_elem(&lineages, &key);

	return l && l->generation == generation ? l : NULL;
}

/* What the first scan of all finds is what the agent's own scan of them finds. */
static __always_inline void mark_origin(struct filter_marks *m, struct task_struct *t, __u64 image)
{
	if (!m->parent)
		m->parent = task_exec_id(t->real_parent);
	if (!m->image)
		m->image = image;
}

/* What t runs: as told of the very image it runs now, or known, as its path says. */
static __always_inline __u32 self_of(struct task_struct *t, __u32 generation, __u32 known,
				     __u64 *self)
{
	const struct filter_lineage *l = lineage_of(t, generation);

	if (!l || !(l->known & FILTER_LINE_SELF) || l->exec_id != task_exec_id(t))
		return known;
	*self = l->self;
	return FILTER_KNOWS_SELF | (l->known & FILTER_MAYBE);
}

/* First scan: what t runs, for the next block. An exec on the way is seen by its counter. */
static __always_inline void mark_self(struct task_struct *t, struct emitter *e)
{
	const struct filter_block *h = filter_at(FILTER_NEXT);
	__u64 execs = t->self_exec_id, self = 0, image = 0;
	struct task_struct *u = UNTRUSTED(t, struct task_struct);
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	struct mm_struct *mm = u->mm;
	struct file *f = mm ? mm->exe_file : NULL;
	__u32 pos = 0, flags;
	struct filter_marks *m;
	struct filter_mark *k;
	struct ev_ref ref;
	__u32 known = mm ? FILTER_UNKNOWN : FILTER_KNOWS_SELF;

	if (!h)
		return;
	m = bpf_task_storage_get(&marks, t, NULL, 0);
	k = m ? &m->of[h->generation & 1] : NULL;
	if (k && k->generation == h->generation && k->known)
		return; /* by the scan before, or inherited */
	if (f) {
		ask_image(e);
		flags = path_write(e, &pos, &ref, file_mnt(f), file_dentry_(f), t);
		image = s->image;
		known = h->marks ? mark_program(h, FILTER_NEXT, s, emit_key(e), flags, &self)
				 : FILTER_UNKNOWN;
	}
	m = bpf_task_storage_get(&marks, t, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!m)
		return;
	mark_origin(m, t, image);
	known = self_of(t, h->generation, m->image == image ? known : FILTER_UNKNOWN, &self);
	k = &m->of[h->generation & 1];
	*(volatile __u32 *)&k->known = FILTER_UNKNOWN;
	barrier();
	k->self = self;
	k->ancestors = 0;
	barrier();
	*(volatile __u32 *)&k->known = known;
	barrier();
	*(volatile __u32 *)&k->generation = h->generation;
	barrier();
	if (u->mm != mm || (mm && mm->exe_file != f) || t->self_exec_id != execs)
		k->known = FILTER_UNKNOWN;
}

struct climb {
	struct task_struct *p;
	__u32 generation;
	__u32 known; /* not 0: the top was reached */
	__u64 found;
};

static long climb_step(__u64 i, struct climb *c)
{
	const struct filter_lineage *l = lineage_of(c->p, c->generation);
	struct task_struct *up = c->p->real_parent;
	struct filter_marks *m;
	struct filter_mark *k;

	if (l) {
		c->found |= l->ancestors;
		c->known = l->known & FILTER_LINE_ANCESTORS;
		return 1;
	}
	if (!up || up == c->p || !up->pid) {
		c->known = 1;
		return 1;
	}
	up = up->group_leader;
	m = bpf_task_storage_get(&marks, c->p, NULL, 0);
	if (!m || m->parent != task_exec_id(up))
		return 1;
	c->p = up;
	m = bpf_task_storage_get(&marks, up, NULL, 0);
	if (!m && up->pid == 1) /* a kernel may hide it from scans, and so from policies */
		return 0;
	k = m ? &m->of[c->generation & 1] : NULL;
	if (!k || k->generation != c->generation || k->known == FILTER_UNKNOWN)
		return 1;
	c->found |= k->self;
	return 0;
}

/* Second scan: what the ancestors of t run. Unknown stays what leads over an unknown one, and what an
 * exec has made unknown meanwhile. */
static __always_inline void mark_ancestors(struct task_struct *t)
{
	const struct filter_block *h = filter_at(FILTER_NEXT);
	struct filter_marks *m = h ? bpf_task_storage_get(&marks, t, NULL, 0) : NULL;
	struct climb c = { .p = t, .known = not_known, .found = not_known };
	struct filter_mark *k;
	__u32 known;

	if (!m)
		return;
	k = &m->of[h->generation & 1];
	known = *(volatile __u32 *)&k->known;
	if (k->generation != h->generation || (known & ~FILTER_MAYBE) != FILTER_KNOWS_SELF)
		return;
	c.generation = h->generation;
	bpf_loop(MARK_LEVELS, climb_step, &c, 0);
	if (!c.known)
		return;
	k->ancestors |= c.found;
	barrier();
	__sync_val_compare_and_swap(&k->known, known, FILTER_KNOWS_ALL | (known & FILTER_MAYBE));
}

#endif
