/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/option.h: every type, limits, lists, texts of errors.
 */
#include "pipeline/option.h"

#include <errno.h>

#include "pipeline/util.h"
#include "tests/harness/test.h"

struct cfg {
	uint32_t flag, mode;
	uint64_t n, bytes, wait;
	const char *name;
	struct opt_list list, kinds;
};

static const char *const mode_names[] = { "drop", "block", NULL };

static const struct option opts[] = {
	{ .key = "flag", .type = OPT_BOOL, OPT(struct cfg, flag), .def = "yes", .help = "f" },
	{ .key = "mode",
	  .type = OPT_ENUM,
	  OPT(struct cfg, mode),
	  .names = mode_names,
	  .help = "m" },
	{ .key = "n", .type = OPT_UINT, OPT(struct cfg, n), .def = "7", .min = 1, .max = 9 },
	{ .key = "bytes", .type = OPT_SIZE, OPT(struct cfg, bytes), .def = "16MiB" },
	{ .key = "wait",
	  .type = OPT_DURATION,
	  OPT(struct cfg, wait),
	  .def = "250ms",
	  .max = 60000000000ull },
	{ .key = "name", .type = OPT_STR, OPT(struct cfg, name), .def = "x", .min = 1, .max = 5 },
	{ .key = "list", .type = OPT_LIST, OPT(struct cfg, list), .def = "a,b" },
	{ .key = "kinds", .type = OPT_LIST, OPT(struct cfg, kinds) },
	{ 0 },
};

struct extra {
	uint64_t queue;
};

static const struct option extra_opts[] = {
	{ .key = "queue", .type = OPT_UINT, OPT(struct extra, queue), .def = "3" },
	{ 0 },
};

static int set(struct cfg *c, const char *key, const char *value, char err[200])
{
	memset(err, 0, 200);
	return option_set(opts, c, str_of(key), str_of(value), err, 200);
}

static void defaults(void)
{
	struct cfg c = { 0 };

	option_defaults(opts, &c);
	CHECK_INT(c.flag, 1);
	CHECK_INT(c.mode, 0);
	CHECK_INT(c.n, 7);
	CHECK_INT(c.bytes, 16 << 20);
	CHECK_INT(c.wait, 250000000);
	CHECK_STR(c.name, "x");
	CHECK_INT(c.list.count, 2);
	CHECK_STR(c.list.items[1], "b");
	CHECK_INT(c.kinds.count, 0);
	option_free(opts, &c);
	CHECK(!c.name);
}

static void numbers(void)
{
	struct cfg c = { 0 };
	char err[200];

	CHECK_INT(set(&c, "n", "9", err), 0);
	CHECK_INT(c.n, 9);
	CHECK_INT(set(&c, "n", "10", err), -ERANGE);
	CHECK_STR(err, "n: \"10\" is out of range, 1 to 9");
	CHECK_INT(set(&c, "n", "-1", err), -EINVAL);
	CHECK_STR(err, "n: \"-1\" is not a whole number");
	CHECK_INT(set(&c, "n", "", err), -EINVAL);
	CHECK_INT(set(&c, "n", "99999999999999999999", err), -ERANGE);
	CHECK_INT(c.n, 9);
	CHECK_INT(set(&c, "bytes", "64KiB", err), 0);
	CHECK_INT(c.bytes, 65536);
	CHECK_INT(set(&c, "bytes", "4096", err), 0);
	CHECK_INT(c.bytes, 4096);
	CHECK_INT(set(&c, "bytes", "1 GiB", err), 0);
	CHECK_INT(c.bytes, 1 << 30);
	CHECK_INT(set(&c, "bytes", "99999999999TiB", err), -ERANGE);
	CHECK_INT(set(&c, "bytes", "1kb", err), -EINVAL);
}

static void durations(void)
{
	struct cfg c = { 0 };
	char err[200];

	CHECK_INT(set(&c, "wait", "5s", err), 0);
	CHECK_INT(c.wait, 5000000000);
	CHECK_INT(set(&c, "wait", "0", err), 0);
	CHECK_INT(c.wait, 0);
	CHECK_INT(set(&c, "wait", "5", err), -EINVAL);
	CHECK(strstr(err, "unit"));
	CHECK_INT(set(&c, "wait", "2m", err), -ERANGE);
	CHECK_STR(err, "wait: \"2m\" is out of range, 0 to 1m");
	CHECK_INT(set(&c, "wait", "100us", err), 0);
	CHECK_INT(c.wait, 100000);
}

