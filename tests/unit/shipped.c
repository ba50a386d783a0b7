/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The shipped policies against the events of tests/golden/policies/: each policy has events
 * that raise it and events that must not, and what a normal server does raises none.
 *
 * An event is a map from public field paths to values, `on` its kind. Three keys stand for more:
 *   exe     process.executable, and its last part process.name
 *   parent  the same of process.parent
 *   run     process.command_line, and process.args cut at spaces
 * A case of a sequence or threshold is a map with `events`, a list of such maps that one engine
 * judges. Three keys more, then:
 *   at      seconds after the first event, from then on
 *   repeat  so many such events, a millisecond apart; %n in a value is their number, from 1
 */
#include <dirent.h>

#include "pipeline/policy/policy.h"
#include "pipeline/yaml.h"
#include "tests/harness/made.h"
#include "tests/harness/test.h"

enum { POLICIES = 200 };

struct shipped {
	struct policy_set *set;
	uint32_t alerts[POLICIES], silents[POLICIES]; /* cases of each policy */
};

static uint32_t made_number; /* what %n stands for */

static struct policy_set *load(void)
{
	const char *path = "policies";
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	diags_print(&d, stdout);
	CHECK_INT(d.count, 0);
	CHECK(policy_count(s) <= POLICIES);
	return s;
}

static void put(struct made *m, const struct yaml_node *at, const char *path, struct str value)
{
	const char *n = memmem(value.p, value.len, "%n", 2);
	char text[300];

	if (n) {
		value.len = (uint32_t)snprintf(text, sizeof(text), "%.*s%u%.*s", (int)(n - value.p),
					       value.p, made_number,
					       (int)(value.p + value.len - n - 2), n + 2);
		value.p = text;
	}
	if (!made_set_bytes(m, path, value.p, value.len))
		test_fail(__FILE__, __LINE__, "line %u: %s cannot be \"%.*s\" here", at->line, path,
			  (int)value.len, value.p);
}

static void put_program(struct made *m, const struct yaml_node *v, const char *who)
{
	const char *slash = memrchr(v->text.p, '/', v->text.len);
	struct str name = v->text;
	char path[64];

	if (slash)
		name = (struct str){ slash + 1, (uint32_t)(v->text.p + v->text.len - slash - 1) };
	snprintf(path, sizeof(path), "%s.executable", who);
	put(m, v, path, v->text);
	snprintf(path, sizeof(path), "%s.name", who);
	put(m, v, path, name);
}

static void put_command(struct made *m, const struct yaml_node *v)
{
	char args[2000];

	CHECK(v->text.len < sizeof(args));
	for (uint32_t i = 0; i < v->text.len; i++)
		args[i] = v->text.p[i] == ' ' ? '\x1f' : v->text.p[i];
	put(m, v, "process.command_line", v->text);
	put(m, v, "process.args", (struct str){ args, v->text.len });
}

static void put_list(struct made *m, const struct yaml_node *v, const char *path)
{
	char all[2000];
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->count; i++) {
		struct str s = v->items[i]->text;

		CHECK(n + s.len + 1 < sizeof(all));
		if (i)
			all[n++] = '\x1f';
		memcpy(all + n, s.p, s.len);
		n += s.len;
	}
	put(m, v, path, (struct str){ all, n });
}

static struct made *make_event(const struct yaml_node *map)
{
	const struct yaml_node *on = yaml_get(map, "on");
	struct made *m;

	CHECK(on);
	m = made_new(on->text.p);
	for (uint32_t i = 0; i < map->count; i++) {
		const char *key = map->items[i * 2]->text.p;
		const struct yaml_node *v = map->items[i * 2 + 1];

		if (!strcmp(key, "on") || !strcmp(key, "at") || !strcmp(key, "repeat"))
			continue;
		else if (!strcmp(key, "exe"))
			put_program(m, v, "process");
		else if (!strcmp(key, "parent"))
			put_program(m, v, "process.parent");
		else if (!strcmp(key, "run"))
			put_command(m, v);
		else if (v->type == YAML_LIST)
			put_list(m, v, key);
		else
			put(m, v, key, v->text);
	}
	return m;
}

