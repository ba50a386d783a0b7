/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The kernel filter of a live run: derived from the policies, compiled into tables, given to the
 * programs, again at each reload; and what the kernel has to be told of cgroups meanwhile.
 *
 * Main thread, but for classify, which is the consumer's.
 */
#ifndef TOCSIN_FILTERING_H
#define TOCSIN_FILTERING_H

#include "pipeline/filter/classify.h"
#include "pipeline/filter/derive.h"
#include "pipeline/live.h"

enum filtering_mode { FILTERING_ON, FILTERING_OFF, FILTERING_VERIFY };

struct filtering {
	uint32_t mode;		/* enum filtering_mode: OFF also where the kernel refused */
	uint64_t record_kinds;	/* every event of these is wanted */
	struct probe_set *probes;	/* these three are NULL until filtering_start */
	struct live *live;
	struct consumer *consumer;
	struct classify *classify;
	struct filter *filter;	/* in force; NULL: none */
};

/* Before the consumer is made, which is given f->classify. 0 or -ENOMEM. */
int filtering_init(struct filtering *f, uint32_t mode, uint64_t record_kinds);
/* Before the first filtering_put: whose kernel side it is, and who knows the processes. */
void filtering_start(struct filtering *f, struct probe_set *set, struct live *live,
		     struct consumer *consumer);
/* The kernel filters by this set, and its records carry the generation. Where the filter cannot be
 * had, a warning says why and every event is sent. *next, to be given to filtering_use. 0, or a
 * negative errno where not even the generation could be set: nothing has changed. */
int filtering_put(struct filtering *f, const struct policy_set *s, uint32_t generation,
		  struct filter **next);
/* In the consumer's thread: cgroups are judged by `next` from now on. The filter before it goes. */
void filtering_use(struct filtering *f, struct filter *next, uint32_t generation);
/* Once the consumer has ended. */
void filtering_free(struct filtering *f);

#endif
