/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Configuration: the file and the command line say the same through the same tables, problems are
 * told all at once with their places, and what the command line names replaces the file's.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "pipeline/config.h"
#include "pipeline/replace.h"
#include "pipeline/schema.h"
#include "pipeline/util.h"
#include "tests/harness/test.h"

enum { ARGS_MAX_ = 24 };

static int from_text(struct config *c, const char *text, struct diags *d)
{
	CHECK_INT(config_defaults(c), 0);
	return config_load_text(c, "t.yaml", str_of(text), d);
}

static int args_into(struct config *c, enum config_command cmd, struct diags *d,
		     const char *const *words)
{
	char *argv[ARGS_MAX_] = { cmd == CONFIG_RUN ? (char[]){ "run" } : (char[]){ "replay" } };
	int argc = 1;

	for (; words[argc - 1]; argc++) {
		CHECK(argc < ARGS_MAX_);
		argv[argc] = (char *)words[argc - 1];
	}
	return config_args(c, cmd, argc, argv, d);
}

#define ARGS(c, cmd, d, ...) args_into(c, cmd, d, (const char *const[]){ __VA_ARGS__, NULL })

static int from_args(struct config *c, struct diags *d, const char *const *words)
{
	CHECK_INT(config_defaults(c), 0);
	return args_into(c, CONFIG_RUN, d, words);
}
#define RUN(c, d, ...) from_args(c, d, (const char *const[]){ __VA_ARGS__, NULL })

static void check_said(const struct diags *d, uint32_t i, const char *text)
{
	if (i >= d->count || !strstr(d->items[i].reason, text))
		test_fail(__FILE__, __LINE__, "problem %u of %u is \"%s\", without \"%s\"", i,
			  d->count, i < d->count ? d->items[i].reason : "(none)", text);
}

static void check_place(const struct diags *d, uint32_t i, uint32_t line, uint32_t column)
{
	CHECK(i < d->count);
	CHECK_INT(d->items[i].line, line);
	CHECK_INT(d->items[i].column, column);
}

/* A value of the row that is not its default. */
static void sample(const struct option *o, char *out, size_t len)
{
	uint64_t bounds[2] = { o->min, o->max };
	struct option at = *o;
	struct buf b = { 0 };

	at.offset = 0;
	if (!strcmp(o->key, "record"))
		buf_lit(&b, "file.open");
	else if (o->type == OPT_BOOL)
		buf_lit(&b, o->def && !strcmp(o->def, "true") ? "false" : "true");
	else if (o->type == OPT_ENUM)
		buf_lit(&b, o->names[o->def && !strcmp(o->def, o->names[0]) ? 1 : 0]);
	else if (o->type == OPT_STR || o->type == OPT_LIST)
		buf_lit(&b, "some:thing-7");
	else if (!o->max)
		buf_lit(&b, o->type == OPT_DURATION ? "7s" : "7");
	else
		option_text(&at, &bounds[1], &b);
	if (o->def && b.len == strlen(o->def) && !memcmp(b.p, o->def, b.len)) {
		buf_reset(&b);
		option_text(&at, &bounds[0], &b);
	}
	CHECK(!b.failed);
	snprintf(out, len, "%.*s", (int)b.len, b.p);
	buf_free(&b);
}

static void check_same(const struct option *o, const void *file, const void *line,
		       const char *value)
{
	struct buf a = { 0 }, b = { 0 };

	option_text(o, file, &a);
	option_text(o, line, &b);
	if (a.len != b.len || memcmp(a.p, b.p, a.len))
		test_fail(__FILE__, __LINE__, "%s: the file gives \"%.*s\", the line \"%.*s\"",
			  o->key, (int)a.len, a.p, (int)b.len, b.p);
	if (o->def && a.len == strlen(o->def) && !memcmp(a.p, o->def, a.len))
		test_fail(__FILE__, __LINE__, "%s: %s leaves the default", o->key, value);
	buf_free(&a);
	buf_free(&b);
}

static void check_quiet(const struct diags *d, const char *what)
{
	if (d->count)
		test_fail(__FILE__, __LINE__, "%s: %s", what, d->items[0].reason);
}

static void file_and_line_agree(void)
{
	for (int t = 0; t < CONFIG_TABLES; t++)
		for (const struct option *o = config_tables[t]; o->key; o++) {
			char value[64], yaml[160], name[80];
			struct config a = { 0 }, b = { 0 };
			struct diags d = { 0 };

			sample(o, value, sizeof(value));
			snprintf(yaml, sizeof(yaml), "%s: \"%s\"\n", o->key, value);
			snprintf(name, sizeof(name), "--%s=%s", o->key, value);
			for (char *p = name; *p && *p != '='; p++)
				*p = *p == '_' ? '-' : *p;
			CHECK_INT(from_text(&a, yaml, &d), 0);
			CHECK_INT(RUN(&b, &d, name), 0);
			check_quiet(&d, o->key);
			check_same(o, &a, &b, value);
			config_free(&a);
			config_free(&b);
		}
}

