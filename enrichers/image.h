/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What is known of a program image: a struct ctx_process whose strings lie in one allocation,
 * shared by reference among the processes that run it (a fork copies no string).
 * Consumer thread; references are plain counts.
 */
#ifndef TOCSIN_IMAGE_H
#define TOCSIN_IMAGE_H

#include "pipeline/event.h"

struct image {
	uint32_t refs, bytes;	/* bytes: of the whole allocation */
	uint64_t id;		/* no other image of the table has had it */
	struct ctx_process ctx;	/* start_ns, sid and pgid are the process's matter and zero here */
	char data[];
};

enum { IMAGE_COMPACT_MAX = 256 };	/* bytes of each text but the executable in a compact image */

/* Copies ctx and what it points to. compact: texts that matter less than the executable are cut
 * (exec_flags say so) or left out. NULL without memory. */
struct image *image_new(const struct ctx_process *ctx, bool compact);
static inline struct image *image_ref(struct image *i)
{
	if (i)
		i->refs++;
	return i;
}
/* Bytes given back: those of the allocation when this was the last reference, else 0. */
uint32_t image_unref(struct image *i);

/* A ctx_process with every field absent. */
void image_absent(struct ctx_process *ctx);

/* Fields that records of a kind (EXEC, TASK) have under the name they have in ctx_process. */
struct image_plan {
	struct {
		const struct field *from, *to;
	} rows[64];
	uint32_t count;
};
void image_plan(struct image_plan *p, uint32_t kind);
/* Copies them; paths are turned round in the arena, texts stay in record and arena. */
void image_from_record(struct ctx_process *ctx, struct event *e, const struct image_plan *p);
/* The last part of the executable; the whole for an anonymous file, whose name may hold slashes. */
struct str image_name(struct str executable, uint32_t path_flags);

#endif
