/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The path of a cgroup from its inode, for the live outside: v2 and every v1 hierarchy that is
 * mounted.
 */
#ifndef TOCSIN_CGROUP_ASK_H
#define TOCSIN_CGROUP_ASK_H

#include "pipeline/str.h"

enum { CGROUP_MOUNTS_MAX = 64 };

struct cgroup_mount {
	uint32_t hierarchy;	/* 0: v2 */
	int fd;			/* of the mount point */
	char *root, *point;	/* as in mountinfo(5), escapes undone */
};

struct cgroup_mounts {
	struct cgroup_mount items[CGROUP_MOUNTS_MAX];
	uint32_t count;
	uint64_t read_ns;	/* monotonic time of the last look */
	bool walk;		/* tests: never use file handles */
};

/* From mountinfo(5) and cgroups(7) texts: what cgroup_mounts_read reads of /proc/self. */
void cgroup_mounts_parse(struct cgroup_mounts *m, struct str mountinfo, struct str cgroups);
void cgroup_mounts_read(struct cgroup_mounts *m);
void cgroup_mounts_free(struct cgroup_mounts *m);
/* Path from the root of the hierarchy. False: there is no such cgroup, or it cannot be told. */
bool cgroup_path(struct cgroup_mounts *m, uint64_t id, uint32_t hierarchy, struct buf *out);

#endif
