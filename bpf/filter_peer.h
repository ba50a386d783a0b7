/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter's answer for a connect or an accept: does anybody want it? The peer's address
 * decides a mask (filter_abi.h), port and task the rest. What has no address of a peer is wanted,
 * save for Unix sockets, which never have one.
 */
#ifndef TOCSIN_FILTER_PEER_H
#define TOCSIN_FILTER_PEER_H

#include "filter.h"

#include <bpf/bpf_endian.h>

#define WOULD_DROP (1u << EV_HDR_WOULD_DROP)

/* What a peer is besides its address, as one number: a global function has few arguments. */
#define PEER_WHAT(kind, family, via, port)                                                         \
	((__u64)(kind) << 32 | (__u32)(via) << 24 | (__u32)(family) << 16 | (port))

static __always_inline int ask_about_peer(__u64 hi, __u64 lo, __u64 what, __u32 generation,
					  bool marked)
{
	const struct filter_block *h = filter_now();
	bool accepts = what >> 32 == EV_ACCEPT;
	__u32 off = 0, n = 0;
	struct ask a = { .head = h };

	if (!h || h->generation != generation)
		return 1;
	a.buckets = accepts ? &h->accept_joins : &h->connect_joins;
	a.facts.family = what >> 16;
	a.facts.via = what >> 24;
	a.facts.port = (__u16)what;
	a.facts.mask = accepts ? h->accept.none : h->connect.none;
	if (a.facts.family == EV_FAMILY_IPV4) {
		off = accepts ? h->accept.v4 : h->connect.v4;
		n = accepts ? h->accept.nv4 : h->connect.nv4;
	} else if (a.facts.family == EV_FAMILY_IPV6) {
		off = accepts ? h->accept.v6 : h->connect.v6;
		n = accepts ? h->accept.nv6 : h->connect.nv6;
	} else {
		a.facts.port = ~0u;
	}
	if (n)
		a.facts.mask = filter_interval(h, off, n, hi, lo);
	if (!a.facts.mask)
		return 0;
	if (a.facts.mask >> FILTER_SURE)
		return 1;
	if (marked)
		ask_task(&a, bpf_get_current_task_btf());
	else
		ask_ids(&a, bpf_get_current_task_btf());
	if (ask_joins(&a))
		return 1;
	h = filter_now();
	return !h || h->generation != generation; /* some of it was looked up in another block */
}

/* Does anybody want it of the current task? hi, lo: the address in the order of numbers, IPv4 in lo.
 * Both stand alone for the verifier, which would else follow them from every state of their
 * callers. */
__noinline int ask_peer(__u64 hi, __u64 lo, __u64 what, __u32 generation)
{
	return ask_about_peer(hi, lo, what, generation, true);
}

/* For programs on cgroups, which may not look into the storage of tasks. */
__noinline int ask_peer_unmarked(__u64 hi, __u64 lo, __u64 what, __u32 generation)
{
	return ask_about_peer(hi, lo, what, generation, false);
}

/* family: enum ev_family; port: the peer's of a connect, the local one of an accept. marked, which
 * the compiler knows: the program may look at the task's marks. */
static __always_inline bool wants_peer(const struct filter_block *h, __u32 kind,
				       const struct ev_ip *ip, __u8 family, __u16 port, bool uring,
				       bool marked)
{
	__u64 what = PEER_WHAT(kind, family, uring ? VIA_IO_URING : VIA_SYSCALL, port);
	__u64 words[2], hi = 0, lo;
	__u32 word;

	if (!h || h->mode == FILTER_MODE_OFF)
		return true;
	if (h->kinds[kind] != FILTER_KIND_TABLES)
		return h->kinds[kind] != FILTER_KIND_NONE;
	if (family != EV_FAMILY_UNIX && !ip->family)
		return true;
	__builtin_memcpy(words, ip->addr, sizeof(words));
	__builtin_memcpy(&word, ip->addr, sizeof(word));
	if (ip->family == 6) {
		hi = bpf_be64_to_cpu(words[0]);
		lo = bpf_be64_to_cpu(words[1]);
	} else {
		lo = bpf_ntohl(word);
	}
	return marked ? ask_peer(hi, lo, what, h->generation)
		      : ask_peer_unmarked(hi, lo, what, h->generation);
}

/* Begins the record that somebody wants (yes), or not. */
static __always_inline bool filter_begin_peer(struct emitter *e, __u32 kind,
					      const struct filter_block *h, bool yes)
{
	e->rec = NULL;
	e->signature = 0;
	if (!yes && !filter_drop(e, h, kind))
		return false;
	return filter_begin(e, kind, h, yes ? 0 : WOULD_DROP);
}

#endif
