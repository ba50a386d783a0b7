/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Batches: memory is taken whole at creation, so that filling one never allocates, and given
 * back by whichever thread drops the last reference.
 */
#include "pipeline/batch.h"

#include <stdlib.h>

struct batch *batch_new(size_t max_bytes, uint32_t max_docs)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	atomic_init(&b->refs, 1);
	b->data.max = max_bytes;
	b->docs = calloc(max_docs ? max_docs : 1, sizeof(*b->docs));
	if (!b->docs || buf_reserve(&b->data, max_bytes)) {
		batch_unref(b);
		return NULL;
	}
	b->cap_docs = max_docs;
	return b;
}

void batch_seal(struct batch *b)
{
	struct doc *docs;
	char *data;

	if (b->data.len < b->data.cap / 2 && b->data.len) {
		data = realloc(b->data.p, b->data.len);
		if (data) {
			b->data.p = data;
			b->data.cap = b->data.len;
		}
	}
	if (b->ndocs < b->cap_docs / 2 && b->ndocs) {
		docs = realloc(b->docs, b->ndocs * sizeof(*docs));
		if (docs) {
			b->docs = docs;
			b->cap_docs = b->ndocs;
		}
	}
}

struct batch *batch_ref(struct batch *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void batch_unref(struct batch *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	buf_free(&b->data);
	free(b->docs);
	free(b);
}
