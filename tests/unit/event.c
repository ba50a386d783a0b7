/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * event_validate against hostile records, event_get and event_path.
 */
#include "pipeline/event.h"

#include <errno.h>
#include <fcntl.h>

#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

static struct rec rec;
static struct event ev;
static struct arena arena;

static void setup(void)
{
	if (!arena.base)
		CHECK_INT(arena_init(&arena, 65536), 0);
}

static int validate(const struct rec *r)
{
	const char *why = NULL;
	int rc;

	setup();
	rc = event_validate(&ev, &arena, r->b, r->len, &why);
	CHECK((rc == 0) == (why == NULL));
	return rc;
}

static void refused(const struct rec *r, const char *reason)
{
	const char *why = "accepted";

	setup();
	event_validate(&ev, &arena, r->b, r->len, &why);
	CHECK_STR(why, reason);
}

static struct value get(const char *path)
{
	const struct field *f = schema_field(ev.kind, str_of(path));
	struct value v = { 0 };

	if (!f)
		test_fail(path, 0, "no such field");
	if (!event_get(&ev, f, &v))
		test_fail(path, 0, "absent");
	return v;
}

static bool absent(const char *path)
{
	struct value v;

	return !event_get(&ev, schema_field(ev.kind, str_of(path)), &v);
}

static void end(void)
{
	arena_free(&arena);
}

static void every_kind_passes_and_no_truncation_does(void)
{
	static const char *const args[] = { "sh", "-c", "", "id", NULL };
	struct rec cut;
	const char *why;

	for (uint32_t k = 1; k < EV_MAX; k++) {
		rec_begin(&rec, k);
		for (uint32_t i = 0; i < schema_kind(k)->nfields; i++) {
			const struct field *f = &schema_kind(k)->fields[i];
			struct ev_ref *ref = (struct ev_ref *)(rec.b + f->offset);

			if (f->class == EV_CLASS_STR)
				rec_str(&rec, ref, "text");
			else if (f->class == EV_CLASS_PATH)
				rec_path(&rec, ref, "/a/b");
			else if (f->class == EV_CLASS_LIST)
				rec_list(&rec, ref, args);
		}
		rec_end(&rec);
		CHECK_INT(validate(&rec), 0);
		CHECK(ev.kind->kind == k && ev.raw == &rec.h);
		for (uint32_t len = 0; len < rec.len; len++) {
			CHECK_INT(event_validate(&ev, &arena, rec.b, len, &why), -EINVAL);
			/* A header that agrees with the cut: the references must give it away. */
			memcpy(cut.b, rec.b, rec.len);
			cut.h.len = cut.len = len;
			if (event_validate(&ev, &arena, cut.b, len, &why))
				continue;
			CHECK(rec.len == schema_kind(k)->size || len >= rec.len - 7);
		}
	}
	end();
}

static void hostile_headers_are_refused(void)
{
	rec_open(&rec, 1, 2, "/etc/shadow", 0);
	rec.h.abi = EV_ABI + 1;
	refused(&rec, "another ABI version");
	rec.h.abi = EV_ABI;
	rec.h.kind = EV_MAX;
	refused(&rec, "unknown kind");
	rec.h.kind = 0;
	refused(&rec, "unknown kind");
	rec.h.kind = EV_EXEC;
	rec.h.len = rec.len = sizeof(struct ev_hdr) + 8;
	refused(&rec, "shorter than its kind");
	rec_open(&rec, 1, 2, "/etc/shadow", 0);
	rec.h.len += 8;
	refused(&rec, "length differs from the header's");
	rec_open(&rec, 1, 2, "/etc/shadow", 0);
	rec.h.hook = EV_HOOK_MAX;
	refused(&rec, "unknown hook or flags");
	rec.h.hook = 0;
	rec.h.flags = 1u << EV_HDR_FLAG_MAX;
	refused(&rec, "unknown hook or flags");
	rec.h.flags = 0;
	rec.h.hdr_pad = 1;
	refused(&rec, "unknown hook or flags");
	rec.len = rec.h.len = EV_REC_MAX + 8;
	refused(&rec, "longer than any record");
	end();
}

