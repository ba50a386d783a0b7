/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sockets as the kernel has them: from a file to its sock, and a sock's addresses.
 */
#ifndef TOCSIN_SOCKET_H
#define TOCSIN_SOCKET_H

#include "path.h"

#include <bpf/bpf_endian.h>

enum {
	AF_UNIX_ = 1,
	AF_INET_ = 2,
	AF_INET6_ = 10,
	IPPROTO_TCP_ = 6,
	IPPROTO_UDP_ = 17,
	IPPROTO_MPTCP_ = 262,
	SOCK_STREAM_ = 1,
	SOCK_DGRAM_ = 2,
	SOCK_SEQPACKET_ = 5,
	UNIX_PATH_MAX_ = 108,
	PEER_HEAD = 16, /* bytes of a path */
};

static __always_inline struct sock *sock_of_file_by(struct file *file, bool fast)
{
	struct file *f = CAST(fast, file, struct file);
	struct inode *inode = READ(fast, f, struct file, f_inode);
	struct socket *s;

	if (!inode || READ(fast, inode, struct inode, i_mode) >> 12 != 12)
		return NULL;
	s = CAST(fast, READ(fast, f, struct file, private_data), struct socket);
	return READ(fast, s, struct socket, sk);
}

/* NULL: the file is none, or no socket. */
static __always_inline struct sock *sock_of_file(struct file *f)
{
	if (!f)
		return NULL;
	return typed_loads() ? sock_of_file_by(f, true) : sock_of_file_by(f, false);
}

static __always_inline __u16 sock_family(struct sock *sk)
{
	return LOAD(sk, struct sock, __sk_common.skc_family);
}

static __always_inline __u16 sock_protocol(struct sock *sk)
{
	return LOAD(sk, struct sock, sk_protocol);
}

struct sock_kind {
	__u16 family, protocol;
	__u8 state;
};

static __always_inline struct sock_kind sock_kind_by(struct sock *sk, bool fast)
{
	struct sock_kind k;

	sk = CAST(fast, sk, struct sock);
	k.family = READ(fast, sk, struct sock, __sk_common.skc_family);
	k.protocol = READ(fast, sk, struct sock, sk_protocol);
	k.state = READ(fast, sk, struct sock, __sk_common.skc_state);
	return k;
}

/* All at once, which costs less than one after the other. */
static __always_inline struct sock_kind sock_kind_of(struct sock *sk)
{
	return typed_loads() ? sock_kind_by(sk, true) : sock_kind_by(sk, false);
}

/* 0: nobody has asked for it yet. */
static __always_inline __u64 sock_cookie(struct sock *sk)
{
	return LOAD(sk, struct sock, __sk_common.skc_cookie.counter);
}

static __always_inline void ip4(struct ev_ip *ip, __u32 addr)
{
	__builtin_memset(ip, 0, sizeof(*ip));
	__builtin_memcpy(ip->addr, &addr, 4);
	ip->family = 4;
}

/* IPv4-mapped addresses (RFC 4291 2.5.5.2) are IPv4: what travels is an IPv4 packet. */
static __always_inline void ip6(struct ev_ip *ip, const struct in6_addr *a)
{
	__builtin_memset(ip, 0, sizeof(*ip));
	if (!a->in6_u.u6_addr32[0] && !a->in6_u.u6_addr32[1] &&
	    a->in6_u.u6_addr32[2] == bpf_htonl(0xffff)) {
		ip4(ip, a->in6_u.u6_addr32[3]);
		return;
	}
	__builtin_memcpy(ip->addr, a, 16);
	ip->family = 6;
}

/* The same of the address that lies in ip. Stands alone for the verifier, which would else follow the
 * rest for both forms. */
__noinline int ip6_in_place(struct ev_ip *ip)
{
	struct in6_addr in;

	if (!ip)
		return 0;
	__builtin_memcpy(&in, ip->addr, sizeof(in));
	ip6(ip, &in);
	return 1;
}

