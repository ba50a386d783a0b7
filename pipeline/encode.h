/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents: an enriched event (and the policy it violated) to NDJSON and to one compact line.
 * Consumer thread; does not allocate once its plans are made.
 *
 * Names are bytes. In JSON strings, valid UTF-8 passes (control characters as \u00XX); every byte
 * that is not part of valid UTF-8 is written as U+DCxx (escaped \udcXX, the byte in the low eight
 * bits, PEP 383 surrogateescape), and tocsin.encoded is true: reversible, and never confused
 * with a real character, since valid UTF-8 has no surrogates.
 */
#ifndef TOCSIN_ENCODE_H
#define TOCSIN_ENCODE_H

#include "pipeline/batch.h"
#include "pipeline/policy/policy.h"

struct encoder;

struct encoder_cfg {
	int64_t clock_offset_ns;	/* CLOCK_REALTIME - CLOCK_BOOTTIME */
	struct str boot_id;		/* 32 hex digits */
	struct str run_id;		/* 8 hex digits, new for each run */
	bool text;			/* also fill doc.text */
};

int encoder_new(struct encoder **out, const struct encoder_cfg *cfg);
void encoder_free(struct encoder *x);
/* Appends one document. m NULL: a record (DOC_EVENT, or DOC_METRIC for pipeline.loss).
 * 0, or -ENOSPC: the batch is full and unchanged; seal it and try again with a new one.
 * -EMSGSIZE: the document alone is larger than any batch. */
int encoder_add(struct encoder *x, struct batch *b, struct event *e, const struct match *m);

/* Appends s as the inside of a JSON string, without the quotes. Returns true when a byte had to be encoded. */
bool json_escape(struct buf *b, struct str s);
/* Appends s for people and for log lines: valid UTF-8 that no terminal acts on; C0, C1, DEL,
 * bidi controls, line separators and bytes that are not UTF-8 come as \xNN or \u{NNNN}. */
void text_escape(struct buf *b, struct str s);
/* Value of a field as text (the form message templates use), safe as text_escape. */
void value_text(struct buf *b, const struct field *f, const struct value *v);
/* Value as JSON. */
bool value_json(struct buf *b, const struct field *f, const struct value *v);

#endif
