/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a record says of the task: identity, ids, cgroup.
 */
#ifndef TOCSIN_TASK_H
#define TOCSIN_TASK_H

#include "maps.h"

/* SplitMix64's finalizer: every bit of the input reaches every bit of the output. */
static __always_inline __u64 mix64(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Identity of a program image, unique for the life of the host: from the boot, the process and
 * the number of its execs, so that any running task's can be computed again. */
static __always_inline __u64 exec_id_of(__u32 tgid, __u64 start_ns, __u64 self_exec_id)
{
	__u64 x = mix64(cfg.boot_salt ^ start_ns);

	return mix64(x ^ ((__u64)tgid << 32) ^ self_exec_id);
}

/* t: of a type that the verifier knows. */
static __always_inline __u64 read_exec_id(struct task_struct *t)
{
	struct task_struct *leader = t->group_leader;

	return exec_id_of(t->tgid, leader->start_boottime, leader->self_exec_id);
}

static __always_inline __u64 task_exec_id(struct task_struct *t)
{
	return read_exec_id(UNTRUSTED(t, struct task_struct));
}

/* One of the two words of comm of t, a pointer whose type the verifier knows: the kernel pads it with zeros. */
#define TASK_COMM_WORD(t, i)                                                                       \
	(*(const __u64 *)&((const struct task_struct___comm *)(t))->comm[(i)*8])

/* comm of t, the current task. */
static __always_inline void task_comm(struct ev_comm *comm, struct task_struct *t)
{
	__u64 *to = (__u64 *)comm->b;

	_Static_assert(sizeof(comm->b) == 2 * sizeof(*to), "two words");
	to[0] = TASK_COMM_WORD(t, 0);
	to[1] = TASK_COMM_WORD(t, 1);
}

/* The cgroup that names the container: v2, or where the task sits in the v2 root, the v1
 * hierarchy that the loader chose. */
static __always_inline __u64 cgroup_of(struct task_struct *t, __u32 *hierarchy)
{
	struct css_set *set = t->cgroups;
	struct cgroup *cg = set->dfl_cgrp;
	__u32 i = cfg.v1_subsys;

	*hierarchy = 0;
	if (cg->level == 0 && cfg.v1_hierarchy && i < CGROUP_SUBSYS_COUNT) {
		void *slot = (char *)set + bpf_core_field_offset(struct css_set, subsys) + i * 8;
		struct cgroup_subsys_state *css = LOAD_SLOT(slot);

		*hierarchy = cfg.v1_hierarchy;
		return LOAD(LOAD(LOAD(css, struct cgroup_subsys_state, cgroup), struct cgroup, kn),
			    struct kernfs_node, id);
	}
	return cg->kn->id;
}

/* All but users and exec_ids; task and t: as below. */
static __always_inline void fill_process(struct ev_hdr *h, struct task_struct *task,
					 struct task_struct *t)
{
	h->tgid = task->tgid;
	h->tid = task->pid;
	h->start_ns = t->group_leader->start_boottime;
	h->cgroup_id = cgroup_of(t, &h->cgroup_hierarchy);
}

/* task: a pointer whose type the verifier knows; t: the same, to go on from. UNTRUSTED, each load takes
 * some instructions more, and else each of seven pointers takes the verifier its time (compat.h). */
static __always_inline void fill_task_by(struct ev_hdr *h, struct task_struct *task,
					 struct task_struct *t)
{
	struct task_struct *leader = t->group_leader;
	const struct cred *cred = t->cred;

	fill_process(h, task, t);
	h->exec_id = exec_id_of(h->tgid, h->start_ns, leader->self_exec_id);
	h->parent_exec_id = read_exec_id(leader->real_parent);
	h->uid = cred->uid.val;
	h->euid = cred->euid.val;
	h->gid = cred->gid.val;
}

static __always_inline void fill_task(struct ev_hdr *h, struct task_struct *t)
{
	fill_task_by(h, t, UNTRUSTED(t, struct task_struct));
}

#endif
