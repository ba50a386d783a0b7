/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The field tables themselves: what a bad row in events.def or context.def would break.
 */
#include "pipeline/schema.h"

#include <ctype.h>

#include "pipeline/names.h"
#include "pipeline/util.h"
#include "tests/harness/test.h"

enum { FIELDS_MAX = 512 };

/* All public fields of a kind's documents. */
static uint32_t view(const struct event_kind *k, const struct field *out[FIELDS_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->nfields; i++)
		if (schema_field_on(k, &k->fields[i]))
			out[n++] = &k->fields[i];
	for (uint32_t i = 0; i < schema_header_len; i++)
		if (schema_field_on(k, &schema_header[i]))
			out[n++] = &schema_header[i];
	for (uint32_t g = 0; g < CTX_MAX; g++)
		for (uint32_t i = 0; i < schema_group(g)->nfields; i++)
			if (schema_field_on(k, &schema_group(g)->fields[i]))
				out[n++] = &schema_group(g)->fields[i];
	return n;
}

static bool is_prefix(const char *a, const char *b)
{
	size_t n = strlen(a);

	return !strncmp(a, b, n) && b[n] == '.';
}

static bool good_path(const char *p)
{
	char prev = '.';

	if (!strcmp(p, "@timestamp"))
		return true;
	for (; *p; p++) {
		bool word = islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '_';

		if (!word && (*p != '.' || prev == '.'))
			return false;
		prev = *p;
	}
	return prev != '.';
}

static void paths_are_unique_and_nest(void)
{
	const struct field *f[FIELDS_MAX];

	for (uint32_t id = 1; id < EV_MAX; id++) {
		const struct event_kind *k = schema_kind(id);
		uint32_t n = view(k, f);

		CHECK(n > 10);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t j = 0; j < n; j++) {
				if (i != j && !strcmp(f[i]->path, f[j]->path))
					test_fail(k->name, 0, "%s twice", f[i]->path);
				if (is_prefix(f[i]->path, f[j]->path))
					test_fail(k->name, 0, "%s is a value and an object",
						  f[i]->path);
			}
	}
}

static void check_field(const char *where, const struct field *f)
{
	if (f->path && (!good_path(f->path) || strlen(f->path) > 64))
		test_fail(where, 0, "bad path %s", f->path);
	if (!f->help || !f->help[0] || !f->member || !f->type)
		test_fail(where, 0, "%s without help or type", f->member);
	if (f->help[strlen(f->help) - 1] == '.')
		test_fail(where, 0, "help of %s ends in a full stop", f->member);
	if ((f->class >= EV_CLASS_ENUM) != (f->names != NULL))
		test_fail(where, 0, "%s: name table and class differ", f->member);
	if (f->names && f->names->count < 2)
		test_fail(where, 0, "%s: names are missing", f->member);
	if (f->class == EV_CLASS_JSON && f->source != FIELD_CTX)
		test_fail(where, 0, "%s: JSON from the kernel", f->member);
}

static void rows_are_complete(void)
{
	for (uint32_t i = 0; i < schema_header_len; i++)
		check_field("header", &schema_header[i]);
	for (uint32_t id = 1; id < EV_MAX; id++) {
		const struct event_kind *k = schema_kind(id);

		CHECK(k->kind == id && k->help[0] && good_path(k->name));
		for (uint32_t i = 0; i < k->nfields; i++)
			check_field(k->name, &k->fields[i]);
	}
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		CHECK(schema_group(g)->help[0]);
		for (uint32_t i = 0; i < schema_group(g)->nfields; i++)
			check_field(schema_group(g)->name, &schema_group(g)->fields[i]);
	}
}

static void records_have_no_holes_between_rows(void)
{
	for (uint32_t id = 1; id < EV_MAX; id++) {
		const struct event_kind *k = schema_kind(id);
		uint32_t at = sizeof(struct ev_hdr);

		CHECK_INT(k->size % 8, 0);
		for (uint32_t i = 0; i < k->nfields; i++) {
			CHECK(k->fields[i].offset >= at);
			CHECK(k->fields[i].offset - at < 8); /* EV_PAD */
			at = k->fields[i].offset + k->fields[i].size;
		}
		CHECK(k->size - at < 8);
	}
}

static void header_layout_is_the_abi(void)
{
	CHECK_INT(sizeof(struct ev_hdr), 112);
	CHECK_INT(offsetof(struct ev_hdr, time_ns), 0);
	CHECK_INT(offsetof(struct ev_hdr, seq), 8);
	CHECK_INT(offsetof(struct ev_hdr, exec_id), 16);
	CHECK_INT(offsetof(struct ev_hdr, len), 76);
	CHECK_INT(offsetof(struct ev_hdr, kind), 80);
	CHECK_INT(offsetof(struct ev_hdr, abi), 86);
	CHECK_INT(offsetof(struct ev_hdr, comm), 96);
	CHECK_INT(schema_header[0].offset, 0);
	CHECK_STR(schema_header[0].member, "time_ns");
}

