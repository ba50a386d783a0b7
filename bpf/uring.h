/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What an io_uring request left behind: a descriptor, or a slot in the ring's own table of direct
 * descriptors.
 */
#ifndef TOCSIN_URING_H
#define TOCSIN_URING_H

#include "path.h"

/* Until 6.13 the table of direct descriptors was an array of these. */
struct io_fixed_file___old {
	unsigned long file_ptr;
} __attribute__((preserve_access_index));
struct io_file_table___old {
	struct io_fixed_file___old *files;
} __attribute__((preserve_access_index));
struct io_ring_ctx___old {
	struct io_file_table___old file_table;
} __attribute__((preserve_access_index));

static __always_inline struct file *fixed_file(struct io_ring_ctx *ring, __u32 slot)
{
	unsigned long ptr = 0;

	if (bpf_core_field_exists(struct io_file_table, data)) {
		char *nodes = (char *)LOAD(ring, struct io_ring_ctx, file_table.data.nodes);
		struct io_rsrc_node *node;

		if (slot >= LOAD(ring, struct io_ring_ctx, file_table.data.nr))
			return NULL;
		node = LOAD_SLOT(nodes + (__u64)slot * 8);
		ptr = node ? LOAD(node, struct io_rsrc_node, file_ptr) : 0;
	} else {
		struct io_ring_ctx___old *old = (void *)ring;
		char *files = (char *)BPF_CORE_READ(old, file_table.files);

		bpf_probe_read_kernel(&ptr, sizeof(ptr), files + (__u64)slot * 8);
	}
	return (struct file *)(ptr & ~7UL);
}

/* The file a finished request made. slot: its file_slot member, 0 for an ordinary descriptor,
 * IORING_FILE_INDEX_ALLOC when the kernel chose and res tells which. */
static __always_inline struct file *uring_new_file(struct io_ring_ctx *ring, __u32 slot,
						   struct task_struct *t, int res)
{
	if (!slot)
		return file_of_fd(t, res);
	return fixed_file(ring, slot == ~0U ? (__u32)res : slot - 1);
}

#endif
