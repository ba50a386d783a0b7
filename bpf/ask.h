/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What is asked of an event besides its path or address: does a join (filter_abi.h) of the buckets in
 * its mask hold, for the current task?
 *
 * The answer depends on nothing but the facts and the generation, and is kept under a signature of
 * both (64 bits under the generation's secret keys): tasks that do again what they did pay for none of
 * the joins, however many there are.
 */
#ifndef TOCSIN_ASK_H
#define TOCSIN_ASK_H

#include "marks.h"

enum { JOIN_STEPS = 4096, ANSWERS = 1 << 14 };
enum { VIA_SYSCALL = 1, VIA_IO_URING = 2 }; /* enum filter_via of clause.h */

/* One word each, so that no two writers can make one that neither wrote: the signature, with the
 * outcomes of which the event is wanted in its lowest bits. 0: none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ANSWERS);
	__type(key, __u32);
	__type(value, __u64);
} answers SEC(".maps");

/* ---- joins ---- */

/* A block that came since has other ranges: who asks looks at the generation again. It stands alone
 * for the verifier. */
__noinline int ranges_hold(__u32 off, __u32 n, __u32 v)
{
	const struct filter_block *h = filter_now();

	return h && filter_in_ranges(h, off, n, v);
}

__noinline int thread_fits(const struct filter_facts *f, __u32 off, __u32 n)
{
	const struct filter_block *h = filter_now();

	return h && f && filter_thread_fits(h, off, n, f->thread[0], f->thread[1]);
}

/* The outcomes of which the join holds. */
__noinline int join_holds(const struct filter_facts *f, __u32 off)
{
	const struct filter_block *h = filter_now();

	return h && f ? filter_join_holds(h, FILTER_PTR(h, off, 128), f) : 0;
}

struct ask {
	const struct filter_block *head;
	const struct filter_buckets *buckets;
	struct filter_cursor cursor;
	struct filter_facts facts;
};

static long ask_step(__u64 i, struct ask *a)
{
	return !filter_join_step(a->head, a->buckets, &a->cursor, &a->facts);
}

/* Is the block in force that of the generation? In a frame of its own: see filter_peer.h. */
static __noinline int block_is_of(__u32 generation)
{
	const struct filter_block *h = filter_now();

	return h && h->generation == generation;
}

static __always_inline __u32 ask_joins(struct ask *a)
{
	a->cursor.mask = a->facts.mask;
	a->cursor.range = not_known;
	bpf_loop(JOIN_STEPS, ask_step, a, 0);
	return a->cursor.wanted;
}

/* ---- facts ---- */

static __always_inline void ask_cgroup(struct ask *a, struct task_struct *t)
{
	__u32 hierarchy;
	__u64 id = cgroup_of(UNTRUSTED(t, struct task_struct), &hierarchy);
	__u64 key = FILTER_CGROUP_KEY(hierarchy, id);
	const struct filter_cgroup *c = bpf_map_lookup_elem(&filter_cgroups, &key);

	a->facts.cgroup_known = c && c->stamp == a->head->cgroups;
	a->facts.cgroup = c ? c->bits : 0;
}

static __always_inline void ask_marks(struct ask *a, struct task_struct *t)
{
	struct filter_marks *m = bpf_task_storage_get(&marks, t, NULL, 0);
	struct filter_mark *k = m ? &m->of[a->head->generation & 1] : NULL;

	a->facts.marks_known = marks_known(k, a->head);
	a->facts.self = k ? k->self : 0;
	a->facts.self_maybe = k && k->known & FILTER_MAYBE;
	a->facts.ancestors = k ? k->ancestors | a->head->late : 0;
}

/* What is told of t, the current task, in no time. */
static __always_inline void ask_user(struct ask *a, struct task_struct *t)
{
	const struct cred *cred = UNTRUSTED(t, struct task_struct)->cred;

	a->facts.uid = cred->euid.val;
	a->facts.real_uid = cred->uid.val;
	if (a->facts.mask & a->buckets->thread)
		task_comm((struct ev_comm *)a->facts.thread, t);
}

/* What the joins ask of t, the current task. marked, which the compiler knows: the program may look
 * at its marks. */
static __always_inline void ask_task(struct ask *a, struct task_struct *t, bool marked)
{
	__u64 mask = a->facts.mask;

	ask_user(a, t);
	if (mask & a->buckets->cgroup)
		ask_cgroup(a, t);
	if (marked && mask & a->buckets->marks)
		ask_marks(a, t);
}

/* ---- answers ---- */

static __always_inline __u64 sign_facts(const struct ask *a)
{
	const __u64 *w = (const __u64 *)&a->facts;
	__u64 x = a->head->keys.seed;

#pragma unroll
	for (__u32 i = 0; i < sizeof(a->facts) / sizeof(*w); i++)
		x = filter_mix(x ^ w[i], &a->head->keys);
	return x ^ x >> 32;
}

/* Of which outcomes does a join hold? A bit each. */
static __always_inline __u32 ask(struct ask *a)
{
	__u64 signature = sign_facts(a) & ~(__u64)FILTER_OUTCOMES, known;
	__u32 at = (signature >> 40) & (ANSWERS - 1), wanted;
	volatile __u64 *answer = bpf_map_lookup_elem(&answers, &at);

	if (!answer || !signature)
		return FILTER_OUTCOMES;
	known = *answer;
	if ((known & ~(__u64)FILTER_OUTCOMES) == signature)
		return known & FILTER_OUTCOMES;
	wanted = ask_joins(a);
	if (!block_is_of(a->head->generation))
		return FILTER_OUTCOMES; /* some of it was looked up in another block */
	*answer = signature | wanted;
	return wanted;
}

static __always_inline void filter_count(__u32 kind)
{
	__u32 id;
	struct cpu_state *cpu = this_cpu(&id);

	if (cpu)
		__sync_fetch_and_add(&cpu->filtered[kind], 1);
}

/* Nobody wants it. False: do not send it. */
static __always_inline bool filter_drop(struct emitter *e, const struct filter_block *h, __u32 kind)
{
	filter_count(kind);
	if (h->mode != FILTER_MODE_ON)
		return true;
	if (e->rec)
		emit_abort(e);
	return false;
}

static __always_inline bool filter_begin(struct emitter *e, __u32 kind,
					 const struct filter_block *h, __u32 flags)
{
	if (!e->rec && !emit_claim(e, kind))
		return false;
	/* Not known to the verifier, which would else follow the rest for each of the values. */
	e->generation = (h ? h->generation : 0) ^ not_known;
	e->flags = flags ^ not_known;
	return true;
}

#endif
