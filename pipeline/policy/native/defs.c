/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Macros and lists: collected from all files of a load, then checked in an order in which what a
 * definition uses comes before it. What is left over uses itself. A definition with an error is
 * told where it stands, and may not be used. Load time.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

enum { SUGGESTIONS_MAX = 50, CIRCLES_MAX = 100, PIECES_MAX = 100000, POSITIONS_MAX = 1 << 30 };

static const char *type_name(uint8_t type)
{
	return type == DEFINITION_MACRO ? "macro" : "list";
}

struct definition *native_find(const struct native *n, struct str name)
{
	return strmap_get(&n->defs, name);
}

static bool is_name(struct str s)
{
	struct token t;
	char text[132];

	if (!s.len || s.len > 128)
		return false;
	text[0] = '$';
	memcpy(text + 1, s.p, s.len);
	t = native_token((struct str){ text, s.len + 1 }, 0, NULL);
	return t.type == TOKEN_NAME && t.text.len == s.len;
}

static struct definition *new_definition(struct reader *r, const struct yaml_node *key,
					 const struct yaml_node *value, enum definition_type type)
{
	struct definition *d = reader_memory(r, 1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct definition){
		.name = reader_keep(r, key->text),
		.file = r->file,
		.node = value,
		.line = key->line,
		.column = key->column,
		.type = (uint8_t)type,
	};
	return d;
}

static int keep_definition(struct native *n, struct definition *d)
{
	if (!array_grow(&n->all, n->nall, sizeof(struct definition *)))
		return -ENOMEM;
	n->all[n->nall++] = d;
	return strmap_put(&n->defs, d->name, d);
}

static void read_macro(struct reader *r, struct definition *d)
{
	struct token t = { .end = 0 };

	d->bad = !reader_text(r, d->node, "a macro", NATIVE_EXPR_MAX);
	if (d->bad)
		return;
	d->text = reader_keep(r, d->node->text);
	do {
		t = native_token(d->text, t.end, NULL);
		if (t.type == TOKEN_NAME) {
			uint32_t line, column;

			yaml_where(r->file->doc, d->node, t.at, &line, &column);
			native_add_use(r, d, t.text, line, column);
		}
	} while (t.type != TOKEN_END && t.type != TOKEN_BAD);
}

static int add_definition(struct reader *r, const struct yaml_node *key,
			  const struct yaml_node *value, enum definition_type type)
{
	const struct definition *other = native_find(r->n, key->text);
	struct definition *d;

	if (!is_name(key->text)) {
		problem(r, key,
			"the name of a %s begins with a letter and holds letters, digits and . _ -",
			type_name((uint8_t)type));
		return 0;
	}
	if (other) {
		problem(r, key, "%.*s is defined already, in %s:%u:%u", SHOWN(key->text),
			other->file->path, other->line, other->column);
		return 0;
	}
	if (r->n->nall >= NATIVE_NAMES_MAX) {
		problem(r, key, "more than %d macros and lists", NATIVE_NAMES_MAX);
		return 0;
	}
	d = new_definition(r, key, value, type);
	return !d || r->no_memory ? -ENOMEM : keep_definition(r->n, d);
}

int native_add_definitions(struct reader *r, const struct yaml_node *map, enum definition_type type)
{
	int err = 0;

	if (map->type == YAML_NULL)
		return 0;
	if (map->type != YAML_MAP) {
		problem(r, map, "%ss is a map from names to what they stand for", type_name(type));
		return 0;
	}
	for (uint32_t i = 0; i < map->count && !err && !reader_is_full(r); i++)
		err = add_definition(r, map->items[2 * i], map->items[2 * i + 1], type);
	return err;
}

void native_add_use(struct reader *r, struct definition *user, struct str name, uint32_t line,
		    uint32_t column)
{
	struct definition *used = native_find(r->n, name);
	struct use *use = used ? reader_memory(r, 2, sizeof(*use)) : NULL;

	if (!use)
		return;
	use[0] = (struct use){ used, line, column, user->uses };
	use[1] = (struct use){ user, line, column, used->users };
	user->uses = &use[0];
	used->users = &use[1];
	user->waits++;
}

