/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: globs and regular expressions by trying everything. What is still to be matched is
 * a list, its head on the stack of the call that added it.
 */
#include "tests/harness/reference.h"

enum { ONCE = UINT32_MAX };

struct todo {
	const struct reference_node *node;
	uint32_t done; /* of a REPEAT, or ONCE: the whole node is to come */
	uint32_t from; /* where the last of these began */
	const struct todo *next;
};

struct text {
	struct str s;
	bool folds;
};

uint8_t reference_fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool one_fits(const struct reference_node *n, uint8_t c, bool folds)
{
	bool in;

	if (n->what == NODE_ANY)
		return true;
	if (n->what == NODE_BYTE)
		return folds ? reference_fold(n->byte) == reference_fold(c) : n->byte == c;
	in = n->set[c];
	for (uint32_t other = 0; folds && other < 256; other++)
		in |= n->set[other] && reference_fold((uint8_t)other) == reference_fold(c);
	return in != n->negated;
}

static bool is_word(struct str s, uint32_t at)
{
	uint8_t c = at < s.len ? (uint8_t)s.p[at] : ' ';

	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool run(const struct text *t, const struct reference_node *n, uint32_t at,
		const struct todo *next);

static bool go_on(const struct text *t, uint32_t at, const struct todo *todo);

static bool repeat(const struct text *t, const struct todo *r, uint32_t at)
{
	struct todo again = { r->node, r->done + 1, at, r->next };

	if (r->done && at == r->from) /* nothing was taken: so it could go on for ever */
		return go_on(t, at, r->next);
	if (r->done < r->node->max && run(t, r->node->kids[0], at, &again))
		return true;
	return r->done >= r->node->min && go_on(t, at, r->next);
}

static bool go_on(const struct text *t, uint32_t at, const struct todo *todo)
{
	if (!todo)
		return true;
	if (todo->done == ONCE)
		return run(t, todo->node, at, todo->next);
	return repeat(t, todo, at);
}

static bool sequence(const struct text *t, const struct reference_node *n, uint32_t at,
		     const struct todo *next)
{
	struct todo todo[24];

	for (uint32_t i = n->nkids; i-- > 0;) {
		todo[i] = (struct todo){ n->kids[i], ONCE, 0, next };
		next = &todo[i];
	}
	return go_on(t, at, next);
}

static bool run(const struct text *t, const struct reference_node *n, uint32_t at,
		const struct todo *next)
{
	struct todo first = { n, 0, at, next };

	switch (n->what) {
	case NODE_START: return at == 0 && go_on(t, at, next);
	case NODE_END: return at == t->s.len && go_on(t, at, next);
	case NODE_WORD:
		return (is_word(t->s, at) != (at && is_word(t->s, at - 1))) != n->negated &&
		       go_on(t, at, next);
	case NODE_SEQ: return sequence(t, n, at, next);
	case NODE_ALT:
		for (uint32_t i = 0; i < n->nkids; i++)
			if (run(t, n->kids[i], at, next))
				return true;
		return false;
	case NODE_REPEAT: return repeat(t, &first, at);
	case NODE_AHEAD: return run(t, n->kids[0], at, NULL) != n->negated && go_on(t, at, next);
	default:
		return at < t->s.len && one_fits(n, (uint8_t)t->s.p[at], t->folds) &&
		       go_on(t, at + 1, next);
	}
}

bool reference_regex(const struct reference_node *n, struct str text, bool folds)
{
	struct text t = { text, folds };

	for (uint32_t at = 0; at <= text.len; at++)
		if (run(&t, n, at, NULL))
			return true;
	return false;
}

static bool glob_from(const struct reference_node *seq, uint32_t kid, struct str s, bool folds)
{
	if (kid == seq->nkids)
		return !s.len;
	if (seq->kids[kid]->what == NODE_REPEAT) {
		for (uint32_t i = 0; i <= s.len; i++)
			if (glob_from(seq, kid + 1, (struct str){ s.p + i, s.len - i }, folds))
				return true;
		return false;
	}
	return s.len && one_fits(seq->kids[kid], (uint8_t)s.p[0], folds) &&
	       glob_from(seq, kid + 1, (struct str){ s.p + 1, s.len - 1 }, folds);
}

bool reference_glob(const struct reference_node *seq, struct str text, bool folds)
{
	return glob_from(seq, 0, text, folds);
}
