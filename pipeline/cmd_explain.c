/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin explain POLICY FILE…`: documents that Tocsin wrote, judged once more by one policy, with
 * what each of its conditions found. The verdict is the matcher's; the reasons are explain.h's.
 */
#include <errno.h>
#include <inttypes.h>

#include "pipeline/args.h"
#include "pipeline/cmd.h"
#include "pipeline/config.h"
#include "pipeline/documents.h"
#include "pipeline/nearest.h"
#include "pipeline/policy/explain.h"
#include "pipeline/util.h"

struct explain_cfg {
	struct opt_list policies;
	uint32_t json;
	const char *const *words;
	uint32_t nwords;
};

static const struct option opts[] = {
	{ .key = "policies",
	  .type = OPT_LIST,
	  OPT(struct explain_cfg, policies),
	  .arg = "PATH",
	  .help = "File or directory of policies; repeatable; without it the shipped ones" },
	{ .key = "json",
	  .type = OPT_BOOL,
	  OPT(struct explain_cfg, json),
	  .def = "false",
	  .help = "One JSON object a document" },
	{ 0 },
};
static const struct option *const tables[] = { opts };

/* What lasts over the documents. */
struct explaining {
	const struct explain_cfg *cfg;
	const struct policy_set *set;
	uint32_t policy;
	struct policy_engine *engine;
	struct arena late; /* of alerts that come because time went on */
	uint32_t documents;
	bool any; /* one of them passed */
};

static const struct match *own_match(const struct explaining *x, const struct match *m, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (m[i].policy == policy_at(x->set, x->policy))
			return &m[i];
	return NULL;
}

static void add_suppression(struct buf *b, const struct explaining *x, const struct event *e,
			    bool held_back)
{
	static const struct option duration = { .type = OPT_DURATION };
	const struct policy_def *def = x->set->policies[x->policy];

	if (!def->suppress_ns)
		return;
	buf_addf(b, "suppress: %u alert%s in ", def->suppress_count,
		 def->suppress_count == 1 ? "" : "s");
	option_text(&duration, &def->suppress_ns, b);
	for (uint32_t i = 0; def->by && i < def->nby; i++)
		if (def->by[e->kind->kind][i])
			buf_addf(b, "%s%s", i ? ", " : " for the same ",
				 def->by[e->kind->kind][i]->path);
	buf_addf(b, "; this one is %s\n", held_back ? "held back" : "not held back");
}

static bool is_held_back(const struct explanation *ex, const struct match *m)
{
	return !m && explain_held(ex) && !ex->def->window;
}

/* Steps from one note to the next; to the first where n->p is NULL. */
static bool next_note(const struct decoded *d, struct str *n)
{
	const char *p = n->p ? n->p + n->len + 1 : d->notes.p;
	size_t left = d->notes.len - (size_t)(p - d->notes.p);

	if (!left)
		return false;
	*n = (struct str){ p, (uint32_t)((const char *)memchr(p, '\n', left) - p) };
	return true;
}

static void show_text(const struct explaining *x, const struct explanation *ex,
		      const struct decoded *d, const struct match *m)
{
	bool held_back = is_held_back(ex, m);
	struct buf b = { 0 };
	struct str note = { 0 };

	buf_lit(&b, x->documents > 1 ? "\n" : "");
	explain_verdict(&b, ex);
	if (m && ex->def->window)
		buf_lit(&b, " and raises an alert");
	if (held_back)
		buf_lit(&b, ", and suppress holds it back");
	buf_addf(&b, "%s%s\n", d->id[0] ? ": event " : "", d->id);
	explain_text(&b, ex, "  ", false);
	if (m && m->message.len) {
		buf_lit(&b, "message: ");
		buf_str(&b, m->message);
		buf_char(&b, '\n');
	}
	if (explain_held(ex))
		add_suppression(&b, x, ex->e, held_back);
	while (next_note(d, &note))
		buf_addf(&b, "note: %.*s\n", (int)note.len, note.p);
	fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

static void add_text(struct buf *b, const char *key, struct str s)
{
	buf_addf(b, ",\"%s\":\"", key);
	json_escape(b, s);
	buf_char(b, '"');
}

static void show_json(const struct explanation *ex, const struct decoded *d, const struct match *m)
{
	bool held_back = is_held_back(ex, m);
	struct buf b = { 0 };
	struct str note = { 0 };

	buf_addf(&b, "{\"policy\":\"%.*s\",\"event\":{\"action\":\"%s\"",
		 (int)ex->def->pub.name.len, ex->def->pub.name.p, ex->e->kind->name);
	if (d->id[0])
		add_text(&b, "id", str_of(d->id));
	buf_addf(&b, "},\"raises\":%s,\"held_back\":%s,", m ? "true" : "false",
		 held_back ? "true" : "false");
	explain_json(&b, ex);
	if (m && m->message.len)
		add_text(&b, "message", m->message);
	buf_lit(&b, ",\"notes\":[");
	while (next_note(d, &note)) {
		buf_lit(&b, note.p == d->notes.p ? "\"" : ",\"");
		json_escape(&b, note);
		buf_char(&b, '"');
	}
	buf_lit(&b, "]}\n");
	fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

static void tell_held(const struct explaining *x, const struct match *m)
{
	struct buf b = { 0 };

	if (x->cfg->json) {
		buf_addf(&b, "{\"policy\":\"%.*s\",\"raises\":false,\"suppressed\":%" PRIu64,
			 (int)m->policy->name.len, m->policy->name.p, m->suppressed);
		add_text(&b, "message", m->message);
		buf_lit(&b, "}\n");
	} else {
		buf_addf(&b, "%s%.*s tells what it held back\nmessage: ", x->documents ? "\n" : "",
			 (int)m->policy->name.len, m->policy->name.p);
		buf_str(&b, m->message);
		buf_char(&b, '\n');
	}
	fwrite(b.p, 1, b.len, stdout);
	buf_free(&b);
}

/* Alerts about what did not happen in time, and what was held back. */
static void tell_due(struct explaining *x, const struct match *m)
{
	if (m->policy != policy_at(x->set, x->policy))
		return;
	if (m->held) {
		tell_held(x, m);
		return;
	}
	x->any = true;
	if (x->cfg->json)
		printf("{\"policy\":\"%.*s\",\"raises\":true,\"after\":\"what should have followed "
		       "did not\"}\n",
		       (int)m->policy->name.len, m->policy->name.p);
	else
		printf("%s%.*s raises an alert: what should have followed did not\nmessage: %.*s\n",
		       x->documents ? "\n" : "", (int)m->policy->name.len, m->policy->name.p,
		       (int)m->message.len, m->message.p);
}

static void pass_time(struct explaining *x, uint64_t now_ns)
{
	const struct match *m;

	while (policy_due(x->engine, now_ns, &x->late, &m)) {
		tell_due(x, m);
		arena_reset(&x->late);
	}
}

static int judge(void *arg, const struct decoded *d)
{
	struct explaining *x = arg;
	struct explanation ex;
	const struct match *m;
	uint32_t n;
	int rc;

	pass_time(x, d->e->raw->time_ns);
	n = policy_match(x->engine, d->e, &m);
	m = own_match(x, m, n);
	rc = policy_explain(&ex, x->set, x->policy, d->e,
			    d->is_record ? decode_record_lacks : NULL);
	if (rc)
		return rc;
	x->documents++;
	x->any |= m || (explain_held(&ex) && !ex.def->window);
	if (x->cfg->json)
		show_json(&ex, d, m);
	else
		show_text(x, &ex, d, m);
	explanation_free(&ex);
	return 0;
}

static int explain_all(struct explaining *x)
{
	struct documents r = { "explain", compose_new(), judge, x, false };
	int rc = r.compose ? policy_engine_new(&x->engine, x->set) : -ENOMEM;

	if (!rc)
		rc = arena_init(&x->late, 256 << 10);
	for (uint32_t i = 1; i < x->cfg->nwords && !rc; i++)
		rc = documents_read(&r, x->cfg->words[i]);
	if (!rc)
		pass_time(x, UINT64_MAX - 1);
	if (!rc && !x->documents && !r.bad) {
		fprintf(stderr, "tocsin explain: there is no document\n");
		r.bad = true;
	}
	policy_engine_free(x->engine);
	compose_free(r.compose);
	arena_free(&x->late);
	if (rc) {
		fprintf(stderr, "tocsin explain: %s\n", strerror(-rc));
		return EXIT_USAGE;
	}
	return r.bad ? EXIT_USAGE : x->any ? EXIT_OK : EXIT_RUNTIME;
}

static int unknown_policy(const struct policy_set *s, const char *name, bool problems)
{
	struct nearest near = { .word = str_of(name) };

	for (uint32_t i = 0; i < policy_count(s); i++)
		nearest_offer(&near, policy_at(s, i)->name.p);
	fprintf(stderr, "tocsin explain: there is no policy %.100s that is in use%s%s%s\n", name,
		near.best ? "; did you mean " : "", near.best ? near.best : "",
		near.best ? "?" : "");
	return problems ? EXIT_POLICY : EXIT_USAGE;
}

static int explain(const struct explain_cfg *c)
{
	struct explaining x = { .cfg = c };
	struct policy_set *set = NULL;
	struct diags d = { 0 };
	char shipped[4200] = "";
	const char *const places[] = { shipped };
	int rc = c->policies.count ? 0 : config_shipped_dir(shipped, sizeof(shipped));
	bool problems;

	if (rc) {
		fprintf(stderr, "tocsin explain: name policies with --policies PATH\n");
		return EXIT_USAGE;
	}
	rc = c->policies.count ? policy_load(&set, (const char *const *)c->policies.items,
					     c->policies.count, &d)
			       : policy_load(&set, places, 1, &d);
	problems = d.errors;
	diags_print(&d, stderr);
	diags_free(&d);
	if (rc)
		return EXIT_POLICY;
	x.set = set;
	x.policy = policy_find(set, str_of(c->words[0]));
	rc = x.policy == UINT32_MAX ? unknown_policy(set, c->words[0], problems) : explain_all(&x);
	policy_free(set);
	return rc;
}

static void help(void)
{
	printf("Usage: tocsin explain POLICY FILE…\nJudge documents that Tocsin wrote (alerts or "
	       "records; - is standard input) by one\npolicy, and tell which of its conditions "
	       "held. Exit code 0: the policy holds for one of\nthem, 1: for none, 2: no such "
	       "policy or no document, 3: problems in policies.\n\n");
	args_help(stdout, tables, ARRAY_LEN(tables));
}

int cmd_explain(int argc, char **argv)
{
	struct explain_cfg c = { .words = (const char *const *)argv + 1 };
	struct args a = { argc, argv, 1, tables, ARRAY_LEN(tables), false };
	int rc = args_set(&a, &c, &c.nwords);

	if (rc == ARGS_HELP) {
		help();
		rc = EXIT_OK;
	} else if (rc < 0) {
		rc = EXIT_USAGE;
	} else if (c.nwords < 2) {
		fprintf(stderr, "tocsin explain: name a policy and a file of documents\n");
		rc = EXIT_USAGE;
	} else {
		rc = explain(&c);
	}
	option_free(opts, &c);
	return rc;
}
