/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Events made from texts (pipeline/compose.h): every field of every kind comes back as it was
 * given, and what cannot be taken is told.
 */
#include "pipeline/compose.h"

#include <errno.h>

#include "pipeline/encode.h"
#include "tests/harness/test.h"

/* A text for the field and the same value as value_text shows it. */
static const char *text_for(const struct field *f, const char **shown)
{
	const char *text;

	switch (f->class) {
	case EV_CLASS_BOOL: text = "true"; break;
	case EV_CLASS_HEX: text = "00f3a2b49c1d5e60"; break;
	case EV_CLASS_TIME: text = "2026-11-24T18:04:53.123456789Z"; break;
	case EV_CLASS_IP: text = "2001:db8::1"; break;
	case EV_CLASS_OCTAL: text = "0640"; break;
	case EV_CLASS_PATH: text = "/usr/share/x y"; break;
	case EV_CLASS_JSON: text = "[{\"pid\":1}]"; break;
	case EV_CLASS_STR:
	case EV_CLASS_LIST:
	case EV_CLASS_COMM: text = "some text"; break;
	case EV_CLASS_ENUM:
	case EV_CLASS_BITS:
		text = NULL;
		for (uint32_t i = 1; i < f->names->count && !text; i++)
			text = i < 8u * f->size ? f->names->names[i] : NULL;
		break;
	default: text = "200";
	}
	*shown = text;
	return text;
}

static void check_field(struct compose *c, const struct event_kind *k, const struct field *f)
{
	const char *shown, *text = text_for(f, &shown);
	struct buf b = { 0 };
	struct event *e;
	struct value v;

	compose_begin(c, k);
	if (compose_text(c, str_of(f->path), str_of(text)))
		test_fail(__FILE__, __LINE__, "%s %s: %s", k->name, f->path, c->why);
	e = compose_event(c);
	if (!e)
		test_fail(__FILE__, __LINE__, "%s %s: %s", k->name, f->path, c->why);
	CHECK(event_get(e, f, &v));
	value_text(&b, f, &v);
	if (!str_starts((struct str){ b.p, (uint32_t)b.len }, str_of(shown)))
		test_fail(__FILE__, __LINE__, "%s %s: %.*s, not %s", k->name, f->path, (int)b.len,
			  b.p, shown);
	buf_free(&b);
}

static void every_field(void)
{
	struct compose *c = compose_new();
	uint32_t checked = 0;

	for (uint32_t i = 0; i < EV_MAX; i++) {
		const struct event_kind *k = schema_kind(i);

		if (!k || !schema_kind_is_public(k))
			continue;
		for (uint32_t j = 0; j < k->nfields; j++)
			if (k->fields[j].path) {
				check_field(c, k, &k->fields[j]);
				checked++;
			}
		for (uint32_t j = 0; j < schema_header_len; j++)
			if (schema_header[j].path && schema_kind_has_process(k)) {
				check_field(c, k, &schema_header[j]);
				checked++;
			}
		for (uint32_t g = CTX_HOST; g < CTX_MAX && schema_kind_has_process(k); g++)
			for (uint32_t j = 0; j < schema_group(g)->nfields; j++)
				if (schema_group(g)->fields[j].path) {
					check_field(c, k, &schema_group(g)->fields[j]);
					checked++;
				}
	}
	CHECK(checked > 300);
	compose_free(c);
}

static void refused(const char *kind, const char *path, const char *value, int err, const char *why)
{
	struct compose *c = compose_new();

	compose_begin(c, schema_kind_by_name(str_of(kind)));
	CHECK_INT(compose_text(c, str_of(path), str_of(value)), err);
	CHECK_STR(c->why, why);
	compose_free(c);
}

