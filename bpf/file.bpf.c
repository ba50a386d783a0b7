// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * file.open, read at the end of the call: the struct file behind the new descriptor is what was
 * opened, whatever the caller's memory says by then.
 */
#include "filter_open.h"
#include "syscalls.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	OP_OPENAT = 18, /* enum io_uring_op */
	OP_OPENAT2 = 28,
	REQ_CQE_SKIP = 1 << 6, /* IOSQE_CQE_SKIP_SUCCESS */
};

static __always_inline void clear_open(struct ev_open *r)
{
	r->inode = 0;
	r->oflags = r->mode = r->file_uid = r->file_gid = r->dev_major = r->dev_minor = ~0u;
	r->path_flags = r->error = 0;
	r->outcome = EV_OUTCOME_SUCCESS;
	r->io_uring = r->type = r->pad0[0] = 0;
	r->path.off = r->path.len = r->requested.off = r->requested.len = 0;
	*(__u32 *)r->pad1 = 0;
}

static __always_inline __u32 fill_open(struct emitter *e, struct ev_open *r, struct file *f,
				       struct task_struct *t)
{
	struct inode *inode = LOAD(f, struct file, f_inode);
	struct super_block *sb = LOAD(inode, struct inode, i_sb);
	__u32 dev = LOAD(sb, struct super_block, s_dev);
	__u32 mode = LOAD(inode, struct inode, i_mode), pos = sizeof(*r);

	r->inode = LOAD(inode, struct inode, i_ino);
	r->oflags = LOAD(f, struct file, f_flags);
	r->mode = mode & 07777;
	r->type = filter_file_type(mode);
	r->file_uid = LOAD(inode, struct inode, i_uid).val;
	r->file_gid = LOAD(inode, struct inode, i_gid).val;
	r->dev_major = dev_major(dev);
	r->dev_minor = dev_minor(dev);
	r->path_flags = path_write(e, &pos, &r->path, file_mnt(f), file_dentry_(f), t);
	filter_confirm(e, pos);
	return pos;
}

/* A failed call, or one whose file is gone already, has nothing but the caller's text. */
static __always_inline __u32 fill_requested(struct emitter *e, struct ev_open *r, const void *text,
					    bool user)
{
	__u32 pos = sizeof(*r);
	long n;

	if (!text)
		return pos;
	if (user)
		n = bpf_probe_read_user_str(e->rec + pos, EV_STR_MAX, text);
	else
		n = bpf_probe_read_kernel_str(e->rec + pos, EV_STR_MAX, text);
	if (n < 1) {
		r->h.flags |= 1u << EV_HDR_UNREAD;
		return pos;
	}
	if (user)
		r->h.flags |= 1u << EV_HDR_USER;
	if (n == 1)
		return pos;
	r->requested.off = pos;
	r->requested.len = n - 1;
	return pos + n;
}

static __always_inline struct pt_regs *regs_of(struct task_struct *t)
{
	return (struct pt_regs *)bpf_task_pt_regs(t);
}

/* Where the file name is among the arguments, by the call's number. */
static __always_inline const void *name_argument(struct task_struct *t)
{
	struct pt_regs *regs = regs_of(t);
	__u32 nr = regs->orig_ax; /* the kernel takes the lower half */

	if (is_compat(t))
		return (const void *)(__u64)(__u32)(nr == 5 || nr == 8 ? regs->bx
						    : nr == 342        ? 0
								       : regs->cx);
	if (nr == 304)
		return NULL; /* open_by_handle_at: a handle, not a name */
	return (const void *)(nr == 2 || nr == 85 ? regs->di : regs->si);
}

/* known: the filter was asked, and somebody wants it. It stands alone for the verifier, which would else
 * follow it from every state of the short way. */
__noinline int open_exit(long ret, bool known)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct file *f = NULL;
	struct emitter e;
	struct ev_open *r;
	__u32 len;

	if (ret < 0 &&
	    (ret <= -ERESTARTSYS_ || !wants_failed_opens() || !is_call(regs_of(t)->orig_ax)))
		return 0;
	if (!wanted(EV_OPEN))
		return 0;
	if (is_self(t)) {
		seen_set_home(t);
		return 0;
	}
	if (ret >= 0)
		f = file_of_fd(t, ret);
	if (!filter_open(&e, f, t, VIA_SYSCALL, known))
		return 0;
	r = (struct ev_open *)e.rec;
	emit_current(&e, EV_OPEN, EV_HOOK_TP_SYS_EXIT);
	clear_open(r);
	if (f) {
		len = fill_open(&e, r, f, t);
	} else {
		if (ret < 0) {
			r->error = -ret;
			r->outcome = EV_OUTCOME_FAILURE;
		} else { /* another thread has closed it already, and may have so to hide it */
			r->outcome = EV_OUTCOME_UNKNOWN;
			r->h.flags |= 1u << EV_HDR_UNREAD;
		}
		len = fill_requested(&e, r, name_argument(t), true);
	}
	emit_end(&e, EV_OPEN, len);
	return 0;
}

