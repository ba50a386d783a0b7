/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The inside of a policy set: what front ends fill and the engine runs. Private to
 * pipeline/policy/. Constant once policy_load returned it.
 */
#ifndef TOCSIN_POLICY_SET_H
#define TOCSIN_POLICY_SET_H

#include "pipeline/policy/policy.h"
#include "pipeline/policy/rules.h"
#include "pipeline/policy/sha256.h"
#include "pipeline/policy/sources.h"
#include "pipeline/policy/suppress.h"
#include "pipeline/policy/template.h"

enum { POLICIES_MAX = 20000 };

/* A policy as a front end hands it over, checked. */
struct policy_def {
	struct policy pub;
	struct template message;
	uint64_t suppress_ns;		/* 0: none */
	uint32_t nby;
	const struct field *by[EV_MAX][SUPPRESS_BY_MAX];	/* by kind */
	struct cond *where;
	const struct cond **exceptions;
	uint32_t nexceptions;
	bool disabled;			/* checked, and not used */
	uint32_t name_line, name_column;
	struct policy_def *next;	/* of its file */
};

struct policy_set {
	struct pool pool;
	struct patterns patterns;
	struct rules rules;
	const struct policy_def **policies;
	uint32_t count;
	const struct policy_def **names;	/* also disabled ones; for doubles */
	uint32_t nnames;
	struct sources sources;		/* files without an error */
	struct sha256 sha;
	char digest[2 * SHA256_BYTES];
	uint32_t kinds;
	bool suppresses, failed_opens;
};

/* policy_load and policy_reload. k says which files are read from an earlier set and that paths may
 * be missing; NULL: none. */
int set_load(struct policy_set **out, const char *const *paths, uint32_t npaths, const struct kept *k,
	     struct diags *d);

#endif
