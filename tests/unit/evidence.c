/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/policy/window/evidence.h: whatever names an event has, something is told of each.
 */
#include "pipeline/policy/window/evidence.h"

#include <jansson.h>

#include "pipeline/util.h"
#include "tests/harness/made.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

static struct arena scratch;

/* The evidence as a document with an id. */
static json_t *evidence_of(struct made *m, const char *step)
{
	struct str got;
	char text[EVIDENCE_BYTES + 100];
	json_error_t error;
	json_t *j;

	arena_reset(&scratch);
	got = evidence_make(made_event(m), str_of(step), &scratch);
	CHECK(got.len && got.len <= EVIDENCE_BYTES);
	snprintf(text, sizeof(text), "{\"event\":{\"id\":\"x\"%.*s", (int)got.len, got.p);
	j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!j)
		test_fail(__FILE__, __LINE__, "%s: %s", error.text, text);
	return j;
}

static const char *at(const json_t *j, const char *object, const char *key)
{
	const char *s =
		json_string_value(json_object_get(object ? json_object_get(j, object) : j, key));

	return s ? s : "";
}

static bool ends_in_dots(const char *s)
{
	size_t n = strlen(s);

	return n >= 3 && !strcmp(s + n - 3, "…");
}

static void check_plain(void)
{
	struct made *m = made_new("file.open");
	char text[600];
	json_t *j, *ancestors;

	memset(text, 'a', sizeof(text));
	CHECK(made_set(m, "file.path", "/etc/x"));
	CHECK(made_set(m, "process.name", "cat"));
	CHECK(made_set(m, "process.executable", "/usr/bin/cat"));
	CHECK(made_set_bytes(m, "process.command_line", text, 512));
	CHECK(made_set(m, "process.ancestor_names", "sh\x1fsshd"));
	CHECK(made_set(m, "container.id", "abc"));
	j = evidence_of(m, "first");
	CHECK_STR(at(j, NULL, "step"), "first");
	CHECK_STR(at(j, "event", "action"), "file.open");
	CHECK_STR(at(j, "process", "executable"), "/usr/bin/cat");
	CHECK_INT(strlen(at(j, "process", "command_line")), 512);
	CHECK(!ends_in_dots(at(j, "process", "command_line")));
	ancestors = json_object_get(json_object_get(j, "process"), "ancestor_names");
	CHECK_INT(json_array_size(ancestors), 2);
	CHECK_STR(json_string_value(json_array_get(ancestors, 1)), "sshd");
	CHECK_STR(at(j, "container", "id"), "abc");
	CHECK_STR(at(j, NULL, "message"), "/usr/bin/cat opened /etc/x");
	json_decref(j);
	CHECK(made_set_bytes(m, "process.command_line", text, 513));
	j = evidence_of(m, "");
	CHECK_INT(strlen(at(j, "process", "command_line")), 515);
	CHECK(ends_in_dots(at(j, "process", "command_line")));
	CHECK(!json_object_get(j, "step"));
	json_decref(j);
	made_free(m);
}

/* Names of n bytes each, made of the bytes of `of` (and of n elements, for lists). */
static struct made *hostile(uint64_t *rnd, const char *of, uint32_t n)
{
	static const char *const paths[] = { "process.name", "process.executable",
					     "process.command_line", "container.id" };
	struct made *m = made_new("network.connect");
	static char text[65536];
	uint32_t kinds = (uint32_t)strlen(of), len = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		for (uint32_t j = 0; j < n; j++)
			text[j] = of[random_below(rnd, kinds)];
		CHECK(made_set_bytes(m, paths[i], text, n));
	}
	for (uint32_t i = 0; i < 64; i++) {
		for (uint32_t j = 0; j < 1 + n / 8; j++)
			text[len++] = of[random_below(rnd, kinds)];
		text[len++] = '\x1f';
	}
	CHECK(made_set_bytes(m, "process.ancestor_names", text, len - 1));
	memset(text, of[0], 100);
	CHECK(made_set_bytes(m, "network.unix.path", text, 100));
	return m;
}

static void long_names(void)
{
	static const char *const of[] = { "\xff",         "\x01",    "\"",   "\\",          "a",
					  "\xe2\x80\xae", "a\xff\"", "\x80", "\xef\xbe\x80" };
	uint64_t rnd = random_seed("EVIDENCE_SEED");

	CHECK_INT(arena_init(&scratch, EVIDENCE_SCRATCH), 0);
	for (size_t i = 0; i < ARRAY_LEN(of); i++)
		for (uint32_t n = 1; n < 3000; n += 1 + n / 7) {
			struct made *m = hostile(&rnd, of[i], n);
			char step[129] = "";
			json_t *j, *ancestors;

			memset(step, 'a', 128);
			j = evidence_of(m, step);
			CHECK_STR(at(j, NULL, "step"), step);
			CHECK(*at(j, "process", "name") && *at(j, "process", "executable"));
			CHECK(*at(j, "container", "id") && *at(j, NULL, "message"));
			/* It is cut where it must be, and then much of it is there. */
			CHECK(ends_in_dots(at(j, "process", "command_line")) || n <= 512);
			CHECK(n < 100 || strlen(at(j, "process", "command_line")) >= 100);
			CHECK(n > 100 || !ends_in_dots(at(j, "process", "command_line")));
			ancestors =
				json_object_get(json_object_get(j, "process"), "ancestor_names");
			CHECK(json_array_size(ancestors) > 1 && json_array_size(ancestors) <= 64);
			json_decref(j);
			made_free(m);
		}
	arena_free(&scratch);
}

static void plain(void)
{
	CHECK_INT(arena_init(&scratch, EVIDENCE_SCRATCH), 0);
	check_plain();
	arena_free(&scratch);
}

/* Without memory there is none, and nothing else happens. */
static void no_room(void)
{
	struct made *m = made_new("file.open");
	struct arena little;

	CHECK_INT(arena_init(&little, 100), 0);
	CHECK_INT(evidence_make(made_event(m), STR(""), &little).len, 0);
	arena_free(&little);
	made_free(m);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(plain), TEST(long_names), TEST(no_room) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
