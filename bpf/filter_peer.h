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

enum { SEARCH_STEPS = 24 }; /* among 2^24 addresses, more than a block holds */

/* What a peer is besides its address, as one number: a global function has few arguments. */
#define PEER_WHAT(kind, transport, family, via, port)                                              \
	((__u64)((kind)-EV_CONNECT) << 40 | (__u64)(transport) << 32 | (__u32)(via) << 24 |        \
	 (__u32)(family) << 16 | (port))
#define WHAT_ACCEPTS(what) ((what) >> 40 & 1)
#define WHAT_TRANSPORT(what) ((__u8)((what) >> 32))
#define WHAT_VIA(what) ((__u8)((what) >> 24))
#define WHAT_FAMILY(what) ((__u8)((what) >> 16))
#define WHAT_PORT(what) ((__u16)(what))

/* What is of accepts lies behind what is of connects: found without a branch. */
_Static_assert(EV_ACCEPT == EV_CONNECT + 1, "kind");
_Static_assert(__builtin_offsetof(struct filter_block, accept) ==
		       __builtin_offsetof(struct filter_block, connect) +
			       sizeof(struct filter_peers),
	       "peers");
_Static_assert(__builtin_offsetof(struct filter_block, accept_joins) ==
		       __builtin_offsetof(struct filter_block, connect_joins) +
			       sizeof(struct filter_buckets),
	       "joins");

struct search {
	const struct filter_block *head;
	struct filter_search s;
};

static long search_step(__u64 i, struct search *s)
{
	return !filter_search_step(s->head, &s->s);
}

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

static __always_inline __u64 unix_mask(const struct filter_block *h, const struct filter_peers *p,
				       __u64 w0, __u64 w1)
{
	struct unix_search s = { .head = h, .w0 = w0, .w1 = w1, .mask = p->none, .at = p->paths };

	if (p->npaths)
		bpf_loop(p->npaths, unix_step, &s, 0);
	return s.mask;
}

/* The mask of an address. hi, lo: in the order of numbers, IPv4 in lo; of a Unix socket the first
 * bytes of its path. */
__noinline __u64 peer_mask(__u64 hi, __u64 lo, __u64 what, __u32 generation)
{
	const struct filter_block *h = filter_now();
	struct search s = { .head = h, .s = { .hi = hi, .lo = lo } };
	const struct filter_peers *p;

	if (!h || h->generation != generation)
		return FILTER_WANTED;
	p = &(&h->connect)[WHAT_ACCEPTS(what)];
	if (WHAT_FAMILY(what) == EV_FAMILY_UNIX)
		return unix_mask(h, p, hi, lo);
	if (WHAT_FAMILY(what) == EV_FAMILY_IPV4) {
		s.s.off = p->v4;
		s.s.high = p->nv4;
	} else {
		s.s.off = p->v6;
		s.s.high = p->nv6;
	}
	bpf_loop(SEARCH_STEPS, search_step, &s, 0);
	return filter_search_mask(h, &s.s);
}

static __always_inline int ask_about_peer(__u64 mask, __u64 what, __u32 generation, bool marked)
{
	const struct filter_block *h = filter_now();
	struct ask a = { .head = h };

	if (!h || h->generation != generation)
		return FILTER_OUTCOMES;
	a.buckets = &(&h->connect_joins)[WHAT_ACCEPTS(what)];
	a.facts.mask = mask;
	a.facts.kind = EV_CONNECT + WHAT_ACCEPTS(what);
	a.facts.family = WHAT_FAMILY(what);
	a.facts.transport = WHAT_TRANSPORT(what);
	a.facts.via = WHAT_VIA(what);
	a.facts.port = WHAT_FAMILY(what) == EV_FAMILY_UNIX ? ~0u : WHAT_PORT(what);
	ask_task(&a, bpf_get_current_task_btf(), marked);
	return ask(&a);
}

/* Of which outcomes does a join hold for the current task's peer, whose address has the mask? */
__noinline int ask_peer(__u64 mask, __u64 what, __u32 generation)
{
	return ask_about_peer(mask, what, generation, true);
}

/* For programs on cgroups, which may not look into the storage of tasks. */
__noinline int ask_peer_unmarked(__u64 mask, __u64 what, __u32 generation)
{
	return ask_about_peer(mask, what, generation, false);
}

/* Of which outcomes does anybody want it of the current task? A bit each. marked, which the compiler
 * knows: the program may look at the task's marks. */
static __always_inline __u32 wanted_outcomes(const struct filter_block *h, __u32 kind,
					     const struct peer *p, bool marked)
{
	__u64 what = PEER_WHAT(kind, p->transport, p->family, p->uring ? VIA_IO_URING : VIA_SYSCALL,
			       p->port);
	__u64 mask;

	if (!h || h->mode == FILTER_MODE_OFF)
		return FILTER_OUTCOMES;
	if (h->kinds[kind] != FILTER_KIND_TABLES)
		return h->kinds[kind] != FILTER_KIND_NONE ? FILTER_OUTCOMES : 0;
	if (!p->family)
		return FILTER_OUTCOMES;
	mask = peer_mask(p->hi, p->lo, what, h->generation);
	if (!mask || mask >> FILTER_SURE)
		return mask ? FILTER_OUTCOMES : 0;
	return marked ? ask_peer(mask, what, h->generation)
		      : ask_peer_unmarked(mask, what, h->generation);
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
