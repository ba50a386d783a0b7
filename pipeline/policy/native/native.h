/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The native front end: its expression language (lex.c, term.c, expr.c), the macros and lists that
 * expressions name (defs.c, list.c) and its files (file.c, policy.c, override.c). It makes what set.h
 * declares; only load.c calls it, and the engine does not know it.
 *
 * The files of a load are added first, then what they share is checked, then each gives its
 * policies: so the order of files and of what is in them does not matter.
 */
#ifndef TOCSIN_POLICY_NATIVE_H
#define TOCSIN_POLICY_NATIVE_H

#include "pipeline/policy/set.h"
#include "pipeline/yaml.h"

enum {
	NATIVE_NODES_MAX = 12000000,	/* of YAML, in all files of a load */
	NATIVE_EXPR_MAX = 64 << 10,	/* bytes of one expression */
	NATIVE_DEPTH_MAX = 60,		/* parentheses in each other; below COND_DEPTH_MAX / 3 */
	NATIVE_EXCEPTIONS_MAX = 64,	/* of a policy, with those of its overrides */
	NATIVE_NAMES_MAX = 100000,	/* macros and lists of a load */
	NATIVE_NESTING_MAX = 16,	/* macros in macros, lists in lists */
	NATIVE_MACRO_TESTS_MAX = 10000,	/* of one macro, with those of the macros in it */
	NATIVE_TESTS_MAX = 500000,	/* that macros stand for, in all policies of a load */
	NATIVE_VALUES_MAX = 1000000,	/* that lists stand for, in all policies of a load */
	NATIVE_VALUES_BYTES = 16 << 20,	/* of one file of values */
};

struct native;

int native_new(struct native **out);	/* 0 or -ENOMEM */
void native_free(struct native *n);
/* Adds a file; doc is the load's from now on, also on failure. NULL: it could not be read, and d
 * says why. d: its problems, which the load takes over. kept: where its files of values are read
 * from; NULL: from disk. 0; -E2BIG after a report to its problems when the files so far have more than
 * POLICIES_MAX policies, or more than NATIVE_NODES_MAX nodes; -ENOMEM. */
int native_add(struct native *n, const char *file, struct yaml_doc *doc, const struct sources *kept,
	       struct diags *d);
/* Once all are in: checks macros, lists and overrides. 0 or -ENOMEM. */
int native_check(struct native *n);
uint32_t native_files(const struct native *n);
/* The policies of a file, with the overrides of other files, checked. Memory from pool and from
 * native_pool. The list is only to be used while native_problems of the file has no error.
 * 0 or -ENOMEM. */
int native_policies(struct native *n, uint32_t file, struct pool *pool, struct patterns *patterns,
		    struct policy_def **out);
const char *native_path(const struct native *n, uint32_t file);
struct diags *native_problems(struct native *n, uint32_t file);
/* Name and bytes of the file and of the files of values that it names, for a digest. */
void native_digest(const struct native *n, uint32_t file, struct sha256_ctx *sha);
/* Adds the file and its files of values. 0 or -ENOMEM. */
int native_sources(const struct native *n, uint32_t file, struct sources *to);
struct pool *native_pool(struct native *n);	/* texts of lists, which policies point to */

/* For one expression of no file: names are unknown in it. The tree is in x->pool. NULL after
 * reports to x, each with the byte of the text it is at. */
struct cond *native_expr(struct str text, struct cond_check *x);

#endif
