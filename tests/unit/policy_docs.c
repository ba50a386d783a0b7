/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * docs/policies.md says what is so: each operator and function with its words, and an example that loads.
 */
#include "pipeline/filter/leaf.h"
#include "pipeline/policy/functions.h"
#include "pipeline/policy/ops.h"
#include "pipeline/policy/policy.h"
#include "tests/harness/test.h"

static char page[65536];

static void read_page(void)
{
	FILE *f = fopen("docs/policies.md", "r");
	size_t n = f ? fread(page, 1, sizeof(page) - 1, f) : 0;

	CHECK(f && n > 1000 && n < sizeof(page) - 1);
	fclose(f);
	page[n] = '\0';
}

static void operators(void)
{
	static const char *const takes[] = { "nothing", "a value", "a list", "a value or a list" };
	char row[400];

	read_page();
	for (uint32_t i = 0; i < OP_MAX; i++) {
		const char *at;

		snprintf(row, sizeof(row), "\n| `%s` | %s | ", ops[i].word, takes[ops[i].args]);
		at = strstr(page, row);
		if (!at)
			test_fail(__FILE__, __LINE__, "docs/policies.md has no row %s", row + 1);
		snprintf(row, sizeof(row), " | %s |\n", ops[i].help);
		if (!strstr(at, row))
			test_fail(__FILE__, __LINE__, "docs/policies.md does not say of %s: %s",
				  ops[i].word, ops[i].help);
	}
}

/* In the table of what the kernel can filter each operator stands in the row of what it can. */
static void filtered(void)
{
	char word[40], help[200];

	read_page();
	for (uint32_t i = 0; i < OP_MAX; i++) {
		const char *at = strstr(page, "| Operators | The kernel decides |"), *cell;
		bool found = false;

		CHECK(at);
		snprintf(word, sizeof(word), "`%s`", ops[i].word);
		snprintf(help, sizeof(help), " | %s |", leaf_op_help((enum op_id)i));
		while (!found && (at = strstr(at, "\n| `"))) {
			const char *end = strchr(at + 1, '\n');

			cell = strstr(++at, word);
			found = cell && cell < end &&
				!strncmp(end - strlen(help), help, strlen(help));
		}
		if (!found)
			test_fail(__FILE__, __LINE__, "docs/policies.md does not say that %s is%s",
				  word, help);
	}
}

static void functions(void)
{
	static const char *const takes[] = { "text", "text, lists", "a list",
					     "a field of the process" };
	char row[400];

	read_page();
	for (uint32_t i = 0; i < FUNC_MAX; i++) {
		snprintf(row, sizeof(row), "\n| `%s` | %s | %s |\n", funcs[i].word,
			 takes[funcs[i].takes], funcs[i].help);
		if (!strstr(page, row))
			test_fail(__FILE__, __LINE__, "docs/policies.md has no row %s", row + 1);
	}
}

static void example(void)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	char *at, *end;

	read_page();
	at = strstr(page, "```yaml\n");
	end = at ? strstr(at + 8, "```") : NULL;
	CHECK(end);
	CHECK_INT(policy_load_text(&s, "docs/policies.md",
				   (struct str){ at + 8, (uint32_t)(end - at) - 8 }, &d),
		  0);
	diags_print(&d, stdout);
	CHECK_INT(d.count, 0);
	CHECK_INT(policy_count(s), 1);
	policy_free(s);
}

/* Each test that stands in the page as code is one. */
static void tests_in_text(void)
{
	uint32_t found = 0;

	read_page();
	for (char *p = page; (p = strstr(p, "| `")); p++) {
		char *end = strchr(p + 3, '`'), yaml[600];
		struct policy_set *s = NULL;
		struct diags d = { 0 };

		/* A field with a dot in it, and something after it. */
		if (!end || !memchr(p + 3, '.', (size_t)(end - p) - 3) ||
		    !memchr(p + 3, ' ', (size_t)(end - p) - 3))
			continue;
		snprintf(
			yaml, sizeof(yaml),
			"policies:\n- name: a\n  on: [file.open, process.exec, process.exit, network.connect]\n"
			"  where: |\n    %.*s\n",
			(int)(end - p) - 3, p + 3);
		CHECK_INT(policy_load_text(&s, "docs/policies.md", str_of(yaml), &d), 0);
		diags_print(&d, stdout);
		CHECK_INT(d.count, 0);
		policy_free(s);
		found++;
	}
	CHECK(found >= 9);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(operators), TEST(filtered), TEST(functions),
					     TEST(example), TEST(tests_in_text) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
