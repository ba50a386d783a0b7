/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Message templates: text with {field.path} in it, {{ and }} for braces. Constant once made.
 */
#ifndef TOCSIN_POLICY_TEMPLATE_H
#define TOCSIN_POLICY_TEMPLATE_H

#include "pipeline/policy/cond.h"

enum {
	TEMPLATE_PARTS_MAX = 64,
	TEMPLATE_VALUE_MAX = 512,	/* bytes of one value shown; a longer one ends in … */
	TEMPLATE_MESSAGE_MAX = 4096,	/* bytes of a message */
};

struct template_part {
	struct str text;			/* safe; empty where the part is a field */
	const struct field *fields[EV_MAX];	/* by kind */
	uint8_t step;			/* of a sequence, from 1, whose event it is of; 0: the alert's */
	bool count;			/* the number of a threshold */
};

struct template {
	struct template_part *parts;
	uint32_t nparts;
	uint64_t id;	/* of the text; for what template_keep keeps */
};

/* What a message may name beside the fields of the alert's event. */
struct template_scope {
	uint32_t nsteps, last;		/* of a sequence; last: the one whose event is the alert's */
	struct str names[8];		/* empty: none, only its number */
	uint32_t kinds[8];		/* 0: nothing can be said of it: it must not happen */
	const char *number;		/* "count" or "distinct" of a threshold; NULL */
};

/* Of the steps before the alert's event: what template_keep made, by step. */
struct template_more {
	struct str values[8];
	uint64_t count;
};

/* A number for a text: equal ones have equal numbers. */
uint64_t template_id(struct str text);
/* Mistakes go to x, with the byte of the text they are at. Memory from x->pool. */
void template_compile(struct template *t, struct str text, const struct template_scope *scope,
		      struct cond_check *x);
/* Appends the message for e: no control characters, valid UTF-8. An absent field shows as "?". */
void template_render(const struct template *t, struct event *e, struct buf *out);
void template_render_more(const struct template *t, struct event *e, const struct template_more *more,
			  struct buf *out);
/* Appends what the message wants of e, an event of step `step` (from 1); *bytes: of it. */
void template_keep(const struct template *t, uint32_t step, struct event *e, struct buf *out,
		   uint32_t *bytes);

#endif
