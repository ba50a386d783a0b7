/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * An event made from public field paths and texts: made_set(m, "process.name", "sh"). Knows raw
 * records and context groups through the schema alone, so it needs no change for a new field.
 */
#ifndef TOCSIN_TEST_MADE_H
#define TOCSIN_TEST_MADE_H

#include "tests/harness/record.h"

struct made {
	struct rec rec;
	union {	/* any struct ctx_* */
		uint64_t align;
		char b[1024];
	} ctx[CTX_MAX];
	char text[65536];	/* of strings in contexts */
	uint32_t text_len;
	struct arena arena;
	struct event e;
};

/* An event of the kind with nothing but what rec_begin gives; event.outcome is success. Aborts
 * when out of memory. */
struct made *made_new(const char *kind);
/* value: a number, true or false, a name, names joined by |, an address, or text; items of a LIST
 * are joined by \x1f. False: no such field, or not a value of it. */
bool made_set(struct made *m, const char *path, const char *value);
bool made_set_bytes(struct made *m, const char *path, const void *value, size_t len);
/* Validates the record; aborts when it is not. The event, good until the next made_event. */
struct event *made_event(struct made *m);
void made_free(struct made *m);

#endif
