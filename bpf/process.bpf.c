// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Processes: fork, exec, exit, and those that ran before.
 */
#include "path.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
	OVERLAYFS_MAGIC = 0x794c7630,
	TMPFS_MAGIC_ = 0x01021994,
	S_ISUID_ = 04000,
	S_ISGID_ = 02000
};

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *t = child;
	struct emitter e;
	struct ev_fork *r;

	if (t->pid != t->tgid)
		return 0; /* a thread */
	if (!emit_begin(&e, EV_FORK))
		return 0;
	r = (struct ev_fork *)e.rec;
	emit_current(&e, EV_FORK, EV_HOOK_TP_FORK);
	r->child_tgid = LOAD(t, struct task_struct, tgid);
	*(__u32 *)r->pad0 = 0;
	r->child_start_ns = LOAD(t, struct task_struct, start_boottime);
	r->child_exec_id = task_exec_id(t);
	emit_end(&e, EV_FORK, sizeof(*r));
	return 0;
}

static __always_inline __u32 task_ns_inum(void *ns, __u32 offset)
{
	return ns ? LOAD((char *)ns + offset, struct ns_common, inum) : 0;
}

/* Members that EXEC and TASK records share. */
#define FILL_IDS(r, t)                                                                             \
	do {                                                                                       \
		const struct cred *c_ = LOAD(t, struct task_struct, cred);                         \
		struct signal_struct *s_ = LOAD(t, struct task_struct, signal);                    \
		struct nsproxy *n_ = LOAD(t, struct task_struct, nsproxy);                         \
		struct tty_struct *tty_ = LOAD(s_, struct signal_struct, tty);                     \
		struct tty_driver *drv_ = tty_ ? LOAD(tty_, struct tty_struct, driver) : NULL;     \
		(r)->suid = LOAD(c_, struct cred, suid).val;                                       \
		(r)->egid = LOAD(c_, struct cred, egid).val;                                       \
		(r)->sgid = LOAD(c_, struct cred, sgid).val;                                       \
		(r)->loginuid = LOAD(t, struct task_struct, loginuid).val;                         \
		(r)->sessionid = LOAD(t, struct task_struct, sessionid);                           \
		(r)->cap_effective =                                                               \
			cred_cap(c_, bpf_core_field_offset(struct cred, cap_effective));           \
		(r)->cap_permitted =                                                               \
			cred_cap(c_, bpf_core_field_offset(struct cred, cap_permitted));           \
		(r)->cap_inheritable =                                                             \
			cred_cap(c_, bpf_core_field_offset(struct cred, cap_inheritable));         \
		(r)->sid = signal_pid(s_, PIDTYPE_SID);                                            \
		(r)->pgid = signal_pid(s_, PIDTYPE_PGID);                                          \
		(r)->tty_major = drv_ ? LOAD(drv_, struct tty_driver, major) : 0;                  \
		(r)->tty_minor = drv_ ? LOAD(drv_, struct tty_driver, minor_start) +               \
						 LOAD(tty_, struct tty_struct, index)              \
				      : 0;                                                         \
		(r)->ns_mnt = task_ns_inum(LOAD(n_, struct nsproxy, mnt_ns),                       \
					   bpf_core_field_offset(struct mnt_namespace, ns));       \
		(r)->ns_uts = task_ns_inum(LOAD(n_, struct nsproxy, uts_ns),                       \
					   bpf_core_field_offset(struct uts_namespace, ns));       \
		(r)->ns_ipc = task_ns_inum(LOAD(n_, struct nsproxy, ipc_ns),                       \
					   bpf_core_field_offset(struct ipc_namespace, ns));       \
		(r)->ns_net = task_ns_inum(LOAD(n_, struct nsproxy, net_ns),                       \
					   bpf_core_field_offset(struct net, ns));                 \
		(r)->ns_cgroup = task_ns_inum(LOAD(n_, struct nsproxy, cgroup_ns),                 \
					      bpf_core_field_offset(struct cgroup_namespace, ns)); \
		(r)->ns_user = task_ns_inum(LOAD(c_, struct cred, user_ns),                        \
					    bpf_core_field_offset(struct user_namespace, ns));     \
		(r)->ns_pid = task_pid_ns(t);                                                      \
	} while (0)

