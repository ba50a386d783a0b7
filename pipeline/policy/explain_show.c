/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Explanations (explain.h) as text and as JSON.
 */
#include <inttypes.h>

#include "pipeline/json.h"
#include "pipeline/policy/explain.h"
#include "pipeline/util.h"

enum { SHOWN_MAX = 200 }; /* bytes of a value or a condition in a line for people */

static const char *const outcomes[] = {
	[EXPLAIN_FAILED] = "not held", [EXPLAIN_HELD] = "held", [EXPLAIN_ABSENT] = "absent"
};
static const char *const words[] = {
	[EXPLAIN_ON] = "on",         [EXPLAIN_SCOPE] = "scope",
	[EXPLAIN_WHERE] = "where",   [EXPLAIN_EXCEPTION] = "exception",
	[EXPLAIN_OPENED] = "opened", [EXPLAIN_AND] = "and",
	[EXPLAIN_OR] = "or",         [EXPLAIN_NOT] = "not",
	[EXPLAIN_TEST] = "test",
};

struct showing {
	struct buf *b;
	const struct explanation *x;
	const char *indent;
	bool decisive;
};

bool explain_held(const struct explanation *x)
{
	for (uint32_t i = 0; i < x->nparts; i++)
		if (x->parts[i].held)
			return true;
	return false;
}

static void add_cut(struct buf *b, struct str s)
{
	struct str shown = str_cut(s, SHOWN_MAX);

	buf_str(b, shown);
	buf_lit(b, shown.len < s.len ? "…" : "");
}

static void begin_line(const struct showing *s, uint8_t outcome, uint32_t depth)
{
	buf_addf(s->b, "%s%-8s  %*s", s->indent, outcomes[outcome], (int)(2 * depth), "");
}

static void show_test(const struct showing *s, const struct explain_node *n, uint32_t depth)
{
	begin_line(s, n->outcome, depth);
	add_cut(s->b, n->text);
	if (n->outcome == EXPLAIN_ABSENT) {
		buf_lit(s->b, ": the event has no ");
		add_cut(s->b, n->absent);
		buf_lit(s->b, n->left_out ? " (a record leaves it out)" : "");
	} else {
		buf_lit(s->b, ": it is ");
		add_cut(s->b, n->value);
	}
	if (n->other.len) {
		buf_lit(s->b, ", the other ");
		add_cut(s->b, n->other);
	}
	buf_char(s->b, '\n');
}

static void show_node(const struct showing *s, const struct explain_node *n, uint32_t depth);

static void show_kids(const struct showing *s, const struct explain_node *n, uint32_t depth)
{
	for (uint32_t i = 0; i < n->nkids; i++)
		show_node(s, n->kids[i], depth);
}

static void show_node(const struct showing *s, const struct explain_node *n, uint32_t depth)
{
	if (s->decisive && !n->decisive)
		return;
	if (n->what == EXPLAIN_TEST) {
		show_test(s, n, depth);
		return;
	}
	begin_line(s, n->outcome, depth);
	buf_lit(s->b, n->what == EXPLAIN_AND ? "all of" : n->what == EXPLAIN_OR ? "any of" : "not");
	buf_char(s->b, '\n');
	show_kids(s, n, depth + 1);
}

static void add_exception(struct buf *b, const struct explain_node *n)
{
	buf_addf(b, "exception %u", n->number);
	if (!n->text.len)
		return;
	buf_lit(b, " (");
	text_escape(b, n->text);
	buf_char(b, ')');
}

/* on, scope, where and so on: what is in them stands below. */
static void show_main(const struct showing *s, const struct explain_node *n, uint32_t depth)
{
	if (s->decisive && !n->decisive)
		return;
	begin_line(s, n->outcome, depth);
	switch (n->what) {
	case EXPLAIN_ON: buf_addf(s->b, "on: the event is %s\n", s->x->e->kind->name); break;
	case EXPLAIN_OPENED:
		buf_lit(s->b, "the open did not fail, which policies that test no outcome ask\n");
		break;
	case EXPLAIN_EXCEPTION:
		add_exception(s->b, n);
		buf_char(s->b, '\n');
		break;
	default: buf_addf(s->b, "%s\n", words[n->what]);
	}
	show_kids(s, n, depth + 1);
}

void explain_text(struct buf *b, const struct explanation *x, const char *indent, bool decisive)
{
	for (uint32_t i = 0; i < x->nparts; i++) {
		const struct explain_part *p = &x->parts[i];
		struct showing s = { .b = b, .x = x, .indent = indent, .decisive = decisive };
		bool steps = x->def->window && x->def->window->type == WINDOW_SEQUENCE;

		if (steps) {
			begin_line(&s, p->held ? EXPLAIN_HELD : EXPLAIN_FAILED, 0);
			buf_addf(b, "step %u%s%.*s%s\n", i + 1, p->name.len ? " " : "",
				 (int)p->name.len, p->name.p,
				 p->negated ? ", which must not happen" : "");
		}
		for (uint32_t j = 0; j < p->nnodes; j++)
			show_main(&s, p->nodes[j], steps);
	}
}

