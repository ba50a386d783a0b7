/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Made-up documents for tests of egress and the sinks: numbered, so that a receiver's side can be
 * compared with what was published, one by one.
 */
#ifndef TOCSIN_DOCS_H
#define TOCSIN_DOCS_H

#include "pipeline/batch.h"
#include "pipeline/util.h"

enum { DOCS_KEYS = 8, DOCS_PID = 4000 };

static inline struct span docs_span(struct batch *b, const char *text, size_t n)
{
	struct span s = { (uint32_t)b->data.len, (uint32_t)n };

	buf_add(&b->data, text, n);
	return s;
}

static inline struct span docs_text(struct batch *b, const char *text)
{
	return docs_span(b, text, strlen(text));
}

/* Document `n` of kind `kind`, with `pad` bytes more. Its key is that of one of DOCS_KEYS
 * processes. False: it does not fit. */
static inline bool docs_add(struct batch *b, uint64_t n, enum doc_kind kind, size_t pad)
{
	struct doc *d = &b->docs[b->ndocs];
	char text[512], *fill = NULL;
	bool ok = b->ndocs < b->cap_docs && b->data.len + pad + 1024 <= b->data.max;

	if (!ok)
		return false;
	*d = (struct doc){ .kind = (uint8_t)kind, .pid = DOCS_PID, .event_kind = EV_OPEN };
	d->time_ns = 1700000000000000000ull + n * 1000;
	d->severity = kind == DOC_ALERT ? SEV_HIGH : SEV_NONE;
	snprintf(text, sizeof(text), "0123abcd-%08llu", (unsigned long long)n);
	d->id = docs_text(b, text);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)(n % DOCS_KEYS));
	d->key = docs_text(b, text);
	d->rule = kind == DOC_ALERT ? docs_text(b, "shadow-read") : (struct span){ 0 };
	d->process = docs_text(b, "cat");
	snprintf(text, sizeof(text), "/usr/bin/cat read /etc/shadow, number %llu",
		 (unsigned long long)n);
	d->message = docs_text(b, text);
	d->text = docs_text(b, text);
	fill = malloc(pad + 1);
	memset(fill, 'x', pad);
	fill[pad] = '\0';
	d->json.off = (uint32_t)b->data.len;
	buf_addf(
		&b->data,
		"{\"tocsin\":{\"document\":{\"id\":\"0123abcd-%08llu\"}},\"n\":%llu,\"event\":{\"kind\":\"%s\"},\"pad\":\"",
		(unsigned long long)n, (unsigned long long)n,
		kind == DOC_ALERT ? "alert" : "event");
	buf_add(&b->data, fill, pad);
	buf_lit(&b->data, "\"}\n");
	free(fill);
	d->json.len = (uint32_t)b->data.len - d->json.off;
	b->nalerts += kind == DOC_ALERT;
	b->ndocs++;
	return !b->data.failed;
}

/* A batch of documents first .. first + count - 1. */
static inline struct batch *docs_batch(uint64_t first, uint32_t count, enum doc_kind kind,
				       size_t pad)
{
	struct batch *b = batch_new((pad + 1600) * count + 1024, count);

	for (uint32_t i = 0; b && i < count; i++)
		docs_add(b, first + i, kind, pad);
	return b;
}

#endif
