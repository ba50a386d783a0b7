/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Literals of a test to its operand: typed by the class of the field, checked, ordered and freed
 * of doubles, so that equal tests get equal keys. Load time only. A new class of fields is a
 * function here and a line in operand_compile.
 */
#include <errno.h>

#include "pipeline/nearest.h"
#include "pipeline/policy/cond.h"
#include "pipeline/util.h"

enum { HASHED_FROM = 9, COMM_TEXT_MAX = 15 };

/* Where a literal is being compiled. */
struct site {
	struct cond_check *x;
	const struct field *f;
	const struct cond *test;
	struct operand *o;
};

#define SHOWN(s) (int)MIN((s).len, 100u), (s).p

static bool wants_text(const struct site *s, const struct literal *l)
{
	if (l->type == LITERAL_TEXT || l->type == LITERAL_PLAIN)
		return true;
	cond_error(s->x, l->at, "%s holds text: write \"%.*s\" in quotes", s->f->path,
		   SHOWN(l->text));
	return false;
}

/* The greatest number a field of so many bytes can hold. */
static uint64_t highest(const struct field *f)
{
	uint64_t bits = f->size >= 8 ? ~0ULL : (1ULL << f->size * 8) - 1;

	return f->class == EV_CLASS_INT ? bits >> 1 : bits;
}

static bool put_plain_number(const struct site *s, const struct literal *l, uint64_t *out)
{
	uint64_t top = highest(s->f), value;
	bool negative;
	char unit;
	int err;

	if (l->type != LITERAL_NUMBER && l->type != LITERAL_PLAIN) {
		cond_error(s->x, l->at, "%s is a number: write one without quotes", s->f->path);
		return false;
	}
	err = number_parse(l->text, s->f->class == EV_CLASS_OCTAL, &value, &negative, &unit);
	if (err == -EINVAL) {
		cond_error(s->x, l->at,
			   "%.*s is not a number (as in 12, 0x1f, 0o644, 16MiB, 250ms)",
			   SHOWN(l->text));
		return false;
	}
	if (err || value > top + negative || (negative && s->f->class != EV_CLASS_INT)) {
		if (s->f->class == EV_CLASS_INT)
			cond_error(s->x, l->at, "%s holds -%llu to %llu", s->f->path,
				   (unsigned long long)top + 1, (unsigned long long)top);
		else
			cond_error(s->x, l->at, "%s holds 0 to %llu", s->f->path,
				   (unsigned long long)top);
		return false;
	}
	*out = s->f->class != EV_CLASS_INT ? value
					   : op_ordered((int64_t)(negative ? 0 - value : value));
	return true;
}

static bool put_bool(const struct site *s, const struct literal *l, uint64_t *out)
{
	if (l->type == LITERAL_NONE) {
		*out = 1;
		return true;
	}
	*out = str_eq(l->text, STR("true"));
	if (l->type != LITERAL_BOOL &&
	    (l->type != LITERAL_PLAIN || (!*out && !str_eq(l->text, STR("false"))))) {
		cond_error(s->x, l->at, "%s is true or false, without quotes", s->f->path);
		return false;
	}
	return true;
}

static bool put_hex(const struct site *s, const struct literal *l, uint64_t *out)
{
	uint64_t value = 0;

	if (l->type == LITERAL_NUMBER)
		return put_plain_number(s, l, out);
	if (!hex_parse(l->text, &value) || !value) {
		cond_error(s->x, l->at, "%s is 16 hexadecimal digits, as in \"00f3a2b49c1d5e60\"",
			   s->f->path);
		return false;
	}
	*out = value;
	return true;
}

static void report_name(const struct site *s, const struct literal *l)
{
	struct nearest near = { .word = l->text };
	const struct name_table *t = s->f->names;

	for (uint32_t i = 0; t && i < t->count && s->x->problems < COND_PROBLEMS_MAX; i++)
		nearest_offer(&near, t->names[i]);
	cond_error(s->x, l->at, "%s is never \"%.*s\"%s%s%s", s->f->path, SHOWN(l->text),
		   near.best ? "; did you mean \"" : "", near.best ? near.best : "",
		   near.best ? "\"?" : "");
}

