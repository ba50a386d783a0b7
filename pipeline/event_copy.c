/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * event_copy.h. The schema says where the strings of a context are, so a new field needs nothing
 * here. In a copy a string's pointer is its place in the copy.
 */
#include "pipeline/event_copy.h"

struct head {
	int64_t clock_offset_ns;
	uint32_t raw_len;
	uint32_t groups[CTX_MAX]; /* where the struct is; 0: absent */
};

static bool is_text(const struct field *f)
{
	return f->class == EV_CLASS_STR || f->class == EV_CLASS_PATH || f->class == EV_CLASS_LIST ||
	       f->class == EV_CLASS_JSON;
}

static bool is_string(const struct field *f)
{
	return f->size == sizeof(struct str) && is_text(f);
}

static void align(struct buf *b, size_t start)
{
	static const char zeros[8];

	buf_add(b, zeros, -(b->len - start) & 7);
}

static void copy_group(struct buf *b, size_t start, const void *ctx, const struct ctx_group_desc *g)
{
	size_t at = b->len;

	buf_add(b, ctx, g->size);
	for (uint32_t i = 0; i < g->nfields && !b->failed; i++) {
		const struct field *f = &g->fields[i];
		struct str s;

		if (!is_string(f))
			continue;
		memcpy(&s, b->p + at + f->offset, sizeof(s));
		if (!s.p)
			continue;
		align(b, start); /* lists of numbers are read as such */
		if (b->failed)
			return;
		((struct str *)(b->p + at + f->offset))->p = (const char *)(b->len - start);
		buf_str(b, s);
	}
	align(b, start);
}

void event_copy(struct buf *b, const struct event *e, uint32_t without)
{
	struct head h = { .clock_offset_ns = e->clock_offset_ns, .raw_len = e->raw->len };
	size_t start = b->len;

	buf_add(b, &h, sizeof(h));
	align(b, start);
	buf_add(b, e->raw, e->raw->len);
	align(b, start);
	for (uint32_t g = 0; g < CTX_MAX && !b->failed; g++) {
		if (!e->ctx[g] || without & 1u << g)
			continue;
		h.groups[g] = (uint32_t)(b->len - start);
		copy_group(b, start, e->ctx[g], schema_group(g));
	}
	if (!b->failed)
		memcpy(b->p + start, &h, sizeof(h));
}

void event_copy_most(struct buf *b, const struct event *e)
{
	size_t start = b->len;

	event_copy(b, e, 0);
	if (!b->failed)
		return;
	b->failed = false;
	b->len = start;
	event_copy(b, e, 1u << CTX_LINEAGE);
}

void event_copy_bare(struct buf *b, const struct event *e)
{
	_Alignas(8) char rec[EVENT_BARE_BYTES];
	struct event bare = { .raw = (const struct ev_hdr *)rec,
			      .clock_offset_ns = e->clock_offset_ns };

	if (e->kind->size > sizeof(rec)) {
		b->failed = true;
		return;
	}
	memcpy(rec, e->raw, e->kind->size);
	for (uint32_t i = 0; i < e->kind->nfields; i++)
		if (is_text(&e->kind->fields[i]))
			memset(rec + e->kind->fields[i].offset, 0, e->kind->fields[i].size);
	((struct ev_hdr *)rec)->len = e->kind->size;
	event_copy(b, &bare, 0);
}

bool event_restore(struct event *e, struct arena *arena, char *mem, uint32_t len)
{
	struct head h;
	size_t raw_at = (sizeof(h) + 7) & ~(size_t)7;

	if (len < raw_at + sizeof(struct ev_hdr))
		return false;
	memcpy(&h, mem, sizeof(h));
	*e = (struct event){
		.raw = (const struct ev_hdr *)(mem + raw_at),
		.arena = arena,
		.clock_offset_ns = h.clock_offset_ns,
	};
	e->kind = schema_kind(e->raw->kind);
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		const struct ctx_group_desc *d = schema_group(g);

		if (!h.groups[g])
			continue;
		e->ctx[g] = mem + h.groups[g];
		for (uint32_t i = 0; i < d->nfields; i++) {
			struct str *s = (struct str *)(mem + h.groups[g] + d->fields[i].offset);

			if (is_string(&d->fields[i]) && s->p)
				s->p = mem + (size_t)s->p;
		}
	}
	return e->kind;
}
