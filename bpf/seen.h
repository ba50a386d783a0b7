/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The short way to the mask of a path: of files that were opened before under their path, and of others in
 * the directory of such a file. Every instruction here is run for every open of the machine.
 *
 * A mask is kept under a key: 64 bits over the chain of names from the file to the root of the mount
 * namespace, of each dentry the bytes of its name, and what the kernel keeps beside it: its length
 * and its hash, which is of the name and of the parent's address. The bytes make the key one of this
 * path alone; the hash makes it one of names and parents that belong together, so that what a rename
 * leaves for a moment (a new parent and the old name) has a key that nothing is kept under, and d_seq
 * need not be read. What is kept comes from the long way (sign.h): names and hashes that it read
 * together under d_seq, and the mask of that text. The last name has a key of its own, so that where
 * the path is not known its directory may be: then the automaton goes on from there over the last name,
 * which is read anew under d_seq (seen_first). The factors are the generation's, so all keys are
 * forgotten with it.
 *
 * What is not found here is asked about by the long way: names of more than SHORT_NAME bytes, a file
 * of another mount namespace than the task's or the agent's, and unlinked ones.
 */
#ifndef TOCSIN_SEEN_H
#define TOCSIN_SEEN_H

#include "seen_sets.h"

enum { SEEN_FAR = 40, SEEN_STACKED = 4, SEEN_ROUNDS = 24, SEEN_AT_ONCE = 6 };

/* Written by user space around a change of the block (probes/filter.c): empty while it goes on. */
struct filter_seen seen_keys SEC(".data.seen") = {};

/* The mount that is the agent's root, by addresses: where most files of a machine are. It is the root of
 * the agent's mount namespace (up is 0), which lives as long as the agent, or mounted over that, which is
 * looked at each time. mnt is set last, once; until then it is no mount's address, nor that of a file that is gone,
 * which is 0. */
enum { SEEN_NOWHERE = 1 };
volatile struct seen_home {
	__u64 mnt, root, mount, up, up_root;
} seen_home = { SEEN_NOWHERE };

/* A walk at work. */
struct seen_walk {
	struct dentry *d;
	__u64 root; /* of the mount: a number, or the compiler would take the one for the other */
	__u64 x; /* key of the last name, then of its directory, so far */
	struct filter_keys keys;
	/* The last name: NULL in the root of all; its key; its directory; what lies at its place. Not in registers
	 * meanwhile. */
	struct dentry *volatile leaf;
	volatile __u64 name, in, word;
};

/* ---- names ---- */

/* What the last word of a name of len bytes holds of it: its last bytes, at the top. Shifts are by the
 * lowest six bits of a number. */
static __always_inline __u64 seen_last(__u64 word, __u64 len)
{
	asm("%1 *= -8\n\t%0 <<= %1" : "+r"(word), "+r"(len));
	return word;
}

/* A name into a key: its first word, and where it lies. False: it is a long one. */
static __always_inline bool seen_mix(__u64 *key, const struct filter_keys *k, __u64 word,
				     const __u64 *name, __u64 hash_len)
{
	__u64 x = *key, len = hash_len >> 32;

	barrier_var_(len);
	if (len > 8) {
		if (len > SHORT_NAME)
			return false;
#pragma nounroll
		do {
			x = filter_sign(x, word, k) ^ k->k1;
			word = *++name;
			len -= 8;
			barrier_var_(len);
		} while (len > 8);
	}
	*key = filter_sign(x, seen_last(word, len), k) + hash_len;
	return true;
}

/* The dentry that the last name is of; NULL: there is none. What lies at its place is asked for. */
static __always_inline void seen_leaf_is(struct seen_walk *w, struct dentry *leaf)
{
	w->word = SEEN_WORD(seen_place(HALF_OF(leaf)));
	w->leaf = leaf;
}

/* That was the last name; what follows are its directories. */
static __always_inline void seen_last_name(struct seen_walk *w)
{
	w->in = (__u64)w->d;
	w->name = w->x;
	w->x = w->keys.k2;
}

/* newer: the dentry has a d_shortname. A word of it, as one load. */
#define SEEN_SHORT(d, newer, i)                                                                    \
	((newer) ? (d)->d_shortname.words[i]                                                       \
		 : *(const __u64 *)&((struct dentry___iname *)(d))->d_iname[(i)*8])

/* The name of w->d into its key, as seen_mix: words are loaded from where they lie, by no address that would take a
 * register. */