/* A name of an ENUM, or the number of a bit of BITS. */
static bool put_name(const struct site *s, const struct literal *l, uint64_t *out)
{
	bool digit = l->text.len && l->text.p[0] >= '0' && l->text.p[0] <= '9';
	int64_t value;

	if (s->f->class == EV_CLASS_ENUM &&
	    (l->type == LITERAL_NUMBER || (l->type == LITERAL_PLAIN && digit)))
		return put_plain_number(s, l, out);
	if (!wants_text(s, l))
		return false;
	value = schema_enum_value(s->f, l->text);
	if (value < 0) {
		report_name(s, l);
		return false;
	}
	*out = (uint64_t)value;
	return true;
}

static int by_number(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

/* A test that is about zero on a field that is absent when zero can never hold. */
static void refuse_zero(const struct site *s, const struct literal *l)
{
	if (s->f->class == EV_CLASS_BOOL)
		cond_error(s->x, l->at, "%s is absent when it is false: write not %s = true",
			   s->f->path, s->f->path);
	else
		cond_error(s->x, l->at, "%s is absent when it is zero: write not %s exists",
			   s->f->path, s->f->path);
}

static void compile_numbers(const struct site *s)
{
	bool (*put)(const struct site *, const struct literal *, uint64_t *) =
		s->f->class == EV_CLASS_BOOL   ? put_bool
		: s->f->class == EV_CLASS_HEX  ? put_hex
		: s->f->class == EV_CLASS_ENUM ? put_name
					       : put_plain_number;
	bool equal = s->o->base == OP_EQ || s->o->base == OP_IN;
	bool never = s->f->absence == ABSENT_ZERO &&
		     (equal || (s->o->base == OP_NE && s->f->class == EV_CLASS_BOOL));
	struct operand *o = s->o;
	uint32_t kept = 0;

	o->numbers = pool_array(s->x->pool, s->test->nliterals, sizeof(*o->numbers));
	if (!o->numbers) {
		s->x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < s->test->nliterals; i++) {
		const struct literal *l = &s->test->literals[i];

		if (!put(s, l, &o->numbers[o->count]))
			continue;
		if (never && (o->numbers[o->count] == 0) == equal)
			refuse_zero(s, l);
		o->count++;
	}
	if (!o->count)
		return;
	qsort(o->numbers, o->count, sizeof(*o->numbers), by_number);
	for (uint32_t i = 1; i < o->count; i++)
		if (o->numbers[i] != o->numbers[kept])
			o->numbers[++kept] = o->numbers[i];
	o->count = kept + 1;
}

static void compile_bits(const struct site *s)
{
	for (uint32_t i = 0; i < s->test->nliterals; i++) {
		uint64_t bit = 0;

		if (put_name(s, &s->test->literals[i], &bit) && bit < 64)
			s->o->bits |= 1ULL << bit;
	}
}

static bool host_bits_set(const struct ip_net *n)
{
	for (uint32_t i = n->bits; i < 128; i++)
		if (n->addr[i / 8] & 0x80 >> i % 8)
			return true;
	return false;
}

/* What follows the slash; more than width: no number of bits. */
static uint32_t parse_bits(struct str s, uint32_t width)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || bits > width)
			return width + 1;
		bits = bits * 10 + (uint32_t)(s.p[i] - '0');
	}
	return s.len ? bits : width + 1;
}

static bool parse_net(struct str text, bool network, struct ip_net *n, const char **why)
{
	const char *slash = text.len ? memchr(text.p, '/', text.len) : NULL;
	struct str host = { text.p, slash ? (uint32_t)(slash - text.p) : text.len };
	struct ev_ip ip;
	uint32_t width, bits;

	*why = slash && !network ? "a network: use cidr" : "not an IP address or network";
	if ((slash && !network) || !ip_parse(host, &ip))
		return false;
	memset(n, 0, sizeof(*n));
	n->v4 = ip.family == 4;
	if (n->v4)
		n->addr[10] = n->addr[11] = 0xff;
	memcpy(n->addr + (n->v4 ? 12 : 0), ip.addr, n->v4 ? 4 : 16);
	width = bits = n->v4 ? 32 : 128;
	if (slash)
		bits = parse_bits((struct str){ slash + 1, text.len - host.len - 1 }, width);
	if (bits > width)
		return false;
	n->bits = (uint8_t)(bits + 128 - width);
	*why = "has bits set past its prefix";
	if (host_bits_set(n))
		return false;
	/* ::ffff:0:0/96 and what is inside it is IPv4. */
	if (!n->v4 && n->bits >= 96 && !memcmp(n->addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12))
		n->v4 = true;
	return true;
}

