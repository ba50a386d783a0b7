/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Syslog messages of arbitrary names, texts and JSON: never longer than asked, no control
 * character, valid UTF-8, the structured data closed where they should be; and of arbitrary
 * addresses, which are refused or taken.
 */
#include <assert.h>
#include <stdlib.h>

#include "pipeline/utf8.h"
#include "sinks/syslog_format.h"
#include "sinks/syslog_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct buf *out, size_t max)
{
	uint32_t c, n, quotes = 0;
	size_t i, sd;

	assert(!out->failed && out->len <= max && out->len > 50);
	for (i = 0; i < out->len; i += n) {
		n = utf8_next(out->p + i, out->p + out->len, &c);
		assert(n && c >= 0x20 && (c < 0x7f || c >= 0xa0));
	}
	/* One element, whose end is the first bracket outside quotes, and a space behind it. */
	for (sd = 0; out->p[sd] != '['; sd++)
		assert(sd < out->len);
	for (i = sd; i < out->len && (quotes % 2 || out->p[i] != ']'); i++) {
		if (out->p[i] == '\\')
			i++;
		else
			quotes += out->p[i] == '"';
	}
	assert(i + 1 < out->len && out->p[i + 1] == ' ');
}

static struct span piece(struct batch *b, const uint8_t **p, size_t *left)
{
	struct span s = { (uint32_t)b->data.len, 0 };
	size_t n;

	if (!*left)
		return s;
	n = **p * 8u;
	++*p;
	--*left;
	if (n > *left)
		n = *left;
	buf_add(&b->data, *p, n);
	*p += n;
	*left -= n;
	s.len = (uint32_t)n;
	return s;
}

static void address(const uint8_t *data, size_t size)
{
	struct syslog_net *net = NULL;
	char text[400], err[500];

	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!syslog_net_new(&net, TRANSPORT_TCP, NULL, text, err, sizeof(err)))
		syslog_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct syslog_format f = { .host = "host", .app = "tocsin", .procid = 1, .facility = 23 };
	struct batch *b;
	struct buf out = { 0 };
	struct doc *d;

	address(data, size);
	if (size < 4)
		return 0;
	b = batch_new(size + 64, 1);
	d = &b->docs[0];
	d->kind = data[0];
	d->severity = data[1];
	d->event_kind = data[2];
	f.json = data[3] & 1;
	f.max_bytes = SYSLOG_MIN_BYTES + data[3] * 16u;
	data += 4;
	size -= 4;
	d->id = piece(b, &data, &size);
	d->rule = piece(b, &data, &size);
	d->process = piece(b, &data, &size);
	d->key = piece(b, &data, &size);
	d->message = piece(b, &data, &size);
	d->json = (struct span){ (uint32_t)b->data.len, (uint32_t)size };
	buf_add(&b->data, data, size);
	syslog_format(&out, &f, b, d);
	/* The JSON writer lets no control character through; ours here is anything. */
	if (!f.json)
		check(&out, f.max_bytes);
	assert(out.len <= f.max_bytes);
	buf_free(&out);
	batch_unref(b);
	return 0;
}
