/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What is printed from the option tables has every name that an option may take, and so has what
 * is said of a wrong one.
 */
#include <errno.h>

#include "pipeline/cmd.h"
#include "pipeline/config.h"
#include "pipeline/egress.h"
#include "pipeline/util.h"
#include "sinks/sink.h"
#include "tests/harness/test.h"

/* What `tocsin help WHAT` prints; the caller frees it. */
static char *printed(char *what)
{
	char *argv[] = { (char[]){ "help" }, what }, *text = NULL;
	FILE *real = stdout;
	size_t len = 0;
	int rc;

	stdout = open_memstream(&text, &len);
	rc = cmd_reference(2, argv);
	fclose(stdout);
	stdout = real;
	CHECK_INT(rc, EXIT_OK);
	return text;
}

/* How a text writes a row: before the key, between it and its value, between names, behind them. */
struct form {
	char *what;
	const char *before, *after, *between, *behind;
};

static void row_of(const struct form *f, const struct option *o, struct buf *out)
{
	buf_addf(out, "%s%s%s", f->before, o->key, f->after);
	for (uint32_t i = 0; o->names[i]; i++)
		buf_addf(out, "%s%s", i ? f->between : "", o->names[i]);
	buf_lit(out, f->behind);
	buf_char(out, '\0');
	CHECK(!out->failed);
}

/* Each ENUM of the table has all its names in the text. Returns how many there are. */
static uint32_t look(const struct form *f, const char *text, const struct option *t)
{
	uint32_t n = 0;

	for (; t && t->key; t++) {
		struct buf row = { 0 };

		if (t->type != OPT_ENUM)
			continue;
		row_of(f, t, &row);
		if (!strstr(text, row.p))
			test_fail(__FILE__, __LINE__, "%s has no %s", f->what, row.p);
		buf_free(&row);
		n++;
	}
	return n;
}

static uint32_t look_at_outputs(const struct form *f, const char *text)
{
	uint32_t n = look(f, text, egress_opts);

	for (const struct sink *const *s = sinks; *s; s++)
		n += look(f, text, (*s)->opts);
	return n;
}

static void outputs(void)
{
	const struct form f = { (char[]){ "outputs" }, "\n  ", "=", "|", "\n" };
	char *text = printed(f.what);

	CHECK(look_at_outputs(&f, text) > 2);
	free(text);
}

static void man(void)
{
	const struct form f = { (char[]){ "--man" }, "\n.B ", "=", "|", "\n" };
	char *text = printed(f.what);

	CHECK(look_at_outputs(&f, text) > 2);
	free(text);
}

static void markdown(void)
{
	const struct form f = { (char[]){ "--markdown" }, "\n| `", "` | ", "\\|", " | " };
	char *text = printed(f.what);
	uint32_t n = look_at_outputs(&f, text);

	for (uint32_t t = 0; t < CONFIG_TABLES; t++)
		n += look(&f, text, config_tables[t]);
	CHECK(n > 4);
	free(text);
}

/* What is said of a wrong name has all right ones; where it has no room, it ends so that one sees it. */
static void wrong_name(void)
{
	const struct form f = { (char[]){ "" }, "", ": \"x\" is none of ", "|", "" };

	for (const struct sink *const *s = sinks; *s; s++)
		for (const struct option *o = (*s)->opts; o && o->key; o++) {
			uint32_t cfg[512] = { 0 };
			struct buf row = { 0 };
			char err[320], tiny[20];

			if (o->type != OPT_ENUM)
				continue;
			CHECK(o->offset < sizeof(cfg));
			row_of(&f, o, &row);
			CHECK_INT(option_set((*s)->opts, cfg, str_of(o->key), STR("x"), err,
					     sizeof(err)),
				  -EINVAL);
			CHECK_STR(err, row.p);
			CHECK_INT(option_set((*s)->opts, cfg, str_of(o->key), STR("x"), tiny,
					     sizeof(tiny)),
				  -EINVAL);
			CHECK_STR(tiny + strlen(tiny) - 3, "...");
			buf_free(&row);
		}
}

static const struct test tests[] = { TEST(outputs), TEST(man), TEST(markdown), TEST(wrong_name) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
