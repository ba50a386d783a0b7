/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The reference of all options, from their tables: docs/config.md, the options part of the man
 * page, `tocsin help outputs` and `tocsin help enrichers`. `make docs` writes the first two.
 */
#include <errno.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/config_set.h"
#include "pipeline/util.h"

/* Calls fn for every table there is: what it belongs to, its name, one sentence. */
enum owner { OF_COMMANDS, OF_RUN, OF_OUTPUTS, OF_SINK, OF_ENRICHER };
typedef void (*table_fn)(FILE *f, enum owner of, const char *name, const char *help,
			 const struct option *t);

static void each_sink(FILE *f, table_fn fn)
{
	for (const struct sink *const *s = sinks; *s; s++)
		fn(f, OF_SINK, (*s)->name, (*s)->help, (*s)->opts);
	fn(f, OF_OUTPUTS, "all sinks", "Options every output has beside its own", egress_opts);
}

static void each_enricher(FILE *f, table_fn fn)
{
	for (const struct enricher *const *e = enrichers; *e; e++)
		if ((*e)->opts && (*e)->opts->key)
			fn(f, OF_ENRICHER, (*e)->name, (*e)->help, (*e)->opts);
}

static void help_table(FILE *f, enum owner of, const char *name, const char *help,
		       const struct option *t)
{
	(void)of;
	fprintf(f, "%s: %s\n", name, help);
	for (; t && t->key; t++) {
		struct buf text = { 0 }, hint = { 0 };

		buf_lit(&text, t->help);
		option_limits(t, &text);
		fprintf(f, "  %s=%s\n      %.*s\n", t->key, option_hint(t, &hint), (int)text.len,
			text.p ? text.p : "");
		buf_free(&text);
		buf_free(&hint);
	}
	fputc('\n', f);
}

/* `special`: characters that would be markup, in text more than in code. */
static void cell(FILE *f, const char *text, const char *special)
{
	for (; *text; text++)
		fprintf(f, strchr(special, *text) ? "\\%c" : "%c", *text);
}

static void limits_cell(FILE *f, const struct option *o)
{
	struct option bound = *o;
	struct buf text = { 0 };
	uint64_t ends[2] = { o->min, o->max };
	bool number = o->type == OPT_UINT || o->type == OPT_SIZE || o->type == OPT_DURATION;

	bound.offset = 0;
	if (number && (o->min || o->max)) {
		option_text(&bound, &ends[0], &text);
		buf_lit(&text, " to ");
		option_text(&bound, &ends[1], &text);
	}
	fprintf(f, "%.*s", (int)text.len, text.p ? text.p : "");
	buf_free(&text);
}

static void markdown_row(FILE *f, const struct option *o)
{
	struct buf hint = { 0 };

	fprintf(f, "| `%s` | ", o->key);
	cell(f, option_hint(o, &hint), "|*");
	buf_free(&hint);
	fputs(" | ", f);
	if (o->def && *o->def) {
		fputc('`', f);
		cell(f, o->def, "|");
		fputc('`', f);
	}
	fputs(" | ", f);
	limits_cell(f, o);
	fputs(" | ", f);
	cell(f, o->help, "|*");
	fputs(" |\n", f);
}

static void markdown_table(FILE *f, enum owner of, const char *name, const char *help,
			   const struct option *t)
{
	fprintf(f, "\n### %s%s%s\n\n%s.\n\n", of >= OF_SINK ? "`" : "", name,
		of >= OF_SINK ? "`" : "", help);
	if (!t || !t->key) {
		fputs("It has no options.\n", f);
		return;
	}
	fputs("| key | value | default | limits | meaning |\n|---|---|---|---|---|\n", f);
	for (; t->key; t++)
		markdown_row(f, t);
}

