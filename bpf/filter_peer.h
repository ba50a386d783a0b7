/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's answer for a connect or an accept: does anybody want it? The peer's address
 * decides a mask (filter_abi.h), or how the path of a Unix socket begins; port and task decide the
 * rest. What has no address of a peer is wanted, save for Unix sockets, which never have one.
 *
 * A verdict is a number (filter_abi.h), which says of which outcomes the event is wanted. One that was
 * given before is found by a shorter way (filter_known.h).
 *
 * The parts stand alone for the verifier, which would else follow them from every state of their
 * callers; and Linux 6.1 has 512 bytes of stack for a program with all that it calls.
 */
#ifndef TOCSIN_FILTER_PEER_H
#define TOCSIN_FILTER_PEER_H

#include "filter_known.h"

/* The joins of accepts lie behind those of connects: found without a branch. */
_Static_assert(__builtin_offsetof(struct filter_block, accept_joins) ==
		       __builtin_offsetof(struct filter_block, connect_joins) +
			       sizeof(struct filter_buckets),
	       "joins");

struct unix_search {
	const struct filter_block *head;
	__u64 w0, w1, mask;
	__u32 at, pad;
};

static long unix_step(__u64 i, struct unix_search *s)
{
	s->mask |= filter_unix_bits(s->head, s->at, s->w0, s->w1);
	s->at += sizeof(struct filter_unix);
	return 0;
}

static __always_inline __u64 unix_mask(const struct filter_block *h, const struct filter_peers *f,
				       const struct peer *p)
{
	struct unix_search s = {
		.head = h, .w0 = p->hi, .w1 = p->lo, .mask = f->none, .at = f->paths
	};

	if (f->npaths)
		bpf_loop(f->npaths, unix_step, &s, 0);
	return s.mask;
}

/* The mask of a peer. It stands alone for the verifier, which would else follow what comes after it from
 * each step at which the search can end. */
__noinline __u64 peer_mask(const struct peer *p, __u32 kind, __u32 generation)
{
	const struct filter_block *h = filter_now();
	const struct filter_peers *f;

	if (!p || !h || h->generation != generation)
		return FILTER_WANTED;
	f = kind == EV_ACCEPT ? &h->accept : &h->connect;
	if (p->family == EV_FAMILY_UNIX)
		return unix_mask(h, f, p);
	if (p->family == EV_FAMILY_IPV4)
		return filter_search4(h, f->v4, f->nv4, p->lo);
	return filter_search(h, f->v6, f->nv6, p->hi, p->lo);
}

static __always_inline void ask_about_peer(struct ask *a, const struct peer *p, __u32 kind,
					   __u64 mask)
{
	a->buckets = &(&a->head->connect_joins)[kind == EV_ACCEPT];
	a->facts.mask = mask;
	a->facts.kind = kind;
	a->facts.family = p->family;
	a->facts.transport = p->transport;
	a->facts.via = p->uring ? VIA_IO_URING : VIA_SYSCALL;
	a->facts.port = p->family == EV_FAMILY_UNIX ? ~0u : p->port;
}

/* What was found out of the task, not known to the verifier, which would else follow the joins for each way that
 * it was found out. */
static __always_inline void hide_facts(struct filter_facts *f)
{
	f->marks_known ^= not_known;
	f->self_maybe ^= not_known;
	f->cgroup_known ^= not_known;
	f->self ^= not_known;
	f->ancestors ^= not_known;
	f->cgroup ^= not_known;
	f->thread[0] ^= not_known;
	f->thread[1] ^= not_known;
}

/* What the joins of a mask say, for an answer that is not known; *signature is 0 when it may not be kept.
 * marked, which the compiler knows: the program may look at the task's marks. */