static void words(void)
{
	struct cfg c = { 0 };
	char err[200];

	CHECK_INT(set(&c, "flag", "on", err), 0);
	CHECK_INT(c.flag, 1);
	CHECK_INT(set(&c, "flag", "maybe", err), -EINVAL);
	CHECK_INT(set(&c, "mode", "block", err), 0);
	CHECK_INT(c.mode, 1);
	CHECK_INT(set(&c, "mode", "blok", err), -EINVAL);
	CHECK_STR(err, "mode: \"blok\" is none of drop|block");
	CHECK_INT(set(&c, "name", "abc", err), 0);
	CHECK_INT(set(&c, "name", "abcdef", err), -ERANGE);
	CHECK_INT(set(&c, "name", "", err), -ERANGE);
	CHECK_INT(option_set(opts, &c, STR("name"), STR("a\0b"), err, 200), -EINVAL);
	CHECK_STR(c.name, "abc");
	option_free(opts, &c);
}

static void lists(void)
{
	struct cfg c = { 0 };
	char err[200];

	option_defaults(opts, &c);
	CHECK_INT(set(&c, "list", "x,,y", err), -EINVAL);
	CHECK_INT(c.list.count, 2); /* as before */
	CHECK_INT(set(&c, "list", "x,y,z", err), 0);
	CHECK_INT(c.list.count, 3); /* the default gave way */
	CHECK_INT(set(&c, "list", "w", err), 0);
	CHECK_INT(c.list.count, 4);
	CHECK_INT(set(&c, "list", "v,", err), -EINVAL);
	CHECK_INT(c.list.count, 4);
	option_set_done(opts, &c);
	CHECK_INT(option_append(opts, &c, STR("list"), STR("a{1,2}"), err, 200), 0);
	CHECK_INT(c.list.count, 1);
	CHECK_STR(c.list.items[0], "a{1,2}");
	CHECK_INT(option_append(opts, &c, STR("n"), STR("1"), err, 200), -EINVAL);
	option_set_done(opts, &c);
	CHECK_INT(set(&c, "list", "", err), 0);
	CHECK_INT(c.list.count, 0);
	option_free(opts, &c);
}

static void unknown_keys(void)
{
	struct cfg c = { 0 };
	char err[200];

	CHECK_INT(set(&c, "bites", "1", err), -ENOENT);
	CHECK_STR(err, "unknown option \"bites\", did you mean \"bytes\"?");
	CHECK_INT(set(&c, "zzzzzz", "1", err), -ENOENT);
	CHECK_STR(err, "unknown option \"zzzzzz\"");
	CHECK_INT(set(&c, "a\x1b[31m", "1", err), -ENOENT);
	CHECK(!strchr(err, '\x1b'));
	CHECK_INT(set(&c, "", "1", err), -ENOENT);
}

static void key_value_text(void)
{
	struct cfg c = { 0 };
	struct extra x = { 0 };
	char err[200] = "";

	CHECK_INT(option_parse_list(opts, &c, extra_opts, &x,
				    STR("list=a:1,b:2,n=3,queue=8,name=q"), err, sizeof(err)),
		  0);
	CHECK_INT(c.list.count, 2);
	CHECK_STR(c.list.items[1], "b:2");
	CHECK_INT(c.n, 3);
	CHECK_INT(x.queue, 8);
	CHECK_INT(option_parse_list(opts, &c, NULL, NULL, STR("queue=1"), err, sizeof(err)),
		  -ENOENT);
	CHECK_INT(option_parse_list(opts, &c, extra_opts, &x, STR("queu=1"), err, sizeof(err)),
		  -ENOENT);
	CHECK(strstr(err, "\"queue\""));
	CHECK_INT(option_parse_list(opts, &c, NULL, NULL, STR("nothing"), err, sizeof(err)),
		  -EINVAL);
	CHECK_INT(option_parse_list(opts, &c, NULL, NULL, STR(""), err, sizeof(err)), 0);
	CHECK_INT(option_parse_list(opts, &c, NULL, NULL, STR("n=1,,name=v"), err, sizeof(err)),
		  -EINVAL);
	option_free(opts, &c);
}

static void hints(void)
{
	struct buf room = { 0 };

	CHECK_STR(option_hint(option_find(opts, STR("mode")), &room), "drop|block");
	CHECK_STR(option_hint(option_find(opts, STR("mode")), &room), "drop|block");
	CHECK_STR(option_hint(option_find(opts, STR("bytes")), &room), "SIZE");
	buf_free(&room);
}

static const struct test tests[] = {
	TEST(defaults), TEST(numbers),      TEST(durations),      TEST(words),
	TEST(lists),    TEST(unknown_keys), TEST(key_value_text), TEST(hints),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