struct addresses {
	__u64 sock; /* struct sock *: as a number it may be given to a global function */
	struct ev_ip local, peer;
	__u16 lport, pport;
	__u8 family; /* enum ev_family */
};

/* In the scratch memory of a record of the network, which never comes so far: the stack is short. */
static __always_inline struct addresses *addresses_in(__u8 *rec)
{
	struct addresses *a = (struct addresses *)(rec + EV_REC_MAX - sizeof(*a));

	__builtin_memset(a, 0, sizeof(*a));
	return a;
}

/* The addresses of a->sock, 1; 0 where it has none. Stands alone for the verifier, which would else
 * follow the rest for each form that they have. */
__noinline int find_addresses(struct addresses *a)
{
	struct sock *sk;
	__u16 family;

	if (!a)
		return 0;
	sk = (struct sock *)a->sock;
	family = sock_family(sk);
	if (family == AF_INET_) {
		ip4(&a->local, LOAD(sk, struct sock, __sk_common.skc_rcv_saddr));
		ip4(&a->peer, LOAD(sk, struct sock, __sk_common.skc_daddr));
	} else if (family == AF_INET6_) {
		struct in6_addr in = LOAD(sk, struct sock, __sk_common.skc_v6_rcv_saddr);

		ip6(&a->local, &in);
		in = LOAD(sk, struct sock, __sk_common.skc_v6_daddr);
		ip6(&a->peer, &in);
	} else {
		return 0;
	}
	a->family = a->peer.family == 4 ? EV_FAMILY_IPV4 : EV_FAMILY_IPV6;
	a->lport = LOAD(sk, struct sock, __sk_common.skc_num);
	a->pport = bpf_ntohs(LOAD(sk, struct sock, __sk_common.skc_dport));
	return 1;
}

/* The peer of sock, for the filter. */
struct peer {
	/* Address in the order of numbers, IPv4 in lo; of a Unix socket the first bytes of its path, in
	 * their order. */
	__u64 hi, lo;
	__u64 sock; /* struct sock *; 0: none */
	__u16 port, lport; /* the peer's, the local one */
	__u8 family; /* enum ev_family; 0: no address */
	__u8 transport; /* enum ev_transport */
	bool uring;
};

static __always_inline void peer_ip6(struct peer *p, const struct in6_addr *a)
{
	const __u32 *w = a->in6_u.u6_addr32;

	p->family = EV_FAMILY_IPV6;
	p->hi = (__u64)bpf_ntohl(w[0]) << 32 | bpf_ntohl(w[1]);
	p->lo = (__u64)bpf_ntohl(w[2]) << 32 | bpf_ntohl(w[3]);
	if (p->hi || p->lo >> 32 != 0xffff)
		return;
	p->family = EV_FAMILY_IPV4; /* IPv4-mapped, as in ip6 */
	p->lo = (__u32)p->lo;
}

/* fast: as READ. */
static __always_inline int find_peer_by(struct peer *p, struct sock *sk, bool fast)
{
	__u16 family = READ(fast, sk, struct sock, __sk_common.skc_family);
	struct in6_addr in;
	__u32 ports;

	if (family == AF_INET_) {
		p->family = EV_FAMILY_IPV4;
		p->lo = bpf_ntohl(READ(fast, sk, struct sock, __sk_common.skc_daddr));
	} else if (family == AF_INET6_) {
		in = READ(fast, sk, struct sock, __sk_common.skc_v6_daddr);
		peer_ip6(p, &in);
	} else {
		return 0;
	}
	ports = READ(fast, sk, struct sock, __sk_common.skc_portpair); /* skc_dport, skc_num */
	p->port = bpf_ntohs((__u16)ports);
	p->lport = ports >> 16;
	return 1;
}

/* Address and ports of p->sock, 1; 0 where it has none. It stands alone for the verifier, as
 * find_addresses. */
__noinline int find_peer(struct peer *p)
{
	if (!p)
		return 0;
	return typed_loads() ? find_peer_by(p, typed(p->sock, struct sock), true)
			     : find_peer_by(p, (struct sock *)p->sock, false);
}

