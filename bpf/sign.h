/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Signatures of paths: 64 bits of the bytes of the names (filter_walk.h), from the chain of dentries
 * and mounts of an open file, before any path is built, or from the text of a path.
 *
 * The chain is unclear where a dentry is being renamed (d_seq odd, or another one after its name and
 * parent were read), where a mount moves, where the walk does not end at the root of a mount namespace,
 * and for a file without a name.
 *
 * This is run for every open that is not known by the short way (seen.h). Where loads are typed (fast), the
 * pointers keep their type from one dentry to the next, and nothing is cast on the way; elsewhere the
 * head of a dentry is copied by one probe read. The first typed steps are written out: a round of
 * bpf_loop costs two dozen instructions besides.
 */
#ifndef TOCSIN_SIGN_H
#define TOCSIN_SIGN_H

#include "marks.h"

enum { SIGN_STEPS = FILTER_COMPONENTS + 64, NAME_WORDS_MAX = 31 };
/* A dentry has room for 32 bytes of name (later 40), NUL included; longer names lie elsewhere. */
enum { SHORT_WORDS = 4, SHORT_NAME = SHORT_WORDS * 8 - 1, HEAD_BYTES_MAX = 64 };
enum sign_state { SIGN_WALKS, SIGN_DONE, SIGN_UNCLEAR };

/* Of the dentries that were read. */
struct sign_seqs {
	__u32 changed; /* 0: each d_seq was even, and the same afterwards */
	__u32 odd; /* 1: there is no key, for some name is long */
	__u64 key; /* of their names and hashes (seen.h) */
};

/* What the mask of a path is known by again (seen.h). */
struct seen_key {
	__u64 name, dir; /* of the last name, from seed on, and of its directory, from k2 on */
};

/* A walk at work. */
struct sign_walk {
	struct dentry *d, *root; /* root: of mount m */
	struct mount *m;
	const struct filter_block *head;
	__u64 dir, name;
	struct dentry *leaf; /* the dentry that the last name is of; NULL: there is none yet */
	struct seen_key key; /* of names and hashes so far */
	__u32 state; /* enum sign_state */
	__u32 odd; /* 1: there is no key */
};

/* ---- names ---- */

static __always_inline __u64 name_word(const unsigned char *name, bool fast)
{
	struct timespec64 *word = CAST(fast, name, struct timespec64);

	return (__u64)READ(fast, word, struct timespec64, tv_sec);
}

/* Of a name of len bytes, 1 to 255, whose word at a byte is word(byte). Words are counted apart from
 * the length, so that the verifier, which follows every number of them, finds nothing different behind
 * the loop. */
#define SIGN_LONG(x, len, k, word)                                                                 \
	({                                                                                         \
		__u64 y_ = (x), more_ = not_known;                                                 \
		__u32 words_ = (len) >> 3, tail_ = (len)&7;                                        \
		_Pragma("nounroll") for (__u32 i_ = 0; i_ < NAME_WORDS_MAX && i_ < words_; i_++)   \
		{                                                                                  \
			y_ = filter_sign(y_ ^ more_, word(i_ * 8), k);                             \
			more_ = (k)->k1;                                                           \
		}                                                                                  \
		if (tail_)                                                                         \
			y_ = filter_sign(y_ ^ more_, filter_last_word(word((len)-tail_), tail_),   \
					 k);                                                       \
		y_;                                                                                \
	})

/* Of a name that lies in its dentry, 1 to 31 bytes: as much of its words as there is of it. */
#define SIGN_SHORT(x, len, k, word)                                                                \
	({                                                                                         \
		__u64 y_ = (x), n_ = (len);                                                        \
		if (n_ <= 8) {                                                                     \
			y_ = filter_sign(y_, filter_last_word(word(0), n_), k);                    \
		} else {                                                                           \
			y_ = filter_sign(y_, word(0), k);                                          \
			if (n_ <= 16) {                                                            \
				y_ = filter_sign_more(y_, filter_last_word(word(8), n_), k);       \
			} else {                                                                   \
				y_ = filter_sign_more(y_, word(8), k);                             \
				if (n_ <= 24) {                                                    \
					y_ = filter_sign_more(y_, filter_last_word(word(16), n_),  \
							      k);                                  \
				} else {                                                           \
					y_ = filter_sign_more(y_, word(16), k);                    \
					y_ = filter_sign_more(y_, filter_last_word(word(24), n_),  \
							      k);                                  \
				}                                                                  \
			}                                                                          \
		}                                                                                  \
		y_;                                                                                \
	})

