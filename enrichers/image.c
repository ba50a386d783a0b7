/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Images of image.h. Which member of a record goes to which member of struct ctx_process is
 * decided by the field tables: those of one name match. A field in both tables needs no line here.
 */
#include "enrichers/image.h"

#include <stdlib.h>

#include "pipeline/util.h"

static bool is_text(const struct field *f)
{
	return f->class == EV_CLASS_STR || f->class == EV_CLASS_LIST || f->class == EV_CLASS_PATH;
}

static const struct field *member(const struct field *fields, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(fields[i].member, name))
			return &fields[i];
	return NULL;
}

/* absent_process, and one for each other group. */
#define CTX_BEGIN(id, stem, help)                                                                  \
	static const struct ctx_##stem absent_##stem __attribute__((unused)) = {
#define CTX_ID(type, name, path, help) .name = (ctx_t_##type) - 1,
#define CTX_END(id)                                                                                \
	}                                                                                          \
	;
#include "enrichers/context.def"

void image_absent(struct ctx_process *ctx)
{
	*ctx = absent_process;
}

static void copy_field(struct ctx_process *ctx, const struct field *to, struct event *e,
		       const struct field *from)
{
	void *at = (char *)ctx + to->offset;
	struct value v;

	if (!is_text(to))
		memcpy(at, (const char *)e->raw + from->offset, to->size);
	else if (event_get(e, from, &v))
		*(struct str *)at = v.s;
}

void image_plan(struct image_plan *p, uint32_t kind)
{
	const struct ctx_group_desc *g = schema_group(CTX_PROCESS);
	const struct event_kind *k = schema_kind(kind);

	p->count = 0;
	for (uint32_t i = 0; i < k->nfields && p->count < ARRAY_LEN(p->rows); i++) {
		const struct field *from = &k->fields[i];
		const struct field *to = member(g->fields, g->nfields, from->member);

		if (!to || is_text(to) != is_text(from) || (!is_text(to) && to->size != from->size))
			continue;
		p->rows[p->count].from = from;
		p->rows[p->count++].to = to;
	}
}

void image_from_record(struct ctx_process *ctx, struct event *e, const struct image_plan *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		copy_field(ctx, p->rows[i].to, e, p->rows[i].from);
}

struct str image_name(struct str executable, uint32_t path_flags)
{
	struct str deleted = STR(" (deleted)");

	if (path_flags & 1u << EV_PATHF_DELETED && executable.len > deleted.len)
		executable.len -= deleted.len;
	if (path_flags & 1u << EV_PATHF_PSEUDO || !executable.len)
		return executable;
	return str_base(executable);
}

/* Whole items only. */
static struct str cut_list(struct str s, uint32_t max)
{
	if (s.len <= max)
		return s;
	while (max && s.p[max - 1])
		max--;
	return (struct str){ s.p, max };
}

static void make_compact(struct ctx_process *c)
{
	struct str *const cut[] = { &c->requested, &c->interpreter, &c->cwd, &c->tty };

	if (c->args.len > IMAGE_COMPACT_MAX || c->command_line.len > IMAGE_COMPACT_MAX)
		c->exec_flags |= 1u << EV_EXECF_ARGS_TRUNCATED;
	if (c->env.len)
		c->exec_flags |= 1u << EV_EXECF_ENV_TRUNCATED;
	c->env = (struct str){ 0 };
	c->args = cut_list(c->args, IMAGE_COMPACT_MAX);
	c->command_line.len = MIN(c->command_line.len, (uint32_t)IMAGE_COMPACT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(cut); i++)
		if (cut[i]->len > IMAGE_COMPACT_MAX)
			*cut[i] = (struct str){ 0 };
}

struct image *image_new(const struct ctx_process *ctx, bool compact)
{
	const struct ctx_group_desc *g = schema_group(CTX_PROCESS);
	struct ctx_process src = *ctx;
	size_t bytes = sizeof(struct image);
	struct image *img;
	char *at;

	if (compact)
		make_compact(&src);
	for (uint32_t i = 0; i < g->nfields; i++)
		if (is_text(&g->fields[i]))
			bytes += ((struct str *)((char *)&src + g->fields[i].offset))->len;
	img = malloc(bytes);
	if (!img)
		return NULL;
	img->refs = 1;
	img->bytes = (uint32_t)bytes;
	img->ctx = src;
	img->ctx.start_ns = 0;
	img->ctx.sid = img->ctx.pgid = 0;
	at = img->data;
	for (uint32_t i = 0; i < g->nfields; i++) {
		struct str *s = (struct str *)((char *)&img->ctx + g->fields[i].offset);

		if (!is_text(&g->fields[i]))
			continue;
		if (s->len)
			memcpy(at, s->p, s->len);
		s->p = s->len ? at : NULL;
		at += s->len;
	}
	return img;
}

uint32_t image_unref(struct image *i)
{
	uint32_t bytes;

	if (!i || --i->refs)
		return 0;
	bytes = i->bytes;
	free(i);
	return bytes;
}
