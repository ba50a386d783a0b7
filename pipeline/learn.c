/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Gathers what events say (learn.h). One thread: the consumer's while a host is watched.
 */
#include "pipeline/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/utf8.h"
#include "pipeline/util.h"

/* --- which events --- */

static const struct {
	const char *key, *exec, *other; /* %s is the value */
} scopes[] = {
	{ "unit", "service.name = \"%s\"", NULL },
	{ "container", "container.id startswith \"%s\"", NULL },
	{ "cgroup", "(process.cgroup.path = \"%s\" or process.cgroup.path startswith \"%s/\")",
	  NULL },
	{ "program", "process.parent.executable = \"%s\"", "process.executable = \"%s\"" },
};

/* The condition with the value in the place of each %s. */
static void fill(char *out, size_t room, const char *condition, const char *value)
{
	size_t n = 0;

	for (const char *p = condition; *p && n + 1 < room; p++) {
		if (p[0] == '%' && p[1] == 's') {
			n += (size_t)snprintf(out + n, room - n, "%s", value);
			p++;
		} else {
			out[n++] = *p;
		}
	}
	out[MIN(n, room - 1)] = '\0';
}

static bool is_plain(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"'\\", s.p[i]))
			return false;
	return s.len && s.len <= LEARN_VALUE_MAX;
}

static void make_name(char *out, size_t room, const char *key, struct str value)
{
	size_t n = (size_t)snprintf(out, room, "%s-", key);
	uint32_t skip = value.p[0] == '/';

	for (uint32_t i = skip; i < value.len && n < 60; i++) {
		bool word = (value.p[i] | 0x20) >= 'a' && (value.p[i] | 0x20) <= 'z';

		word |= value.p[i] >= '0' && value.p[i] <= '9';
		out[n++] =
			(char)(word || value.p[i] == '.' || value.p[i] == '_' ? value.p[i] : '-');
	}
	out[n] = '\0';
}

int learn_scope_parse(struct learn_scope *s, struct str text, char *err, size_t err_len)
{
	const char *eq = text.len ? memchr(text.p, '=', text.len) : NULL;
	struct str key = { text.p, eq ? (uint32_t)(eq - text.p) : 0 };
	struct str value = { eq ? eq + 1 : "", eq ? text.len - key.len - 1 : 0 };
	char plain[LEARN_VALUE_MAX + 1] = "";

	for (uint32_t i = 0; i < ARRAY_LEN(scopes); i++) {
		if (!str_eq(key, str_of(scopes[i].key)))
			continue;
		if (!is_plain(value)) {
			snprintf(err, err_len,
				 "%s is followed by 1 to %d printable characters, without "
				 "blanks, quotes and backslashes",
				 scopes[i].key, LEARN_VALUE_MAX);
			return -EINVAL;
		}
		memcpy(plain, value.p, value.len);
		for (uint32_t k = 0; k < LEARN_KINDS; k++)
			fill(s->conditions[k], sizeof(s->conditions[k]),
			     k == LEARN_EXEC || !scopes[i].other ? scopes[i].exec : scopes[i].other,
			     plain);
		make_name(s->name, sizeof(s->name), scopes[i].key, value);
		snprintf(s->text, sizeof(s->text), "%s=%s", scopes[i].key, plain);
		return 0;
	}
	snprintf(err, err_len,
		 "it is unit=NAME, container=ID, cgroup=PATH or program=PATH, as in "
		 "unit=nginx.service");
	return -EINVAL;
}

void learn_scope_policies(const struct learn_scope *s, struct buf *out)
{
	static const char *const kinds[LEARN_KINDS] = { "process.exec", "file.open",
							"network.connect" };

	buf_lit(out, "policies:\n");
	for (uint32_t k = 0; k < LEARN_KINDS; k++)
		buf_addf(out,
			 "  - name: learn-%u\n    on: %s\n    action: record\n    where: '%s'\n", k,
			 kinds[k], s->conditions[k]);
}

/* --- sets --- */

void learned_append(struct learn *l, struct learned *set, struct str s)
{
	if (array_grow(&set->items, set->count, sizeof(*set->items)))
		set->items[set->count++] = s;
	else
		l->no_memory = true;
}

