/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The tables of the kernel filter: one block of bytes that pipeline/filter/tables.c makes and the
 * programs look things up in (filter.h; the lookups themselves are in filter_walk.h, which user
 * space compiles too). It begins with struct filter_block; every other table is found by its byte
 * offset in the block, a multiple of 8, and consists of 64-bit words.
 *
 * What a path (of a file, of a program) or an address decides is a mask. Each bit of it stands for
 * a bucket of joins: conditions on the rest of the event, one of which must hold. Bit FILTER_SURE
 * stands for an event that is wanted whatever the rest is. Some bits of a path are there to exclude:
 * joins name them (not_mask).
 */
#ifndef TOCSIN_FILTER_ABI_H
#define TOCSIN_FILTER_ABI_H

#include "event.h"

enum {
	FILTER_BYTES_MIN = 64 << 10, /* sizes of the block, powers of two */
	FILTER_BYTES_MAX = 16 << 20,
	FILTER_BITS = 64,
	FILTER_SURE = 63,
	FILTER_KINDS = 32,
	FILTER_OUT_MORE = 255, /* filter_cell.out: the number is in the table `more` */
	FILTER_MORE_PROBES = 8,
	FILTER_STATES_MAX = 1 << 24,
	FILTER_BUCKET_JOINS = 16,
	FILTER_RANGES = 8, /* of one join */
	FILTER_HEADS = 8, /* of one list of patterns */
	FILTER_HEAD_BYTES = 16,
	FILTER_UNIX_HEADS = 64, /* of all lists of socket paths */
	FILTER_COMPONENTS = 128, /* of a path that can be judged */
	FILTER_STEPS = 1 << 14, /* of the automaton: twice a path and some */
	FILTER_MASKS = 256,
	FILTER_SEEN_BYTES = 1 << 22, /* in which masks are known again (seen_sets.h) */
	FILTER_OPEN_CLASSES = 128,
};

/* What tells most opens from those that joins ask for: how it came (enum filter_via), type and access mode.
 * The kernel takes the access mode from an O_PATH (build_open_flags). */
#define FILTER_OPEN_CLASS(via, mode, flags)                                                        \
	((((via)-1u) << 6 & 64) | ((mode) >> 12 & 15) << 2 | ((flags)&3))

#define FILTER_WANTED (1ULL << FILTER_SURE)

/* Bit per enum ev_outcome: that an event is wanted whatever comes of it. */
#define FILTER_OUTCOMES ((1u << EV_OUTCOME_MAX) - 1)

enum filter_mode { FILTER_MODE_OFF, FILTER_MODE_ON, FILTER_MODE_VERIFY };

/* What to do with a kind. Zero, as in a block that was never filled, sends. */
enum filter_kind { FILTER_KIND_ALL, FILTER_KIND_NONE, FILTER_KIND_TABLES };

/* An automaton over bytes (Aho-Corasick in a double array). A state is a number of a cell, a word:
 *   bits  0 to 23  base: the successor by byte c is the cell base + c, if that cell's byte is c
 *   bits 24 to 31  byte: by which this cell is reached; 0 where there is no state
 *   bits 32 to 55  fail: the state to try when there is no successor
 *   bits 56 to 63  out: number of what is found here (struct filter_out); 0 nothing
 * No two states have the same base, so that the byte alone tells whose successor a cell is. */
struct filter_text {
	__u64 base; /* mask that every text gets */
	__u32 cells;
	__u32 start; /* state before the first byte */
	__u32 root; /* where patterns begin that may be anywhere; fails to itself */
	__u32 outs; /* of struct filter_out, from number 0 on */
	__u32 more; /* words state | number << 32, open addressing, 0 is empty */
	__u32 more_mask; /* entries - 1 */
	__u32 fold; /* 1: letters are compared without case */
	__u32 pad;
};

struct filter_out {
	__u64 path; /* added wherever the text goes on from here */
	__u64 name; /* the same, when the last component is being read */
	__u64 end; /* added when the text ends here */
};

/* Addresses: sorted intervals, each up to the next one. Entries of four words: two of address (IPv4
 * in the second, in the order of numbers), mask, 0. */
struct filter_peers {
	__u32 v4, nv4, v6, nv6;
	__u32 paths,
		npaths; /* of struct filter_unix: each that fits adds its bits for a Unix socket */
	__u64 none; /* mask of any Unix socket */
};

struct filter_buckets {
	__u64 at[FILTER_BITS]; /* byte offset of the first join | number of joins << 32 */
	__u64 cgroup, marks, thread, user; /* bits of the buckets that ask what takes time to find out */
};

