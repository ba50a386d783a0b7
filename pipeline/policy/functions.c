/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The functions of functions.def. A new one is a row there and a function here. Consumer thread,
 * hot: memory of the event's arena only, and none where the result is a part of the text.
 */
#include "pipeline/policy/functions.h"

static struct str fn_basename(struct str s, char *out)
{
	(void)out;
	return str_base(s);
}

static struct str fn_dirname(struct str s, char *out)
{
	const char *slash = s.len ? memrchr(s.p, '/', s.len) : NULL;
	uint32_t len = slash ? (uint32_t)(slash - s.p) : 0;

	(void)out;
	return (struct str){ s.p, len || !slash ? len : 1 };
}

static struct str fn_extension(struct str s, char *out)
{
	struct str base = str_base(s);
	const char *dot = base.len ? memrchr(base.p, '.', base.len) : NULL;
	uint32_t skip = dot && dot > base.p ? (uint32_t)(dot - base.p) + 1 : base.len;

	(void)out;
	return (struct str){ base.p + skip, base.len - skip };
}

static struct str fn_lower(struct str s, char *out)
{
	for (uint32_t i = 0; i < s.len; i++)
		out[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return (struct str){ out, s.len };
}

static struct str fn_upper(struct str s, char *out)
{
	for (uint32_t i = 0; i < s.len; i++)
		out[i] = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] & ~0x20 : s.p[i]);
	return (struct str){ out, s.len };
}

static int64_t fn_length(struct str s)
{
	return s.len;
}

static int64_t fn_count(struct str s)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < s.len; i++)
		n += !s.p[i];
	return n;
}

/* The function of each element, as a list. Empty results are elements too. */
static bool each(const struct func *f, struct arena *a, struct str in, struct str *out)
{
	char *list = arena_get(a, in.len), *at = list;

	if (!list)
		return false;
	while (in.len) {
		struct str got = f->text(str_take(&in), at);

		if (got.p != at)
			memcpy(at, got.p, got.len);
		at += got.len;
		*at++ = '\0';
	}
	*out = (struct str){ list, (uint32_t)(at - list) };
	return true;
}

bool func_call(const struct func *f, struct arena *a, const struct value *in, struct value *out)
{
	char *room = NULL;

	if (f->gives == FUNC_GIVES_NUMBER) {
		*out = (struct value){ .class = EV_CLASS_INT, .i = f->number(in->s) };
		return true;
	}
	if (in->class == EV_CLASS_LIST) {
		out->class = EV_CLASS_LIST;
		return each(f, a, in->s, &out->s) && out->s.len;
	}
	if (f->gives == FUNC_GIVES_COPY) {
		room = arena_get(a, in->s.len);
		if (!room)
			return false;
	}
	*out = (struct value){ .class = EV_CLASS_STR, .s = f->text(in->s, room) };
	return out->s.len;
}

enum func_id func_by_word(struct str word)
{
	for (uint32_t i = 0; i < FUNC_MAX; i++)
		if (str_eq(word, str_of(funcs[i].word)))
			return (enum func_id)i;
	return FUNC_MAX;
}

#define FN_PART(fn) .text = fn
#define FN_COPY(fn) .text = fn
#define FN_NUMBER(fn) .number = fn
#define FN_LIST(fn) .text = NULL

const struct func funcs[FUNC_MAX] = {
#define FUNC(id, word_, takes_, gives_, fn, cost_, help_)                                          \
	[FUNC_##id] = { .word = word_,                                                             \
			.help = help_,                                                             \
			.takes = FUNC_TAKES_##takes_,                                              \
			.gives = FUNC_GIVES_##gives_,                                              \
			.cost = cost_,                                                             \
			FN_##gives_(fn) },
#include "pipeline/policy/functions.def"
#undef FUNC
};