static int by_net(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct ip_net));
}

static void compile_nets(const struct site *s)
{
	struct operand *o = s->o;
	uint32_t kept = 0;

	o->nets = pool_array(s->x->pool, s->test->nliterals, sizeof(*o->nets));
	if (!o->nets) {
		s->x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < s->test->nliterals; i++) {
		const struct literal *l = &s->test->literals[i];
		const char *why;

		if (!wants_text(s, l))
			continue;
		if (!parse_net(l->text, s->test->op == OP_CIDR, &o->nets[o->count], &why))
			cond_error(s->x, l->at, "\"%.*s\": %s", SHOWN(l->text), why);
		else
			o->count++;
	}
	if (!o->count)
		return;
	qsort(o->nets, o->count, sizeof(*o->nets), by_net);
	for (uint32_t i = 1; i < o->count; i++)
		if (by_net(&o->nets[i], &o->nets[kept]))
			o->nets[++kept] = o->nets[i];
	o->count = kept + 1;
}

static const char *glob_problem(struct str g)
{
	for (uint32_t i = 0; i < g.len; i++) {
		if (g.p[i] == '\\') {
			if (++i == g.len)
				return "ends in a backslash";
		} else if (g.p[i] == '[') {
			uint32_t end = i + 1;

			end += end < g.len && (g.p[end] == '!' || g.p[end] == '^');
			for (end++; end < g.len && g.p[end] != ']'; end++)
				;
			if (end >= g.len)
				return "has a [ without its ]";
			i = end;
		}
	}
	return NULL;
}

/* Texts that no value can have make the test one that never holds. */
static bool text_fits(const struct site *s, const struct literal *l)
{
	uint8_t base = s->o->base;
	const char *problem = base == OP_GLOB ? glob_problem(l->text) : NULL;
	bool exact = base == OP_EQ || base == OP_NE || base == OP_IN;
	/* An element of a list may be empty, and so may the name that a program gives itself. */
	bool may_be_empty = s->f->class == EV_CLASS_LIST ||
			    (s->f->class == EV_CLASS_COMM && s->f->absence == ABSENT_NEVER);

	if (l->text.len > COND_TEXT_MAX)
		cond_error(s->x, l->at, "longer than %d bytes", COND_TEXT_MAX);
	else if (!l->text.len && !(exact && may_be_empty))
		cond_error(s->x, l->at, "empty text: write %s exists, or not %s exists", s->f->path,
			   s->f->path);
	else if (s->f->class == EV_CLASS_COMM && l->text.len > COMM_TEXT_MAX && base != OP_GLOB &&
		 base != OP_REGEX)
		cond_error(s->x, l->at, "%s holds at most %d bytes", s->f->path, COMM_TEXT_MAX);
	else if (problem)
		cond_error(s->x, l->at, "the pattern %s", problem);
	else
		return true;
	return false;
}

static int by_text(const void *x, const void *y)
{
	const struct str *a = x, *b = y;

	return str_cmp(*a, *b);
}

static void hash_texts(const struct site *s)
{
	struct operand *o = s->o;
	uint32_t size = 16;

	while (size < o->count * 2)
		size *= 2;
	o->table = pool_array(s->x->pool, size, sizeof(*o->table));
	if (!o->table) {
		s->x->no_memory = true;
		return;
	}
	o->mask = size - 1;
	for (uint32_t i = 0; i < o->count; i++) {
		uint32_t at = op_text_hash(o->texts[i]) & o->mask;

		while (o->table[at])
			at = (at + 1) & o->mask;
		o->table[at] = i + 1;
	}
}

