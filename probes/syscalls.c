/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The dispatcher of system call exits. It reports no kind itself.
 */
#include "probes/tables.h"

EMBEDDED_OBJECT(syscalls)

static const struct hook hooks[] = {
	{ .name = "tp_btf/sys_exit", .programs = PROGRAMS("sys_exit"), .tracepoint = "sys_exit" },
	{ .name = NULL },
};

const struct probe probe_syscalls = {
	.name = "syscalls",
	.help = "Dispatcher of system call exits",
	.hooks = hooks,
	.object = syscalls_object,
};
