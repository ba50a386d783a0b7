/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Processes: fork, exec, exit, and those that run already. A better hook goes above the row it
 * should replace.
 */
#include "probes/tables.h"

EMBEDDED_OBJECT(process)

static const struct hook hooks[] = {
	{
		.name = "tp_btf/sched_process_fork",
		.kinds = KIND(FORK),
		.programs = PROGRAMS("process_fork"),
		.tracepoint = "sched_process_fork",
		.truth = "kernel, read when the child is made",
		.sees_io_uring = true,
	},
	{
		.name = "tp_btf/sched_process_exec",
		.kinds = KIND(EXEC),
		.programs = PROGRAMS("process_exec"),
		.tracepoint = "sched_process_exec",
		.truth = "kernel, read when the new image is in place",
		.sees_io_uring = true,
	},
	{
		.name = "tp_btf/sched_process_exit",
		.kinds = KIND(EXIT),
		.programs = PROGRAMS("process_exit"),
		.tracepoint = "sched_process_exit",
		.truth = "kernel, read when the last thread ends",
		.sees_io_uring = true,
	},
	{
		.name = "iter/task",
		.kinds = KIND(TASK),
		.programs = PROGRAMS("scan_task"),
		.truth = "kernel, read at start",
	},
	{
		.name = "iter/task, marks",
		.kinds = KIND(TASK),
		.programs = PROGRAMS("mark_task", "mark_task_ancestors"),
		.truth = "kernel, for the kernel filter",
		.optional = true,
	},
	{ .name = NULL },
};

const struct probe probe_process = {
	.name = "process",
	.help = "Processes that start, execute and end",
	.hooks = hooks,
	.object = process_object,
};