static void compile_pattern(const struct site *s, const struct literal *l, uint32_t i)
{
	struct patterns *p = s->x->patterns;
	char err[300];

	if (p->count >= COND_PATTERNS_MAX) {
		cond_error(s->x, l->at, "more than %d regular expressions", COND_PATTERNS_MAX);
		return;
	}
	p->bytes += l->text.len; /* also of what is refused: it takes as long */
	if (p->bytes > COND_PATTERNS_BYTES) {
		cond_error(s->x, l->at, "regular expressions of more than %d KiB in all",
			   COND_PATTERNS_BYTES >> 10);
		return;
	}
	if (!array_grow(&p->items, p->count, sizeof(struct regex *))) {
		s->x->no_memory = true;
		return;
	}
	p->items[p->count] = s->o->fold ? regex_new_folded(l->text, err, sizeof(err))
					: regex_new(l->text, err, sizeof(err));
	if (!p->items[p->count])
		cond_error(s->x, l->at, "the regular expression is wrong: %s", err);
	else
		s->o->regexes[i] = p->items[p->count++];
}

/* The text as the operator looks for it. */
static struct str wanted(const struct site *s, struct str text)
{
	char *lower;

	if (!s->o->fold || s->o->base == OP_GLOB || s->o->base == OP_REGEX)
		return text;
	lower = pool_get(s->x->pool, text.len + 1);
	if (!lower) {
		s->x->no_memory = true;
		return text;
	}
	for (uint32_t i = 0; i < text.len; i++)
		lower[i] = op_fold(text.p[i]);
	return (struct str){ lower, text.len };
}

/* Texts that are looked for in others make the index grow byte by byte. */
static bool parts_fit(const struct site *s, const struct literal *l)
{
	uint8_t base = s->o->base;

	if (base != OP_CONTAINS && base != OP_STARTSWITH && base != OP_ENDSWITH && base != OP_GLOB)
		return true;
	s->x->patterns->parts_bytes += l->text.len;
	if (s->x->patterns->parts_bytes <= COND_PARTS_BYTES)
		return true;
	cond_error(s->x, l->at, "texts to look for in others of more than %d MiB in all",
		   COND_PARTS_BYTES >> 20);
	return false;
}

static void compile_texts(const struct site *s)
{
	struct operand *o = s->o;
	uint32_t kept = 0;

	o->texts = pool_array(s->x->pool, s->test->nliterals, sizeof(*o->texts));
	if (!o->texts) {
		s->x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < s->test->nliterals; i++) {
		const struct literal *l = &s->test->literals[i];

		if (wants_text(s, l) && text_fits(s, l) && parts_fit(s, l))
			o->texts[o->count++] = wanted(s, l->text);
	}
	if (!o->count)
		return;
	qsort(o->texts, o->count, sizeof(*o->texts), by_text);
	for (uint32_t i = 1; i < o->count; i++)
		if (by_text(&o->texts[i], &o->texts[kept]))
			o->texts[++kept] = o->texts[i];
	o->count = kept + 1;
	o->min_len = UINT32_MAX;
	for (uint32_t i = 0; i < o->count; i++) {
		o->min_len = MIN(o->min_len, o->texts[i].len);
		o->max_len = MAX(o->max_len, o->texts[i].len);
	}
	if (o->eval == ops[OP_IN].eval && o->count >= HASHED_FROM)
		hash_texts(s);
}

static void compile_patterns(const struct site *s)
{
	struct operand *o = s->o;

	o->regexes = pool_array(s->x->pool, o->count, sizeof(*o->regexes));
	if (!o->regexes) {
		s->x->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < o->count; i++) {
		struct literal l = { .text = o->texts[i], .at = s->test->literals[0].at };

		/* Sorting moved the texts: find the one that is meant, for its position. */
		for (uint32_t j = 0; j < s->test->nliterals; j++)
			if (str_eq(s->test->literals[j].text, l.text))
				l.at = s->test->literals[j].at;
		compile_pattern(s, &l, i);
	}
}