#define COPY_WORD(rec, pos) (*(const __u64 *)((rec) + ((pos) & (EV_REC_MAX - 1))))

/* Of a name of len bytes in scratch memory. */
static __always_inline __u64 sign_copy(__u64 x, const __u8 *rec, __u32 pos, __u32 len,
				       const struct filter_block *h)
{
	len &= NAME_LEN - 1;
#define WORD(byte) COPY_WORD(rec, pos + (byte))
	return SIGN_LONG(x, len, &h->keys, WORD);
#undef WORD
}

/* ---- dentries ---- */

#define NAME_IN_DENTRY(d)                                                                          \
	(bpf_core_field_exists(struct dentry, d_shortname)                                         \
		 ? (const __u64 *)(d)->d_shortname.words                                           \
		 : (const __u64 *)((struct dentry___iname *)(d))->d_iname)

/* Mixes the name of d into *x. Its parent, or NULL: not here (near), or unclear. */
static __always_inline struct dentry *sign_typed(struct dentry *d, __u64 *x,
						 const struct filter_block *h, bool near,
						 struct sign_seqs *seqs)
{
	__u32 seq = d->d_seq.seqcount.sequence, len;
	struct dentry *parent;
	__u64 hash_len;

	barrier();
	parent = d->d_parent;
	hash_len = d->d_name.hash_len;
	len = (hash_len >> 32) & (NAME_LEN - 1);
	if (len - 1 < SHORT_NAME) { /* 1 to SHORT_NAME */
		const __u64 *name = NAME_IN_DENTRY(d);

#define WORD(byte) (name[(byte) / 8])
		*x = SIGN_SHORT(*x, len, &h->keys, WORD);
		seqs->key = SIGN_SHORT(seqs->key, len, &h->keys, WORD) + hash_len;
#undef WORD
	} else if (near || !len) {
		return (void *)0;
	} else {
		const unsigned char *name = d->d_name.name;

		seqs->odd = 1;

#define WORD(byte) name_word(name + (byte), true)
		*x = SIGN_LONG(*x, len, &h->keys, WORD);
#undef WORD
	}
	barrier();
	seqs->changed |= (d->d_seq.seqcount.sequence ^ seq) | seq << 31;
	return parent;
}

#define SHORT_NAME_AT                                                                              \
	(bpf_core_field_exists(struct dentry, d_shortname)                                         \
		 ? bpf_core_field_offset(struct dentry, d_shortname)                               \
		 : bpf_core_field_offset(struct dentry___iname, d_iname))
#define COPIED(copy, off, type) (*(type *)((char *)(copy) + (off)))
#define HEAD_AT bpf_core_field_offset(struct dentry, d_parent)
#define HEAD_OF(copy, member, type)                                                                \
	COPIED(copy, bpf_core_field_offset(struct dentry, member) - HEAD_AT, type)

/* The same by probe reads: of what is in the dentry from its parent to its short name, and of d_seq
 * before and after it. (It is more where the kernel debugs its locks: there all is unclear.) */
static __always_inline struct dentry *sign_probed(struct dentry *d, __u64 *x,
						  const struct filter_block *h,
						  struct sign_seqs *seqs)
{
	const __u32 size = SHORT_NAME_AT + SHORT_WORDS * 8 - HEAD_AT;
	__u64 head[HEAD_BYTES_MAX / 8], hash_len;
	__u32 seq = 1, again = 1, len;

