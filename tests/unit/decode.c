/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents back to events (pipeline/decode.h): what the encoder wrote of any event, decoded and
 * encoded again, is the same document; what is no document is told.
 */
#include "pipeline/decode.h"

#include <errno.h>
#include <unistd.h>

#include "pipeline/docfile.h"
#include "pipeline/encode.h"
#include "pipeline/plan.h"
#include "pipeline/replace.h"
#include "tests/harness/made.h"
#include "tests/harness/scene.h"
#include "tests/harness/test.h"

static struct encoder *encoder(void)
{
	const struct encoder_cfg cfg = { .boot_id = STR("83a1819bc68049a59ca187876179b670"),
					 .run_id = STR("ff20a8f0") };
	struct encoder *x = NULL;

	CHECK_INT(encoder_new(&x, &cfg), 0);
	return x;
}

/* The document of the event; to be freed. */
static char *document(struct encoder *x, struct event *e, const struct match *m)
{
	struct batch *b = batch_new(1 << 20, 4);
	char *text;

	CHECK(b);
	CHECK_INT(encoder_add(x, b, e, m), 0);
	text = strndup(batch_str(b, b->docs[0].json).p, b->docs[0].json.len);
	batch_unref(b);
	return text;
}

static char *again(struct encoder *x, const char *json, const struct match *m)
{
	struct compose *c = compose_new();
	struct decoded d;
	char why[400] = "", *text;

	if (decode(c, str_of(json), &d, why, sizeof(why)))
		test_fail(__FILE__, __LINE__, "%s\n  of %s", why, json);
	if (d.notes.len)
		test_fail(__FILE__, __LINE__, "%.*s  of %s", (int)d.notes.len, d.notes.p, json);
	text = document(x, d.e, m);
	decoded_free(&d);
	compose_free(c);
	return text;
}

static void round_trip(struct encoder *x, struct event *e, const struct match *m)
{
	char *first = document(x, e, m), *second = again(x, first, m);

	CHECK_STR(second, first);
	free(first);
	free(second);
}

/* A value of the field that is hard to take back. */
static const char *hard_value(const struct field *f, char *room)
{
	switch (f->class) {
	case EV_CLASS_BOOL: return "true";
	case EV_CLASS_HEX: return "ffffffffffffff0a";
	case EV_CLASS_TIME: return "2026-11-24T18:04:53.000000001Z";
	case EV_CLASS_IP: return "::ffff:10.0.0.1";
	case EV_CLASS_OCTAL: return "04755";
	case EV_CLASS_PATH: return "/tmp/\xff\xee\"\\/\xef\xbe\x80 \x01";
	case EV_CLASS_JSON: return "[{\"pid\":7,\"name\":\"a\"}]";
	case EV_CLASS_COMM: return "\xc3\x28 \n\x80";
	case EV_CLASS_LIST: return "a\x1f\x1f\xff\x1f\"\xef\xbf\xbf";
	case EV_CLASS_STR: return "\xe2\x80\xae\xff\x7f\xed\xa0\x80";
	case EV_CLASS_BITS:
		snprintf(room, 64, "bit%u|bit%u", 0u, 8u * f->size - 1);
		return strcmp(f->path, "tocsin.flags") ? room : "truncated|user_memory";
	case EV_CLASS_ENUM: return f->size == 1 ? "1" : "111";
	default: return f->size < 8 ? "254" : "18446744073709551614";
	}
}

/* Records and alerts leave different fields out; an alert of a kind has them all. */
static void every_field(void)
{
	static const struct policy policy = { .name = STR("p"), .severity = 3 };
	const struct match m = { .policy = &policy, .message = STR("m"), .matched = STR("[]") };
	struct encoder *x = encoder();
	char room[64];

	for (uint32_t i = 0; i < EV_MAX; i++) {
		const struct event_kind *k = schema_kind(i);
		struct made *made;

		if (!k || !schema_kind_is_public(k))
			continue;
		made = made_new(k->name);
		made->rec.h.time_ns = 1700000000123456789;
		for (uint32_t j = 0; j < k->nfields; j++)
			if (k->fields[j].path &&
			    !made_set(made, k->fields[j].path, hard_value(&k->fields[j], room)))
				test_fail(__FILE__, __LINE__, "%s", made->c.why);
		for (uint32_t g = CTX_HOST; g < CTX_MAX && schema_kind_has_process(k); g++)
			for (uint32_t j = 0; j < schema_group(g)->nfields; j++) {
				const struct field *f = &schema_group(g)->fields[j];

				if (f->path && !made_set(made, f->path, hard_value(f, room)))
					test_fail(__FILE__, __LINE__, "%s", made->c.why);
			}
		for (uint32_t j = 0; j < schema_header_len && schema_kind_has_process(k); j++)
			if (schema_header[j].path && !made_set(made, schema_header[j].path,
							       hard_value(&schema_header[j], room)))
				test_fail(__FILE__, __LINE__, "%s", made->c.why);
		if (i == EV_OPEN) /* of all flags at once no path would be left */
			CHECK(made_set(made, "file.path_flags", "deleted|foreign_namespace"));
		round_trip(x, made_event(made), &m);
		round_trip(x, made_event(made), NULL);
		made_free(made);
	}
	encoder_free(x);
}

