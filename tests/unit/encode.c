/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents: what comes out is parsed by another JSON library and compared with what went in. How
 * single values are written: tests/unit/put.c.
 */
#include "pipeline/encode.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/scene.h"
#include "tests/harness/test.h"

static const char boot[] = "0123456789abcdef0123456789abcdef";
static const int64_t offset = 1764000000000000000;

static struct encoder *encoder;
static struct arena arena;
static struct batch *batch;
static struct rec rec;
static struct event ev;

static void setup(bool text)
{
	struct encoder_cfg cfg = { offset, { boot, 32 }, STR("cafe0001"), text };

	CHECK_INT(arena_init(&arena, 65536), 0);
	CHECK_INT(encoder_new(&encoder, &cfg), 0);
	batch = batch_new(1 << 20, 64);
	CHECK(batch);
}

static void teardown(void)
{
	batch_unref(batch);
	encoder_free(encoder);
	arena_free(&arena);
}

static void load(void)
{
	const char *why = "";

	if (event_validate(&ev, &arena, rec.b, rec.len, &why))
		test_fail("validate", 0, "%s", why);
	ev.clock_offset_ns = offset;
}

static json_t *parse(struct str s)
{
	json_error_t err;
	json_t *j = json_loadb(s.p, s.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &err);

	if (!j)
		test_fail("parse", 0, "%s at %d in\n%.*s", err.text, err.position, (int)s.len, s.p);
	return j;
}

static json_t *encode(const struct match *m, const struct doc **d)
{
	struct str s;

	CHECK_INT(encoder_add(encoder, batch, &ev, m), 0);
	*d = &batch->docs[batch->ndocs - 1];
	s = batch_str(batch, (*d)->json);
	CHECK(s.len && s.p[s.len - 1] == '\n');
	CHECK(!memchr(s.p, '\n', s.len - 1));
	return parse(s);
}

/* The value at a path of a document, NULL when there is none. */
static json_t *at(json_t *doc, const char *path)
{
	char word[64];
	const char *dot;

	for (; doc && (dot = strchr(path, '.')); path = dot + 1) {
		snprintf(word, sizeof(word), "%.*s", (int)(dot - path), path);
		doc = json_object_get(doc, word);
	}
	return json_object_get(doc, path);
}

static const char *text_at(json_t *doc, const char *path)
{
	const char *s = json_string_value(at(doc, path));

	if (!s)
		test_fail(path, 0, "no string");
	return s;
}

static long long int_at(json_t *doc, const char *path)
{
	if (!json_is_integer(at(doc, path)))
		test_fail(path, 0, "no integer");
	return json_integer_value(at(doc, path));
}

static void an_alert_carries_what_it_should(void)
{
	const struct doc *d;
	json_t *j;

	setup(true);
	rec_open(&rec, 4711, 0xabc, "/etc/shadow", O_RDWR);
	load();
	scene_set(&ev);
	j = encode(scene_match(), &d);
	CHECK_STR(text_at(j, "@timestamp"), "2025-11-24T16:00:05.000000000Z");
	CHECK_STR(text_at(j, "event.kind"), "alert");
	CHECK_STR(text_at(j, "event.action"), "file.open");
	CHECK_STR(text_at(j, "event.id"), "0123456789abcdef-cafe0001-0-1");
	CHECK_STR(text_at(j, "tocsin.document.id"),
		  "0123456789abcdef-cafe0001-0-1/alert/shadow-read");
	CHECK_STR(text_at(j, "rule.name"), "shadow-read");
	CHECK_STR(text_at(j, "rule.severity"), "high");
	CHECK_INT(int_at(j, "event.severity"), 75);
	CHECK_STR(text_at(j, "file.path"), "/etc/shadow");
	CHECK_STR(text_at(j, "file.mode"), "0640");
	CHECK_INT(int_at(j, "file.uid"), 0);
	CHECK_STR(json_string_value(json_array_get(at(j, "file.flags"), 0)), "O_RDWR");
	CHECK_STR(text_at(j, "process.entity_id"), "0000000000000abc");
	CHECK_STR(text_at(j, "process.parent.name"), "bash");
	CHECK_STR(text_at(j, "process.start"), "2025-11-24T16:00:04.000000000Z");
	CHECK_INT(json_array_size(at(j, "process.ancestors")), 4);
	CHECK_INT(json_array_size(at(j, "process.ancestor_names")), 4);
	CHECK_INT(json_array_size(at(j, "process.capabilities.effective")), 41);
	CHECK_INT(json_array_size(at(j, "tags")), 2);
	CHECK_STR(json_string_value(
			  json_object_get(json_array_get(at(j, "tocsin.matched"), 0), "value")),
		  "/etc/shadow");
	CHECK_STR(text_at(j, "container.runtime"), "docker");
	CHECK(!at(j, "tocsin.encoded") && !at(j, "error") && !at(j, "tocsin.flags"));
	CHECK(!at(j, "process.env_vars") && !at(j, "file.path_flags"));
	json_decref(j);
	CHECK_STREQ(batch_str(batch, d->rule), "shadow-read");
	CHECK_STREQ(batch_str(batch, d->message), "/usr/bin/cat read /etc/shadow");
	CHECK_STREQ(batch_str(batch, d->id), "0123456789abcdef-cafe0001-0-1/alert/shadow-read");
	CHECK_STREQ(batch_str(batch, d->key), "0000000000000abc");
	CHECK_STREQ(batch_str(batch, d->process), "cat");
	CHECK_STREQ(batch_str(batch, d->text),
		    "16:00:05.000 HIGH shadow-read: /usr/bin/cat read /etc/shadow | cat(4711) < "
		    "bash(4600) < nginx < containerd-shim < systemd | user www-data | container "
		    "4f3a2b1c0d9e");
	CHECK_STREQ(batch_str(batch, d->text_mark), "HIGH shadow-read");
	CHECK(d->time_ns == (uint64_t)offset + 5000000000 && d->pid == 4711);
	CHECK(d->kind == DOC_ALERT && d->severity == SEV_HIGH && d->event_kind == EV_OPEN);
	CHECK_INT(batch->nalerts, 1);
	teardown();
}

