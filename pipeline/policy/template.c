/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * template.h. The values are an attacker's: they only pass through value_text and text_escape.
 * Rendering runs on the consumer thread into a buffer that does not grow.
 */
#include "pipeline/policy/template.h"

#include "pipeline/encode.h"
#include "pipeline/util.h"

/* Message text of a policy is one line: white space of a YAML block becomes single spaces. */
static struct str safe_text(struct str raw, struct pool *pool)
{
	struct buf flat = { 0 }, safe = { 0 };
	struct str kept;

	for (uint32_t i = 0; i < raw.len; i++) {
		bool space = raw.p[i] == '\n' || raw.p[i] == '\t' || raw.p[i] == '\r';

		buf_char(&flat, space ? ' ' : raw.p[i]);
	}
	text_escape(&safe, (struct str){ flat.p, (uint32_t)flat.len });
	kept = pool_str(pool, (struct str){ safe.p, (uint32_t)safe.len });
	if (flat.failed || safe.failed)
		kept = (struct str){ NULL, 0 };
	buf_free(&flat);
	buf_free(&safe);
	return kept;
}

static struct template_part *new_part(struct template *t, struct cond_check *x, uint32_t at)
{
	if (t->nparts >= TEMPLATE_PARTS_MAX) {
		cond_error(x, at, "the message has more than %d parts", TEMPLATE_PARTS_MAX);
		return NULL;
	}
	return &t->parts[t->nparts++];
}

static void add_text(struct template *t, struct buf *pending, struct cond_check *x, uint32_t at)
{
	struct template_part *p = pending->len ? new_part(t, x, at) : NULL;

	if (p) {
		p->text = safe_text((struct str){ pending->p, (uint32_t)pending->len }, x->pool);
		x->no_memory |= !p->text.p || pending->failed;
	}
	buf_reset(pending);
}

/* {2.file.path} and {download.file.path}: the step, from 1, and what is behind it. 0: no step. */
static uint32_t step_of(const struct template_scope *scope, struct str *path)
{
	const char *dot = memchr(path->p, '.', path->len);
	struct str word = { path->p, dot ? (uint32_t)(dot - path->p) : 0 };

	for (uint32_t i = 0; word.len && i < scope->nsteps; i++) {
		char digit = (char)('1' + i);

		if (!str_eq(word, scope->names[i]) && !str_eq(word, (struct str){ &digit, 1 }))
			continue;
		*path = (struct str){ dot + 1, path->len - word.len - 1 };
		return i + 1;
	}
	return 0;
}

static void add_part(struct template *t, struct str path, const struct template_scope *scope,
		     struct cond_check *x, uint32_t at)
{
	struct template_part *p = new_part(t, x, at);
	uint32_t kinds = x->kinds, step = step_of(scope, &path);
	char text[400];

	if (p && scope->number && str_eq(path, str_of(scope->number))) {
		p->count = true;
		return;
	}
	if (step) {
		kinds = scope->kinds[step - 1];
		step = step - 1 == scope->last ? 0 : step;
	}
	if (!kinds) {
		cond_error(x, at, "a step that must not happen has no fields to tell");
		return;
	}
	if (!cond_field(kinds, path)) {
		cond_field_unknown(kinds, path, text, sizeof(text));
		cond_error(x, at, "%s", text);
		return;
	}
	for (uint32_t k = 0; p && k < EV_MAX; k++)
		if (kinds & 1u << k)
			p->fields[k] = cond_field(1u << k, path);
	if (p)
		p->step = (uint8_t)step;
}

uint64_t template_id(struct str text)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.p[i]) * 0x100000001b3ULL;
	return h;
}

void template_compile(struct template *t, struct str text, const struct template_scope *scope,
		      struct cond_check *x)
{
	struct buf pending = { 0 };
	uint32_t i = 0, most = 1;

