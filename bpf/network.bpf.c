// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * network.connect and network.accept, from sockets.
 *
 * TCP: the header is taken when the socket goes to SYN_SENT, which is in the caller's context
 * whatever called (connect, sendto with Fast Open, io_uring), and the event is sent when the
 * socket leaves SYN_SENT: then the outcome is known, also of a connect that does not block.
 * UDP and Unix sockets: at the end of the call. Unconnected UDP: cgroup programs see the kernel's
 * copy of the address, and the first datagram to each peer is reported.
 * A connect that failed before the socket had a peer (no route, no such path) has only the
 * caller's memory to show for it, and says so.
 */
#include "syscalls.h"
#include "tcp.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { OP_ACCEPT = 13, OP_CONNECT = 16, ACCEPT_MULTISHOT = 1 };
enum { EINTR_ = 4, EPIPE_ = 32, ECONNABORTED_ = 103, ECONNRESET_ = 104 };
enum { EISCONN_ = 106, EALREADY_ = 114, EINPROGRESS_ = 115 };

struct udp_peer {
	__u64 cookie, port;
	struct ev_ip to;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct udp_peer);
	__type(value, __u8);
} udp_peers SEC(".maps");

/* Multishot accepts complete without their request; what it was is kept from its submission. */
struct uring_key {
	__u64 ring, user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct uring_key);
	__type(value, __u32); /* io_accept.file_slot */
} uring_accepts SEC(".maps");

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, const struct sock *s, int oldstate, int newstate)
{
	if (newstate == SYN_SENT)
		return tcp_begins(s);
	if (oldstate == SYN_SENT || (oldstate == CLOSE && newstate == CLOSE))
		return tcp_ends(s, oldstate, newstate);
	return 0;
}

/* The address that was asked for, from the caller's memory. */
static __always_inline void set_requested(struct ev_connect *r, __u32 *pos, const void *addr,
					  __u32 len)
{
	struct sockaddr_in6 in = {};
	__u16 family = 0;

	if (bpf_probe_read_user(&family, sizeof(family), addr)) {
		r->h.flags |= 1u << EV_HDR_UNREAD;
		return;
	}
	r->h.flags |= 1u << EV_HDR_USER;
	if (family == AF_UNIX_ && len > 2) {
		unix_name((__u8 *)r, pos, &r->req_path, (const char *)addr + 2, len - 2, true);
	} else if (family == AF_INET_) {
		bpf_probe_read_user(&in, sizeof(struct sockaddr_in), addr);
		ip4(&r->req_addr, ((struct sockaddr_in *)&in)->sin_addr.s_addr);
		r->req_port = bpf_ntohs(in.sin6_port);
	} else if (family == AF_INET6_) {
		bpf_probe_read_user(&in, sizeof(in), addr);
		ip6(&r->req_addr, &in.sin6_addr);
		r->req_port = bpf_ntohs(in.sin6_port);
	}
}

static __always_inline bool in_progress(long ret)
{
	return ret == -EINPROGRESS_ || ret == -EALREADY_ || ret == -EINTR_ || ret == -EISCONN_ ||
	       ret <= -ERESTARTSYS_;
}

/* Has sock_state told of the connect that came to this end, or will it? What it told of is done with
 * when any call ends. One that is on its way is not: a bad call on its socket fails by itself, and of
 * io_uring a request may be cancelled. */
static __always_inline bool tcp_was_told(struct sock *sk, long ret, bool uring)
{
	__u64 cookie = sock_cookie(sk);
	struct pending *p = connecting_find(sk, cookie);
	bool told;

	/* only a socket that has left SYN_SENT says so */
	if (ret == -EPIPE_ || ret == -ECONNABORTED_ || ret == -ECONNRESET_)
		told = true;
	else
		told = p &&
		       (uring || (p->state == STATE_TOLD && (!p->err || ret == -(long)p->err)));
	if (p && p->state == STATE_TOLD)
		connecting_remove(sk, cookie);
	return told;
}

/* Multipath TCP accepts sockets of its own; what connects is a TCP socket below it. */
static __always_inline bool is_tcp(__u16 protocol)
{
	return protocol == IPPROTO_TCP_ || protocol == IPPROTO_MPTCP_;
}