static void plain(void)
{
	static const char *const kinds[] = { "process.exec", "file.open", "network.connect" };
	struct encoder *x = encoder();

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct made *m = made_new(kinds[i]);
		struct event *e = made_event(m);

		scene_set(e);
		round_trip(x, e, NULL);
		made_free(m);
	}
	encoder_free(x);
}

static void refused(const char *json, const char *want)
{
	struct compose *c = compose_new();
	struct decoded d;
	char why[400] = "";

	CHECK_INT(decode(c, str_of(json), &d, why, sizeof(why)), -EINVAL);
	CHECK_STR(why, want);
	compose_free(c);
}

static void no_documents(void)
{
	refused("{", "not JSON: line 1, column 1: string or '}' expected near end of file");
	refused("[]", "not a document of an event: it has no event.action");
	refused("{\"event\": {\"action\": 1}}",
		"not a document of an event: it has no event.action");
	refused("{\"event\": {\"action\": \"file.opn\"}}",
		"unknown event kind file.opn in event.action");
	refused("{\"event\": {\"action\": \"cgroup.change\"}}",
		"unknown event kind cgroup.change in event.action");
	refused("{\"event\": {\"action\": \"file.open\"}, \"file\": {\"path\": \"x\"}}",
		"file.path begins with / save where file.path_flags say why it is not complete");
}

/* What cannot be taken back is told, and the rest is there. */
static void notes(void)
{
	struct compose *c = compose_new();
	struct decoded d;
	char why[400] = "";
	struct value v;

	CHECK_INT(decode(c,
			 STR("{\"event\":{\"action\":\"file.open\",\"outcome\":\"success\"},"
			     "\"process\":{\"pid\":\"x\",\"entity_id\":\"00000000000000ff\","
			     "\"thread\":{\"id\":7,\"name\":\"\"}},\"user\":{\"id\":0},"
			     "\"file\":{\"path\":\"/etc/shadow\",\"size\":4,\"uid\":null},"
			     "\"labels\":{\"a\":\"b\"}}"),
			 &d, why, sizeof(why)),
		  0);
	buf_char(&d.notes, 0);
	CHECK_STR(d.notes.p,
		  "process.pid: process.pid is a number, not \"x\"\n"
		  "file.size: this version has no such field of this event kind: left out\n"
		  "file.uid: is of a type that no field has: left out\n"
		  "labels.a: this version has no such field of this event kind: left out\n"
		  "user.effective.id: is not in the document: taken for zero or nothing\n"
		  "group.id: is not in the document: taken for zero or nothing\n");
	CHECK(event_get(d.e, schema_field(d.e->kind, STR("file.path")), &v));
	CHECK_STREQ(v.s, "/etc/shadow");
	CHECK(d.is_record);
	decoded_free(&d);
	compose_free(c);
}

/* More than there is room for: whole lines are kept. */
static void many_notes(void)
{
	struct compose *c = compose_new();
	struct buf json = { 0 };
	struct decoded d;
	char why[400] = "";

	buf_lit(&json, "{\"event\":{\"action\":\"file.open\"}");
	for (uint32_t i = 0; i < 1000; i++)
		buf_addf(&json, ",\"%.*s%u\":1", (int)(i % 7), "unknown", i);
	buf_char(&json, '}');
	CHECK_INT(decode(c, (struct str){ json.p, (uint32_t)json.len }, &d, why, sizeof(why)), 0);
	CHECK(d.notes.len > 4000);
	CHECK_INT(d.notes.p[d.notes.len - 1], '\n');
	buf_free(&json);
	decoded_free(&d);
	compose_free(c);
}

static void files(void)
{
	static const char text[] =
		"{\"a\":\n {\"b\": \"}{\"}}\n\n{\"c\": 1}\n{\"broken\": {\n{\"d\": 2}\n";
	static const uint32_t lines[] = { 1, 4, 5, 6 };
	char path[TEST_DIR];
	struct docfile d;
	struct str json;
	uint32_t at, n = 0;

	test_file(path);
	CHECK_INT(replace_file(path, STR(text)), 0);
	CHECK_INT(docfile_open(&d, path), 0);
	while (docfile_next(&d, &json, &at) == 1) {
		CHECK(n < 4);
		CHECK_INT(at, lines[n]);
		CHECK(json.p[0] == '{');
		n++;
	}
	CHECK_INT(n, 4);
	docfile_close(&d);
	unlink(path);
	CHECK_INT(docfile_open(&d, path), -ENOENT);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(every_field),  TEST(plain),
					     TEST(no_documents), TEST(notes),
					     TEST(many_notes),   TEST(files) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
