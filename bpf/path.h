/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Paths and files as the kernel has them.
 *
 * A path is walked from the leaf to the root of the mount namespace, over every mount on the way,
 * and written in that order (struct ev_ref in event.h says how): appending needs no second pass.
 * It does not stop at the task's chroot. Pointers are typed loads where the kernel has them, and so
 * are the bytes of a short component; one probe read copies another. The walk runs in bpf_loop: the
 * verifier would count an unrolled one. It takes no lock, so a rename on the way can mix old and
 * new names.
 */
#ifndef TOCSIN_PATH_H
#define TOCSIN_PATH_H

#include "emit.h"

enum { PATH_STEPS = 1024, NAME_LEN = 256, NAME_WORDS = 3, MNT_NS_ANON_INO_ = 0xEFFFFFF7 };

struct path_walk {
	struct dentry *d;
	struct dentry *root; /* of mount m */
	struct mount *m;
	struct scratch_slot *s;
	__u64 end; /* of the room for this path */
	__u64 done;
};

static __always_inline void path_mount(struct path_walk *w, struct mount *m)
{
	w->m = m;
	w->root = LOAD(m, struct mount, mnt.mnt_root);
}

/* At what the slot of scratch memory says. */
static __always_inline void path_begin(struct path_walk *w, struct scratch_slot *s)
{
	w->d = (void *)s->dentry;
	path_mount(w, (void *)(s->mnt - bpf_core_field_offset(struct mount, mnt)));
}

/* From the root of a mount to where it is mounted. False: that is nowhere. */
static __always_inline bool path_over_mount(struct path_walk *w)
{
	struct mount *up = LOAD(w->m, struct mount, mnt_parent);

	if (up == w->m)
		return false;
	w->d = LOAD(w->m, struct mount, mnt_mountpoint);
	path_mount(w, up);
	return true;
}

/* Copies a name of up to NAME_WORDS * 8 - 1 bytes and its NUL a word at a time, as strscpy does:
 * what follows the NUL in its word goes too, and is written over or cut. Names begin at a multiple
 * of 8 in the kernel, so that no word goes over the end of a page. The type is any whose first
 * member is a 64-bit number. Returns the bytes up to and with the NUL, 0 where none was found. */
static __always_inline long copy_short(__u8 *to, const unsigned char *name)
{
	const __u64 ones = 0x0101010101010101ULL;
	__u64 word, nul;

#pragma unroll
	for (int i = 0; i < NAME_WORDS; i++) {
		word = LOAD_WORD(name + i * 8);
		*(__u64 *)(to + i * 8) = word;
		nul = (word - ones) & ~word &
		      ones << 7; /* the lowest bit set is that of the first NUL */
		if (nul)
			return i * 8 + (((((nul - 1) ^ nul) & ones) * ones) >> 56);
	}
	return 0;
}

static __always_inline bool path_name(struct path_walk *w)
{
	const unsigned char *name = LOAD(w->d, struct dentry, d_name.name);
	__u32 pos = w->s->pos;
	long n = 0;

	if (pos >= w->end || pos > EV_REC_MAX - NAME_LEN) {
		w->s->flags |= 1u << EV_PATHF_TRUNCATED;
		return false;
	}
	if (typed_loads())
		n = copy_short(w->s->b + pos, name);
	if (!n)
		n = bpf_probe_read_kernel_str(w->s->b + pos, NAME_LEN, name);
	if (n <= 1) {
		w->s->flags |= 1u << EV_PATHF_UNREAD;
		return false;
	}
	if (pos + (__u64)n > w->end) {
		w->s->flags |= 1u << EV_PATHF_TRUNCATED;
		return false;
	}
	w->s->walk.at[w->s->walk.ncomponents++ & (FILTER_COMPONENTS - 1)] = pos;
	w->s->pos = pos + n;
	return true;
}

static long path_step(__u64 i, struct path_walk *w)
{
	struct dentry *parent;
	__u32 pos;

	if (w->d == w->root) {
		if (path_over_mount(w))
			return 0;
		w->done = 1;
		return 1;
	}
	parent = LOAD(w->d, struct dentry, d_parent);
	pos = w->s->pos;
	if (!path_name(w))
		return 1;
	if (parent == w->d || !parent) { /* a file without a directory: memfd, pipe, handle */
		if (pos < EV_REC_MAX && w->s->b[pos] == '/')
			w->s->pos = pos; /* "/": what the kernel calls a dentry without a name */
		w->s->flags |= 1u << EV_PATHF_DETACHED;
		w->done = 1;
		return 1;
	}
	w->d = parent;
	return 0;
}

