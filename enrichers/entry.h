/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Entry leaders, as ECS has them: of each process the first process of what a human or a manager
 * of services started, and by which way in. A fork takes over its parent's; another leader begins
 * only below a program that is a way in (a door): init, sshd, login, cron, a container's runtime,
 * a kernel thread. docs/context.md says what is believed of such a program.
 *
 * An object is one image of a leader, is never changed and is shared by all processes below it,
 * so it outlives the leader. Consumer thread; references are plain counts.
 */
#ifndef TOCSIN_ENTRY_H
#define TOCSIN_ENTRY_H

#include "enrichers/context.h"

struct proc;
struct proctable;

struct entry {
	uint32_t refs, bytes; /* bytes: of the whole allocation */
	struct ctx_entry ctx; /* its executable lies in data */
	char data[];
};

/* Each gives p, which has none yet, an entry leader, or leaves it without where it cannot be told. */

/* `from` forked p. */
void entry_fork(struct proctable *t, struct proc *p, const struct proc *from);
/* p is another image of the process of `old`; no image yet: which one is not known. */
void entry_exec(struct proctable *t, struct proc *p, const struct proc *old);
/* p was found running, or its fork was lost; q: its parent as the kernel names it, or NULL. */
void entry_find(struct proctable *t, struct proc *p, const struct proc *q);

/* What p executes became known late. */
void entry_image(struct proctable *t, struct proc *p);
void entry_drop(struct proctable *t, struct entry *e); /* a reference; NULL is legal */

#endif
