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

static __always_inline int change(struct cgroup *cg, const char *path, enum change what)
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
	__builtin_memset(r->pad0, 0, sizeof(r->pad0));
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
	return change(cg, path, MADE);
}

static long forget_in(void *map, const __u64 *key, void *value, __u32 *hierarchy)
{
	__u64 k = *key;

	if (FILTER_CGROUP_HIERARCHY(k) == *hierarchy)
		bpf_map_delete_elem(&filter_cgroups, &k);
	return 0;
}

/* What user space said of cgroups by their paths may be wrong now, so the filter wants all of them
 * at once, not only when the record was read. */
SEC("tp_btf/cgroup_rename")
int BPF_PROG(cgroup_renamed, struct cgroup *cg, const char *path)
{
	__u32 hierarchy = hierarchy_of(cg);

	bpf_for_each_map_elem(&filter_cgroups, forget_in, &hierarchy, 0);
	return change(cg, path, RENAMED);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cg, const char *path)
{
	return change(cg, path, REMOVED);
}
