/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * stream.h.
 */
#include "tests/harness/stream.h"

#include "pipeline/save.h"
#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

void stream_play(const char *save, uint32_t opens, void (*fn)(void *arg, struct event *e),
		 void *arg)
{
	static const char *const all[] = { "process", "user", "cgroup", "host", NULL };
	struct bench_enrichers *b;
	struct outside outside;
	struct replay *r;
	static struct rec rec;
	const void *bytes;
	char err[256];
	int rc = 1;

	if (replay_open(&r, save, err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
	outside = replay_outside(r);
	b = enrich_open(all, NULL, &outside);
	while (opens && (rc = replay_next(r, &bytes, &rec.len)) == 1) {
		memcpy(rec.b, bytes, rec.len);
		opens -= rec.h.kind == EV_OPEN;
		fn(arg, enrich(b, &rec));
	}
	if (rc < 0 || (!rc && replay_warning(r)))
		test_fail(__FILE__, __LINE__, "%s", rc ? replay_error(r) : replay_warning(r));
	enrich_close(b);
	replay_close(r);
}
