// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Paths of cgroups, told when they appear: user space knows a container's cgroup before its first
 * process is in it, and still when it is gone before anybody could look.
 */
#include "emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum change { MADE, RENAMED, REMOVED };

static __always_inline __u32 hierarchy_of(struct cgroup *cg)
{
	struct cgroup_root *root = LOAD(cg, struct cgroup, root);

	return LOAD(root, struct cgroup_root, hierarchy_id);
}

static __always_inline int change(struct cgroup *cg, const char *path, enum change what,
				  __u32 epoch)
{
	struct emitter e;
	struct ev_cgroup *r;
	__u32 len = sizeof(*r);
	long n;

	if (!emit_begin(&e, EV_CGROUP))
		return 0;
	r = (struct ev_cgroup *)e.rec;
	emit_current(&e, EV_CGROUP, EV_HOOK_TP_CGROUP);
	r->id = LOAD(LOAD(cg, struct cgroup, kn), struct kernfs_node, id);
	r->hierarchy = hierarchy_of(cg);
	r->removed = what == REMOVED;
	r->renamed = what == RENAMED;
	r->epoch = epoch;
	r->path.off = r->path.len = 0;
	n = bpf_probe_read_kernel_str(e.rec + len, EV_STR_MAX, path);
	if (n > 1) {
		r->path.off = len;
		r->path.len = n - 1;
		len += n;
	}
	emit_end(&e, EV_CGROUP, len);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cg, const char *path)
{
	return change(cg, path, MADE, 0);
}

static __always_inline void raise_epoch(__u32 slot, __u32 epoch)
{
	struct filter_block *h = filter_at(slot);

	if (h)
		*(volatile __u64 *)&h->cgroups = FILTER_STAMP(h->generation, epoch);
}

/* What user space said of cgroups by their paths may be wrong now, and so may what it is about to
 * say before it reads the record: the filter wants all of them until they were judged in this
 * epoch. The kernel holds a lock while it renames one, so epochs are raised one by one. */
SEC("tp_btf/cgroup_rename")
int BPF_PROG(cgroup_renamed, struct cgroup *cg, const char *path)
{
	__u32 zero = 0, epoch;
	struct ring_control *ctl = bpf_map_lookup_elem(&control, &zero);

	if (!ctl)
		return 0;
	epoch = ctl->cgroup_epoch + 1;
	raise_epoch(FILTER_NOW, epoch);
	raise_epoch(FILTER_NEXT, epoch);
	change(cg, path, RENAMED, epoch);
	*(volatile __u32 *)&ctl->cgroup_epoch = epoch;
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cg, const char *path)
{
	return change(cg, path, REMOVED, 0);
}
