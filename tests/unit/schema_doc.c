/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What `tocsin schema` prints: the JSON Schema holds for real documents and refuses others, and
 * docs/events.md is what the tables say today.
 */
#include "pipeline/schema_doc.h"

#include <jansson.h>

#include "pipeline/encode.h"
#include "pipeline/util.h"
#include "tests/harness/record.h"
#include "tests/harness/scene.h"
#include "tests/harness/test.h"

static char *printed(int (*print)(FILE *), size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	CHECK(f);
	CHECK_INT(print(f), 0);
	fclose(f);
	return text;
}

static bool type_is(const json_t *v, const char *type)
{
	if (!strcmp(type, "object"))
		return json_is_object(v);
	if (!strcmp(type, "array"))
		return json_is_array(v);
	if (!strcmp(type, "integer"))
		return json_is_integer(v);
	if (!strcmp(type, "boolean"))
		return json_is_boolean(v);
	return !strcmp(type, "string") && json_is_string(v);
}

static bool type_allowed(const json_t *v, const json_t *types)
{
	const json_t *t;
	size_t i;

	if (json_is_string(types))
		return type_is(v, json_string_value(types));
	json_array_foreach(types, i, t) if (type_is(v, json_string_value(t))) return true;
	return false;
}

/* The part of JSON Schema that ours uses. NULL, or the key at which v breaks it. */
static const char *breaks(json_t *schema, json_t *v)
{
	json_t *want = json_object_get(schema, "const"), *types = json_object_get(schema, "type");
	json_t *properties = json_object_get(schema, "properties"), *member, *part;
	const char *key, *bad;
	size_t i;

	if (want)
		return json_equal(want, v) ? NULL : "const";
	if (!type_allowed(v, types))
		return "type";
	json_array_foreach(
		json_object_get(schema, "required"), i,
		part) if (!json_object_get(v,
					   json_string_value(part))) return json_string_value(part);
	json_array_foreach(v, i, part)
	{
		bad = json_object_get(schema, "items")
			      ? breaks(json_object_get(schema, "items"), part)
			      : NULL;
		if (bad)
			return bad;
	}
	if (!json_is_object(v) || !properties)
		return NULL;
	json_object_foreach(v, key, member)
	{
		part = json_object_get(properties, key);
		if (!part)
			return key;
		bad = breaks(part, member);
		if (bad)
			return bad;
	}
	return NULL;
}

static json_t *schema_of(json_t *root, json_t *doc)
{
	json_t *event = json_object_get(doc, "event"), *def;
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", json_string_value(json_object_get(event, "action")),
		 json_string_value(json_object_get(event, "kind")));
	def = json_object_get(json_object_get(root, "$defs"), name);
	if (!def)
		test_fail(name, 0, "not in the schema");
	return def;
}

static void make(struct rec *r, uint32_t kind)
{
	static const char *const args[] = { "cat", "-n", NULL };

	switch (kind) {
	case EV_FORK: rec_fork(r, 1, 2, 3, 4); break;
	case EV_EXEC: rec_exec(r, 1, 2, 3, 4, "/usr/bin/cat", args); break;
	case EV_EXIT: rec_exit(r, 1, 2, 3, 9); break;
	case EV_OPEN: rec_open(r, 1, 2, "/etc/\xff", 1); break;
	case EV_CONNECT: rec_connect(r, 1, 2, "192.0.2.1", 443); break;
	case EV_ACCEPT: rec_accept(r, 1, 2, "2001:db8::1", 443); break;
	case EV_LOSS: rec_loss(r, EV_OPEN, 1, UINT64_MAX); break;
	default: rec_begin(r, kind); rec_end(r);
	}
}

/* A document that the schema takes, and no longer with a field more, less or of another type. */
static void check_document(json_t *root, json_t *doc)
{
	json_t *schema = schema_of(root, doc), *event = json_object_get(doc, "event");
	const char *bad = breaks(schema, doc);

	if (bad)
		test_fail("document", 0, "breaks the schema at %s", bad);
	json_object_set_new(event, "surplus", json_true());
	CHECK(breaks(schema, doc));
	json_object_del(event, "surplus");
	CHECK(!breaks(schema, doc));
	json_object_set_new(event, "id", json_integer(1));
	CHECK(breaks(schema, doc));
	json_object_del(event, "id");
	CHECK(breaks(schema, doc));
}

static void documents_of_all_kinds_obey_the_json_schema(void)
{
	struct encoder_cfg cfg = { 0, STR("0123456789abcdef0123456789abcdef"), STR("cafe0001"),
				   false };
	struct batch *batch = batch_new(1 << 20, 64);
	struct encoder *encoder;
	struct event e = { 0 };
	static struct rec rec;
	struct arena arena;
	json_t *root, *doc;
	const char *why;
	size_t len;
	char *text = printed(schema_print_json, &len);

	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(root && batch);
	CHECK_INT(arena_init(&arena, 65536), 0);
	CHECK_INT(encoder_new(&encoder, &cfg), 0);
	for (uint32_t kind = 1; kind < EV_MAX; kind++)
		for (uint32_t turn = 0; turn < 3 && schema_kind_is_public(schema_kind(kind));
		     turn++) {
			struct str line;

			make(&rec, kind);
			CHECK_INT(event_validate(&e, &arena, rec.b, rec.len, &why), 0);
			if (turn)
				scene_set(&e);
			CHECK_INT(encoder_add(encoder, batch, &e, turn == 2 ? scene_match() : NULL),
				  0);
			line = batch_str(batch, batch->docs[batch->ndocs - 1].json);
			doc = json_loadb(line.p, line.len, 0, NULL);
			CHECK(doc);
			check_document(root, doc);
			json_decref(doc);
		}
	json_decref(root);
	free(text);
	encoder_free(encoder);
	arena_free(&arena);
	batch_unref(batch);
}

static void the_table_has_every_field_once(void)
{
	size_t len;
	char *text = printed(schema_print_table, &len);
	char line[128];

	for (uint32_t kind = 1; kind < EV_MAX; kind++) {
		const struct event_kind *k = schema_kind(kind);

		for (uint32_t i = 0; i < k->nfields; i++) {
			const char *hit;

			if (!k->fields[i].path)
				continue;
			snprintf(line, sizeof(line), "%s\t%s\t", k->name, k->fields[i].path);
			hit = strstr(text, line);
			CHECK(hit && (hit == text || hit[-1] == '\n'));
			CHECK(!strstr(hit + 1, line));
		}
	}
	CHECK(strstr(text, "file.open\tprocess.ancestors\tobjects\n"));
	CHECK(strstr(text, "file.open\t@timestamp\ttime\n"));
	CHECK(!strstr(text, "process.running"));
	free(text);
}

static void the_page_is_what_the_tables_say(void)
{
	FILE *f = fopen("docs/events.md", "r");
	size_t len, have = 0, cap = 1 << 20;
	char *text = printed(schema_print_markdown, &len), *page = malloc(cap);

	CHECK(page && text);
	if (!f)
		test_fail("docs/events.md", 0, "not there: run from the top of the tree");
	have = fread(page, 1, cap, f);
	fclose(f);
	if (have != len || memcmp(page, text, len))
		test_fail("docs/events.md", 0, "out of date: run make docs");
	free(text);
	free(page);
}

static const struct test tests[] = {
	TEST(documents_of_all_kinds_obey_the_json_schema),
	TEST(the_table_has_every_field_once),
	TEST(the_page_is_what_the_tables_say),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
