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
};

struct template {
	struct template_part *parts;
	uint32_t nparts;
};

/* Mistakes go to x, with the byte of the text they are at. Memory from x->pool. */
void template_compile(struct template *t, struct str text, struct cond_check *x);
/* Appends the message for e: no control characters, valid UTF-8. An absent field shows as "?". */
void template_render(const struct template *t, struct event *e, struct buf *out);

#endif
