/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The command line of `run` and `replay`. Read twice: for --config, which comes first whatever
 * its place, and then for the rest, whose lists and outputs replace the file's. Main thread.
 */
#include <errno.h>

#include "pipeline/args.h"
#include "pipeline/config_set.h"
#include "pipeline/util.h"

struct line {
	struct config *c;
	enum config_command cmd;
	const struct option *tables[CONFIG_TABLES + 1];
	uint32_t ntables;
	bool has_outputs;
};

static struct line line_of(struct config *c, enum config_command cmd)
{
	struct line l = { .c = c, .cmd = cmd };

	l.tables[l.ntables++] = config_special;
	for (uint32_t i = 0; i < CONFIG_TABLES; i++)
		if (cmd == CONFIG_RUN || !i)
			l.tables[l.ntables++] = config_tables[i];
	return l;
}

static int set_enricher(struct config *c, struct str text, char *err, size_t err_len)
{
	const char *colon = text.len ? memchr(text.p, ':', text.len) : NULL;
	struct str name = { text.p, colon ? (uint32_t)(colon - text.p) : text.len };
	int at = config_enricher_find(name, err, err_len);

	if (at < 0)
		return at;
	if (!colon) {
		snprintf(err, err_len, "%s: options are missing: %s:key=value", enrichers[at]->name,
			 enrichers[at]->name);
		return -EINVAL;
	}
	return option_parse_list(enrichers[at]->opts, c->enricher_cfg[at], NULL, NULL,
				 (struct str){ colon + 1, text.len - name.len - 1 }, err, err_len);
}

static int set_special(struct line *l, const struct option *o, struct str value, char *err,
		       size_t err_len)
{
	switch ((enum config_special)(o - config_special)) {
	case SPECIAL_OUTPUT:
		if (!l->has_outputs)
			config_outputs_clear(l->c);
		l->has_outputs = true;
		return config_add_output(l->c, value, err, err_len);
	case SPECIAL_ENRICH: return set_enricher(l->c, value, err, err_len);
	case SPECIAL_CONFIG: /* read before */
	case SPECIAL_MAX: break;
	}
	return 0;
}

/* Texts of the tables begin with the key: on a command line it is written another way. */
static void tell(struct diags *d, const struct option *o, const char *err)
{
	size_t n = strlen(o->key);
	char name[80];

	args_name(name, sizeof(name), o);
	if (!strncmp(err, o->key, n) && err[n] == ':')
		err += n + 2;
	diag_add(d, NULL, 0, 0, "%s: %s", name, err);
}

static void set(struct line *l, const struct option *o, struct str value, struct diags *d)
{
	bool special = option_find(config_special, str_of(o->key)) == o;
	char err[CONFIG_ERR];
	int rc;

	rc = special ? set_special(l, o, value, err, sizeof(err))
		     : config_set(l->c, str_of(o->key), value, false, err, sizeof(err));
	if (rc)
		tell(d, o, err);
}

static void word(const struct line *l, struct str value, struct diags *d)
{
	if (l->cmd == CONFIG_REPLAY && !l->c->input)
		l->c->input = value.p; /* of argv, so it ends in NUL */
	else
		diag_add(d, NULL, 0, 0, "unexpected argument \"%.*s\"", (int)MIN(value.len, 60u),
			 value.p);
}

/* Errors are left to the second reading. */
static int read_config(struct line *l, int argc, char **argv, struct diags *d)
{
	struct args a = { argc, argv, 1, l->tables, l->ntables, false };
	const struct option *o = NULL;
	struct str value;
	char err[CONFIG_ERR];
	int what;

	while ((what = args_next(&a, &o, &value, err, sizeof(err))) != ARGS_END) {
		if (what == ARGS_HELP)
			return 1;
		if (what != ARGS_OPTION || o != &config_special[SPECIAL_CONFIG])
			continue;
		if (l->c->config_file)
			diag_add(d, NULL, 0, 0, "--config: only one file can be named");
		l->c->config_file = value.p;
	}
	if (l->c->config_file)
		config_load_file(l->c, l->c->config_file, d);
	config_set_done(l->c);
	return 0;
}

int config_args(struct config *c, enum config_command cmd, int argc, char **argv, struct diags *d)
{
	struct line l = line_of(c, cmd);
	struct args a = { argc, argv, 1, l.tables, l.ntables, false };
	const struct option *o = NULL;
	uint32_t before = d->errors;
	struct str value;
	char err[CONFIG_ERR];
	int what;

	if (read_config(&l, argc, argv, d))
		return 1;
	while ((what = args_next(&a, &o, &value, err, sizeof(err))) != ARGS_END) {
		if (what < 0)
			diag_add(d, NULL, 0, 0, "%s", err);
		else if (what == ARGS_OPTION)
			set(&l, o, value, d);
		else
			word(&l, value, d);
	}
	if (cmd == CONFIG_REPLAY && !c->input && d->errors == before)
		diag_add(d, NULL, 0, 0, "FILE is missing: a stream kept by `tocsin run --save`");
	return d->errors > before ? -EINVAL : 0;
}

static void print_help(const struct line *l, enum config_command cmd)
{
	static const char *const usage[] = {
		[CONFIG_RUN] = "tocsin run [OPTION]…\n"
			       "Watch the kernel and deliver alerts and records until a signal.",
		[CONFIG_REPLAY] =
			"tocsin replay FILE [OPTION]…\n"
			"Judge a stream kept by `tocsin run --save` again; needs no root.",
	};

	printf("Usage: %s\n\n", usage[cmd]);
	args_help(stdout, l->tables, l->ntables);
	printf("\nOptions of sinks and enrichers: `tocsin help outputs`, `tocsin help "
	       "enrichers`\n");
}

int config_setup(struct config *c, enum config_command cmd, int argc, char **argv)
{
	struct line l = line_of(c, cmd);
	struct diags d = { 0 };
	int rc = config_defaults(c);

	if (rc) {
		fprintf(stderr, "tocsin: %s\n", strerror(-rc));
		return rc;
	}
	rc = config_args(c, cmd, argc, argv, &d);
	rc = rc ? rc : config_finish(c, cmd, &d);
	if (rc == 1)
		print_help(&l, cmd);
	diags_print(&d, stderr);
	if (rc < 0)
		fprintf(stderr, "tocsin %s --help lists the options\n", argv[0]);
	diags_free(&d);
	return rc;
}
