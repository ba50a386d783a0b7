// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel filter asked about opens, connects and accepts that a test describes: a path's text comes
 * from the test and not from a dentry, a peer's address not from a socket. All else is what the hooks
 * run: store of verdicts, directories, automaton, addresses and joins, and of the calling task its
 * ids, name, cgroup and marks.
 */
#include "bpf/filter.h"
#include "bpf/filter_peer.h"

#include "verdict.h" /* after the kernel's types */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The text, where a path walk writes it. False: it cannot be judged. */
static __always_inline bool take_text(struct emitter *e, const struct verdict_ask *a)
{
	const __u32 pos = sizeof(struct ev_open);
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	__u32 n = a->ncomponents, len = a->len;

	if (!n || n > FILTER_COMPONENTS || !len || len > EV_PATH_MAX)
		return false;
	s->walk.ncomponents = n;
	s->pos = pos + len;
	return !bpf_probe_read_user(s->b + pos, len, (const void *)a->text) &&
	       !bpf_probe_read_user(s->walk.at, n * sizeof(s->walk.at[0]), (const void *)a->at);
}

static __always_inline bool find_mask(struct emitter *e, const struct filter_block *h,
				      struct verdict_ask *a, __u64 *mask)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	__u64 dir, name, before = 0;
	__u32 state = 0;
	bool clear;

	if (!sign_text(emit_key(e), sizeof(struct ev_open) + a->len, h->generation))
		return false;
	dir = s->dir;
	name = s->name;
	a->signature = filter_signature(dir, name, h);
	a->how = VERDICT_STORED;
	if (verdict_find(a->signature, mask))
		return true;
	if (dir_find(filter_dir_signature(dir, h), h, &state, &before)) {
		a->how = VERDICT_BY_NAME;
		clear = walk_name(e, h, state, before);
	} else {
		a->how = VERDICT_BY_PATH;
		clear = walk_path(e, h, dir);
	}
	*mask = s->walk.now.mask;
	if (clear)
		verdict_store(a->signature, *mask);
	return clear;
}

/* Does anybody want the open? 0, or -1 where the question is none. */
SEC("syscall")
int verdict_open(struct verdict_ask *a)
{
	const struct filter_block *h = filter_now();
	struct emitter e = { 0 };
	__u64 mask = 0;
	bool clear;

	if (!h || h->mode == FILTER_MODE_OFF)
		return -1;
	a->how = VERDICT_BY_KIND;
	a->wanted = h->kinds[EV_OPEN] != FILTER_KIND_NONE;
	if (h->kinds[EV_OPEN] != FILTER_KIND_TABLES)
		return 0;
	if (!emit_claim(&e, EV_OPEN))
		return -1;
	clear = take_text(&e, a) && find_mask(&e, h, a, &mask);
	emit_abort(&e);
	if (!clear)
		return -1;
	a->mask = mask;
	a->wanted = mask && (mask >> FILTER_SURE ||
			     ask_open(mask, a->flags, a->mode, a->via, h->generation));
	return 0;
}

/* The marks of a program, into mask. */
SEC("syscall")
int verdict_program(struct verdict_ask *a)
{
	const struct filter_block *h = filter_now();
	struct emitter e = { 0 };
	__u32 known = FILTER_UNKNOWN;
	__u64 self = 0;

	if (!h || !emit_claim(&e, EV_EXEC))
		return -1;
	if (take_text(&e, a))
		known = mark_program(h, FILTER_NOW, (struct scratch_slot *)e.rec, emit_key(&e), 0,
				     &self);
	emit_abort(&e);
	a->mask = self;
	return known == FILTER_KNOWS_SELF ? 0 : -1;
}

static __u32 dressed;

static long forget_step(__u64 i, void *unused)
{
	known_answers[i & (KNOWN_ANSWERS - 1)] = 0;
	return 0;
}

/* Of which outcomes does anybody want the connect, or the accept? */
SEC("syscall")
int verdict_peer(struct verdict_peer *a)
{
	struct ev_ip ip = a->ip;
	struct peer p = { .port = a->port, .transport = a->transport, .uring = a->uring };
	__u64 verdict;

	/* a copy in fact: nobody may choose an offset in the context and read there */
	asm volatile("" : : "r"(&ip) : "memory");
	if (a->family == EV_FAMILY_UNIX) {
		p.family = EV_FAMILY_UNIX;
		__builtin_memcpy(&p.hi, ip.addr, PEER_HEAD); /* and lo */
	} else {
		set_peer(&p, &ip);
	}
	if (dressed != a->dressed) {
		bpf_loop(KNOWN_ANSWERS, forget_step, NULL, 0);
		dressed = a->dressed;
	}
	verdict = a->unmarked ? judge_peer_unmarked(&p, a->kind) : judge_peer(&p, a->kind);
	a->outcomes = verdict & FILTER_OUTCOMES;
	return 0;
}

SEC("syscall")
int verdict_self(struct verdict_self *a)
{
	__u32 hierarchy;
	__u64 id = cgroup_of(bpf_get_current_task_btf(), &hierarchy);

	a->cgroup = FILTER_CGROUP_KEY(hierarchy, id);
	return 0;
}