static void a_record_is_smaller_and_has_no_rule(void)
{
	static const char *const args[] = { "cat", "-n", NULL };
	const struct doc *d;
	json_t *j;

	setup(false);
	rec_open(&rec, 4711, 0xabc, "/etc/shadow", O_RDONLY);
	load();
	scene_set(&ev);
	j = encode(NULL, &d);
	CHECK_STR(text_at(j, "event.kind"), "event");
	CHECK_STR(text_at(j, "tocsin.document.id"), "0123456789abcdef-cafe0001-0-1/record");
	CHECK_STR(json_string_value(json_array_get(at(j, "file.flags"), 0)), "O_RDONLY");
	CHECK_STR(text_at(j, "message"), "/usr/bin/cat opened /etc/shadow for reading");
	CHECK(at(j, "process.parent.name") && at(j, "process.command_line"));
	CHECK(!at(j, "rule") && !at(j, "event.severity") && !at(j, "process.ancestors"));
	CHECK(!at(j, "process.capabilities") && !at(j, "process.args") && !at(j, "host.os"));
	CHECK(d->kind == DOC_EVENT && d->severity == SEV_NONE && !d->text.len && !d->rule.len);
	json_decref(j);
	rec_exec(&rec, 4711, 1, 2, 3, "/usr/bin/cat", args);
	load();
	scene_set(&ev);
	j = encode(NULL, &d);
	CHECK_INT(json_array_size(at(j, "process.args")), 3);
	CHECK(at(j, "process.capabilities") && at(j, "process.namespace.mnt") && at(j, "host.os"));
	CHECK(!at(j, "process.ancestors"));
	CHECK_INT(batch->nalerts, 0);
	json_decref(j);
	teardown();
}

static void a_loss_is_a_metric_about_no_process(void)
{
	const struct doc *d;
	json_t *j;

	setup(true);
	rec_loss(&rec, EV_OPEN, 1, 9);
	load();
	j = encode(NULL, &d);
	CHECK_STR(text_at(j, "event.kind"), "metric");
	CHECK_STR(text_at(j, "tocsin.loss.kind"), "file.open");
	CHECK_INT(int_at(j, "tocsin.loss.count"), 9);
	CHECK_INT(int_at(j, "tocsin.loss.from"), 2);
	CHECK_STR(text_at(j, "message"), "9 file.open events were lost on CPU 1: ring_full");
	CHECK_STR(text_at(j, "event.id"), "0123456789abcdef-cafe0001-loss-1");
	CHECK(!at(j, "process") && !at(j, "user") && !at(j, "group") && !at(j, "event.category"));
	CHECK(d->kind == DOC_METRIC && !d->key.len);
	json_decref(j);
	rec_begin(&rec, EV_TASK);
	rec_end(&rec);
	load();
	CHECK_INT(encoder_add(encoder, batch, &ev, NULL), -EINVAL);
	teardown();
}

