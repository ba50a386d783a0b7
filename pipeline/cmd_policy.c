/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin policy test PATH…`: runs the tests that policies carry. Needs no privilege.
 */
#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/encode.h"
#include "pipeline/policy/cases.h"
#include "pipeline/util.h"

struct test_cfg {
	uint32_t require;
	const char *const *words;
	uint32_t nwords;
};

static const struct option opts[] = {
	{ .key = "require",
	  .type = OPT_BOOL,
	  OPT(struct test_cfg, require),
	  .def = "false",
	  .help = "Each policy must have a test that raises it and one that does not: those that "
		  "lack one are named and count as failed" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

struct results {
	uint32_t passed, failed;
};

static int run_one(const struct policy_set *s, uint32_t policy, const struct policy_case *c,
		   struct results *r)
{
	struct str name = policy_at(s, policy)->name;
	struct buf why = { 0 }, shown = { 0 };
	bool passed = false;
	int rc = case_run(s, policy, c, &passed, &why);

	if (!rc && passed) {
		r->passed++;
	} else if (!rc) {
		r->failed++;
		printf("%s:%u:%u: %.*s is %sraised", c->file, c->line, c->column, (int)name.len,
		       name.p, c->raises ? "not " : "");
		if (c->name.len) {
			buf_lit(&shown, ": test \"");
			text_escape(&shown, c->name);
			printf("%.*s\"", (int)shown.len, shown.p);
		}
		printf("\n%.*s", (int)why.len, why.p ? why.p : "");
	}
	buf_free(&why);
	buf_free(&shown);
	return rc;
}

static void require(const struct policy_def *p, struct results *r)
{
	bool raises = false, silent = false;

	for (uint32_t i = 0; i < p->ncases; i++) {
		raises |= p->cases[i].raises;
		silent |= !p->cases[i].raises;
	}
	if (raises && silent)
		return;
	r->failed++;
	printf("%s:%u:1: %.*s has no test %s\n", p->pub.file.p, p->pub.line, (int)p->pub.name.len,
	       p->pub.name.p,
	       raises   ? "that must be silent"
	       : silent ? "that raises it"
			: "that raises it, and none that must be silent");
}

static int run_all(const struct test_cfg *c, const struct policy_set *s)
{
	struct results r = { 0 };
	int rc = 0;

	for (uint32_t i = 0; i < s->count && !rc; i++) {
		const struct policy_def *p = s->policies[i];

		for (uint32_t j = 0; j < p->ncases && !rc; j++)
			rc = run_one(s, i, &p->cases[j], &r);
		if (c->require)
			require(p, &r);
	}
	if (rc) {
		fprintf(stderr, "tocsin policy test: %s\n", strerror(-rc));
		return EXIT_RUNTIME;
	}
	printf("%u passed, %u failed\n", r.passed, r.failed);
	return r.failed ? EXIT_RUNTIME : EXIT_OK;
}

static int test(const struct test_cfg *c)
{
	struct policy_set *set = NULL;
	struct diags d = { 0 };
	int rc = policy_load(&set, c->words + 1, c->nwords - 1, &d);
	bool problems = d.errors;

	diags_print(&d, stderr);
	diags_free(&d);
	if (!rc)
		rc = run_all(c, set);
	else if (!problems)
		fprintf(stderr, "tocsin policy test: %s\n", strerror(-rc));
	policy_free(set);
	return problems ? EXIT_POLICY : rc < 0 ? EXIT_RUNTIME : rc;
}

static void help(void)
{
	printf("Usage: tocsin policy test PATH…\nRun the tests that policies carry (files, and "
	       "directories of *.yaml and *.yml). Exit\ncode 1 when one failed, 3 when policies "
	       "have problems.\n\n");
	args_help(stdout, tables, ARRAY_LEN(tables));
}

int cmd_policy(int argc, char **argv)
{
	struct test_cfg c = { .words = (const char *const *)argv + 1 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, &c, &c.nwords);

	if (rc == ARGS_HELP) {
		help();
		return EXIT_OK;
	}
	if (rc < 0)
		return EXIT_USAGE;
	if (!c.nwords || strcmp(c.words[0], "test")) {
		fprintf(stderr, "tocsin policy: %s; there is: policy test PATH…\n",
			c.nwords ? "no such thing can be done with policies" : "say what to do");
		return EXIT_USAGE;
	}
	if (c.nwords < 2) {
		fprintf(stderr, "tocsin policy test: name files or directories of policies\n");
		return EXIT_USAGE;
	}
	return test(&c);
}