/* What it uses has been checked: its own error, its height and its size follow. */
static void sum_up(struct reader *r, struct definition *d)
{
	uint64_t size = d->size;

	for (const struct use *u = d->uses; u; u = u->next) {
		d->height = MAX(d->height, u->other->height + 1);
		if (u->other->type == DEFINITION_MACRO)
			size += u->other->size;
		if (u->other->bad && !d->bad) {
			diag_add(&r->file->d, r->file->path, u->line, u->column,
				 "$%.*s has an error, see %s:%u:%u", SHOWN(u->other->name),
				 u->other->file->path, u->other->line, u->other->column);
			d->bad = true;
		}
	}
	if (d->height > NATIVE_NESTING_MAX) {
		diag_add(&r->file->d, r->file->path, d->line, d->column,
			 "%s in each other more than %d deep",
			 d->type == DEFINITION_MACRO ? "macros" : "lists", NATIVE_NESTING_MAX);
		d->bad = true;
	}
	if (d->type == DEFINITION_MACRO && size > NATIVE_MACRO_TESTS_MAX) {
		diag_add(&r->file->d, r->file->path, d->line, d->column,
			 "with the macros in it, it has more than %d tests",
			 NATIVE_MACRO_TESTS_MAX);
		d->bad = true;
	}
	d->size = d->bad ? 0 : (uint32_t)size;
}

static uint32_t count_tests(const struct cond *c)
{
	uint32_t sum = c->type == COND_TEST;

	for (uint32_t i = 0; i < c->nkids; i++)
		sum += count_tests(c->kids[i]);
	return sum;
}

/* Without the macros in it, which have been checked; on all kinds. */
static void check_macro(struct reader *r, struct definition *d)
{
	struct patterns patterns = { 0 };
	struct pool pool = { 0 };
	struct cond *c;

	r->pool = &pool;
	r->patterns = &patterns;
	r->names.alone = true;
	c = reader_condition(r, d->node, d->text, native_all_kinds());
	r->names.alone = false;
	d->bad = !c;
	if (c)
		d->size = count_tests(c);
	r->pool = &r->n->pool;
	r->patterns = NULL;
	patterns_free(&patterns);
	pool_free(&pool);
}

static void check_definition(struct reader *r, struct definition *d)
{
	r->file = d->file;
	if (d->type == DEFINITION_MACRO && !d->bad)
		check_macro(r, d);
	sum_up(r, d);
	if (d->type == DEFINITION_LIST && !d->bad)
		native_finish_list(r, d);
}

/* One of those it waits for. */
static struct definition *waits_for(const struct definition *d)
{
	const struct use *u = d->uses;

	while (u->other->done)
		u = u->next;
	return u->other;
}

/* Goes from a definition that waits to one it waits for until it comes by one again, which it
 * reports and returns. */
static struct definition *report_circle(struct definition *d, uint32_t mark)
{
	struct buf path = { 0 };
	struct definition *start;

	for (; d->mark != mark; d = waits_for(d))
		d->mark = mark;
	start = d;
	do {
		d = waits_for(d);
		if (path.len < 300)
			buf_addf(&path, " -> $%.*s", SHOWN(d->name));
	} while (d != start);
	diag_add(&start->file->d, start->file->path, start->line, start->column,
		 "%s $%.*s uses itself: $%.*s%.*s", type_name(start->type), SHOWN(start->name),
		 SHOWN(start->name), (int)path.len, path.p);
	buf_free(&path);
	start->bad = true;
	return start;
}

struct order {
	struct definition **ready;
	uint32_t count;
};

/* d is done: who waited for it alone is ready. */
static void release(struct order *o, struct definition *d)
{
	d->done = true;
	for (const struct use *u = d->users; u; u = u->next)
		if (!--u->other->waits && !u->other->done)
			o->ready[o->count++] = u->other;
}

/* Where there are too many circles to look for each. */
static struct definition *report_rest(struct definition *d)
{
	diag_add(&d->file->d, d->file->path, d->line, d->column,
		 "%s $%.*s uses itself, or a name that does", type_name(d->type), SHOWN(d->name));
	d->bad = true;
	return d;
}

