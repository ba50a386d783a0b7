/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Command lines read by option tables, and the help printed from the same rows. Main thread.
 */
#include "pipeline/args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pipeline/nearest.h"
#include "pipeline/util.h"

enum { NAME_SIZE = 80, HELP_COLUMN = 28, HELP_WIDTH = 80, DEFAULT_SHOWN = 40 };

void args_name(char *out, size_t len, const struct option *o)
{
	snprintf(out, len, "--%s", o->key);
	for (char *p = out + 2; *p; p++)
		if (*p == '_')
			*p = '-';
}

/* "ring-size" or "ring_size" of the command line is the key "ring_size". */
static bool is_named(const struct option *o, struct str name)
{
	uint32_t i;

	for (i = 0; i < name.len && o->key[i]; i++)
		if (o->key[i] != (name.p[i] == '-' ? '_' : name.p[i]))
			return false;
	return i == name.len && !o->key[i];
}

static const struct option *find(const struct args *a, struct str name)
{
	for (uint32_t t = 0; t < a->ntables; t++)
		for (const struct option *o = a->tables[t]; o->key; o++)
			if (is_named(o, name))
				return o;
	return NULL;
}

static bool has_value(const struct args *a)
{
	return a->at < a->argc && strncmp(a->argv[a->at], "--", 2);
}

/* What follows an unknown option is taken for its value, so that it is no problem of its own;
 * not where a boolean was meant, which has none. */
static int unknown(struct args *a, struct str name, const char *eq, char *err, size_t err_len)
{
	char near[NAME_SIZE], text[NAME_SIZE];
	struct nearest n = { .word = name };
	const struct option *o;

	snprintf(text, sizeof(text), "%.*s", (int)MIN(name.len, NAME_SIZE - 1u), name.p);
	for (char *p = text; *p; p++)
		if (*p == '-')
			*p = '_';
	n.word = str_of(text);
	for (uint32_t t = 0; t < a->ntables; t++)
		for (o = a->tables[t]; o->key; o++)
			nearest_offer(&n, o->key);
	o = n.best ? find(a, str_of(n.best)) : NULL;
	if (o)
		args_name(near, sizeof(near), o);
	if (!eq && !(o && o->type == OPT_BOOL) && has_value(a))
		a->at++;
	snprintf(err, err_len, "unknown option --%.*s%s%s%s", (int)MIN(name.len, 60u), name.p,
		 o ? "; did you mean " : "", o ? near : "", o ? "?" : "");
	return -EINVAL;
}

static int value_of(struct args *a, const struct option *o, const char *eq, struct str *value,
		    char *err, size_t err_len)
{
	struct buf hint = { 0 };
	char name[NAME_SIZE];

	if (eq)
		*value = str_of(eq + 1);
	else if (o->type == OPT_BOOL)
		*value = STR("true");
	else if (has_value(a))
		*value = str_of(a->argv[a->at++]);
	else {
		args_name(name, sizeof(name), o);
		snprintf(err, err_len, "%s needs a value: %s %s", name, name,
			 option_hint(o, &hint));
		buf_free(&hint);
		return -EINVAL;
	}
	return ARGS_OPTION;
}