/* kernel_cap_t: two u32 until 6.2, one u64 since; the same 64 bits on little-endian. */
static __always_inline __u64 cred_cap(const struct cred *c, __u32 offset)
{
	__u64 caps = 0;

	bpf_probe_read_kernel(&caps, sizeof(caps), (char *)c + offset);
	return caps;
}

static __always_inline __u32 signal_pid(struct signal_struct *s, __u32 type)
{
	void *slot = (char *)s + bpf_core_field_offset(struct signal_struct, pids) + type * 8;
	struct pid *pid = LOAD_SLOT(slot);

	return pid ? LOAD(pid, struct pid, numbers[0].nr) : 0;
}

/* The namespace the task's own pid is numbered in: the last of pid->numbers. */
static __always_inline __u32 task_pid_ns(struct task_struct *t)
{
	struct pid *pid = LOAD(t, struct task_struct, thread_pid);
	__u32 level = LOAD(pid, struct pid, level);
	char *numbers = (char *)pid + bpf_core_field_offset(struct pid, numbers);
	struct pid_namespace *ns;

	if (!pid || level > 32)
		return 0;
	ns = LOAD((struct upid *)(numbers + level * bpf_core_type_size(struct upid)), struct upid,
		  ns);
	return task_ns_inum(ns, bpf_core_field_offset(struct pid_namespace, ns));
}

/* A NUL-separated block of the memory of the current task. Returns flag bits. */
static __always_inline __u32 read_block(struct emitter *e, __u32 *pos, struct ev_ref *ref,
					unsigned long start, unsigned long end, __u32 max,
					__u32 truncated, __u32 unread)
{
	__u32 at = *pos, flags = 0;
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
	ref->len = n + (flags || e->rec[at + n - 1] ? 1 : 0);
	*pos = at + n + 1;
	return flags;
}

static __always_inline void read_text(struct emitter *e, __u32 *pos, struct ev_ref *ref,
				      const char *text)
{
	__u32 at = *pos;
	long n;

	ref->off = ref->len = 0;
	barrier_var_(at);
	if (at >= EV_REC_MAX - EV_STR_MAX)
		return;
	n = bpf_probe_read_kernel_str(e->rec + at, EV_STR_MAX, text);
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
	return LOAD(oi, struct ovl_inode, __upperdentry) != NULL;
}

/* What the program file's inode says, for EXEC and TASK records. */
#define FILL_FILE(r, f)                                                                            \
	do {                                                                                       \
		struct inode *i_ = LOAD(f, struct file, f_inode);                                  \
		__u32 dev_ = LOAD(LOAD(i_, struct inode, i_sb), struct super_block, s_dev);        \
		(r)->inode = LOAD(i_, struct inode, i_ino);                                        \
		(r)->mode = LOAD(i_, struct inode, i_mode) & 07777;                                \
		(r)->file_uid = LOAD(i_, struct inode, i_uid).val;                                 \
		(r)->file_gid = LOAD(i_, struct inode, i_gid).val;                                 \
		(r)->dev_major = dev_major(dev_);                                                  \
		(r)->dev_minor = dev_minor(dev_);                                                  \
	} while (0)

