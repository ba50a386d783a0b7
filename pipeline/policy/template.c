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

static void add_field(struct template *t, struct str path, struct cond_check *x, uint32_t at)
{
	struct template_part *p = new_part(t, x, at);
	char text[400];

	if (!cond_field(x->kinds, path)) {
		cond_field_unknown(x->kinds, path, text, sizeof(text));
		cond_error(x, at, "%s", text);
		return;
	}
	for (uint32_t k = 0; p && k < EV_MAX; k++)
		if (x->kinds & 1u << k)
			p->fields[k] = cond_field(1u << k, path);
}

void template_compile(struct template *t, struct str text, struct cond_check *x)
{
	struct buf pending = { 0 };
	uint32_t i = 0, most = 1;

	for (uint32_t j = 0; j < text.len && most < TEMPLATE_PARTS_MAX; j++)
		most += 2 * (text.p[j] == '{');
	t->parts = pool_array(x->pool, MIN(most, (uint32_t)TEMPLATE_PARTS_MAX), sizeof(*t->parts));
	t->nparts = 0;
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
			add_field(t,
				  (struct str){ text.p + i + 1, (uint32_t)(end - text.p) - i - 1 },
				  x, i + 1);
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

/* At most max bytes, without cutting a character of UTF-8. */
static struct str cut(struct str s, uint32_t max)
{
	uint32_t n = max;

	if (s.len <= max)
		return s;
	while (n > max - 4 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct str){ s.p, (s.p[n] & 0xc0) == 0x80 ? max : n };
}

static void render_text(struct buf *out, struct str s)
{
	struct str shown = cut(s, TEMPLATE_VALUE_MAX);

	text_escape(out, shown);
	if (shown.len < s.len)
		buf_lit(out, "…");
}

static void render_list(struct buf *out, struct str s)
{
	struct str shown = cut(s, TEMPLATE_VALUE_MAX);
	uint32_t at = 0;

	while (at < shown.len) {
		uint32_t n = (uint32_t)strnlen(shown.p + at, shown.len - at);

		if (at)
			buf_char(out, ' ');
		text_escape(out, (struct str){ shown.p + at, n });
		at += n + 1;
	}
	if (shown.len < s.len)
		buf_lit(out, "…");
}

void template_render(const struct template *t, struct event *e, struct buf *out)
{
	for (uint32_t i = 0; i < t->nparts; i++) {
		const struct template_part *p = &t->parts[i];
		const struct field *f = p->fields[e->kind->kind];
		struct value v;

		if (p->text.len)
			buf_str(out, p->text);
		else if (!f || !event_get(e, f, &v))
			buf_char(out, '?');
		else if (is_text(v.class))
			render_text(out, v.s);
		else if (v.class == EV_CLASS_LIST)
			render_list(out, v.s);
		else
			value_text(out, f, &v);
	}
}
