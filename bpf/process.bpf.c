// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes: fork, exec, exit, and those that ran before.
 */
#include "marks.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	OVERLAYFS_MAGIC = 0x794c7630,
	TMPFS_MAGIC_ = 0x01021994,
	S_ISUID_ = 04000,
	S_ISGID_ = 02000,
	TEXT_WORDS = 6 /* of a text, before it is left to a helper */
};

/* emit_current by pointers that are trusted, each of which takes the verifier its time (compat.h): but here
 * only once, and a load takes an instruction in place of eight. */
static __always_inline void emit_acting(struct emitter *e, __u32 kind, __u32 hook)
{
	struct ev_hdr *h = (struct ev_hdr *)e->rec;
	struct task_struct *t = bpf_get_current_task_btf();

	emit_header(e, kind, hook);
	fill_task_by(h, t, t);
	task_comm(&h->comm, t);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct emitter e;
	struct ev_fork *r;

	mark_fork(parent, child);
	if (child->pid != child->tgid)
		return 0; /* a thread */
	if (is_self(bpf_get_current_task_btf()) || !emit_reserve(&e, EV_FORK, sizeof(*r)))
		return 0;
	r = (struct ev_fork *)e.rec;
	emit_acting(&e, EV_FORK, EV_HOOK_TP_FORK);
	r->child_tgid = child->tgid;
	*(__u32 *)r->pad0 = 0;
	r->child_start_ns = child->start_boottime;
	/* it leads itself */
	r->child_exec_id = exec_id_of(child->tgid, child->start_boottime, child->self_exec_id);
	emit_submit(&e, EV_FORK, sizeof(*r));
	return 0;
}

/* kernel_cap_t: two u32 until 6.2, one u64 since; the same 64 bits on little-endian. */
#define CRED_CAP(c, member)                                                                        \
	(bpf_core_field_exists((c)->member.val)                                                    \
		 ? (c)->member.val                                                                 \
		 : probed_cap((char *)(c) + bpf_core_field_offset(struct cred, member)))

static __always_inline __u64 probed_cap(const void *at)
{
	__u64 caps = 0;

	bpf_probe_read_kernel(&caps, sizeof(caps), at);
	return caps;
}

/* The namespace the task's own pid is numbered in: the last of pid->numbers. t: a pointer
 * whose type the verifier knows; so below. */
static __always_inline __u32 task_pid_ns(struct task_struct *t)
{
	struct pid *pid = t->thread_pid;
	__u64 level = pid->level;
	char *numbers = (char *)pid + bpf_core_field_offset(struct pid, numbers);
	struct pid_namespace *ns;

	if (!pid || level > 32)
		return 0;
	barrier_var_(
		level); /* a mask of 64 bits gives the verifier of 6.1 the bounds it asks for */
	ns = LOAD(numbers + (level & 63) * bpf_core_type_size(struct upid), struct upid, ns);
	return LOAD(ns, struct pid_namespace, ns.inum);
}

/* Members that EXEC and TASK records share. task, t: as in fill_task_by. */
#define FILL_IDS(r, task, t)                                                                       \
	do {                                                                                       \
		const struct cred *c_ = (t)->cred;                                                 \
		struct signal_struct *s_ = (t)->signal;                                            \
		struct nsproxy *n_ = (t)->nsproxy;                                                 \
		struct tty_struct *tty_ = s_->tty;                                                 \
		(r)->suid = c_->suid.val;                                                          \
		(r)->egid = c_->egid.val;                                                          \
		(r)->sgid = c_->sgid.val;                                                          \
		(r)->loginuid = (task)->loginuid.val;                                              \
		(r)->sessionid = (task)->sessionid;                                                \
		(r)->cap_effective = CRED_CAP(c_, cap_effective);                                  \
		(r)->cap_permitted = CRED_CAP(c_, cap_permitted);                                  \
		(r)->cap_inheritable = CRED_CAP(c_, cap_inheritable);                              \
		(r)->sid = s_->pids[PIDTYPE_SID]->numbers[0].nr;                                   \
		(r)->pgid = s_->pids[PIDTYPE_PGID]->numbers[0].nr;                                 \
		(r)->tty_major = tty_ ? tty_->driver->major : 0;                                   \
		(r)->tty_minor = tty_ ? tty_->driver->minor_start + tty_->index : 0;               \
		(r)->ns_mnt = n_->mnt_ns->ns.inum;                                                 \
		(r)->ns_uts = n_->uts_ns->ns.inum;                                                 \
		(r)->ns_ipc = n_->ipc_ns->ns.inum;                                                 \
		(r)->ns_net = n_->net_ns->ns.inum;                                                 \
		(r)->ns_cgroup = n_->cgroup_ns->ns.inum;                                           \
		(r)->ns_user = c_->user_ns->ns.inum;                                               \
		(r)->ns_pid = task_pid_ns(t);                                                      \
	} while (0)

