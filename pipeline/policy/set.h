/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The inside of a policy set: what front ends fill and the engine runs. Private to
 * pipeline/policy/. Constant once policy_load returned it.
 */
#ifndef TOCSIN_POLICY_SET_H
#define TOCSIN_POLICY_SET_H

#include <nettle/sha2.h>

#include "pipeline/policy/policy.h"
#include "pipeline/policy/rules.h"
#include "pipeline/policy/sources.h"
#include "pipeline/policy/suppress.h"
#include "pipeline/policy/template.h"
#include "pipeline/policy/window/window.h"

static inline void digest_add(struct sha256_ctx *to, const void *data, size_t len)
{
	sha256_update(to, len, data);
}

enum { POLICIES_MAX = 200000, WINDOWS_MAX = 1000 };

/* A rule's number (rule.policy): the policy's, and above it, where the policy has a window, 1 + the
 * step that the rule is the condition of. */
enum { POLICY_STEP_SHIFT = 24, POLICY_NUMBER_MASK = (1 << POLICY_STEP_SHIFT) - 1 };

/* Who shares a window: a process; the process of the first step and its descendants; all below one
 * entry leader. */
enum { WINDOW_BY_VALUES, WINDOW_BY_PROCESS, WINDOW_BY_LINEAGE, WINDOW_BY_TREE };

/* Where one of them holds, the condition beside them does not. */
struct exceptions {
	const struct cond **conds;
	struct str *names;	/* empty: none */
	uint32_t count;
};

/* One step of a sequence; a threshold has one. */
struct window_part {
	struct str name;	/* empty: none */
	uint32_t kinds;
	struct cond *where;
	struct exceptions exceptions;	/* of a sequence's step; those of a threshold are its policy's */
	bool negated;		/* must not happen */
	const struct field *by[EV_MAX][KEYHASH_FIELDS_MAX];	/* by kind */
};

struct window_def {
	uint32_t index;		/* among the set's windows */
	uint8_t type;		/* enum window_type */
	uint8_t by_process;	/* WINDOW_BY_… */
	bool trailing;		/* the last step is negated */
	bool is_distinct;
	uint8_t last;		/* the last step that is not negated: the alert's event */
	uint8_t order[WINDOW_STEPS_MAX];	/* the steps that are not negated */
	uint32_t more_than, nby, nsteps;
	uint64_t within_ns;
	struct window_part *steps;
	const struct field *distinct[EV_MAX];
	uint8_t digest[SHA256_DIGEST_SIZE];	/* of all that its state depends on */
};

/* A policy as a front end hands it over, checked. */
struct policy_def {
	struct policy pub;
	uint64_t id;			/* of its name */
	struct window_def *window;	/* NULL: `where` alone decides; else the windows' steps do */
	struct template message;
	uint64_t suppress_ns;		/* 0: neither suppress nor limit */
	uint32_t suppress_count;	/* so many pass in that time; 1: suppress */
	uint32_t nby;
	const struct field *(*by)[SUPPRESS_BY_MAX];	/* by kind; NULL: none */
	struct cond *scope;		/* NULL: everywhere; part of where once all is read */
	struct cond *where;
	struct exceptions exceptions;
	bool disabled;			/* checked, and not used */
	const struct policy_case *cases;	/* its tests, cases.h */
	uint32_t ncases;
	struct policy_def *next;	/* of its file */
};

/* Of the step; 0 where there are none. */
static inline const struct exceptions *exceptions_of(const struct policy_def *p, uint32_t step)
{
	return p->window && p->window->type == WINDOW_SEQUENCE ? &p->window->steps[step].exceptions
							       : &p->exceptions;
}

struct policy_set {
	struct pool pool;
	struct patterns patterns;
	struct rules rules;
	const struct policy_def **policies;
	uint32_t count;
	struct strmap by_id;
	struct sources sources;		/* files without an error, and files of values */
	struct sha256_ctx sha;
	char digest[2 * SHA256_DIGEST_SIZE];
	uint32_t kinds;
	uint32_t nwindows;
	bool suppresses, failed_opens;
};

/* NULL: none of the set. */
const struct policy_def *set_find(const struct policy_set *s, uint64_t id);
/* policy_load and policy_reload. k says which files are read from an earlier set and that paths may
 * be missing; NULL: none. */
int set_load(struct policy_set **out, const char *const *paths, uint32_t npaths, struct kept *k,
	     struct diags *d);

#endif
