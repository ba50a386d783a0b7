/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Option tables: text to members of a config struct, with texts for people when it does not
 * parse. Start-up only; any thread, no state. The config owns its strings and lists.
 *
 * A new type of option: a value in enum option_type, a row in types, its two functions.
 */
#include "pipeline/option.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

#include "pipeline/nearest.h"
#include "pipeline/util.h"

enum { SHOWN_MAX = 60 };

struct reason {
	char *text;
	size_t len;
};

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", 1ull << 10 },
	{ "K", 1ull << 10 },
	{ "MiB", 1ull << 20 },
	{ "M", 1ull << 20 },
	{ "GiB", 1ull << 30 },
	{ "G", 1ull << 30 },
	{ "TiB", 1ull << 40 },
	{ "T", 1ull << 40 },
	{ NULL, 0 },
};

/* Largest first, for option texts. */
static const struct unit time_units[] = {
	{ "d", 86400000000000ull },
	{ "h", 3600000000000ull },
	{ "m", 60000000000ull },
	{ "s", 1000000000ull },
	{ "ms", 1000000ull },
	{ "us", 1000ull },
	{ "ns", 1 },
	{ NULL, 0 },
};

static const struct unit no_units[] = { { "", 1 }, { NULL, 0 } };

static void because(const struct reason *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void because(const struct reason *r, const char *fmt, ...)
{
	static const char cut[] = "...";
	va_list ap;
	int n;

	if (!r->len)
		return;
	va_start(ap, fmt);
	n = vsnprintf(r->text, r->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= r->len && r->len > sizeof(cut))
		memcpy(r->text + r->len - sizeof(cut), cut, sizeof(cut));
	str_printable(r->text);
}

/* What a text of any length looks like in a reason. */
static int shown(struct str s)
{
	return (int)MIN(s.len, (uint32_t)SHOWN_MAX);
}

static void *member(const struct option *o, void *cfg)
{
	return (char *)cfg + o->offset;
}

/* Digits, then the name of a unit. 0; -EINVAL; -ERANGE: no 64 bits. */
static int parse_number(struct str s, const struct unit *units, uint64_t *out)
{
	uint64_t v = 0;
	uint32_t i = 0;

	for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	if (!i)
		return -EINVAL;
	while (i < s.len && s.p[i] == ' ')
		i++;
	for (const struct unit *u = units; u->name; u++) {
		if (!str_eq(str_of(u->name), (struct str){ s.p + i, s.len - i }))
			continue;
		if (__builtin_mul_overflow(v, u->factor, &v))
			return -ERANGE;
		*out = v;
		return 0;
	}
	if (v || i < s.len)
		return -EINVAL;
	*out = 0; /* nothing needs no unit */
	return 0;
}

static void print_number(const struct unit *units, uint64_t v, char out[32])
{
	const struct unit *best = NULL;

	for (const struct unit *u = units; u->name; u++)
		if (v % u->factor == 0 && v && (!best || u->factor > best->factor))
			best = u;
	snprintf(out, 32, "%llu%s", (unsigned long long)(best ? v / best->factor : v),
		 best ? best->name : "");
}

static int set_number(const struct option *o, void *cfg, struct str v, const struct unit *units,
		      const char *form, const struct reason *r)
{
	char low[32], high[32];
	uint64_t n = 0;
	int rc = parse_number(v, units, &n);

	if (rc == -EINVAL) {
		because(r, "%s: \"%.*s\" is not %s", o->key, shown(v), v.p, form);
		return rc;
	}
	if (rc || ((o->min || o->max) && (n < o->min || n > o->max))) {
		print_number(units, o->min, low);
		print_number(units, o->max ? o->max : UINT64_MAX, high);
		because(r, "%s: \"%.*s\" is out of range, %s to %s", o->key, shown(v), v.p, low,
			high);
		return -ERANGE;
	}
	*(uint64_t *)member(o, cfg) = n;
	return 0;
}

static int set_uint(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	return set_number(o, cfg, v, no_units, "a whole number", r);
}

static int set_size(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	return set_number(o, cfg, v, size_units, "a size such as 4096, 64KiB, 16MiB or 1GiB", r);
}

static int set_duration(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	return set_number(o, cfg, v, time_units,
			  "a duration such as 250ms, 5s, 10m, 24h or 7d (the unit is needed)", r);
}

static int set_bool(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (uint32_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(v, str_of(words[i]))) {
			*(uint32_t *)member(o, cfg) = i & 1;
			return 0;
		}
	because(r, "%s: \"%.*s\" is neither true nor false", o->key, shown(v), v.p);
	return -EINVAL;
}

static int set_enum(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	struct buf all = { 0 };

	for (uint32_t i = 0; o->names[i]; i++)
		if (str_eq(v, str_of(o->names[i]))) {
			*(uint32_t *)member(o, cfg) = i;
			return 0;
		}
	because(r, "%s: \"%.*s\" is none of %s", o->key, shown(v), v.p, option_hint(o, &all));
	buf_free(&all);
	return -EINVAL;
}

/* A copy that ends in NUL, or NULL with the reason given. */
static char *copy_text(const struct option *o, struct str v, int *rc, const struct reason *r)
{
	char *s;

	if (v.len && memchr(v.p, '\0', v.len)) {
		because(r, "%s: the text holds a NUL character", o->key);
		*rc = -EINVAL;
		return NULL;
	}
	s = strndup(v.p ? v.p : "", v.len);
	if (!s) {
		because(r, "%s: out of memory", o->key);
		*rc = -ENOMEM;
	}
	return s;
}

static int set_str(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	char **slot = member(o, cfg), *s;
	int rc = 0;

	if ((o->min || o->max) && (v.len < o->min || v.len > o->max)) {
		if (!v.len)
			because(r, "%s: must not be empty", o->key);
		else
			because(r, "%s: \"%.*s\" has %u bytes, it may have %llu to %llu", o->key,
				shown(v), v.p, v.len, (unsigned long long)o->min,
				(unsigned long long)o->max);
		return -ERANGE;
	}
	s = copy_text(o, v, &rc, r);
	if (!s)
		return rc;
	free(*slot);
	*slot = s;
	return 0;
}

static void list_clear(struct opt_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct opt_list){ 0 };
}

