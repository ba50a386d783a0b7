/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Option tables: text to the members of a config struct. One parser for each type; the table row
 * says where the value goes and what its limits are. Main thread, at start.
 */
#include "pipeline/option.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "pipeline/nearest.h"
#include "pipeline/util.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "B", 1 },         { "KiB", 1 << 10 },    { "MiB", 1 << 20 },
	{ "GiB", 1 << 30 }, { "K", 1 << 10 },      { "M", 1 << 20 },
	{ "G", 1 << 30 },   { "TiB", 1ULL << 40 }, { NULL, 0 },
};

static const struct unit durations[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60ULL * 1000000000 },
	{ "h", 3600ULL * 1000000000 },
	{ "d", 86400ULL * 1000000000 },
	{ NULL, 0 },
};

static int digits(struct str *s, uint64_t *v)
{
	uint32_t i = 0;

	for (*v = 0; i < s->len && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		if (__builtin_mul_overflow(*v, 10, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(s->p[i] - '0'), v))
			return -ERANGE;
	if (!i)
		return -EINVAL;
	s->p += i;
	s->len -= i;
	return 0;
}

/* A number and, where `units` is given, its unit. A bare number is allowed for sizes only: a
 * duration without its unit is a mistake waiting to happen; 0 needs none. */
static int quantity(struct str s, const struct unit *units, bool bare, uint64_t *out)
{
	uint64_t v;
	int rc = digits(&s, &v);

	if (rc)
		return rc;
	if (!s.len && (bare || !units || !v)) {
		*out = v;
		return 0;
	}
	for (; units && units->name; units++)
		if (str_eq(s, str_of(units->name)))
			return __builtin_mul_overflow(v, units->factor, out) ? -ERANGE : 0;
	return -EINVAL;
}

static int boolean(struct str s, uint32_t *out)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (uint32_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(s, str_of(words[i]))) {
			*out = i & 1;
			return 0;
		}
	return -EINVAL;
}

static void list_free(struct opt_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	*l = (struct opt_list){ 0 };
}

