/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin reload`: asks the running agent to read its policies again, and prints what changed.
 */
#include <errno.h>
#include <string.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/config.h"
#include "pipeline/control.h"
#include "pipeline/util.h"

struct reload_cfg {
	const char *control;
	uint32_t json;
};

static const struct option opts[] = {
	{ .key = "control",
	  .type = OPT_STR,
	  OPT(struct reload_cfg, control),
	  .def = CONFIG_CONTROL,
	  .min = 1,
	  .max = 107,
	  .arg = "SOCKET",
	  .help = "Where the agent takes commands" },
	{ .key = "json",
	  .type = OPT_BOOL,
	  OPT(struct reload_cfg, json),
	  .def = "false",
	  .help = "Print the agent's answer as it is" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

static void print_policies(const json_t *answer, const char *what, char sign)
{
	const json_t *list = json_object_get(answer, what), *p;
	size_t i;

	json_array_foreach(list, i, p)
		printf("%c %s (%s:%d)\n", sign, json_string_value(json_object_get(p, "name")),
		       json_string_value(json_object_get(p, "file")),
		       (int)json_integer_value(json_object_get(p, "line")));
}

static int code(const json_t *answer)
{
	if (json_integer_value(json_object_get(answer, "errors")))
		return EXIT_POLICY;
	return json_object_get(answer, "error") ? EXIT_RUNTIME : EXIT_OK;
}

static void print(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "problems"), *p;
	const char *error = json_string_value(json_object_get(answer, "error"));
	size_t i;

	json_array_foreach(list, i, p) fprintf(stderr, "%s\n", json_string_value(p));
	if (error) {
		fprintf(stderr, "tocsin reload: %s\n", error);
		return;
	}
	print_policies(answer, "added", '+');
	print_policies(answer, "changed", '~');
	print_policies(answer, "removed", '-');
	printf("generation %d: %d policies, %zu added, %zu changed, %zu removed\n",
	       (int)json_integer_value(json_object_get(answer, "generation")),
	       (int)json_integer_value(json_object_get(answer, "policies")),
	       json_array_size(json_object_get(answer, "added")),
	       json_array_size(json_object_get(answer, "changed")),
	       json_array_size(json_object_get(answer, "removed")));
}

static int ask(const struct reload_cfg *c)
{
	json_t *request = json_pack("{ss}", "command", "reload"), *answer = NULL;
	int rc = request ? control_ask(c->control, request, &answer) : -ENOMEM;

	json_decref(request);
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		fprintf(stderr, "tocsin reload: no agent takes commands at %s\n", c->control);
	else if (rc)
		fprintf(stderr, "tocsin reload: %s: %s\n", c->control, strerror(-rc));
	if (rc)
		return rc == -EACCES ? EXIT_MACHINE : EXIT_RUNTIME;
	if (c->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print(answer);
	}
	rc = code(answer);
	json_decref(answer);
	return rc;
}

int cmd_reload(int argc, char **argv)
{
	struct reload_cfg c = { 0 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc;

	option_defaults(opts, &c);
	rc = args_set(&a, &c, NULL);
	if (rc == ARGS_HELP) {
		printf("Usage: tocsin reload\nHave the running agent read its policies again, and print "
		       "what changed: + added, ~ changed,\n- removed. Exit code 3 when a file has a "
		       "problem; its last good version then stays in\nforce.\n\n");
		args_help(stdout, tables, ARRAY_LEN(tables));
		rc = EXIT_OK;
	} else {
		rc = rc < 0 ? EXIT_USAGE : ask(&c);
	}
	option_free(opts, &c);
	return rc;
}
