/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns as literal texts, each with a place where it must be found. A glob becomes its most
 * telling literal part; what is longer than the cut loses its end, or a suffix its beginning.
 */
#include "pipeline/filter/texts.h"

#include "pipeline/util.h"

enum { GLOB_MAX = 4096, PREFIX_HANDICAP = 4 };

/* A literal that every text must hold that the pattern fits. */
struct literal {
	char bytes[GLOB_MAX];
	uint32_t len;
	bool begins, ends; /* the text must begin, must end with it */
	bool exact; /* it is all that the pattern asks */
};

/* Moves *at past the set that begins there. */
static void skip_set(struct str g, uint32_t *at)
{
	uint32_t i = *at + 1;

	if (i < g.len && (g.p[i] == '!' || g.p[i] == '^'))
		i++;
	if (i < g.len && g.p[i] == ']')
		i++;
	while (i < g.len && g.p[i] != ']')
		i++;
	*at = i < g.len ? i + 1 : g.len;
}

/* The literal that begins at *at; *at stops at the next special byte. */
static void read_literal(struct str g, uint32_t *at, struct literal *l)
{
	l->begins = !*at;
	l->len = 0;
	while (*at < g.len && l->len < GLOB_MAX) {
		char c = g.p[*at];

		if (c == '*' || c == '?' || c == '[')
			break;
		if (c == '\\' && *at + 1 < g.len)
			c = g.p[++*at];
		l->bytes[l->len++] = c;
		++*at;
	}
	l->ends = *at == g.len;
	l->exact = false;
}

/* Directories at the beginning are shared by many files; the ends of names are not. */
static uint32_t worth(const struct literal *l)
{
	if (!l->begins || l->ends)
		return l->len + 1;
	return l->len > PREFIX_HANDICAP ? l->len - PREFIX_HANDICAP : 1;
}

static void best_literal(struct str g, struct literal *best)
{
	uint32_t at = 0, specials = 0, stars = 0, literals = 0;
	struct literal l;

	best->len = 0;
	best->begins = best->ends = false;
	while (at < g.len) {
		read_literal(g, &at, &l);
		literals += l.len != 0;
		if (l.len && (!best->len || worth(&l) > worth(best)))
			*best = l;
		if (at >= g.len)
			break;
		specials++;
		if (g.p[at] == '*')
			stars++;
		if (g.p[at] == '[')
			skip_set(g, &at);
		else
			at++;
	}
	/* "text", "text*", "*text" and "*text*" ask nothing else. */
	best->exact = literals == 1 && stars == specials &&
		      stars == (uint32_t)!best->begins + (uint32_t)!best->ends;
}

/* p as one literal. False: it fits no text. */
static bool as_literal(const struct filter_pattern *p, struct literal *l)
{
	l->len = 0;
	l->begins = p->type == FILTER_EXACT || p->type == FILTER_PREFIX;
	l->ends = p->type == FILTER_EXACT || p->type == FILTER_SUFFIX;
	l->exact = true;
	if (p->type == FILTER_GLOB) {
		best_literal(p->text, l);
	} else if (p->text.len <= GLOB_MAX) {
		memcpy(l->bytes, p->text.p ? p->text.p : "", p->text.len);
		l->len = p->text.len;
	} else {
		return l->begins || l->ends ? false : p->text.len < EV_PATH_MAX;
	}
	if (memchr(l->bytes, 0, l->len) || (p->name && memchr(l->bytes, '/', l->len)))
		return false;
	return !(l->begins && l->ends && !l->len);
}

static void cut_literal(struct literal *l, uint32_t max)
{
	if (!max || l->len <= max)
		return;
	if (l->ends && !l->begins) {
		memmove(l->bytes, l->bytes + l->len - max, max);
	} else {
		l->ends = false;
	}
	l->len = max;
	l->exact = false;
}

int texts_add(struct texts *t, const struct filter_pattern *p, uint64_t bits)
{
	struct literal l;
	enum automaton_when when = p->name ? AUTOMATON_NAME : AUTOMATON_PATH;
	bool anchored;

	if (!as_literal(p, &l))
		return 0;
	cut_literal(&l, t->cut);
	if (!l.len) {
		t->base |= bits;
		return 0;
	}
	anchored = l.begins && !p->name;
	if (l.begins && p->name) { /* the name begins after the last '/' */
		l.len = MIN(l.len, (uint32_t)GLOB_MAX - 1);
		memmove(l.bytes + 1, l.bytes, l.len++);
		l.bytes[0] = '/';
	}
	if (l.ends)
		when = AUTOMATON_END;
	return automaton_add(t->automaton, (struct str){ l.bytes, l.len }, anchored, when, bits);
}

static bool has_letters(const struct literal *l)
{
	for (uint32_t i = 0; i < l->len; i++)
		if ((uint8_t)((l->bytes[i] | 0x20) - 'a') < 26)
			return true;
	return false;
}

bool texts_exact(const struct texts *t, const struct filter_pattern *p)
{
	struct literal l;

	if (!as_literal(p, &l))
		return true; /* nothing is set */
	cut_literal(&l, t->cut);
	return l.exact && (p->icase || !t->fold || !has_letters(&l));
}
