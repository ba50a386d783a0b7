// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs that do nothing on the tracepoints that the agent uses: what the hooks alone cost, under
 * the kernel's traced path.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EMPTY(tracepoint)                                                                          \
	SEC("tp_btf/" #tracepoint)                                                                 \
	int empty_##tracepoint(void *ctx)                                                          \
	{                                                                                          \
		return 0;                                                                          \
	}

EMPTY(sys_exit)
EMPTY(sched_process_fork)
EMPTY(sched_process_exec)
EMPTY(sched_process_exit)
EMPTY(inet_sock_set_state)
EMPTY(io_uring_complete)
EMPTY(cgroup_mkdir)
EMPTY(cgroup_rename)
EMPTY(cgroup_rmdir)