static void check_output_row(const struct sink *s, const struct option *o, bool queue)
{
	char value[64], yaml[240], line[240];
	struct config a = { 0 }, b = { 0 };
	struct diags d = { 0 };

	sample(o, value, sizeof(value));
	snprintf(yaml, sizeof(yaml), "outputs:\n  - %s:\n      %s: \"%s\"\n", s->name, o->key,
		 value);
	snprintf(line, sizeof(line), "%s:%s=%s", s->name, o->key, value);
	from_text(&a, yaml, &d);
	check_quiet(&d, yaml);
	RUN(&b, &d, "--output", line);
	check_quiet(&d, line);
	CHECK_INT(a.noutputs, 1);
	CHECK_INT(b.noutputs, 1);
	check_same(o, queue ? (void *)&a.outputs[0].queue : a.outputs[0].cfg,
		   queue ? (void *)&b.outputs[0].queue : b.outputs[0].cfg, value);
	config_free(&a);
	config_free(&b);
}

static void outputs_agree(void)
{
	for (const struct sink *const *s = sinks; *s; s++) {
		for (const struct option *o = (*s)->opts; o && o->key; o++)
			check_output_row(*s, o, false);
		for (const struct option *o = egress_opts; o->key; o++)
			check_output_row(*s, o, true);
	}
}

static void enrichers_agree(void)
{
	for (int i = 0; enrichers[i]; i++)
		for (const struct option *o = enrichers[i]->opts; o && o->key; o++) {
			char value[64], yaml[240], line[240];
			struct config a = { 0 }, b = { 0 };
			struct diags d = { 0 };

			sample(o, value, sizeof(value));
			snprintf(yaml, sizeof(yaml), "enrichers:\n  %s:\n    %s: \"%s\"\n",
				 enrichers[i]->name, o->key, value);
			snprintf(line, sizeof(line), "%s:%s=%s", enrichers[i]->name, o->key, value);
			from_text(&a, yaml, &d);
			RUN(&b, &d, "--enrich", line);
			check_quiet(&d, line);
			check_same(o, config_enricher(&a, enrichers[i]->name), b.enricher_cfg[i],
				   value);
			config_free(&a);
			config_free(&b);
		}
}

/* Every row of every table: what the reference and --help print must be there. */
static void check_rows(const char *of, const struct option *t)
{
	for (const struct option *o = t; o && o->key; o++) {
		if (!o->help || !*o->help)
			test_fail(__FILE__, __LINE__, "%s: %s has no help", of, o->key);
		if (o->key[strspn(o->key, "abcdefghijklmnopqrstuvwxyz0123456789_")])
			test_fail(__FILE__, __LINE__, "%s: %s is no name", of, o->key);
		if (o->help[strlen(o->help) - 1] == '.')
			test_fail(__FILE__, __LINE__, "%s: %s: help ends in a dot", of, o->key);
		for (const struct option *p = o + 1; p->key; p++)
			CHECK(strcmp(o->key, p->key));
	}
}

static void rows_are_whole(void)
{
	for (int t = 0; t < CONFIG_TABLES; t++)
		check_rows("config", config_tables[t]);
	for (const struct option *o = config_tables[1]; o->key; o++)
		CHECK(!option_find(config_tables[0], str_of(o->key)));
	check_rows("egress", egress_opts);
	for (const struct sink *const *s = sinks; *s; s++) {
		check_rows((*s)->name, (*s)->opts);
		for (const struct option *o = egress_opts; o->key; o++)
			CHECK(!option_find((*s)->opts, str_of(o->key)));
	}
	for (int i = 0; enrichers[i]; i++)
		check_rows(enrichers[i]->name, enrichers[i]->opts);
}

static void all_problems_at_once(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(from_text(&c,
			    "ring_sise: 1MiB\n"
			    "latency: 5\n"
			    "record: [file.open, file.opne, process.exec]\n"
			    "outputs:\n"
			    "  - stdout: {format: xml, records: maybe}\n"
			    "  - [stdout]\n"
			    "enrichers:\n"
			    "  nothing: {}\n"
			    "ring_size: 3MiB\n"
			    "args_max:\n"
			    "save: {a: b}\n",
			    &d),
		  -EINVAL);
	CHECK_INT(d.count, 10);
	check_place(&d, 0, 1, 1);
	check_said(&d, 0, "unknown option \"ring_sise\", did you mean \"ring_size\"?");
	check_place(&d, 1, 2, 10);
	check_said(&d, 1, "duration");
	check_place(&d, 2, 3, 21);
	check_said(&d, 2, "\"file.opne\" is no event kind, did you mean \"file.open\"?");
	check_place(&d, 3, 5, 22);
	check_said(&d, 3, "stdout: format: \"xml\"");
	check_place(&d, 4, 5, 36);
	check_said(&d, 4, "records");
	check_place(&d, 5, 6, 5);
	check_place(&d, 6, 8, 3);
	check_said(&d, 6, "no enricher \"nothing\"");
	check_place(&d, 7, 9, 12);
	check_said(&d, 7, "power of two");
	check_said(&d, 8, "args_max: needs a value");
	check_place(&d, 9, 11, 7);
	CHECK_INT(c.ring_bytes, 16 << 20);
	CHECK_INT(c.record_kinds, 1ULL << EV_OPEN | 1ULL << EV_EXEC);
	diags_free(&d);
	config_free(&c);
}