static void markdown(FILE *f)
{
	fputs("# Configuration\n\n"
	      "<!-- Printed by `tocsin help --markdown`; `make docs` writes it. -->\n\n"
	      "Every option is a key of the YAML file that `--config FILE` names and an option of "
	      "the command\nline: `ring_size: 16MiB` is `--ring-size 16MiB`. The file is read first, "
	      "whatever the place of\n`--config`; what the command line names replaces what the file "
	      "says, lists and outputs as a whole.\nAll problems of a file are told at once, as "
	      "`file:line:column: reason`.\n\n"
	      "Sizes are written `4096`, `64KiB`, `16MiB`, `1GiB`; durations `250ms`, `5s`, `10m`, "
	      "`24h`, `7d`.\n\n## Options\n",
	      f);
	markdown_table(f, OF_COMMANDS, "run and replay", "Members of the file's top level",
		       config_tables[0]);
	markdown_table(f, OF_RUN, "run alone",
		       "The same; `replay` takes them from a file and does not use them",
		       config_tables[1]);
	fputs("\n## Outputs\n\n"
	      "`outputs` in the file, `--output SINK[:key=value,…]` on the command line; there a "
	      "piece without `=`\ncontinues the value before it. Without any, `run` prints alerts "
	      "as text and writes alerts and records\nunder `data_dir`; `replay` only prints.\n\n"
	      "```yaml\noutputs:\n  - stdout\n  - file:\n      path: /var/log/tocsin\n```\n\n"
	      "is `--output stdout --output file:path=/var/log/tocsin`.\n",
	      f);
	each_sink(f, markdown_table);
	fputs("\n## Enrichers\n\n"
	      "`enrichers` in the file, a map by name; `--enrich NAME:key=value,…` on the command "
	      "line.\n",
	      f);
	each_enricher(f, markdown_table);
}

/* roff: a backslash, and a dot or quote that begins a line, would be its own. */
static void man_text(FILE *f, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", f);
	for (; *text; text++)
		fprintf(f, *text == '\\' ? "\\e" : *text == '-' ? "\\-" : "%c", *text);
}

static void man_rows(FILE *f, bool on_line, const struct option *t)
{
	for (; t && t->key; t++) {
		struct buf text = { 0 }, hint = { 0 };
		char name[80];

		args_name(name, sizeof(name), t);
		fputs(".TP\n.B ", f);
		man_text(f, on_line ? name : t->key);
		fputs(on_line && t->type != OPT_BOOL ? " " : "=", f);
		man_text(f, option_hint(t, &hint));
		fputc('\n', f);
		buf_lit(&text, t->help);
		option_limits(t, &text);
		buf_char(&text, '\0');
		if (!text.failed)
			man_text(f, text.p);
		fputc('\n', f);
		buf_free(&text);
		buf_free(&hint);
	}
}

static void man_table(FILE *f, enum owner of, const char *name, const char *help,
		      const struct option *t)
{
	fprintf(f, ".SS %s%s\n",
		of == OF_SINK       ? "Output "
		: of == OF_ENRICHER ? "Enricher "
				    : "",
		name);
	man_text(f, help);
	fputs(".\n", f);
	man_rows(f, of < OF_OUTPUTS, t);
}

static void man(FILE *f)
{
	man_table(
		f, OF_COMMANDS, "Options of run and replay",
		"config, output and enrich are no keys of the file, which has outputs and enrichers",
		config_special);
	man_rows(f, true, config_tables[0]);
	man_table(f, OF_RUN, "Options of run", "Replay has no use for them", config_tables[1]);
	each_sink(f, man_table);
	each_enricher(f, man_table);
}

int cmd_reference(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "outputs"))
		each_sink(stdout, help_table);
	else if (!strcmp(what, "enrichers"))
		each_enricher(stdout, help_table);
	else if (!strcmp(what, "--markdown"))
		markdown(stdout);
	else if (!strcmp(what, "--man"))
		man(stdout);
	else {
		fprintf(stderr, "tocsin help: name a command, `outputs` or `enrichers`\n");
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
