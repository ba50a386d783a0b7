/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * An enriched event by value: the record and all contexts with their strings in one piece of
 * memory, so that the event can be told of long after it went by.
 */
#ifndef TOCSIN_EVENT_COPY_H
#define TOCSIN_EVENT_COPY_H

#include "pipeline/event.h"

/* Appends a copy of e; groups in `without` (bit per enum ctx_group) are left out. Failed, as any
 * append, where it does not fit. */
void event_copy(struct buf *b, const struct event *e, uint32_t without);
/* A copy without ancestors where one with them does not fit. */
void event_copy_most(struct buf *b, const struct event *e);
/* Only the record's numbers: texts are as if they were empty, and no context. In EVENT_BARE_BYTES. */
enum { EVENT_BARE_BYTES = 384 };
void event_copy_bare(struct buf *b, const struct event *e);
/* The event of a copy. mem is aligned to 8, is changed, and must last as long as *e; so must the
 * arena. False: it is no copy. */
bool event_restore(struct event *e, struct arena *arena, char *mem, uint32_t len);

#endif