static void not_yaml(void)
{
	static const char *const texts[] = { "- a\n",
					     "just text",
					     "{",
					     "a: b: c",
					     "a: 1\na: 2\n",
					     "outputs: 5\n",
					     "outputs: []\n",
					     "enrichers: [x]\n",
					     "outputs:\n  - {stdout: , file: }\n",
					     "? [a]\n: b\n",
					     "data_dir: \"a\\0b\"\n",
					     "outputs:\n  -\n" };

	for (uint32_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct config c = { 0 };
		struct diags d = { 0 };

		if (!from_text(&c, texts[i], &d) || !d.errors || !d.items[0].line)
			test_fail(__FILE__, __LINE__, "no place told for %s", texts[i]);
		diags_free(&d);
		config_free(&c);
	}
}

static void empty_file(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(from_text(&c, "# nothing\n", &d), 0);
	CHECK_INT(c.ring_bytes, 16 << 20);
	CHECK_INT(c.latency_ns, 5000000);
	CHECK_INT(c.args_max, 4096);
	CHECK_INT(c.gather_ns, 4000000);
	CHECK_STR(c.data_dir, "/var/lib/tocsin");
	config_free(&c);
}

static void kinds(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };
	uint64_t all = 0;

	for (uint32_t i = 1; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			all |= 1ULL << i;
	CHECK_INT(RUN(&c, &d, "--record", "file.open,process.exec", "--record", "process.exit"), 0);
	CHECK_INT(c.record_kinds, 1ULL << EV_OPEN | 1ULL << EV_EXEC | 1ULL << EV_EXIT);
	CHECK_INT(c.named_kinds, c.record_kinds);
	config_free(&c);
	CHECK_INT(RUN(&c, &d, "--record", "all", "--record=network.connect"), 0);
	CHECK_INT(c.record_kinds, all);
	CHECK_INT(c.named_kinds, 1ULL << EV_CONNECT);
	config_free(&c);
	CHECK_INT(RUN(&c, &d, "--record", "process.running"), -EINVAL); /* internal */
	config_free(&c);
	diags_free(&d);
}

static void line_replaces_file(void)
{
	char path[TEST_DIR];
	const char text[] =
		"policies: [/a, '/b,c']\nrecord: [file.open]\nlatency: 7ms\nduration: 9s\n"
		"outputs: [stdout, stdout:format=json]\n";
	struct config c = { 0 };
	struct diags d = { 0 };

	test_file(path);
	CHECK_INT(replace_file(path, STR(text)), 0);
	CHECK_INT(RUN(&c, &d, "--duration", "1s", "--config", path), 0);
	CHECK_INT(c.policies.count, 2);
	CHECK_STR(c.policies.items[1], "/b,c");
	CHECK_INT(c.latency_ns, 7000000);
	CHECK_INT(c.duration_ns, 1000000000);
	CHECK_INT(c.noutputs, 2);
	CHECK_STR(c.outputs[1].name, "stdout-2");
	config_free(&c);
	CHECK_INT(RUN(&c, &d, "--config", path, "--policies", "/x", "--policies", "/y", "--record",
		      "process.exec", "--output", "stdout"),
		  0);
	CHECK_INT(c.policies.count, 2);
	CHECK_STR(c.policies.items[0], "/x");
	CHECK_INT(c.record_kinds, 1ULL << EV_EXEC);
	CHECK_INT(c.noutputs, 1);
	config_free(&c);
	unlink(path);
	CHECK_INT(RUN(&c, &d, "--config", path), -EINVAL);
	CHECK_INT(d.count, 1);
	config_free(&c);
	diags_free(&d);
}

