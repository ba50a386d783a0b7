/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Policy files: any text. What loads judges an event of each kind.
 */
#include <stdlib.h>

#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"
#include "tests/harness/scene.h"

static void judge(struct policy_engine *p, const char *kind)
{
	struct made *m = made_new(kind);
	const struct match *match;
	struct event *e;
	uint32_t n;

	made_set(m, "file.path", "/etc/shadow");
	made_set(m, "destination.ip", "10.1.2.3");
	e = made_event(m);
	scene_set(e);
	n = policy_match(p, e, &match);
	for (uint32_t i = 0; i < n; i++)
		if (!match[i].message.len || match[i].matched.p[0] != '[' ||
		    memchr(match[i].message.p, '\n', match[i].message.len))
			abort();
	made_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy_engine *p = NULL;
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	if (size > 1 << 16 ||
	    policy_load_text(&s, "fuzz", (struct str){ (const char *)data, (uint32_t)size }, &d))
		return 0;
	if (policy_count(s) && d.errors)
		abort();
	if (policy_count(s) && !policy_engine_new(&p, s)) {
		judge(p, "file.open");
		judge(p, "process.exec");
		judge(p, "network.connect");
		judge(p, "process.exit");
	}
	policy_engine_free(p);
	policy_free(s);
	diags_free(&d);
	return 0;
}
