/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The schema: every public field of every event kind, expanded from bpf/events.def and
 * enrichers/context.def. Constant tables; no state, any thread.
 * Field paths follow the Elastic Common Schema (ECS 8) where ECS has one.
 */
#ifndef TOCSIN_SCHEMA_H
#define TOCSIN_SCHEMA_H

#include "enrichers/context.h"

enum { EVENT_PATHS = 4 };	/* PATH fields in one record, at most */

enum field_source { FIELD_HDR, FIELD_RAW, FIELD_CTX };
enum field_absence { ABSENT_NEVER, ABSENT_ZERO, ABSENT_MINUS_ONE };

/* Names of an ENUM (index = value) or BITS (index = bit number) type; a NULL entry has none. */
struct name_table {
	const char *const *names;
	uint32_t count;
};

struct field {
	const char *path;	/* public path; NULL for EV_CTX fields and internal header members */
	const char *member;
	const char *help;
	const char *type;	/* id in types.def */
	const struct name_table *names;	/* ENUM and BITS */
	uint16_t offset;	/* in the record or the context struct */
	uint8_t size;		/* of the member, bytes */
	uint8_t class;		/* enum ev_class */
	uint8_t source;		/* enum field_source */
	uint8_t group;		/* FIELD_CTX: enum ctx_group; raw PATH: its slot in struct event's paths */
	uint8_t absence;	/* enum field_absence */
};

struct event_kind {
	const char *name;	/* "file.open" */
	const char *category;	/* ECS event.category; "" marks a kind that no process caused */
	const char *help;
	const struct field *fields;	/* raw fields, header not included */
	uint16_t nfields;
	uint16_t size;		/* fixed part of the record */
	uint8_t kind;
};

extern const struct field schema_header[];
extern const uint32_t schema_header_len;

struct ctx_group_desc {
	const char *name, *help;
	const struct field *fields;
	uint32_t nfields, size;
};

/* k below EV_MAX, else NULL. Index 0 (EV_NONE) is NULL. */
const struct event_kind *schema_kind(uint32_t k);
const struct event_kind *schema_kind_by_name(struct str name);	/* "file.open", or NULL */
bool schema_kind_is_public(const struct event_kind *k);	/* makes documents: all but TASK, CGROUP */
bool schema_kind_has_process(const struct event_kind *k);	/* header and context tell of a process */
const struct ctx_group_desc *schema_group(uint32_t g);		/* g below CTX_MAX, else NULL */
/* "unknown event kind …" with what may have been meant, into text. */
void schema_kind_unknown(struct str name, char *text, size_t len);
/* Is f public, and does it say something on documents of kind k? */
bool schema_field_on(const struct event_kind *k, const struct field *f);

/* The field a policy on kind k means by path, or NULL. Raw fields, then header, then context; not
 * those of the document itself (group DOC), which is made after the policies judged. */
const struct field *schema_field(const struct event_kind *k, struct str path);
/* The nearest existing path to a misspelt one, for error texts; NULL when none is near. */
const char *schema_suggest(const struct event_kind *k, struct str path);

/* Name of value v, or NULL. */
const char *schema_enum_name(const struct field *f, uint64_t v);
/* Value (ENUM) or bit number (BITS) of a name, or -1. */
int64_t schema_enum_value(const struct field *f, struct str name);

#endif
