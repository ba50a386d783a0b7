/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Memory of the entries of the process table, many at once: a spawn makes two entries, and each from malloc
 * is costly when a table grows. Slabs that are empty go back once there are enough entries to use again.
 * One thread.
 */
#ifndef TOCSIN_PROCPOOL_H
#define TOCSIN_PROCPOOL_H

#include <stdint.h>

struct proc;
struct procslab;

struct procpool {
	struct procslab *room; /* slabs with an entry that is not in use */
	uint32_t nspare; /* such entries in all */
};

struct proc *procpool_get(struct procpool *l); /* zeroed; NULL without memory */
void procpool_put(struct procpool *l, struct proc *p);
void procpool_free(struct procpool *l); /* when every entry was put back */

#endif
