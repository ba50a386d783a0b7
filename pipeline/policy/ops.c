/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Evaluation of operators: one function an operator, by the class of the field. Consumer thread,
 * hot: no allocation. A new operator is a row in ops.def and a function here.
 */
#include "pipeline/policy/ops.h"

#include "pipeline/policy/regex.h"
#include "pipeline/util.h"

typedef bool text_test(const struct operand *o, struct str s, struct op_scratch *scratch);

/* A LIST holds where any element does. */
static inline bool any_text(const struct operand *o, const struct value *v,
			    struct op_scratch *scratch, text_test *test)
{
	struct str left = v->s;

	if (o->class != EV_CLASS_LIST)
		return test(o, v->s, scratch);
	while (left.len)
		if (test(o, str_take(&left), scratch))
			return true;
	return false;
}

uint32_t op_text_hash(struct str s)
{
	uint64_t head = 0, tail = 0;
	uint32_t n = MIN(s.len, 8u);

	if (n) {
		memcpy(&head, s.p, n);
		memcpy(&tail, s.p + s.len - n, n);
	}
	head = (head ^ s.len) * 0x9e3779b97f4a7c15ULL;
	head ^= head >> 29;
	head = (head ^ tail) * 0xbf58476d1ce4e5b9ULL;
	return (uint32_t)(head >> 32);
}

struct str op_folded(struct str s, char *room)
{
	for (uint32_t i = 0; i < s.len; i++)
		room[i] = op_fold(s.p[i]);
	return (struct str){ room, s.len };
}

/* Are a's bytes, folded, those of b, which are lower case? */
static bool same_folded(const char *a, const char *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (op_fold(a[i]) != b[i])
			return false;
	return true;
}

static bool one_of(const struct operand *o, struct str s)
{
	if (!o->table) {
		for (uint32_t i = 0; i < o->count; i++)
			if (str_eq(o->texts[i], s))
				return true;
		return false;
	}
	for (uint32_t at = op_text_hash(s) & o->mask; o->table[at]; at = (at + 1) & o->mask)
		if (str_eq(o->texts[o->table[at] - 1], s))
			return true;
	return false;
}

static bool text_in(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	char room[OP_TEXT_MAX];

	(void)scratch;
	if (s.len < o->min_len || s.len > o->max_len)
		return false;
	return one_of(o, o->fold ? op_folded(s, room) : s);
}

/* Is t, which is lower case, anywhere in s? Piece by piece, so that a long s needs no memory. */
static bool contains_folded(struct str s, struct str t)
{
	char room[2 * OP_TEXT_MAX];

	for (uint32_t at = 0; s.len - at >= t.len;) {
		uint32_t n = MIN(s.len - at, (uint32_t)sizeof(room));

		op_folded((struct str){ s.p + at, n }, room);
		if (memmem(room, n, t.p, t.len))
			return true;
		if (n == s.len - at)
			return false;
		at += n - t.len + 1;
	}
	return false;
}

bool op_text_same(const char *a, const char *b, uint32_t n, bool fold)
{
	if (!fold)
		return !n || !memcmp(a, b, n);
	for (uint32_t i = 0; i < n; i++)
		if (op_fold(a[i]) != op_fold(b[i]))
			return false;
	return true;
}

bool op_text_has(struct str s, struct str t, bool fold)
{
	if (t.len > s.len)
		return false;
	return fold ? contains_folded(s, t) : memmem(s.p, s.len, t.p, t.len) != NULL;
}

static bool text_contains(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	(void)scratch;
	for (uint32_t i = 0; i < o->count; i++)
		if (op_text_has(s, o->texts[i], o->fold))
			return true;
	return false;
}

static bool same(const struct operand *o, const char *a, struct str t)
{
	/* Its last byte first: texts of one list often begin alike. */
	if (o->fold)
		return op_fold(a[t.len - 1]) == t.p[t.len - 1] && same_folded(a, t.p, t.len);
	return a[t.len - 1] == t.p[t.len - 1] && !memcmp(a, t.p, t.len);
}

static bool text_starts(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	(void)scratch;
	for (uint32_t i = 0; i < o->count; i++)
		if (s.len >= o->texts[i].len && same(o, s.p, o->texts[i]))
			return true;
	return false;
}

static bool text_ends(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	(void)scratch;
	for (uint32_t i = 0; i < o->count; i++)
		if (s.len >= o->texts[i].len && same(o, s.p + s.len - o->texts[i].len, o->texts[i]))
			return true;
	return false;
}

