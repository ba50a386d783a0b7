/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The steps of reload.h.
 */
#include "pipeline/reload.h"

#include <errno.h>
#include <string.h>

#include "pipeline/log.h"
#include "pipeline/policy/policy.h"
#include "pipeline/util.h"

static const char *reason(int rc)
{
	return rc == -EINVAL  ? "the last good version of a file does not go with the others"
	       : rc == -E2BIG ? "there is more than a load may have"
			      : strerror(-rc);
}

/* ---- the switch ---- */

struct change {
	struct consumer *consumer;
	struct policy_engine *engine;
	uint32_t generation;
	struct filtering *filtering;
	struct filter *filter; /* of the new set */
	int rc;
};

static void install(void *arg)
{
	struct change *c = arg;

	c->rc = consumer_install(c->consumer, c->engine, c->generation);
}

static void withdraw(void *arg)
{
	struct change *c = arg;

	c->engine = consumer_withdraw(c->consumer);
}

static void retire(void *arg)
{
	struct change *c = arg;

	c->engine = consumer_retire(c->consumer);
	filtering_use(c->filtering, c->filter, c->generation);
}

/* From the old set to the new. On failure the old one is in force, and new still the caller's. */
static int switch_to(struct reload *r, struct policy_set *new)
{
	struct session *s = r->session;
	struct change c = { .consumer = s->consumer,
			    .generation = r->generation + 1,
			    .filtering = &s->filtering };
	uint64_t want = policy_kinds(new) | s->cfg->record_kinds;
	uint64_t before = policy_kinds(s->policies) | s->cfg->record_kinds;
	bool failed_opens = session_wants_failed_opens(s, new);
	bool failed_before = session_wants_failed_opens(s, s->policies);
	char err[256] = "";
	int rc = policy_engine_new(&c.engine, new);

	if (rc)
		return rc;
	rc = probe_set_want(r->probes, want | before, failed_opens || failed_before, err,
			    sizeof(err));
	if (!rc)
		live_call(r->live, install, &c);
	rc = rc ? rc : c.rc;
	if (rc) {
		policy_engine_free(c.engine);
		probe_set_want(r->probes, before, failed_before, err, sizeof(err));
		return rc;
	}
	rc = filtering_put(&s->filtering, new, c.generation, &c.filter);
	if (rc) {
		live_call(r->live, withdraw, &c);
		policy_engine_free(c.engine);
		probe_set_want(r->probes, before, failed_before, err, sizeof(err));
		return rc;
	}
	r->generation = c.generation;
	probe_set_want(r->probes, want, failed_opens, err, sizeof(err));
	live_catch_up(r->live);
	live_call(r->live, retire, &c);
	policy_engine_free(c.engine);
	policy_free(s->policies);
	s->policies = new;
	return 0;
}

/* ---- the report ---- */

static void add(json_t *list, const struct policy *p)
{
	json_array_append_new(list, json_pack("{ss%ss%si}", "name", p->name.p, (size_t)p->name.len,
					      "file", p->file.p, (size_t)p->file.len, "line",
					      (int)p->line));
}

static int by_name(const void *a, const void *b)
{
	const struct policy *const *x = a, *const *y = b;

	return str_cmp((*x)->name, (*y)->name);
}

static const struct policy **sorted(const struct policy_set *s)
{
	uint32_t n = policy_count(s);
	const struct policy **all = calloc(n + 1, sizeof(*all));

	for (uint32_t i = 0; all && i < n; i++)
		all[i] = policy_at(s, i);
	if (all)
		qsort(all, n, sizeof(*all), by_name);
	return all;
}

/* Walks both lists, ordered by name, side by side. */
static int compare(json_t *report, const struct policy_set *old, const struct policy_set *new)
{
	CLEANUP_FREE const struct policy **a = sorted(old);
	CLEANUP_FREE const struct policy **b = sorted(new);
	json_t *added = json_object_get(report, "added");
	json_t *changed = json_object_get(report, "changed");
	json_t *removed = json_object_get(report, "removed");
	int order;

	if (!a || !b)
		return -ENOMEM;
	for (uint32_t i = 0, j = 0; a[i] || b[j];) {
		order = !a[i] ? 1 : !b[j] ? -1 : str_cmp(a[i]->name, b[j]->name);
		if (order < 0)
			add(removed, a[i++]);
		else if (order > 0)
			add(added, b[j++]);
		else if (memcmp(a[i++]->definition, b[j++]->definition, POLICY_DEFINITION_BYTES))
			add(changed, b[j - 1]);
	}
	return 0;
}

static void add_problems(json_t *report, const struct diags *d)
{
	json_t *list = json_object_get(report, "problems");

	for (uint32_t i = 0; i < d->count; i++) {
		struct buf b = { 0 };

		diag_text(&d->items[i], "", &b);
		json_array_append_new(list, json_stringn(b.p ? b.p : "", b.len));
		log_msg(d->items[i].warning ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "%.*s", (int)b.len,
			b.p ? b.p : "");
		buf_free(&b);
	}
}

static json_t *failed(const struct diags *d, int rc)
{
	json_t *report = json_pack("{s[]si}", "problems", "errors", (int)d->errors);
	char text[300];

	if (!report)
		return NULL;
	add_problems(report, d);
	snprintf(text, sizeof(text), "all policies stay as they were: %s", reason(rc));
	log_error("%s", text);
	json_object_set_new(report, "error", json_string(text));
	return report;
}

static void tell(const json_t *report)
{
	static const char *const what[] = { "added", "changed", "removed" };
	char text[200];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(what); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ", %zu %s",
					json_array_size(json_object_get(report, what[i])), what[i]);
	log_info("policies reloaded: generation %d, %d policies%s",
		 (int)json_integer_value(json_object_get(report, "generation")),
		 (int)json_integer_value(json_object_get(report, "policies")), text);
}

static json_t *reload_to(struct reload *r, struct policy_set *new, const struct diags *d)
{
	json_t *report = json_pack("{s[]s[]s[]s[]si}", "added", "changed", "removed", "problems",
				   "errors", (int)d->errors);
	bool same = str_eq(policy_digest(new), policy_digest(r->session->policies));
	int rc = report ? 0 : -ENOMEM;

	if (!rc && !same)
		rc = compare(report, r->session->policies, new);
	if (!rc && !same)
		rc = switch_to(r, new);
	if (rc || same)
		policy_free(new);
	if (rc) {
		json_decref(report);
		return failed(d, rc);
	}
	add_problems(report, d);
	json_object_set_new(report, "generation", json_integer(r->generation));
	json_object_set_new(report, "policies", json_integer(policy_count(r->session->policies)));
	if (!same)
		tell(report);
	return report;
}

json_t *reload_policies(struct reload *r)
{
	const struct opt_list *paths = &r->session->cfg->policies;
	struct policy_set *new = NULL;
	struct diags d = { 0 };
	json_t *report;
	int rc = policy_reload(&new, (const char *const *)paths->items, paths->count,
			       r->session->policies, &d);

	report = rc ? failed(&d, rc) : reload_to(r, new, &d);
	diags_free(&d);
	return report;
}
