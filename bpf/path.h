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

enum { PATH_STEPS = 1024, PATH_AT_ONCE = 2 /* in a round of bpf_loop */, NAME_LEN = 256 };
enum { NAME_WORDS = 3, MNT_NS_ANON_INO_ = 0xEFFFFFF7 };

/* A walk at work. fast, below: as READ; the pointers then keep their types. */
struct path_walk {
	struct dentry *d;
	struct dentry *root; /* of mount m */
	struct mount *m;
	struct scratch_slot *s;
	__u64 pos; /* where the next name goes */
	__u64 end; /* of the room for this path */
	__u64 n; /* components so far */
	__u64 done;
};

static __always_inline void path_mount(struct path_walk *w, struct mount *m, bool fast)
{
	w->m = m;
	w->root = READ(fast, m, struct mount, mnt.mnt_root);
}

/* At what the slot of scratch memory says. */
static __always_inline void path_begin(struct path_walk *w, struct scratch_slot *s, bool fast)
{
	void *m = (void *)(s->mnt - bpf_core_field_offset(struct mount, mnt));

	w->d = CAST(fast, s->dentry, struct dentry);
	path_mount(w, CAST(fast, m, struct mount), fast);
}

/* From the root of a mount to where it is mounted. False: that is nowhere. */
static __always_inline bool path_over_mount(struct path_walk *w, bool fast)
{
	struct mount *m = w->m, *up = READ(fast, m, struct mount, mnt_parent);

	if (up == m)
		return false;
	w->d = READ(fast, m, struct mount, mnt_mountpoint);
	path_mount(w, up, fast);
	return true;
}

/* Copies a text of up to n_words * 8 - 1 bytes and its NUL a word at a time, as strscpy does: what
 * follows the NUL in its word goes too, and is written over or cut. The type is any whose first member
 * is a 64-bit number. Returns the bytes up to and with the NUL, 0 where none was found. */
static __always_inline long copy_short(__u8 *to, const char *text, int n_words)
{
	const __u64 ones = 0x0101010101010101ULL;
	__u64 word, nul;

#pragma unroll
	for (int i = 0; i < n_words; i++) {
		word = (__u64)typed(text + i * 8, struct timespec64)->tv_sec;
		*(__u64 *)(to + i * 8) = word;
		nul = (word - ones) & ~word &
		      ones << 7; /* the lowest bit set is that of the first NUL */
		if (nul)
			return i * 8 + (((((nul - 1) ^ nul) & ones) * ones) >> 56);
	}
	return 0;
}

/* Names begin at a multiple of 8 in the kernel, so that no word goes over the end of a page. */
static __always_inline bool path_name(struct path_walk *w, struct dentry *d, bool fast)
{
	const char *name = (const char *)READ(fast, d, struct dentry, d_name.name);
	struct scratch_slot *s = w->s;
	__u64 pos = w->pos;
	long n = 0;

	if (pos >= w->end || pos > EV_REC_MAX - NAME_LEN) {
		s->flags |= 1u << EV_PATHF_TRUNCATED;
		return false;
	}
	if (fast)
		n = copy_short(s->b + pos, name, NAME_WORDS);
	if (!n) {
		n = bpf_probe_read_kernel_str(s->b + pos, NAME_LEN, name);
		if (n < 0)
			n = 0;
	}
	barrier_var_(n);
	n &= 2 * NAME_LEN - 1; /* the same to the verifier, whichever way it came */
	if (n <= 1) {
		s->flags |= 1u << EV_PATHF_UNREAD;
		return false;
	}
	if (pos + (__u64)n > w->end) {
		s->flags |= 1u << EV_PATHF_TRUNCATED;
		return false;
	}
	s->walk.at[w->n & (FILTER_COMPONENTS - 1)] = pos;
	w->n++;
	w->pos = pos + n;
	return true;
}

/* In the slot, as its pos: what the verifier knows of it would make every step look new. */
static __always_inline void path_image(struct scratch_slot *s, struct dentry *d, bool fast)
{
	s->image = mix64(s->image ^ READ(fast, d, struct dentry, d_name.hash_len)) +
		   READ(fast, d, struct dentry, d_seq.seqcount.sequence);
}

/* 1: the end. */
static __always_inline long path_step(struct path_walk *w, bool fast)
{
	struct dentry *d = w->d, *parent;
	__u64 pos = w->pos;

	if (d == w->root) {
		if (path_over_mount(w, fast))
			return 0;
		w->done = 1;
		return 1;
	}
	if (w->s->wants_image)
		path_image(w->s, d, fast);
	parent = READ(fast, d, struct dentry, d_parent);
	if (!path_name(w, d, fast))
		return 1;
	if (parent == d || !parent) { /* a file without a directory: memfd, pipe, handle */
		if (pos < EV_REC_MAX && w->s->b[pos] == '/')
			w->pos = pos; /* "/": what the kernel calls a dentry without a name */
		w->s->flags |= 1u << EV_PATHF_DETACHED;
		w->done = 1;
		return 1;
	}
	w->d = parent;
	return 0;
}

