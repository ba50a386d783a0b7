/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tests of paths and of program files as patterns (leaf.h). A test may look at the whole text, its
 * base name, or what a function makes of it. Patterns of the base name say exactly what the test
 * does; those of directory and extension are wider, and nothing wider is negated.
 */
#include "pipeline/filter/heads.h"
#include "pipeline/filter/leaf_test.h"
#include "pipeline/filter/pattern.h"
#include "pipeline/policy/needle.h"
#include "pipeline/util.h"

enum form { FORM_NONE, FORM_PATTERN, FORM_NOT_PATTERN, FORM_REGEX, FORM_EXISTS, FORM_NEVER };

/* By operator; those that fold case are like the ones they are variants of. */
static const struct op_form {
	uint8_t form; /* enum form */
	uint8_t type; /* enum filter_pattern_type */
	const char *help;
} forms[OP_MAX] = {
	[OP_EQ] = { FORM_PATTERN, FILTER_EXACT, "exactly" },
	[OP_NE] = { FORM_NOT_PATTERN, FILTER_EXACT, "exactly" },
	[OP_LT] = { FORM_NEVER, 0, "exactly, as a range of numbers" },
	[OP_LE] = { FORM_NEVER, 0, "exactly, as a range of numbers" },
	[OP_GT] = { FORM_NEVER, 0, "exactly, as a range of numbers" },
	[OP_GE] = { FORM_NEVER, 0, "exactly, as a range of numbers" },
	[OP_IN] = { FORM_PATTERN, FILTER_EXACT, "exactly" },
	[OP_CONTAINS] = { FORM_PATTERN, FILTER_CONTAINS, "exactly" },
	[OP_STARTSWITH] = { FORM_PATTERN, FILTER_PREFIX, "exactly" },
	[OP_ENDSWITH] = { FORM_PATTERN, FILTER_SUFFIX, "exactly" },
	[OP_GLOB] = { FORM_PATTERN, FILTER_GLOB, "exactly" },
	[OP_REGEX] = { FORM_REGEX, 0,
		       "by the text, or the texts of alternatives, without which it cannot match; not under `not`" },
	[OP_CIDR] = { FORM_NEVER, 0, "exactly" },
	[OP_EXISTS] = { FORM_EXISTS, 0, "where all events have the field, or none" },
};

const char *leaf_op_help(enum op_id op)
{
	return op < OP_MAX ? forms[ops[op].base].help : NULL;
}

enum view_of { OF_PATH, OF_SELF, OF_ANCESTOR, OF_THREAD, OF_UNIX };
enum view_part { PART_NONE, PART_BASENAME, PART_DIRNAME, PART_EXTENSION };

/* What a term is of a path, a program, a thread or a Unix socket. */
struct view {
	uint8_t of; /* enum view_of */
	uint8_t part; /* enum view_part */
	uint8_t letters; /* 0, 'a': turned into lower case, 'A': into upper case */
	bool called; /* a function made it: it may be empty, and then there is no value */
};

static const struct {
	const char *path;
	uint8_t of;
	bool name;
} fields[] = {
	{ "file.path", OF_PATH, false },
	{ "process.executable", OF_SELF, false },
	{ "process.name", OF_SELF, true },
	/* The parent is an ancestor: wider. */
	{ "process.parent.executable", OF_ANCESTOR, false },
	{ "process.parent.name", OF_ANCESTOR, true },
	{ "process.ancestor_names", OF_ANCESTOR, true },
	{ "process.thread.name", OF_THREAD, false },
	{ "network.unix.path", OF_UNIX, false },
};

static bool view_field(struct view *v, struct str path)
{
	for (uint32_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!str_eq(path, str_of(fields[i].path)))
			continue;
		v->of = fields[i].of;
		if (fields[i].name && !v->part)
			v->part = PART_BASENAME;
		if (v->of == OF_THREAD)
			return !v->part;
		return !fields[i].name || v->part != PART_DIRNAME;
	}
	return false;
}

/* The part of a part, from outside in. False: it is not one of these. */
static bool view_part(struct view *v, enum view_part part)
{
	bool base = part == PART_BASENAME;

	if (v->part && !(base && (v->part == PART_BASENAME || v->part == PART_EXTENSION)))
		return false;
	v->part = v->part ? v->part : (uint8_t)part;
	return true;
}

static bool view_term(struct view *v, const struct term *t)
{
	for (; t->type == TERM_CALL; t = t->args[0]) {
		v->called = true;
		switch (t->op) {
		case FUNC_BASENAME:
			if (!view_part(v, PART_BASENAME))
				return false;
			break;
		case FUNC_DIRNAME:
			if (!view_part(v, PART_DIRNAME))
				return false;
			break;
		case FUNC_EXTENSION:
			if (!view_part(v, PART_EXTENSION))
				return false;
			break;
		case FUNC_LOWER: v->letters = v->letters ? v->letters : 'a'; break;
		case FUNC_UPPER: v->letters = v->letters ? v->letters : 'A'; break;
		case FUNC_ANY_ANCESTOR:
			if (!view_field(v, t->args[0]->text) || v->of >= OF_THREAD)
				return false;
			v->of = OF_ANCESTOR;
			return true;
		default: return false;
		}
	}
	return t->type == TERM_FIELD && view_field(v, t->text);
}

