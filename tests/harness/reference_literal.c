/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: texts, patterns and other values. Texts of policies and events come from the same
 * few parts, so that tests hold often, and nearly.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/util.h"
#include "tests/harness/reference.h"

static const char *const parts[] = {
	"/", "a",  "b",  "/etc", "/tmp/", "ab",        "shadow",           ".sh",    "A", "B",
	"Z", "z",  "sh", "\n",   "\xff",  " -e ",      "\xc3\xa4",         "lib",    ".", "\\",
	"'", "\"", "*",  "[",    "curl",  "/usr/bin/", "x86_64-linux-gnu", "Shadow", "_", "@`{"
};

void *reference_keep(struct reference *r, size_t size)
{
	void *p = r->set_memory.p + r->set_memory.used;

	r->set_memory.used += (size + 15) & ~(size_t)15;
	if (r->set_memory.used > r->set_memory.size)
		abort();
	memset(p, 0, size);
	return p;
}

static char *event_bytes(struct reference *r, size_t n)
{
	char *p = r->event_memory.p + r->event_memory.used;

	r->event_memory.used += (n + 7) & ~(size_t)7;
	if (r->event_memory.used > r->event_memory.size)
		abort();
	return p;
}

struct str reference_words(struct reference *r, uint32_t max_parts, uint32_t max_bytes, bool event)
{
	uint32_t n = reference_below(r, max_parts + 1), len = 0;
	char *p = event ? event_bytes(r, max_bytes) : reference_keep(r, max_bytes);

	for (uint32_t i = 0; i < n || (!event && !len); i++) {
		const char *part = parts[reference_below(r, ARRAY_LEN(parts))];
		uint32_t more = (uint32_t)strlen(part);

		if (len + more > max_bytes)
			continue;
		memcpy(p + len, part, more);
		len += more;
	}
	return (struct str){ p, len };
}

static struct str keep_text(struct reference *r, const char *p, size_t len)
{
	char *kept = reference_keep(r, len + 1);

	memcpy(kept, p, len);
	return (struct str){ kept, (uint32_t)len };
}

/* --- patterns --- */

static struct reference_node *node(struct reference *r, int what)
{
	struct reference_node *n = reference_keep(r, sizeof(*n));

	n->what = what;
	return n;
}

static void add(struct reference_node *to, struct reference_node *kid)
{
	to->kids[to->nkids++] = kid;
}

/* [a-z] and the like; a range may have both ends in any case, and what lies between. */
static struct reference_node *make_set(struct reference *r, struct buf *b, char negation)
{
	static const char ends[] = "ABZ_abfz/,09";
	struct reference_node *n = node(r, NODE_SET);

	n->negated = !reference_below(r, 3);
	buf_char(b, '[');
	if (n->negated)
		buf_char(b, negation);
	for (uint32_t i = 1 + reference_below(r, 3); i; i--) {
		uint8_t from = (uint8_t)ends[reference_below(r, sizeof(ends) - 1)], to = from;

		if (reference_below(r, 2))
			to = (uint8_t)ends[reference_below(r, sizeof(ends) - 1)];
		if (to < from)
			to = from;
		buf_char(b, (char)from);
		if (to != from)
			buf_addf(b, "-%c", to);
		for (uint32_t c = from; c <= to; c++)
			n->set[c] = true;
	}
	buf_char(b, ']');
	return n;
}

/* The bytes of a part, each a node of its own, if there is room. */
static void add_part(struct reference *r, struct buf *b, struct reference_node *to,
		     const char *special)
{
	const char *part = parts[reference_below(r, ARRAY_LEN(parts))];

	if (to->nkids + strlen(part) >= ARRAY_LEN(to->kids))
		return;
	for (; *part; part++) {
		struct reference_node *n = node(r, NODE_BYTE);

		n->byte = (uint8_t)*part;
		if (strchr(special, *part))
			buf_char(b, '\\');
		buf_char(b, *part);
		add(to, n);
	}
}

struct reference_node *reference_make_glob(struct reference *r, struct buf *b)
{
	struct reference_node *seq = node(r, NODE_SEQ);
	uint32_t n = 1 + reference_below(r, 5);

	for (uint32_t i = 0; i < n && seq->nkids < ARRAY_LEN(seq->kids); i++) {
		uint32_t what = reference_below(r, 8);

		if (what < 3) {
			add(seq, node(r, NODE_REPEAT));
			buf_char(b, '*');
		} else if (what == 3) {
			add(seq, node(r, NODE_ANY));
			buf_char(b, '?');
		} else if (what == 4) {
			add(seq, make_set(r, b, '!'));
		} else {
			add_part(r, b, seq, "*?[\\");
		}
	}
	return seq;
}

