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

struct verdict_ask {
	__u64 text, at; /* addresses in the caller's memory: a path as records hold it, and where its
			 * components begin, as struct filter_walk has them */
	__u32 len, ncomponents;
	__u32 flags, mode, via; /* of an open; mode with the file's type, as in an inode */
	__u32 uid, real_uid;
	__u32 wanted; /* answers from here on */
	__u32 how; /* enum verdict_how */
	__u32 pad;
	__u64 cgroup; /* asked: FILTER_CGROUP_KEY */
	__u64 mask, signature;
};

#endif