/* enum ev_exec_flag bits of the program file. */
static __always_inline __u32 file_flags(struct file *f)
{
	struct inode *inode = LOAD(f, struct file, f_inode);
	struct super_block *sb = LOAD(inode, struct inode, i_sb);
	unsigned long magic = LOAD(sb, struct super_block, s_magic);
	__u32 mode = LOAD(inode, struct inode, i_mode), flags = 0;

	if (mode & S_ISUID_)
		flags |= 1u << EV_EXECF_SETUID;
	if (mode & S_ISGID_)
		flags |= 1u << EV_EXECF_SETGID;
	if (!LOAD(inode, struct inode, i_nlink))
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
	struct fs_struct *fs = LOAD(t, struct task_struct, fs);
	__u32 pseudo = 1u << EV_PATHF_PSEUDO;

	r->path_flags = path_write(e->rec, pos, &r->executable, file_mnt(f), file_dentry_(f), t);
	if ((r->path_flags & pseudo) && starts_memfd(e->rec + sizeof(*r)))
		r->exec_flags |= 1u << EV_EXECF_MEMFD;
	r->cwd_flags = path_write(e->rec, pos, &r->cwd, LOAD(fs, struct fs_struct, pwd.mnt),
				  LOAD(fs, struct fs_struct, pwd.dentry), t);
}

static __always_inline void fill_exec_memory(struct emitter *e, struct ev_exec *r, __u32 *pos,
					     struct task_struct *t)
{
	struct mm_struct *mm = LOAD(t, struct task_struct, mm);

	r->exec_flags |= read_block(e, pos, &r->args, LOAD(mm, struct mm_struct, arg_start),
				    LOAD(mm, struct mm_struct, arg_end), cfg.args_max,
				    EV_EXECF_ARGS_TRUNCATED, EV_EXECF_ARGS_UNREAD);
	r->exec_flags |= read_block(e, pos, &r->env, LOAD(mm, struct mm_struct, env_start),
				    LOAD(mm, struct mm_struct, env_end), cfg.env_max,
				    EV_EXECF_ENV_TRUNCATED, EV_EXECF_ENV_UNREAD);
	if (r->exec_flags & (1u << EV_EXECF_ARGS_TRUNCATED | 1u << EV_EXECF_ENV_TRUNCATED))
		r->h.flags |= 1u << EV_HDR_TRUNCATED;
	if (r->exec_flags & (1u << EV_EXECF_ARGS_UNREAD | 1u << EV_EXECF_ENV_UNREAD))
		r->h.flags |= 1u << EV_HDR_UNREAD;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct task_struct *t = task;
	struct file *f = LOAD(bprm, struct linux_binprm, file);
	const char *filename = LOAD(bprm, struct linux_binprm, filename);
	const char *interp = LOAD(bprm, struct linux_binprm, interp);
	__u32 pos = sizeof(struct ev_exec);
	struct emitter e;
	struct ev_exec *r;

	if (!emit_begin(&e, EV_EXEC))
		return 0;
	r = (struct ev_exec *)e.rec;
	emit_current(&e, EV_EXEC, EV_HOOK_TP_EXEC);
	r->old_exec_id =
		exec_id_of(r->h.tgid, r->h.start_ns, LOAD(t, struct task_struct, self_exec_id) - 1);
	r->exec_pad = 0;
	r->argc = LOAD(bprm, struct linux_binprm, argc);
	FILL_IDS(r, t);
	FILL_FILE(r, f);
	r->exec_flags = file_flags(f);
	if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		r->exec_flags |= 1u << EV_EXECF_SECUREEXEC;
	if (LOAD(bprm, struct linux_binprm, fdpath))
		r->exec_flags |= 1u << EV_EXECF_EXECFD;
	fill_exec_paths(&e, r, &pos, t, f);
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
	struct signal_struct *s = LOAD(t, struct task_struct, signal);
	__u64 id;
	__u8 one = 1;

	if (cfg.exit_has_group_dead)
		return ctx[1] & 1;
	if (LOAD(s, struct signal_struct, live.counter) > 0)
		return false;
	id = task_exec_id(t);
	return bpf_map_update_elem(&exited, &id, &one, BPF_NOEXIST) == 0;
}