static void check_in_order(struct reader *r, struct order *o)
{
	const struct native *n = r->n;
	uint32_t next = 0, circles = 0;

	for (uint32_t i = 0; i < n->nall; i++)
		if (!n->all[i]->waits)
			o->ready[o->count++] = n->all[i];
	for (uint32_t i = 0; i < n->nall; i++) {
		while (next < o->count && !r->no_memory) {
			check_definition(r, o->ready[next]);
			release(o, o->ready[next++]);
		}
		if (r->no_memory)
			return;
		if (!n->all[i]->done) {
			circles++;
			release(o, circles <= CIRCLES_MAX ? report_circle(n->all[i], circles)
							  : report_rest(n->all[i]));
			i--; /* it may wait for another circle too */
		}
	}
}

int native_check_definitions(struct native *n)
{
	CLEANUP_FREE struct definition **ready = calloc((size_t)n->nall + 1, sizeof(*ready));
	struct reader r = { .n = n, .pool = &n->pool, .names.n = n };
	struct order o = { .ready = ready };

	if (!ready)
		return -ENOMEM;
	for (uint32_t i = 0; i < n->nall; i++) {
		r.file = n->all[i]->file;
		if (n->all[i]->type == DEFINITION_MACRO)
			read_macro(&r, n->all[i]);
		else
			native_read_list(&r, n->all[i]);
	}
	check_in_order(&r, &o);
	free(r.names.pieces);
	return r.no_memory ? -ENOMEM : 0;
}

static void report_unknown(struct parser *p, enum definition_type type)
{
	struct nearest near = { .word = p->t.text };
	struct native *n = p->names ? p->names->n : NULL;

	if (n && n->unknown++ < SUGGESTIONS_MAX)
		for (uint32_t i = 0; i < n->nall; i++)
			if (n->all[i]->type == type)
				nearest_offer(&near, n->all[i]->name.p);
	parser_error(p, p->t.at, "unknown %s $%.*s%s%s%s", type_name((uint8_t)type),
		     SHOWN(p->t.text), near.best ? "; did you mean $" : "",
		     near.best ? near.best : "", near.best ? "?" : "");
}

const struct definition *native_name(struct parser *p, enum definition_type type)
{
	struct definition *d = p->names ? native_find(p->names->n, p->t.text) : NULL;

	if (!d) {
		report_unknown(p, type);
	} else if (d->type != type && type == DEFINITION_MACRO) {
		parser_error(
			p, p->t.at,
			"$%.*s is a list: write it after an operator, as in process.name in $%.*s",
			SHOWN(d->name), SHOWN(d->name));
	} else if (d->type != type) {
		parser_error(p, p->t.at, "$%.*s is a macro: it stands for a test, not for values",
			     SHOWN(d->name));
	} else if (d->bad || !d->done) {
		parser_error(p, p->t.at, "$%.*s has an error, see %s:%u:%u", SHOWN(d->name),
			     d->file->path, d->line, d->column);
	} else {
		return d;
	}
	return NULL;
}

bool native_enter(struct parser *p, const struct definition *def, uint32_t size, uint32_t *base)
{
	struct names *s = p->names;
	struct native *n = s->n;

	if (def->type == DEFINITION_MACRO)
		n->tests += p->base ? 0 : def->size; /* those in it are in its size */
	else if (!s->alone)
		n->values += def->size;
	if (n->tests > NATIVE_TESTS_MAX || n->values > NATIVE_VALUES_MAX ||
	    s->count >= PIECES_MAX || size >= POSITIONS_MAX - s->end) {
		parser_error(p, p->t.at,
			     "macros and lists come to more than %d tests or %d values in all",
			     NATIVE_TESTS_MAX, NATIVE_VALUES_MAX);
		return false;
	}
	if (!array_grow(&s->pieces, s->count, sizeof(*s->pieces)))
		return parser_no_memory(p);
	*base = s->end;
	s->pieces[s->count++] = (struct piece){ s->end, p->base + p->t.at, def };
	s->end += size + 1;
	return true;
}
