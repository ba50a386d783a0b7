/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * needle.h: one pass over the top level of a pattern. Literal characters are gathered in a run;
 * whatever can stand for more than one text ends the run. Groups and sets are skipped whole.
 * Anything this does not know for sure (options, look-around, top-level alternatives, escapes
 * with arguments) gives the pattern up.
 * For alternatives each of them is a pattern of its own: a text of each, or of each alternative of a
 * group in it that must be there.
 */
#include "pipeline/policy/needle.h"

struct scan {
	struct str p;
	uint32_t at;
	struct needle *n;
	char run[NEEDLE_MAX];
	uint32_t len;
	bool anchored; /* the run starts where the match does */
	bool lost; /* the pattern is given up */
};

static char peek(const struct scan *s)
{
	return s->at < s->p.len ? s->p.p[s->at] : '\0';
}

static void end_run(struct scan *s)
{
	if (s->anchored && s->len > 1) {
		memcpy(s->n->prefix, s->run, s->len);
		s->n->prefix_len = s->len;
	} else if (s->len > s->n->inside_len && s->len > 2) {
		memcpy(s->n->inside, s->run, s->len);
		s->n->inside_len = s->len;
	}
	s->anchored = false;
	s->len = 0;
}

static char ahead(const struct scan *s, uint32_t n)
{
	return s->at + n < s->p.len ? s->p.p[s->at + n] : '\0';
}

/* Where digits end that begin n characters ahead. */
static uint32_t digits_end(const struct scan *s, uint32_t n)
{
	while (ahead(s, n) >= '0' && ahead(s, n) <= '9')
		n++;
	return n;
}

/* Passes ? * + {n,m} with their suffix. True: what stands before may be missing or repeated. */
static bool quantifier(struct scan *s)
{
	char c = peek(s);

	if (c == '{') {
		uint32_t n = digits_end(s, 1);

		/* Anything but {n}, {n,} and {n,m} is text in some versions of PCRE2. */
		if (n > 1 && ahead(s, n) == ',')
			n = digits_end(s, n + 1);
		s->lost |= n < 2 || ahead(s, n) != '}';
		s->at += n;
	} else if (c != '?' && c != '*' && c != '+') {
		return false;
	}
	s->at++;
	if (peek(s) == '?' || peek(s) == '+')
		s->at++;
	return true;
}

static void literal(struct scan *s, char c)
{
	uint32_t before = s->at;
	bool many = peek(s) == '+';

	if (!quantifier(s)) {
		if (s->len == NEEDLE_MAX)
			end_run(s);
		s->run[s->len++] = c;
		return;
	}
	if (many && before < s->at && s->len < NEEDLE_MAX)
		s->run[s->len++] = c; /* once at least */
	end_run(s);
}

/* After the backslash. A character that stands for itself; else 0 and the run has ended. */
static char escaped(struct scan *s)
{
	static const char sets[] = "dDsSwWhHvVnrtfe", places[] = "bBAzZ";
	char c = peek(s);

	if (s->at >= s->p.len) {
		s->lost = true;
		return '\0';
	}
	s->at++;
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
		s->lost |= !strchr(sets, c) && !strchr(places, c);
		return '\0';
	}
	return c;
}

static void skip_set(struct scan *s)
{
	if (peek(s) == '^')
		s->at++;
	if (peek(s) == ']')
		s->at++;
	while (s->at < s->p.len && peek(s) != ']') {
		char c = peek(s);

		if (c == '[') /* perhaps [:alpha:] */
			s->lost = true;
		s->at++;
		if (c == '\\')
			escaped(s);
	}
	s->lost |= s->at == s->p.len;
	s->at++;
}

/* After a parenthesis: plain groups and (?: alone; (*VERB) and the other (? are beyond this. */
static void check_head(struct scan *s)
{
	char next = s->at + 1 < s->p.len ? s->p.p[s->at + 1] : '\0';

	s->lost |= peek(s) == '*' || (peek(s) == '?' && next != ':');
}