/* A NUL-separated block of the memory of the current task. Returns flag bits. */
static __always_inline __u32 read_block(struct emitter *e, __u32 *pos, struct ev_ref *ref,
					unsigned long start, unsigned long end, __u32 max,
					__u32 truncated, __u32 unread)
{
	__u32 at = *pos, flags = 0, last;
	unsigned long n = end - start;

	ref->off = ref->len = 0;
	if (!max || end <= start)
		return 0;
	if (n > max) {
		n = max;
		flags = 1u << truncated;
	}
	if (n > EV_ARGS_MAX - 1) { /* room for the NUL that ends what was cut */
		n = EV_ARGS_MAX - 1;
		flags = 1u << truncated;
	}
	barrier_var_(at);
	if (at >= EV_REC_MAX - EV_ARGS_MAX - 8)
		return flags | 1u << truncated;
	barrier_var_(n);
	if (!n || n > EV_ARGS_MAX - 1)
		return flags;
	if (bpf_probe_read_user(e->rec + at, n, (void *)start))
		return 1u << unread;
	e->rec[at + n] = 0; /* ends the item that was cut, or whose end somebody wrote over */
	ref->off = at;
	last = (at + n - 1) &
	       (EV_REC_MAX - 1); /* the verifier of 6.1 does not keep that n is not 0 */
	ref->len = n + (flags || e->rec[last] ? 1 : 0);
	*pos = at + n + 1;
	return flags;
}

/* The texts of a linux_binprm begin at a multiple of 8, as names do. */
static __always_inline void read_text(struct emitter *e, __u32 *pos, struct ev_ref *ref,
				      const char *text)
{
	__u32 at = *pos;
	long n = 0;

	ref->off = ref->len = 0;
	barrier_var_(at);
	if (at >= EV_REC_MAX - EV_STR_MAX)
		return;
	if (typed_loads())
		n = copy_short(e->rec + at, text, TEXT_WORDS);
	if (!n)
		n = bpf_probe_read_kernel_str(e->rec + at, EV_STR_MAX, text);
	if (n < 0)
		n = 0;
	barrier_var_(n);
	n &= 2 * EV_STR_MAX - 1; /* the same to the verifier, whichever way it came */
	if (n <= 1)
		return;
	ref->off = at;
	ref->len = n - 1;
	*pos = at + n;
}

static __always_inline bool in_upper_layer(struct inode *inode)
{
	struct ovl_inode *oi;

	if (!bpf_core_type_exists(struct ovl_inode))
		return false;
	oi = (void *)((char *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode));
	return LOAD_OF_MODULE(oi, struct ovl_inode, __upperdentry) != NULL;
}

/* What the program file's inode says, for EXEC and TASK records. */
#define FILL_FILE(r, f)                                                                            \
	do {                                                                                       \
		struct inode *i_ = (f)->f_inode;                                                   \
		struct super_block *sb_ = i_->i_sb;                                                \
		__u32 dev_ = sb_->s_dev, mode_ = i_->i_mode;                                       \
		(r)->inode = i_->i_ino;                                                            \
		(r)->mode = mode_ & 07777;                                                         \
		(r)->file_uid = i_->i_uid.val;                                                     \
		(r)->file_gid = i_->i_gid.val;                                                     \
		(r)->dev_major = dev_major(dev_);                                                  \
		(r)->dev_minor = dev_minor(dev_);                                                  \
		(r)->exec_flags |= file_flags(i_, mode_, sb_->s_magic);                            \
	} while (0)

/* enum ev_exec_flag bits of the program file. */
static __always_inline __u32 file_flags(struct inode *inode, __u32 mode, __u64 magic)
{
	__u32 flags = 0;

	if (mode & S_ISUID_)
		flags |= 1u << EV_EXECF_SETUID;
	if (mode & S_ISGID_)
		flags |= 1u << EV_EXECF_SETGID;
	if (!inode->i_nlink)
		flags |= 1u << EV_EXECF_DELETED;
	if (magic == OVERLAYFS_MAGIC && in_upper_layer(inode))
		flags |= 1u << EV_EXECF_UPPER_LAYER;
	return flags;
}

static __always_inline bool starts_memfd(const __u8 *s)
{
	return s[0] == 'm' && s[1] == 'e' && s[2] == 'm' && s[3] == 'f' && s[4] == 'd' &&
	       s[5] == ':';
}

