/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin schema`: the fields of every event kind, in a form for people or for programs.
 */
#include <stdio.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/schema_doc.h"
#include "pipeline/util.h"

struct schema_cfg {
	uint32_t format;
};

static const struct {
	int (*print)(FILE *f);
} forms[] = { { schema_print_table }, { schema_print_markdown }, { schema_print_json } };
static const char *const form_names[] = { "table", "markdown", "json", NULL };
_Static_assert(ARRAY_LEN(forms) + 1 == ARRAY_LEN(form_names), "forms");

static const struct option opts[] = {
	{ .key = "format",
	  .type = OPT_ENUM,
	  OPT(struct schema_cfg, format),
	  .def = "table",
	  .names = form_names,
	  .help = "Lines of kind, path and type; Markdown as in docs/events.md; or JSON Schema" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

int cmd_schema(int argc, char **argv)
{
	struct schema_cfg c = { 0 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, &c, NULL);

	if (rc == ARGS_HELP) {
		printf("Usage: tocsin schema [OPTION]…\nPrint the fields of every event kind.\n\n");
		args_help(stdout, tables, ARRAY_LEN(tables));
		return EXIT_OK;
	}
	if (rc < 0)
		return EXIT_USAGE;
	rc = forms[c.format].print(stdout);
	if (rc && !ferror(stdout)) /* main() tells of that */
		fprintf(stderr, "tocsin schema: %s\n", strerror(-rc));
	return rc ? EXIT_RUNTIME : EXIT_OK;
}
