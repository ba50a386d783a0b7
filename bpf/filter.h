/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's answer for an open: does anybody want it?
 *
 * The path decides a mask (filter_abi.h). Before the path is built, a walk over the
 * chain of dentries and mounts signs the bytes of its names (64 bits, secret keys of the policy
 * generation), and the mask is looked up by the signature. Where it is not there, the path is
 * built, or only its last name copied if the directory is known, the automaton is walked and the
 * mask stored: under the signature of the very bytes that were judged, so that no rename can make a
 * stored mask wrong; and a mask is of a text, so that none has to be forgotten when names change.
 *
 * Whatever is not clear is wanted and not stored: a dentry that is being renamed (d_seq), a walk
 * that does not reach the root of a mount namespace, a file without a name, a path past the limits.
 */
#ifndef TOCSIN_FILTER_H
#define TOCSIN_FILTER_H

#include "ask.h"
#include "sign.h"

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_LOST };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FILTER_VERDICT_SETS);
	__type(key, __u32);
	__type(value, struct filter_verdict_set);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FILTER_DIR_SETS);
	__type(key, __u32);
	__type(value, struct filter_dir_set);
} dirs SEC(".maps");

/* ---- what is known ---- */

static __always_inline bool verdict_in_set(volatile struct filter_verdict_set *s, __u64 signature,
					   __u64 *mask)
{
#pragma unroll
	for (int i = 0; i < FILTER_WAYS; i++) {
		__u64 m = s->way[i].mask;

		if ((s->way[i].check ^ m) != signature)
			continue;
		*mask = m;
		return true;
	}
	return false;
}

static __always_inline void verdict_to_set(volatile struct filter_verdict_set *s, __u64 signature,
					   __u64 mask)
{
	__u32 to = FILTER_WAYS;

#pragma unroll
	for (int i = FILTER_WAYS - 1; i >= 0; i--)
		if (!s->way[i].check)
			to = i; /* the first, which is looked at first */
	if (to == FILTER_WAYS)
		to = bpf_get_prandom_u32();
	to &= FILTER_WAYS - 1;
	s->way[to].mask = mask;
	s->way[to].check = signature ^ mask;
}

static __always_inline bool verdict_find(__u64 signature, __u64 *mask)
{
	__u32 at = filter_verdict_index(signature);
	volatile struct filter_verdict_set *s = bpf_map_lookup_elem(&verdicts, &at);

	return s && verdict_in_set(s, signature, mask);
}

static __always_inline void verdict_store(__u64 signature, __u64 mask)
{
	__u32 at = filter_verdict_index(signature);
	volatile struct filter_verdict_set *s = bpf_map_lookup_elem(&verdicts, &at);

	if (s)
		verdict_to_set(s, signature, mask);
}

static __always_inline bool dir_find(__u64 signature, const struct filter_block *h, __u32 *state,
				     __u64 *mask)
{
	__u32 at = filter_dir_index(signature);
	volatile struct filter_dir_set *s = bpf_map_lookup_elem(&dirs, &at);

#pragma unroll
	for (int i = 0; s && i < FILTER_DIR_WAYS; i++) {
		__u64 st = s->way[i].state, m = s->way[i].mask;

		if ((s->way[i].check ^ filter_dir_sum(st, m, h)) != signature)
			continue;
		*state = st;
		*mask = m;
		return true;
	}
	return false;
}

static __always_inline void dir_store(__u64 signature, const struct filter_block *h, __u32 state,
				      __u64 mask)
{
	__u32 at = filter_dir_index(signature), to = bpf_get_prandom_u32() & (FILTER_DIR_WAYS - 1);
	volatile struct filter_dir_set *s = bpf_map_lookup_elem(&dirs, &at);
	__u64 check = signature ^ filter_dir_sum(state, mask, h);

	if (!s)
		return;
#pragma unroll
	for (int i = 0; i < FILTER_DIR_WAYS; i++)
		if (s->way[i].check == check && s->way[i].state == state)
			return; /* it is there */
	s->way[to].state = state;
	s->way[to].mask = mask;
	s->way[to].check = check;
}

/* ---- what is not ---- */

/* Walks the last name alone, from where its directory led to. False, as below: unclear. */
static __always_inline bool walk_name(struct emitter *e, const struct filter_block *h, __u32 state,
				      __u64 mask)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;

	filter_walk_resume(h, &h->open, &s->walk, state, mask, sizeof(struct ev_open));
	return walk_text(emit_key(e), FILTER_NOW, h->generation, false);
}

/* Has the directory of the path that was signed in s room for any name? Else a path in it may be cut, and
 * what is cut is never judged. */
static __always_inline bool dir_has_room(const struct scratch_slot *s)
{
	return s->pos - s->walk.at[0] + NAME_LEN <= EV_PATH_MAX;
}

/* Walks a whole path; its directory, whose names are signed as dir, is known from now on. */
static __always_inline bool walk_path(struct emitter *e, const struct filter_block *h, __u64 dir)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;

	filter_walk_begin(h, &h->open, &s->walk);
	if (!walk_text(emit_key(e), FILTER_NOW, h->generation, false))
		return false;
	if (dir_has_room(s))
		dir_store(filter_dir_signature(dir, h), h, s->walk.dir_state, s->walk.dir_mask);
	return true;
}

/* ---- the rest of the event ---- */

/* What is asked of an open besides its task. */
static __always_inline void ask_about(struct ask *a, __u64 mask, __u32 flags, __u32 mode, __u32 via)
{
	a->buckets = &a->head->open_joins;
	a->facts.kind = EV_OPEN;
	a->facts.mask = mask;
	a->facts.flags = flags;
	a->facts.access = flags & 010000000 /* O_PATH */ ? 0 : flags & 3;
	a->facts.mode = mode & 07777;
	a->facts.type = filter_file_type(mode);
	a->facts.via = via;
}

/* Does a join hold for the current task's open of a file whose path has the mask? It stands alone
 * for the verifier, which would else follow it from every state of its caller. */
__noinline int ask_open(__u64 mask, __u32 flags, __u32 mode, __u32 via, __u32 generation)
{
	const struct filter_block *h = filter_now();
	struct ask a = { .head = h };

	if (!h || h->generation != generation)
		return 1;
	ask_about(&a, mask, flags, mode, via);
	ask_task(&a, bpf_get_current_task_btf(), true);
	return ask(&a);
}

/* The same of file f; or is it sure by the path? */
static __always_inline bool ask_file(const struct filter_block *h, struct file *f, __u64 mask,
				     __u8 via)
{
	struct inode *inode = LOAD(f, struct file, f_inode);
	__u32 flags = LOAD(f, struct file, f_flags), mode = LOAD(inode, struct inode, i_mode);
	__u32 open_class = FILTER_OPEN_CLASS(via, mode, flags);

	barrier_var_(open_class); /* bounded behind it: Linux 6.1 loses bounds at an | */
	return filter_open_may(h, mask, open_class) &&
	       (mask >> FILTER_SURE || ask_open(mask, flags, mode, via, h->generation));
}

#endif