static int list_add(struct opt_list *l, struct str item)
{
	CLEANUP_FREE char *copy = strndup(item.p ? item.p : "", item.len);
	char **items;

	if (!copy)
		return -ENOMEM;
	items = realloc(l->items, (l->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->count++] = TAKE_PTR(copy);
	return 0;
}

/* Comma separated; adds to what is there. */
static int list(struct opt_list *l, struct str s)
{
	int rc = 0;

	while (!rc && s.len) {
		const char *comma = memchr(s.p, ',', s.len);
		uint32_t n = comma ? (uint32_t)(comma - s.p) : s.len, skip = n + (comma ? 1 : 0);

		if (n)
			rc = list_add(l, (struct str){ s.p, n });
		s.p += skip;
		s.len -= skip;
	}
	return rc;
}

static int text(const char **out, struct str s)
{
	char *copy;

	if (memchr(s.p ? s.p : "", '\0', s.len))
		return -EINVAL;
	copy = strndup(s.p ? s.p : "", s.len);
	if (!copy)
		return -ENOMEM;
	free((char *)*out);
	*out = copy;
	return 0;
}

static int choice(const char *const *names, struct str s, uint32_t *out)
{
	for (uint32_t i = 0; names[i]; i++)
		if (str_eq(s, str_of(names[i]))) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

static int number(const struct option *o, struct str s, uint64_t *out)
{
	static const struct unit *const units[] = {
		[OPT_SIZE] = sizes, [OPT_DURATION] = durations
	};
	uint64_t v;
	int rc = quantity(s, o->type == OPT_UINT ? NULL : units[o->type], o->type == OPT_SIZE, &v);

	if (rc)
		return rc;
	if ((o->min || o->max) && (v < o->min || (o->max && v > o->max)))
		return -ERANGE;
	*out = v;
	return 0;
}

static int set(const struct option *o, void *cfg, struct str value)
{
	void *at = (char *)cfg + o->offset;

	switch ((enum option_type)o->type) {
	case OPT_BOOL: return boolean(value, at);
	case OPT_UINT:
	case OPT_SIZE:
	case OPT_DURATION: return number(o, value, at);
	case OPT_STR:
		if ((o->min || o->max) && (value.len < o->min || (o->max && value.len > o->max)))
			return -ERANGE;
		return text(at, value);
	case OPT_ENUM: return choice(o->names, value, at);
	case OPT_LIST: return list(at, value);
	}
	return -EINVAL;
}

static const char *expected(const struct option *o, char *buf, size_t len)
{
	static const char *const texts[] = {
		[OPT_BOOL] = "true or false",
		[OPT_UINT] = "a number",
		[OPT_SIZE] = "a size such as 64KiB or 16MiB",
		[OPT_DURATION] = "a duration such as 250ms, 5s, 10m or 24h",
		[OPT_STR] = "text",
		[OPT_ENUM] = "",
		[OPT_LIST] = "a list",
	};
	size_t n = 0;

	if (o->type != OPT_ENUM)
		return texts[o->type];
	n += (size_t)snprintf(buf, len, "one of");
	for (uint32_t i = 0; o->names[i] && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? ", " : " ", o->names[i]);
	return buf;
}

static int report(const struct option *o, struct str value, int rc, char *err, size_t err_len)
{
	char names[160];
	int shown = (int)MIN(value.len, 60u);

	if (rc == -ERANGE && (o->min || o->max))
		snprintf(err, err_len, "%s: %.*s is not between %" PRIu64 " and %" PRIu64 "%s",
			 o->key, shown, value.p, o->min, o->max,
			 o->type == OPT_DURATION ? " ns"
			 : o->type == OPT_SIZE   ? " bytes"
						 : "");
	else if (rc == -ENOMEM)
		snprintf(err, err_len, "%s: out of memory", o->key);
	else
		snprintf(err, err_len, "%s: '%.*s' is not %s", o->key, shown,
			 value.p ? value.p : "", expected(o, names, sizeof(names)));
	return rc;
}

static const struct option *find(const struct option *t, struct str key)
{
	for (; t && t->key; t++)
		if (str_eq(key, str_of(t->key)))
			return t;
	return NULL;
}

static int unknown(const struct option *t, const struct option *t2, struct str key, char *err,
		   size_t err_len)
{
	struct nearest n = { .word = key };

	for (; t && t->key; t++)
		nearest_offer(&n, t->key);
	for (; t2 && t2->key; t2++)
		nearest_offer(&n, t2->key);
	snprintf(err, err_len, "unknown option '%.*s'%s%s%s", (int)MIN(key.len, 60u),
		 key.p ? key.p : "", n.best ? "; did you mean '" : "", n.best ? n.best : "",
		 n.best ? "'?" : "");
	return -ENOENT;
}

void option_defaults(const struct option *t, void *cfg)
{
	for (; t && t->key; t++) {
		int rc = t->def ? set(t, cfg, str_of(t->def)) : 0;

		assert(!rc || rc == -ENOMEM);
		(void)rc;
	}
}

int option_set(const struct option *t, void *cfg, struct str key, struct str value, char *err,
	       size_t err_len)
{
	const struct option *o = find(t, key);
	int rc;

	if (!o)
		return unknown(t, NULL, key, err, err_len);
	rc = set(o, cfg, value);
	return rc ? report(o, value, rc, err, err_len) : 0;
}

/* The value that starts at s: up to the comma before the next piece that has a '='. */
static uint32_t value_len(struct str s)
{
	uint32_t end = 0;

	for (;;) {
		const char *comma = memchr(s.p + end, ',', s.len - end);
		uint32_t next, stop;

		if (!comma)
			return s.len;
		next = (uint32_t)(comma - s.p) + 1;
		comma = memchr(s.p + next, ',', s.len - next);
		stop = comma ? (uint32_t)(comma - s.p) : s.len;
		if (memchr(s.p + next, '=', stop - next))
			return next - 1;
		end = next;
	}
}

int option_parse_list(const struct option *t, void *cfg, const struct option *t2, void *cfg2,
		      struct str s, char *err, size_t err_len)
{
	while (s.len) {
		const char *eq = memchr(s.p, '=', s.len);
		struct str key, value;
		int rc;

		if (!eq) {
			snprintf(err, err_len, "'%.*s' is not key=value", (int)MIN(s.len, 60u),
				 s.p);
			return -EINVAL;
		}
		key = (struct str){ s.p, (uint32_t)(eq - s.p) };
		value.p = eq + 1;
		value.len = value_len((struct str){ eq + 1, s.len - key.len - 1 });
		if (find(t, key))
			rc = option_set(t, cfg, key, value, err, err_len);
		else if (find(t2, key))
			rc = option_set(t2, cfg2, key, value, err, err_len);
		else
			rc = unknown(t, t2, key, err, err_len);
		if (rc)
			return rc;
		s.len -= (uint32_t)(value.p + value.len - s.p);
		s.p = value.p + value.len;
		if (s.len) { /* the comma */
			s.p++;
			s.len--;
		}
	}
	return 0;
}

void option_free(const struct option *t, void *cfg)
{
	for (; t && t->key; t++) {
		void *at = (char *)cfg + t->offset;

		if (t->type == OPT_STR) {
			free(*(char **)at);
			*(char **)at = NULL;
		} else if (t->type == OPT_LIST) {
			list_free(at);
		}
	}
}