static __always_inline bool seen_name(struct seen_walk *w, bool newer)
{
	const struct filter_keys *k = &w->keys;
	struct dentry *d = w->d;
	__u64 x = w->x, word = SEEN_SHORT(d, newer, 0), hash_len = d->d_name.hash_len;
	__u64 len = hash_len >> 32;

	barrier_var_(len);
	if (len > 8) {
		if (len > SHORT_NAME)
			return false;
		x = filter_sign(x, word, k) ^ k->k1;
		word = SEEN_SHORT(d, newer, 1);
		if (len > 16) {
			x = filter_sign(x, word, k) ^ k->k1;
			word = SEEN_SHORT(d, newer, 2);
			if (len > 24) {
				x = filter_sign(x, word, k) ^ k->k1;
				word = SEEN_SHORT(d, newer, 3);
			}
		}
	}
	w->d = d->d_parent;
	w->x = filter_sign(x, seen_last(word, len), k) + hash_len;
	return true;
}

/* By a probe read: what of a dentry is between these. */
enum { SEEN_HEAD_BYTES = 72 };
#define SEEN_HEAD_AT bpf_core_field_offset(struct dentry, d_hash.pprev)
#define SEEN_HEAD(copy, member, type)                                                              \
	COPIED(copy, bpf_core_field_offset(struct dentry, member) - SEEN_HEAD_AT, type)

#define SEEN_NAME(copy) (&COPIED(copy, SHORT_NAME_AT - SEEN_HEAD_AT, __u64))

static __always_inline bool seen_head(__u64 *head, struct dentry *d)
{
	const __u32 size = SHORT_NAME_AT + SHORT_WORDS * 8 - SEEN_HEAD_AT;

	return size <= SEEN_HEAD_BYTES &&
	       !bpf_probe_read_kernel(head, size, (char *)d + SEEN_HEAD_AT);
}

static __always_inline bool seen_name_probed(struct seen_walk *w, __u64 *head)
{
	if (!seen_head(head, w->d))
		return false;
	w->d = SEEN_HEAD(head, d_parent, struct dentry *);
	return seen_mix(&w->x, &w->keys, *SEEN_NAME(head), SEEN_NAME(head),
			SEEN_HEAD(head, d_name.hash_len, __u64));
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
	w->root = (__u64)READ(fast, up, struct mount, mnt.mnt_root);
	return true;
}

static __always_inline struct mount *seen_mount_of(struct vfsmount *mnt, bool fast)
{
	return CAST(fast, (char *)mnt - bpf_core_field_offset(struct mount, mnt), struct mount);
}

/* Is the agent's root mount still the root of all? */
static __always_inline bool seen_at_home(const volatile struct seen_home *home)
{
	__u64 up = home->up;
	struct mount *m;

	if (!up)
		return true;
	m = typed(home->mount, struct mount);
	return (__u64)m->mnt_parent == up && (__u64)m->mnt_mountpoint == home->up_root;
}

/* Over the last name, of w->d. False: it is long. fast: as READ. */
static __always_inline bool seen_leaf_name(struct seen_walk *w, __u64 *head, bool newer, bool fast)
{
	seen_leaf_is(w, w->d);
	if (!(fast ? seen_name(w, newer) : seen_name_probed(w, head)))
		return false;
	seen_last_name(w);
	return true;
}

/* Over the mounts that the file is the root of, and its last name. False: there is none, or it is long. */
static __always_inline bool seen_leaf(struct seen_walk *w, struct mount **m, __u64 *head,
				      bool newer, bool fast)
{
#pragma nounroll
	for (__u32 i = 0; i < SEEN_STACKED && (__u64)w->d == w->root; i++)
		if (!seen_mount(w, m, fast))
			return false;
	return (__u64)w->d != w->root && seen_leaf_name(w, head, newer, fast);
}

/* What is left of the way to the root of the mount. */
static __always_inline bool seen_names(struct seen_walk *w, bool newer)
{
#pragma nounroll
	for (__u32 i = 0; i < SEEN_FAR; i++) {
		if ((__u64)w->d == w->root)
			return true;
		if (!seen_name(w, newer))
			return false;
	}
	return false;
}

