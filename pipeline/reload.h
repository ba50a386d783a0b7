/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Other policies for a running agent, without an event lost or judged twice. Each record carries
 * the policy generation that was in force when it was made, and is judged by that set:
 *
 *   the new set is loaded and its engine made; nothing has changed yet
 *   the consumer gets the engine beside the old one
 *   hooks that only the new set needs are attached; the kernel switches to the new generation
 *   once no program uses the old one and the ring is drained past its last record, the old
 *   engine and set go
 *
 * Main thread.
 */
#ifndef TOCSIN_RELOAD_H
#define TOCSIN_RELOAD_H

#include <jansson.h>

#include "pipeline/live.h"
#include "pipeline/session.h"

struct reload {
	struct session *session; /* whose policies are replaced */
	struct probe_set *probes;
	struct live *live;
	uint32_t generation; /* in force; 0 at the start */
};

/* Loads the policies again and puts them in force if they differ. A file with an error, or without
 * a policy where it had some, keeps its last good version. Logs what changed and each problem.
 * The report, a new object for `tocsin reload`: {"generation", "policies": how many, "added",
 * "changed", "removed": [{"name", "file", "line"}], "problems": ["file:line:column: reason"],
 * "errors": how many of them are}; or "error", why all policies stay, with "problems" and "errors".
 * NULL: out of memory. */
json_t *reload_policies(struct reload *r);

#endif
