/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * procpool.h. A slab is in the list while it has room; an entry finds its slab by its number there.
 */
#include "enrichers/procpool.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#include "enrichers/proctable.h"

enum { SLAB_ENTRIES = 64, SPARE_MAX = 2048 /* entries, before empty slabs are given back */ };

struct procslab {
	struct procslab *next, *prev;
	struct proc *spare; /* by next */
	uint32_t used;
	uint32_t fresh; /* entries from here on were never in use, and are not in spare */
	struct proc procs[SLAB_ENTRIES];
};

static struct procslab *slab_of(struct proc *p)
{
	return (struct procslab *)((char *)(p - p->number) - offsetof(struct procslab, procs));
}

/* What of an entry must not be touched while it is spare: AddressSanitizer is told of it. */
enum {
	SPARE_FROM = offsetof(struct proc, entry),
	SPARE_BYTES = offsetof(struct proc, next) - SPARE_FROM
};

static void link_slab(struct procpool *l, struct procslab *s)
{
	s->prev = NULL;
	s->next = l->room;
	if (s->next)
		s->next->prev = s;
	l->room = s;
}

static void unlink_slab(struct procpool *l, struct procslab *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		l->room = s->next;
	if (s->next)
		s->next->prev = s->prev;
}

/* Its entries are not touched before they are used: they take no memory until then. */
static struct procslab *slab_new(struct procpool *l)
{
	struct procslab *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	s->spare = NULL;
	s->used = s->fresh = 0;
	link_slab(l, s);
	l->nspare += SLAB_ENTRIES;
	return s;
}

struct proc *procpool_get(struct procpool *l)
{
	struct procslab *s = l->room ? l->room : slab_new(l);
	struct proc *p;
	uint8_t number;

	if (!s)
		return NULL;
	p = s->spare;
	if (p) {
		s->spare = p->next;
		number = p->number;
		ASAN_UNPOISON_MEMORY_REGION((char *)p + SPARE_FROM, SPARE_BYTES);
	} else {
		number = (uint8_t)s->fresh++;
		p = &s->procs[number];
	}
	memset(p, 0, sizeof(*p));
	p->number = number;
	l->nspare--;
	if (++s->used == SLAB_ENTRIES)
		unlink_slab(l, s);
	return p;
}

void procpool_put(struct procpool *l, struct proc *p)
{
	struct procslab *s = slab_of(p);

	if (s->used-- == SLAB_ENTRIES)
		link_slab(l, s);
	p->next = s->spare;
	s->spare = p;
	ASAN_POISON_MEMORY_REGION((char *)p + SPARE_FROM, SPARE_BYTES);
	l->nspare++;
	if (s->used || l->nspare <= SPARE_MAX)
		return;
	unlink_slab(l, s);
	l->nspare -= SLAB_ENTRIES;
	free(s);
}

void procpool_free(struct procpool *l)
{
	while (l->room) {
		struct procslab *s = l->room;

		unlink_slab(l, s);
		free(s);
	}
	l->nspare = 0;
}