static bool has_letters(struct str s, char from)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] >= from && s.p[i] <= from + 25)
			return true;
	return false;
}

static struct str joined(struct test *t, struct str a, struct str b)
{
	char *p = memory(t, (size_t)a.len + b.len + 1, 1);

	if (!p)
		return (struct str){ 0 };
	memcpy(p, a.p, a.len);
	memcpy(p + a.len, b.p, b.len);
	return (struct str){ p, a.len + b.len };
}

/* What the whole path has where its directory fits p. */
static void of_dirname(struct test *t, struct filter_pattern *p)
{
	if (p->type == FILTER_EXACT)
		p->type = FILTER_PREFIX;
	else if (p->type == FILTER_SUFFIX)
		p->type = FILTER_CONTAINS;
	else if (p->type == FILTER_GLOB)
		p->text = joined(t, p->text, STR("*"));
}

/* What the base name has where its extension fits p. */
static void of_extension(struct test *t, struct filter_pattern *p)
{
	p->name = true;
	if (p->type == FILTER_GLOB)
		p->text = joined(t, STR("*."), p->text);
	else if (p->type == FILTER_EXACT || p->type == FILTER_PREFIX)
		p->text = joined(t, STR("."), p->text);
	if (p->type == FILTER_EXACT)
		p->type = FILTER_SUFFIX;
	else if (p->type == FILTER_PREFIX)
		p->type = FILTER_CONTAINS;
}

static struct filter_pattern pattern_of(struct test *t, const struct view *v, uint8_t type,
					struct str text)
{
	struct filter_pattern p = { text, type, t->o->fold || v->letters,
				    v->part == PART_BASENAME };

	if (v->part == PART_DIRNAME)
		of_dirname(t, &p);
	else if (v->part == PART_EXTENSION)
		of_extension(t, &p);
	return p;
}

/* Can a text of these letters hold s? */
static bool can_hold(const struct test *t, const struct view *v, struct str s)
{
	return !v->letters || t->o->fold || !has_letters(s, v->letters == 'a' ? 'A' : 'a');
}

/* What one of must be in a text for the regular expression to be found. Empty: not known. */
static struct patterns_list branch_patterns(struct test *t, const struct view *v, struct str regex)
{
	struct filter_pattern *p;
	struct needle_branches b;
	uint32_t n = 0;

	needle_find_branches(&b, regex);
	p = memory(t, b.count, sizeof(*p));
	for (uint32_t i = 0; i < b.count && p; i++) {
		struct str text = pool_str(t->l->x->pool, (struct str){ b.texts[i], b.lens[i] });

		t->l->x->no_memory |= !text.p;
		if (text.p && can_hold(t, v, text))
			p[n++] = pattern_of(t, v, FILTER_CONTAINS, text);
	}
	return (struct patterns_list){ p, n };
}

/* What a text must hold for one of the regular expressions to be found. Empty: not known. */
static struct patterns_list regex_patterns(struct test *t, const struct view *v)
{
	struct filter_pattern *p = memory(t, (size_t)t->o->count * 2, sizeof(*p));
	struct patterns_list all = { 0 };

	for (uint32_t i = 0; i < t->o->count && p; i++) {
		struct patterns_list both, head = { &p[2 * i], 1 }, inside = { &p[2 * i + 1], 1 };
		struct str prefix, middle;
		struct needle n;

		needle_find(&n, t->o->texts[i]);
		prefix = pool_str(t->l->x->pool, (struct str){ n.prefix, n.prefix_len });
		middle = pool_str(t->l->x->pool, (struct str){ n.inside, n.inside_len });
		if (!can_hold(t, v, prefix) || !can_hold(t, v, middle))
			return (struct patterns_list){ 0 };
		t->l->x->no_memory |= !prefix.p || !middle.p;
		p[2 * i] = pattern_of(t, v, FILTER_PREFIX, prefix);
		p[2 * i + 1] = pattern_of(t, v, FILTER_CONTAINS, middle);
		both = n.prefix_len   ? head
		       : n.inside_len ? inside
				      : branch_patterns(t, v, t->o->texts[i]);
		if (!both.count)
			return (struct patterns_list){ 0 };
		if (n.prefix_len && n.inside_len &&
		    !patterns_both(t->l->x->pool, head, inside, &both))
			t->l->x->no_memory = true;
		if (t->l->x->no_memory)
			return (struct patterns_list){ 0 };
		all = patterns_union(t->l->x->pool, all, both);
	}
	return all;
}

