/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tells the kernel which cgroup is in which sets of the filter (derive.h), once each: at the first
 * event of the cgroup whose path is known, and again when the enricher found it anew. Until then the
 * cgroup is in all sets, so nothing of a new one is lost. One that went is forgotten; when one was
 * renamed all are, since paths below it changed too. Consumer thread.
 *
 * The kernel counts renames (epochs), and takes nothing for known that is told under another number
 * than its own. Told is the number of the last record that was read: what is judged by a path that a
 * rename has just changed is void, though its record is still on its way. Where a record of cgroups
 * was lost nothing is told until the number is known again.
 */
#ifndef TOCSIN_FILTER_CLASSIFY_H
#define TOCSIN_FILTER_CLASSIFY_H

#include "pipeline/event.h"

struct filter;
struct filter_cgroup;

struct classify_cfg {
	/* 0 or a negative errno: it is told again with the next event. */
	int (*tell)(void *arg, uint32_t hierarchy, uint64_t id, const struct filter_cgroup *said);
	void (*forget)(void *arg, uint32_t hierarchy, uint64_t id);
	/* Renames whose records can be read by now, or count as lost. */
	uint32_t (*epoch)(void *arg);
	void *arg;
};

struct classify;

int classify_new(struct classify **out, const struct classify_cfg *cfg);	/* 0 or -ENOMEM */
void classify_free(struct classify *c);
/* From now on by this filter, which must outlive its use; NULL: by none. */
void classify_use(struct classify *c, const struct filter *f, uint32_t generation);
/* After the enrichers had the event. */
void classify_event(struct classify *c, struct event *e);
/* All that was in the ring was read, and no loss is held back. */
void classify_settled(struct classify *c);

#endif
