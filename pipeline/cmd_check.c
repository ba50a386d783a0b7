/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin check PATH…`: loads policies as `run` does and tells every problem of every file, which
 * policies the kernel filter can do nothing for, and which the index cannot find.
 */
#include <errno.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/filter/derive.h"
#include "pipeline/util.h"

enum { NAMED_UNASKED = 10 };

struct check_cfg {
	uint32_t quiet, filter, cost;
	const char *const *paths;
	uint32_t npaths;
};

static const struct option opts[] = {
	{ .key = "quiet",
	  .type = OPT_BOOL,
	  OPT(struct check_cfg, quiet),
	  .def = "false",
	  .help = "Print problems only" },
	{ .key = "filter",
	  .type = OPT_BOOL,
	  OPT(struct check_cfg, filter),
	  .def = "false",
	  .help = "Name each policy that the kernel cannot filter, and the test that makes it so, "
		  "also where there are more than 10" },
	{ .key = "cost",
	  .type = OPT_BOOL,
	  OPT(struct check_cfg, cost),
	  .def = "false",
	  .help = "Name each policy that is asked of every event, since nothing in it can be looked up" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

static void print_note(const struct filter_note *n)
{
	printf("%.*s:%u: note: %.*s needs every %s: ", (int)n->policy->file.len, n->policy->file.p,
	       n->policy->line, (int)n->policy->name.len, n->policy->name.p,
	       schema_kind(n->kind)->name);
	if (n->test)
		printf("`%.*s` %s\n", (int)n->test->source.len, n->test->source.p, n->why);
	else
		printf("it %s\n", n->why);
}

/* Not problems: such policies work, and cost more. */
static int tell_filter(const struct policy_set *set, bool name_all)
{
	const struct filter_note *notes;
	struct filter *f = NULL;
	bool name_them;
	uint32_t n;
	int rc = filter_derive(&f, set, 0);

	if (rc)
		return rc;
	notes = filter_notes(f, &n);
	name_them = name_all || n <= NAMED_UNASKED;
	for (uint32_t i = 0; i < n && name_them; i++)
		print_note(&notes[i]);
	for (uint32_t k = 0; k < EV_MAX; k++) {
		uint32_t count = 0;

		for (uint32_t i = 0; i < n; i++)
			count += notes[i].kind == k;
		if (count)
			printf("%s is not filtered in the kernel: %u %s every one%s\n",
			       schema_kind(k)->name, count,
			       count == 1 ? "policy needs" : "policies need",
			       name_them ? "" : " (--filter names them)");
	}
	filter_free(f);
	return 0;
}

static void tell_cost(const struct policy_set *set, bool name_them)
{
	for (uint32_t k = 0; k < EV_MAX; k++) {
		uint32_t n = 0, i, last = UINT32_MAX;

		for (uint32_t at = 0; (i = policy_always(set, k, at)) != UINT32_MAX; at++) {
			const struct policy *p = policy_at(set, i);

			n += i != last; /* a policy may have several steps */
			if (name_them && i != last)
				printf("%.*s:%u: note: %.*s is asked of every %s: no test in it "
				       "can be looked up\n",
				       (int)p->file.len, p->file.p, p->line, (int)p->name.len,
				       p->name.p, schema_kind(k)->name);
			last = i;
		}
		if (n && name_them)
			printf("%u of them are asked of every %s\n", n, schema_kind(k)->name);
	}
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
	if (!rc && !c->quiet)
		rc = tell_filter(set, c->filter);
	if (!rc && !c->quiet)
		tell_cost(set, c->cost);
	policy_free(set);
	if (rc == -ENOMEM) {
		fprintf(stderr, "tocsin check: %s\n", strerror(-rc));
		return EXIT_RUNTIME;
	}
	return errors ? EXIT_POLICY : EXIT_OK;
}

int cmd_check(int argc, char **argv)
{
	struct check_cfg c = { .paths = (const char *const *)argv + 1 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, &c, &c.npaths);

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
