// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The dispatcher of system call exits. See syscalls.h.
 */
#include "syscalls.h"
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* One table for both ways into the kernel, so that a call that neither cares for is done with
 * after one look: the slot of the 64-bit call in the low half of a byte, that of the 32-bit call of
 * the same number in the high one. */
#define CALL_64(slot) (slot)
#define CALL_32(slot) ((slot) << 4)

static const volatile __u8 slots[SYSCALLS] = {
	/* arch/x86/entry/syscalls/syscall_64.tbl; x32 uses the same numbers for these */
	[2] = CALL_64(SLOT_OPEN), /* open */
	[42] = CALL_64(SLOT_CONNECT), /* connect */
	[43] = CALL_64(SLOT_ACCEPT), /* accept */
	[85] = CALL_64(SLOT_OPEN), /* creat */
	[257] = CALL_64(SLOT_OPEN), /* openat */
	[288] = CALL_64(SLOT_ACCEPT), /* accept4 */
	[304] = CALL_64(SLOT_OPEN), /* open_by_handle_at */
	[437] = CALL_64(SLOT_OPEN) | CALL_32(SLOT_OPEN), /* openat2 in both */
	/* syscall_32.tbl */
	[5] = CALL_32(SLOT_OPEN), /* open */
	[8] = CALL_32(SLOT_OPEN), /* creat */
	[102] = CALL_32(SLOT_CONNECT), /* socketcall: connect, accept and others */
	[295] = CALL_32(SLOT_OPEN), /* openat */
	[342] = CALL_32(SLOT_OPEN), /* open_by_handle_at */
	[362] = CALL_32(SLOT_CONNECT), /* connect */
	[364] = CALL_32(SLOT_ACCEPT), /* accept4 */
};

/* A tail call to a slot that is known, which the JIT makes a jump. The comment differs from one to the next,
 * or the compiler would make one call of all, to a slot that is not known. */
#define JUMP(ctx, slot)                                                                            \
	do {                                                                                       \
		bpf_tail_call(ctx, &dispatch, slot);                                               \
		asm volatile("# " #slot ::: "memory");                                             \
	} while (0)

/* The same member to the kernel, another to the compiler: else a register is saved for where it lies. */
struct pt_regs___anew {
	unsigned long orig_ax;
} __attribute__((preserve_access_index));

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	__u64 nr = regs->orig_ax;
	unsigned long long *volatile saved; /* a register would be saved in every system call */
	volatile __u32 both;
	void *map = &dispatch;
	__u32 slot;

	slot = slots[nr & (SYSCALLS - 1)];
	if (!slot)
		return 0;
	saved = ctx;
	both = slot;
	/* Which of the two it is, those programs ask themselves: they need the task anyway. */
	if ((slot & 15) == SLOT_OPEN)
		JUMP(ctx, SLOT_OPEN);
	if (!is_call(((struct pt_regs___anew *)saved[0])->orig_ax))
		return 0;
	slot = both; /* read anew: no register is saved for it, and opens are not one case of many */
	if ((slot & 15) == SLOT_CONNECT)
		JUMP(saved, SLOT_CONNECT);
	if ((slot & 15) == SLOT_ACCEPT)
		JUMP(saved, SLOT_ACCEPT);
	slot = is_compat(bpf_get_current_task_btf()) ? both >> 4 : both & 15;
	if (!slot)
		return 0;
	barrier_var_(map);
	bpf_tail_call(saved, map, slot);
	return 0;
}
