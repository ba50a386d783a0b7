/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One value of a field, as JSON and as text for people (encode.h). A new class of field needs a
 * case in both. Any thread.
 */
#include "pipeline/json.h"
#include "pipeline/put.h"
#include "pipeline/utf8.h"

enum { NUMBER_TEXT = 64 }; /* any number, name, time or address */

static void text_unsafe(struct buf *b, const char *p, uint32_t n, uint32_t c)
{
	if (n > 1)
		buf_addf(b, "\\u{%04X}", c);
	else
		buf_addf(b, "\\x%02x", (unsigned char)*p);
}

void text_escape(struct buf *b, struct str s)
{
	const char *p = s.p, *end = str_end(s), *run = p;

	while (p < end) {
		uint32_t c, n;

		p += utf8_plain(p, (uint32_t)(end - p));
		if (p == end)
			break;
		n = utf8_next(p, end, &c);
		if (n && !utf8_is_unsafe(c)) {
			p += n;
			continue;
		}
		put_bytes(b, run, (size_t)(p - run));
		text_unsafe(b, p, n, c);
		p += n ? n : 1;
		run = p;
	}
	if (end > run)
		put_bytes(b, run, (size_t)(end - run));
}

static void text_list(struct buf *b, struct str list)
{
	const char *p = list.p, *end = str_end(list), *nul;

	while (p < end) {
		nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			nul = end;
		text_escape(b, (struct str){ p, (uint32_t)(nul - p) });
		p = nul + 1;
		if (p < end)
			put_char(b, ' ');
	}
}

static void text_bits(struct buf *b, const struct field *f, uint64_t v)
{
	const char *name;

	for (; v; v &= v - 1) {
		uint32_t bit = (uint32_t)__builtin_ctzll(v);

		name = schema_enum_name(f, bit);
		if (name)
			buf_lit(b, name);
		else
			buf_addf(b, "bit%u", bit);
		if (v & (v - 1))
			put_char(b, '|');
	}
}

static void text_number(struct buf *b, const struct field *f, const struct value *v)
{
	char *p = put_room(b, NUMBER_TEXT);
	const char *name;

	if (!p)
		return;
	switch (v->class) {
	case EV_CLASS_INT:
		if (v->i < 0)
			*p++ = '-';
		p = put_uint(p, v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i);
		break;
	case EV_CLASS_OCTAL: p = put_octal(p, v->u); break;
	case EV_CLASS_HEX: p = put_hex16(p, v->u); break;
	case EV_CLASS_TIME: p = put_time(p, v->u); break;
	case EV_CLASS_IP: p = put_ip(p, &v->ip); break;
	case EV_CLASS_BOOL: p = v->u ? stpcpy(p, "true") : stpcpy(p, "false"); break;
	default: name = schema_enum_name(f, v->u); p = name ? stpcpy(p, name) : put_uint(p, v->u);
	}
	b->len = (size_t)(p - b->p);
}

void value_text(struct buf *b, const struct field *f, const struct value *v)
{
	switch (v->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_JSON: text_escape(b, v->s); break;
	case EV_CLASS_LIST: text_list(b, v->s); break;
	case EV_CLASS_BITS: text_bits(b, f, v->u); break;
	default: text_number(b, f, v);
	}
}

/* Numbers that are JSON strings. */
static void json_quoted(struct buf *b, const struct field *f, const struct value *v)
{
	size_t before = b->len;

	put_char(b, '"');
	text_number(b, f, v);
	put_char(b, '"');
	if (b->failed)
		b->len = before;
}

bool value_json(struct buf *b, const struct field *f, const struct value *v)
{
	switch (v->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH: return put_json_string(b, v->s);
	case EV_CLASS_LIST: return put_json_list(b, v->s);
	case EV_CLASS_JSON: put_bytes(b, v->s.p, v->s.len); return json_has_encoded(v->s);
	case EV_CLASS_BITS: put_json_bits(b, f->names, v->u); return false;
	case EV_CLASS_ENUM: put_json_enum(b, f->names, v->u); return false;
	case EV_CLASS_UINT: put_json_uint(b, v->u); return false;
	case EV_CLASS_IP: put_json_ip(b, &v->ip); return false;
	case EV_CLASS_INT:
	case EV_CLASS_BOOL: text_number(b, f, v); return false;
	default: json_quoted(b, f, v); return false;
	}
}