/* That socket, or NULL. */
static __always_inline struct sock *tcp_of(struct sock *sk, __u16 protocol)
{
	if (protocol == IPPROTO_TCP_)
		return sk;
	return bpf_core_type_exists(struct mptcp_sock___first)
		       ? LOAD(sk, struct mptcp_sock___first, first)
		       : NULL;
}

/* Does the end of this call say something that nobody else says? Of TCP only a failure can. A call that
 * succeeded and left the socket closed is a disconnect, with which what was told before is done. */
static __always_inline bool connect_is_news(struct sock *sk, struct sock_kind kind, long ret,
					    bool uring)
{
	if (kind.family == AF_UNIX_)
		return !in_progress(ret);
	if (kind.family != AF_INET_ && kind.family != AF_INET6_)
		return false;
	if (is_tcp(kind.protocol)) {
		if (!ret && kind.state != CLOSE && kind.protocol == IPPROTO_TCP_)
			return false;
		sk = in_progress(ret) ? NULL : tcp_of(sk, kind.protocol);
		return sk && !tcp_was_told(sk, ret, uring) && ret;
	}
	return kind.protocol == IPPROTO_UDP_ && !in_progress(ret) &&
	       (ret || LOAD(sk, struct sock, __sk_common.skc_dport)); /* else: disconnected */
}

/* peer: of a Unix socket, 0: none. */
static __always_inline void fill_connect(struct ev_connect *r, __u32 *pos, struct sock *sk,
					 __u16 family, long ret, __u64 peer)
{
	struct addresses *a = addresses_in((__u8 *)r);

	clear_connect(r);
	r->error = -ret;
	r->outcome = outcome_of(ret);
	if (family == AF_UNIX_) {
		r->family = EV_FAMILY_UNIX;
		if (peer)
			unix_bound((__u8 *)r, pos, &r->unix_path, (struct sock *)peer);
		return;
	}
	r->family = family == AF_INET_ ? EV_FAMILY_IPV4 : EV_FAMILY_IPV6;
	if (!ret && sock_addresses(sk, a))
		set_addresses(r, a);
}

/* addr NULL: io_uring, whose copy of the address is gone. */
static __always_inline int connect_end(struct task_struct *t, struct file *f, long ret,
				       const void *addr, __u32 len, bool uring)
{
	struct sock *sk = sock_of_file(f);
	struct sock_kind kind;
	__u32 pos = sizeof(struct ev_connect);
	struct emitter e;
	struct ev_connect *r;
	struct peer p = { .uring = uring };
	__u64 verdict;

	if (!sk)
		return 0;
	kind = sock_kind_of(sk);
	if (!connect_is_news(sk, kind, ret, uring) || !wanted(EV_CONNECT) || is_self(t))
		return 0;
	if (kind.family == AF_UNIX_) {
		p.family = EV_FAMILY_UNIX;
		p.transport = unix_transport(sk);
		p.sock = ret ? 0 : (__u64)LOAD((struct unix_sock *)sk, struct unix_sock, peer);
		find_path_head(&p);
	} else {
		p.transport = is_tcp(kind.protocol) ? EV_TRANSPORT_TCP : EV_TRANSPORT_UDP;
		if (!ret) {
			p.sock = (__u64)sk;
			find_peer(&p);
		}
	}
	verdict = judge_peer(&p, EV_CONNECT);
	if (peer_dropped(verdict, EV_CONNECT, outcome_of(ret)) ||
	    !peer_begin(&e, EV_CONNECT, verdict, outcome_of(ret)))
		return 0;
	r = (struct ev_connect *)e.rec;
	emit_current(&e, EV_CONNECT, uring ? EV_HOOK_TP_IO_URING_COMPLETE : EV_HOOK_TP_SYS_EXIT);
	fill_connect(r, &pos, sk, kind.family, ret, p.sock);
	r->transport = p.transport;
	if (uring) {
		r->io_uring = 1;
		r->h.flags |= 1u << EV_HDR_IO_URING;
	}
	if (ret && addr)
		set_requested(r, &pos, addr, len);
	emit_end(&e, EV_CONNECT, pos);
	return 0;
}

