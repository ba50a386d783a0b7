/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Maps that all objects share: the loader makes them once and hands them to every object by name.
 */
#ifndef TOCSIN_MAPS_H
#define TOCSIN_MAPS_H

#include "compat.h"
#include "event.h"
#include "filter_abi.h"

/* Four programs can be at work on one CPU before one finds no room: a task's, one that preempted
 * it, a softirq's and a hard interrupt's. */
enum { SCRATCH_SLOTS = 4 };

enum { PROGRAM_MASKS = 16, PROGRAM_WORDS = 8 };

const volatile struct bpf_cfg cfg SEC(".rodata.cfg") = {};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_control);
} control SEC(".maps");

/* What the automaton of a generation said of a program's path, whose text (event.h: leaf first) is len
 * bytes long and followed by zeros. */
struct program_mask {
	__u32 generation;
	__u32 len; /* 0: nothing is kept here */
	__u64 mask;
	__u64 text[PROGRAM_WORDS];
};

/* pos and flags belong to a path walk (path.h). They live here because the verifier forgets what
 * it knew of a value that goes through map memory: on the stack every step would look new to it. */
struct scratch_slot {
	__u8 b[EV_REC_MAX];
	__u32 pos, flags;
	/* Where the walk begins; the task's mount namespace. */
	__u64 mnt, dentry, own;
	/* Where the last path's components are, and the filter's automaton. */
	struct filter_walk walk;
	__u64 dir, name; /* signed from the text (sign.h) */
	__u32 wants_image; /* 1: the next walk makes image (path.h) */
	__u32 pad;
	__u64 image;
	struct program_mask programs[PROGRAM_MASKS]; /* that were executed lately (marks.h) */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch_slot);
} scratch SEC(".maps");

/* The filter's block: the one value of the map inside a slot (FILTER_NOW). Everything that a policy generation
 * brings is in it, so that whoever looked it up once has a whole generation. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, FILTER_SLOTS);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(key_size, 4);
			__uint(value_size, FILTER_BYTES_MIN);
		});
} filter SEC(".maps");

/* Which cgroups are in which sets of the filter, as user space told (classify.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct filter_cgroup);
} filter_cgroups SEC(".maps");

#endif
