/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents that are read back: any text. What decodes is judged and explained by the shipped
 * policies, and the two agree; what is learned of it makes policies that load.
 */
#include <jansson.h>
#include <stdlib.h>

#include "pipeline/decode.h"
#include "pipeline/learn.h"
#include "pipeline/policy/explain.h"

static struct policy_set *set;
static struct compose *composed;

static void explain(uint32_t policy, struct event *e, bool matched)
{
	struct explanation x;
	struct buf b = { 0 };
	json_t *json;

	if (policy_explain(&x, set, policy, e, decode_record_lacks))
		return;
	if (!x.def->window && explain_held(&x) != matched)
		abort();
	buf_char(&b, '{');
	explain_json(&b, &x);
	buf_char(&b, '}');
	json = json_loadb(b.p, b.len, JSON_ALLOW_NUL, NULL);
	if (!json)
		abort();
	json_decref(json);
	buf_reset(&b);
	explain_text(&b, &x, "", false);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.p[i] < 0x20 && b.p[i] != '\n')
			abort();
	buf_free(&b);
	explanation_free(&x);
}

static void judge(struct event *e)
{
	struct policy_engine *p = NULL;
	const struct match *m;
	uint32_t n;

	if (policy_engine_new_with(&p, set, 1 << 20))
		return;
	n = policy_match(p, e, &m);
	for (uint32_t i = 0; i < policy_count(set); i++) {
		bool matched = false;

		for (uint32_t j = 0; j < n; j++)
			matched |= m[j].policy == policy_at(set, i);
		explain(i, e, matched);
	}
	policy_engine_free(p);
}

static void learn(struct event *e)
{
	struct policy_set *s = NULL;
	struct learn_scope scope;
	struct learn l = { 0 };
	struct diags d = { 0 };
	struct buf b = { 0 };
	char err[300];

	if (learn_scope_parse(&scope, STR("program=/bin/x"), err, sizeof(err)))
		abort();
	learn_event(&l, e);
	learn_write(&l, &scope, 1, "x", &b);
	if (!policy_load_text(&s, "x", (struct str){ b.p, (uint32_t)b.len }, &d) &&
	    (d.errors || policy_count(s) != LEARN_KINDS))
		abort();
	policy_free(s);
	diags_free(&d);
	buf_free(&b);
	learn_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const path = "policies";
	struct decoded d;
	char why[COMPOSE_WHY_MAX] = "";

	if (!set) {
		struct diags problems = { 0 };

		composed = compose_new();
		if (!composed || policy_load(&set, &path, 1, &problems) || problems.errors)
			abort();
	}
	if (decode(composed, (struct str){ (const char *)data, (uint32_t)size }, &d, why,
		   sizeof(why)))
		return 0;
	if (d.notes.len && d.notes.p[d.notes.len - 1] != '\n')
		abort();
	judge(d.e);
	learn(d.e);
	decoded_free(&d);
	return 0;
}