static __always_inline int accept_end(struct task_struct *t, struct file *f, bool uring)
{
	struct sock *sk = sock_of_file(f);
	struct peer p = { .sock = (__u64)sk, .transport = EV_TRANSPORT_TCP, .uring = uring };
	__u32 pos = sizeof(struct ev_accept);
	struct sock_kind kind;
	struct addresses *a;
	struct emitter e;
	struct ev_accept *r;
	__u64 verdict;

	if (!sk || !wanted(EV_ACCEPT))
		return 0;
	kind = sock_kind_of(sk);
	if (kind.family != AF_UNIX_ && (!is_tcp(kind.protocol) || !find_peer(&p)))
		return 0;
	if (is_self(t))
		return 0;
	if (kind.family == AF_UNIX_) {
		p.family = EV_FAMILY_UNIX;
		p.transport = unix_transport(sk);
		find_path_head(&p);
	}
	p.port = p.lport;
	verdict = judge_peer(&p, EV_ACCEPT);
	if (peer_dropped(verdict, EV_ACCEPT, EV_OUTCOME_SUCCESS) ||
	    !peer_begin(&e, EV_ACCEPT, verdict, EV_OUTCOME_SUCCESS))
		return 0;
	r = (struct ev_accept *)e.rec;
	emit_current(&e, EV_ACCEPT, uring ? EV_HOOK_TP_IO_URING_COMPLETE : EV_HOOK_TP_SYS_EXIT);
	a = addresses_in(e.rec);
	if (kind.family != AF_UNIX_)
		sock_addresses(sk, a);
	r->saddr = a->peer;
	r->daddr = a->local;
	r->sport = a->pport;
	r->dport = a->lport;
	r->outcome = EV_OUTCOME_SUCCESS;
	r->family = p.family;
	r->transport = p.transport;
	r->io_uring = uring;
	r->h.flags |= (__u32)uring << EV_HDR_IO_URING;
	r->unix_path.off = r->unix_path.len = 0;
	if (kind.family == AF_UNIX_)
		unix_bound(e.rec, &pos, &r->unix_path, sk);
	emit_end(&e, EV_ACCEPT, pos);
	return 0;
}

/* File operations of sockets, which tell a socket as well as its inode does. 0 until one was seen, and where the
 * kernel has the words of SOCK_PORTS_AT in another order. */
volatile __u64 socket_ops = 0;

/* Of a socket: ports, family and what follows, a word that lies in one piece. */
#define SOCK_PORTS_AT bpf_core_field_offset(struct sock, __sk_common.skc_portpair)
#define SOCK_PORTS_IN_FRONT                                                                        \
	(bpf_core_field_offset(struct sock, __sk_common.skc_family) == SOCK_PORTS_AT + 4 &&        \
	 bpf_core_field_offset(struct sock, __sk_common.skc_num) == SOCK_PORTS_AT + 2)

/* Is it known that nobody wants the accept of the IPv4 socket at fd? What is there no more, or no socket, is
 * not. The kernel gave the number, so it is in the table. */
static __always_inline bool accept_is_dropped(struct task_struct *t, long fd)
{
	struct question q = { .t = t };
	struct callback_head *slot;
	__u64 ports, verdict;
	struct file *f;
	struct sock *sk;

	if (!typed_loads())
		return false;
	slot = typed((char *)t->files->fdt->fd + fd * sizeof(void *), struct callback_head);
	f = typed(slot->next, struct file);
	if ((__u64)f->f_op != socket_ops)
		return false;
	sk = typed(typed(f->private_data, struct socket)->sk, struct sock);
	ports = typed((char *)sk + SOCK_PORTS_AT, struct timespec64)->tv_sec;
	if ((__u16)(ports >> 32) != AF_INET_)
		return false;
	q.lo = bpf_ntohl(sk->__sk_common.skc_daddr);
	q.rest = peer_question(EV_ACCEPT, EV_FAMILY_IPV4, EV_TRANSPORT_TCP, false, ports >> 16);
	verdict = known_verdict(&q, EV_ACCEPT, false, true);
	if (!(verdict & VERDICT_DROPS) || verdict >> EV_OUTCOME_SUCCESS & 1)
		return false;
	count_peer(EV_ACCEPT);
	return true;
}

static __noinline int accept_late(long fd)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct file *f = file_of_fd(t, fd);

	if (!socket_ops && SOCK_PORTS_IN_FRONT && sock_of_file(f))
		socket_ops = (__u64)LOAD(f, struct file, f_op);
	return accept_end(t, f, false);
}

