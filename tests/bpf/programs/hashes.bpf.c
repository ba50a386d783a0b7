// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For each open file of a process, the kernel's own hash of its name.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "hashes.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_file")
int hashes(struct bpf_iter__task_file *ctx)
{
	struct file *f = ctx->file;
	struct hash_of_fd h = { .fd = ctx->fd };

	if (!f)
		return 0;
	h.hash = BPF_CORE_READ(f, f_path.dentry, d_name.hash);
	bpf_seq_write(ctx->meta->seq, &h, sizeof(h));
	return 0;
}
