/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Publishes made-up, numbered documents through egress to one sink, for the tests with real
 * receivers. The option text is that of `tocsin run --output`. Prints one JSON line of counters.
 *
 *   sinkdrive SINK:key=value,... count=N [first=N] [pad=BYTES] [kind=alert|event] [batch=N]
 *             [rate=DOCUMENTS/S] [timeout=MS] [odd=1]
 */
#include <stdio.h>

#include "pipeline/clock.h"
#include "pipeline/egress.h"
#include "tests/harness/docs.h"

struct drive {
	uint64_t count, first, pad, batch, rate, timeout_ms, odd;
	enum doc_kind kind;
};

/* What a parser could stumble over: quotes and brackets of structured data, something that looks
 * like the count and start of another frame, text that is not ASCII. */
static void make_odd(struct batch *b, uint64_t n)
{
	struct doc *d = &b->docs[b->ndocs - 1];
	char text[200];

	snprintf(text, sizeof(text),
		 "odd ] \" \\ 17 <34>1 - caf\xc3\xa9 \xf0\x9f\x98\x80, number %llu",
		 (unsigned long long)n);
	d->message = docs_text(b, text);
	d->rule = docs_text(b, "a\"b]c\\d");
}

static int set(struct drive *d, const char *arg)
{
	const struct {
		const char *key;
		uint64_t *to;
	} keys[] = {
		{ "count=", &d->count },        { "first=", &d->first }, { "pad=", &d->pad },
		{ "batch=", &d->batch },        { "rate=", &d->rate },   { "odd=", &d->odd },
		{ "timeout=", &d->timeout_ms },
	};

	if (!strncmp(arg, "kind=", 5)) {
		d->kind = strcmp(arg + 5, "alert") ? DOC_EVENT : DOC_ALERT;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strncmp(arg, keys[i].key, strlen(keys[i].key)))
			continue;
		*keys[i].to = strtoull(arg + strlen(keys[i].key), NULL, 10);
		return 0;
	}
	return -1;
}

static int add_output(struct egress *e, const char *text, void **cfg, const struct sink **s)
{
	const char *colon = strchr(text, ':');
	struct str name = { text, (uint32_t)(colon ? (size_t)(colon - text) : strlen(text)) };
	struct egress_cfg q = { 0 };
	char err[300] = "no such sink";

	*s = sink_by_name(name);
	if (!*s || !(*cfg = calloc(1, (*s)->cfg_size)))
		goto bad;
	option_defaults((*s)->opts, *cfg);
	option_defaults(egress_opts, &q);
	if (colon && colon[1] &&
	    option_parse_list((*s)->opts, *cfg, egress_opts, &q, str_of(colon + 1), err,
			      sizeof(err)))
		goto bad;
	if (egress_add(e, *s, *cfg, &q, (*s)->name, err, sizeof(err)))
		goto bad;
	return 0;
bad:
	fprintf(stderr, "%s: %s\n", text, err);
	return -1;
}

static void publish_all(struct egress *e, const struct drive *d)
{
	uint64_t start = clock_mono_ns();

	for (uint64_t n = 0; n < d->count;) {
		uint32_t size = (uint32_t)MIN(d->batch, d->count - n);
		struct batch *b = batch_new((d->pad + 1600) * size + 1024, size);

		for (uint32_t i = 0; b && i < size; i++) {
			docs_add(b, d->first + n + i, d->kind, d->pad);
			if (d->odd)
				make_odd(b, d->first + n + i);
		}
		egress_publish(e, b);
		batch_unref(b);
		n += size;
		while (d->rate && clock_mono_ns() - start < n * NS_PER_SEC / d->rate)
			usleep(1000);
	}
}

static void print_counters(const struct egress *e, const struct drive *d)
{
	const struct sink_stats *st = egress_stats(e, 0, NULL, NULL);
	char text[SINK_ERROR_MAX];

	sink_last_error(st, text);
	for (char *p = text; *p; p++)
		if (*p == '"' || *p == '\\')
			*p = '\'';
	printf("{\"published\":%lu,\"delivered\":%lu,\"errors\":%lu,\"reconnects\":%lu,"
	       "\"queue_full\":%lu,\"refused\":%lu,\"timeout\":%lu,\"io\":%lu,\"last_error\":\"%s\"}\n",
	       d->count, sink_counter(&st->delivered), sink_counter(&st->errors),
	       sink_counter(&st->reconnects), sink_counter(&st->lost[SINK_LOSS_QUEUE_FULL]),
	       sink_counter(&st->lost[SINK_LOSS_REFUSED]),
	       sink_counter(&st->lost[SINK_LOSS_TIMEOUT]), sink_counter(&st->lost[SINK_LOSS_IO]),
	       text);
}

int main(int argc, char **argv)
{
	struct drive d = { .count = 1000, .batch = 50, .timeout_ms = 60000, .kind = DOC_ALERT };
	const struct sink *s = NULL;
	struct egress *e = NULL;
	void *cfg = NULL;
	int rc = 2;

	for (int i = 2; i < argc; i++)
		if (set(&d, argv[i])) {
			fprintf(stderr, "%s: unknown\n", argv[i]);
			return 2;
		}
	if (argc < 2 || egress_new(&e))
		return 2;
	if (!add_output(e, argv[1], &cfg, &s)) {
		publish_all(e, &d);
		egress_stop(e, (int)d.timeout_ms);
		print_counters(e, &d);
		rc = 0;
	}
	egress_free(e);
	if (s && cfg)
		option_free(s->opts, cfg);
	free(cfg);
	return rc;
}
