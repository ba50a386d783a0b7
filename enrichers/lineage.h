/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Ancestors of processes: processes, not images; each shown as the image that forked the next.
 * All children of one image share one lineage, so most forks cost a reference.
 */
#ifndef TOCSIN_LINEAGE_H
#define TOCSIN_LINEAGE_H

#include "pipeline/str.h"

enum {
	LINEAGE_DEPTH_MAX = 64,
	LINEAGE_ARGS_MAX = 1024,	/* bytes of one ancestor's command line */
	LINEAGE_BYTES_MAX = 24576,	/* of the JSON text */
};

struct proc;
struct proctable;

struct lineage {
	uint32_t refs, bytes;	/* bytes: of the whole allocation */
	uint32_t depth;
	bool cut;		/* there are more ancestors than it holds */
	bool whole;		/* it is not cut, and of each the program is known */
	struct str names, executables, command_lines;	/* LISTs of those known */
	struct str args;	/* LIST: of all, one after the other */
	struct str json;	/* array */
	struct str ids;		/* ctx_process_id of each */
	uint32_t ends[LINEAGE_DEPTH_MAX];	/* where each object ends in json */
	char data[];
};

/* Fills p's parent and ancestors from the table as far as they are known now; keeps what it has
 * for those that went. Cheap when nothing changed since the last time (epochs). */
void lineage_refresh(struct proctable *t, struct proc *p);
/* The parent of p as far as the table knows it now, or NULL. */
struct proc *lineage_parent(const struct proctable *t, const struct proc *p);
/* Makes q, an entry or NULL, the parent of p: q forked it. */
void lineage_set_parent(struct proctable *t, struct proc *p, struct proc *q);
/* p is another image of the process of `old`: the same ancestors. */
void lineage_inherit(struct proctable *t, struct proc *p, const struct proc *old);
/* p's own image changed: what its children show is made anew. */
void lineage_changed(struct proctable *t, struct proc *p);
/* The executables of p's ancestors as its next event will show them, in near the nearest that are not
 * in its lineage. True: they are all there, up to the first process, and stay so, unless one that has
 * children executes another program. Changes nothing. */
struct lineage_view {
	uint32_t nnear;
	struct str near[LINEAGE_DEPTH_MAX];
	struct str above;	/* LIST */
};
bool lineage_view(const struct proctable *t, const struct proc *p, struct lineage_view *v);
void lineage_drop(struct proctable *t, struct lineage *l);	/* a reference; NULL is legal */

#endif