static __always_inline void fill_exec_paths(struct emitter *e, struct ev_exec *r, __u32 *pos,
					    struct task_struct *t, struct file *f)
{
	struct fs_struct *fs = UNTRUSTED(t, struct task_struct)->fs;
	__u32 pseudo = 1u << EV_PATHF_PSEUDO;
	__u64 own = own_mounts(t);

	ask_image(e);
	r->path_flags =
		path_write_for(e, pos, &r->executable, f->f_path.mnt, f->f_path.dentry, own);
	mark_exec(emit_key(e), r->path_flags);
	if ((r->path_flags & pseudo) && starts_memfd(e->rec + sizeof(*r)))
		r->exec_flags |= 1u << EV_EXECF_MEMFD;
	r->cwd_flags = path_write_for(e, pos, &r->cwd, fs->pwd.mnt, fs->pwd.dentry, own);
}

static __always_inline void fill_exec_memory(struct emitter *e, struct ev_exec *r, __u32 *pos,
					     struct task_struct *t)
{
	struct mm_struct *mm = t->mm;

	r->exec_flags |= read_block(e, pos, &r->args, mm->arg_start, mm->arg_end, cfg.args_max,
				    EV_EXECF_ARGS_TRUNCATED, EV_EXECF_ARGS_UNREAD);
	r->env.off = r->env.len = 0;
	if (cfg.env_max)
		r->exec_flags |=
			read_block(e, pos, &r->env, mm->env_start, mm->env_end, cfg.env_max,
				   EV_EXECF_ENV_TRUNCATED, EV_EXECF_ENV_UNREAD);
	if (r->exec_flags & (1u << EV_EXECF_ARGS_TRUNCATED | 1u << EV_EXECF_ENV_TRUNCATED))
		r->h.flags |= 1u << EV_HDR_TRUNCATED;
	if (r->exec_flags & (1u << EV_EXECF_ARGS_UNREAD | 1u << EV_EXECF_ENV_UNREAD))
		r->h.flags |= 1u << EV_HDR_UNREAD;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct task_struct *t = UNTRUSTED(task, struct task_struct);
	struct file *f = bprm->file; /* trusted, and so is its inode: as emit_acting */
	const char *filename = bprm->filename, *interp = bprm->interp;
	__u32 pos = sizeof(struct ev_exec);
	struct emitter e;
	struct ev_exec *r;

	if (!emit_begin(&e, EV_EXEC))
		return 0;
	r = (struct ev_exec *)e.rec;
	emit_acting(&e, EV_EXEC, EV_HOOK_TP_EXEC);
	r->old_exec_id = exec_id_of(r->h.tgid, r->h.start_ns, task->self_exec_id - 1);
	r->exec_pad = 0;
	r->argc = bprm->argc;
	FILL_IDS(r, task, t);
	r->exec_flags = 0;
	FILL_FILE(r, f);
	if (BPF_CORE_READ_BITFIELD(bprm, secureexec))
		r->exec_flags |= 1u << EV_EXECF_SECUREEXEC;
	if (bprm->fdpath)
		r->exec_flags |= 1u << EV_EXECF_EXECFD;
	fill_exec_paths(&e, r, &pos, task, f);
	read_text(&e, &pos, &r->requested, filename);
	r->interpreter.off = r->interpreter.len = 0;
	if (interp != filename)
		read_text(&e, &pos, &r->interpreter, interp);
	fill_exec_memory(&e, r, &pos, t);
	emit_end(&e, EV_EXEC, pos);
	return 0;
}

/* The last thread's end. group_dead is exact (6.17 and later); before, two threads that end at
 * once can both see no live one, and only the one that finds the mark unset reports. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} exited SEC(".maps");

static __always_inline bool last_thread(struct task_struct *t, __u64 *ctx)
{
	struct signal_struct *s = UNTRUSTED(t, struct task_struct)->signal;
	__u64 id;
	__u8 one = 1;

	if (cfg.exit_has_group_dead)
		return ctx[1] & 1;
	if (s->live.counter > 0)
		return false;
	/* The only one, and none was released, whose run time would be there: no thread has left a mark. */
	if (s->nr_threads == 1 && !s->sum_sched_runtime)
		return true;
	id = read_exec_id(t);
	if (s->nr_threads == 1) /* any other is released: it has left its mark, or left none */
		return !bpf_map_lookup_elem(&exited, &id);
	return bpf_map_update_elem(&exited, &id, &one, BPF_NOEXIST) == 0;
}