int args_next(struct args *a, const struct option **o, struct str *value, char *err, size_t err_len)
{
	const char *word, *eq;
	struct str name;

	if (a->at >= a->argc)
		return ARGS_END;
	word = a->argv[a->at++];
	if (!a->words_only && !strcmp(word, "--")) {
		a->words_only = true;
		return args_next(a, o, value, err, err_len);
	}
	if (a->words_only || word[0] != '-' || !word[1]) {
		*value = str_of(word);
		return ARGS_WORD;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return ARGS_HELP;
	if (word[1] != '-') {
		snprintf(err, err_len, "unknown option %.60s; options begin with --", word);
		return -EINVAL;
	}
	eq = strchr(word, '=');
	name = (struct str){ word + 2, (uint32_t)(eq ? eq - word - 2 : (long)strlen(word + 2)) };
	*o = find(a, name);
	if (!*o)
		return unknown(a, name, eq, err, err_len);
	return value_of(a, *o, eq, value, err, err_len);
}

static int set_one(const struct args *a, const struct option *o, void *cfg, struct str value,
		   char *err, size_t err_len)
{
	for (uint32_t t = 0; t < a->ntables; t++)
		if (option_find(a->tables[t], str_of(o->key)) == o)
			return option_set(a->tables[t], cfg, str_of(o->key), value, err, err_len);
	return -ENOENT;
}

int args_set(struct args *a, void *cfg, uint32_t *nwords)
{
	const struct option *o = NULL;
	struct str value = { 0 };
	char err[320];
	int what, bad = 0;

	if (nwords)
		*nwords = 0;
	do {
		what = args_next(a, &o, &value, err, sizeof(err));
		if (what == ARGS_HELP)
			return ARGS_HELP;
		if (what == ARGS_OPTION && set_one(a, o, cfg, value, err, sizeof(err)))
			what = -EINVAL;
		if (what == ARGS_WORD && nwords) {
			a->argv[++*nwords] = a->argv[a->at - 1];
		} else if (what == ARGS_WORD) {
			snprintf(err, sizeof(err), "unexpected argument '%.*s'",
				 (int)MIN(value.len, 60u), value.p);
			what = -EINVAL;
		}
		if (what < 0) {
			fprintf(stderr, "tocsin %s: %s\n", a->argv[0], err);
			bad = -EINVAL;
		}
	} while (what != ARGS_END);
	return bad;
}

static void limits_of_number(const struct option *o, struct buf *out)
{
	struct option bound = *o;
	uint64_t ends[2] = { o->min, o->max };

	bound.offset = 0;
	if (o->min) {
		buf_lit(out, "from ");
		option_text(&bound, &ends[0], out);
	}
	if (o->max) {
		buf_lit(out, o->min ? " to " : "up to ");
		option_text(&bound, &ends[1], out);
	}
}

void option_limits(const struct option *o, struct buf *out)
{
	bool number = o->type == OPT_UINT || o->type == OPT_SIZE || o->type == OPT_DURATION;
	bool limited = number && (o->min || o->max);

	if (!limited && !(o->def && *o->def))
		return;
	buf_lit(out, " (");
	if (limited)
		limits_of_number(o, out);
	if (o->def && *o->def)
		buf_addf(out, "%sdefault %s", limited ? "; " : "",
			 strlen(o->def) > DEFAULT_SHOWN ? "in docs/config.md" : o->def);
	buf_char(out, ')');
}

/* Columns that UTF-8 text takes: its characters. */
static uint32_t width(const char *p, size_t n)
{
	uint32_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)p[i] & 0xc0) != 0x80;
	return w;
}

static void print_wrapped(FILE *f, const char *text, uint32_t column)
{
	while (*text) {
		size_t n = strcspn(text, " ");
		uint32_t w = width(text, n);

		if (column > HELP_COLUMN && column + 1 + w > HELP_WIDTH) {
			fprintf(f, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			fputc(' ', f);
			column++;
		}
		fprintf(f, "%.*s", (int)n, text);
		column += w;
		text += n + (text[n] == ' ');
	}
	fputc('\n', f);
}

static void help_row(FILE *f, const struct option *o)
{
	struct buf text = { 0 }, room = { 0 };
	const char *hint = option_hint(o, &room);
	char name[NAME_SIZE];
	uint32_t w;

	args_name(name, sizeof(name), o);
	fprintf(f, "  %s%c%s", name, o->type == OPT_BOOL ? '=' : ' ', hint);
	w = 3 + width(name, strlen(name)) + width(hint, strlen(hint));
	if (w + 2 > HELP_COLUMN)
		fprintf(f, "\n%*s", HELP_COLUMN, "");
	else
		fprintf(f, "%*s", (int)(HELP_COLUMN - w), "");
	buf_lit(&text, o->help);
	option_limits(o, &text);
	buf_char(&text, '\0');
	if (!text.failed)
		print_wrapped(f, text.p, HELP_COLUMN);
	buf_free(&text);
	buf_free(&room);
}

void args_help(FILE *f, const struct option *const *tables, uint32_t ntables)
{
	for (uint32_t t = 0; t < ntables; t++)
		for (const struct option *o = tables[t]; o->key; o++)
			help_row(f, o);
}
