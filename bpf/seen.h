/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The short way to the mask of a path: of files that were opened before under their path. Every
 * instruction here is run for every open of the machine.
 *
 * A mask is kept under a key: 64 bits over the chain of names from the file to the root of the mount
 * namespace, of each dentry the bytes of its name, and what the kernel keeps beside it: its length
 * and its hash, which is of the name and of the parent's address. The bytes make the key one of this
 * path alone; the hash makes it one of names and parents that belong together, so that what a rename
 * leaves for a moment (a new parent and the old name) has a key that nothing is kept under, and d_seq
 * need not be read. What is kept comes from the long way (sign.h): names and hashes that it read
 * together under d_seq, and the mask of that text. The factors are the generation's, so all keys are
 * forgotten with it.
 *
 * What is not found here is asked about by the long way: names of more than SHORT_NAME bytes, a file
 * of another mount namespace than the task's or the agent's, and unlinked ones.
 */
#ifndef TOCSIN_SEEN_H
#define TOCSIN_SEEN_H

#include "sign.h"

enum { SEEN_FAR = 40, SEEN_BITS = 15, SEEN_SETS = 1 << SEEN_BITS };

/* Written by user space around a change of the block (probes/filter.c): empty while it goes on. */
struct filter_seen seen_keys SEC(".data.seen") = {};

/* The mount that is the agent's root, by addresses: where most files of a machine are. It is the root of
 * the agent's mount namespace (up is 0), which lives as long as the agent, or mounted over that, which is
 * looked at each time. mnt is set last, once. */
volatile struct seen_home {
	__u64 mnt, root, up, up_root;
} seen_home = {};

/* As verdicts, under keys. Not a map to look up in, but memory at an address that the programs have. */
struct filter_verdict_set seen_sets[SEEN_SETS] = {};

static __always_inline volatile struct filter_verdict_set *seen_set_of(__u64 key)
{
	__u64 at = key >> (64 - SEEN_BITS - 6) & (SEEN_SETS - 1) << 6; /* of 64 bytes */

	barrier_var_(at);
	return (void *)seen_sets + at;
}

static __always_inline bool seen_find(__u64 key, __u64 *mask)
{
	return verdict_in_set(seen_set_of(key), key, mask);
}

static __always_inline void seen_store(__u64 key, __u64 mask)
{
	verdict_to_set(seen_set_of(key), key, mask);
}

/* A walk at work. */
struct seen_walk {
	struct dentry *d, *root;
	__u64 key;
	struct filter_keys keys;
};

/* ---- names ---- */

/* What the last word of a name of len bytes holds of it: its last bytes, at the top. Shifts are by the
 * lowest six bits of a number. */
static __always_inline __u64 seen_last(__u64 word, __u64 len)
{
	asm("%1 *= -8\n\t%0 <<= %1" : "+r"(word), "+r"(len));
	return word;
}

/* A name into the key: its first word, and where it lies. False: it is a long one. */
static __always_inline bool seen_mix(struct seen_walk *w, __u64 word, const __u64 *name,
				     __u64 hash_len)
{
	__u64 x = w->key, len = hash_len >> 32;

	barrier_var_(len);
	if (len > 8) {
		if (len > SHORT_NAME)
			return false;
#pragma nounroll
		do {
			x = filter_sign(x, word, &w->keys) ^ w->keys.seed;
			word = *++name;
			len -= 8;
			barrier_var_(len);
		} while (len > 8);
	}
	w->key = filter_sign(x, seen_last(word, len), &w->keys) + hash_len;
	return true;
}

/* newer: the dentry has a d_shortname. */
static __always_inline bool seen_name(struct seen_walk *w, bool newer)
{
	struct dentry *d = w->d;

	w->d = d->d_parent;
	if (newer)
		return seen_mix(w, d->d_shortname.words[0], (const __u64 *)d->d_shortname.words,
				d->d_name.hash_len);
	return seen_mix(w, *(const __u64 *)((struct dentry___iname *)d)->d_iname,
			(const __u64 *)((struct dentry___iname *)d)->d_iname, d->d_name.hash_len);
}

/* By a probe read: what of a dentry is between these. linked: it is not unlinked. */
#define SEEN_HEAD_AT bpf_core_field_offset(struct dentry, d_hash.pprev)
#define SEEN_HEAD(copy, member, type)                                                              \
	COPIED(copy, bpf_core_field_offset(struct dentry, member) - SEEN_HEAD_AT, type)

static __always_inline bool seen_name_probed(struct seen_walk *w, bool *linked)
{
	const __u32 size = SHORT_NAME_AT + SHORT_WORDS * 8 - SEEN_HEAD_AT;
	__u64 head[9];
	const __u64 *name;

	if (size > sizeof(head) || bpf_probe_read_kernel(head, size, (char *)w->d + SEEN_HEAD_AT))
		return false;
	w->d = SEEN_HEAD(head, d_parent, struct dentry *);
	*linked = SEEN_HEAD(head, d_hash.pprev, __u64);
	name = &COPIED(head, SHORT_NAME_AT - SEEN_HEAD_AT, __u64);
	return seen_mix(w, *name, name, SEEN_HEAD(head, d_name.hash_len, __u64));
}

/* ---- mounts ---- */

/* Over the root of *m. False: it is being moved. fast: as READ. */
static __always_inline bool seen_mount(struct seen_walk *w, struct mount **m, bool fast)
{
	struct mount *up = READ(fast, *m, struct mount, mnt_parent);

	w->d = READ(fast, *m, struct mount, mnt_mountpoint);
	barrier();
	if (READ(fast, *m, struct mount, mnt_parent) != up)
		return false;
	*m = up;
	w->root = READ(fast, up, struct mount, mnt.mnt_root);
	return true;
}

