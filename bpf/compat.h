/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Every difference between kernels that the programs know of, each with the version that made it.
 * The floor is 6.1.
 */
#ifndef TOCSIN_COMPAT_H
#define TOCSIN_COMPAT_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* A pointer whose type the verifier knows (a tracepoint's argument, the current task, and what is
 * reached from them member by member) needs neither: t->group_leader->start_boottime is as cheap as
 * in the kernel, on every kernel. The macros below are for what comes from arithmetic, arrays and
 * container_of.
 *
 * bpf_rdonly_cast (kfunc, 6.2): a pointer of known type whose members load as plain memory.
 * Where it is missing, or cfg.no_typed_loads asks for it, the same read is a probe read. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define barrier_var_(v) asm volatile("" : "+r"(v))

/* The lower half of a pointer, which is none to the verifier: a pointer it would not have shifted or multiplied. */
#define HALF_OF(ptr)                                                                               \
	({                                                                                         \
		__u32 half_;                                                                       \
		asm volatile("%0 = %1" : "=w"(half_) : "w"((__u32)(__u64)(ptr)));                  \
		half_;                                                                             \
	})

#define typed_loads() (bpf_rdonly_cast && !cfg.no_typed_loads)
#define typed(ptr, type)                                                                           \
	((type *)bpf_rdonly_cast((const void *)(ptr), bpf_core_type_id_kernel(type)))

/* The value of (type *)ptr -> member, whatever the kernel allows; faults read as zero. The pointer of the
 * probe read is hidden, and its value another variable, or the typed load would compute the address
 * and clear the memory that only the other needs. */
#define LOAD(ptr, type, member)                                                                    \
	({                                                                                         \
		__typeof__(({                                                                      \
			__auto_type u_ = ((type *)0)->member;                                      \
			u_;                                                                        \
		})) v_;                                                                            \
		type *p_ = (type *)(ptr);                                                          \
		if (typed_loads()) {                                                               \
			v_ = typed(p_, type)->member;                                              \
		} else {                                                                           \
			__typeof__(v_) copy_ = { 0 };                                              \
			barrier_var_(p_);                                                          \
			bpf_core_read(&copy_, sizeof(copy_), &p_->member);                         \
			v_ = copy_;                                                                \
		}                                                                                  \
		v_;                                                                                \
	})

/* The same pointer, no longer trusted. Whatever pointer is loaded through a trusted one, the verifier
 * since 6.3 asks whether it may be trusted too, and so goes through all of the kernel's types up to
 * four times: a millisecond for each such load and each state in which it comes to it. Of an
 * untrusted pointer it does not ask; a load then takes 7 instructions more, which look at the address. */
#define UNTRUSTED(ptr, type) (typed_loads() ? typed(ptr, type) : (type *)(ptr))

/* The same of a type that may live in a module (overlayfs): a typed load takes types of the kernel
 * itself alone, and the verifier would refuse the program where the module is loaded. */
#define LOAD_OF_MODULE(ptr, type, member)                                                          \
	({                                                                                         \
		__typeof__(((type *)0)->member) v_ = { 0 };                                        \
		bpf_core_read(&v_, sizeof(v_), &((type *)(ptr))->member);                          \
		v_;                                                                                \
	})

/* The same where the compiler knows whether loads are typed (fast), of a pointer that CAST has made
 * once: for paths that must be short, of which there are two then, and one that the verifier
 * removes. LOAD takes a dozen instructions more. */
#define CAST(fast, ptr, type) ((fast) ? typed(ptr, type) : (type *)(ptr))
#define READ(fast, ptr, type, member) ((fast) ? (ptr)->member : LOAD(ptr, type, member))

/* What `pointer to pointer` slot holds: the verifier types only pointers to structures, and
 * callback_head's first member is a pointer. */
#define LOAD_SLOT(slot) ((void *)LOAD(slot, struct callback_head, next))

/* Eight bytes at any address. */
#define LOAD_WORD(ptr) ((__u64)LOAD(ptr, struct timespec64, tv_sec))

/* self_exec_id: u32 until 5.7, u64 since; sched_process_exit gained group_dead in 6.17 (the loader
 * looks it up: cfg.exit_has_group_dead). */

/* The body of bpf_loop. Until 6.7 (ab5cfac139ab) the verifier looks at it once, with what lay on the
 * caller's stack before the first round, and removes the branches that only later rounds take. So
 * whatever a body branches on and changes must not be known to the verifier at the first round: it
 * begins as not_known, which is 0. */
__u64 not_known = 0;

/* comm aligned as it is in the kernel, so that the compiler reads a word of it at once. */
struct task_struct___comm {
	char comm[16] __attribute__((aligned(8)));
} __attribute__((preserve_access_index));

/* Short names lie in the dentry: d_iname until 6.13, then d_shortname. The alignment, which is that
 * in the kernel, keeps the compiler from reading a word of it byte by byte. */
struct dentry___iname {
	unsigned char d_iname[40] __attribute__((aligned(8)));
} __attribute__((preserve_access_index));

/* mnt_id_unique: 6.8. */
struct mount___unique {
	u64 mnt_id_unique;
} __attribute__((preserve_access_index));

/* Only where the kernel is built with it. */
struct mptcp_sock___first {
	struct sock *first;
} __attribute__((preserve_access_index));

/* io_uring_complete: (ctx, req, user_data, res, cflags, extra1, extra2) until 6.15, then
 * (ctx, req, cqe); the loader sets cfg.uring_complete_has_cqe. */

/* The first of ERESTART*, which are not in user headers: a system call that returns them is run again,
 * or returns EINTR. */
enum { ERESTARTSYS_ = 512 };

#endif