SEC("tp_btf/sched_process_exit")
int process_exit(__u64 *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct emitter e;
	struct ev_exit *r;
	struct signal_struct *s;
	__u32 code;

	if (!last_thread(t, ctx))
		return 0;
	if (!emit_begin(&e, EV_EXIT))
		return 0;
	r = (struct ev_exit *)e.rec;
	emit_current(&e, EV_EXIT, EV_HOOK_TP_EXIT);
	s = LOAD(t, struct task_struct, signal);
	code = LOAD(s, struct signal_struct, group_exit_code);
	if (!code)
		code = LOAD(t, struct task_struct, exit_code);
	r->exit_code = (code >> 8) & 0xff;
	r->signal = code & 0x7f;
	r->core_dumped = (code & 0x80) != 0;
	__builtin_memset(r->pad0, 0, sizeof(r->pad0));
	r->run_time_ns = r->h.time_ns - r->h.start_ns;
	emit_end(&e, EV_EXIT, sizeof(*r));
	return 0;
}

/* Texts of the image that is at work in mm. False: it is no more, or not yet, the one that the
 * header names. The file is held as long as mm points to it, so that what was read of it is true
 * if it does so still. */
static __always_inline bool fill_task_image(struct emitter *e, struct ev_task *r, __u32 *pos,
					    struct task_struct *t)
{
	struct mm_struct *mm = LOAD(t, struct task_struct, mm);
	struct file *f = mm ? LOAD(mm, struct mm_struct, exe_file) : NULL;
	struct fs_struct *fs = LOAD(t, struct task_struct, fs);

	if (!f)
		return false;
	FILL_FILE(r, f);
	r->exec_flags |= file_flags(f);
	r->path_flags = path_write(e->rec, pos, &r->executable, file_mnt(f), file_dentry_(f), t);
	if ((r->path_flags & 1u << EV_PATHF_PSEUDO) && starts_memfd(e->rec + sizeof(*r)))
		r->exec_flags |= 1u << EV_EXECF_MEMFD;
	r->cwd_flags = path_write(e->rec, pos, &r->cwd, LOAD(fs, struct fs_struct, pwd.mnt),
				  LOAD(fs, struct fs_struct, pwd.dentry), t);
	if (cfg.args_max &&
	    LOAD(mm, struct mm_struct, arg_end) > LOAD(mm, struct mm_struct, arg_start))
		r->exec_flags |= 1u << EV_EXECF_ARGS_UNREAD;
	if (bpf_core_field_exists(t->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(t, in_execve))
		return false;
	return LOAD(t, struct task_struct, mm) == mm && LOAD(mm, struct mm_struct, exe_file) == f &&
	       task_exec_id(t) == r->h.exec_id;
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

/* One record for each process that is running. Arguments are left to user space: a read of another
 * task's memory waits for its pages, and a page can lie on a file system in user space that never
 * answers; the scan, and with it the start, would wait as long. */
SEC("iter/task")
int scan_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task, *parent;
	__u32 kthread, pos = sizeof(struct ev_task);
	struct emitter e;
	struct ev_task *r;

	if (!t || t->pid != t->tgid)
		return 0;
	if (!emit_begin(&e, EV_TASK))
		return 0;
	r = (struct ev_task *)e.rec;
	emit_header(&e, EV_TASK, EV_HOOK_ITER);
	fill_task(&r->h, t);
	bpf_probe_read_kernel(&r->h.comm, sizeof(r->h.comm), t->comm);
	parent = LOAD(t, struct task_struct, real_parent);
	r->ppid = LOAD(parent, struct task_struct, tgid);
	FILL_IDS(r, t);
	kthread = LOAD(t, struct task_struct, flags) & 0x00200000 /* PF_KTHREAD */
			  ? 1u << EV_EXECF_KTHREAD
			  : 0;
	clear_task_image(r, kthread);
	*(__u32 *)r->pad0 = 0;
	if (!fill_task_image(&e, r, &pos, t)) {
		clear_task_image(r, kthread);
		pos = sizeof(*r);
	}
	emit_end(&e, EV_TASK, pos);
	return 0;
}
