/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Inside of a probe set: shared by probe.c (lifecycle), load.c (choose, load, attach) and
 * coverage.c (report).
 */
#ifndef TOCSIN_SET_H
#define TOCSIN_SET_H

#include "probes/kernel.h"
#include "probes/object.h"
#include "probes/probe.h"
#include "probes/ring.h"

enum hook_state {
	HOOK_UNUSED,
	HOOK_FAILED,
	HOOK_CHOSEN,	/* loaded; attached once a kind of it is wanted */
	HOOK_ACTIVE,
};

struct loaded_hook {
	uint8_t state;			/* enum hook_state */
	char reason[OBJECT_REASON];	/* of HOOK_FAILED */
};

struct loaded_probe {
	const struct probe *probe;
	struct object *object;		/* NULL: none of its hooks is loaded */
	struct loaded_hook hooks[PROBE_HOOKS];
};

struct probe_set {
	struct shared_maps maps;
	struct ring *ring;
	struct cpu_state *cpus;		/* mapped, ncpu entries */
	struct ring_control *control;	/* mapped */
	size_t cpus_bytes, control_bytes;
	struct bpf_cfg cfg;		/* of every object */
	uint64_t want, named;
	bool failed_opens;
	bool has_next;			/* FILTER_NEXT is not empty */
	bool scanned;			/* all tasks were, once */
	uint32_t ncpu, nprobes, ncoverage;
	struct loaded_probe *probes;
	struct loaded_probe dispatcher;
	struct coverage *coverage;
};

/* What loading needs besides the set. */
struct loader {
	struct probe_set *set;
	struct kernel *kernel;
	int cgroup_fd;			/* -1 until a program needs it */
};

/* Loads the dispatcher when a hook of a wanted kind needs it. A failure is kept in its state. */
void load_dispatcher(struct loader *l);
/* Loads the best hooks of one probe, if a kind of it is wanted, and attaches those that are wanted
 * and not attached yet; what failed is kept in its state. May be called again for more kinds. */
void load_probe(struct loader *l, struct loaded_probe *p);
/* Starts the dispatcher, once its slots are full and unless it runs. */
void start_dispatcher(struct loader *l);

/* Maps the control page once the first object has made it, with what is wanted. 0 or -errno. */
int set_map_control(struct probe_set *s);

/* Fills set->coverage for the kinds that are wanted. */
int coverage_make(struct probe_set *s);
/* The first named kind without a hook: -ENOTSUP with err filled; else 0. */
int coverage_check(const struct probe_set *s, char *err, size_t err_len);

/* As probe_set_open, with the probes to load: tests bring their own. */
int probe_set_open_from(struct probe_set **out, const struct probe *const *list,
			const struct probe *dispatcher, const struct probe_cfg *cfg, char *err,
			size_t err_len);

#endif
