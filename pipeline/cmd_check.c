/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin check PATH…`: loads policies as `run` does and tells every problem of every file.
 */
#include <errno.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/policy/policy.h"
#include "pipeline/util.h"

struct check_cfg {
	uint32_t quiet;
	const char **paths;
	uint32_t npaths;
};

static const struct option opts[] = {
	{ .key = "quiet",
	  .type = OPT_BOOL,
	  OPT(struct check_cfg, quiet),
	  .def = "false",
	  .help = "Print problems only" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

static int add_path(void *cfg, struct str word)
{
	struct check_cfg *c = cfg;

	c->paths[c->npaths++] = word.p;
	return 0;
}

static int check(const struct check_cfg *c)
{
	struct policy_set *set = NULL;
	struct diags d = { 0 };
	int rc = policy_load(&set, c->paths, c->npaths, &d);
	uint32_t errors = d.errors;

	diags_print(&d, stderr);
	diags_free(&d);
	if (rc && !errors) {
		fprintf(stderr, "tocsin check: %s\n", strerror(-rc));
		return EXIT_RUNTIME;
	}
	if (!c->quiet)
		printf("%u policies, %u problems\n", rc ? 0 : policy_count(set), errors);
	policy_free(set);
	return errors ? EXIT_POLICY : EXIT_OK;
}

int cmd_check(int argc, char **argv)
{
	CLEANUP_FREE const char **paths = calloc((size_t)argc, sizeof(*paths));
	struct check_cfg c = { .paths = paths };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = paths ? args_set(&a, &c, add_path) : -ENOMEM;

	if (rc == ARGS_HELP) {
		printf("Usage: tocsin check PATH…\nCheck policies: files, and directories of "
		       "*.yaml and *.yml. Exit code 3 when there is a\nproblem.\n\n");
		args_help(stdout, tables, ARRAY_LEN(tables));
		return EXIT_OK;
	}
	if (rc < 0)
		return EXIT_USAGE;
	if (!c.npaths) {
		fprintf(stderr, "tocsin check: name files or directories of policies\n");
		return EXIT_USAGE;
	}
	return check(&c);
}