static void skip_group(struct scan *s)
{
	uint32_t depth = 1;

	for (; s->at <= s->p.len && depth && !s->lost;) {
		char c = peek(s);

		s->at++;
		if (c == '\\')
			escaped(s);
		else if (c == '[')
			skip_set(s);
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		if (c == '(')
			check_head(s);
	}
	s->lost |= depth > 0;
}

static void one(struct scan *s)
{
	char c = peek(s);

	s->at++;
	if (c == '\\') {
		c = escaped(s);
		if (c) {
			literal(s, c);
			return;
		}
	} else if (c == '(') {
		check_head(s);
		skip_group(s);
	} else if (c == '[') {
		skip_set(s);
	} else if (c == '|' || c == '*' || c == '+' || c == '?' || c == '{' || c == '\0' ||
		   c == '^') {
		s->lost = true;
		return;
	} else if (c != '.' && c != '$') {
		literal(s, c);
		return;
	}
	end_run(s);
	quantifier(s);
}

void needle_find(struct needle *n, struct str pattern)
{
	struct scan s = { .p = pattern, .n = n };

	memset(n, 0, sizeof(*n));
	s.anchored = peek(&s) == '^';
	s.at = s.anchored;
	while (s.at < pattern.len && !s.lost)
		one(&s);
	end_run(&s);
	if (s.lost)
		memset(n, 0, sizeof(*n));
}

enum { BRANCH_DEPTH_MAX = 8, BRANCH_MIN = 3 };

static bool add_alternatives(struct needle_branches *b, struct str p, uint32_t depth);

static bool add_text(struct needle_branches *b, struct str text)
{
	if (text.len < BRANCH_MIN || b->count == NEEDLE_BRANCHES_MAX)
		return false;
	memcpy(b->texts[b->count], text.p, text.len);
	b->lens[b->count++] = (uint8_t)text.len;
	return true;
}

/* After a group: may it be missing? */
static bool is_optional(const struct scan *s)
{
	char c = peek(s);

	return c == '?' || c == '*' || (c == '{' && ahead(s, 1) == '0');
}

/* At the parenthesis of a group, which is passed. True: it must be there, and its alternatives are
 * added. */
static bool add_group(struct needle_branches *b, struct scan *s, uint32_t depth)
{
	uint32_t from = ++s->at, before = b->count;

	check_head(s);
	skip_group(s);
	if (s->lost)
		return false;
	from += s->p.p[from] == '?' ? 2 : 0;
	if (!is_optional(s) &&
	    add_alternatives(b, (struct str){ s->p.p + from, s->at - 1 - from }, depth + 1))
		return true;
	b->count = before;
	quantifier(s);
	return false;
}

static bool add_sequence(struct needle_branches *b, struct str p, uint32_t depth)
{
	struct needle own, none;
	struct scan s = { .p = p, .n = &none };

	needle_find(&own, p);
	if (add_text(b, own.prefix_len > own.inside_len
				? (struct str){ own.prefix, own.prefix_len }
				: (struct str){ own.inside, own.inside_len }))
		return true;
	memset(&none, 0, sizeof(none));
	s.at = peek(&s) == '^';
	while (s.at < p.len && !s.lost) {
		if (peek(&s) != '(')
			one(&s);
		else if (add_group(b, &s, depth))
			return true;
	}
	return false;
}

static bool add_alternatives(struct needle_branches *b, struct str p, uint32_t depth)
{
	struct scan s = { .p = p };
	uint32_t from = 0;

	if (depth > BRANCH_DEPTH_MAX)
		return false;
	while (s.at < p.len && !s.lost) {
		char c = peek(&s);

		if (c == '|' && !add_sequence(b, (struct str){ p.p + from, s.at - from }, depth))
			return false;
		s.at++;
		if (c == '|') {
			from = s.at;
		} else if (c == '\\') {
			escaped(&s);
		} else if (c == '[') {
			skip_set(&s);
		} else if (c == '(') {
			check_head(&s);
			skip_group(&s);
		}
	}
	return !s.lost && add_sequence(b, (struct str){ p.p + from, p.len - from }, depth);
}

void needle_find_branches(struct needle_branches *b, struct str pattern)
{
	b->count = 0;
	if (!add_alternatives(b, pattern, 0))
		b->count = 0;
}
