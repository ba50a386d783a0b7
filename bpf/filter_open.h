/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Opens and the kernel filter: what the hooks of file.bpf.c ask before a record is begun.
 */
#ifndef TOCSIN_FILTER_OPEN_H
#define TOCSIN_FILTER_OPEN_H

#include "filter.h"
#include "seen.h"

/* Copies the last name and walks it. */
static __always_inline bool judge_name(struct emitter *e, struct sign_walk *w, __u32 state,
				       __u64 mask)
{
	const __u32 pos = sizeof(struct ev_open);
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	long n = bpf_probe_read_kernel_str(s->b + pos, NAME_LEN,
					   LOAD(w->leaf, struct dentry, d_name.name));

	s->walk.ncomponents = 1;
	s->walk.at[0] = pos;
	if (n <= 1 || !sign_text(emit_key(e), pos + n, w->head->generation) || s->name != w->name)
		return false;
	return walk_name(e, w->head, state, mask);
}

/* Builds the path and walks it. */
static __always_inline bool judge_path(struct emitter *e, struct sign_walk *w, struct file *f,
				       struct task_struct *t)
{
	const struct filter_block *h = w->head;
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	__u32 pos = sizeof(struct ev_open), flags;
	struct ev_ref ref;

	flags = path_write(e, &pos, &ref, file_mnt(f), file_dentry_(f), t);
	if (flags & ~(1u << EV_PATHF_FOREIGN) || !sign_text(emit_key(e), pos, h->generation) ||
	    s->dir != w->dir || s->name != w->name)
		return false;
	return walk_path(e, h, w->dir);
}

/* The mask of a path that no verdict is known of, in scratch memory that e has claimed. False: unclear.
 * A function of its own, since few opens come here and it needs registers and a stack. */
static __noinline bool judge_new(struct emitter *e, struct sign_walk *w, struct file *f,
				 __u64 *mask)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	const struct filter_block *h = w->head;
	__u64 before = 0;
	__u32 state = 0;

	if (w->leaf && dir_find(filter_dir_signature(w->dir, h), h, &state, &before)) {
		if (!judge_name(e, w, state, before))
			return false;
	} else {
		if (!judge_path(e, w, f, bpf_get_current_task_btf()))
			return false;
		state = s->walk.dir_state;
		before = s->walk.dir_mask;
	}
	if (!w->odd && dir_has_room(s))
		dir_store(filter_dir_signature(w->key.dir, h), h, state, before);
	*mask = s->walk.now.mask;
	verdict_store(e->signature, *mask);
	return true;
}

/* Does anybody want that t, the current task, opened f? Unknown is yes. An event that could not be
 * judged for want of scratch memory cannot be sent either, and is counted as lost. */
static __always_inline enum answer wants_open(struct emitter *e, const struct filter_block *h,
					      struct file *f, struct task_struct *t, __u8 via)
{
	struct sign_walk w;
	__u64 signature, mask = 0;

	if (h->kinds[EV_OPEN] != FILTER_KIND_TABLES)
		return h->kinds[EV_OPEN] == FILTER_KIND_NONE ? ANSWER_NO : ANSWER_YES;
	if (!f || !sign_file(&w, f, (__u64)t->nsproxy->mnt_ns, h))
		return ANSWER_YES;
	signature = e->signature = filter_signature(w.dir, w.name, h);
	if (!verdict_find(signature, &mask)) {
		if (!emit_claim(e, EV_OPEN))
			return ANSWER_LOST;
		if (!judge_new(e, &w, f, &mask))
			return ANSWER_YES;
	}
	if (!w.odd)
		seen_store(h, &w.key, w.leaf, mask);
	if (!mask)
		return ANSWER_NO;
	return ask_file(h, f, mask, via) ? ANSWER_YES : ANSWER_NO;
}

/* The same of a mask that the short way knows by its number. */
static __noinline bool wants_seen(struct file *f, __u32 number, __u8 via)
{
	const struct filter_block *h = filter_now();

	if (!h || h->generation != seen_keys.generation)
		return true;
	return ask_file(h, f, h->masks[number & (FILTER_MASKS - 1)], via);
}

/* Begins the record of an open, unless nobody wants it. wanted: that was asked already. */
static __always_inline bool filter_open(struct emitter *e, struct file *f, struct task_struct *t,
					__u8 via, bool wanted)
{
	const struct filter_block *h = filter_now();
	enum answer a = ANSWER_YES;
	__u32 flags = 0;

	e->rec = NULL;
	e->signature = 0;
	if (!wanted && h && h->mode != FILTER_MODE_OFF)
		a = wants_open(e, h, f, t, via);
	if (a == ANSWER_NO) {
		if (!filter_drop(e, h, EV_OPEN))
			return false;
		flags = 1u << EV_HDR_WOULD_DROP;
	}
	return a != ANSWER_LOST && filter_begin(e, EV_OPEN, h, flags);
}

/* Verify mode: the mark is about the path that was judged. Where the record, whose path was just
 * written and ends at end, says another one, because of a rename between, the mark goes. */
static __always_inline void filter_confirm(struct emitter *e, __u32 end)
{
	const struct filter_block *h;
	struct scratch_slot *s = (struct scratch_slot *)e->rec;

	if (!(e->flags & 1u << EV_HDR_WOULD_DROP) || !e->signature)
		return;
	h = filter_now();
	if (h && sign_text(emit_key(e), end, e->generation) &&
	    filter_signature(s->dir, s->name, h) == e->signature)
		return;
	e->flags &= ~(1u << EV_HDR_WOULD_DROP);
}

#endif
