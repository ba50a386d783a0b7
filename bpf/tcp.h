/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * TCP connects from SYN_SENT to their outcome: what is kept of the task at the one, and sent at the
 * other.
 */
#ifndef TOCSIN_TCP_H
#define TOCSIN_TCP_H

#include "connecting.h"
#include "filter_peer.h"

enum { ESTABLISHED = 1, SYN_SENT = 2, CLOSE = 7 };

static __always_inline void clear_connect(struct ev_connect *r)
{
	__builtin_memset((char *)r + sizeof(r->h), 0, sizeof(*r) - sizeof(r->h));
}

static __always_inline void set_addresses(struct ev_connect *r, const struct addresses *a)
{
	r->saddr = a->local;
	r->daddr = a->peer;
	r->sport = a->lport;
	r->dport = a->pport;
	r->family = a->family;
}

static __always_inline __u32 outcome_of(int err)
{
	return err ? EV_OUTCOME_FAILURE : EV_OUTCOME_SUCCESS;
}

/* The pending connect of a socket ended and somebody wants to know: send it under the header that was
 * kept. It stands alone for the verifier, which would else follow it for each map that p can be in. */
__noinline int tcp_tell(struct pending *p, __u64 verdict, __u32 outcome)
{
	struct addresses *a;
	struct emitter e;
	struct ev_connect *r;
	__u64 now;

	if (!p || !peer_begin(&e, EV_CONNECT, verdict, outcome & (EV_OUTCOME_MAX - 1)))
		return 0;
	a = addresses_in(e.rec);
	sock_addresses((struct sock *)p->sock, a);
	r = (struct ev_connect *)e.rec;
	emit_header(&e, EV_CONNECT, EV_HOOK_TP_SOCK_STATE);
	now = r->h.time_ns;
	r->h = p->h;
	r->h.time_ns = now;
	r->h.cpu = e.cpu_id;
	clear_connect(r);
	set_addresses(r, a);
	r->transport = EV_TRANSPORT_TCP;
	r->io_uring = (p->h.flags >> EV_HDR_IO_URING) & 1;
	r->error = p->err;
	r->outcome = outcome;
	emit_end(&e, EV_CONNECT, sizeof(*r));
	return 0;
}

/* Is the current system call io_uring_enter, or the task, the current one, a worker of io_uring? */
static __always_inline bool in_uring(struct task_struct *t)
{
	struct pt_regs *regs;

	if (t->flags & (0x10 /* PF_IO_WORKER */ | 0x4000 /* PF_USER_WORKER */))
		return true;
	regs = (struct pt_regs *)bpf_task_pt_regs(t);
	return regs && regs->orig_ax == 426;
}

/* What is kept of the current task: when the socket leaves SYN_SENT, any other may run. */
static __always_inline void tcp_keep(struct pending *p, __u64 verdict, bool uring,
				     struct task_struct *t)
{
	p->verdict = verdict;
	p->h.kind = EV_CONNECT;
	p->h.hook = EV_HOOK_TP_SOCK_STATE;
	p->h.abi = EV_ABI;
	p->h.flags = (__u32)uring << EV_HDR_IO_URING;
	fill_task_by(&p->h, t, t);
	task_comm(&p->h.comm, t);
	p->state = STATE_PENDING;
}

/* The same where another socket has the slot. It stands alone for the verifier; so does what else is
 * only done then. */
__noinline int tcp_keep_more(__u64 cookie, __u64 verdict, bool uring)
{
	struct pending *p = connecting_add_more(cookie);

	if (p)
		tcp_keep(p, verdict, uring, bpf_get_current_task_btf());
	return 0;
}

static __noinline int tcp_begins(const struct sock *s)
{
	struct peer peer = { .transport = EV_TRANSPORT_TCP };
	struct task_struct *t;
	struct pending *p;
	__u64 cookie, verdict;

	if (s->sk_protocol != IPPROTO_TCP_ || !wanted(EV_CONNECT))
		return 0;
	t = bpf_get_current_task_btf();
	if (is_self(t))
		return 0;
	peer.uring = in_uring(t);
	find_peer_by(&peer, (struct sock *)s, true); /* its type is known: no cast */
	verdict = judge_peer(&peer, EV_CONNECT);
	cookie = bpf_get_socket_cookie((void *)s);
	p = connecting_add(cookie);
	if (p) {
		tcp_keep(p, verdict, peer.uring, t);
	} else {
		tcp_keep_more(cookie, verdict, peer.uring);
		p = bpf_map_lookup_elem(&connecting_more, &cookie);
	}
	if (p)
		p->sock = (__u64)s;
	return 0;
}

/* err: of the socket that goes to newstate. */
static __always_inline void tcp_finish(struct pending *p, int newstate, int err)
{
	__u32 outcome = newstate == CLOSE ? EV_OUTCOME_FAILURE : outcome_of(err);
	__u64 verdict = verdict_now(p->verdict);

	p->state = STATE_TOLD;
	p->err = err;
	if (!peer_dropped(verdict, EV_CONNECT, outcome))
		tcp_tell(p, verdict, outcome);
}

/* The same where it was not in its slot. */
__noinline int tcp_finish_more(__u64 cookie, int newstate, int err)
{
	struct pending *p = bpf_map_lookup_elem(&connecting_more, &cookie);

	if (p && p->state == STATE_PENDING)
		tcp_finish(p, newstate, err);
	return 0;
}

static __noinline int tcp_ends(const struct sock *s, int oldstate, int newstate)
{
	__u64 cookie = s->__sk_common.skc_cookie.counter;
	struct pending_slot *slot = connecting_slot(cookie);
	int err = newstate == ESTABLISHED ? 0 : s->sk_err;

	if (slot && cookie && slot->cookie == cookie) {
		if (oldstate == SYN_SENT && slot->p.state == STATE_PENDING)
			tcp_finish(&slot->p, newstate, err);
		/* The end of a call that failed asks whether that was told. */
		if (oldstate == CLOSE || newstate != CLOSE)
			connecting_free(slot);
	} else if (connecting_crowded && cookie) {
		if (oldstate == SYN_SENT)
			tcp_finish_more(cookie, newstate, err);
		if (oldstate == CLOSE || newstate != CLOSE)
			bpf_map_delete_elem(&connecting_more, &cookie);
	}
	return 0;
}

#endif