/* False: sets of letters in a glob do not say which case they mean once it is folded. */
static bool op_patterns(struct test *t, const struct view *v, struct patterns_list *out)
{
	struct filter_pattern *p = memory(t, t->o->count, sizeof(*p));
	uint8_t type = forms[t->o->base].type;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->o->count && p; i++) {
		struct str s = t->o->texts[i];

		if (type == FILTER_GLOB && v->letters && memchr(s.p, '[', s.len))
			return false;
		if (can_hold(t, v, s))
			p[n++] = pattern_of(t, v, type, s);
	}
	*out = (struct patterns_list){ p, n };
	return p;
}

static bool fits_empty(struct patterns_list l)
{
	return patterns_fit(l.items, l.count, STR(""));
}

/* Can `none of the patterns` be asked for what the test or its negation means? */
static bool can_exclude(const struct view *v, struct patterns_list l)
{
	if (v->part == PART_DIRNAME || v->part == PART_EXTENSION || v->of == OF_ANCESTOR ||
	    v->of == OF_THREAD)
		return false;
	return !v->called || !fits_empty(l); /* an empty one has no value, and fits no test */
}

static struct dnf texts(struct test *t, const struct view *v, struct patterns_list l, bool none_of)
{
	struct filter_bytes entries[FILTER_HEADS];
	struct filter_program *p;

	if (v->of == OF_PATH && none_of)
		return one(t,
			   (struct filter_clause){ .not_paths = l.items, .nnot_paths = l.count });
	if (v->of == OF_PATH)
		return one(t, (struct filter_clause){ .paths = l.items, .npaths = l.count });
	if (v->of == OF_THREAD && !heads_make(entries, HEADS_THREAD, l.items, l.count))
		return maybe(t, "is not about how the name of a thread begins");
	if (v->of == OF_THREAD)
		return one(t, (struct filter_clause){ .threads = l.items, .nthreads = l.count });
	p = memory(t, 1, sizeof(*p));
	if (!p)
		return dnf_maybe(t->l->x);
	*p = (struct filter_program){ l.items, l.count,
				      v->of == OF_SELF ? FILTER_SELF : FILTER_ANCESTOR, none_of };
	return one(t, (struct filter_clause){ .programs = p, .nprograms = 1 });
}

static struct dnf patterns(struct test *t, const struct view *v)
{
	uint8_t form = forms[t->o->base].form;
	bool none_of = (form == FORM_NOT_PATTERN) != t->negated;
	struct patterns_list l;

	if (!op_patterns(t, v, &l))
		return maybe(t, "is a pattern whose letters were folded");
	if (!l.count && form == FORM_PATTERN)
		return always(t, false);
	if (!l.count || (none_of && !can_exclude(v, l)))
		return maybe(t, v->of == OF_ANCESTOR ? "is about ancestors under `not`"
				: v->of == OF_THREAD ? "asks for what the name of a thread is not"
						     : "asks for what a part of a path is not");
	/* `not a != "x"` also holds where there is no a. */
	if (t->negated && !none_of && (v->of != OF_PATH || v->called))
		return maybe(t, "also holds where there is no such text");
	return texts(t, v, l, none_of);
}

static struct dnf regexes(struct test *t, const struct view *v)
{
	struct patterns_list l;

	if (t->negated)
		return maybe(t, "is a regular expression under `not`");
	l = regex_patterns(t, v);
	return l.count ? texts(t, v, l, false)
		       : maybe(t, "is a regular expression without a text that must be there");
}

/* Only Unix sockets have a path, and not all of them. */
static struct dnf unix_paths(struct test *t, const struct view *v)
{
	struct filter_clause c = { .families_any = 1 << EV_FAMILY_UNIX };
	uint8_t form = forms[t->o->base].form;
	struct filter_bytes entries[FILTER_HEADS];
	struct patterns_list l = { 0 };

	if (t->negated)
		return maybe(t, "is about the path of a Unix socket under `not`");
	if (form == FORM_REGEX)
		l = regex_patterns(t, v);
	else if (form == FORM_PATTERN && op_patterns(t, v, &l) && !l.count)
		return always(t, false);
	if (l.count && heads_make(entries, HEADS_UNIX, l.items, l.count)) {
		c.unix_paths = l.items;
		c.nunix_paths = l.count;
	}
	return one(t, c);
}

bool leaf_text(struct test *t, struct dnf *out)
{
	struct view v = { 0 };

	if (!view_term(&v, t->cond->left))
		return false;
	if (v.of == OF_UNIX) {
		*out = unix_paths(t, &v);
		return true;
	}
	switch (forms[t->o->base].form) {
	case FORM_PATTERN:
	case FORM_NOT_PATTERN: *out = patterns(t, &v); break;
	case FORM_REGEX: *out = regexes(t, &v); break;
	case FORM_EXISTS:
		*out = v.of == OF_PATH && !v.called ? always(t, true)
						    : maybe(t, "only asks whether there is one");
		break;
	default: *out = maybe(t, "uses an operator that the kernel does not know");
	}
	return true;
}