static char *put(char *to, const void *from, size_t n)
{
	if (n)
		memcpy(to, from, n);
	return to + n;
}

/* `in ("a")` and `= "a"` are one test. Of one function and class, equal bytes are equal values. */
static void make_key(const struct site *s)
{
	struct operand *o = s->o;
	uint64_t head[3] = { (uintptr_t)o->eval, (uint64_t)o->class << 1 | o->fold, o->bits };
	size_t n = sizeof(head);
	char *key, *at;

	n += o->numbers ? o->count * sizeof(*o->numbers) : 0;
	n += o->nets ? o->count * sizeof(*o->nets) : 0;
	for (uint32_t i = 0; i < o->count && o->texts; i++)
		n += sizeof(o->texts[i].len) + o->texts[i].len;
	key = n <= UINT32_MAX ? pool_get(s->x->pool, n) : NULL;
	if (!key) {
		s->x->no_memory = true;
		return;
	}
	at = put(key, head, sizeof(head));
	if (o->numbers)
		at = put(at, o->numbers, o->count * sizeof(*o->numbers));
	if (o->nets)
		at = put(at, o->nets, o->count * sizeof(*o->nets));
	for (uint32_t i = 0; i < o->count && o->texts; i++) {
		at = put(at, &o->texts[i].len, sizeof(o->texts[i].len));
		at = put(at, o->texts[i].p, o->texts[i].len);
	}
	o->key = (struct str){ key, (uint32_t)n };
}

static bool suits(struct cond_check *x, const struct field *f, const struct cond *test)
{
	const struct op *op = &ops[test->op];

	if (test->nliterals && test->literals[0].type == LITERAL_NONE &&
	    f->class != EV_CLASS_BOOL) {
		cond_error(x, test->literals[0].at,
			   "an operator must follow %s, such as = or exists", f->path);
		return false;
	}
	if (op->classes & 1u << f->class)
		return true;
	if (f->class == EV_CLASS_JSON)
		cond_error(x, test->at, "%s cannot be tested", f->path);
	else
		cond_error(x, test->at, "%s cannot be tested with %s: it is %s", f->path, op->word,
			   f->class == EV_CLASS_BITS   ? "a set of flags (= != in contains exists)"
			   : f->class == EV_CLASS_IP   ? "an address (= != in cidr exists)"
			   : f->class == EV_CLASS_BOOL ? "true or false (= != exists)"
			   : f->class == EV_CLASS_ENUM ? "one of some names (= != in exists)"
			   : f->class == EV_CLASS_HEX  ? "an id (= != in exists)"
			   : OPS_TEXT & 1u << f->class ? "text"
						       : "a number (= != < <= > >= in exists)");
	return false;
}

const struct operand *operand_compile(struct cond_check *x, const struct field *f,
				      const struct cond *test)
{
	struct operand *o = pool_get(x->pool, sizeof(*o));
	struct site s = { x, f, test, o };
	uint32_t before = x->problems;

	if (!o) {
		x->no_memory = true;
		return NULL;
	}
	if (!suits(x, f, test))
		return NULL;
	*o = (struct operand){ .eval = ops[test->op].eval,
			       .op = test->op,
			       .base = ops[test->op].base,
			       .fold = ops[test->op].fold,
			       .class = f->class };
	o->cost = (uint8_t)(ops[test->op].cost * (f->class == EV_CLASS_LIST ? 6 : 1));
	if (ops[test->op].args == OP_ARGS_NONE)
		; /* nothing to compile */
	else if (f->class == EV_CLASS_BITS)
		compile_bits(&s);
	else if (f->class == EV_CLASS_IP)
		compile_nets(&s);
	else if (OPS_TEXT & 1u << f->class)
		compile_texts(&s);
	else
		compile_numbers(&s);
	if (o->base == OP_REGEX && x->problems == before && !x->no_memory)
		compile_patterns(&s);
	if (x->problems != before || x->no_memory)
		return NULL;
	make_key(&s);
	return x->no_memory ? NULL : o;
}

void patterns_free(struct patterns *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		regex_free(p->items[i]);
	free(p->items);
	*p = (struct patterns){ 0 };
}
