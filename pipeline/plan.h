/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Plans: for each event kind and kind of document the fields it has, in the order and nesting of
 * its JSON, with every literal made beforehand. Made once, then read only.
 */
#ifndef TOCSIN_PLAN_H
#define TOCSIN_PLAN_H

#include "pipeline/batch.h"
#include "pipeline/schema.h"

enum {
	PLAN_KEY = 32, /* bytes of op.key: always copied whole, so that the copy has a fixed size */
	PLAN_DEPTH = 8, /* objects in objects, at most */
};

enum op_kind {
	OP_OPEN, /* key":{ */
	OP_CLOSE, /* } or, when nothing was in it, back to before its OP_OPEN */
	OP_VALUE, /* "key":value, unless absent */
	OP_TEXT, /* key alone: it holds a value that is the same in each document of this plan */
	OP_ENCODED, /* tocsin.encoded: the last of all, when it is known */
	OP_FRAGMENT, /* the `count` steps behind it depend on nothing but who acted: see plan_is_stable */
};

/* Values that struct doc points to. */
enum op_span { SPAN_NONE, SPAN_MESSAGE, SPAN_RULE, SPAN_ID, SPAN_KEY, SPAN_PROCESS, SPAN_MAX };

enum { BASE_RAW, BASE_CTX, BASE_MAX = BASE_CTX + CTX_MAX }; /* op.base: BASE_CTX + enum ctx_group */

/* The JSON of one value of an ENUM with its comma; copied whole like a key. len 0: it has none. */
struct enum_text {
	char text[PLAN_KEY - 1];
	uint8_t len;
};

struct op {
	char key[PLAN_KEY];
	const struct field *f;
	const struct enum_text *texts; /* of each value f->names has; NULL: not made */
	uint16_t offset; /* of the member; OP_FRAGMENT: its number, the same for the same steps */
	uint16_t count; /* OP_FRAGMENT */
	uint8_t kind; /* enum op_kind */
	uint8_t key_len, class, absence, size, base;
	uint8_t span; /* enum op_span */
};

struct plan {
	struct op *ops;
	uint32_t count;
	const struct event_kind *event_kind;
	enum doc_kind doc_kind;
};

/* 0, -ENOMEM, or -EINVAL: a path too long or too deep (the unit test of the tables finds it). */
int plan_new(struct plan *p, const struct event_kind *k, enum doc_kind d);
void plan_free(struct plan *p);
/* Two OP_FRAGMENT with the same steps behind them? */
bool plan_same_fragment(const struct op *a, const struct op *b);

/* Is f a detail that a plain record leaves out (unless it is the process.exec itself)? */
bool plan_is_detail(const struct field *f);
/* Does f tell who acted and not what was done? The same for all events with the same PLAN_STABLE
 * bytes of the header, the same comm and the same versions of the contexts (struct event). */
bool plan_is_stable(const struct field *f);
#define PLAN_STABLE offsetof(struct ev_hdr, exec_id)
#define PLAN_STABLE_LEN (offsetof(struct ev_hdr, len) - PLAN_STABLE)
bool plan_has(const struct event_kind *k, enum doc_kind d, const struct field *f);

#endif