/* The same of an address that is known. */
static __always_inline void set_peer(struct peer *p, const struct ev_ip *ip)
{
	struct in6_addr in;
	__u32 word;

	__builtin_memcpy(&in, ip->addr, sizeof(in));
	__builtin_memcpy(&word, ip->addr, sizeof(word));
	if (ip->family == 6) {
		peer_ip6(p, &in);
		return;
	}
	p->family = ip->family ? EV_FAMILY_IPV4 : 0;
	p->lo = bpf_ntohl(word);
}

/* How the path of p->sock, a Unix socket, begins, as a record would have it. Stands alone as well. */
__noinline int find_path_head(struct peer *p)
{
	struct unix_address *addr;
	char *head;
	__u32 n;

	if (!p || !p->sock)
		return 0;
	addr = LOAD((struct unix_sock *)p->sock, struct unix_sock, addr);
	n = addr ? LOAD(addr, struct unix_address, len) : 0;
	if (n <= 2)
		return 0;
	n = n - 2 < PEER_HEAD ? n - 2 : PEER_HEAD;
	barrier_var_(n);
	if (n > PEER_HEAD)
		return 0;
	head = (char *)&p->hi; /* and lo */
	bpf_probe_read_kernel(head, n,
			      (char *)addr + bpf_core_field_offset(struct unix_address, name) + 2);
	if (!head[0])
		head[0] = '@';
	return 1;
}

static __always_inline bool sock_addresses(struct sock *sk, struct addresses *a)
{
	a->sock = (__u64)sk;
	return find_addresses(a);
}

static __always_inline __u8 unix_transport(struct sock *sk)
{
	switch (LOAD(sk, struct sock, sk_type)) {
	case SOCK_STREAM_: return EV_TRANSPORT_STREAM;
	case SOCK_DGRAM_: return EV_TRANSPORT_DGRAM;
	case SOCK_SEQPACKET_: return EV_TRANSPORT_SEQPACKET;
	}
	return EV_TRANSPORT_NONE;
}

/* Text of a socket name at rec + *pos: a path up to its NUL, or an abstract name with @ for the
 * leading NUL. `name` is sun_path, n its length; user: in the caller's memory. */
static __always_inline void unix_name(__u8 *rec, __u32 *pos, struct ev_ref *ref, const char *name,
				      __u32 n, bool user)
{
	__u32 at = *pos;
	long len;

	ref->off = ref->len = 0;
	if (!n || n > UNIX_PATH_MAX_ || at > EV_REC_MAX - EV_STR_MAX)
		return;
	barrier_var_(n);
	if (n > UNIX_PATH_MAX_ || (user ? bpf_probe_read_user(rec + at, n, name)
					: bpf_probe_read_kernel(rec + at, n, name)))
		return;
	if (rec[at]) { /* a path: the kernel counts its NUL in n, a caller may not */
		rec[at + n] = 0;
		/* Copied onto itself for its length: a loop here costs the verifier a second. */
		len = bpf_probe_read_kernel_str(rec + at, UNIX_PATH_MAX_ + 1, rec + at);
		if (len > 0 && len <= n)
			n = len - 1;
	} else {
		rec[at] = '@';
	}
	ref->off = at;
	ref->len = n;
	*pos = at + n;
}

/* The name a Unix socket is bound to; absent when it is not. */
static __always_inline void unix_bound(__u8 *rec, __u32 *pos, struct ev_ref *ref, struct sock *sk)
{
	struct unix_address *addr = LOAD((struct unix_sock *)sk, struct unix_sock, addr);
	__u32 len;

	ref->off = ref->len = 0;
	if (!addr)
		return;
	len = LOAD(addr, struct unix_address, len);
	if (len <= 2)
		return;
	unix_name(rec, pos, ref,
		  (char *)addr + bpf_core_field_offset(struct unix_address, name) + 2, len - 2,
		  false);
}

#endif