/* What is left of the way, to the root of the task's mount namespace. */
static __always_inline bool seen_rest(struct seen_walk *w, struct mount *m, __u64 *head, bool newer,
				      bool fast)
{
	struct mount *top = bpf_get_current_task_btf()->nsproxy->mnt_ns->root;

#pragma nounroll
	for (__u32 i = 0; i < SEEN_FAR; i++) {
		if ((__u64)w->d != w->root) {
			if (!(fast ? seen_name(w, newer) : seen_name_probed(w, head)))
				return false;
			continue;
		}
		if (m == top)
			return true;
		if (!seen_mount(w, &m, fast))
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

	if (seen_home.mnt != SEEN_NOWHERE || !typed_loads())
		return;
	m = seen_mount_of(mnt, true);
	up = m->mnt_parent;
	if (up != top)
		return;
	seen_home.root = (__u64)mnt->mnt_root;
	seen_home.mount = (__u64)m;
	seen_home.up_root = (__u64)up->mnt.mnt_root;
	seen_home.up = up == m ? 0 : (__u64)up;
	barrier();
	seen_home.mnt = (__u64)mnt;
}

/* At a known address, as everything here. */
struct filter_counter seen_dropped[FILTER_COUNTERS] SEC(".bss.dropped") = {};

/* The tracepoint runs its programs without preemption, so that a counter of one CPU alone is counted up as it
 * is, which is cheaper than an atomic addition. (Where CPUs are more than counters, two that share one may lose
 * some.) */
static __always_inline void seen_count(void)
{
	__u64 at = (bpf_get_smp_processor_id() & (FILTER_COUNTERS - 1)) << 6; /* of 64 bytes */
	volatile __u64 *n = (void *)seen_dropped + at;

	*n += 1;
}

static __always_inline void seen_begin(struct seen_walk *w, const struct filter_keys *keys,
				       struct dentry *d)
{
	w->d = d;
	w->keys = *keys;
	w->x = keys->seed;
}

/* The whole walk, from dentry d of mount mnt. */
static __always_inline bool seen_typed(struct seen_walk *w, const struct filter_keys *keys,
				       struct dentry *d, struct vfsmount *mnt, bool newer)
{
	const volatile struct seen_home *home = &seen_home;
	struct mount *m;

	barrier_var_(home); /* one address for all */
	if ((__u64)mnt != home->mnt) {
		w->root = (__u64)mnt->mnt_root;
		m = seen_mount_of(mnt, true);
		seen_begin(w, keys, d);
		return seen_leaf(w, &m, NULL, newer, true) && seen_rest(w, m, NULL, newer, true);
	}
	if (!seen_at_home(home))
		return false;
	w->root = home->root;
	seen_begin(w, keys, d);
	if ((__u64)d == w->root) {
		seen_leaf_is(w, NULL);
		seen_last_name(w);
		return true;
	}
	return seen_leaf_name(w, NULL, newer, true) && seen_names(w, newer);
}

/* The last name of a path whose directory may be known, and the automaton at work on it. */
struct seen_unknown {
	struct filter_state at;
	__u64 word; /* begins with the next byte */
	__u32 taken, len; /* bytes */
	__u64 leaf, in, dir; /* dentries; key of the directory */
	__u64 head[SEEN_HEAD_BYTES / 8]; /* of the leaf */
};

/* Reads the name under d_seq. False: it is not in that directory any more, or is being moved. */
static __always_inline bool seen_read(struct seen_unknown *l)
{
	struct dentry *d = (struct dentry *)l->leaf;
	__u32 seq = LOAD(d, struct dentry, d_seq.seqcount.sequence);

	barrier();
	if (!seen_head(l->head, d))
		return false;
	barrier();
	return !(seq & 1) && LOAD(d, struct dentry, d_seq.seqcount.sequence) == seq &&
	       SEEN_HEAD(l->head, d_parent, __u64) == l->in;
}

/* Of the name, from byte u->taken on. */
static __always_inline __u64 seen_word(const struct filter_text *t, const struct seen_unknown *u)
{
	__u64 word = SEEN_NAME(u->head)[u->taken / 8 & (SHORT_WORDS - 1)];

	return t->fold ? filter_fold_word(word) : word;
}

struct seen_step {
	const struct filter_block *head;
	struct seen_unknown *at; /* what lies in it is nothing that the verifier follows */
};

static long seen_name_step(__u64 i, struct seen_step *s)
{
	const struct filter_block *h = s->head;
	const struct filter_text *t = &h->open;
	struct seen_unknown *u = s->at;

#pragma nounroll
	for (int k = 0; k < SEEN_AT_ONCE; k++) {
		if (!filter_try(h, t, &u->at, u->word & 0xff))
			continue;
		u->word >>= 8;
		if (++u->taken >= u->len)
			return 1;
		if (!(u->taken & 7))
			u->word = seen_word(t, u);
	}
	return 0;
}

/* A path that is not known: is its directory? Then the number of its mask, which is known from now on; else
 * SEEN_UNKNOWN. It stands alone for the verifier. */
__noinline int seen_first(struct seen_unknown *l)
{
	const struct filter_block *h = filter_now();
	struct seen_step step = { h, l };
	struct seen_key key;
	__u64 mask, hash_len;
	__u32 state, len;

	if (!l || !h || h->generation != seen_keys.generation ||
	    !dir_find(filter_dir_signature(l->dir, h), h, &state, &mask) || !seen_read(l))
		return SEEN_UNKNOWN;
	hash_len = SEEN_HEAD(l->head, d_name.hash_len, __u64);
	len = hash_len >> 32;
	key.name = h->keys.seed;
	if (!len ||
	    !seen_mix(&key.name, &h->keys, *SEEN_NAME(l->head), SEEN_NAME(l->head), hash_len))
		return SEEN_UNKNOWN;
	l->word = seen_word(&h->open, l);
	l->len = len;
	l->at.last = 1;
	filter_state_set(h, &h->open, &l->at, state, mask);
	bpf_loop(SEEN_ROUNDS, seen_name_step, &step, 0);
	if (l->taken < l->len)
		return SEEN_UNKNOWN;
	filter_found_end(h, &h->open, &l->at);
	key.dir = l->dir;
	return seen_store(h, &key, (struct dentry *)l->leaf, l->at.mask);
}

/* In a frame of its own. */
static __noinline __u32 seen_ask_first(struct dentry *leaf, __u64 in, __u64 dir)
{
	struct seen_unknown l = { .leaf = (__u64)leaf, .in = in, .dir = dir };

	return seen_first(&l);
}

/* After the walk: the number of the mask. */
static __always_inline __u32 seen_find(struct seen_walk *w)
{
	__u64 number = seen_join(w->name, w->x) ^ w->word;

	if (number == SEEN_NOTHING) /* most are: asked first */
		return SEEN_NOTHING;
	if (number <= SEEN_LOWEST)
		return number;
	return seen_search(number ^ w->word, HALF_OF(w->leaf));
}

/* Looks up the file that t, the current task, has at descriptor fd. The number of its mask, or
 * SEEN_UNKNOWN. */
static __always_inline __u32 seen_mask(const struct filter_keys *keys, struct task_struct *t,
				       long fd, struct file *volatile *file)
{
	struct callback_head *slot =
		typed((char *)t->files->fdt->fd + fd * sizeof(void *), struct callback_head);
	struct file *f = typed(slot->next, struct file);
	struct vfsmount *mnt = f->f_path.mnt;
	struct dentry *d = f->f_path.dentry;
	struct seen_walk w;
	__u32 number;
	bool there;

	*file = f;
	if (!d->d_hash.pprev && d->d_parent != d) /* unlinked, and not a root */
		return SEEN_UNKNOWN;
	/* Asked once, so that names are read by code that knows where they lie. */
	there = bpf_core_field_exists(struct dentry, d_shortname)
			? seen_typed(&w, keys, d, mnt, true)
			: seen_typed(&w, keys, d, mnt, false);
	if (!there)
		return SEEN_UNKNOWN;
	number = seen_find(&w);
	if (number == SEEN_NOTHING)
		return SEEN_NOTHING;
	return number || !w.leaf ? number : seen_ask_first(w.leaf, w.in, w.x);
}

/* The same where loads are not typed, in a frame of its own. */
static __noinline __u32 seen_mask_probed(struct task_struct *t, long fd,
					 struct file *volatile *file)
{
	struct file *f = LOAD_SLOT((char *)t->files->fdt->fd + fd * sizeof(void *));
	struct seen_unknown l = {};
	struct path *at = (struct path *)l.head; /* first; then the dentries */
	struct vfsmount *mnt;
	struct mount *m;
	struct seen_walk w;
	__u32 number;

	if (bpf_core_read(at, sizeof(*at), &f->f_path))
		return SEEN_UNKNOWN;
	*file = f;
	mnt = at->mnt;
	if (unlinked(at->dentry, false))
		return SEEN_UNKNOWN;
	seen_begin(&w, &seen_keys.keys, at->dentry);
	w.root = (__u64)LOAD(mnt, struct vfsmount, mnt_root);
	m = seen_mount_of(mnt, false);
	if (!seen_leaf(&w, &m, l.head, false, false) || !seen_rest(&w, m, l.head, false, false))
		return SEEN_UNKNOWN;
	number = seen_find(&w);
	if (number || !w.leaf)
		return number;
	l.leaf = (__u64)w.leaf;
	l.in = w.in;
	l.dir = w.x;
	return seen_first(&l);
}

#endif
