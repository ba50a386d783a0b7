/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * BPF objects through libbpf: load some programs of an embedded object, share maps among objects,
 * attach, run iterators. One thread at a time.
 */
#ifndef TOCSIN_OBJECT_H
#define TOCSIN_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

/* Maps that objects share by name. Each is made after the definition in the first object that
 * has it. */
enum shared_map { MAP_EVENTS, MAP_CPUS, MAP_CONTROL, MAP_SCRATCH, MAP_DISPATCH, MAP_FILTER, MAP_VERDICTS,
		  MAP_DIRS, MAP_CGROUPS, MAP_SEEN, MAP_SEEN_WORDS, MAP_DROPPED, MAP_MARKS, MAP_LINEAGES,
		  MAP_KNOWN_PEERS, MAP_PEERS_DROPPED, SHARED_MAPS };

struct shared_maps {
	int fd[SHARED_MAPS];	/* -1: not made yet */
	uint32_t ring_bytes, ncpu, filter_bytes;
	int failed;		/* negative errno: one could not be made, so no object can work */
};

void shared_maps_init(struct shared_maps *m, uint32_t ring_bytes, uint32_t ncpu);
void shared_maps_close(struct shared_maps *m);
/* Its first bytes, to read and write, until munmap(2). which: enum shared_map. Negative errno. */
int shared_maps_map(const struct shared_maps *m, int which, size_t bytes, void **out);
/* Makes the map that holds the kernel filter's block, without one, for blocks of bytes (0: the least),
 * a power of two; less where the kernel does not allow so much. m->filter_bytes says. A negative errno
 * goes to m->failed. */
void shared_maps_make_filter(struct shared_maps *m, uint32_t bytes);
/* A map with this block in it, to be put into slots (bpf/filter_abi.h) and closed. Negative errno. */
int shared_maps_filter_block(const struct shared_maps *m, const void *block);
/* Puts a block in the place of the one in the slot; -1 empties it. Programs that have begun with the
 * old one have ended when this returns. */
int shared_maps_set_filter(const struct shared_maps *m, uint32_t slot, int block);

enum { OBJECT_PROGRAMS = 32, OBJECT_REASON = 160 };

struct object_request {
	const char *name;
	const void *elf;
	size_t len;
	const struct bpf_cfg *cfg;
	struct shared_maps *maps;
	const char *programs[OBJECT_PROGRAMS];	/* to load; the others stay out */
	uint32_t nprograms;
};

struct object_error {
	char program[64];		/* the program at fault; empty: unknown */
	char reason[OBJECT_REASON];	/* one line without control characters */
};

uint32_t object_possible_cpus(void);	/* CPUs that could ever be: their ids are below it */

struct object;

int object_load(struct object **out, const struct object_request *req, struct object_error *e);
void object_free(struct object *o);	/* detaches too */

/* Attaches one program where its type belongs; cgroup_fd is the root of cgroup v2 or -1.
 * Iterators need no attaching. */
int object_attach(struct object *o, const char *program, int cgroup_fd, struct object_error *e);
bool object_is_cgroup(const struct object *o, const char *program);
/* Descriptor of a loaded program, the object's own; negative: there is none. */
int object_program(const struct object *o, const char *program);
/* Puts a program into the dispatcher's slot. */
int object_fill_slot(struct object *o, const char *program, uint32_t slot, struct object_error *e);
/* Runs an iterator to its end. */
int object_iterate(struct object *o, const char *program);
void object_detach(struct object *o);

#endif