SEC("tp_btf/sched_process_exit")
int process_exit(__u64 *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct emitter e;
	struct ev_exit *r;
	__u32 code;

	if (!last_thread(t, ctx) || is_self(t))
		return 0;
	if (!emit_reserve(&e, EV_EXIT, sizeof(*r)))
		return 0;
	r = (struct ev_exit *)e.rec;
	emit_acting(&e, EV_EXIT, EV_HOOK_TP_EXIT);
	code = UNTRUSTED(t, struct task_struct)->signal->group_exit_code;
	if (!code)
		code = t->exit_code;
	r->exit_code = (code >> 8) & 0xff;
	r->signal = code & 0x7f;
	r->core_dumped = (code & 0x80) != 0;
	__builtin_memset(r->pad0, 0, sizeof(r->pad0));
	r->run_time_ns = r->h.time_ns - r->h.start_ns;
	emit_submit(&e, EV_EXIT, sizeof(*r));
	return 0;
}

/* Texts of the image that is at work in mm. False: it is no more, or not yet, the one that the
 * header names. The file is held as long as mm points to it, so that what was read of it is true
 * if it does so still. */
static __always_inline bool fill_task_image(struct emitter *e, struct ev_task *r, __u32 *pos,
					    struct task_struct *task)
{
	struct task_struct *t = UNTRUSTED(task, struct task_struct);
	struct mm_struct *mm = t->mm;
	struct file *f = mm ? mm->exe_file : NULL;
	struct fs_struct *fs = t->fs;

	if (!f)
		return false;
	FILL_FILE(r, f);
	r->path_flags = path_write(e, pos, &r->executable, file_mnt(f), file_dentry_(f), t);
	if ((r->path_flags & 1u << EV_PATHF_PSEUDO) && starts_memfd(e->rec + sizeof(*r)))
		r->exec_flags |= 1u << EV_EXECF_MEMFD;
	r->cwd_flags = path_write(e, pos, &r->cwd, fs->pwd.mnt, fs->pwd.dentry, t);
	if (cfg.args_max && mm->arg_end > mm->arg_start)
		r->exec_flags |= 1u << EV_EXECF_ARGS_UNREAD;
	if (bpf_core_field_exists(t->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(t, in_execve))
		return false;
	return t->mm == mm && mm->exe_file == f && task_exec_id(t) == r->h.exec_id;
}

static __always_inline void clear_task_image(struct ev_task *r, __u32 exec_flags)
{
	r->executable.off = r->executable.len = 0;
	r->args = r->cwd = r->executable;
	r->inode = 0;
	r->dev_major = r->dev_minor = r->mode = r->file_uid = r->file_gid = ~0u;
	r->path_flags = r->cwd_flags = 0;
	r->exec_flags = exec_flags;
}

/* Later events of this image are the agent's own (is_self). */
static __always_inline void meet_self(const struct ev_hdr *h)
{
	__u32 zero = 0;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);

	if (ctl && cfg.self_tgid && h->tgid == cfg.self_tgid && !ctl->self_exec_id)
		ctl->self_exec_id = h->exec_id;
}

/* One record for each process that is running. Arguments are left to user space: a read of another
 * task's memory waits for its pages, and a page can lie on a file system in user space that never
 * answers; the scan, and with it the start, would wait as long. */
SEC("iter/task")
int scan_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	__u32 kthread, pos = sizeof(struct ev_task);
	struct emitter e;
	struct ev_task *r;

	if (!t || t->pid != t->tgid)
		return 0;
	t = UNTRUSTED(t, struct task_struct);
	if (!emit_begin(&e, EV_TASK))
		return 0;
	r = (struct ev_task *)e.rec;
	emit_header(&e, EV_TASK, EV_HOOK_ITER);
	fill_task(&r->h, t);
	meet_self(&r->h);
	bpf_probe_read_kernel(&r->h.comm, sizeof(r->h.comm), t->comm);
	r->ppid = t->real_parent->tgid;
	FILL_IDS(r, t, t);
	kthread = t->flags & 0x00200000 /* PF_KTHREAD */ ? 1u << EV_EXECF_KTHREAD : 0;
	clear_task_image(r, kthread);
	*(__u32 *)r->pad0 = 0;
	if (!fill_task_image(&e, r, &pos, t)) {
		clear_task_image(r, kthread);
		pos = sizeof(*r);
	}
	emit_end(&e, EV_TASK, pos);
	return 0;
}

/* Before a new block comes into force (marks.h): for every task, threads too. */
SEC("iter/task")
int mark_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct emitter e;

	if (!t || !emit_begin(&e, EV_TASK))
		return 0;
	mark_self(t, &e);
	emit_abort(&e);
	return 0;
}

SEC("iter/task")
int mark_task_ancestors(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (t)
		mark_ancestors(t);
	return 0;
}
