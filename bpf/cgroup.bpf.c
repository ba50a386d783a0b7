// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Paths of cgroups, told when they appear: user space knows a container's cgroup before its first
 * process is in it, and still when it is gone before anybody could look.
 */
#include "emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int change(struct cgroup *cg, const char *path, __u8 removed)
{
	struct cgroup_root *root = LOAD(cg, struct cgroup, root);
	struct emitter e;
	struct ev_cgroup *r;
	__u32 len = sizeof(*r);
	long n;

	if (!emit_begin(&e, EV_CGROUP))
		return 0;
	r = (struct ev_cgroup *)e.rec;
	emit_current(&e, EV_CGROUP, EV_HOOK_TP_CGROUP);
	r->id = LOAD(LOAD(cg, struct cgroup, kn), struct kernfs_node, id);
	r->hierarchy = LOAD(root, struct cgroup_root, hierarchy_id);
	r->removed = removed;
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
	return change(cg, path, 0);
}

SEC("tp_btf/cgroup_rename")
int BPF_PROG(cgroup_renamed, struct cgroup *cg, const char *path)
{
	return change(cg, path, 0);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed, struct cgroup *cg, const char *path)
{
	return change(cg, path, 1);
}
