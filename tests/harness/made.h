/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * An event made from public field paths and texts: made_set(m, "process.name", "sh"). It is
 * pipeline/compose.h with the mistakes of a test told at once.
 */
#ifndef TOCSIN_TEST_MADE_H
#define TOCSIN_TEST_MADE_H

#include "pipeline/compose.h"
#include "tests/harness/record.h"

struct made {
	union {
		struct compose c;
		union compose_record rec; /* of c */
	};
};

/* An event of the kind with nothing but what compose_begin gives. Aborts when out of memory. */
struct made *made_new(const char *kind);
/* value: as compose_text takes it; items of a LIST are joined by \x1f. False: no such field, or not
 * a value of it. */
bool made_set(struct made *m, const char *path, const char *value);
bool made_set_bytes(struct made *m, const char *path, const void *value, size_t len);
/* Validates the record; aborts when it is not. The event, good until the next made_event. */
struct event *made_event(struct made *m);
void made_free(struct made *m);

#endif