static void line_problems(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(RUN(&c, &d, "--ring-sice", "1", "extra", "--latency", "5", "--output", "stdot",
		      "--output=stdout:formt=json", "-x", "--ring-size=48KiB", "--save"),
		  -EINVAL);
	check_said(&d, 0, "unknown option --ring-sice; did you mean --ring-size?");
	check_said(&d, 1, "unexpected argument \"extra\"");
	check_said(&d, 2, "--latency: \"5\"");
	check_said(&d, 3, "no sink \"stdot\", did you mean \"stdout\"?");
	check_said(&d, 4, "did you mean \"format\"?");
	check_said(&d, 5, "-x");
	check_said(&d, 6, "--ring-size: \"48KiB\"");
	check_said(&d, 7, "--save needs a value");
	CHECK_INT(d.count, 8);
	CHECK_INT(c.noutputs, 0);
	diags_free(&d);
	config_free(&c);
}

static void empty_values(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(RUN(&c, &d, "--record", "", "--policies=", "--record", "fork", "--output",
		      "stdout:format=json,", "--typed-lods", "extra", "--frob", "x"),
		  -EINVAL);
	check_said(&d, 0, "--record: must not be empty");
	check_said(&d, 1, "--policies: must not be empty");
	check_said(&d, 2, "did you mean \"process.fork\"?");
	check_said(&d, 3, "a comma at the end");
	check_said(&d, 4, "did you mean --typed-loads?");
	check_said(&d, 5, "unexpected argument \"extra\""); /* a boolean takes no word */
	check_said(&d, 6, "unknown option --frob");
	CHECK_INT(d.count, 7);
	diags_free(&d);
	config_free(&c);
}

static void replay_has_less(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(ARGS(&c, CONFIG_REPLAY, &d, "--record", "all", "x.save"), 0);
	CHECK_STR(c.input, "x.save");
	config_free(&c);
	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(ARGS(&c, CONFIG_REPLAY, &d, "--duration", "5s"), -EINVAL);
	check_said(&d, 0, "--duration");
	CHECK_INT(d.count, 1);
	config_free(&c);
	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(ARGS(&c, CONFIG_REPLAY, &d, "--record", "all"), -EINVAL);
	check_said(&d, 1, "FILE is missing");
	config_free(&c);
	diags_free(&d);
}

static void help_wins(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(RUN(&c, &d, "--nonsense", "--help"), 1);
	CHECK_INT(d.count, 0);
	config_free(&c);
	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(ARGS(&c, CONFIG_REPLAY, &d, "--", "--help"), 0);
	CHECK_STR(c.input, "--help");
	config_free(&c);
}

static void finishing(void)
{
	struct config c = { 0 };
	struct diags d = { 0 };

	CHECK_INT(RUN(&c, &d, "--policies", "/p", "--data-dir", "/tmp/a,b=c"), 0);
	CHECK_INT(config_finish(&c, CONFIG_RUN, &d), 0);
	check_quiet(&d, "finish");
	CHECK_INT(c.noutputs, 2);
	CHECK_STR(c.outputs[0].name, "stdout");
	CHECK_STR(c.outputs[1].name, "file");
	CHECK(!c.shipped_policies);
	config_free(&c);
	CHECK_INT(RUN(&c, &d, "--output", "stdout"), 0);
	CHECK_INT(config_finish(&c, CONFIG_RUN, &d), 0);
	CHECK_INT(c.noutputs, 1);
	CHECK(c.shipped_policies);
	CHECK_INT(c.policies.count, 1);
	CHECK_INT(access(c.policies.items[0], R_OK | X_OK), 0);
	config_free(&c);
	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(config_finish(&c, CONFIG_REPLAY, &d), 0);
	CHECK_INT(c.noutputs, 1);
	config_free(&c);
}

static void too_many_outputs(void)
{
	struct buf text = { 0 };
	struct config c = { 0 };
	struct diags d = { 0 };

	buf_lit(&text, "outputs:\n");
	for (int i = 0; i <= CONFIG_OUTPUTS_MAX; i++)
		buf_lit(&text, i & 1 ? "  - stdout\n" : "  - stdout:\n");
	CHECK_INT(config_defaults(&c), 0);
	CHECK_INT(config_load_text(&c, "t", (struct str){ text.p, (uint32_t)text.len }, &d),
		  -EINVAL);
	CHECK_INT(c.noutputs, CONFIG_OUTPUTS_MAX);
	CHECK_INT(d.count, 1);
	check_place(&d, 0, CONFIG_OUTPUTS_MAX + 2, 5);
	diags_free(&d);
	config_free(&c);
	buf_free(&text);
}

static const struct test tests[] = {
	TEST(file_and_line_agree),
	TEST(outputs_agree),
	TEST(enrichers_agree),
	TEST(rows_are_whole),
	TEST(all_problems_at_once),
	TEST(not_yaml),
	TEST(empty_file),
	TEST(kinds),
	TEST(line_replaces_file),
	TEST(line_problems),
	TEST(empty_values),
	TEST(replay_has_less),
	TEST(help_wins),
	TEST(finishing),
	TEST(too_many_outputs),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
