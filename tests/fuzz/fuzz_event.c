/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Ring records: validate, read every field, encode as a record and as an alert with hostile
 * context, and have another library parse what came out.
 *
 * Input: one byte of switches, then the record. The switches repair the header where random bytes
 * would only ever be refused for it.
 */
#include <jansson.h>

#include "pipeline/encode.h"
#include "pipeline/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIX_HEADER = 1, WITH_CONTEXT = 2 };

static struct arena arena;
static struct encoder *encoder;
static struct batch *batch;

static void setup(void)
{
	struct encoder_cfg cfg = { 1764000000000000000, STR("0123456789abcdef0123456789abcdef"),
				   STR("cafe0001"), true };

	if (encoder)
		return;
	batch = batch_new(1 << 20, 4);
	if (arena_init(&arena, 65536) || encoder_new(&encoder, &cfg) || !batch)
		abort();
}

static void check_text(struct str s)
{
	const char *p = s.p, *end = s.len ? s.p + s.len : s.p;
	uint32_t c, n;

	for (; p < end; p += n) {
		n = utf8_next(p, end, &c);
		if (!n || utf8_is_unsafe(c))
			abort();
	}
}

static void check_json(struct str s)
{
	json_t *j = json_loadb(s.p, s.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	if (!j || s.p[s.len - 1] != '\n')
		abort();
	json_decref(j);
}

static void check_fields(struct event *e, const struct field *f, uint32_t n)
{
	struct buf text = { 0 }, json = { 0 };
	struct value v;
	json_t *j;

	for (uint32_t i = 0; i < n; i++) {
		if (!event_get(e, &f[i], &v))
			continue;
		buf_reset(&text);
		buf_reset(&json);
		value_text(&text, &f[i], &v);
		value_json(&json, &f[i], &v);
		check_text((struct str){ text.p, (uint32_t)text.len });
		j = json_loadb(json.p, json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		if (!j)
			abort();
		json_decref(j);
	}
	buf_free(&text);
	buf_free(&json);
}

static void check_document(struct event *e, const struct match *m)
{
	const struct doc *d = &batch->docs[0];
	int rc;

	batch->ndocs = 0;
	buf_reset(&batch->data);
	rc = encoder_add(encoder, batch, e, m);
	if (rc)
		return; /* a kind without documents, or text that grew past a batch */
	check_json(batch_str(batch, d->json));
	check_text(batch_str(batch, d->text));
	check_text(batch_str(batch, d->message));
	check_text(batch_str(batch, d->rule));
	check_text(batch_str(batch, d->process));
}

/* All strings of the contexts are the raw input. */
static void check_with_context(struct event *e, struct str raw)
{
	struct policy policy = {
		.name = raw, .description = raw, .tags = raw, .severity = SEV_LOW
	};
	struct match match = { .policy = &policy };
	struct ctx_process process = { .name = raw,
				       .executable = raw,
				       .args = raw,
				       .cwd = raw,
				       .command_line = raw,
				       .start_ns = e->raw->time_ns,
				       .cap_effective = e->raw->cgroup_id };
	struct ctx_parent parent = { .name = raw, .args = raw };
	struct ctx_entry entry = { .executable = raw, .type = (uint8_t)raw.len };
	struct ctx_lineage lineage = { .names = raw };
	struct ctx_user user = { .name = raw, .effective = raw };
	struct ctx_cgroup cgroup = { .path = raw, .container_id = raw, .unit = raw };

	e->ctx[CTX_PROCESS] = &process;
	e->ctx[CTX_PARENT] = &parent;
	e->ctx[CTX_ENTRY] = &entry;
	e->ctx[CTX_LINEAGE] = &lineage;
	e->ctx[CTX_USER] = &user;
	e->ctx[CTX_CGROUP] = &cgroup;
	check_document(e, NULL);
	check_document(e, &match);
	policy.name = STR("rule");
	check_document(e, &match);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static union {
		struct ev_hdr h;
		uint64_t align;
		char b[EV_REC_MAX + 64];
	} rec;
	struct event e = { 0 };
	const char *why;
	uint32_t len;

	if (size < 1 || size - 1 > sizeof(rec))
		return 0;
	setup();
	memcpy(rec.b, data + 1, size - 1);
	len = (uint32_t)size - 1;
	if (data[0] & FIX_HEADER && len >= sizeof(struct ev_hdr)) {
		len &= ~7u;
		rec.h.len = len;
		rec.h.abi = EV_ABI;
		rec.h.kind %= EV_MAX;
		rec.h.hook %= EV_HOOK_MAX;
		rec.h.flags %= 1u << EV_HDR_FLAG_MAX;
		rec.h.hdr_pad = 0;
	}
	if (event_validate(&e, &arena, rec.b, len, &why))
		return 0;
	check_fields(&e, e.kind->fields, e.kind->nfields);
	check_fields(&e, schema_header, schema_header_len);
	if (data[0] & WITH_CONTEXT)
		check_with_context(&e, (struct str){ (const char *)data, (uint32_t)size });
	else
		check_document(&e, NULL);
	return 0;
}