static int list_add(const struct option *o, struct opt_list *l, struct str v,
		    const struct reason *r)
{
	char **grown, *s;
	int rc = 0;

	if (l->count >= OPTION_LIST_MAX) {
		because(r, "%s: more than %d items", o->key, OPTION_LIST_MAX);
		return -ERANGE;
	}
	if (!v.len) {
		because(r, "%s: an item is empty", o->key);
		return -EINVAL;
	}
	s = copy_text(o, v, &rc, r);
	if (!s)
		return rc;
	grown = realloc(l->items, (l->count + 1) * sizeof(*grown));
	if (!grown) {
		free(s);
		because(r, "%s: out of memory", o->key);
		return -ENOMEM;
	}
	l->items = grown;
	l->items[l->count++] = s;
	return 0;
}

/* The next piece of s up to sep, taken off s. */
static struct str next_piece(struct str *s, char sep)
{
	const char *end = s->len ? memchr(s->p, sep, s->len) : NULL;
	struct str piece = { s->p, end ? (uint32_t)(end - s->p) : s->len };
	uint32_t skip = piece.len + (end ? 1 : 0);

	s->p += skip;
	s->len -= skip;
	return piece;
}

/* Adds the pieces of v, or v whole when sep is 0, to what l holds; on failure l is as before. */
static int list_extend(const struct option *o, struct opt_list *l, struct str v, char sep,
		       const struct reason *r)
{
	struct opt_list old = *l;
	uint32_t keep = l->replace ? 0 : l->count;
	bool more = v.len || !sep;
	int rc = 0;

	if (l->replace)
		*l = (struct opt_list){ 0 };
	while (more && !rc) {
		struct str rest = v, piece = sep ? next_piece(&rest, sep) : v;

		more = piece.len < v.len; /* a comma came after it */
		rc = list_add(o, l, piece, r);
		v = rest;
	}
	if (!rc) {
		if (old.replace)
			list_clear(&old);
		return 0;
	}
	while (l->count > keep)
		free(l->items[--l->count]);
	if (old.replace) {
		free(l->items);
		*l = old;
	}
	return rc;
}

static int set_list(const struct option *o, void *cfg, struct str v, const struct reason *r)
{
	if (!v.len && o->min) {
		because(r, "%s: must not be empty", o->key);
		return -ERANGE;
	}
	return list_extend(o, member(o, cfg), v, ',', r);
}

static const struct {
	int (*set)(const struct option *o, void *cfg, struct str v, const struct reason *r);
	const char *hint;
} types[OPT_TYPE_MAX] = {
	[OPT_BOOL] = { set_bool, "true|false" }, [OPT_UINT] = { set_uint, "N" },
	[OPT_SIZE] = { set_size, "SIZE" },       [OPT_DURATION] = { set_duration, "DURATION" },
	[OPT_STR] = { set_str, "TEXT" },         [OPT_ENUM] = { set_enum, NULL },
	[OPT_LIST] = { set_list, "LIST" },
};

const char *option_hint(const struct option *o, struct buf *room)
{
	if (o->arg || o->type != OPT_ENUM)
		return o->arg ? o->arg : types[o->type].hint;
	buf_reset(room);
	for (uint32_t i = 0; o->names[i]; i++)
		buf_addf(room, "%s%s", i ? "|" : "", o->names[i]);
	buf_char(room, '\0');
	return room->failed ? "VALUE" : room->p;
}

const struct option *option_find(const struct option *t, struct str key)
{
	for (; t && t->key; t++)
		if (str_eq(str_of(t->key), key))
			return t;
	return NULL;
}

