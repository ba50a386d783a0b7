/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * TCP connects on their way: what the task that connects is, kept from when its socket goes to
 * SYN_SENT until the outcome was told, and where that was a failure until a call of the caller ends.
 *
 * A socket's address says in which slot it is, for the kernel takes the memory of a socket again that
 * was freed last, and so the slot is in the cache; its cookie, which no other ever has, says that it is the
 * socket's. Where another socket has the slot, it is in a hash map instead, which takes several times as
 * long to write and is not looked at before it was needed once.
 */
#ifndef TOCSIN_CONNECTING_H
#define TOCSIN_CONNECTING_H

#include "maps.h"

enum { CONNECTING_SLOTS = 1 << 12, CONNECTING_MORE = 1 << 14 };
enum { CONNECTING_AGE = 1 << 18, CONNECTING_AGE_PENDING = 1 << 26 }; /* jiffies */
enum { STATE_PENDING = 0, STATE_TOLD = 1 };

struct pending {
	/* Of the task that connects; in place of exec_ids, which take long, counts of execs. */
	struct ev_hdr h;
	__u64 parent_start_ns;
	__u32 parent_tgid;
	__u16 state;
	__u16 err; /* with which it was told */
	__u64 verdict; /* of when it began (filter_peer.h) */
	__u64 sock; /* struct sock * */
};

struct pending_slot {
	__u64 cookie; /* 0: free */
	__u64 since; /* jiffies */
	struct pending p;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CONNECTING_SLOTS);
	__type(key, __u32);
	__type(value, struct pending_slot);
} connecting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTING_MORE);
	__type(key, __u64); /* cookie */
	__type(value, struct pending);
} connecting_more SEC(".maps");

__u32 connecting_crowded = 0; /* 1: connecting_more was needed */
static const struct pending connecting_nothing;

static __always_inline struct pending_slot *connecting_slot(const struct sock *s)
{
	__u32 at = HALF_OF(s) * 0x9e3779b9 >> 20;

	_Static_assert(CONNECTING_SLOTS == 1 << (32 - 20), "bits");
	return bpf_map_lookup_elem(&connecting, &at);
}

/* A slot whose socket went without a word is taken over: where its failure was told after some
 * minutes (nobody asked), else after most of a day or more (the program was interrupted by itself and
 * missed it), for a socket may wait for an answer as long as its owner likes. The time is written
 * first, so that nobody who sees the new cookie takes the slot for an old one. */
static __always_inline bool connecting_claim(struct pending_slot *s, __u64 cookie)
{
	volatile struct pending_slot *v = s;
	__u64 old = v->cookie, now = bpf_jiffies64();
	__u64 age = v->p.state == STATE_TOLD ? CONNECTING_AGE : CONNECTING_AGE_PENDING;

	if (old && old != cookie && now - v->since < age)
		return false;
	v->since = now;
	return old == cookie || __sync_val_compare_and_swap(&s->cookie, old, cookie) == old;
}

/* Room for what is to be kept of the socket; what lies there is of no one. NULL: it is another's. */
static __always_inline struct pending *connecting_add(const struct sock *sk, __u64 cookie)
{
	struct pending_slot *s = connecting_slot(sk);

	return s && connecting_claim(s, cookie) ? &s->p : NULL;
}

/* Room elsewhere, then. NULL: no memory. */
static __always_inline struct pending *connecting_add_more(__u64 cookie)
{
	connecting_crowded = 1;
	if (bpf_map_update_elem(&connecting_more, &cookie, &connecting_nothing, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&connecting_more, &cookie);
}

static __always_inline struct pending *connecting_find(const struct sock *sk, __u64 cookie)
{
	struct pending_slot *s = connecting_slot(sk);

	if (s && cookie && s->cookie == cookie)
		return &s->p;
	return connecting_crowded ? bpf_map_lookup_elem(&connecting_more, &cookie) : NULL;
}

/* One that was found is done with. */
static __always_inline void connecting_free(struct pending_slot *s)
{
	*(volatile __u64 *)&s->cookie = 0;
}

static __always_inline void connecting_remove(const struct sock *sk, __u64 cookie)
{
	struct pending_slot *s = connecting_slot(sk);

	if (s && cookie && s->cookie == cookie)
		connecting_free(s);
	else if (connecting_crowded)
		bpf_map_delete_elem(&connecting_more, &cookie);
}

#endif
