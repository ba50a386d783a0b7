/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Lists of values: written in the policy file, or in a file of their own with one value a line.
 * A value in quotes is text; one without is what the field holds that it is compared with, text or
 * a number (LITERAL_PLAIN). An item $name stands for the values of another list. Load time.
 */
#include <errno.h>

#include "pipeline/policy/native/parse.h"
#include "pipeline/slurp.h"
#include "pipeline/util.h"

/* One more value. */
static struct list_value *add_value(struct reader *r, struct definition *d)
{
	if (d->size >= COND_LITERALS_MAX) {
		problem(r, d->node, "more than %d values", COND_LITERALS_MAX);
		d->bad = true;
		return NULL;
	}
	if (!pool_grow(r->pool, &d->values, d->size, sizeof(*d->values))) {
		r->no_memory = true;
		return NULL;
	}
	return &d->values[d->size++];
}

static void add_include(struct reader *r, struct definition *d, const struct yaml_node *n)
{
	struct str name = { n->text.p + 1, n->text.len - 1 };
	struct definition *other = native_find(r->n, name);
	struct list_include *i;

	if (!other || other->type != DEFINITION_LIST) {
		problem(r, n, other ? "$%.*s is a macro, not a list" : "unknown list $%.*s",
			SHOWN(name));
		d->bad = true;
		return;
	}
	native_add_use(r, d, name, n->line, n->column);
	i = reader_memory(r, 1, sizeof(*i));
	if (!i)
		return;
	*i = (struct list_include){ other, d->size, d->includes };
	d->includes = i;
}

static void read_item(struct reader *r, struct definition *d, const struct yaml_node *n)
{
	struct list_value *v;

	if (n->type != YAML_SCALAR) {
		problem(r, n, "a value of a list must be text or a number");
		d->bad = true;
	} else if (!n->quoted && n->text.len > 1 && n->text.p[0] == '$') {
		add_include(r, d, n);
	} else if ((v = add_value(r, d))) {
		*v = (struct list_value){
			.text = reader_keep(r, n->text),
			.type = n->quoted ? LITERAL_TEXT : LITERAL_PLAIN,
			.file = r->file->path,
			.line = n->line,
			.column = n->column,
		};
	}
}

/* The line without white space around it; empty for a comment. */
static struct str trimmed(struct str line)
{
	while (line.len && strchr(" \t\r", line.p[line.len - 1]) && line.p[line.len - 1])
		line.len--;
	while (line.len && (line.p[0] == ' ' || line.p[0] == '\t')) {
		line.p++;
		line.len--;
	}
	if (line.len && line.p[0] == '#')
		line.len = 0;
	return line;
}

static void split_lines(struct reader *r, struct definition *d, const struct value_file *f)
{
	struct str left = f->text;

	for (uint32_t line = 1; left.len && !d->bad && !r->no_memory; line++) {
		const char *end = memchr(left.p, '\n', left.len);
		uint32_t len = end ? (uint32_t)(end - left.p) : left.len, step = len + !!end;
		struct str text = trimmed((struct str){ left.p, len });
		struct list_value *v = text.len ? add_value(r, d) : NULL;

		if (v)
			*v = (struct list_value){
				.text = text, .type = LITERAL_PLAIN, .file = f->path.p, .line = line
			};
		left.p += step;
		left.len -= step;
	}
}

/* The path as seen from the folder of the policy file. */
static struct str beside(struct reader *r, struct str path)
{
	const char *slash = strrchr(r->file->path, '/');
	struct buf b = { 0 };
	struct str kept;

	if (path.p[0] != '/' && slash)
		buf_add(&b, r->file->path, (size_t)(slash - r->file->path) + 1);
	buf_str(&b, path);
	kept = reader_keep(r, (struct str){ b.p, (uint32_t)b.len });
	r->no_memory |= b.failed;
	buf_free(&b);
	return kept;
}

/* From disk, or as it was when its policy file was good. */
static int get_text(const struct sources *kept, const char *path, struct buf *text, char *why,
		    size_t len)
{
	const struct source *old = kept ? sources_find(kept, path) : NULL;

	if (!old)
		return slurp(path, NATIVE_VALUES_BYTES, text, why, len);
	buf_add(text, old->text, old->len);
	snprintf(why, len, "out of memory");
	return text->failed ? -ENOMEM : 0;
}

static void read_file(struct reader *r, struct definition *d, const struct yaml_node *n)
{
	struct value_file *f = reader_memory(r, 1, sizeof(*f));
	struct buf text = { 0 };
	char why[200];
	int err;

	d->bad = !reader_text(r, n, "file", 4096);
	if (d->bad || !f)
		return;
	f->path = beside(r, n->text);
	if (r->no_memory)
		return;
	err = get_text(r->file->kept, f->path.p, &text, why, sizeof(why));
	if (err) {
		problem(r, n, "%s: %s", f->path.p, why);
		d->bad = true;
		r->no_memory |= err == -ENOMEM;
	} else {
		f->text = reader_keep(r, (struct str){ text.p, (uint32_t)text.len });
		f->next = r->file->values;
		r->file->values = f;
		split_lines(r, d, f);
	}
	buf_free(&text);
	if (!d->size && !d->bad) {
		problem(r, n, "%s has no value", f->path.p);
		d->bad = true;
	}
}

void native_read_list(struct reader *r, struct definition *d)
{
	static const char *const keys[] = { "file" };
	const struct yaml_node *n = d->node, *file = yaml_get(n, "file");

	if (n->type == YAML_MAP) {
		reader_unknown_keys(r, n, keys, ARRAY_LEN(keys), "a list");
		if (file) {
			read_file(r, d, file);
			return;
		}
		problem(r, n, "the list has no file");
		d->bad = true;
		return;
	}
	if (n->type != YAML_LIST || !n->count) {
		problem(r, n,
			"a list has values, as in [a, b], or a file of values, as in {file: a.txt}");
		d->bad = true;
		return;
	}
	for (uint32_t i = 0; i < n->count && !reader_is_full(r) && !r->no_memory; i++)
		read_item(r, d, n->items[i]);
}

void native_finish_list(struct reader *r, struct definition *d)
{
	struct list_value *all;
	uint64_t size = d->size;
	uint32_t from, to;

	for (const struct list_include *i = d->includes; i; i = i->next)
		size += i->list->size;
	if (!d->includes)
		return;
	if (size > COND_LITERALS_MAX) {
		problem(r, d->node, "with the lists in it, more than %d values", COND_LITERALS_MAX);
		d->bad = true;
		return;
	}
	all = reader_memory(r, size + 1, sizeof(*all));
	if (!all)
		return;
	from = d->size;
	to = (uint32_t)size;
	/* The last include comes first. */
	for (const struct list_include *i = d->includes; i; i = i->next) {
		to -= from - i->at;
		memcpy(all + to, d->values + i->at, sizeof(*all) * (from - i->at));
		from = i->at;
		to -= i->list->size;
		memcpy(all + to, i->list->values, sizeof(*all) * i->list->size);
	}
	memcpy(all, d->values, sizeof(*all) * from);
	d->values = all;
	d->size = (uint32_t)size;
}
