/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the programs of verdict.bpf.c are asked, and what they answer: their context.
 */
#ifndef TOCSIN_TEST_VERDICT_H
#define TOCSIN_TEST_VERDICT_H

#include "bpf/filter_abi.h"

enum verdict_how {
	VERDICT_BY_KIND, /* no path was needed */
	VERDICT_STORED, /* its mask was known */
	VERDICT_BY_NAME, /* its directory was known */
	VERDICT_BY_PATH,
};

/* verdict_open, verdict_program */
struct verdict_ask {
	__u64 text,
		at; /* addresses in the caller's memory: a path as records hold it, and where its
			 * components begin, as struct filter_walk has them */
	__u32 len, ncomponents;
	__u32 flags, mode, via; /* of an open; mode with the file's type, as in an inode */
	__u32 wanted; /* answers from here on */
	__u32 how; /* enum verdict_how */
	__u32 pad;
	__u64 mask, signature;
};

/* verdict_peer */
struct verdict_peer {
	struct ev_ip ip; /* as struct peer of filter_peer.h has it; so the next ones */
	__u16 kind, port;
	__u8 family, transport, uring;
	__u8 unmarked; /* as in programs that may not look at the task's marks */
	__u32 dressed; /* another number than before: the task's marks are others, without an exec */
	__u32 outcomes; /* the answer: of which it is wanted, a bit each */
};

/* verdict_self */
struct verdict_self {
	__u64 cgroup; /* the answer: FILTER_CGROUP_KEY of the calling task */
};

#endif
