/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * faults.h.
 */
#include "pipeline/filter/faults.h"

#include "pipeline/message.h"
#include "pipeline/util.h"

void filter_faults_add(struct filter_faults *f, struct event *e, const struct policy *policy)
{
	char room[MESSAGE_ROOM];
	struct buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };

	if (f->kept == FILTER_FAULTS_KEPT)
		return;
	message_default(&b, e);
	snprintf(f->texts[f->kept++], FILTER_FAULT_TEXT,
		 "%s, wanted by %s%.*s (user %u, cgroup %llu): %.*s", e->kind->name,
		 policy ? "policy " : "--record", policy ? (int)policy->name.len : 0,
		 policy ? policy->name.p : "", e->raw->euid, (unsigned long long)e->raw->cgroup_id,
		 (int)MIN(b.len, 800u), room);
}

void filter_faults_print(const struct filter_faults *f, FILE *out)
{
	for (uint32_t i = 0; i < f->kept; i++)
		fprintf(out, "filter error: %s\n", f->texts[i]);
}
