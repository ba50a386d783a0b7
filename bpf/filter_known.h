/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The short way to the verdict on a peer: what was answered to a task before is kept under a signature of
 * the question and of who asks. Every instruction here is run for every connect and accept of the machine.
 *
 * Who asks is signed in place of what takes time to find out of him: the marks of a thread are the same until
 * it executes another program, save those of filter_block.late, which is signed too. comm and user are
 * signed where some join asks for them. What a join asks that is found out anew each time (cgroup) and what was not
 * known, but may be later, is not kept. The keys are the generation's, so all is forgotten with it; user
 * space closes this way while it changes the block (probes/filter.c).
 */
#ifndef TOCSIN_FILTER_KNOWN_H
#define TOCSIN_FILTER_KNOWN_H

#include "ask.h"
#include "socket.h"

enum { KNOWN_BITS = 14, KNOWN_ANSWERS = 1 << KNOWN_BITS };

volatile struct filter_known_peers known_peers SEC(".data.known") = {};

/* One word each, so that no two writers can make one that neither wrote: the signature, with the outcomes of
 * which the event is wanted in its lowest bits. 0: none. At an address that the programs have. */
__u64 known_answers[KNOWN_ANSWERS] = {};

struct filter_peer_counter peers_dropped[FILTER_COUNTERS] SEC(".bss.peers") = {};

/* What is asked, but for the address: in the lower half of a word. port is of the kind that joins ask for. */
static __always_inline __u64 peer_question(__u32 kind, __u32 family, __u32 transport, bool uring,
					   __u16 port)
{
	return port | kind << 16 | family << 21 | transport << 24 | (__u32)uring << 28;
}

_Static_assert(FILTER_KINDS <= 1 << 5 && (int)EV_FAMILY_MAX <= 1 << 3 &&
		       (int)EV_TRANSPORT_MAX <= 1 << 4,
	       "bits");

/* What the joins of a kind ask, by the verdict of their block. */
static __always_inline __u64 asked(__u64 verdict, __u32 kind)
{
	return kind == EV_ACCEPT ? verdict >> VERDICT_OF_ACCEPTS : verdict;
}

/* Who the current task t is: effective and real uid. */
static __always_inline __u64 user_of(struct task_struct *t)
{
	const struct cred *cred = t->cred;

	return cred->euid.val | (__u64)cred->uid.val << 32;
}

/* A question of the current task t. */
struct question {
	__u64 lo; /* of the address */
	__u64 rest; /* peer_question */
	__u64 user; /* of t, where some join asks for it */
	struct task_struct *t;
};

/* Its signature, with zeros for the outcomes. x: the seed, with the other half of the address mixed in if there
 * is one. 0 where keys are closed. */
static __always_inline __u64 sign_question(__u64 x, const struct question *q, __u64 asks,
					   __u64 late, const struct filter_keys *keys)
{
	struct task_struct *t = q->t;

	x = filter_mix(x ^ q->lo, keys) ^ q->rest ^ (__u64)t->self_exec_id << 32;
	x = filter_mix(x, keys) ^ (t->start_boottime + (__u32)t->pid * keys->k1 + late * keys->k2);
	if (asks & VERDICT_ASKS_THREAD) {
		x = filter_mix(x, keys) ^ TASK_COMM_WORD(t, 0);
		x = filter_mix(x, keys) ^ TASK_COMM_WORD(t, 1);
	}
	if (asks & VERDICT_ASKS_USER)
		x = filter_mix(x, keys) ^ q->user;
	return filter_mix(x, keys) & ~(__u64)FILTER_OUTCOMES;
}

#define KNOWN_ANSWER(signature)                                                                    \
	(*(volatile __u64 *)&known_answers[(signature) >> (64 - KNOWN_BITS)])

/* The late marks of the block whose keys these are. fast: as READ. */
static __always_inline __u64 known_late(__u64 at, bool fast)
{
	const struct filter_block *h;

	if (fast)
		return typed(at, struct timespec64)->tv_sec;
	h = filter_now();
	return h ? h->late : 0;
}

/* The verdict on an IPv4 peer, or 0: not known. has_user: the question tells the user. */
static __always_inline __u64 known_verdict(struct question *q, __u32 kind, bool has_user, bool fast)
{
	volatile struct filter_known_peers *known = &known_peers;
	struct filter_keys keys;
	__u64 late, verdict, signature, answer;

	barrier_var_(known); /* one address for all */
	late = known->late;
	if (!late)
		return 0;
	late = known_late(late, fast);
	keys.seed = known->keys.seed;
	keys.k1 = known->keys.k1;
	keys.k2 = known->keys.k2;
	verdict = known->verdict;
	if (!has_user && asked(verdict, kind) & VERDICT_ASKS_USER)
		q->user = user_of(q->t);
	signature = sign_question(keys.seed, q, asked(verdict, kind), late, &keys);
	answer = KNOWN_ANSWER(signature);
	if (!signature || (answer & ~(__u64)FILTER_OUTCOMES) != signature)
		return 0;
	return verdict | (answer & FILTER_OUTCOMES);
}

/* Of any peer, the signature under which the answer of the block of a generation is, or would be, kept. 0: that
 * is not in force. It stands alone for the verifier, and its frame is not one of those that ask joins. */
__noinline __u64 sign_peer(const struct peer *p, __u32 kind, __u32 generation)
{
	const struct filter_block *h = filter_now();
	struct question q = { .t = bpf_get_current_task_btf() };
	__u64 x;

	if (!p || !h || h->generation != generation)
		return 0;
	q.lo = p->lo;
	q.rest = peer_question(kind, p->family, p->transport, p->uring, p->port);
	q.user = user_of(q.t);
	x = h->keys.seed;
	if (p->family != EV_FAMILY_IPV4)
		x = filter_mix(x ^ p->hi, &h->keys);
	return sign_question(x, &q, asked(h->verdict, kind), *(volatile __u64 *)&h->late,
			     &h->keys);
}

/* Block h, which is in force, was asked: its answers may be known from now on. */
static __always_inline void known_open(const struct filter_block *h)
{
	if (!known_peers.late && known_peers.verdict == h->verdict)
		known_peers.late = (__u64)&h->late;
}

/* Counted at an address that the program knows. */
static __always_inline void count_peer(__u32 kind)
{
	__u64 at = (bpf_get_smp_processor_id() & (FILTER_COUNTERS - 1)) << 6; /* of 64 bytes */

	_Static_assert(sizeof(struct filter_peer_counter) == 64, "shift");
	__sync_fetch_and_add((__u64 *)((void *)peers_dropped + at) + (kind == EV_ACCEPT), 1);
}

#endif
