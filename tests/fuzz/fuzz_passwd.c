/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Texts of passwd, /proc/PID/stat and mount tables: the files that the live outside parses.
 */
#include <assert.h>
#include <stdlib.h>

#include "enrichers/cgroup_ask.h"
#include "enrichers/passwd.h"
#include "enrichers/proc_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void passwd(struct str text)
{
	struct passwd_file f;
	struct str name;

	passwd_init(&f, "");
	if (passwd_parse(&f, text))
		return;
	for (uint32_t i = 0; i < f.count; i++) {
		assert(f.entries[i].name.len && f.entries[i].name.len <= PASSWD_NAME_MAX);
		assert(passwd_find(&f, f.entries[i].id, &name));
		assert(!i || f.entries[i - 1].id <= f.entries[i].id);
	}
	free(f.entries);
}

/* Mount points that the text names are opened, for reading and as directories only. */
static void mounts(struct str text)
{
	const char *cut = text.len ? memchr(text.p, 0, text.len) : NULL;
	struct cgroup_mounts m = { 0 };
	struct str second = { 0 };

	if (cut) {
		second = (struct str){ cut + 1, text.len - (uint32_t)(cut + 1 - text.p) };
		text.len = (uint32_t)(cut - text.p);
	}
	cgroup_mounts_parse(&m, text, second);
	cgroup_mounts_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);
	struct str text = { p, (uint32_t)size };
	uint64_t ticks;

	if (!p)
		return 0;
	memcpy(p, data, size);
	passwd(text);
	proc_start_ticks(text, &ticks);
	mounts(text);
	free(p);
	return 0;
}