static bool is_excepted(const struct explain_part *p)
{
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i]->what != EXPLAIN_EXCEPTION && p->nodes[i]->outcome != EXPLAIN_HELD)
			return false;
	return true;
}

/* Exceptions alone keep a part from holding: says which. */
static void add_reason(struct buf *b, const struct explanation *x)
{
	uint32_t shown = 0;

	for (uint32_t i = 0; i < x->nparts; i++)
		for (uint32_t j = 0; j < x->parts[i].nnodes; j++) {
			const struct explain_node *n = x->parts[i].nodes[j];

			if (n->what != EXPLAIN_EXCEPTION || !n->decisive ||
			    n->outcome != EXPLAIN_HELD || !is_excepted(&x->parts[i]))
				continue;
			buf_lit(b, shown++ ? ", " : ", because ");
			add_exception(b, n);
			if (x->nparts > 1)
				buf_addf(b, " of step %u", i + 1);
		}
	buf_lit(b, shown > 1 ? " hold" : shown ? " holds" : "");
}

void explain_verdict(struct buf *b, const struct explanation *x)
{
	const struct window_def *w = x->def->window;
	const char *kind = x->e->kind->name;
	uint32_t passed = 0;

	buf_str(b, x->def->pub.name);
	if (!explain_held(x)) {
		buf_addf(b, " does not hold for this %s", kind);
		add_reason(b, x);
	} else if (!w) {
		buf_addf(b, " holds for this %s", kind);
	} else if (w->type == WINDOW_THRESHOLD) {
		buf_addf(b, " counts this %s", kind);
	} else {
		buf_addf(b, " takes this %s as step", kind);
		for (uint32_t i = 0; i < x->nparts; i++)
			if (x->parts[i].held)
				buf_addf(b, "%s %u", passed++ ? " or" : "", i + 1);
	}
}

static void json_node(struct buf *b, const struct explain_node *n)
{
	static const char *const names[] = {
		[EXPLAIN_FAILED] = "not_held", [EXPLAIN_HELD] = "held", [EXPLAIN_ABSENT] = "absent"
	};

	buf_addf(b, "{\"type\":\"%s\",\"outcome\":\"%s\",\"decisive\":%s", words[n->what],
		 names[n->outcome], n->decisive ? "true" : "false");
	if (n->what == EXPLAIN_EXCEPTION) {
		buf_addf(b, ",\"number\":%u", n->number);
		buf_lit(b, n->text.len ? ",\"name\":" : "");
		if (n->text.len)
			put_json_string(b, n->text);
	}
	if (n->what == EXPLAIN_TEST) {
		buf_lit(b, ",\"condition\":");
		put_json_string(b, n->text);
	}
	if (n->value.len) {
		buf_lit(b, ",\"value\":");
		buf_str(b, n->value);
	}
	if (n->other.len) {
		buf_lit(b, ",\"other\":");
		buf_str(b, n->other);
	}
	if (n->absent.len) {
		buf_lit(b, ",\"absent\":");
		put_json_string(b, n->absent);
	}
	if (n->left_out)
		buf_lit(b, ",\"left_out_of_records\":true");
	if (n->nkids)
		buf_lit(b, ",\"of\":[");
	for (uint32_t i = 0; i < n->nkids; i++) {
		buf_lit(b, i ? "," : "");
		json_node(b, n->kids[i]);
	}
	buf_lit(b, n->nkids ? "]}" : "}");
}

void explain_json(struct buf *b, const struct explanation *x)
{
	buf_addf(b, "\"held\":%s,\"parts\":[", explain_held(x) ? "true" : "false");
	for (uint32_t i = 0; i < x->nparts; i++) {
		const struct explain_part *p = &x->parts[i];

		buf_addf(b, "%s{\"held\":%s", i ? "," : "", p->held ? "true" : "false");
		if (x->def->window && x->def->window->type == WINDOW_SEQUENCE)
			buf_addf(b, ",\"step\":%u,\"must_not_happen\":%s", i + 1,
				 p->negated ? "true" : "false");
		if (p->name.len) {
			buf_lit(b, ",\"name\":");
			put_json_string(b, p->name);
		}
		buf_lit(b, ",\"conditions\":[");
		for (uint32_t j = 0; j < p->nnodes; j++) {
			buf_lit(b, j ? "," : "");
			json_node(b, p->nodes[j]);
		}
		buf_lit(b, "]}");
	}
	buf_char(b, ']');
}