static bool in_range(char c, unsigned char low, unsigned char high, bool fold)
{
	unsigned char u = (unsigned char)c, other = u;

	if (fold && ((u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z')))
		other ^= 0x20;
	return (u >= low && u <= high) || (other >= low && other <= high);
}

/* Is c in the set whose '[' is at glob[*at]? *at is moved past the ']'. Sets are well formed:
 * the load checked them. */
static bool glob_set(struct str glob, uint32_t *at, char c, bool fold)
{
	uint32_t i = *at + 1, first;
	bool negated = i < glob.len && (glob.p[i] == '!' || glob.p[i] == '^'), found = false;

	i += negated;
	for (first = i; i < glob.len && (glob.p[i] != ']' || i == first); i++) {
		unsigned char low = (unsigned char)glob.p[i], high = low;

		if (i + 2 < glob.len && glob.p[i + 1] == '-' && glob.p[i + 2] != ']') {
			high = (unsigned char)glob.p[i + 2];
			i += 2;
		}
		found |= in_range(c, low, high, fold);
	}
	*at = i + 1;
	return found != negated;
}

/* One byte of s against the element at *at of the glob, which is moved past it. */
static bool glob_one(struct str glob, uint32_t *at, char c, bool fold)
{
	char want;

	switch (glob.p[*at]) {
	case '?': ++*at; return true;
	case '[': return glob_set(glob, at, c, fold);
	case '\\':
		if (*at + 1 < glob.len)
			++*at;
		break;
	default: break;
	}
	want = glob.p[(*at)++];
	return want == c || (fold && op_fold(want) == op_fold(c));
}

bool op_glob_match(struct str glob, struct str s, bool fold)
{
	uint32_t g = 0, i = 0, star = UINT32_MAX, resume = 0;

	for (;;) {
		if (g < glob.len && glob.p[g] == '*') {
			star = ++g;
			resume = i;
			continue;
		}
		if (i == s.len && g == glob.len)
			return true;
		if (i < s.len && g < glob.len && glob_one(glob, &g, s.p[i], fold)) {
			i++;
			continue;
		}
		/* The last star takes one byte more; earlier ones need never be tried again. */
		if (star == UINT32_MAX || resume == s.len)
			return false;
		g = star;
		i = ++resume;
	}
}

static bool text_glob(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	(void)scratch;
	for (uint32_t i = 0; i < o->count; i++)
		if (op_glob_match(o->texts[i], s, o->fold))
			return true;
	return false;
}

static bool text_regex(const struct operand *o, struct str s, struct op_scratch *scratch)
{
	for (uint32_t i = 0; i < o->count; i++)
		if (regex_found(o->regexes[i], scratch->regex, s))
			return true;
	return false;
}

static bool number_in(const struct operand *o, uint64_t n)
{
	uint32_t low = 0, high = o->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (o->numbers[mid] == n)
			return true;
		if (o->numbers[mid] < n)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static bool in_net(const struct ip_net *net, const uint8_t addr[16])
{
	uint32_t whole = net->bits / 8, rest = net->bits % 8;

	return !memcmp(net->addr, addr, whole) &&
	       (!rest || !((net->addr[whole] ^ addr[whole]) >> (8 - rest)));
}

bool op_address(const struct ev_ip *ip, uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (ip->family == 4) {
		memcpy(addr, mapped, 12);
		memcpy(addr + 12, ip->addr, 4);
		return true;
	}
	memcpy(addr, ip->addr, 16);
	return !memcmp(addr, mapped, 12);
}

static bool address_in(const struct operand *o, const struct ev_ip *ip)
{
	uint8_t addr[16];
	bool v4 = op_address(ip, addr);

	for (uint32_t i = 0; i < o->count; i++)
		if (o->nets[i].v4 == v4 && in_net(&o->nets[i], addr))
			return true;
	return false;
}

static bool op_equal(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	switch (o->class) {
	case EV_CLASS_COMM:
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST: return any_text(o, v, s, text_in);
	case EV_CLASS_BITS: return v->u & o->bits;
	case EV_CLASS_IP: return address_in(o, &v->ip);
	default: return number_in(o, op_number(v));
	}
}

static bool op_unequal(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return !op_equal(o, v, s);
}

static bool op_less(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	(void)s;
	return op_number(v) < o->numbers[0];
}

static bool op_at_most(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	(void)s;
	return op_number(v) <= o->numbers[0];
}

static bool op_more(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	(void)s;
	return op_number(v) > o->numbers[0];
}

static bool op_at_least(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	(void)s;
	return op_number(v) >= o->numbers[0];
}

static bool op_contains(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return o->class == EV_CLASS_BITS ? v->u & o->bits : any_text(o, v, s, text_contains);
}

static bool op_starts(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return any_text(o, v, s, text_starts);
}

static bool op_ends(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return any_text(o, v, s, text_ends);
}

static bool op_glob(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return any_text(o, v, s, text_glob);
}

static bool op_regex(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	return any_text(o, v, s, text_regex);
}

static bool op_exists(const struct operand *o, const struct value *v, struct op_scratch *s)
{
	(void)o;
	(void)v;
	(void)s;
	return true;
}

enum op_id op_by_word(struct str word)
{
	for (uint32_t i = 0; i < OP_MAX; i++)
		if (word.len && word.p[0] == ops[i].word[0] && str_eq(word, str_of(ops[i].word)))
			return (enum op_id)i;
	return OP_MAX;
}

const struct op ops[OP_MAX] = {
#define FOLD_CASE false
#define FOLD_FOLD true
#define OP(id, base_, fold_, word_, args_, classes_, eval_, cost_, help_)                          \
	[OP_##id] = { .word = word_,                                                               \
		      .base = OP_##base_,                                                          \
		      .fold = FOLD_##fold_,                                                        \
		      .args = OP_ARGS_##args_,                                                     \
		      .cost = cost_,                                                               \
		      .classes = classes_,                                                         \
		      .eval = eval_,                                                               \
		      .help = help_ },
#include "pipeline/policy/ops.def"
#undef OP
};
