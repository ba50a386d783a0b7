/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A batch: encoded documents on their way to the sinks. The consumer fills one, seals it and
 * publishes it to every sink's queue; from then on it is immutable and reference-counted, and
 * the last reference frees it.
 */
#ifndef TOCSIN_BATCH_H
#define TOCSIN_BATCH_H

#include <stdatomic.h>

#include "bpf/event.h"
#include "pipeline/str.h"

enum doc_kind { DOC_NONE, DOC_ALERT, DOC_EVENT, DOC_METRIC, DOC_KIND_MAX };
enum severity { SEV_NONE, SEV_INFO, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL, SEV_MAX };

/* Bytes in the batch's data; len 0: absent. */
struct span {
	uint32_t off, len;
};

struct doc {
	uint64_t time_ns;	/* wall clock, ns since 1970 */
	struct span json;	/* one line with its '\n' */
	struct span text;	/* compact line for people, no colour, no '\n'; only when a sink asked */
	struct span text_mark;	/* in text: severity (or kind) and rule, the part to colour */
	struct span message;	/* safe: no control characters, valid UTF-8; no '\n' */
	struct span rule;	/* rule name of an alert, safe as above */
	struct span id;		/* tocsin.document.id */
	struct span key;	/* partition key: process.entity_id, 16 hex digits */
	struct span process;	/* process.name, safe as above */
	uint32_t pid;
	uint16_t event_kind;	/* enum ev_kind */
	uint8_t kind;		/* enum doc_kind */
	uint8_t severity;	/* enum severity; SEV_NONE unless an alert */
};

struct batch {
	atomic_uint refs;
	uint32_t ndocs, cap_docs;
	struct doc *docs;
	struct buf data;
	uint32_t nalerts;
};

struct batch *batch_new(size_t max_bytes, uint32_t max_docs);	/* one reference, or NULL */
struct batch *batch_ref(struct batch *b);
void batch_unref(struct batch *b);	/* NULL is legal */
/* No more documents: gives back the memory that is not used, so that a queue of small batches is
 * small. Before it is published. */
void batch_seal(struct batch *b);
static inline struct str batch_str(const struct batch *b, struct span s)
{
	return (struct str){ b->data.p + s.off, s.len };
}

#endif