static void add(struct learn *l, struct learned *set, struct str s)
{
	struct str copy;

	if (l->no_memory || l->full || strmap_get(&set->map, s))
		return;
	if (set->count >= LEARN_NAMES_MAX) {
		l->full = true;
		return;
	}
	copy = pool_str(&l->pool, s);
	if (!copy.p || strmap_put(&set->map, copy, l))
		l->no_memory = true;
	else
		learned_append(l, set, copy);
}

/* Can a policy file hold it as it is? */
static bool is_writable(struct str s)
{
	const char *p = s.p, *end = s.p + s.len;

	while (p < end) {
		uint32_t c = 0, n = utf8_next(p, end, &c);

		if (!n || utf8_is_unsafe(c))
			return false;
		p += n;
	}
	return s.len;
}

static void add_name(struct learn *l, struct learned *set, struct str s)
{
	if (is_writable(s))
		add(l, set, s);
	else if (s.len)
		l->unwritable++;
}

static bool text_of(struct event *e, const char *path, struct str *out)
{
	const struct field *f = schema_field(e->kind, str_of(path));
	struct value v;

	if (!f || !event_get(e, f, &v))
		return false;
	*out = v.s;
	return true;
}

static bool is_number(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len;
}

/* /proc/123/task/124/stat: numbers of processes and threads are others the next time. */
static bool make_pattern(struct str path, struct buf *out)
{
	bool any = false;

	for (uint32_t at = 0; at < path.len;) {
		const char *slash = memchr(path.p + at, '/', path.len - at);
		uint32_t len = slash ? (uint32_t)(slash - path.p) - at : path.len - at;
		struct str part = { path.p + at, len };

		if (is_number(part)) {
			buf_lit(out, "[0-9]*");
			any = true;
		} else {
			for (uint32_t i = 0; i < len; i++) {
				if (strchr("*?[\\", part.p[i]))
					buf_char(out, '\\');
				buf_char(out, part.p[i]);
			}
		}
		if (slash)
			buf_char(out, '/');
		at += len + 1;
	}
	return any;
}

static void learn_open(struct learn *l, struct event *e)
{
	const struct field *flags = schema_field(e->kind, STR("file.path_flags"));
	struct buf pattern = { 0 };
	struct value v;
	struct str s;

	if (!text_of(e, "file.path", &s) ||
	    (event_get(e, flags, &v) && v.u & 1u << EV_PATHF_PSEUDO))
		return; /* a pipe, an anonymous file: the policy leaves them out too */
	if (str_starts(s, STR("/proc/")) && make_pattern(s, &pattern) && !pattern.failed)
		add_name(l, &l->patterns, (struct str){ pattern.p, (uint32_t)pattern.len });
	else
		add_name(l, &l->files, s);
	buf_free(&pattern);
}

/* family, address, port, so that they sort by address. */
static void learn_connect(struct learn *l, struct event *e)
{
	const struct ev_connect *c = (const void *)e->raw;
	char key[1 + 16 + 2];
	struct str s;

	if (text_of(e, "network.unix.path", &s))
		add_name(l, &l->sockets, s);
	if (!c->daddr.family)
		return;
	key[0] = (char)c->daddr.family;
	memcpy(key + 1, c->daddr.addr, 16);
	key[17] = (char)(c->dport >> 8);
	key[18] = (char)c->dport;
	add(l, &l->peers, (struct str){ key, sizeof(key) });
}

void learn_event(struct learn *l, struct event *e)
{
	struct str s;

	switch (e->kind->kind) {
	case EV_EXEC:
		if (text_of(e, "process.executable", &s))
			add_name(l, &l->programs, s);
		break;
	case EV_OPEN: learn_open(l, e); break;
	case EV_CONNECT: learn_connect(l, e); break;
	default: break;
	}
}

bool learn_is_empty(const struct learn *l)
{
	return !l->programs.count && !l->files.count && !l->patterns.count && !l->peers.count &&
	       !l->sockets.count;
}

void learn_free(struct learn *l)
{
	struct learned *all[] = { &l->programs, &l->files, &l->patterns, &l->peers, &l->sockets };

	for (uint32_t i = 0; i < ARRAY_LEN(all); i++) {
		strmap_free(&all[i]->map);
		free(all[i]->items);
	}
	pool_free(&l->pool);
	*l = (struct learn){ 0 };
}
