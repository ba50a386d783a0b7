/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * made.h.
 */
#include "tests/harness/made.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 4096 };

struct made *made_new(const char *kind)
{
	const struct event_kind *k = schema_kind_by_name(str_of(kind));
	struct compose *c = compose_new();

	if (!k || !c)
		abort();
	compose_begin(c, k);
	return (struct made *)c;
}

static bool set_items(struct made *m, struct str path, struct str value)
{
	static struct str items[ITEMS_MAX];
	uint32_t n = 0;

	while (n < ITEMS_MAX) {
		const char *end = value.len ? memchr(value.p, '\x1f', value.len) : NULL;
		uint32_t len = end ? (uint32_t)(end - value.p) : value.len;

		items[n++] = (struct str){ value.p, len };
		if (!end)
			break;
		value.p += len + 1;
		value.len -= len + 1;
	}
	return !compose_list(&m->c, path, items, n);
}

bool made_set_bytes(struct made *m, const char *path, const void *value, size_t len)
{
	const struct field *f = schema_field(schema_kind(m->rec.h.kind), str_of(path));
	struct str s = { value, (uint32_t)len };

	if (f && f->class == EV_CLASS_LIST)
		return set_items(m, str_of(path), s);
	return !compose_text(&m->c, str_of(path), s);
}

bool made_set(struct made *m, const char *path, const char *value)
{
	return made_set_bytes(m, path, value, strlen(value));
}

struct event *made_event(struct made *m)
{
	struct event *e = compose_event(&m->c);

	if (!e) {
		fprintf(stderr, "made_event: %s\n", m->c.why);
		abort();
	}
	return e;
}

void made_free(struct made *m)
{
	compose_free(&m->c);
}