static void without_context_there_is_no_guess(void)
{
	const struct doc *d;
	json_t *j;

	setup(true);
	rec_open_failed(&rec, 9, 10, "x", 13);
	load();
	j = encode(NULL, &d);
	CHECK(!at(j, "process.name") && !at(j, "process.parent") && !at(j, "host"));
	CHECK(!at(j, "container") && !at(j, "file.path") && !at(j, "file.flags"));
	CHECK(!at(j, "file.uid") && !at(j, "file.inode") && !at(j, "user.name"));
	CHECK_INT(int_at(j, "user.id"), 1000);
	CHECK_STR(text_at(j, "file.requested_path"), "x");
	CHECK_STR(text_at(j, "event.outcome"), "failure");
	CHECK_STR(text_at(j, "error.code"), "EACCES");
	CHECK_STR(json_string_value(json_array_get(at(j, "tocsin.flags"), 0)), "user_memory");
	CHECK_STR(text_at(j, "message"), "test failed to open x: EACCES");
	CHECK_STREQ(batch_str(batch, d->text),
		    "16:00:05.000 file.open: test failed to open x: EACCES | test(9) | user 1000");
	json_decref(j);
	teardown();
}

static void hostile_names_stay_valid_and_flagged(void)
{
	struct ctx_process p = { .name = STR("a\xff\x1b[2J\"") };
	struct match m = *scene_match();
	const struct doc *d;
	json_t *j;
	struct str s;

	setup(true);
	rec_open(&rec, 1, 2, "/tmp/\xff\n\x1b]52;c;x\x07", O_RDONLY);
	load();
	ev.ctx[CTX_PROCESS] = &p;
	m.message = (struct str){ 0 };
	j = encode(&m, &d);
	CHECK(json_is_true(at(j, "tocsin.encoded")));
	CHECK_STR(text_at(j, "file.path"), "/tmp/\xee\xbf\xbf\n\x1b]52;c;x\x07");
	CHECK_STREQ(batch_str(batch, d->process), "a\\xff\\x1b[2J\"");
	CHECK_STR(text_at(j, "message"),
		  "a\\xff\\x1b[2J\" opened /tmp/\\xff\\x0a\\x1b]52;c;x\\x07 for reading");
	s = batch_str(batch, d->text);
	for (uint32_t i = 0; i < s.len; i++)
		CHECK((unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x7f);
	json_decref(j);
	/* The flag is of this document alone. */
	rec_open(&rec, 1, 2, "/tmp/x", O_RDONLY);
	load();
	j = encode(NULL, &d);
	CHECK(!at(j, "tocsin.encoded"));
	json_decref(j);
	/* JSON made by others is looked through. */
	rec_open(&rec, 1, 2, "/tmp/x", O_RDONLY);
	load();
	m.matched = STR("[{\"value\":\"\\uef80\"}]");
	j = encode(&m, &d);
	CHECK(json_is_true(at(j, "tocsin.encoded")));
	json_decref(j);
	teardown();
}

static void numbers_of_a_document_at_their_edges(void)
{
	const struct doc *d;
	json_t *j;

	setup(false);
	rec_open(&rec, UINT32_MAX, UINT64_MAX, "/", 0x80000041);
	rec.h.seq = UINT64_MAX;
	rec.h.cpu = UINT16_MAX;
	REC(&rec, open)->inode = UINT64_MAX;
	REC(&rec, open)->error = 4000;
	REC(&rec, open)->outcome = 200;
	load();
	j = encode(NULL, &d);
	CHECK_STR(text_at(j, "file.inode"), "18446744073709551615"); /* past what parsers take */
	CHECK_INT(int_at(j, "process.pid"), UINT32_MAX);
	CHECK_STR(text_at(j, "error.code"), "4000");
	CHECK_STR(text_at(j, "event.outcome"), "200");
	CHECK_STR(json_string_value(json_array_get(at(j, "file.flags"), 2)), "bit31");
	CHECK_STR(text_at(j, "event.id"), "0123456789abcdef-cafe0001-65535-18446744073709551615");
	json_decref(j);
	REC(&rec, open)->inode = INT64_MAX;
	load();
	j = encode(NULL, &d);
	CHECK(int_at(j, "file.inode") == INT64_MAX);
	json_decref(j);
	teardown();
}

static void a_full_batch_is_left_as_it_was(void)
{
	struct batch *small;
	uint32_t full = 0, too_big = 0;

	setup(true);
	rec_open(&rec, 1, 2, "/etc/shadow", O_RDONLY);
	load();
	scene_set(&ev);
	for (uint32_t size = 1; size < 12000; size += 37) {
		int rc;

		small = batch_new(size, 3);
		CHECK(small);
		do {
			size_t len = small->data.len;
			uint32_t n = small->ndocs;

			rc = encoder_add(encoder, small, &ev, scene_match());
			if (!rc) {
				CHECK(small->ndocs == n + 1);
				continue;
			}
			CHECK(small->data.len == len && small->ndocs == n && !small->data.failed);
			CHECK(small->nalerts == n && small->data.cap <= size);
			CHECK_INT(rc, n ? -ENOSPC : -EMSGSIZE);
			full += rc == -ENOSPC;
			too_big += rc == -EMSGSIZE;
		} while (!rc);
		for (uint32_t i = 0; i < small->ndocs; i++)
			json_decref(parse(batch_str(small, small->docs[i].json)));
		batch_unref(small);
	}
	CHECK(full > 50 && too_big > 50);
	teardown();
}

static void ids_are_unique_and_repeatable(void)
{
	struct policy other = *scene_match()->policy;
	struct match m[2] = { *scene_match(), *scene_match() };
	struct encoder_cfg cfg = { offset, { boot, 32 }, STR("cafe0001"), false };
	struct encoder *again;
	const struct doc *d[4];

	setup(false);
	other.name = STR("record");
	m[1].policy = &other;
	rec_open(&rec, 1, 2, "/etc/shadow", O_RDONLY);
	load();
	for (uint32_t i = 0; i < 4; i++) {
		if (i == 3) {
			rec.h.seq++;
			load();
		}
		json_decref(encode(i < 2 ? &m[i] : NULL, &d[i]));
		for (uint32_t k = 0; k < i; k++)
			CHECK(!str_eq(batch_str(batch, d[i]->id), batch_str(batch, d[k]->id)));
	}
	CHECK_INT(encoder_new(&again, &cfg), 0);
	CHECK_INT(encoder_add(again, batch, &ev, NULL), 0);
	CHECK(str_eq(batch_str(batch, batch->docs[4].json), batch_str(batch, d[3]->json)));
	encoder_free(again);
	/* A policy that only records makes the plain record. */
	other.action = POLICY_RECORD;
	json_decref(encode(&m[1], &d[0]));
	CHECK(str_eq(batch_str(batch, d[0]->json), batch_str(batch, d[3]->json)));
	teardown();
}

/* value_json and the encoder must agree on every field. */
static void compare_values(json_t *doc)
{
	struct value v;

	for (uint32_t i = 0; i < ev.kind->nfields; i++) {
		const struct field *f = &ev.kind->fields[i];
		struct buf b = { 0 }, text = { 0 };
		json_t *mine;

		if (!f->path || !event_get(&ev, f, &v))
			continue;
		value_json(&b, f, &v);
		value_text(&text, f, &v);
		CHECK(text.len || v.class == EV_CLASS_BITS);
		mine = json_loadb(b.p, b.len, JSON_DECODE_ANY, NULL);
		if (!mine || !json_equal(mine, at(doc, f->path)))
			test_fail(f->path, 0, "value_json gives %.*s", (int)b.len, b.p);
		json_decref(mine);
		buf_free(&b);
		buf_free(&text);
	}
}

static void single_values_are_those_of_documents(void)
{
	const struct doc *d;
	json_t *j;

	setup(false);
	for (uint32_t kind = 0; kind < 5; kind++) {
		switch (kind) {
		case 0: rec_open(&rec, 1, 2, "/a\xff/b", O_WRONLY); break;
		case 1: rec_connect(&rec, 1, 2, "2001:db8::1", 443); break;
		case 2: rec_exit(&rec, 1, 2, 3, 9); break;
		case 3: rec_loss(&rec, EV_OPEN, 1, UINT64_MAX); break;
		default: rec_fork(&rec, 1, 2, 3, 4);
		}
		load();
		j = encode(NULL, &d);
		compare_values(j);
		json_decref(j);
	}
	teardown();
}

static void policy_values_as_text(void)
{
	const struct field *f;
	struct buf b = { 0 };
	struct value v;

	setup(false);
	rec_open(&rec, 1, 2, "/a", O_WRONLY | O_APPEND);
	load();
	f = schema_field(ev.kind, STR("file.flags"));
	CHECK(event_get(&ev, f, &v));
	value_text(&b, f, &v);
	buf_char(&b, ' ');
	f = schema_field(ev.kind, STR("process.args"));
	v = (struct value){ .class = EV_CLASS_LIST, .s = { "sh\0-c\0i\nd", 9 } };
	value_text(&b, f, &v);
	buf_char(&b, 0);
	CHECK_STR(b.p, "O_WRONLY|O_APPEND sh -c i\\x0ad");
	buf_free(&b);
	teardown();
}

/* One event with the versions that enrichers would give, or without. */
static const struct doc *encode_as(struct encoder *x, struct batch *b, uint64_t version)
{
	load();
	scene_set(&ev);
	for (uint32_t g = 0; version && g < CTX_MAX; g++)
		ev.version[g] = ev.ctx[g] && g != CTX_LINEAGE ? version : 0;
	b->ndocs = 0;
	buf_reset(&b->data);
	CHECK_INT(encoder_add(x, b, &ev, ev.raw->cpu ? scene_match() : NULL), 0);
	return &b->docs[0];
}

static void build_variant(uint32_t v)
{
	static const uint8_t odd[] = { 'a', 0xff, 'b' };

	switch (v % 4) {
	case 0: rec_open(&rec, 4711, 0xabc, "/etc/\xff/shadow", O_RDWR); break;
	case 1: rec_connect(&rec, 4711, 0xabc, "10.0.0.1", 443); break;
	case 2: rec_exit(&rec, 4711, 0xabc, 3, 0); break;
	default:
		rec_exec(&rec, 4711, 0xabb, 0xabc, 1, "/usr/bin/cat",
			 (const char *[]){ "c", NULL });
	}
	rec.h.cpu = v / 4 % 2; /* 1: an alert */
	switch (v / 8 % 8) {
	case 1: rec.h.tid = 4712; break;
	case 2: rec.h.uid = 7; break;
	case 3: rec.h.euid = 8; break;
	case 4: rec.h.gid = 9; break;
	case 5: memcpy(rec.h.comm.b, odd, sizeof(odd)); break;
	case 6: rec.h.exec_id = 0xdef; break;
	case 7: rec.h.tgid = 99; break;
	}
}

/* What is kept from one event to the next must be what would be written anew. */
static void kept_text_is_the_same_text(void)
{
	struct encoder_cfg cfg = { offset, { boot, 32 }, STR("cafe0001"), true };
	struct batch *other = batch_new(1 << 20, 64);
	const struct doc *a, *b;
	struct encoder *fresh;

	setup(true);
	CHECK(other);
	for (uint32_t i = 0, v = 0; i < 400; i++, v = (v * 5 + 3) % 64) {
		build_variant(v);
		a = encode_as(encoder, batch, 1);
		CHECK_INT(encoder_new(&fresh, &cfg), 0);
		b = encode_as(fresh, other, 0);
		CHECK_INT(batch->data.len, other->data.len);
		CHECK(!memcmp(batch->data.p, other->data.p, other->data.len));
		CHECK(!memcmp(a, b, sizeof(*a)));
		encoder_free(fresh);
	}
	batch_unref(other);
	teardown();
}

/* The same process under another version is written anew. */
static void a_new_version_is_looked_at(void)
{
	struct ctx_process p;
	const struct doc *d;
	json_t *j;

	setup(false);
	rec_open(&rec, 4711, 0xabc, "/etc/shadow", O_RDWR);
	for (uint32_t i = 1; i <= 2; i++) {
		load();
		scene_set(&ev);
		p = *(const struct ctx_process *)ev.ctx[CTX_PROCESS];
		p.name = i == 1 ? STR("one") : STR("two");
		ev.ctx[CTX_PROCESS] = &p;
		for (uint32_t g = 0; g < CTX_MAX; g++)
			ev.version[g] = ev.ctx[g] ? 1 : 0;
		ev.version[CTX_PROCESS] = i;
		j = encode(NULL, &d);
		CHECK_STR(text_at(j, "process.name"), i == 1 ? "one" : "two");
		json_decref(j);
	}
	teardown();
}

static const struct test tests[] = {
	TEST(an_alert_carries_what_it_should),      TEST(a_record_is_smaller_and_has_no_rule),
	TEST(a_loss_is_a_metric_about_no_process),  TEST(without_context_there_is_no_guess),
	TEST(hostile_names_stay_valid_and_flagged), TEST(numbers_of_a_document_at_their_edges),
	TEST(a_full_batch_is_left_as_it_was),       TEST(ids_are_unique_and_repeatable),
	TEST(single_values_are_those_of_documents), TEST(policy_values_as_text),
	TEST(kept_text_is_the_same_text),           TEST(a_new_version_is_looked_at),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