/* All that is asked must hold. */
struct filter_join {
	__u64 not_mask; /* none of these bits of the path */
	__u32 flags_any, mode_any; /* 0: not asked; so below */
	__u16 types_any;
	__u8 access_any, families_any, via_any, nuids, nreal_uids, nports;
	__u32 uids, real_uids; /* offsets of words lo | hi << 32 */
	__u32 ports;
	__u32 threads; /* offset of nthreads struct filter_bytes, any of which must fit the comm */
	__u64 cgroup_in, cgroup_out; /* sets that the cgroup must be in, must not be in */
	__u64 self_in, self_out; /* marks of the process's program */
	__u64 ancestor_in; /* marks that some ancestor's program has */
	__u64 line_in; /* marks that the process or some ancestor has */
	__u8 nthreads, transports_any, outcomes_any, pad[5];
	__u64 unused[4]; /* 128 bytes: a power of two */
};

/* A text's first 16 bytes, as two words, fit where their bits under the mask are these. A shorter one
 * ends with zeros. */
struct filter_bytes {
	__u64 text[2], mask[2];
};

/* How a Unix socket's path begins; abstract names begin with @, as in events. */
struct filter_unix {
	struct filter_bytes head;
	__u64 bits;
};

/* Random; k1 and k2 are odd. A generation has its own, and what is known by signatures under them is
 * forgotten with it. */
struct filter_keys {
	__u64 seed, k1, k2;
};

struct filter_block {
	__u32 generation;
	__u8 mode; /* enum filter_mode */
	__u8 pad[3];
	__u8 kinds[FILTER_KINDS]; /* enum filter_kind by enum ev_kind */
	struct filter_keys keys;
	__u64 marks; /* bits that marks can have; 0: nobody asks for any */
	__u64 odd; /* of these, what a program without an ordinary path may have (memfd, deleted) */
	__u64 late; /* marks of programs that a process with children came to run: its children's
		     * ancestors may have them too. Written by programs. */
	__u64 cgroups; /* FILTER_STAMP that a filter_cgroup must have; programs raise its epoch */
	__u64 verdict; /* filter_verdict */
	struct filter_text open; /* file.path */
	struct filter_text program; /* process.executable: bits are marks */
	struct filter_peers connect, accept;
	struct filter_buckets open_joins, connect_joins, accept_joins;
	__u64 open_may
		[FILTER_OPEN_CLASSES]; /* by FILTER_OPEN_CLASS: FILTER_SURE, and the buckets of
					      * which a join may hold */
	__u64 masks[FILTER_MASKS]; /* of paths that were opened, by the numbers that programs gave
				    * them (seen_sets.h); 0: the number is free */
};

/* By what the masks of paths are known again (seen.h), while a block is in force that filters opens by
 * its tables; else all 0. */
struct filter_seen {
	struct filter_keys keys; /* the block's */
	__u32 generation;
	__u32 pad;
};

/* A verdict on a peer (filter_peer.h): the outcomes of which the event is wanted, a bit each, these bits, and
 * in the upper half the generation of the block that says so. */
enum {
	VERDICT_DROPS = 1 << EV_OUTCOME_MAX, /* what nobody wants is not sent */
	VERDICT_IS_ONE = 1 << (EV_OUTCOME_MAX + 1), /* no verdict is 0 */
	VERDICT_ASKS_THREAD = 1 << (EV_OUTCOME_MAX + 2), /* some join of connects asks for comm */
	VERDICT_ASKS_USER = 1 << (EV_OUTCOME_MAX + 3), /* or for a user */
	VERDICT_OF_ACCEPTS = 2, /* so many bits higher, the same of accepts */
};

static inline __u64 filter_verdict_asks(const struct filter_buckets *joins)
{
	return (joins->thread ? VERDICT_ASKS_THREAD : 0) | (joins->user ? VERDICT_ASKS_USER : 0);
}

/* The verdict of a block, without outcomes: user space keeps it there. */
static inline __u64 filter_verdict(const struct filter_block *h)
{
	return (__u64)h->generation << 32 | VERDICT_IS_ONE |
	       (h->mode == FILTER_MODE_ON ? VERDICT_DROPS : 0) |
	       filter_verdict_asks(&h->connect_joins) |
	       filter_verdict_asks(&h->accept_joins) << VERDICT_OF_ACCEPTS;
}

/* By what answers about peers are known again (filter_known.h), while a block is in force that filters
 * connects or accepts by its tables; else all 0. */
struct filter_known_peers {
	struct filter_keys keys; /* the block's */
	__u64 verdict; /* without outcomes */
	__u64 late; /* where the block's late is; 0 until a program has asked the block */
};

/* Connects and accepts that were dropped, by the lowest bits of the CPU's number. */
struct filter_peer_counter {
	__u64 connects, accepts;
	__u64 pad[6];
};

/* Where the automaton stands, and what it has found so far. */
struct filter_state {
	__u64 cell; /* of state */
	__u64 mask;
	__u32 state;
	__u32 last; /* 1: in the last component */
};

/* A walk of the automaton (filter_walk.h). The text lies as in records: components from the last to
 * the first, each ended by NUL. It is read from the root on: '/' and the first component, '/' and
 * the next. */