static uint32_t look_at(const struct match *match, uint32_t n, uint32_t line, const char *policy,
			bool *raised)
{
	for (uint32_t i = 0; i < n; i++) {
		*raised |= policy && str_eq(match[i].policy->name, str_of(policy));
		CHECK(match[i].message.len && match[i].matched.len > 2);
		if (!policy)
			printf("# line %u raises %.*s\n", line, (int)match[i].policy->name.len,
			       match[i].policy->name.p);
	}
	return n;
}

static uint32_t judge_one(struct policy_engine *p, const struct yaml_node *map, uint64_t time_ns,
			  const char *policy, bool *raised)
{
	struct made *m = make_event(map);
	const struct match *match;
	struct event *e;
	uint32_t n = 0, found;

	m->rec.h.time_ns = time_ns;
	e = made_event(m);
	while (policy_due(p, time_ns, e->arena, &match))
		n += look_at(match, 1, map->line, policy, raised);
	e = made_event(m);
	found = policy_match(p, e, &match);
	n += look_at(match, found, map->line, policy, raised);
	made_free(m);
	return n;
}

static uint32_t number_of(const struct yaml_node *map, const char *key, uint32_t otherwise)
{
	const struct yaml_node *v = yaml_get(map, key);

	return v ? (uint32_t)strtoul(v->text.p, NULL, 10) : otherwise;
}

/* Matches of an event, or of a list of events. */
static uint32_t judge(const struct policy_set *s, const struct yaml_node *map, const char *policy,
		      bool *raised)
{
	const struct yaml_node *events = yaml_get(map, "events");
	struct policy_engine *p = NULL;
	uint64_t start = 1000000000000, at = 0;
	uint32_t n = 0;

	*raised = false;
	CHECK_INT(policy_engine_new(&p, s), 0);
	for (uint32_t i = 0; events && i < events->count; i++) {
		uint32_t times = number_of(events->items[i], "repeat", 1);

		at = number_of(events->items[i], "at", (uint32_t)(at / 1000)) * 1000ull;
		for (made_number = 1; made_number <= times; made_number++)
			n += judge_one(p, events->items[i],
				       start + at * 1000000 + made_number * 1000000ull, policy,
				       raised);
	}
	if (!events)
		n = judge_one(p, map, start, policy, raised);
	policy_engine_free(p);
	return n;
}

static uint32_t index_of(const struct policy_set *s, const struct yaml_node *name)
{
	for (uint32_t i = 0; i < policy_count(s); i++)
		if (str_eq(policy_at(s, i)->name, name->text))
			return i;
	test_fail(__FILE__, __LINE__, "line %u: no policy %s", name->line, name->text.p);
}

static void run_case(struct shipped *t, const char *file, const struct yaml_node *c)
{
	const struct yaml_node *name = yaml_get(c, "policy"), *alert = yaml_get(c, "alert"),
			       *silent = yaml_get(c, "silent");
	uint32_t at = index_of(t->set, name);
	bool raised;

	for (uint32_t i = 0; alert && i < alert->count; i++) {
		judge(t->set, alert->items[i], name->text.p, &raised);
		if (!raised)
			test_fail(file, (int)alert->items[i]->line, "%s is not raised",
				  name->text.p);
		t->alerts[at]++;
	}
	for (uint32_t i = 0; silent && i < silent->count; i++) {
		judge(t->set, silent->items[i], name->text.p, &raised);
		if (raised)
			test_fail(file, (int)silent->items[i]->line, "%s is raised", name->text.p);
		t->silents[at]++;
	}
}

/* For each document of the folder. */
static void each_file(void (*run)(struct shipped *, const char *, const struct yaml_node *),
		      struct shipped *t)
{
	DIR *dir = opendir("tests/golden/policies");
	struct dirent *e;
	uint32_t files = 0;