static __always_inline struct mount *seen_mount_of(struct vfsmount *mnt, bool fast)
{
	return CAST(fast, (char *)mnt - bpf_core_field_offset(struct mount, mnt), struct mount);
}

/* Over the first names, up to the root of their mount, written out. False: one is long, or they are
 * many. */
static __always_inline bool seen_near(struct seen_walk *w, bool newer)
{
#define OVER_ONE                                                                                   \
	if (w->d == w->root)                                                                       \
		return true;                                                                       \
	if (!seen_name(w, newer))                                                                  \
	return false
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
	OVER_ONE;
#undef OVER_ONE
	return false;
}

/* At the root of the agent's root mount: is that still the root of all? */
static __always_inline bool seen_at_home(void)
{
	__u64 up = seen_home.up;
	struct mount *m;

	if (!up)
		return true;
	m = seen_mount_of((void *)seen_home.mnt, true);
	return (__u64)m->mnt_parent == up && (__u64)m->mnt_mountpoint == seen_home.up_root;
}

/* Of any file, to the root of the task's mount namespace. */
static __always_inline bool seen_far(struct seen_walk *w, struct vfsmount *mnt, bool newer)
{
	struct mount *m = seen_mount_of(mnt, true);
	struct mount *top = bpf_get_current_task_btf()->nsproxy->mnt_ns->root;

#pragma nounroll
	for (__u32 i = 0; i < SEEN_FAR; i++) {
		if (w->d != w->root) {
			if (!seen_name(w, newer))
				return false;
			continue;
		}
		if (m == top)
			return true;
		if (!seen_mount(w, &m, true))
			return false;
	}
	return false;
}

/* The whole walk by probe reads. */
static __always_inline bool seen_probed(struct seen_walk *w, struct vfsmount *mnt)
{
	struct mount *m = seen_mount_of(mnt, false);
	struct mount *top = bpf_get_current_task_btf()->nsproxy->mnt_ns->root;
	bool leaf = true, linked;

#pragma nounroll
	for (__u32 i = 0; i < SEEN_FAR; i++) {
		if (w->d != w->root) {
			if (!seen_name_probed(w, &linked) || (leaf && !linked))
				return false;
			leaf = false;
			continue;
		}
		if (m == top)
			return !leaf;
		if (!seen_mount(w, &m, false))
			return false;
	}
	return false;
}

/* ---- the question ---- */

/* t: a task of the agent. */
static __always_inline void seen_set_home(struct task_struct *t)
{
	struct task_struct *u = UNTRUSTED(t, struct task_struct);
	struct vfsmount *mnt = u->fs->root.mnt;
	struct mount *m, *up, *top = u->nsproxy->mnt_ns->root;

	if (seen_home.mnt || !typed_loads())
		return;
	m = seen_mount_of(mnt, true);
	up = m->mnt_parent;
	if (up != top)
		return;
	seen_home.root = (__u64)mnt->mnt_root;
	seen_home.up_root = (__u64)up->mnt.mnt_root;
	seen_home.up = up == m ? 0 : (__u64)up;
	barrier();
	seen_home.mnt = (__u64)mnt;
}

/* The whole walk: as the parts, from a file of mount mnt. */
static __always_inline bool seen_typed(struct seen_walk *w, struct vfsmount *mnt, bool newer)
{
	if ((__u64)mnt != seen_home.mnt) {
		w->root = mnt->mnt_root;
		return seen_far(w, mnt, newer);
	}
	w->root = (struct dentry *)seen_home.root;
	return seen_near(w, newer) && seen_at_home();
}

static __always_inline void seen_begin(struct seen_walk *w, const struct filter_seen *s)
{
	w->keys = s->keys;
	w->key = w->keys.seed;
}

/* Looks up the file that t, the current task, has at descriptor fd. False: not known. */
static __always_inline bool seen_mask(const struct filter_seen *keys, struct task_struct *t,
				      long fd, struct file *volatile *file, __u64 *mask)
{
	struct callback_head *slot =
		typed((char *)t->files->fdt->fd + fd * sizeof(void *), struct callback_head);
	struct file *f = typed(slot->next, struct file);
	struct vfsmount *mnt = f->f_path.mnt;
	struct seen_walk w;
	bool there;

	*file = f;
	w.d = f->f_path.dentry;
	if (!w.d->d_hash.pprev)
		return false;
	seen_begin(&w, keys);
	/* Asked once, so that names are read by code that knows where they lie. */
	there = bpf_core_field_exists(struct dentry, d_shortname) ? seen_typed(&w, mnt, true)
								  : seen_typed(&w, mnt, false);
	return there && seen_find(w.key, mask);
}

/* The same where loads are not typed, in a frame of its own. */
static __noinline bool seen_mask_probed(struct task_struct *t, long fd, struct file *volatile *file,
					__u64 *mask)
{
	const struct filter_seen *keys = &seen_keys;
	struct file *f = LOAD_SLOT((char *)t->files->fdt->fd + fd * sizeof(void *));
	struct seen_walk w;
	struct path at = {};

	bpf_core_read(&at, sizeof(at), &f->f_path);
	*file = f;
	w.d = at.dentry;
	w.root = LOAD(at.mnt, struct vfsmount, mnt_root);
	seen_begin(&w, keys);
	return seen_probed(&w, at.mnt) && seen_find(w.key, mask);
}

#endif
