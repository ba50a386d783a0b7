/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Ends of system calls: one program sees them all and tail-calls the one that cares, so that a
 * call nobody cares for costs a table look-up and not a program for each probe.
 */
#ifndef TOCSIN_SYSCALLS_H
#define TOCSIN_SYSCALLS_H

#include "maps.h"
#include "slots.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOT_MAX);
	__uint(key_size, 4);
	__uint(value_size, 4);
} dispatch SEC(".maps");

/* No kernel has calls of higher numbers, but for the bit of x32. */
enum { SYSCALLS = 1024, X32_BIT = 0x40000000 };

/* The dispatcher goes by the lowest bits of a number alone, which spares all calls a branch: a call of
 * a number that there is not, which has failed, may come to the slot of another. The kernel takes the
 * lower half of a number for all of it, and a task may leave anything in the upper one. */
static __always_inline bool is_call(__u64 nr)
{
	return ((__u32)nr & ~(__u32)X32_BIT) < SYSCALLS;
}

enum { TS_COMPAT_ = 2 }; /* thread_info.status: the call came through a 32-bit entry */

static __always_inline bool is_compat(struct task_struct *t)
{
	return t->thread_info.status & TS_COMPAT_;
}

#endif