/* Tail-called by sys_exit. */
SEC("tp_btf/sys_exit")
int BPF_PROG(accept_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *t = bpf_get_current_task_btf();

	if (ret < 0)
		return 0;
	/* times and keyctl have the numbers of accept and accept4 */
	if (is_compat(t) && ((regs->orig_ax & 511) == 43 || (regs->orig_ax & 511) == 288))
		return 0;
	return accept_is_dropped(t, ret) ? 0 : accept_late(ret);
}

struct call {
	__u64 fd, addr, len;
};

/* socketcall(2), 32-bit programs only: 3 is connect, with its arguments in the caller's memory. */
static __always_inline bool socketcall_connect(struct pt_regs *regs, struct call *c)
{
	__u32 args[3] = {};

	if ((__u32)regs->bx != 3 ||
	    bpf_probe_read_user(args, sizeof(args), (void *)(__u64)(__u32)regs->cx))
		return false;
	c->fd = args[0];
	c->addr = args[1];
	c->len = args[2];
	return true;
}

/* connect_end is inlined once: its size is what the verifier pays for. */
static __noinline int connect_late(long fd, long ret, __u64 addr, __u32 len)
{
	struct task_struct *t = bpf_get_current_task_btf();

	return connect_end(t, file_of_fd(t, (int)fd), ret, (void *)addr, len, false);
}

/* Tail-called by sys_exit. */
SEC("tp_btf/sys_exit")
int BPF_PROG(connect_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct call c;

	if (tcp_leave(t) && !ret)
		return 0; /* sock_state tells of it */
	c = (struct call){ regs->di, regs->si, regs->dx };
	if (is_compat(t)) {
		if ((regs->orig_ax & 511) == 42) /* pipe */
			return 0;
		c.fd = (__u32)regs->bx;
		c.addr = (__u32)regs->cx;
		c.len = (__u32)regs->dx;
		if (regs->orig_ax == 102) {
			if ((__u32)regs->bx == 5 || (__u32)regs->bx == 18) /* accept, accept4 */
				bpf_tail_call(ctx, &dispatch, SLOT_ACCEPT);
			if (!socketcall_connect(regs, &c))
				return 0;
		}
	}
	return connect_late(c.fd, ret, c.addr, c.len);
}

/* Does the address given with a datagram, or set by the kernel (IPv4-mapped sockets), only repeat
 * the peer that the socket is connected to? */
static __always_inline bool is_own_peer(struct bpf_sock *sk, const struct ev_ip *to, __u16 port)
{
	const __u32 *a = (const __u32 *)to->addr;
	__u32 p4, p0, p1, p2, p3;

	if (!sk || sk->state != ESTABLISHED || sk->dst_port != bpf_htons(port))
		return false;
	/* each at its fixed offset: the verifier lets no one compute on sk */
	p4 = sk->dst_ip4;
	barrier_var_(p4);
	p0 = sk->dst_ip6[0];
	barrier_var_(p0);
	p1 = sk->dst_ip6[1];
	barrier_var_(p1);
	p2 = sk->dst_ip6[2];
	barrier_var_(p2);
	p3 = sk->dst_ip6[3];
	barrier_var_(p3);
	if (to->family == 4)
		return p4 == a[0];
	return p0 == a[0] && p1 == a[1] && p2 == a[2] && p3 == a[3];
}

/* Where a datagram is said to come from; family 0 where nobody says so. */
static __always_inline void udp_source(struct ev_ip *ip, struct bpf_sock_addr *ctx, bool v6)
{
	__u32 *to = (__u32 *)ip->addr, any;

	if (v6) {
		to[0] = ctx->msg_src_ip6[0];
		to[1] = ctx->msg_src_ip6[1];
		to[2] = ctx->msg_src_ip6[2];
		to[3] = ctx->msg_src_ip6[3];
		any = to[0] | to[1] | to[2] | to[3];
		ip6_in_place(ip);
	} else {
		any = ctx->msg_src_ip4;
		ip4(ip, any);
	}
	if (!any)
		ip->family = 0;
}

