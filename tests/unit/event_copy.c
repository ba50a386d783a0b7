/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/event_copy.h: the document of a copy is that of the event, to the byte.
 */
#include "pipeline/event_copy.h"

#include "pipeline/encode.h"
#include "pipeline/util.h"
#include "tests/harness/made.h"
#include "tests/harness/scene.h"
#include "tests/harness/test.h"

static const char *document(struct event *e, char *out, size_t len)
{
	const struct encoder_cfg cfg = { .boot_id = STR("0123456789abcdef0123456789abcdef"),
					 .run_id = STR("00c0ffee"),
					 .clock_offset_ns = e->clock_offset_ns };
	struct batch *b = batch_new(1 << 20, 4);
	struct encoder *x = NULL;

	CHECK_INT(encoder_new(&x, &cfg), 0);
	CHECK_INT(encoder_add(x, b, e, scene_match()), 0);
	CHECK(b->docs[0].json.len < len);
	memcpy(out, b->data.p + b->docs[0].json.off, b->docs[0].json.len);
	out[b->docs[0].json.len] = '\0';
	batch_unref(b);
	encoder_free(x);
	return out;
}

static void same_document(void)
{
	static const char *const kinds[] = { "file.open", "process.exec", "network.connect",
					     "process.exit" };
	static char before[32768], after[32768];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct made *m = made_new(kinds[i]);
		struct buf b = { 0 };
		struct arena a;
		struct event *e, copy;

		CHECK_INT(arena_init(&a, 1 << 18), 0);
		if (!i)
			CHECK(made_set(m, "file.path", "/tmp/\xff\x01 x"));
		e = made_event(m);
		e->clock_offset_ns = 1700000000000000000;
		scene_set(e);
		document(e, before, sizeof(before));
		event_copy(&b, e, 0);
		CHECK(!b.failed);
		memset(&m->rec, 0xee, sizeof(m->rec)); /* the copy needs nothing of the event */
		CHECK(event_restore(&copy, &a, b.p, (uint32_t)b.len));
		CHECK_STR(document(&copy, after, sizeof(after)), before);
		buf_free(&b);
		arena_free(&a);
		made_free(m);
	}
}

/* What is left out is absent, and what does not fit is said. */
static void parts(void)
{
	struct made *m = made_new("file.open");
	struct buf b = { 0 }, little = { .max = 700 };
	struct event *e = made_event(m), copy;
	struct arena a;
	char none[8] = { 0 };

	CHECK_INT(arena_init(&a, 1 << 18), 0);
	scene_set(e);
	event_copy(&b, e, 1u << CTX_LINEAGE);
	CHECK(event_restore(&copy, &a, b.p, (uint32_t)b.len));
	CHECK(!copy.ctx[CTX_LINEAGE] && copy.ctx[CTX_PROCESS] && copy.ctx[CTX_CGROUP]);
	event_copy(&little, e, 0);
	CHECK(little.failed);
	CHECK(!event_restore(&copy, &a, none, sizeof(none)));
	buf_free(&b);
	buf_free(&little);
	arena_free(&a);
	made_free(m);
}

/* Of every kind, into the room that is said: the numbers, and no text. */
static void bare(void)
{
	for (uint32_t i = 1; i < EV_MAX; i++) {
		_Alignas(8) char room[EVENT_BARE_BYTES];
		struct buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
		const struct event_kind *k = schema_kind(i);
		struct arena a;
		struct made *m;
		struct event *e, copy;
		const char *why;

		if (!schema_kind_is_public(k))
			continue;
		CHECK_INT(arena_init(&a, 1 << 16), 0);
		m = made_new(k->name);
		if (i == EV_OPEN)
			CHECK(made_set(m, "file.path", "/tmp/x") &&
			      made_set(m, "file.mode", "0640"));
		e = made_event(m);
		scene_set(e);
		event_copy_bare(&b, e);
		CHECK(!b.failed);
		CHECK(event_restore(&copy, &a, b.p, (uint32_t)b.len));
		CHECK(copy.kind == e->kind && copy.raw->tgid == e->raw->tgid);
		CHECK(!copy.ctx[CTX_PROCESS] && copy.raw->len == k->size);
		if (i == EV_OPEN)
			CHECK_INT(((const struct ev_open *)copy.raw)->mode, 0640);
		CHECK_INT(event_validate(&copy, &a, copy.raw, copy.raw->len, &why), 0);
		made_free(m);
		arena_free(&a);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(same_document), TEST(parts), TEST(bare) };

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