	for (uint32_t j = 0; j < text.len && most < TEMPLATE_PARTS_MAX; j++)
		most += 2 * (text.p[j] == '{');
	t->parts = pool_array(x->pool, MIN(most, (uint32_t)TEMPLATE_PARTS_MAX), sizeof(*t->parts));
	t->nparts = 0;
	t->id = template_id(text);
	x->no_memory |= !t->parts;
	while (i < text.len && t->parts && !x->no_memory) {
		char c = text.p[i];
		const char *end;

		if ((c == '{' || c == '}') && i + 1 < text.len && text.p[i + 1] == c) {
			buf_char(&pending, c);
			i += 2;
		} else if (c == '}') {
			cond_error(x, i++, "} without its {; write }} for a brace");
		} else if (c != '{') {
			buf_char(&pending, c);
			i++;
		} else {
			end = memchr(text.p + i, '}', text.len - i);
			if (!end) {
				cond_error(x, i, "{ without its }; write {{ for a brace");
				break;
			}
			add_text(t, &pending, x, i);
			add_part(t,
				 (struct str){ text.p + i + 1, (uint32_t)(end - text.p) - i - 1 },
				 scope, x, i + 1);
			i = (uint32_t)(end - text.p) + 1;
		}
	}
	if (t->parts)
		add_text(t, &pending, x, text.len);
	buf_free(&pending);
}

static bool is_text(uint8_t class)
{
	return class == EV_CLASS_STR || class == EV_CLASS_PATH || class == EV_CLASS_COMM;
}

static void render_text(struct buf *out, struct str s)
{
	struct str shown = str_cut(s, TEMPLATE_VALUE_MAX);

	text_escape(out, shown);
	if (shown.len < s.len)
		buf_lit(out, "…");
}

static void render_list(struct buf *out, struct str s)
{
	struct str shown = str_cut(s, TEMPLATE_VALUE_MAX), left = shown;

	while (left.len) {
		if (left.p > shown.p)
			buf_char(out, ' ');
		text_escape(out, str_take(&left));
	}
	if (shown.len < s.len)
		buf_lit(out, "…");
}

static void render_field(const struct template_part *p, struct event *e, struct buf *out)
{
	const struct field *f = p->fields[e->kind->kind];
	struct value v;

	if (!f || !event_get(e, f, &v))
		buf_char(out, '?');
	else if (is_text(v.class))
		render_text(out, v.s);
	else if (v.class == EV_CLASS_LIST)
		render_list(out, v.s);
	else
		value_text(out, f, &v);
}

/* The next of the values kept of a step, each behind its length. */
static void render_kept(struct str *kept, struct buf *out)
{
	uint16_t len;

	if (kept->len < sizeof(len)) {
		buf_char(out, '?');
		return;
	}
	memcpy(&len, kept->p, sizeof(len));
	buf_add(out, kept->p + sizeof(len), len);
	kept->p += sizeof(len) + len;
	kept->len -= (uint32_t)sizeof(len) + len;
}

void template_keep(const struct template *t, uint32_t step, struct event *e, struct buf *out,
		   uint32_t *bytes)
{
	size_t start = out->len;

	for (uint32_t i = 0; i < t->nparts; i++) {
		size_t at = out->len;
		uint16_t len = 0;

		if (t->parts[i].step != step)
			continue;
		buf_add(out, &len, sizeof(len));
		render_field(&t->parts[i], e, out);
		if (out->failed)
			break;
		len = (uint16_t)(out->len - at - sizeof(len));
		memcpy(out->p + at, &len, sizeof(len));
	}
	*bytes = (uint32_t)(out->len - start);
}

void template_render_more(const struct template *t, struct event *e,
			  const struct template_more *more, struct buf *out)
{
	struct template_more left = more ? *more : (struct template_more){ 0 };

	for (uint32_t i = 0; i < t->nparts; i++) {
		const struct template_part *p = &t->parts[i];

		if (p->text.len)
			buf_str(out, p->text);
		else if (p->count)
			buf_addf(out, "%llu", (unsigned long long)left.count);
		else if (p->step)
			render_kept(&left.values[p->step - 1], out);
		else
			render_field(p, e, out);
	}
}

void template_render(const struct template *t, struct event *e, struct buf *out)
{
	template_render_more(t, e, NULL, out);
}
