/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/save_header.h: what decides how documents look goes into a file and comes back; headers
 * that do not fit are refused.
 */
#include "pipeline/save_header.h"

#include <errno.h>

#include "bpf/event.h"
#include "enrichers/host.h"
#include "pipeline/util.h"
#include "tests/harness/test.h"

static const struct identity id = { "0123456789abcdef0123456789abcdef", "00c0ffee", -5 };

static void set(struct config *c, const char *enricher, const char *key, const char *value,
		bool item)
{
	char err[300] = "";
	void *cfg = config_enricher(c, enricher);
	const struct option *t = NULL;

	for (uint32_t i = 0; enrichers[i]; i++)
		if (!strcmp(enrichers[i]->name, enricher))
			t = enrichers[i]->opts;
	CHECK(t && cfg);
	if (item ? option_append(t, cfg, str_of(key), str_of(value), err, sizeof(err))
		 : option_set(t, cfg, str_of(key), str_of(value), err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
}

static json_t *make(const struct config *c)
{
	json_t *h = save_header_make(&id, c, STR("digest")), *again;
	char *text = json_dumps(h, 0);

	/* as through a file */
	again = json_loads(text, 0, NULL);
	CHECK(again);
	free(text);
	json_decref(h);
	return again;
}

static void round_trip(void)
{
	struct config c = { 0 }, back = { 0 };
	struct identity got = { 0 };
	struct host_cfg *host;
	char err[300] = "";
	json_t *h, *h2;

	CHECK_INT(config_defaults(&c), 0);
	c.record_kinds = 1ull << EV_OPEN | 1ull << EV_EXIT;
	set(&c, "host", "name", "h\xff\x80st", false);
	set(&c, "process", "max_processes", "4096", false);
	set(&c, "process", "linger", "250ms", false);
	set(&c, "process", "redact_args", "", false);
	set(&c, "process", "redact_args", "a{1,2}=(\xfe)", true);
	set(&c, "process", "redact_args", "second", true);
	h = make(&c);
	CHECK_INT(config_defaults(&back), 0);
	if (save_header_apply(h, &got, &back, err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
	CHECK(!memcmp(&got, &id, sizeof(id)));
	CHECK_INT(back.record_kinds, c.record_kinds);
	host = config_enricher(&back, "host");
	CHECK_STR(host->name, "h\xff\x80st");
	h2 = make(&back);
	CHECK(json_equal(json_object_get(h, "options"), json_object_get(h2, "options")));
	json_decref(h);
	json_decref(h2);
	config_free(&c);
	config_free(&back);
}

static void kinds_that_the_user_names_stay(void)
{
	struct config c = { 0 };
	struct identity got;
	char err[300] = "", *word = strdup("process.exec");
	json_t *h;

	CHECK_INT(config_defaults(&c), 0);
	c.record_kinds = 1ull << EV_OPEN;
	h = make(&c);
	c.record_kinds = 1ull << EV_EXEC;
	c.record = (struct opt_list){ malloc(sizeof(char *)), 1, 0 };
	c.record.items[0] = word;
	CHECK_INT(save_header_apply(h, &got, &c, err, sizeof(err)), 0);
	CHECK_INT(c.record_kinds, 1ull << EV_EXEC);
	json_decref(h);
	config_free(&c);
}

static void check_refused(const char *key, json_t *value, const char *want)
{
	struct identity got = { .run_id = "as it was" };
	struct config c = { 0 };
	char err[300] = "";
	json_t *h;

	CHECK_INT(config_defaults(&c), 0);
	h = make(&c);
	json_object_set_new(h, key, value);
	CHECK_INT(save_header_apply(h, &got, &c, err, sizeof(err)) < 0, 1);
	if (!strstr(err, want))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err, want);
	CHECK_STR(got.run_id, "as it was");
	json_decref(h);
	config_free(&c);
}

static void what_does_not_fit_is_refused(void)
{
	check_refused("boot_id", json_string("short"), "hex digits");
	check_refused("run_id", json_string("..\x1b[3m.."), "hex digits");
	check_refused("run_id", json_integer(3), "hex digits");
	check_refused("records", json_pack("[s]", "no.such"), "unknown");
	check_refused("records", json_pack("[i]", 3), "unknown");
	check_refused("options", json_pack("{s:{s:s}}", "process", "no_such", "1"), "no_such");
	check_refused("options", json_pack("{s:{s:s}}", "process", "linger", "soon"), "linger");
	check_refused("options", json_pack("{s:{s:i}}", "process", "linger", 3), "linger");
	check_refused("options", json_pack("{s:{s:[i]}}", "host", "name", 0), "name");
	check_refused("options", json_pack("{s:{s:[i]}}", "host", "name", 4000), "name");
	check_refused("options", json_pack("{s:{s:[[s]]}}", "process", "redact_args", "x"),
		      "redact_args");
}

static void this_machine_has_an_identity(void)
{
	struct identity a, b;

	CHECK_INT(identity_make(&a), 0);
	CHECK_INT(identity_make(&b), 0);
	CHECK_STR(a.boot_id, b.boot_id);
	CHECK_INT(strlen(a.boot_id), BOOT_ID_LEN);
	CHECK(strcmp(a.run_id, b.run_id));
	CHECK(a.clock_offset_ns > 1600000000ll * 1000000000);
	CHECK(llabs(a.clock_offset_ns - b.clock_offset_ns) < 100000000);
}

static const struct test tests[] = {
	TEST(round_trip),
	TEST(kinds_that_the_user_names_stay),
	TEST(what_does_not_fit_is_refused),
	TEST(this_machine_has_an_identity),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