	bpf_core_read(&seq, sizeof(seq), &d->d_seq.seqcount.sequence);
	if (size > sizeof(head) || bpf_probe_read_kernel(head, size, (char *)d + HEAD_AT))
		return (void *)0;
	hash_len = HEAD_OF(head, d_name.hash_len, __u64);
	len = (hash_len >> 32) & (NAME_LEN - 1);
	if (len - 1 < SHORT_NAME) {
		const __u64 *name = &COPIED(head, SHORT_NAME_AT - HEAD_AT, __u64);

#define WORD(byte) (name[(byte) / 8])
		*x = SIGN_SHORT(*x, len, &h->keys, WORD);
		seqs->key = SIGN_SHORT(seqs->key, len, &h->keys, WORD) + hash_len;
#undef WORD
	} else if (!len) {
		return (void *)0;
	} else {
		const unsigned char *name = HEAD_OF(head, d_name.name, const unsigned char *);

		seqs->odd = 1;
#define WORD(byte) name_word(name + (byte), false)
		*x = SIGN_LONG(*x, len, &h->keys, WORD);
#undef WORD
	}
	bpf_core_read(&again, sizeof(again), &d->d_seq.seqcount.sequence);
	seqs->changed |= (again ^ seq) | seq << 31;
	return HEAD_OF(head, d_parent, struct dentry *);
}

/* ---- the walk ---- */

/* Over the root of w->m. False: the end. */
static __always_inline bool sign_mount(struct sign_walk *w, bool fast)
{
	struct mount *m = w->m, *up = READ(fast, m, struct mount, mnt_parent);

	if (up == m) {
		w->state = SIGN_DONE;
		return false;
	}
	w->d = READ(fast, m, struct mount, mnt_mountpoint);
	barrier();
	if (READ(fast, m, struct mount, mnt_parent) != up) {
		w->state = SIGN_UNCLEAR;
		return false;
	}
	w->m = up;
	w->root = READ(fast, up, struct mount, mnt.mnt_root);
	return true;
}

static __always_inline long sign_step_by(struct sign_walk *w, bool fast)
{
	struct dentry *d = w->d, *parent;
	struct sign_seqs seqs = { .key = w->leaf ? w->key.dir : w->key.name };
	__u64 x = w->leaf ? w->dir : w->name;

	if (d == w->root)
		return !sign_mount(w, fast);
	parent = fast ? sign_typed(d, &x, w->head, false, &seqs)
		      : sign_probed(d, &x, w->head, &seqs);
	if (!parent || parent == d || seqs.changed) { /* parent is d: of nothing that is mounted */
		w->state = SIGN_UNCLEAR;
		return 1;
	}
	w->d = parent;
	w->odd |= seqs.odd;
	if (w->leaf) {
		w->dir = x;
		w->key.dir = seqs.key;
	} else {
		w->name = x;
		w->leaf = d;
		w->key.name = seqs.key;
	}
	return 0;
}

static long sign_step(__u64 i, struct sign_walk *w)
{
	return sign_step_by(w, true);
}

static long sign_step_probe(__u64 i, struct sign_walk *w)
{
	return sign_step_by(w, false);
}

/* Over one name, unless d is the root of its mount. False: *d stays where it is. */
static __always_inline bool sign_more(struct dentry **d, struct dentry *root, __u64 *x,
				      const struct filter_block *h, struct sign_seqs *seqs)
{
	struct dentry *parent;

	if (*d == root)
		return true;
	parent = sign_typed(*d, x, h, true, seqs);
	if (!parent)
		return false;
	*d = parent;
	return true;
}

#define SIGN_MORE() sign_more(&d, root, &x, h, &seqs)

/* By typed loads, the first names and what most mounts are: the root of all, or in a directory of it.
 * What is left to do, or not as simple, is for sign_step. False: unclear. */
static __always_inline bool sign_near(struct sign_walk *w, struct dentry *d, struct dentry *root,
				      const struct filter_block *h)
{
	struct dentry *leaf = d;
	struct sign_seqs seqs = { .key = h->keys.seed };
	__u64 x = h->keys.seed;

	if (d == root || !SIGN_MORE())
		return true;
	w->name = x;
	w->leaf = leaf;
	w->key.name = seqs.key;
	x = h->keys.seed;
	seqs.key = h->keys.k2;
	if (SIGN_MORE() && SIGN_MORE() && SIGN_MORE() && SIGN_MORE() && SIGN_MORE() && d == root &&
	    sign_mount(w, true)) {
		d = w->d;
		root = w->root;
		if (SIGN_MORE() && d == root && sign_mount(w, true)) {
			if (w->d == w->root)
				sign_mount(w, true);
			d = w->d;
		}
	}
	w->d = d;
	w->dir = x;
	w->key.dir = seqs.key;
	return !seqs.changed;
}

