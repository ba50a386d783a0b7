/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Cgroup paths: whatever the path, the parts found lie inside it and have their form.
 */
#include <assert.h>
#include <stdlib.h>

#include "enrichers/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str part, const char *p, size_t size)
{
	if (part.len)
		assert(part.p >= p && part.p + part.len <= p + size &&
		       !memchr(part.p, '/', part.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = malloc(size + 1); /* exact, so that a read past the end is seen */
	struct container_info c;

	if (!path)
		return 0;
	memcpy(path, data, size);
	container_parse(&c, (struct str){ path, (uint32_t)size });
	inside(c.id, path, size);
	inside(c.unit, path, size);
	assert(c.pod_uid_len == 0 || c.pod_uid_len == 32 || c.pod_uid_len == POD_UID_MAX);
	assert(!(c.id.len && c.unit.len));
	assert(!c.runtime.len || c.id.len);
	free(path);
	return 0;
}
