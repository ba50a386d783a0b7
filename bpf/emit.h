/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * From a program to the ring: claim scratch memory, build the record, submit exactly its bytes.
 *
 * A BPF program can be preempted by another task's and interrupted by a softirq's, so scratch
 * memory belongs to a slot that is claimed by an exchange and not to the CPU. Programs do not
 * migrate. Every way to lose a record is counted in cpu_state.lost by kind and cause.
 *
 * The sequence number is taken just before the submit, or before the place in the ring where a record
 * of fixed size is built: a gap means that a record was lost.
 */
#ifndef TOCSIN_EMIT_H
#define TOCSIN_EMIT_H

#include "task.h"

struct emitter {
	struct cpu_state *cpu;
	__u8 *rec; /* EV_REC_MAX bytes, then the rest of struct scratch_slot */
	__u32 cpu_id;
	__u32 slot;
	__u32 generation; /* of the policies by which the event was, or will be, judged */
	__u32 flags; /* for ev_hdr.flags */
	__u64 signature; /* of the path that the filter judged; 0: it judged none */
	__u64 seq; /* of a record that is built in the ring */
};

static __always_inline struct filter_block *filter_at(__u32 slot)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&filter, &slot);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* The filter's block at this moment; look it up once an event. */
static __always_inline const struct filter_block *filter_now(void)
{
	return filter_at(FILTER_NOW);
}

static __always_inline struct cpu_state *this_cpu(__u32 *id)
{
	*id = bpf_get_smp_processor_id();
	return bpf_map_lookup_elem(&cpus, id);
}

static __always_inline void count_lost(struct cpu_state *cpu, __u32 kind, __u32 cause)
{
	__sync_fetch_and_add(&cpu->lost[kind][cause], 1);
}

static __always_inline bool wanted(__u32 kind)
{
	__u32 zero = 0;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);

	return ctl && ctl->want & (1ULL << kind);
}

static __always_inline bool wants_failed_opens(void)
{
	__u32 zero = 0;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);

	return ctl && ctl->failed_opens;
}

/* Is task t, a pointer whose type the verifier knows, of the agent's process and image? Then its
 * event is counted and left out. Until the scan of running tasks has met the agent, its process id
 * alone says so; other processes' events are told from it by that number at no more cost. */
static __always_inline bool is_self(struct task_struct *t)
{
	__u32 key = 0;
	struct ring_control *ctl;
	struct cpu_state *cpu;

	if (!cfg.self_tgid || (__u32)t->tgid != cfg.self_tgid)
		return false;
	ctl = bpf_map_lookup_elem(&control, &key);
	if (ctl && ctl->self_exec_id && ctl->self_exec_id != task_exec_id(t))
		return false;
	cpu = this_cpu(&key);
	if (cpu)
		__sync_fetch_and_add(&cpu->self, 1);
	return true;
}

/* Of the claimed slot, in the map scratch. */
static __always_inline __u32 emit_key(const struct emitter *e)
{
	return e->cpu_id * SCRATCH_SLOTS + e->slot;
}

/* Claims one of the CPU's slots: its number, or -1. It stands alone for the verifier, which would
 * else follow what comes after it once for each slot. */
__noinline int claim_slot(void)
{
	__u32 id;
	struct cpu_state *cpu = this_cpu(&id);

	if (!cpu)
		return -1;
#pragma unroll
	for (__u32 i = 0; i < SCRATCH_SLOTS; i++)
		if (!__sync_lock_test_and_set(&cpu->claims[i], 1))
			return i;
	return -1;
}

/* Claims scratch memory. On failure the loss is counted and false returned. */
static __always_inline bool emit_claim(struct emitter *e, __u32 kind)
{
	__u32 key;
	int slot;

	e->cpu = this_cpu(&e->cpu_id);
	if (!e->cpu)
		return false;
	slot = claim_slot();
	if (slot >= 0) {
		e->slot = slot & (SCRATCH_SLOTS - 1);
		key = emit_key(e);
		e->rec = bpf_map_lookup_elem(&scratch, &key);
		if (e->rec)
			return true;
	}
	count_lost(e->cpu, kind, EV_LOSS_SCRATCH_BUSY);
	return false;
}

/* Begins a record that the filter is not asked about. */
static __always_inline bool emit_begin(struct emitter *e, __u32 kind)
{
	const struct filter_block *head = filter_now();

	e->generation = head ? head->generation : 0;
	e->flags = 0;
	return emit_claim(e, kind);
}

