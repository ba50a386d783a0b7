/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Files that are opened. A better hook goes above the row it should replace; a hook of io_uring
 * alone is optional.
 */
#include "probes/tables.h"

EMBEDDED_OBJECT(file)

static const struct hook hooks[] = {
	{
		.name = "tp_btf/sys_exit",
		.kinds = KIND(OPEN),
		.slots = SLOTS({ SLOT_OPEN, "file_open_exit" }),
		.tracepoint = "sys_exit",
		.truth = "kernel, the opened file read at exit",
	},
	{
		.name = "tp_btf/io_uring_complete",
		.kinds = KIND(OPEN),
		.programs = PROGRAMS("file_open_uring"),
		.tracepoint = "io_uring_complete",
		.tp_args = 3,
		.truth = "kernel, the opened file read at completion",
		.sees_io_uring = true,
		.optional = true,
	},
	{
		/* until 6.15 */
		.name = "tp_btf/io_uring_complete",
		.kinds = KIND(OPEN),
		.programs = PROGRAMS("file_open_uring_old"),
		.tracepoint = "io_uring_complete",
		.tp_args = 7,
		.truth = "kernel, the opened file read at completion",
		.sees_io_uring = true,
		.optional = true,
	},
	{
		.name = "tp_btf/io_uring_submit_req",
		.kinds = KIND(OPEN),
		.programs = PROGRAMS("file_open_uring_silent"),
		.tracepoint = "io_uring_submit_req",
		.tp_args = 1,
		.truth = "kernel's copy of the name, requests without completion",
		.optional = true,
	},
	{ .name = NULL },
};

const struct probe probe_file = {
	.name = "file",
	.help = "Files opened by system calls and io_uring",
	.hooks = hooks,
	.object = file_object,
};