	CHECK(dir);
	while ((e = readdir(dir))) {
		struct yaml_doc *doc = NULL;
		struct diags d = { 0 };
		char path[400];

		if (!strstr(e->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), "tests/golden/policies/%s", e->d_name);
		if (yaml_load(&doc, path, &d))
			diags_print(&d, stdout);
		CHECK(doc);
		run(t, path, yaml_root(doc));
		yaml_doc_free(doc);
		files++;
	}
	closedir(dir);
	CHECK(files > 1);
}

static void run_cases(struct shipped *t, const char *file, const struct yaml_node *root)
{
	const struct yaml_node *cases = yaml_get(root, "cases");

	for (uint32_t i = 0; cases && i < cases->count; i++)
		run_case(t, file, cases->items[i]);
}

static void each_policy(void)
{
	struct shipped t = { .set = load() };

	each_file(run_cases, &t);
	for (uint32_t i = 0; i < policy_count(t.set); i++) {
		const struct policy *p = policy_at(t.set, i);

		if (!t.alerts[i] || !t.silents[i])
			test_fail(p->file.p, (int)p->line,
				  "%.*s has %u events that raise it and %u that do not",
				  (int)p->name.len, p->name.p, t.alerts[i], t.silents[i]);
	}
	printf("# %u policies\n", policy_count(t.set));
	policy_free(t.set);
}

static void run_quiet(struct shipped *t, const char *file, const struct yaml_node *root)
{
	const struct yaml_node *quiet = yaml_get(root, "quiet");
	bool raised;

	for (uint32_t i = 0; quiet && i < quiet->count; i++)
		if (judge(t->set, quiet->items[i], NULL, &raised))
			test_fail(file, (int)quiet->items[i]->line, "is not quiet");
	t->silents[0] += quiet ? quiet->count : 0;
}

static void normal_server(void)
{
	struct shipped t = { .set = load() };

	each_file(run_quiet, &t);
	CHECK(t.silents[0] > 30);
	policy_free(t.set);
}

static bool is_tactic(struct str tag)
{
	static const char *const tactics[] = {
		"attack.initial-access",  "attack.execution",
		"attack.persistence",     "attack.privilege-escalation",
		"attack.defense-evasion", "attack.credential-access",
		"attack.discovery",       "attack.lateral-movement",
		"attack.collection",      "attack.command-and-control",
		"attack.exfiltration",    "attack.impact",
	};

	for (size_t i = 0; i < sizeof(tactics) / sizeof(*tactics); i++)
		if (str_eq(tag, str_of(tactics[i])))
			return true;
	return false;
}

static bool is_technique(struct str tag)
{
	uint32_t at = 8;

	if (!str_starts(tag, STR("attack.t")))
		return false;
	for (; at < tag.len && at < 12; at++)
		if (tag.p[at] < '0' || tag.p[at] > '9')
			return false;
	return tag.len == 12 || (tag.len == 16 && tag.p[12] == '.' && tag.p[13] == '0');
}

/* Each says what it is about, and is tagged with tactics and techniques of MITRE ATT&CK. */
static void attributes(void)
{
	struct policy_set *s = load();

	CHECK(policy_count(s) >= 30);
	for (uint32_t i = 0; i < policy_count(s); i++) {
		const struct policy *p = policy_at(s, i);
		uint32_t tactics = 0, techniques = 0, others = 0;

		for (uint32_t at = 0; at < p->tags.len;) {
			struct str tag = str_of(p->tags.p + at);

			if (is_tactic(tag))
				tactics++;
			else if (is_technique(tag))
				techniques++;
			else
				others++;
			at += tag.len + 1;
		}
		if (!p->description.len || !tactics || !techniques || others)
			test_fail(
				p->file.p, (int)p->line,
				"%.*s: description %u bytes, %u tactics, %u techniques, %u other tags",
				(int)p->name.len, p->name.p, p->description.len, tactics,
				techniques, others);
	}
	CHECK(!policy_wants_failed_opens(s));
	policy_free(s);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(each_policy), TEST(normal_server),
					     TEST(attributes) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