/* Paths are looked through in words: what is wrong may be at any place of one. */
static void hostile_paths_are_refused_anywhere(void)
{
	char text[41];

	for (uint32_t len = 3; len < sizeof(text); len++)
		for (uint32_t at = 0; at + 1 < len; at++) {
			memset(text, 'a' + (int)(at % 26), len);
			text[len - 1] = 0;
			rec_begin(&rec, EV_OPEN);
			rec_bytes(&rec, &REC(&rec, open)->path, text, len);
			rec_end(&rec);
			CHECK_INT(validate(&rec), 0);
			memset(text, 0x2e, len); /* one below a slash */
			text[len - 1] = 0;
			text[at] = '/';
			rec_begin(&rec, EV_OPEN);
			rec_bytes(&rec, &REC(&rec, open)->path, text, len);
			rec_end(&rec);
			refused(&rec, "slash in a path component");
			memset(text, 0x80, len);
			text[len - 1] = text[at] = 0;
			if (at)
				text[at - 1] = 1;
			rec_begin(&rec, EV_OPEN);
			rec_bytes(&rec, &REC(&rec, open)->path, text, len);
			rec_end(&rec);
			if (at && at + 2 < len)
				CHECK_INT(validate(&rec), 0);
			else
				refused(&rec, "empty path component");
		}
}

static void hostile_references_are_refused(void)
{
	static const struct ev_ref bad[] = {
		{ 1, 4 },
		{ 8, 8 },
		{ 0xffffffff, 1 },
		{ 200, 0xffffffff },
		{ 0xfffffff8, 0x10 },
		{ sizeof(struct ev_open) - 1, 1 },
	};
	struct ev_ref *path = &REC(&rec, open)->path;

	for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
		rec_open(&rec, 1, 2, "/etc/shadow", 0);
		*path = bad[i];
		refused(&rec, "reference outside the record");
		rec_open(&rec, 1, 2, "/etc/shadow", 0);
		REC(&rec, open)->requested = bad[i];
		refused(&rec, "reference outside the record");
	}
	rec_open(&rec, 1, 2, "/etc/shadow", 0);
	path->len -= 1;
	refused(&rec, "path without its end");
	path->len = 0;
	refused(&rec, "path without its end");
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, path, "shadow\0\0etc", 12);
	rec_end(&rec);
	refused(&rec, "empty path component");
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, path, "\0etc", 5);
	rec_end(&rec);
	refused(&rec, "empty path component");
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, path, "etc/shadow", 11);
	rec_end(&rec);
	refused(&rec, "slash in a path component");
	REC(&rec, open)->path_flags = 1u << EV_PATHF_PSEUDO;
	CHECK_INT(validate(&rec), 0);
	rec_begin(&rec, EV_EXEC);
	rec_bytes(&rec, &REC(&rec, exec)->args, "sh\0-c", 5);
	rec_end(&rec);
	refused(&rec, "list without its end");
	end();
}

static void long_texts_and_addresses_are_refused(void)
{
	static char text[EV_ARGS_MAX + 8];

	memset(text, 'a', sizeof(text));
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, &REC(&rec, open)->requested, text, EV_STR_MAX + 1);
	rec_end(&rec);
	refused(&rec, "text longer than its limit");
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, &REC(&rec, open)->requested, text, EV_STR_MAX);
	rec_end(&rec);
	CHECK_INT(validate(&rec), 0);
	text[EV_PATH_MAX] = 0;
	rec_begin(&rec, EV_OPEN);
	rec_bytes(&rec, &REC(&rec, open)->path, text, EV_PATH_MAX + 1);
	rec_end(&rec);
	refused(&rec, "text longer than its limit");
	rec_connect(&rec, 1, 2, "10.0.0.1", 443);
	REC(&rec, connect)->daddr.family = 5;
	refused(&rec, "address of unknown family");
	REC(&rec, connect)->daddr.family = 4;
	REC(&rec, connect)->daddr.addr[15] = 1;
	refused(&rec, "address of unknown family");
	end();
}

static void a_record_off_its_alignment_is_refused(void)
{
	static union {
		uint64_t align;
		char b[EV_REC_MAX + 8];
	} odd;
	const char *why = NULL;

	setup();
	rec_open(&rec, 1, 2, "/etc/shadow", 0);
	memcpy(odd.b + 4, rec.b, rec.len);
	CHECK_INT(event_validate(&ev, &arena, odd.b + 4, rec.len, &why), -EINVAL);
	CHECK_STR(why, "record not aligned");
	end();
}

