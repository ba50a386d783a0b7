/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Between leaf.c and leaf_text.c: a test under examination and the answers that there are.
 */
#ifndef TOCSIN_FILTER_LEAF_TEST_H
#define TOCSIN_FILTER_LEAF_TEST_H

#include "pipeline/filter/leaf.h"

struct test {
	struct leaf_ctx *l;
	const struct cond *cond;
	const struct operand *o;
	const struct field *f;	/* NULL: the left side is no plain field */
	bool negated;
};

static inline struct dnf maybe(struct test *t, const char *why)
{
	if (!t->l->why)
		t->l->why = why;
	return dnf_maybe(t->l->x);
}

static inline struct dnf one(struct test *t, struct filter_clause c)
{
	return dnf_one(t->l->x, c);
}

/* For tests whose answer is the same for every plain event. */
static inline struct dnf always(struct test *t, bool holds)
{
	return holds != t->negated ? dnf_maybe(t->l->x) : dnf_never();
}

static inline void *memory(struct test *t, size_t n, size_t size)
{
	void *p = pool_array(t->l->x->pool, n, size);

	t->l->x->no_memory |= !p;
	return p;
}

/* Texts of files and programs, and functions of them. False: t is about something else. */
bool leaf_text(struct test *t, struct dnf *out);

#endif