static __always_inline __u32 ask_joins_of_peer(const struct filter_block *h, const struct peer *p,
					       __u32 kind, __u64 mask, bool marked,
					       __u64 *signature)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct ask a;

	__builtin_memset(&a, 0, sizeof(a));
	a.head = h;
	ask_about_peer(&a, p, kind, mask);
	ask_task(&a, t, marked);
	if (mask & a.buckets->cgroup || (mask & a.buckets->marks && !a.facts.marks_known))
		*signature = not_known;
	hide_facts(&a.facts);
	return ask(&a);
}

/* The verdict of block h, of its tables, on the current task's peer; *signature: as above. */
static __always_inline __u32 judge_anew(const struct filter_block *h, const struct peer *p,
					__u32 kind, bool marked, __u64 *signature)
{
	__u64 mask = peer_mask(p, kind, h->generation);

	if (!mask || mask >> FILTER_SURE)
		return mask ? FILTER_OUTCOMES : 0;
	return ask_joins_of_peer(h, p, kind, mask, marked, signature);
}

/* The same, as it is known or to be kept. */
static __always_inline __u32 judge_known(const struct filter_block *h, const struct peer *p,
					 __u32 kind)
{
	__u64 signature = sign_peer(p, kind, h->generation);
	__u64 answer = KNOWN_ANSWER(signature);
	__u32 wanted;

	if (signature && (answer & ~(__u64)FILTER_OUTCOMES) == signature)
		return answer & FILTER_OUTCOMES;
	wanted = judge_anew(h, p, kind, true, &signature);
	if (signature)
		KNOWN_ANSWER(signature) = signature | wanted;
	known_open(h);
	return wanted;
}

/* The verdict of the block in force on the current task's peer. marked: as above. */
static __always_inline __u64 judge(const struct peer *p, __u32 kind, bool marked)
{
	const struct filter_block *h = filter_now();
	__u64 verdict, none = 0;
	__u8 how;

	if (!p || !h)
		return VERDICT_IS_ONE | FILTER_OUTCOMES;
	verdict = h->verdict;
	how = h->mode == FILTER_MODE_OFF ? FILTER_KIND_ALL : h->kinds[kind & (FILTER_KINDS - 1)];
	if (how == FILTER_KIND_NONE)
		return verdict;
	if (how != FILTER_KIND_TABLES || !p->family)
		return verdict | FILTER_OUTCOMES;
	return verdict | (marked ? judge_known(h, p, kind) : judge_anew(h, p, kind, false, &none));
}

__noinline __u64 judge_peer(const struct peer *p, __u32 kind)
{
	return judge(p, kind, true);
}

/* For programs on cgroups, which may not look into the storage of tasks. */
__noinline __u64 judge_peer_unmarked(const struct peer *p, __u32 kind)
{
	return judge(p, kind, false);
}

/* The same verdict later: what another block says by now is not known. */
static __always_inline __u64 verdict_now(__u64 verdict)
{
	const struct filter_block *h;

	if (!((known_peers.verdict ^ verdict) & ~(__u64)FILTER_OUTCOMES))
		return verdict;
	h = filter_now();
	if (!h)
		return VERDICT_IS_ONE | FILTER_OUTCOMES;
	return verdict >> 32 == h->generation ? verdict : h->verdict | FILTER_OUTCOMES;
}

/* Does nobody want what came out so? That is counted, and what is wanted of it is nothing. */
static __always_inline bool peer_dropped(__u64 verdict, __u32 kind, __u32 outcome)
{
	if (verdict >> outcome & 1)
		return false;
	count_peer(kind);
	return verdict & VERDICT_DROPS;
}

/* Begins the record of what was not dropped. */
static __always_inline bool peer_begin(struct emitter *e, __u32 kind, __u64 verdict, __u32 outcome)
{
	e->signature = 0;
	if (!emit_claim(e, kind))
		return false;
	/* Not known to the verifier, which would else follow the rest for each of the values. */
	e->generation = (__u32)(verdict >> 32) ^ not_known;
	e->flags = (verdict >> outcome & 1 ? 0 : 1u << EV_HDR_WOULD_DROP) ^ not_known;
	return true;
}

#endif
