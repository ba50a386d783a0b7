/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Files of values: any bytes. What loads is asked about texts and numbers.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/policy/policy.h"
#include "pipeline/util.h"
#include "tests/harness/made.h"

static void load(const char *path, const char *where)
{
	struct policy_engine *p = NULL;
	struct policy_set *s = NULL;
	const struct match *match;
	struct diags d = { 0 };
	struct made *m;
	char text[512];

	snprintf(text, sizeof(text),
		 "lists:\n  l: {file: %s}\n  k: [a, $l, $l]\npolicies:\n"
		 "- {name: a, on: network.connect, where: '%s'}\n",
		 path, where);
	if (policy_load_text(&s, "fuzz", str_of(text), &d))
		return;
	if (!policy_count(s) == !d.errors)
		abort();
	if (policy_count(s) && !policy_engine_new(&p, s)) {
		m = made_new("network.connect");
		made_set(m, "process.name", "a");
		made_set(m, "destination.port", "22");
		made_set(m, "destination.ip", "10.1.2.3");
		if (strstr(where, "$k") && policy_match(p, made_event(m), &match) != 1)
			abort();
		policy_match(p, made_event(m), &match);
		made_free(m);
	}
	policy_engine_free(p);
	policy_free(s);
	diags_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_CLOSE int fd = memfd_create("values", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || size > 1 << 16 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	load(path, "process.name in $k");
	load(path, "process.args contains $l");
	load(path, "destination.port in $l");
	load(path, "destination.ip cidr $l");
	return 0;
}
