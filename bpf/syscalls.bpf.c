// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The dispatcher of system call exits. See syscalls.h.
 */
#include "syscalls.h"
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { SYSCALLS = 512, X32_BIT = 0x40000000 };

/* arch/x86/entry/syscalls/syscall_64.tbl; x32 uses the same numbers for these. */
static const volatile __u8 slots_64[SYSCALLS] = {
	[2] = SLOT_OPEN, /* open */
	[85] = SLOT_OPEN, /* creat */
	[257] = SLOT_OPEN, /* openat */
	[304] = SLOT_OPEN, /* open_by_handle_at */
	[437] = SLOT_OPEN, /* openat2 */
	[42] = SLOT_CONNECT, /* connect */
	[43] = SLOT_ACCEPT, /* accept */
	[288] = SLOT_ACCEPT, /* accept4 */
};

/* syscall_32.tbl */
static const volatile __u8 slots_32[SYSCALLS] = {
	[5] = SLOT_OPEN, /* open */
	[8] = SLOT_OPEN, /* creat */
	[102] = SLOT_CONNECT, /* socketcall: connect, accept and others */
	[295] = SLOT_OPEN, /* openat */
	[342] = SLOT_OPEN, /* open_by_handle_at */
	[437] = SLOT_OPEN, /* openat2 */
	[362] = SLOT_CONNECT, /* connect */
	[364] = SLOT_ACCEPT, /* accept4 */
};

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	__u64 nr = regs->orig_ax & ~(__u64)X32_BIT;
	__u32 slot;

	if (nr >= SYSCALLS)
		return 0;
	slot = slots_64[nr];
	if (is_compat(bpf_get_current_task_btf()))
		slot = slots_32[nr];
	if (!slot)
		return 0;
	bpf_tail_call(ctx, &dispatch, slot);
	return 0;
}