/* Does the walk end in a mount namespace? own: the current task's. */
static __always_inline bool sign_ended(struct sign_walk *w, __u64 own, bool fast)
{
	struct mnt_namespace *ns = READ(fast, w->m, struct mount, mnt_ns);

	if (ns && (__u64)ns == own)
		return true;
	return !(path_end(w->m, own, fast) & ~(1u << EV_PATHF_FOREIGN));
}

static __always_inline bool sign_path(struct sign_walk *w, struct file *f, __u64 own,
				      const struct filter_block *h, bool fast)
{
	struct file *file = CAST(fast, f, struct file);
	struct path at = {};
	struct vfsmount *mnt;
	struct dentry *d, *root;

	if (fast) {
		mnt = file->f_path.mnt;
		d = file->f_path.dentry;
	} else {
		bpf_core_read(&at, sizeof(at), &file->f_path);
		mnt = at.mnt;
		d = at.dentry;
	}
	if (!d || !mnt || unlinked(d, fast))
		return false;
	root = READ(fast, mnt, struct vfsmount, mnt_root);
	w->d = d;
	w->root = root;
	w->m = CAST(fast, (char *)mnt - bpf_core_field_offset(struct mount, mnt), struct mount);
	w->head = h;
	w->dir = w->name = w->key.name = h->keys.seed;
	w->key.dir = h->keys.k2;
	w->odd = not_known;
	w->leaf = (void *)not_known; /* NULL */
	w->state = SIGN_WALKS;
	if (fast && !sign_near(w, d, root, h))
		return false;
	if (w->state == SIGN_WALKS)
		bpf_loop(SIGN_STEPS, fast ? sign_step : sign_step_probe, w, 0);
	return w->state == SIGN_DONE && sign_ended(w, own, fast);
}

/* Functions of their own, so that the compiler has all registers for each. */
static __noinline bool sign_file_typed(struct sign_walk *w, struct file *f, __u64 own,
				       const struct filter_block *h)
{
	return sign_path(w, f, own, h, true);
}

static __noinline bool sign_file_probed(struct sign_walk *w, struct file *f, __u64 own,
					const struct filter_block *h)
{
	return sign_path(w, f, own, h, false);
}

/* Signs the path of an open file: w->dir, name and leaf. own: the current task's mount namespace.
 * False: unclear. */
static __always_inline bool sign_file(struct sign_walk *w, struct file *f, __u64 own,
				      const struct filter_block *h)
{
	return typed_loads() ? sign_file_typed(w, f, own, h) : sign_file_probed(w, f, own, h);
}

/* ---- texts ---- */

struct sign_scratch {
	const struct filter_block *head;
	struct scratch_slot *s;
};

static long sign_component(__u64 i, struct sign_scratch *w)
{
	struct scratch_slot *s = w->s;
	__u32 from = s->walk.at[i & (FILTER_COMPONENTS - 1)], to = s->pos;
	__u64 x;

	if (i + 1 < s->walk.ncomponents)
		to = s->walk.at[(i + 1) & (FILTER_COMPONENTS - 1)];
	x = sign_copy(i ? s->dir : s->name, s->b, from, to - from - 1, w->head);
	if (i)
		s->dir = x;
	else
		s->name = x;
	return 0;
}

/* Signs the path that lies in a scratch slot and ends at end, into its dir and name. 1: done.
 * It stands alone for the verifier, as walk_text. */
__noinline int sign_text(__u32 scratch_key, __u32 end, __u32 generation)
{
	const struct filter_block *h = filter_now();
	struct scratch_slot *s = bpf_map_lookup_elem(&scratch, &scratch_key);
	struct sign_scratch w = { .head = h, .s = s };
	__u32 n;

	if (!h || !s || h->generation != generation)
		return 0;
	n = s->walk.ncomponents;
	if (!n || n > FILTER_COMPONENTS)
		return 0;
	s->pos = end;
	s->dir = s->name = h->keys.seed;
	bpf_loop(n, sign_component, &w, 0);
	return 1;
}

#endif
