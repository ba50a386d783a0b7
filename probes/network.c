/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Connections. A better hook goes above the row it should replace; hooks that see what the main
 * one does not (io_uring, unconnected UDP) are optional.
 */
#include "probes/tables.h"

EMBEDDED_OBJECT(network)

static const struct hook hooks[] = {
	{
		.name = "tp_btf/sys_exit, inet_sock_set_state",
		.kinds = KIND(CONNECT),
		.programs = PROGRAMS("sock_state"),
		.slots = SLOTS({ SLOT_CONNECT, "connect_exit" }),
		.tracepoint = "inet_sock_set_state",
		.truth = "kernel, the socket read when it connects",
	},
	{
		.name = "tp_btf/sys_exit",
		.kinds = KIND(ACCEPT),
		/* connect_exit: accept through a 32-bit program's socketcall */
		.slots = SLOTS({ SLOT_ACCEPT, "accept_exit" }, { SLOT_CONNECT, "connect_exit" }),
		.tracepoint = "sys_exit",
		.truth = "kernel, the accepted socket read at exit",
	},
	{
		.name = "cgroup/sendmsg4, sendmsg6",
		.kinds = KIND(CONNECT),
		.programs = PROGRAMS("sendmsg4", "sendmsg6"),
		.truth = "kernel's copy of the address, unconnected UDP",
		.can_deny = true,
		.sees_io_uring = true,
		.optional = true,
	},
	{
		.name = "tp_btf/io_uring_complete",
		.kinds = KIND(CONNECT) | KIND(ACCEPT),
		.programs = PROGRAMS("network_uring"),
		.tracepoint = "io_uring_complete",
		.tp_args = 3,
		.truth = "kernel, the socket read at completion",
		.sees_io_uring = true,
		.optional = true,
	},
	{
		/* until 6.15 */
		.name = "tp_btf/io_uring_complete",
		.kinds = KIND(CONNECT) | KIND(ACCEPT),
		.programs = PROGRAMS("network_uring_old"),
		.tracepoint = "io_uring_complete",
		.tp_args = 7,
		.truth = "kernel, the socket read at completion",
		.sees_io_uring = true,
		.optional = true,
	},
	{
		.name = "tp_btf/io_uring_submit_req",
		.kinds = KIND(ACCEPT),
		.programs = PROGRAMS("network_uring_submit"),
		.tracepoint = "io_uring_submit_req",
		.tp_args = 1,
		.truth = "kernel, multishot accepts remembered at submission",
		.optional = true,
	},
	{ .name = NULL },
};

const struct probe probe_network = {
	.name = "network",
	.help = "Connections made and accepted",
	.hooks = hooks,
	.object = network_object,
};