/* Calls that open in the 64-bit table and not in the 32-bit one: open, creat, openat, open_by_handle_at. */
static __always_inline bool is_not_open_32(__u64 nr)
{
	return nr == 2 || nr == 85 || nr == 257 || nr == 304;
}

/* What follows from the number of a mask. */
static __always_inline int open_known(__u32 number, volatile long *ret, struct file *volatile *f)
{
	if (number != SEEN_NOTHING) {
		if (number == SEEN_UNKNOWN)
			return open_exit(*ret, false);
		if (wants_seen(*f, number, VIA_SYSCALL))
			return open_exit(*ret, true);
	}
	seen_count();
	return 0;
}

/* Tail-called by sys_exit for the open family, and for what other calls have the same numbers in the
 * other table. */
SEC("tp_btf/sys_exit")
int file_open_exit(unsigned long long *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	const struct filter_keys *keys = &seen_keys.keys;
	long fd = ctx[1];
	long volatile ret = fd; /* not in a register meanwhile */
	struct file *volatile f;

	if (is_compat(t) && is_not_open_32(((struct pt_regs *)ctx[0])->orig_ax))
		return 0;
	barrier_var_(keys);
	if (fd < 0 || !keys->k1)
		return open_exit(fd, false);
	if (typed_loads()) /* written out twice, so that what is known of the number is not forgotten */
		return open_known(seen_mask(keys, t, fd, &f), &ret, &f);
	return open_known(seen_mask_probed(t, fd, &f), &ret, &f);
}

static __always_inline struct file *uring_file(struct io_ring_ctx *ring, void *req,
					       struct task_struct *t, int res)
{
	struct file *f = uring_new_file(ring, LOAD(req, struct io_open, file_slot), t, res);

	/* of one type to the verifier, wherever it comes from */
	return UNTRUSTED(f, struct file);
}

static __always_inline bool is_uring_open(void *req)
{
	__u8 op = LOAD(req, struct io_kiocb, opcode);

	return op == OP_OPENAT || op == OP_OPENAT2;
}

static __always_inline int uring_open(struct io_ring_ctx *ring, void *req, int res)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct file *f = NULL;
	struct emitter e;
	struct ev_open *r;
	__u32 len = sizeof(*r);

	if (!req || !is_uring_open(req) || (res < 0 && !wants_failed_opens()))
		return 0;
	if (!wanted(EV_OPEN) || is_self(t))
		return 0;
	if (res >= 0)
		f = uring_file(ring, req, t, res);
	if (!filter_open(&e, f, t, VIA_IO_URING, false))
		return 0;
	r = (struct ev_open *)e.rec;
	emit_current(&e, EV_OPEN, EV_HOOK_TP_IO_URING_COMPLETE);
	r->h.flags |= 1u << EV_HDR_IO_URING;
	clear_open(r);
	r->io_uring = 1;
	if (f) {
		len = fill_open(&e, r, f, t);
	} else if (res < 0) {
		r->error = -res;
		r->outcome = EV_OUTCOME_FAILURE;
	} else {
		r->h.flags |= 1u << EV_HDR_UNREAD;
	}
	emit_end(&e, EV_OPEN, len);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(file_open_uring, struct io_ring_ctx *ring, void *req, struct io_uring_cqe *cqe)
{
	return uring_open(ring, req, LOAD(cqe, struct io_uring_cqe, res));
}

/* The tracepoint's arguments until 6.15. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(file_open_uring_old, struct io_ring_ctx *ring, void *req, __u64 user_data, int res)
{
	return uring_open(ring, req, res);
}

/* A request that asks for no completion passes io_uring_complete only when it fails. What the
 * kernel was asked to open is told when it is submitted, with the kernel's copy of the name. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(file_open_uring_silent, struct io_kiocb *req)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct filename *name;
	struct emitter e;
	struct ev_open *r;
	__u32 len;

	if (!(LOAD(req, struct io_kiocb, flags) & REQ_CQE_SKIP) || !is_uring_open(req))
		return 0;
	if (!wanted(EV_OPEN) || is_self(t))
		return 0;
	name = LOAD(req, struct io_open, filename);
	if (!filter_open(&e, NULL, t, VIA_IO_URING, false))
		return 0;
	r = (struct ev_open *)e.rec;
	emit_current(&e, EV_OPEN, EV_HOOK_TP_IO_URING_SUBMIT);
	r->h.flags |= 1u << EV_HDR_IO_URING;
	clear_open(r);
	r->io_uring = 1;
	r->outcome = EV_OUTCOME_UNKNOWN;
	len = fill_requested(&e, r, LOAD(name, struct filename, name), false);
	emit_end(&e, EV_OPEN, len);
	return 0;
}