struct filter_walk {
	struct filter_state now;
	__u64 dir_mask; /* before the last component */
	__u32 dir_state;
	__u32 pos; /* of the next byte */
	__u32 component; /* that is being read; 0 is the last */
	__u32 byte; /* that waits; 0: none */
	__u32 done;
	__u32 ncomponents;
	__u32 pad;
	__u16 at[FILTER_COMPONENTS]; /* where components begin */
};

/* The rest of an event: words without holes, which the programs sign. What is not known lets every
 * question pass. */
struct filter_facts {
	__u64 mask; /* of the path */
	__u32 flags, mode;
	__u32 uid, real_uid;
	__u32 port; /* ~0: there is none, which no range holds */
	__u8 type, access; /* enum ev_filetype; bit number in access_any */
	__u8 family, via; /* enum ev_family, enum filter_via */
	__u8 cgroup_known, marks_known;
	__u8 self_maybe; /* 1: self may have bits too many */
	__u8 transport; /* enum ev_transport */
	__u32 kind; /* enum ev_kind */
	__u64 cgroup, self, ancestors;
	__u64 thread[2]; /* comm, ended by zeros */
};

/* What user space knows of a cgroup (map filter_cgroups), by FILTER_CGROUP_KEY. It was judged by its
 * path: by an earlier epoch's, if a cgroup was renamed since, and then it is unknown. */
struct filter_cgroup {
	__u64 bits;
	__u64 stamp; /* FILTER_STAMP; not that of the block: unknown */
};

/* Of a policy generation and an epoch: how many cgroups were renamed since the probes run. */
#define FILTER_STAMP(generation, epoch) ((__u32)(generation) | (__u64)(epoch) << 32)

#define FILTER_CGROUP_KEY(hierarchy, id) ((id) | (__u64)(hierarchy) << 48)
#define FILTER_CGROUP_HIERARCHY(key) ((__u32)((key) >> 48))

/* Slots of the map that holds the block: the one in force, and the one that follows it while tasks
 * are marked for it; afterwards that is the same one. Either may be empty. */
enum { FILTER_NOW, FILTER_NEXT, FILTER_SLOTS };

enum filter_known { FILTER_UNKNOWN, FILTER_KNOWS_SELF, FILTER_KNOWS_ALL, FILTER_MAYBE = 4 };

/* Which marks the program that a task runs has, and those of its ancestors. */
struct filter_mark {
	__u64 self, ancestors;
	__u32 generation;
	__u32 known; /* enum filter_known; with FILTER_MAYBE added, self may have bits too many */
};

/* of: of two generations, by the lowest bit of their number. The agent knows a process by what it was
 * when it was forked and executed; parent and image tell whether the kernel can still find that. */
struct filter_marks {
	struct filter_mark of[2];
	__u64 parent; /* exec_id of the process that forked it, as it was then */
	__u64 image; /* image_at() of the program when it was executed; 0: not known */
};

/* What the agent knows of a process when a generation comes (map lineages): the marks of the very
 * texts that it judges events of the process by. They stay true: a process is named by its start,
 * its ancestors are those of its fork, and of its program the entry says which image has it. */
struct filter_process {
	__u64 start_ns; /* of the leader, since boot */
	__u32 tgid;
	__u32 pad;
};

enum filter_knows { FILTER_LINE_SELF = 1, FILTER_LINE_ANCESTORS = 2 }; /* and FILTER_MAYBE */

struct filter_lineage {
	__u64 exec_id; /* of the image that self is of */
	__u64 self, ancestors;
	__u32 generation;
	__u32 known; /* enum filter_knows; without FILTER_LINE_ANCESTORS they are unknown */
};

enum { FILTER_PROCESSES = 32768 }; /* that can be told of */

/* A mask under the signature of its path; both words at zero is empty. The first word says whether
 * the second belongs to it, so that two writers cannot make a pair that nobody wrote. */
struct filter_verdict {
	__u64 check; /* signature ^ mask */
	__u64 mask;
};

/* Where the automaton stands after a directory and its '/', under the directory's signature. */
struct filter_dir {
	__u64 check; /* signature ^ filter_dir_sum(state, mask) */
	__u64 state, mask;
	__u64 pad;
};

enum {
	FILTER_WAYS = 4,
	FILTER_VERDICT_SETS = 1 << 15,
	FILTER_DIR_WAYS = 2,
	FILTER_DIR_SETS = 1 << 13,
};

/* Opens that the short way dropped, by the lowest bits of the CPU's number; each in its own cache line. */
enum { FILTER_COUNTERS = 1024 };

struct filter_counter {
	__u64 n;
	__u64 pad[7];
};

struct filter_verdict_set {
	struct filter_verdict way[FILTER_WAYS];
};

struct filter_dir_set {
	struct filter_dir way[FILTER_DIR_WAYS];
};

#endif