static void mistakes(void)
{
	refused("file.open", "file.pth", "/x", -ENOENT,
		"unknown field file.pth; did you mean file.path?");
	refused("file.open", "destination.ip", "1.2.3.4", -ENOENT,
		"file.open has no field destination.ip; network.connect has it");
	refused("file.open", "event.id", "x", -ENOENT,
		"event.id is made with the document: policies cannot use it");
	refused("file.open", "file.uid", "root", -EINVAL, "file.uid is a number, not \"root\"");
	refused("file.open", "file.uid", "-1", -EINVAL, "file.uid is a number, not \"-1\"");
	refused("file.open", "file.uid", "4294967296", -EINVAL, "file.uid is at most 4294967295");
	refused("network.connect", "destination.port", "70000", -EINVAL,
		"destination.port is at most 65535");
	refused("network.connect", "destination.ip", "1.2.3", -EINVAL,
		"destination.ip is an address, not \"1.2.3\"");
	refused("file.open", "file.flags", "O_RDONLY|O_CREATE", -EINVAL,
		"\"O_CREATE\" is no value of file.flags; did you mean O_CREAT?");
	refused("file.open", "error.code", "EACCESS", -EINVAL,
		"\"EACCESS\" is no value of error.code; did you mean EACCES?");
	refused("file.open", "tocsin.io_uring", "yes", -EINVAL,
		"tocsin.io_uring is true or false, not \"yes\"");
	refused("process.exec", "process.entity_id", "12", -EINVAL,
		"process.entity_id is 16 hexadecimal digits, not \"12\"");
	refused("process.exec", "process.start", "yesterday", -EINVAL,
		"process.start is a time as 2026-11-24T18:04:53.123456789Z, not \"yesterday\"");
	refused("process.exec", "process.thread.name", "sixteen bytes ..", -EMSGSIZE,
		"process.thread.name has at most 15 bytes");
}

static void lists(void)
{
	struct compose *c = compose_new();
	const struct str args[] = { STR("sh"), STR(""), STR("-c") }, nul = { "a\0b", 3 };
	struct event *e;
	struct value v;

	compose_begin(c, schema_kind(EV_EXEC));
	CHECK_INT(compose_list(c, STR("process.args"), args, 3), 0);
	e = compose_event(c);
	CHECK(event_get(e, schema_field(e->kind, STR("process.args")), &v));
	CHECK_INT(v.s.len, 7);
	CHECK(!memcmp(v.s.p, "sh\0\0-c", 7));
	CHECK_INT(compose_list(c, STR("process.args"), &nul, 1), -EINVAL);
	CHECK_STR(c->why, "process.args has an element with a NUL");
	CHECK_INT(compose_list(c, STR("process.name"), args, 3), -EINVAL);
	CHECK_STR(c->why, "process.name has one value, not a list");
	compose_free(c);
}

static void check_path(const char *path, const char *flags, const char *shown)
{
	struct compose *c = compose_new();
	struct event *e;
	struct value v;

	compose_begin(c, schema_kind(EV_OPEN));
	CHECK_INT(compose_text(c, STR("file.path"), str_of(path)), 0);
	if (flags)
		CHECK_INT(compose_text(c, STR("file.path_flags"), str_of(flags)), 0);
	e = compose_event(c);
	if (!e) {
		CHECK_STR(c->why, shown);
	} else {
		CHECK(event_get(e, schema_field(e->kind, STR("file.path")), &v));
		CHECK(str_eq(v.s, str_of(shown)));
	}
	compose_free(c);
}

static void paths(void)
{
	char deep[4096];

	check_path("/", NULL, "/");
	check_path("/a/b", "foreign_namespace", "/a/b");
	check_path("a/b", "detached", "a/b");
	check_path("/tmp/x (deleted)", "deleted", "/tmp/x (deleted)");
	check_path("/tmp/x", "deleted", "/tmp/x (deleted)");
	check_path("/tmp/x (deleted)", NULL, "/tmp/x (deleted)");
	check_path("pipe:[12/34]", "pseudo", "pipe:[12/34]");
	check_path("/memfd:a//b (deleted)", "pseudo|deleted", "/memfd:a//b (deleted)");
	check_path("a/b", NULL,
		   "file.path begins with / save where file.path_flags say why it is not complete");
	check_path("/a//b", NULL, "the event is not whole: empty path component");
	memset(deep, 'x', sizeof(deep));
	deep[0] = '/';
	deep[4095] = '\0';
	check_path(deep, NULL, deep);
}

/* Texts that are set again and again fill the record, which is told. */
static void full(void)
{
	struct compose *c = compose_new();
	struct buf b = { 0 };
	int err = 0;

	for (int i = 0; i < 4000; i++)
		buf_char(&b, 'x');
	compose_begin(c, schema_kind(EV_OPEN));
	for (int i = 0; i < 20 && !err; i++)
		err = compose_text(c, STR("file.requested_path"),
				   (struct str){ b.p, (uint32_t)b.len });
	CHECK_INT(err, -EMSGSIZE);
	CHECK_STR(c->why, "file.requested_path does not fit: an event has at most 32768 bytes");
	CHECK(compose_event(c));
	CHECK_INT(compose_text(c, STR("file.path"), (struct str){ b.p, (uint32_t)b.len }), 0);
	CHECK(!compose_event(c));
	buf_free(&b);
	compose_free(c);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(every_field), TEST(mistakes), TEST(lists),
					     TEST(paths), TEST(full) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
