/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * keys.h: the keys of each operator. How rare a hit is is guessed from the length of a text and
 * the class of a field; a wrong guess costs time and nothing else. An operator that this does not
 * know is looked up by the presence of its field, so a new one needs a case here only to be fast.
 */
#include "pipeline/policy/index/keys.h"

#include <errno.h>

#include "pipeline/util.h"

static float capped(float rarity, float most)
{
	return rarity < most ? rarity : most;
}

static struct index_key present(uint32_t slot)
{
	return (struct index_key){ .slot = slot, .type = KEY_PRESENT, .rarity = 0.5f };
}

static struct index_key text_key(uint32_t slot, enum key_type type, struct str text)
{
	float n = (float)text.len;
	float rarity = type == KEY_WHOLE   ? 12
		       : type == KEY_FRONT ? capped(n * 0.6f, 11.5f) /* paths begin alike */
		       : type == KEY_BACK  ? capped(n * 0.9f, 11.5f)
					   : capped(n * 1.0f, 11);

	return (struct index_key){ .slot = slot, .type = type, .text = text, .rarity = rarity };
}

/* What is found without case is more often so. */
static int fold_keys(struct keys *k, struct index_key *keys, int n)
{
	for (int i = 0; i < n; i++) {
		char *lower;

		keys[i].fold = keys[i].type != KEY_PRESENT;
		if (keys[i].type == KEY_PATTERN) /* \D is not \d */
			continue;
		lower = pool_get(&k->pool, (size_t)keys[i].text.len + 1);

		if (!lower)
			return -ENOMEM;
		for (uint32_t j = 0; j < keys[i].text.len; j++)
			lower[j] = op_fold(keys[i].text.p[j]);
		keys[i].text.p = lower;
		keys[i].rarity = capped(keys[i].rarity, 11);
	}
	return n;
}

static bool is_special(char c)
{
	return c == '*' || c == '?' || c == '[' || c == '\\';
}

/* Where the element of a glob ends that begins at `at` and is none that stands for itself. A
 * backslash is passed alone: what follows it begins a run of its own. */
static uint32_t glob_skip(struct str g, uint32_t at)
{
	uint32_t end = at + 1;

	if (g.p[at] != '[')
		return end;
	end += end < g.len && (g.p[end] == '!' || g.p[end] == '^');
	for (end++; end < g.len && g.p[end] != ']'; end++)
		;
	return MIN(end + 1, g.len);
}

/* Runs of bytes that stand for themselves: at the begin, at the end, the longest between. */
static int glob_keys(uint32_t slot, struct str g, struct index_key *out)
{
	struct str best = { NULL, 0 };
	uint32_t at = 0;
	int n = 0;

	while (at < g.len) {
		uint32_t from = at;

		/* The byte after a backslash is a plain one. */
		while (at < g.len &&
		       (!is_special(g.p[at]) || (at == from && from && g.p[from - 1] == '\\')))
			at++;
		if (at > from && (!from || at == g.len))
			out[n++] = text_key(slot,
					    from          ? KEY_BACK
					    : at == g.len ? KEY_WHOLE
							  : KEY_FRONT,
					    (struct str){ g.p + from, at - from });
		else if (at - from > best.len)
			best = (struct str){ g.p + from, at - from };
		if (at < g.len)
			at = glob_skip(g, at);
	}
	if (best.len)
		out[n++] = text_key(slot, KEY_INSIDE, best);
	if (!n)
		out[n++] = present(slot);
	return n;
}

static int kept_key(struct keys *k, uint32_t slot, enum key_type type, const char *p, uint32_t len,
		    struct index_key *out)
{
	struct str copy = pool_str(&k->pool, (struct str){ p, len });

	if (!copy.p)
		return -ENOMEM;
	*out = text_key(slot, type, copy);
	return 1;
}

/* The text of the alternative at hand, of which there is one in all that the expression fits. Until
 * the last of them its literal comes again. */
static int branch_key(struct keys *k, uint32_t slot, struct keys_place *at, struct index_key *out)
{
	const struct needle_branches *b = &at->branches;
	uint32_t i = at->branch;

	if (i + 1 < b->count) {
		at->branch = i + 1;
		at->literal--;
	} else {
		at->branch = 0;
	}
	return kept_key(k, slot, KEY_INSIDE, b->texts[i], b->lens[i], out);
}

static int needle_keys(struct keys *k, uint32_t slot, const struct needle *needle,
		       struct index_key *out)
{
	int front = 0, inside = 0;

	if (needle->prefix_len)
		front = kept_key(k, slot, KEY_FRONT, needle->prefix, needle->prefix_len, out);
	if (needle->inside_len && front >= 0)
		inside = kept_key(k, slot, KEY_INSIDE, needle->inside, needle->inside_len,
				  out + front);
	return front < 0 || inside < 0 ? -ENOMEM : front + inside;
}

static int regex_keys(struct keys *k, uint32_t slot, struct str pattern, struct keys_place *at,
		      struct index_key *out)
{
	struct needle needle;

	if (at->branch)
		return branch_key(k, slot, at, out);
	needle_find(&needle, pattern);
	if (needle.prefix_len || needle.inside_len)
		return needle_keys(k, slot, &needle, out);
	needle_find_branches(&at->branches, pattern);
	if (at->branches.count)
		return branch_key(k, slot, at, out);
	*out = (struct index_key){
		.slot = slot, .type = KEY_PATTERN, .text = pattern, .rarity = 4
	};
	return 1;
}

