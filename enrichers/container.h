/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the path of a cgroup says: container, pod, systemd unit. Pure functions of the text.
 */
#ifndef TOCSIN_CONTAINER_H
#define TOCSIN_CONTAINER_H

#include "pipeline/str.h"

enum { POD_UID_MAX = 36 };

/* len 0: the path does not say. */
struct container_info {
	struct str id, unit;	/* into the path */
	struct str runtime;	/* constant text */
	char pod_uid[POD_UID_MAX];	/* with dashes, whatever the path writes */
	uint32_t pod_uid_len;
};

/* path: from the root of the hierarchy, "/a/b". */
void container_parse(struct container_info *out, struct str path);

#endif