static __always_inline int udp_send(struct bpf_sock_addr *ctx, struct udp_peer *key, bool v6)
{
	const struct ev_ip *to = &key->to;
	struct task_struct *t = bpf_get_current_task_btf();
	struct peer p = { .transport = EV_TRANSPORT_UDP, .uring = in_uring(t) };
	struct bpf_sock *sk = ctx->sk;
	struct emitter e;
	struct ev_connect *r;
	__u64 verdict;
	__u8 one = 1;

	key->cookie = bpf_get_socket_cookie(ctx);
	key->port = bpf_ntohs(ctx->user_port);
	if (is_own_peer(sk, to, key->port) || bpf_map_lookup_elem(&udp_peers, key))
		return 1;
	if (!wanted(EV_CONNECT) || is_self(t))
		return 1;
	bpf_map_update_elem(&udp_peers, key, &one, BPF_ANY);
	p.port = key->port;
	set_peer(&p, to);
	verdict = judge_peer_unmarked(&p, EV_CONNECT);
	if (peer_dropped(verdict, EV_CONNECT, EV_OUTCOME_SUCCESS) ||
	    !peer_begin(&e, EV_CONNECT, verdict, EV_OUTCOME_SUCCESS))
		return 1;
	r = (struct ev_connect *)e.rec;
	emit_current(&e, EV_CONNECT, EV_HOOK_CGROUP_SENDMSG);
	clear_connect(r);
	r->daddr = *to;
	udp_source(&r->saddr, ctx, v6);
	r->dport = key->port;
	r->sport = sk ? sk->src_port : 0;
	r->outcome = EV_OUTCOME_SUCCESS;
	r->family = p.family;
	r->transport = EV_TRANSPORT_UDP;
	if (p.uring) {
		r->io_uring = 1;
		r->h.flags |= 1u << EV_HDR_IO_URING;
	}
	emit_end(&e, EV_CONNECT, sizeof(*r));
	return 1;
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	struct udp_peer key = {};

	ip4(&key.to, ctx->user_ip4);
	return udp_send(ctx, &key, false);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	struct udp_peer key = {};
	__u32 *to = (__u32 *)key.to.addr;

	to[0] = ctx->user_ip6[0];
	to[1] = ctx->user_ip6[1];
	to[2] = ctx->user_ip6[2];
	to[3] = ctx->user_ip6[3];
	ip6_in_place(&key.to);
	return udp_send(ctx, &key, true);
}

static __always_inline int uring_end(struct io_ring_ctx *ring, void *req, __u64 user_data, int res)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct uring_key key = { (__u64)ring, user_data };
	__u32 slot, *armed;
	__u8 op;

	if (req) {
		op = LOAD(req, struct io_kiocb, opcode);
		if (op == OP_CONNECT)
			return connect_end(bpf_get_current_task_btf(),
					   LOAD(req, struct io_kiocb, file), res, NULL, 0, true);
		if (op != OP_ACCEPT)
			return 0;
		slot = LOAD(req, struct io_accept, file_slot);
	} else {
		armed = bpf_map_lookup_elem(&uring_accepts, &key);
		if (!armed)
			return 0;
		slot = *armed;
	}
	if (res < 0)
		return 0;
	return accept_end(bpf_get_current_task_btf(), uring_new_file(ring, slot, t, res), true);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(network_uring, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	return uring_end(ring, req, LOAD(cqe, struct io_uring_cqe, user_data),
			 LOAD(cqe, struct io_uring_cqe, res));
}

/* The tracepoint's arguments until 6.15. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(network_uring_old, struct io_ring_ctx *ring, void *req, __u64 user_data, int res)
{
	return uring_end(ring, req, user_data, res);
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(network_uring_submit, struct io_kiocb *req)
{
	struct uring_key key;
	__u32 slot;

	if (LOAD(req, struct io_kiocb, opcode) != OP_ACCEPT ||
	    !(LOAD((struct io_accept *)req, struct io_accept, iou_flags) & ACCEPT_MULTISHOT))
		return 0;
	key.ring = (__u64)LOAD(req, struct io_kiocb, ctx);
	key.user_data = LOAD(req, struct io_kiocb, cqe.user_data);
	slot = LOAD((struct io_accept *)req, struct io_accept, file_slot);
	bpf_map_update_elem(&uring_accepts, &key, &slot, BPF_ANY);
	return 0;
}