static struct reference_node *known_set(struct reference *r, struct buf *b)
{
	static const char *const members[] = { "0123456789", " \t\n\v\f\r",
					       "0123456789_abcdefghijklmnopqrstuvwxyz"
					       "ABCDEFGHIJKLMNOPQRSTUVWXYZ" };
	static const char letters[] = "dswDSW";
	uint32_t i = reference_below(r, 6);
	struct reference_node *n = node(r, NODE_SET);

	buf_addf(b, "\\%c", letters[i]);
	n->negated = i > 2;
	for (const char *m = members[i % 3]; *m; m++)
		n->set[(uint8_t)*m] = true;
	return n;
}

static struct reference_node *make_group(struct reference *r, struct buf *b, uint32_t depth)
{
	struct reference_node *n, *kid;
	uint32_t what = reference_below(r, 8);

	if (what < 2) {
		n = node(r, NODE_AHEAD);
		n->negated = what;
		buf_lit(b, what ? "(?!" : "(?=");
	} else {
		n = node(r, NODE_SEQ);
		buf_lit(b, what < 5 ? "(" : "(?:");
	}
	kid = reference_make_regex(r, b, depth - 1);
	add(n, kid);
	buf_char(b, ')');
	return n;
}

static struct reference_node *make_atom(struct reference *r, struct buf *b, uint32_t depth)
{
	struct reference_node *n;
	static const char bytes[] = "abAZz/._s@";

	switch (reference_below(r, depth ? 8 : 5)) {
	case 0: buf_char(b, '.'); return node(r, NODE_ANY);
	case 1: return make_set(r, b, '^');
	case 2: return known_set(r, b);
	case 5:
	case 6: return make_group(r, b, depth);
	default:
		n = node(r, NODE_BYTE);
		n->byte = (uint8_t)bytes[reference_below(r, sizeof(bytes) - 1)];
		buf_addf(b, n->byte == '.' ? "\\%c" : "%c", n->byte);
		return n;
	}
}

/* An atom as often as said. What is repeated holds no group: the reference tries everything. */
static struct reference_node *make_repeat(struct reference *r, struct buf *b)
{
	static const struct {
		const char *sign;
		uint32_t min, max;
	} rows[] = { { "*", 0, UINT32_MAX },   { "+", 1, UINT32_MAX }, { "?", 0, 1 },
		     { "{2}", 2, 2 },          { "{1,3}", 1, 3 },      { "{0,2}", 0, 2 },
		     { "{2,}", 2, UINT32_MAX } };
	struct reference_node *n = node(r, NODE_REPEAT);
	uint32_t i = reference_below(r, ARRAY_LEN(rows));
	bool group = !reference_below(r, 4);

	buf_lit(b, group ? "(" : "");
	add(n, group ? reference_make_regex(r, b, 0) : make_atom(r, b, 0));
	buf_addf(b, "%s%s%s", group ? ")" : "", rows[i].sign, reference_below(r, 3) ? "" : "?");
	n->min = rows[i].min;
	n->max = rows[i].max;
	return n;
}

static void add_piece(struct reference *r, struct buf *b, struct reference_node *seq,
		      uint32_t depth)
{
	struct reference_node *n;

	switch (reference_below(r, depth ? 9 : 2)) {
	case 0: add(seq, make_atom(r, b, depth)); break;
	case 2:
	case 3: add(seq, make_repeat(r, b)); break;
	case 4:
		n = node(r, NODE_WORD);
		n->negated = !reference_below(r, 3);
		buf_lit(b, n->negated ? "\\B" : "\\b");
		add(seq, n);
		break;
	case 5:
		if (!reference_below(r, 3)) {
			buf_char(b, '$');
			add(seq, node(r, NODE_END));
			break;
		} /* fall through */
	default: add_part(r, b, seq, ".*+?()[]{}|^$\\");
	}
}

struct reference_node *reference_make_regex(struct reference *r, struct buf *b, uint32_t depth)
{
	struct reference_node *alt = node(r, NODE_ALT);
	uint32_t n = 1 + !reference_below(r, 4);

	for (uint32_t i = 0; i < n; i++) {
		struct reference_node *seq = node(r, NODE_SEQ);

		if (i)
			buf_char(b, '|');
		if (!reference_below(r, 6)) {
			buf_char(b, '^');
			add(seq, node(r, NODE_START));
		}
		for (uint32_t j = 1 + reference_below(r, 3); j; j--)
			if (seq->nkids < ARRAY_LEN(seq->kids) - 2)
				add_piece(r, b, seq, depth);
		if (depth && !reference_below(r, 6) && seq->nkids < ARRAY_LEN(seq->kids)) {
			buf_char(b, '$');
			add(seq, node(r, NODE_END));
		}
		add(alt, seq);
	}
	return alt;
}

/* --- values --- */

static void text_operand(struct reference *r, const struct reference_field *f, enum reference_op op,
			 struct reference_operand *o)
{
	uint32_t max = f->max ? f->max : 40;
	struct buf b = { 0 };

