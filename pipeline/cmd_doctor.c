/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin doctor`: loads and attaches every probe as `run` would, tells which hook sees which
 * kind of event and what the machine lacks, and takes all down again.
 */
#include <errno.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/encode.h"
#include "pipeline/machine.h"
#include "pipeline/schema.h"
#include "pipeline/util.h"
#include "probes/probe.h"

struct doctor_cfg {
	uint32_t json;
};

struct findings {
	const struct coverage *coverage;
	uint32_t ncoverage;
	struct fact facts[FACTS_MAX];
	uint32_t nfacts;
	int rc; /* of loading */
	char err[320];
};

static const struct option opts[] = {
	{ .key = "json",
	  .type = OPT_BOOL,
	  OPT(struct doctor_cfg, json),
	  .def = "false",
	  .help = "Print one JSON object" },
	{ 0 },
};
static const struct option *const tables[] = { opts };
static const char *const state_names[FACT_STATE_MAX] = { "ok", "note", "lacks" };

static uint64_t all_kinds(void)
{
	uint64_t kinds = 0;

	for (uint32_t i = 1; i < EV_MAX; i++)
		if (schema_kind(i) && i != EV_LOSS)
			kinds |= 1ULL << i;
	return kinds;
}

static bool has_gap(const struct findings *f)
{
	for (uint32_t i = 0; i < f->ncoverage; i++)
		if (!f->coverage[i].hook)
			return true;
	return f->rc != 0;
}

static void hook_names(const struct coverage *c, struct buf *out)
{
	buf_lit(out, c->hook ? c->hook->name : "none");
	for (uint32_t i = 0; i < COVERAGE_EXTRAS && c->extra[i]; i++)
		buf_addf(out, " + %s", c->extra[i]->name);
}

static const char *yes_no(bool b)
{
	return b ? "yes" : "no";
}

static void print_coverage(const struct findings *f)
{
	printf("%-18s %-8s %-9s %-45s %s\n", "KIND", "CAN DENY", "IO_URING", "KERNEL TRUTH",
	       "HOOK");
	for (uint32_t i = 0; i < f->ncoverage; i++) {
		const struct coverage *c = &f->coverage[i];
		struct buf hooks = { 0 };

		hook_names(c, &hooks);
		printf("%-18s %-8s %-9s %-45s %.*s\n", schema_kind(c->kind)->name,
		       yes_no(c->hook && c->hook->can_deny), yes_no(c->sees_io_uring),
		       c->hook && c->hook->truth ? c->hook->truth : "-", (int)hooks.len,
		       hooks.p ? hooks.p : "");
		if (c->reason[0])
			printf("%-18s missing: %s\n", "", c->reason);
		buf_free(&hooks);
	}
}

static void print_text(const struct findings *f)
{
	if (f->rc)
		printf("Nothing can be seen: %s\n", f->err);
	else
		print_coverage(f);
	printf("\n");
	for (uint32_t i = 0; i < f->nfacts; i++)
		printf("%-18s %-6s %s\n", f->facts[i].name, state_names[f->facts[i].state],
		       f->facts[i].text);
}

static void json_text(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "\"%s\":\"", key);
	json_escape(out, str_of(value));
	buf_char(out, '"');
}

static void json_coverage(struct buf *out, const struct coverage *c)
{
	buf_char(out, '{');
	json_text(out, "kind", schema_kind(c->kind)->name);
	buf_char(out, ',');
	if (c->hook)
		json_text(out, "hook", c->hook->name);
	else
		buf_lit(out, "\"hook\":null");
	buf_lit(out, ",\"also\":[");
	for (uint32_t i = 0; i < COVERAGE_EXTRAS && c->extra[i]; i++)
		buf_addf(out, "%s\"%s\"", i ? "," : "", c->extra[i]->name);
	buf_lit(out, "],");
	json_text(out, "kernel_truth", c->hook && c->hook->truth ? c->hook->truth : "");
	buf_addf(out, ",\"can_deny\":%s,\"sees_io_uring\":%s,",
		 c->hook && c->hook->can_deny ? "true" : "false",
		 c->sees_io_uring ? "true" : "false");
	json_text(out, "missing", c->reason);
	buf_char(out, '}');
}

static int print_json(const struct findings *f)
{
	struct buf out = { 0 };

	buf_char(&out, '{');
	json_text(&out, "version", TOCSIN_VERSION);
	buf_char(&out, ',');
	json_text(&out, "error", f->rc ? f->err : "");
	buf_lit(&out, ",\"coverage\":[");
	for (uint32_t i = 0; i < f->ncoverage; i++) {
		buf_lit(&out, i ? "," : "");
		json_coverage(&out, &f->coverage[i]);
	}
	buf_lit(&out, "],\"machine\":[");
	for (uint32_t i = 0; i < f->nfacts; i++) {
		buf_lit(&out, i ? ",{" : "{");
		json_text(&out, "name", f->facts[i].name);
		buf_char(&out, ',');
		json_text(&out, "state", state_names[f->facts[i].state]);
		buf_char(&out, ',');
		json_text(&out, "text", f->facts[i].text);
		buf_char(&out, '}');
	}
	buf_lit(&out, "]}\n");
	if (!out.failed)
		fwrite(out.p, 1, out.len, stdout);
	buf_free(&out);
	return out.failed ? -ENOMEM : 0;
}

static int examine(const struct doctor_cfg *c)
{
	struct probe_cfg cfg = {
		.want = all_kinds(), .ring_bytes = 256 << 10, .args_max = 4096, .failed_opens = 1
	};
	struct probe_set *set = NULL;
	struct findings f = { 0 };
	int rc = 0;

	f.rc = probe_set_open(&set, &cfg, f.err, sizeof(f.err));
	if (!f.rc)
		f.coverage = probe_coverage(set, &f.ncoverage);
	f.nfacts = machine_facts(f.facts);
	if (c->json)
		rc = print_json(&f);
	else
		print_text(&f);
	if (!rc)
		rc = has_gap(&f) ? EXIT_MACHINE : EXIT_OK;
	probe_set_free(set);
	return rc < 0 ? EXIT_RUNTIME : rc;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor_cfg c = { 0 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, &c, NULL);

	if (rc == ARGS_HELP) {
		printf("Usage: tocsin doctor [OPTION]…\nTell which hook sees which kind of event "
		       "and what the machine lacks. Exit code 4\nwhen a kind has no hook.\n\n");
		args_help(stdout, tables, ARRAY_LEN(tables));
		return EXIT_OK;
	}
	return rc < 0 ? EXIT_USAGE : examine(&c);
}