void option_text(const struct option *o, const void *cfg, struct buf *out)
{
	static const struct unit *const units[OPT_TYPE_MAX] = {
		[OPT_UINT] = no_units, [OPT_SIZE] = size_units, [OPT_DURATION] = time_units
	};
	const void *at = (const char *)cfg + o->offset;
	const struct opt_list *l = at;
	char number[32];

	switch ((enum option_type)o->type) {
	case OPT_BOOL: buf_lit(out, *(const uint32_t *)at ? "true" : "false"); break;
	case OPT_ENUM: buf_lit(out, o->names[*(const uint32_t *)at]); break;
	case OPT_STR: buf_str(out, str_of(*(const char *const *)at)); break;
	case OPT_LIST:
		for (uint32_t i = 0; i < l->count; i++)
			buf_addf(out, "%s%s", i ? "," : "", l->items[i]);
		break;
	case OPT_UINT:
	case OPT_SIZE:
	case OPT_DURATION:
		print_number(units[o->type], *(const uint64_t *)at, number);
		buf_lit(out, number);
		break;
	case OPT_TYPE_MAX: break;
	}
}

static int unknown(const struct option *t, const struct option *t2, struct str key,
		   const struct reason *r)
{
	struct nearest n = { .word = key };

	for (; t && t->key; t++)
		nearest_offer(&n, t->key);
	for (; t2 && t2->key; t2++)
		nearest_offer(&n, t2->key);
	because(r, "unknown option \"%.*s\"%s%s%s", shown(key), key.p,
		n.best ? ", did you mean \"" : "", n.best ? n.best : "", n.best ? "\"?" : "");
	return -ENOENT;
}

void option_defaults(const struct option *t, void *cfg)
{
	const struct reason none = { 0 };

	for (const struct option *o = t; o && o->key; o++) {
		int rc = o->def ? types[o->type].set(o, cfg, str_of(o->def), &none) : 0;

		assert(!rc);
		(void)rc;
	}
	option_set_done(t, cfg);
}

int option_set(const struct option *t, void *cfg, struct str key, struct str value, char *err,
	       size_t err_len)
{
	const struct reason r = { err, err_len };
	const struct option *o = option_find(t, key);

	return o ? types[o->type].set(o, cfg, value, &r) : unknown(t, NULL, key, &r);
}

int option_append(const struct option *t, void *cfg, struct str key, struct str item, char *err,
		  size_t err_len)
{
	const struct reason r = { err, err_len };
	const struct option *o = option_find(t, key);

	if (!o)
		return unknown(t, NULL, key, &r);
	if (o->type != OPT_LIST) {
		because(&r, "%s: takes one value, not a list", o->key);
		return -EINVAL;
	}
	return list_extend(o, member(o, cfg), item, 0, &r);
}

void option_set_done(const struct option *t, void *cfg)
{
	for (; t && t->key; t++)
		if (t->type == OPT_LIST)
			((struct opt_list *)member(t, cfg))->replace = 1;
}

/* "key=value" at the start of s; the value goes on over commas up to the next piece with '='. */
static int next_pair(struct str *s, struct str *key, struct str *value)
{
	struct str piece = next_piece(s, ',');
	const char *eq = piece.len ? memchr(piece.p, '=', piece.len) : NULL;

	if (!eq)
		return -EINVAL;
	*key = (struct str){ piece.p, (uint32_t)(eq - piece.p) };
	*value = (struct str){ eq + 1, piece.len - key->len - 1 };
	while (s->len) {
		struct str rest = *s;

		piece = next_piece(&rest, ',');
		if (piece.len && memchr(piece.p, '=', piece.len))
			break;
		value->len = (uint32_t)(piece.p + piece.len - value->p);
		*s = rest;
	}
	return 0;
}

int option_parse_list(const struct option *t, void *cfg, const struct option *t2, void *cfg2,
		      struct str text, char *err, size_t err_len)
{
	const struct reason r = { err, err_len };
	struct str key, value;
	int rc = 0;

	if (text.len && text.p[text.len - 1] == ',') {
		because(&r, "a comma at the end, with no key=value after it");
		return -EINVAL;
	}
	while (text.len && !rc) {
		struct str from = text;

		if (next_pair(&text, &key, &value)) {
			because(&r, "\"%.*s\" is not of the form key=value", shown(from), from.p);
			return -EINVAL;
		}
		if (option_find(t, key))
			rc = option_set(t, cfg, key, value, err, err_len);
		else if (option_find(t2, key))
			rc = option_set(t2, cfg2, key, value, err, err_len);
		else
			rc = unknown(t, t2, key, &r);
	}
	return rc;
}

void option_free(const struct option *t, void *cfg)
{
	for (; t && t->key; t++) {
		if (t->type == OPT_LIST) {
			list_clear(member(t, cfg));
		} else if (t->type == OPT_STR) {
			char **slot = member(t, cfg);

			free(*slot);
			*slot = NULL;
		}
	}
}
