/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * made.h: writes values where the schema says they lie.
 */
#include "tests/harness/made.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct event_kind *kind_of(const struct made *m)
{
	return schema_kind(m->rec.h.kind);
}

static void clear_group(struct made *m, uint32_t g)
{
	const struct ctx_group_desc *d = schema_group(g);

	for (uint32_t i = 0; i < d->nfields; i++)
		if (d->fields[i].absence == ABSENT_MINUS_ONE)
			memset(m->ctx[g].b + d->fields[i].offset, 0xff, d->fields[i].size);
	m->e.ctx[g] = m->ctx[g].b;
}

struct made *made_new(const char *kind)
{
	const struct event_kind *k = schema_kind_by_name(str_of(kind));
	struct made *m = calloc(1, sizeof(*m));

	if (!k || !m || arena_init(&m->arena, 256 << 10))
		abort();
	rec_begin(&m->rec, k->kind);
	for (uint32_t g = 0; g < CTX_MAX; g++)
		if (schema_group(g)->size > sizeof(m->ctx[g]))
			abort();
	if (schema_field(k, STR("event.outcome")) && !made_set(m, "event.outcome", "success"))
		abort();
	return m;
}

static bool set_number(const struct field *f, char *at, const char *value)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(value, &end, 0);
	if (!strcmp(value, "true") || !strcmp(value, "false"))
		n = value[0] == 't';
	else if (!*value || *end || errno)
		return false;
	memcpy(at, &n, f->size); /* little-endian, as everywhere here */
	return true;
}

static bool set_names(const struct field *f, char *at, const char *value)
{
	uint64_t n = 0;

	while (*value) {
		size_t len = strcspn(value, "|");
		int64_t got = schema_enum_value(f, (struct str){ value, (uint32_t)len });

		if (got < 0)
			return false;
		/* O_RDONLY has a bit that no record holds: it is there when the others are not. */
		n |= f->class == EV_CLASS_ENUM ? (uint64_t)got
		     : got < 8 * f->size       ? 1ULL << got
					       : 0;
		value += len + (value[len] == '|');
	}
	memcpy(at, &n, f->size);
	return true;
}

static struct str keep(struct made *m, const char *value, size_t len, bool list)
{
	char *at = m->text + m->text_len;

	if (len + 1 > sizeof(m->text) - m->text_len)
		abort();
	memcpy(at, value, len);
	for (size_t i = 0; list && i < len; i++)
		if (at[i] == '\x1f')
			at[i] = '\0';
	at[len] = '\0';
	m->text_len += (uint32_t)len + 1;
	return (struct str){ at, (uint32_t)len + list };
}

static bool set_text(struct made *m, const struct field *f, char *at, const char *value, size_t len)
{
	struct str s = keep(m, value, len, f->class == EV_CLASS_LIST);

	if (f->source == FIELD_CTX)
		memcpy(at, &s, sizeof(s));
	else if (f->class == EV_CLASS_PATH)
		rec_path(&m->rec, (struct ev_ref *)at, s.p);
	else
		rec_bytes(&m->rec, (struct ev_ref *)at, s.p, s.len);
	return true;
}

bool made_set_bytes(struct made *m, const char *path, const void *value, size_t len)
{
	const struct field *f = schema_field(kind_of(m), str_of(path));
	char *at, text[64];

	if (!f)
		return false;
	if (f->source == FIELD_CTX && !m->e.ctx[f->group])
		clear_group(m, f->group);
	at = (f->source == FIELD_CTX ? m->ctx[f->group].b : m->rec.b) + f->offset;
	if (f->class == EV_CLASS_STR || f->class == EV_CLASS_PATH || f->class == EV_CLASS_LIST)
		return set_text(m, f, at, value, len);
	if (f->class == EV_CLASS_COMM) {
		memset(at, 0, EV_COMM_LEN);
		memcpy(at, value, len < EV_COMM_LEN - 1 ? len : EV_COMM_LEN - 1);
		return true;
	}
	if (f->class == EV_CLASS_BITS || f->class == EV_CLASS_ENUM)
		return set_names(f, at, keep(m, value, len, false).p);
	if (len >= sizeof(text))
		return false;
	memcpy(text, value, len);
	text[len] = '\0';
	if (f->class != EV_CLASS_IP)
		return set_number(f, at, text);
	rec_ip((struct ev_ip *)at, text);
	return true;
}

bool made_set(struct made *m, const char *path, const char *value)
{
	return made_set_bytes(m, path, value, strlen(value));
}

struct event *made_event(struct made *m)
{
	const void *ctx[CTX_MAX];
	const char *why = "";

	memcpy(ctx, m->e.ctx, sizeof(ctx));
	rec_end(&m->rec);
	if (event_validate(&m->e, &m->arena, m->rec.b, m->rec.len, &why)) {
		fprintf(stderr, "made_event: %s\n", why);
		abort();
	}
	memcpy(m->e.ctx, ctx, sizeof(ctx));
	return &m->e;
}

void made_free(struct made *m)
{
	if (!m)
		return;
	arena_free(&m->arena);
	free(m);
}