/* Does m, the last mount of a walk, root the task's own mount namespace? */
static __always_inline __u32 path_end(struct mount *m, __u64 own)
{
	struct mnt_namespace *ns = LOAD(m, struct mount, mnt_ns);
	__u32 inum;

	if ((long)ns < 0 && (long)ns >= -4095)
		return 1u << EV_PATHF_PSEUDO; /* kern_mount: MNT_NS_INTERNAL */
	if (!ns)
		return 1u << EV_PATHF_DETACHED;
	if ((__u64)ns == own)
		return 0;
	inum = LOAD(ns, struct mnt_namespace, ns.inum);
	return 1u << (inum && inum != MNT_NS_ANON_INO_ ? EV_PATHF_FOREIGN : EV_PATHF_DETACHED);
}

/* No longer linked: only by an open descriptor, or as a mount, is it still reached. fast: as READ. */
static __always_inline bool unlinked(struct dentry *d, bool fast)
{
	return !READ(fast, d, struct dentry, d_hash.pprev) &&
	       READ(fast, d, struct dentry, d_parent) != d;
}

/* Writes the path that begins as the slot of scratch memory says at pos of it; its pos then says where
 * the path ends. Returns enum ev_path_flag bits. It stands alone for the verifier, which would else
 * follow it from every state of its callers; so pointers come through the slot, as numbers. */
__noinline int path_at(__u32 scratch_key, __u32 pos)
{
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	struct path_walk w = { .s = s, .end = (__u64)pos + EV_PATH_MAX };
	__u32 flags = 0, at = pos;

	if (!s)
		return 1u << EV_PATHF_UNREAD;
	path_begin(&w, s);
	if (unlinked(w.d, false))
		flags |= 1u << EV_PATHF_DELETED;
	s->pos = pos;
	s->flags = 0;
	s->walk.ncomponents = 0;
	bpf_loop(PATH_STEPS, path_step, &w, 0);
	flags |= w.done ? path_end(w.m, s->own) : 1u << EV_PATHF_TRUNCATED;
	if (s->pos == pos) { /* the root itself: one empty component */
		if (pos >= EV_REC_MAX)
			return flags | 1u << EV_PATHF_UNREAD;
		barrier_var_(at); /* the verifier of 6.1 knows the bounds of a copy alone */
		s->b[at & (EV_REC_MAX - 1)] = 0;
		s->pos = pos + 1;
		s->walk.at[0] = pos;
		s->walk.ncomponents = 1;
	}
	return flags | s->flags;
}

/* Writes the path of (mnt, d) into the record at *pos, moves *pos past it, returns enum ev_path_flag
 * bits. ref is left absent when there is nothing to say. */
static __always_inline __u32 path_write(struct emitter *e, __u32 *pos, struct ev_ref *ref,
					struct vfsmount *mnt, struct dentry *d,
					struct task_struct *t)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	__u32 flags, end;

	ref->off = ref->len = 0;
	if (!d || !mnt)
		return 0;
	s->mnt = (__u64)mnt;
	s->dentry = (__u64)d;
	s->own = (__u64)UNTRUSTED(t, struct task_struct)->nsproxy->mnt_ns;
	flags = path_at(emit_key(e), *pos);
	end = s->pos;
	if (end == *pos)
		return flags;
	ref->off = *pos;
	ref->len = end - *pos;
	*pos = end;
	return flags;
}

static __always_inline struct vfsmount *file_mnt(struct file *f)
{
	return LOAD(f, struct file, f_path.mnt);
}

static __always_inline struct dentry *file_dentry_(struct file *f)
{
	return LOAD(f, struct file, f_path.dentry);
}

/* The open file that descriptor fd of task t means, or NULL. */
static __always_inline struct file *file_of_fd(struct task_struct *t, long fd)
{
	struct fdtable *fdt = t->files->fdt;

	if (fd < 0 || fd >= fdt->max_fds)
		return NULL;
	return LOAD_SLOT((char *)fdt->fd + fd * sizeof(void *));
}

static __always_inline __u32 dev_major(__u32 dev)
{
	return dev >> 20;
}
static __always_inline __u32 dev_minor(__u32 dev)
{
	return dev & 0xfffff;
}

#endif
