/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What a workload did, and policies that alert on everything else: programs it executed, files it
 * opened, peers it connected to. Sets of names, bounded; the same sets give the same text.
 */
#ifndef TOCSIN_LEARN_H
#define TOCSIN_LEARN_H

#include "pipeline/event.h"
#include "pipeline/policy/strmap.h"
#include "pipeline/pool.h"

enum {
	LEARN_NAMES_MAX = 50000, /* of each kind; past it nothing is written */
	LEARN_VALUE_MAX = 200, /* bytes of what follows = in --for */
};

/* Different byte strings. */
struct learned {
	struct strmap map;
	struct str *items;
	uint32_t count;
};

struct learn {
	struct pool pool;
	struct learned programs, files, patterns, peers, sockets;
	uint32_t unwritable; /* names that no policy file can hold: not UTF-8, or control characters */
	bool full, no_memory;
};

/* Which events are the workload's. */
struct learn_scope {
	char conditions[3][3 * LEARN_VALUE_MAX + 100]; /* in the order of LEARN_… */
	char name[100]; /* for policies */
	char text[LEARN_VALUE_MAX + 20]; /* as it was written */
};
enum { LEARN_EXEC, LEARN_OPEN, LEARN_CONNECT, LEARN_KINDS };

/* "unit=nginx.service", "container=ID", "cgroup=/path", "program=/usr/sbin/nginx": 0, or -EINVAL
 * with err. */
int learn_scope_parse(struct learn_scope *s, struct str text, char *err, size_t err_len);
/* Policies that record what is in scope, for the engine that picks the events. */
void learn_scope_policies(const struct learn_scope *s, struct buf *out);

/* An event in scope. */
void learn_event(struct learn *l, struct event *e);
bool learn_is_empty(const struct learn *l);
/* Appends the policy file. siblings: a directory with more names in it is taken as a whole, 0:
 * none is. name begins the names of lists and policies. */
void learn_write(struct learn *l, const struct learn_scope *s, uint32_t siblings, const char *name,
		 struct buf *out);
/* Appends s to the items alone; its bytes are not copied. Out of memory: l->no_memory. */
void learned_append(struct learn *l, struct learned *set, struct str s);
void learn_free(struct learn *l);

#endif
