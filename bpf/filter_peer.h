/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's answer for a connect or an accept: does anybody want it? The peer's address
 * decides a mask (filter_abi.h), or how the path of a Unix socket begins; port and task decide the
 * rest. What has no address of a peer is wanted, save for Unix sockets, which never have one.
 *
 * The parts stand alone for the verifier, which would else follow them from every state of their
 * callers; and Linux 6.1 has 512 bytes of stack for a program with all that it calls.
 */
#ifndef TOCSIN_FILTER_PEER_H
#define TOCSIN_FILTER_PEER_H

#include "ask.h"
#include "socket.h"

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
 * each step at which the search can end; and nothing of its frame is needed while joins are asked. */
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
		return filter_search(h, f->v4, f->nv4, 0, p->lo);
	return filter_search(h, f->v6, f->nv6, p->hi, p->lo);
}

static __always_inline __u32 ask_about_peer(const struct peer *p, __u32 kind, __u32 generation,
					    bool marked)
{
	const struct filter_block *h = filter_now();
	struct ask a = { .head = h };
	__u64 mask;

	if (!p || !h || h->generation != generation)
		return FILTER_OUTCOMES;
	mask = peer_mask(p, kind, generation);
	if (!mask || mask >> FILTER_SURE)
		return mask ? FILTER_OUTCOMES : 0;
	a.buckets = &(&h->connect_joins)[kind == EV_ACCEPT];
	a.facts.mask = mask;
	a.facts.kind = kind;
	a.facts.family = p->family;
	a.facts.transport = p->transport;
	a.facts.via = p->uring ? VIA_IO_URING : VIA_SYSCALL;
	a.facts.port = p->family == EV_FAMILY_UNIX ? ~0u : p->port;
	ask_task(&a, bpf_get_current_task_btf(), marked);
	return ask(&a);
}

/* Of which outcomes is the current task's peer wanted by the block of that generation? */
__noinline int ask_peer(const struct peer *p, __u32 kind, __u32 generation)
{
	return ask_about_peer(p, kind, generation, true);
}

/* For programs on cgroups, which may not look into the storage of tasks. */
__noinline int ask_peer_unmarked(const struct peer *p, __u32 kind, __u32 generation)
{
	return ask_about_peer(p, kind, generation, false);
}

/* Of which outcomes does anybody want it of the current task? A bit each. marked, which the compiler
 * knows: the program may look at the task's marks. */
static __always_inline __u32 wanted_outcomes(const struct filter_block *h, __u32 kind,
					     const struct peer *p, bool marked)
{
	if (!h || h->mode == FILTER_MODE_OFF)
		return FILTER_OUTCOMES;
	if (h->kinds[kind] != FILTER_KIND_TABLES)
		return h->kinds[kind] != FILTER_KIND_NONE ? FILTER_OUTCOMES : 0;
	if (!p->family)
		return FILTER_OUTCOMES;
	return marked ? ask_peer(p, kind, h->generation)
		      : ask_peer_unmarked(p, kind, h->generation);
}

/* Begins the record of what came out so, unless nobody wants it. */
static __always_inline bool filter_begin_peer(struct emitter *e, __u32 kind,
					      const struct filter_block *h, __u32 wanted,
					      __u32 outcome)
{
	bool yes = wanted >> outcome & 1;

	e->rec = NULL;
	e->signature = 0;
	if (!yes && !filter_drop(e, h, kind))
		return false;
	return filter_begin(e, kind, h, yes ? 0 : 1u << EV_HDR_WOULD_DROP);
}

#endif
