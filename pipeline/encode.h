/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents: an enriched event (and the policy it violated) to NDJSON and to one compact line.
 * Consumer thread; does not allocate once its plans are made.
 *
 * Names are bytes. In JSON strings valid UTF-8 passes; characters that a terminal acts on or that
 * reorder text (utf8.h) come as \u00XX and the like. Every byte that is not part of valid UTF-8 is
 * written as the private character U+EF80 to U+EFFF, escaped \uefXX with the byte in the low eight
 * bits, and tocsin.encoded is true. Reversible: a name that holds these characters itself has
 * each of their bytes encoded too, so that in the output they always mean a byte. Not lone surrogates
 * (\udcXX): most JSON parsers refuse the whole document for one, and a file name must not be
 * able to hide an alert.
 */
#ifndef TOCSIN_ENCODE_H
#define TOCSIN_ENCODE_H

#include "pipeline/batch.h"
#include "pipeline/policy/policy.h"

struct encoder;

struct encoder_cfg {
	int64_t clock_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	struct str boot_id; /* 32 hex digits */
	struct str run_id; /* 8 hex digits, new for each run */
	bool text; /* also fill doc.text */
};

int encoder_new(struct encoder **out, const struct encoder_cfg *cfg);
void encoder_free(struct encoder *x);
/* Appends one document. m NULL: a record (DOC_EVENT, or DOC_METRIC for pipeline.loss).
 * 0, or -ENOSPC: the batch is full and unchanged; seal it and try again with a new one.
 * -EMSGSIZE: the document alone is larger than any batch. -EINVAL: a kind that makes none. */
int encoder_add(struct encoder *x, struct batch *b, struct event *e, const struct match *m);

/* Appends s as the inside of a JSON string, without the quotes. Returns true when a byte had to be encoded. */
bool json_escape(struct buf *b, struct str s);
/* Appends s for people and for log lines: valid UTF-8 that no terminal acts on; C0, C1, DEL,
 * bidi controls, line separators, invisible characters and bytes that are not UTF-8 come as \xNN
 * or \u{NNNN}. */
void text_escape(struct buf *b, struct str s);
/* Value of a field as text (the form message templates use), safe as text_escape. */
void value_text(struct buf *b, const struct field *f, const struct value *v);
/* Value as JSON; true when a byte had to be encoded. */
bool value_json(struct buf *b, const struct field *f, const struct value *v);

#endif