static void values_come_as_promised(void)
{
	struct value v;

	rec_open(&rec, 77, 0xabcdef, "/etc/shadow", O_WRONLY | O_APPEND);
	CHECK_INT(validate(&rec), 0);
	v = get("file.path");
	CHECK(v.class == EV_CLASS_PATH);
	CHECK_STREQ(v.s, "/etc/shadow");
	CHECK(get("file.path").s.p == v.s.p); /* turned round once */
	CHECK_INT(get("file.flags").u, O_WRONLY | O_APPEND);
	CHECK_INT(get("file.mode").u, 0640);
	CHECK_INT(get("file.uid").u, 0);
	CHECK_INT(get("process.pid").u, 77);
	CHECK_INT(get("process.entity_id").u, 0xabcdef);
	CHECK_STREQ(get("process.thread.name").s, "test");
	CHECK_INT(get("event.outcome").u, EV_OUTCOME_SUCCESS);
	CHECK(absent("error.code") && absent("file.requested_path") && absent("process.name"));
	CHECK(absent("tocsin.flags") && absent("file.path_flags") && absent("tocsin.io_uring"));
	REC(&rec, open)->io_uring = 7;
	REC(&rec, open)->oflags = 0;
	CHECK_INT(get("tocsin.io_uring").u, 1);
	CHECK(get("file.flags").u == 1ULL << 32);
	REC(&rec, open)->oflags = ~0u;
	REC(&rec, open)->file_uid = ~0u;
	CHECK(absent("file.flags") && absent("file.uid"));
	memset(rec.h.comm.b, 'x', 16);
	CHECK_INT(get("process.thread.name").s.len, 16);
	end();
}

static void context_is_read_and_may_be_missing(void)
{
	struct ctx_process p = { .name = STR("cat"), .start_ns = 1000, .loginuid = ~0u };
	struct value v;

	rec_connect(&rec, 1, 2, "::1", 443);
	CHECK_INT(validate(&rec), 0);
	v = get("destination.ip");
	CHECK(v.ip.family == 6 && v.ip.addr[15] == 1);
	CHECK_INT(get("destination.port").u, 443);
	CHECK(absent("network.requested_ip") && absent("process.name"));
	ev.ctx[CTX_PROCESS] = &p;
	ev.clock_offset_ns = 5000;
	CHECK_STREQ(get("process.name").s, "cat");
	CHECK_INT(get("process.start").u, 6000);
	CHECK(absent("process.executable") && absent("user.audit.id") && absent("process.args"));
	CHECK_INT(get("user.saved.id").u, 0);
	CHECK_INT(validate(&rec), 0);
	CHECK(absent("process.name")); /* validation starts afresh */
	CHECK_INT(ev.clock_offset_ns, 5000);
	end();
}

static const struct {
	const char *components;
	uint32_t len, flags;
	const char *path;
} paths[] = {
	{ "passwd\0etc", 11, 0, "/etc/passwd" },
	{ "", 1, 0, "/" },
	{ "a", 2, 0, "/a" },
	{ "b\0a", 4, 1u << EV_PATHF_TRUNCATED, "a/b" },
	{ "b\0a", 4, 1u << EV_PATHF_DETACHED, "a/b" },
	{ "b\0a", 4, 1u << EV_PATHF_UNREAD, "a/b" },
	{ "b\0a", 4, 1u << EV_PATHF_FOREIGN, "/a/b" },
	{ "b\0a", 4, 1u << EV_PATHF_DELETED, "/a/b (deleted)" },
	{ "b\0a", 4, 1u << EV_PATHF_DELETED | 1u << EV_PATHF_DETACHED, "a/b (deleted)" },
	{ "memfd:x", 8, 1u << EV_PATHF_PSEUDO, "memfd:x" },
	{ "", 1, 1u << EV_PATHF_DETACHED, "" },
	{ "b\0a", 3, 0, "/a/b" },
};

static void paths_are_turned_round(void)
{
	setup();
	for (uint32_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct str s = event_path(&arena, (struct str){ paths[i].components, paths[i].len },
					  paths[i].flags);

		CHECK(s.p);
		CHECK_STREQ(s, paths[i].path);
	}
	CHECK(!event_path(&arena, (struct str){ 0 }, 0).p);
	arena.used = arena.size - 4;
	CHECK(!event_path(&arena, (struct str){ "passwd\0etc", 11 }, 0).p);
	end();
}

static const struct test tests[] = {
	TEST(every_kind_passes_and_no_truncation_does),
	TEST(hostile_headers_are_refused),
	TEST(hostile_references_are_refused),
	TEST(hostile_paths_are_refused_anywhere),
	TEST(long_texts_and_addresses_are_refused),
	TEST(a_record_off_its_alignment_is_refused),
	TEST(values_come_as_promised),
	TEST(context_is_read_and_may_be_missing),
	TEST(paths_are_turned_round),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
