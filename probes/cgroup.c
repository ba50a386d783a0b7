/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Paths of cgroups, for the context of other kinds.
 */
#include "probes/tables.h"

EMBEDDED_OBJECT(cgroup)

static const struct hook hooks[] = {
	{
		.name = "tp_btf/cgroup_*",
		.kinds = KIND(CGROUP),
		.programs = PROGRAMS("cgroup_made", "cgroup_renamed", "cgroup_removed"),
		.tracepoint = "cgroup_mkdir",
		.truth = "kernel, read when the cgroup changes",
	},
	{ .name = NULL },
};

const struct probe probe_cgroup = {
	.name = "cgroup",
	.help = "Control groups that are made, renamed and removed",
	.hooks = hooks,
	.object = cgroup_object,
};
