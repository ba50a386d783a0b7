/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Definitions of definition.h: a digest of everything but the places in files. Macros and lists
 * are in it as what they stand for.
 */
#include "pipeline/policy/definition.h"

#include <string.h>

static void add_str(struct sha256_ctx *s, struct str text)
{
	digest_add(s, &text.len, sizeof(text.len));
	digest_add(s, text.p, text.len);
}

static void add_number(struct sha256_ctx *s, uint64_t n)
{
	digest_add(s, &n, sizeof(n));
}

static void add_cond(struct sha256_ctx *s, const struct cond *c)
{
	add_number(s, c->type);
	add_number(s, c->type == COND_TEST ? c->op : c->nkids);
	for (uint32_t i = 0; i < c->nkids; i++)
		add_cond(s, c->kids[i]);
	if (c->type != COND_TEST)
		return;
	add_str(s, c->left->key);
	add_str(s, c->operand->key);
	if (c->right)
		add_str(s, c->right->key);
}

static void add_message(struct sha256_ctx *s, const struct template *t)
{
	for (uint32_t i = 0; i < t->nparts; i++) {
		add_str(s, t->parts[i].text);
		add_number(s, (uint64_t)t->parts[i].step << 1 | t->parts[i].count);
		for (uint32_t k = 0; k < EV_MAX; k++)
			if (t->parts[i].fields[k])
				add_str(s, str_of(t->parts[i].fields[k]->path));
	}
}

static void add_suppression(struct sha256_ctx *s, const struct policy_def *p)
{
	add_number(s, p->suppress_ns);
	add_number(s, p->suppress_count);
	for (uint32_t k = 0; k < EV_MAX; k++)
		for (uint32_t i = 0; i < p->nby; i++)
			if (p->by && p->by[k][i])
				add_str(s, str_of(p->by[k][i]->path));
}

static void add_exceptions(struct sha256_ctx *s, const struct exceptions *e)
{
	add_number(s, e->count);
	for (uint32_t i = 0; i < e->count; i++)
		add_cond(s, e->conds[i]);
}

static void add_step(struct sha256_ctx *s, const struct window_def *w,
		     const struct window_part *step)
{
	add_number(s, (uint64_t)step->kinds << 1 | step->negated);
	add_cond(s, step->where);
	add_exceptions(s, &step->exceptions);
	for (uint32_t k = 0; k < EV_MAX; k++)
		for (uint32_t i = 0; i < w->nby; i++)
			add_str(s, str_of(step->by[k][i] ? step->by[k][i]->path : NULL));
}

/* What the state of the window depends on, and so not the message or the like. */
static void define_window(struct policy_def *p)
{
	struct window_def *w = p->window;
	uint32_t head[6] = {
		w->type, w->by_process, w->more_than, w->is_distinct, w->nby, w->nsteps
	};
	struct sha256_ctx s;

	sha256_init(&s);
	digest_add(&s, head, sizeof(head));
	add_number(&s, w->within_ns);
	for (uint32_t i = 0; i < w->nsteps; i++)
		add_step(&s, w, &w->steps[i]);
	add_exceptions(&s, &p->exceptions);
	for (uint32_t k = 0; k < EV_MAX; k++)
		add_str(&s, str_of(w->distinct[k] ? w->distinct[k]->path : NULL));
	sha256_digest(&s, SHA256_DIGEST_SIZE, w->digest);
}

void policy_define(struct policy_def *p)
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx s;

	sha256_init(&s);
	add_str(&s, p->pub.name);
	add_str(&s, p->pub.description);
	add_str(&s, p->pub.tags);
	add_number(&s, p->pub.kinds);
	add_number(&s, (uint64_t)p->pub.severity << 8 | p->pub.action);
	add_message(&s, &p->message);
	add_suppression(&s, p);
	if (p->where)
		add_cond(&s, p->where);
	add_exceptions(&s, &p->exceptions);
	if (p->window) {
		define_window(p);
		digest_add(&s, p->window->digest, sizeof(p->window->digest));
	}
	sha256_digest(&s, SHA256_DIGEST_SIZE, sum);
	memcpy(p->pub.definition, sum, sizeof(p->pub.definition));
}
