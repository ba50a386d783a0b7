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
enum { CALL_CONNECT = 42, CALL_URING_ENTER = 426, TCP_CALLERS = 1 << 12 };

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
	r->h.exec_id = exec_id_of(p->h.tgid, p->h.start_ns, p->h.exec_id);
	r->h.parent_exec_id = exec_id_of(p->parent_tgid, p->parent_start_ns, p->h.parent_exec_id);
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

/* Number of the system call that t, the current task, is in: the lower half, as the kernel takes it. */
static __always_inline __u32 call_of(struct task_struct *t)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

	return regs ? regs->orig_ax : 0;
}

static __always_inline bool is_worker(const struct task_struct *t)
{
	return t->flags & (0x10 /* PF_IO_WORKER */ | 0x4000 /* PF_USER_WORKER */);
}

/* Is the current system call io_uring_enter, or the task, the current one, a worker of io_uring? */
static __always_inline bool in_uring(struct task_struct *t)
{
	return is_worker(t) || call_of(t) == CALL_URING_ENTER;
}

/* ---- connect(2) ---- */

/* Which task is in connect(2) with a TCP socket that went to SYN_SENT there, by its number: what that call
 * did is told when the socket leaves SYN_SENT, and its end need not look for the socket. */
__u64 tcp_callers[TCP_CALLERS] = {};

/* 1: the program at the end of connect(2) has run. It is attached last, and before that nobody takes back what
 * is kept here. */
volatile __u32 tcp_ends_seen = 0;

static __always_inline volatile __u64 *tcp_caller(const struct task_struct *t)
{
	return &tcp_callers[t->pid & (TCP_CALLERS - 1)];
}

/* Not 0, and not that of another task with the same place, unless that began 52 days before or after it to the
 * nanosecond. */
static __always_inline __u64 tcp_caller_is(const struct task_struct *t)
{
	return t->start_boottime + ((__u64)t->pid << 40);
}

/* Not of tasks with io_uring, which may connect for it when the call has ended. */
static __always_inline void tcp_enter(const struct task_struct *t)
{
	if (tcp_ends_seen && (!bpf_core_field_exists(t->io_uring) || !t->io_uring))
		*tcp_caller(t) = tcp_caller_is(t);
}

/* Ends a call of connect(2). True: its socket went to SYN_SENT in it. */
static __always_inline bool tcp_leave(const struct task_struct *t)
{
	volatile __u64 *caller = tcp_caller(t);

	if (!tcp_ends_seen)
		tcp_ends_seen = 1;
	if (*caller != tcp_caller_is(t))
		return false;
	*caller = 0;
	return true;
}

/* ---- the beginning ---- */

/* A connect that begins. */
struct tcp_call {
	struct task_struct *t; /* the current one */
	__u64 verdict, user; /* user_of */
	bool uring;
};

/* What is kept of the current task: when the socket leaves SYN_SENT, any other may run. */
static __always_inline void tcp_keep(struct pending *p, const struct tcp_call *c)
{
	struct task_struct *t = c->t, *leader = t->group_leader, *parent = leader->real_parent;

	p->verdict = c->verdict;
	p->h.kind = EV_CONNECT;
	p->h.hook = EV_HOOK_TP_SOCK_STATE;
	p->h.abi = EV_ABI;
	p->h.flags = (__u32)c->uring << EV_HDR_IO_URING;
	p->h.uid = c->user >> 32;
	p->h.euid = c->user;
	p->h.gid = t->cred->gid.val;
	fill_process(&p->h, t, t);
	p->h.exec_id = leader->self_exec_id;
	p->parent_tgid = parent->tgid;
	parent = parent->group_leader;
	p->parent_start_ns = parent->start_boottime;
	p->h.parent_exec_id = parent->self_exec_id;
	task_comm(&p->h.comm, t);
	p->state = STATE_PENDING;
}

/* The same where another socket has the slot. It stands alone for the verifier; so does what else is
 * only done then. */
__noinline int tcp_keep_more(__u64 cookie, __u64 verdict, bool uring)
{
	struct pending *p = connecting_add_more(cookie);
	struct task_struct *t = bpf_get_current_task_btf();
	struct tcp_call c = { t, verdict, user_of(t), uring };

	if (p)
		tcp_keep(p, &c);
	return 0;
}

/* The verdict on a connect that is not known. 0: nobody is asked. */
static __noinline __u64 tcp_judge(const struct sock *s, bool uring)
{
	struct peer peer = { .transport = EV_TRANSPORT_TCP, .uring = uring };

	if (!wanted(EV_CONNECT) || is_self(bpf_get_current_task_btf()))
		return 0;
	find_peer_by(&peer, (struct sock *)s, true); /* its type is known: no cast */
	return judge_peer(&peer, EV_CONNECT);
}

static __always_inline __u64 tcp_known(const struct sock *s, const struct tcp_call *c)
{
	__u16 port = bpf_ntohs(s->__sk_common.skc_dport);
	struct question q = { .t = c->t, .user = c->user };

	if (s->__sk_common.skc_family != AF_INET_)
		return 0;
	q.lo = bpf_ntohl(s->__sk_common.skc_daddr);
	q.rest = peer_question(EV_CONNECT, EV_FAMILY_IPV4, EV_TRANSPORT_TCP, c->uring, port);
	return typed_loads() ? known_verdict(&q, EV_CONNECT, true, true)
			     : known_verdict(&q, EV_CONNECT, true, false);
}

static __noinline int tcp_begins(const struct sock *s)
{
	struct tcp_call c = { .t = bpf_get_current_task_btf() };
	struct pending *p;
	__u64 cookie;
	__u32 call;

	if (s->sk_protocol != IPPROTO_TCP_)
		return 0;
	call = is_worker(c.t) ? CALL_URING_ENTER : call_of(c.t);
	if (call == CALL_CONNECT)
		tcp_enter(c.t);
	c.uring = call == CALL_URING_ENTER;
	c.user = user_of(c.t);
	c.verdict = tcp_known(s, &c);
	if (!c.verdict)
		c.verdict = tcp_judge(s, c.uring);
	if (!c.verdict)
		return 0;
	cookie = bpf_get_socket_cookie((void *)s);
	p = connecting_add(s, cookie);
	if (p) {
		tcp_keep(p, &c);
	} else {
		tcp_keep_more(cookie, c.verdict, c.uring);
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
	struct pending_slot *slot = connecting_slot(s);
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
