/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * An event made from public field paths and texts, for what people write: tests of policies,
 * documents to be explained. Knows raw records and context groups through the schema alone, so it
 * needs no change for a new field. What comes out passed event_validate like any other record.
 *
 *	struct compose *c = compose_new();
 *	compose_begin(c, schema_kind(EV_OPEN));
 *	if (compose_text(c, STR("file.path"), STR("/etc/shadow")))
 *		puts(c->why);
 *	e = compose_event(c);
 *
 * Not for the hot path: it allocates.
 */
#ifndef TOCSIN_COMPOSE_H
#define TOCSIN_COMPOSE_H

#include "pipeline/event.h"
#include "pipeline/pool.h"

enum {
	COMPOSE_TEXT_MAX = 64 << 10, /* bytes of one text of a context */
	COMPOSE_WHY_MAX = 400,
	COMPOSE_CTX_MAX = 1024, /* bytes of any struct ctx_* */
};

union compose_record {
	struct ev_hdr h;
	uint64_t align;
	char b[EV_REC_MAX];
};

struct compose {
	union compose_record rec; /* its header may be changed between calls */
	uint32_t len; /* bytes of it in use, without paths */
	union {
		uint64_t align;
		char b[COMPOSE_CTX_MAX];
	} ctx[CTX_MAX];
	bool has[CTX_MAX];
	struct str paths[EVENT_PATHS]; /* PATH fields as text, until compose_event */
	struct pool texts;
	struct arena arena;
	struct event e;
	bool whole_lineage; /* what the event has no ancestors of, it has none of */
	char why[COMPOSE_WHY_MAX]; /* of the last error, for people; may hold bytes of the input */
};

struct compose *compose_new(void); /* NULL: out of memory */
void compose_free(struct compose *c);

/* A new event of the kind, with nothing but what compose_fixed gives; event.outcome is success. */
void compose_begin(struct compose *c, const struct event_kind *k);
/* Gives a field its value: text as people write it, that is as in policies. A number, also with a
 * unit; true or false; a name; names joined by |; 16 hexadecimal digits; an address; a time as in
 * documents, or ns; anything else is the text itself. 0, or -ENOENT: no such field, -EINVAL: not
 * a value of it, -EMSGSIZE: too long, -ENOMEM; the reason is in c->why. */
int compose_text(struct compose *c, struct str path, struct str value);
/* The same of a list of texts, for fields that are a list or a set of flags. */
int compose_list(struct compose *c, struct str path, const struct str *items, uint32_t n);
/* The event, good until the next call; NULL with c->why: its fields do not go together. */
struct event *compose_event(struct compose *c);

/* The fixed part of a record, into room of at least k->size bytes: zeros, ids that are absent as -1,
 * and a header of process 1234 (exec_id 0x1234, parent's 0x1000, started 4 s after boot), thread
 * 1234, comm "test", user 1000, CPU 0, sequence 1, 5 s after boot. */
void compose_fixed(void *rec, const struct event_kind *k);

/* "2026-11-24T18:04:53.123456789Z", up to nine digits of a second, to ns since 1970. */
bool compose_time(const char *text, uint64_t *ns);

#endif
