/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents back to events: the reverse of encode.h, as far as a document says what the event
 * was. Reads alerts and records of this version's fields, and trusts nothing in them: the event
 * is composed (compose.h) and validated like any other.
 *
 * Times are ns since 1970 in these events, also those of the header.
 */
#ifndef TOCSIN_DECODE_H
#define TOCSIN_DECODE_H

#include "pipeline/compose.h"
#include "pipeline/encode.h"

struct decoded {
	struct event *e; /* in the struct compose, until its next use */
	bool is_record; /* and so lacks some fields */
	char id[80]; /* event.id, printable; may be empty */
	char rule[136]; /* rule.name of an alert, printable; may be empty */
	struct buf notes; /* whole lines: what could not be taken back, and why; printable */
};

/* 0 and *out, which the caller frees with decoded_free; -EINVAL: this is no document of an event,
 * and why says what it lacks; -ENOMEM. */
int decode(struct compose *c, struct str json, struct decoded *out, char *why, size_t why_len);
void decoded_free(struct decoded *d);
/* Does no record of the kind have the field? */
bool decode_record_lacks(const struct event_kind *k, const struct field *f);

#endif