static int text_keys(struct keys *k, uint32_t slot, const struct operand *o, struct str text,
		     struct keys_place *at, struct index_key *out)
{
	int n = 1;

	switch (o->base) {
	case OP_EQ:
	case OP_IN: *out = text_key(slot, KEY_WHOLE, text); break;
	case OP_STARTSWITH: *out = text_key(slot, KEY_FRONT, text); break;
	case OP_ENDSWITH: *out = text_key(slot, KEY_BACK, text); break;
	case OP_CONTAINS: *out = text_key(slot, KEY_INSIDE, text); break;
	case OP_GLOB: n = glob_keys(slot, text, out); break;
	case OP_REGEX: n = regex_keys(k, slot, text, at, out); break;
	default: *out = present(slot);
	}
	return o->fold && n > 0 ? fold_keys(k, out, n) : n;
}

static struct index_key number_key(uint32_t slot, enum key_type type, uint64_t number, float rarity)
{
	return (struct index_key){ .slot = slot, .type = type, .number = number, .rarity = rarity };
}

static struct index_key ordered_key(uint32_t slot, const struct operand *o, uint64_t n)
{
	switch (o->base) {
	case OP_EQ:
	case OP_IN:
		return number_key(slot, KEY_NUMBER, n,
				  o->class == EV_CLASS_BOOL   ? 1
				  : o->class == EV_CLASS_ENUM ? 2
							      : 9);
	case OP_GE: return number_key(slot, KEY_AT_LEAST, n, 1);
	case OP_LE: return number_key(slot, KEY_AT_MOST, n, 1);
	/* Of the greatest number and of 0 the test never holds; looking it up is not wrong. */
	case OP_GT: return number_key(slot, KEY_AT_LEAST, n == UINT64_MAX ? n : n + 1, 1);
	case OP_LT: return number_key(slot, KEY_AT_MOST, n ? n - 1 : 0, 1);
	default: return present(slot);
	}
}

static struct index_key net_key(uint32_t slot, const struct ip_net *net)
{
	uint32_t bits = net->bits - (net->v4 && net->bits >= 96 ? 96 : 0);

	return (struct index_key){ .slot = slot,
				   .type = KEY_NET,
				   .text = { (const char *)net, sizeof(*net) },
				   .rarity = capped((float)bits * 0.4f, 11) };
}

static uint64_t nth_bit(uint64_t bits, uint32_t n)
{
	while (n-- && bits)
		bits &= bits - 1;
	return bits ? (uint64_t)__builtin_ctzll(bits) : 64;
}

int keys_of_literal(struct keys *k, uint32_t slot, const struct operand *o, struct keys_place *at,
		    struct index_key out[KEYS_OF_LITERAL])
{
	bool inexact = !o->eval || o->base == OP_NE || o->base == OP_EXISTS;
	uint32_t i = at->literal++;
	uint64_t bit;

	if (o->class == EV_CLASS_BITS && !inexact) {
		bit = nth_bit(o->bits, i);
		*out = number_key(slot, KEY_BIT, bit, 2);
		return bit < 64;
	}
	if (inexact || (!o->texts && !o->numbers && !o->nets)) {
		*out = present(slot);
		return !i;
	}
	if (i >= o->count)
		return 0;
	if (o->texts)
		return text_keys(k, slot, o, o->texts[i], at, out);
	*out = o->nets ? net_key(slot, &o->nets[i]) : ordered_key(slot, o, o->numbers[i]);
	return 1;
}

static uint32_t hash(const struct index_key *key)
{
	uint64_t h = (key->slot * 32ULL + key->type * 2ULL + key->fold) * 0x9e3779b97f4a7c15ULL ^
		     key->number;

	h *= 0xbf58476d1ce4e5b9ULL;
	for (uint32_t i = 0; i < key->text.len; i++)
		h = (h ^ (unsigned char)key->text.p[i]) * 0x100000001b3ULL;
	return (uint32_t)(h ^ h >> 32);
}

static bool is_same(const struct index_key *a, const struct index_key *b)
{
	return a->slot == b->slot && a->type == b->type && a->fold == b->fold &&
	       a->number == b->number && str_eq(a->text, b->text);
}

static bool make_room(struct keys *k)
{
	uint32_t size = k->size ? k->size * 2 : 64, *table;
	struct index_key *items;

	if (k->size && k->count * 2 < k->size)
		return true;
	items = reallocarray(k->items, size / 2 + 1, sizeof(*items));
	if (!items)
		return false;
	k->items = items;
	table = calloc(size, sizeof(*table));
	if (!table)
		return false;
	for (uint32_t i = 0; i < k->count; i++) {
		uint32_t at = hash(&items[i]) & (size - 1);

		while (table[at])
			at = (at + 1) & (size - 1);
		table[at] = i + 1;
	}
	free(k->table);
	k->table = table;
	k->size = size;
	return true;
}

int64_t keys_add(struct keys *k, const struct index_key *key)
{
	uint32_t at;

	if (!make_room(k))
		return -ENOMEM;
	at = hash(key) & (k->size - 1);
	for (; k->table[at]; at = (at + 1) & (k->size - 1))
		if (is_same(&k->items[k->table[at] - 1], key))
			return k->table[at] - 1;
	k->items[k->count] = *key;
	k->table[at] = ++k->count;
	return k->count - 1;
}

void keys_free(struct keys *k)
{
	free(k->items);
	free(k->table);
	pool_free(&k->pool);
	memset(k, 0, sizeof(*k));
}