	o->value.type = REFERENCE_TEXT;
	if (op == OP_GLOB)
		o->pattern = reference_make_glob(r, &b);
	else if (op == OP_REGEX)
		o->pattern = reference_make_regex(r, &b, 2);
	else if (!f->always || op == OP_CONTAINS || op == OP_STARTSWITH || op == OP_ENDSWITH ||
		 reference_below(r, 4)) /* else empty, as a field that is always there may be */
		buf_str(&b, reference_words(r, op == OP_EQ || op == OP_NE || op == OP_IN ? 3 : 2,
					    max, false));
	o->written = o->value.text = keep_text(r, b.p ? b.p : "", b.len);
	buf_free(&b);
}

static struct str print_number(struct reference *r, const struct reference_field *f, __int128 n)
{
	static const struct {
		const char *unit;
		uint64_t times;
	} units[] = {
		{ "KiB", 1024 }, { "B", 1 }, { "ms", 1000000 }, { "us", 1000 }, { "s", 1000000000 }
	};
	unsigned long long u = (unsigned long long)n;
	uint32_t i = reference_below(r, ARRAY_LEN(units));
	char text[64];
	int len;

	if (u && u % units[i].times == 0 && !reference_below(r, 3))
		len = sprintf(text, "%llu%s", u / units[i].times, units[i].unit);
	else if (f->octal && reference_below(r, 2))
		len = sprintf(text, "0%llo", u);
	else
		len = sprintf(text,
			      (const char *[]){ "%llu", "%llu", "0x%llx",
						"0o%llo" }[reference_below(r, 4)],
			      u);
	return keep_text(r, text, (size_t)len);
}

/* One of the field's, or its neighbour; nothing that the field can never be. */
static void number_operand(struct reference *r, const struct reference_field *f, const char *text,
			   struct reference_operand *o)
{
	__int128 top = 0;

	reference_parse(f, text, &o->value);
	for (uint32_t i = 0; i < ARRAY_LEN(f->values) && f->values[i]; i++) {
		struct reference_value v;

		reference_parse(f, f->values[i], &v);
		top = v.number > top ? v.number : top;
	}
	if (!reference_below(r, 4) && o->value.number < top)
		o->value.number++;
	else if (!reference_below(r, 4) && o->value.number)
		o->value.number--;
	if (f->zero_absent && !o->value.number)
		o->value.number = 1;
	o->written = print_number(r, f, o->value.number);
}

static void network_operand(struct reference *r, struct reference_operand *o)
{
	static const struct {
		const char *written, *address;
		uint32_t prefix;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0", 104 },  { "10.1.2.0/24", "10.1.2.0", 120 },
		{ "0.0.0.0/0", "0.0.0.0", 96 },     { "::/0", "::", 0 },
		{ "fe80::/10", "fe80::", 10 },      { "::ffff:10.0.0.0/104", "10.0.0.0", 104 },
		{ "10.1.2.3/32", "10.1.2.3", 128 }, { "fe80::1/128", "fe80::1", 128 },
		{ "fe80::2", "fe80::2", 128 },      { "10.1.2.2/31", "10.1.2.2", 127 },
		{ "10.1.2.4", "10.1.2.4", 128 },    { "8000::/1", "8000::", 1 },
		{ "::ffff:0:0/96", "0.0.0.0", 96 }, { "127.0.0.0/8", "127.0.0.0", 104 },
	};
	uint32_t i = reference_below(r, ARRAY_LEN(rows));
	const struct reference_field any = { .type = REFERENCE_ADDRESS };

	reference_parse(&any, rows[i].address, &o->value);
	o->prefix = rows[i].prefix;
	o->written = str_of(rows[i].written);
}

void reference_make_operand(struct reference *r, const struct reference_field *f,
			    enum reference_op op, struct reference_operand *o)
{
	uint32_t n = 0;
	const char *text;

	*o = (struct reference_operand){ 0 };
	if (f->type == REFERENCE_TEXT || f->type == REFERENCE_LIST) {
		text_operand(r, f, op, o);
		return;
	}
	if (op == OP_CIDR) {
		network_operand(r, o);
		return;
	}
	while (n < ARRAY_LEN(f->values) && f->values[n])
		n++;
	text = f->values[reference_below(r, n)];
	if (f->type == REFERENCE_NUMBER) {
		number_operand(r, f, text, o);
		return;
	}
	reference_parse(f, text, &o->value);
	o->written = str_of(text);
	if (!strcmp(f->path, "error.code") && !reference_below(r, 3)) {
		char number[16];

		o->written =
			keep_text(r, number, (size_t)sprintf(number, "%d", (int)o->value.number));
		o->value.type = REFERENCE_NUMBER; /* without quotes */
	}
}