/* Of two fields with one path the first is meant. */
static void lookup_finds_every_field(void)
{
	for (uint32_t id = 1; id < EV_MAX; id++) {
		const struct field *fields[FIELDS_MAX];
		uint32_t n = view(schema_kind(id), fields);

		for (uint32_t i = 0; i < n; i++) {
			bool document =
				fields[i]->source == FIELD_CTX && fields[i]->group == CTX_DOC;
			const struct field *want = document ? NULL : fields[i];

			for (uint32_t j = 0; j < i; j++)
				if (!strcmp(fields[j]->path, fields[i]->path))
					want = fields[j];
			CHECK(schema_field(schema_kind(id), str_of(fields[i]->path)) == want);
		}
	}
}

static void lookup_finds_raw_header_and_context(void)
{
	const struct event_kind *open = schema_kind_by_name(STR("file.open"));
	const struct event_kind *loss = schema_kind(EV_LOSS);
	const struct field *f;

	CHECK(open && open->kind == EV_OPEN);
	f = schema_field(open, STR("file.path"));
	CHECK(f && f->source == FIELD_RAW && f->class == EV_CLASS_PATH && f->group == 0);
	f = schema_field(open, STR("process.pid"));
	CHECK(f && f->source == FIELD_HDR);
	f = schema_field(open, STR("process.parent.name"));
	CHECK(f && f->source == FIELD_CTX && f->group == CTX_PARENT);
	CHECK(!schema_field(open, STR("file.pat")));
	CHECK(!schema_field(open, STR("destination.ip")));
	CHECK(!schema_field(open, STR("")));
	CHECK(!schema_field(open, STR("rule.name")));
	CHECK(!schema_field(loss, STR("process.pid")));
	CHECK(schema_field(loss, STR("tocsin.loss.count")));
	CHECK(!schema_kind_by_name(STR("file")));
	CHECK(!schema_kind(EV_NONE) && !schema_kind(EV_MAX) && !schema_group(CTX_MAX));
	CHECK(schema_kind_is_public(open) && schema_kind_is_public(loss));
	CHECK(!schema_kind_is_public(schema_kind(EV_TASK)));
	/* Both PATH fields of an exec record have a slot of their own. */
	for (uint32_t i = 0, slot = 0; i < schema_kind(EV_EXEC)->nfields; i++)
		if (schema_kind(EV_EXEC)->fields[i].class == EV_CLASS_PATH)
			CHECK_INT(schema_kind(EV_EXEC)->fields[i].group, slot++);
}

static void misspelt_paths_get_a_suggestion(void)
{
	const struct event_kind *open = schema_kind(EV_OPEN);

	CHECK_STR(schema_suggest(open, STR("file.pth")), "file.path");
	CHECK_STR(schema_suggest(open, STR("procces.name")), "process.name");
	CHECK_STR(schema_suggest(open, STR("process.parent.executabel")),
		  "process.parent.executable");
	CHECK(!schema_suggest(open, STR("zzzzzzzz")));
	CHECK(!schema_suggest(open, STR("")));
	CHECK(!schema_suggest(open, STR("a")));
	CHECK(!schema_suggest(open,
			      STR("file.pathfile.pathfile.pathfile.pathfile.pathfile.pathfile."
				  "pathfile.pathfile.pathfile.pathfile.pathfile.path")));
}

static void names_go_both_ways(void)
{
	const struct field *err = schema_field(schema_kind(EV_OPEN), STR("error.code"));
	const struct field *flags = schema_field(schema_kind(EV_OPEN), STR("file.flags"));
	const struct field *sig = schema_field(schema_kind(EV_EXIT), STR("process.exit_signal"));
	const struct field *pid = schema_field(schema_kind(EV_OPEN), STR("process.pid"));
	const struct field *caps =
		schema_field(schema_kind(EV_OPEN), STR("process.capabilities.effective"));

	CHECK_STR(schema_enum_name(err, 13), "EACCES");
	CHECK_INT(schema_enum_value(err, STR("ENOENT")), 2);
	CHECK_INT(schema_enum_value(err, STR("ENOPE")), -1);
	CHECK(!schema_enum_name(err, 0) && !schema_enum_name(err, 41) &&
	      !schema_enum_name(err, ~0ULL));
	CHECK_STR(schema_enum_name(sig, 9), "SIGKILL");
	CHECK_STR(schema_enum_name(sig, 64), "SIGRTMIN+30");
	CHECK_INT(schema_enum_value(caps, STR("CAP_SYS_ADMIN")), 21);
	CHECK_INT(schema_enum_value(flags, STR("O_RDONLY")), OFLAGS_RDONLY_BIT);
	CHECK(oflags_bits(0) == 1ULL << 32 && oflags_bits(2) == 2);
	CHECK(!schema_enum_name(pid, 1) && schema_enum_value(pid, STR("x")) == -1);
	/* Every name leads back to its value, in every table. */
	for (uint32_t i = 0; i < schema_kind(EV_OPEN)->nfields; i++) {
		const struct field *f = &schema_kind(EV_OPEN)->fields[i];

		for (uint32_t v = 0; f->names && v < f->names->count; v++)
			if (f->names->names[v])
				CHECK_INT(schema_enum_value(f, str_of(f->names->names[v])), v);
	}
}

static const struct test tests[] = {
	TEST(paths_are_unique_and_nest),          TEST(rows_are_complete),
	TEST(records_have_no_holes_between_rows), TEST(header_layout_is_the_abi),
	TEST(lookup_finds_every_field),           TEST(lookup_finds_raw_header_and_context),
	TEST(misspelt_paths_get_a_suggestion),    TEST(names_go_both_ways),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