static __always_inline long path_steps(struct path_walk *w, bool fast)
{
#pragma nounroll
	for (int k = 0; k < PATH_AT_ONCE; k++)
		if (path_step(w, fast))
			return 1;
	return 0;
}

static long path_steps_typed(__u64 i, struct path_walk *w)
{
	return path_steps(w, true);
}

static long path_steps_probed(__u64 i, struct path_walk *w)
{
	return path_steps(w, false);
}

/* Does m, the last mount of a walk, root the task's own mount namespace? */
static __always_inline __u32 path_end(struct mount *m, __u64 own, bool fast)
{
	struct mnt_namespace *ns = READ(fast, m, struct mount, mnt_ns);
	__u32 inum;

	if ((long)ns < 0 && (long)ns >= -4095)
		return 1u << EV_PATHF_PSEUDO; /* kern_mount: MNT_NS_INTERNAL */
	if (!ns)
		return 1u << EV_PATHF_DETACHED;
	if ((__u64)ns == own)
		return 0;
	inum = READ(fast, ns, struct mnt_namespace, ns.inum);
	return 1u << (inum && inum != MNT_NS_ANON_INO_ ? EV_PATHF_FOREIGN : EV_PATHF_DETACHED);
}

/* No longer linked: only by an open descriptor, or as a mount, is it still reached. */
static __always_inline bool unlinked(struct dentry *d, bool fast)
{
	return !READ(fast, d, struct dentry, d_hash.pprev) &&
	       READ(fast, d, struct dentry, d_parent) != d;
}

/* Walks from where the slot says and writes the names. Returns enum ev_path_flag bits. */
static __always_inline __u32 path_names(struct path_walk *w, bool fast)
{
	struct scratch_slot *s = w->s;
	__u32 flags = 0;

	path_begin(w, s, fast);
	if (unlinked(w->d, fast))
		flags |= 1u << EV_PATHF_DELETED;
	s->flags = 0;
	bpf_loop(PATH_STEPS / PATH_AT_ONCE, fast ? path_steps_typed : path_steps_probed, w, 0);
	flags |= w->done ? path_end(w->m, s->own, fast) : 1u << EV_PATHF_TRUNCATED;
	return flags | s->flags;
}

/* The next path that is written into this record is also to have its image: a number that is another one
 * once any name on the path has changed, of each dentry, up to the root and over mounts, the hash of its
 * name and parent and the count of its renames. Then in scratch_slot.image. */
static __always_inline void ask_image(struct emitter *e)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;

	s->wants_image = 1;
	s->image = 1;
}

/* Writes the path that begins as the slot of scratch memory says at pos of it; its pos then says where
 * the path ends. Returns enum ev_path_flag bits. It stands alone for the verifier, which would else
 * follow it from every state of its callers; so pointers come through the slot, as numbers. */
__noinline int path_at(__u32 scratch_key, __u32 pos)
{
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	struct path_walk w = {
		.s = s, .pos = pos, .end = (__u64)pos + EV_PATH_MAX, .n = not_known
	};
	__u32 flags, at = pos;

	if (!s)
		return 1u << EV_PATHF_UNREAD;
	flags = typed_loads() ? path_names(&w, true) : path_names(&w, false);
	if (w.pos == pos) { /* the root itself: one empty component */
		s->pos = pos;
		s->walk.ncomponents = 0;
		if (pos >= EV_REC_MAX)
			return flags | 1u << EV_PATHF_UNREAD;
		barrier_var_(at); /* the verifier of 6.1 knows the bounds of a copy alone */
		s->b[at & (EV_REC_MAX - 1)] = 0;
		w.pos = pos + 1;
		s->walk.at[0] = pos;
		w.n = 1;
	}
	s->wants_image = 0;
	s->pos = w.pos;
	s->walk.ncomponents = w.n;
	return flags;
}

/* The mount namespace of t, to compare with. */
static __always_inline __u64 own_mounts(struct task_struct *t)
{
	return (__u64)UNTRUSTED(t, struct task_struct)->nsproxy->mnt_ns;
}

/* Writes the path of (mnt, d) into the record at *pos, moves *pos past it, returns enum ev_path_flag
 * bits. ref is left absent when there is nothing to say. own: own_mounts of the task. */
static __always_inline __u32 path_write_for(struct emitter *e, __u32 *pos, struct ev_ref *ref,
					    struct vfsmount *mnt, struct dentry *d, __u64 own)
{
	struct scratch_slot *s = (struct scratch_slot *)e->rec;
	__u32 flags, end;

	ref->off = ref->len = 0;
	if (!d || !mnt)
		return 0;
	s->mnt = (__u64)mnt;
	s->dentry = (__u64)d;
	s->own = own;
	flags = path_at(emit_key(e), *pos);
	end = s->pos;
	if (end == *pos)
		return flags;
	ref->off = *pos;
	ref->len = end - *pos;
	*pos = end;
	return flags;
}

static __always_inline __u32 path_write(struct emitter *e, __u32 *pos, struct ev_ref *ref,
					struct vfsmount *mnt, struct dentry *d,
					struct task_struct *t)
{
	return path_write_for(e, pos, ref, mnt, d, own_mounts(t));
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