/* Gives the slot back. Only this CPU's programs look at it: a plain store is enough. */
static __always_inline void emit_abort(struct emitter *e)
{
	*(volatile __u32 *)&e->cpu->claims[e->slot & (SCRATCH_SLOTS - 1)] = 0;
}

/* Header fields that do not depend on the task. */
static __always_inline void emit_header(struct emitter *e, __u32 kind, __u32 hook)
{
	struct ev_hdr *h = (struct ev_hdr *)e->rec;

	h->time_ns = bpf_ktime_get_boot_ns();
	h->kind = kind;
	h->cpu = e->cpu_id;
	h->hook = hook;
	h->abi = EV_ABI;
	h->flags = 0;
	h->hdr_pad = 0;
}

/* The whole header for the current task. */
static __always_inline void emit_current(struct emitter *e, __u32 kind, __u32 hook)
{
	struct ev_hdr *h = (struct ev_hdr *)e->rec;
	struct task_struct *t = bpf_get_current_task_btf();

	emit_header(e, kind, hook);
	fill_task(h, t);
	task_comm(&h->comm, t);
}

/* A consumer that sleeps is woken; one that does not comes by itself, and a wake-up would only
 * cost. The consumer sets want_wakeup, looks at the ring again, then sleeps; so a program must
 * look after its record is there as well as before, or a record could lie until the next one. */
static __always_inline __u64 wakeup_flags(struct ring_control *ctl)
{
	if (!ctl->want_wakeup)
		return BPF_RB_NO_WAKEUP;
	ctl->want_wakeup = 0;
	return BPF_RB_FORCE_WAKEUP;
}

/* The second look, for the record that was sent without a wake-up: an empty record that is
 * thrown away at once carries the wake-up. */
static __always_inline void wake_late(struct ring_control *ctl)
{
	void *p;

	if (!ctl->want_wakeup)
		return;
	p = bpf_ringbuf_reserve(&events, 8, 0);
	if (!p)
		return;
	ctl->want_wakeup = 0;
	bpf_ringbuf_discard(p, BPF_RB_FORCE_WAKEUP);
}

/* Begins a record of a fixed size in the ring itself, that the filter is not asked about; it must be
 * submitted, and soon, since the consumer waits for it. On failure the loss is counted and false
 * returned. */
static __always_inline bool emit_reserve(struct emitter *e, __u32 kind, __u32 size)
{
	const struct filter_block *head = filter_now();

	e->generation = head ? head->generation : 0;
	e->cpu = this_cpu(&e->cpu_id);
	if (!e->cpu)
		return false;
	e->seq = __sync_fetch_and_add(&e->cpu->seq, 1) + 1;
	e->rec = bpf_ringbuf_reserve(&events, size, 0);
	if (e->rec)
		return true;
	count_lost(e->cpu, kind, EV_LOSS_RING_FULL);
	return false;
}

static __always_inline void emit_submit(struct emitter *e, __u32 kind, __u32 size)
{
	struct ev_hdr *h = (struct ev_hdr *)e->rec;
	__u32 zero = 0;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);
	__u64 flags = ctl ? wakeup_flags(ctl) : 0;

	h->len = size;
	h->generation = e->generation;
	h->seq = e->seq;
	__sync_fetch_and_add(&e->cpu->sent[kind], 1);
	bpf_ringbuf_submit(e->rec, flags);
	if (flags == BPF_RB_NO_WAKEUP)
		wake_late(ctl);
}

/* Sends the first len bytes (at most EV_REC_MAX) and gives the slot back. */
static __always_inline void emit_end(struct emitter *e, __u32 kind, __u32 len)
{
	struct ev_hdr *h = (struct ev_hdr *)e->rec;
	__u32 zero = 0;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);
	__u64 flags;
	long rc = -1;

	len = (len + 7) & ~7u;
	barrier_var_(len);
	if (ctl && len && len <= EV_REC_MAX) {
		h->len = len;
		h->generation = e->generation;
		h->flags |= e->flags;
		h->seq = __sync_fetch_and_add(&e->cpu->seq, 1) + 1;
		flags = wakeup_flags(ctl);
		rc = bpf_ringbuf_output(&events, e->rec, len, flags);
		if (flags == BPF_RB_NO_WAKEUP)
			wake_late(ctl);
	}
	if (rc)
		count_lost(e->cpu, kind, EV_LOSS_RING_FULL);
	else
		__sync_fetch_and_add(&e->cpu->sent[kind], 1);
	emit_abort(e);
}

#endif
