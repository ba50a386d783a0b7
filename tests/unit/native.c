/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What policy files share and change: macros, lists, overrides; scope, limit and action drop. Each
 * test writes its files into a folder of its own.
 */
#include "pipeline/policy/policy.h"
#include "pipeline/util.h"
#include "tests/harness/made.h"
#include "tests/harness/test.h"

struct text {
	const char *name, *text;
};

static char dir[TEST_DIR];

static void put(const struct text *t)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, t->name);
	f = fopen(path, "w");
	CHECK(f && fputs(t->text, f) >= 0 && fclose(f) == 0);
}

/* Loads the files; what was told, without the folder's name, into shown. */
static struct policy_set *load(const struct text *files, char *shown, size_t len)
{
	const char *paths[1] = { dir };
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	FILE *f;

	test_dir(dir);
	for (const struct text *t = files; t->name; t++)
		put(t);
	CHECK_INT(policy_load(&s, paths, 1, &d), 0);
	f = fmemopen(shown, len, "w");
	diags_print(&d, f);
	fclose(f);
	for (char *p; (p = strstr(shown, dir));)
		memmove(p, p + strlen(dir) + 1, strlen(p + strlen(dir) + 1) + 1);
	diags_free(&d);
	return s;
}

static struct policy_set *load_good(const struct text *files)
{
	char shown[8192] = "";
	struct policy_set *s = load(files, shown, sizeof(shown));

	CHECK_STR(shown, "");
	return s;
}

static void check_told(const struct text *files, uint32_t policies, const char *want)
{
	char shown[8192] = "";
	struct policy_set *s = load(files, shown, sizeof(shown));

	CHECK_STR(shown, want);
	CHECK_INT(policy_count(s), policies);
	policy_free(s);
}

#define FILES(...) ((const struct text[]){ __VA_ARGS__, { NULL, NULL } })

/* The policies that hold, joined by spaces. */
static const char *hits(const struct policy_set *s, struct made *m)
{
	static char names[512];
	struct policy_engine *p = NULL;
	const struct match *match;
	uint32_t n;

	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, made_event(m), &match);
	names[0] = '\0';
	for (uint32_t i = 0; i < n; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.*s",
			 i ? " " : "", (int)match[i].policy->name.len, match[i].policy->name.p);
	policy_engine_free(p);
	return names;
}

static struct made *shell(void)
{
	struct made *m = made_new("process.exec");

	CHECK(made_set(m, "process.name", "dash"));
	CHECK(made_set(m, "process.tty.name", "pts/0"));
	CHECK(made_set(m, "user.name", "root"));
	return m;
}

#define EXEC(name, where) "- name: " name "\n  on: process.exec\n  where: " where "\n"

/* What is used may be defined in a later file. */
static void shared(void)
{
	struct made *m = shell();
	struct policy_set *s = load_good(FILES(
		{ "a.yaml",
		  "policies:\n" EXEC("a", "$interactive and user.name = 'root'")
			  EXEC("b", "not $interactive") EXEC("c", "process.name in $shells")
				  EXEC("d", "process.name not in ('x', $shells)")
					  EXEC("e", "process.name startswith $prefixes")
						  EXEC("f", "($interactive) or user.name = 'x'") },
		{ "b.yaml", "macros:\n  interactive: $shell and process.tty.name exists\n"
			    "  shell: process.name in $shells\n"
			    "lists:\n  prefixes: [x, da]\n" },
		{ "c.yaml", "lists:\n  shells: [sh, $more, 'zsh']\n  more: {file: more.txt}\n" },
		{ "more.txt", "# shells\nbash\n\n  dash \r\n" }));

	CHECK_STR(hits(s, m), "a c e f");
	CHECK(made_set(m, "process.name", "zsh"));
	CHECK_STR(hits(s, m), "a c f");
	CHECK(made_set(m, "process.name", "# shells"));
	CHECK_STR(hits(s, m), "b d");
	policy_free(s);
	made_free(m);
}

/* A value without quotes is what the field holds; one in quotes is text. */
static void values(void)
{
	static const char lists[] = "lists:\n  plain: [22, 0x50, 443]\n  quoted: ['22']\n"
				    "  names: [22, 5m, yes, true]\n  flags: [O_RDWR, O_CREAT]\n"
				    "  errors: [EACCES, 1]\n  nets: [10.0.0.0/8, fc00::/7]\n"
				    "  yes: [true]\n";
	static const char policy[] =
		"policies:\n- name: a\n  on: [network.connect, file.open]\n  where: >-\n    ";
	static const struct {
		const char *where, *want;
	} cases[] = {
		{ "destination.port in $plain", "" },
		{ "destination.port in $quoted",
		  "b.yaml:5:25: in $quoted (a.yaml:3:12): destination.port is a number: write one without quotes\n" },
		{ "process.name in $names", "" },
		{ "file.flags in $flags", "" },
		{ "file.flags in $names",
		  "b.yaml:5:19: in $names (a.yaml:4:11): file.flags is never \"22\"\n"
		  "b.yaml:5:19: in $names (a.yaml:4:15): file.flags is never \"5m\"\n"
		  "b.yaml:5:19: in $names (a.yaml:4:19): file.flags is never \"yes\"\n"
		  "b.yaml:5:19: in $names (a.yaml:4:24): file.flags is never \"true\"\n" },
		{ "error.code in $errors", "" },
		{ "destination.ip cidr $nets", "" },
		{ "tocsin.io_uring in $yes", "" },
		{ "file.mode in $plain", "" },
		{ "file.path = $names", "b.yaml:5:17: = takes one value; for a list write in\n" },
		{ "$names",
		  "b.yaml:5:5: $names is a list: write it after an operator, as in process.name in $names\n" },
		{ "file.path in $nams", "b.yaml:5:18: unknown list $nams; did you mean $names?\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[600];

		snprintf(text, sizeof(text), "%s%s\n", policy, cases[i].where);
		check_told(FILES({ "a.yaml", lists }, { "b.yaml", text }), !cases[i].want[0],
			   cases[i].want);
	}
}

static void definition_mistakes(void)
{
	check_told(
		FILES({ "a.yaml", "lists:\n"
				  "  x: []\n"
				  "  y: {file: no.txt}\n"
				  "  z: {fil: no.txt}\n"
				  "  2: [a]\n"
				  "  u: [$nope, $m]\n"
				  "  v: [[a]]\n"
				  "  w: {file: empty.txt}\n"
				  "macros:\n"
				  "  m: file.pth = 'a' and file.path = 5\n"
				  "  n: $m and $k\n"
				  "  o: ''\n"
				  "  x: file.path = 'a'\n"
				  "policies:\n" EXEC("a", "$n or $o") },
		      { "empty.txt", "# nothing\n" }),
		0,
		"a.yaml:2:6: a list has values, as in [a, b], or a file of values, as in {file: a.txt}\n"
		"a.yaml:3:13: no.txt: cannot be opened: No such file or directory\n"
		"a.yaml:4:6: the list has no file\n"
		"a.yaml:4:7: unknown key fil of a list; did you mean file?\n"
		"a.yaml:5:3: the name of a list begins with a letter and holds letters, digits and . _ -\n"
		"a.yaml:6:7: unknown list $nope\n"
		"a.yaml:6:14: $m is a macro, not a list\n"
		"a.yaml:7:7: a value of a list must be text or a number\n"
		"a.yaml:8:13: empty.txt has no value\n"
		"a.yaml:10:6: unknown field file.pth; did you mean file.path?\n"
		"a.yaml:10:37: file.path holds text: write \"5\" in quotes\n"
		"a.yaml:11:6: $m has an error, see a.yaml:10:3\n"
		"a.yaml:11:13: unknown macro $k; did you mean $m?\n"
		"a.yaml:12:6: a macro is empty\n"
		"a.yaml:13:3: x is defined already, in a.yaml:2:3\n"
		"a.yaml:17:10: $n has an error, see a.yaml:11:3\n"
		"a.yaml:17:16: $o has an error, see a.yaml:12:3\n");
}

/* A mistake of a macro is told where it is; what only a use makes wrong, at the use. */
static void places(void)
{
	check_told(
		FILES({ "a.yaml", "macros:\n  outer: $inner and process.name = 'a'\n"
				  "  inner: >-\n    process.name = 'b' or\n    file.path = 'x'\n" },
		      { "b.yaml", "policies:\n" EXEC("a", "$outer") EXEC("b", "$outer and (") },
		      { "c.yaml", "policies:\n" EXEC("c", "process.name = 'c'") }),
		1,
		"b.yaml:4:10: in $inner (a.yaml:5:5): no kind of this policy has the field file.path; file.open has it\n"
		"b.yaml:7:10: in $inner (a.yaml:5:5): no kind of this policy has the field file.path; file.open has it\n"
		"b.yaml:7:22: a field is missing at the end\n");
}

static void circles(void)
{
	check_told(FILES({ "a.yaml", "macros:\n  a: $b\n  b: $c\n  c: $b or $b\n  d: $d\n"
				     "  e: user.name = 'x'\n"
				     "lists:\n  l: [x, $k]\n  k: [$l]\n"
				     "policies:\n" EXEC("a", "$e") }),
		   0,
		   "a.yaml:2:6: $b has an error, see a.yaml:3:3\n"
		   "a.yaml:3:3: macro $b uses itself: $b -> $c -> $b\n"
		   "a.yaml:4:6: $b has an error, see a.yaml:3:3\n"
		   "a.yaml:4:12: $b has an error, see a.yaml:3:3\n"
		   "a.yaml:5:3: macro $d uses itself: $d -> $d\n"
		   "a.yaml:8:3: list $l uses itself: $l -> $k -> $l\n"
		   "a.yaml:9:7: $l has an error, see a.yaml:8:3\n");
}

/* A macro that doubles another one, and so on, is refused before anything is made of it. */
static void doubling(void)
{
	char text[4096] = "macros:\n  m0: user.name = 'x'\n", shown[8192] = "";
	struct policy_set *s;

	for (int i = 1; i <= 15; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "  m%d: $m%d or $m%d or $m%d\n", i, i - 1, i - 1, i - 1);
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
		 "policies:\n" EXEC("a", "$m8") EXEC("b", "$m9"));
	s = load(FILES({ "a.yaml", text }), shown, sizeof(shown));
	CHECK(strstr(shown, "a.yaml:11:3: with the macros in it, it has more than 10000 tests\n"));
	CHECK(strstr(shown, ": $m9 has an error, see a.yaml:11:3\n"));
	CHECK(!strstr(shown, "$m8 has"));
	CHECK_INT(policy_count(s), 0);
	policy_free(s);
	strcpy(text, "macros:\n  m0: user.name = 'x'\n");
	for (int i = 1; i <= 17; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "  m%d: $m%d\n", i,
			 i - 1);
	check_told(FILES({ "a.yaml", text }), 0,
		   "a.yaml:19:3: macros in each other more than 16 deep\n");
}

static void overrides(void)
{
	struct policy_set *s = load_good(FILES(
		{ "a.yaml",
		  "policies:\n"
		  "- name: a\n  on: process.exec\n  where: process.name = 'dash'\n"
		  "  exceptions:\n  - where: user.name = 'x'\n"
		  "  tags: [one]\n  message: old\n  suppress: {every: 1m}\n"
		  "- name: b\n  on: process.exec\n  where: process.name = 'dash'\n"
		  "- name: c\n  on: process.exec\n  where: process.name = 'dash'\n"
		  "- name: d\n  on: process.exec\n  enabled: false\n  where: process.name = 'dash'\n" },
		{ "z.yaml",
		  "overrides:\n"
		  "- policy: a\n  severity: critical\n  tags: [two, three]\n  message: 'new {user.name}'\n"
		  "  exceptions:\n  - where: user.name in $exempt\n  action: record\n"
		  "  limit: {every: 1m, count: 2}\n"
		  "- policy: b\n  enabled: false\n"
		  "- policy: c\n  where: process.name = 'bash'\n"
		  "- policy: d\n  enabled: true\n"
		  "lists:\n  exempt: [y]\n" }));
	struct policy_engine *p = NULL;
	const struct policy *a = policy_at(s, 0);
	struct made *m = shell();
	const struct match *match;

	CHECK_INT(policy_count(s), 3);
	CHECK_INT(a->severity, SEV_CRITICAL);
	CHECK_INT(a->action, POLICY_RECORD);
	CHECK(a->tags.len == 10 && !memcmp(a->tags.p, "two\0three\0", 10));
	CHECK_STR(hits(s, m), "a d");
	CHECK(made_set(m, "user.name", "x"));
	CHECK_STR(hits(s, m), "d");
	CHECK(made_set(m, "user.name", "y"));
	CHECK_STR(hits(s, m), "d");
	CHECK(made_set(m, "process.name", "bash"));
	CHECK_STR(hits(s, m), "c");
	CHECK(made_set(m, "process.name", "dash"));
	CHECK(made_set(m, "user.name", "z"));
	CHECK_INT(policy_engine_new(&p, s), 0);
	CHECK_INT(policy_match(p, made_event(m), &match), 2);
	CHECK_STREQ(match[0].message, "new z");
	CHECK_INT(policy_match(p, made_event(m), &match), 2);
	CHECK_INT(policy_match(p, made_event(m), &match), 1); /* a has passed its limit */
	policy_engine_free(p);
	policy_free(s);
	made_free(m);
}

/* A file with a mistake changes nothing; what it overrides stays as it was. */
static void override_mistakes(void)
{
	static const struct text shipped = { "a.yaml",
					     "policies:\n" EXEC("first", "user.name = 'a'")
						     EXEC("second", "user.name = 'a'") };

	check_told(
		FILES(shipped,
		      { "b.yaml",
			"overrides:\n- policy: frist\n  severity: low\n"
			"- policy: second\n  severty: low\n  name: x\n  on: file.open\n"
			"- policy: first\n  where: file.path = 'x'\n"
			"- severity: low\n- policy: first\n  message: '{file.path}'\n"
			"- policy: second\n  suppress: {every: 1s}\n  limit: {every: 1s, count: 1}\n" }),
		2,
		"b.yaml:2:11: there is no policy frist; did you mean first?\n"
		"b.yaml:5:3: unknown key severty of an override; did you mean severity?\n"
		"b.yaml:6:3: unknown key name of an override\n"
		"b.yaml:7:3: unknown key on of an override\n"
		"b.yaml:9:10: no kind of this policy has the field file.path; file.open has it\n"
		"b.yaml:10:3: an override is a map with policy and what to change of it\n"
		"b.yaml:12:14: no kind of this policy has the field file.path; file.open has it\n"
		"b.yaml:15:10: suppress and limit are two ways to say it: write one\n");
	/* Twice the same key. */
	check_told(
		FILES(shipped,
		      { "b.yaml",
			"overrides:\n- policy: first\n  severity: low\n  exceptions: [{where: user.name = 'x'}]\n" },
		      { "c.yaml",
			"overrides:\n- policy: first\n  severity: high\n  enabled: false\n  exceptions: [{where: user.name = 'y'}]\n" }),
		2, "c.yaml:3:3: severity of this policy is overridden already, in b.yaml:3:3\n");
	/* Alone, the policy may be one that ships. */
	check_told(FILES({ "b.yaml", "overrides:\n- policy: first\n  severity: low\n"
				     "policies:\n" EXEC("own", "user.name = 'x'") }),
		   1, "b.yaml:2:11: warning: there is no policy first here: nothing is changed\n");
}

static void scopes(void)
{
	struct policy_set *s = load_good(FILES(
		{ "a.yaml",
		  "policies:\n" EXEC("a", "user.name = 'root'\n  scope: host") EXEC(
			  "b", "user.name = 'root'\n  scope: container")
			  EXEC("c", "user.name = 'root'\n  scope: {container.runtime: [docker, podman]}") EXEC(
				  "d",
				  "user.name = 'root'\n  scope: {container.id: 3f*, container.runtime: docker}")
				  EXEC("e",
				       "user.name = 'root'\n  scope: {cgroup.path: /system.slice/*}")
					  EXEC("f",
					       "user.name = 'root' or user.name = 'x'\n  scope: {service.name: ssh.service}") }));
	struct made *m = shell();
	struct policy_engine *p = NULL;
	const struct match *match;

	CHECK_STR(hits(s, m), "a");
	CHECK(made_set(m, "process.cgroup.path", "/system.slice/ssh.service"));
	CHECK(made_set(m, "service.name", "ssh.service"));
	CHECK_STR(hits(s, m), "a e f");
	CHECK(made_set(m, "user.name", "y"));
	CHECK_STR(hits(s, m), "");
	CHECK(made_set(m, "user.name", "root"));
	CHECK(made_set(m, "container.id", "3fa1"));
	CHECK_STR(hits(s, m), "b e f");
	CHECK(made_set(m, "container.runtime", "docker"));
	CHECK_STR(hits(s, m), "b c d e f");
	CHECK_INT(policy_engine_new(&p, s), 0);
	CHECK_INT(policy_match(p, made_event(m), &match), 5);
	CHECK_STREQ(
		match[1].matched,
		"[{\"condition\":\"scope container.runtime: docker, podman\",\"value\":\"docker\"},"
		"{\"condition\":\"user.name = 'root'\",\"value\":\"root\"}]");
	policy_engine_free(p);
	policy_free(s);
	made_free(m);
	check_told(
		FILES({ "a.yaml",
			"policies:\n" EXEC("a", "user.name = 'root'\n  scope: hosts") EXEC(
				"b",
				"user.name = 'root'\n  scope: {container.name: x, container.id: []}")
				EXEC("c",
				     "user.name = 'root'\n  scope: {cgroup.path: '[x', container.id: {}}") }),
		0,
		"a.yaml:5:10: scope is host, container, or a map with container.id, container.runtime, cgroup.path, service.name\n"
		"a.yaml:9:11: unknown key container.name of a scope; did you mean container.id?\n"
		"a.yaml:9:44: container.id has one to 1000 values\n"
		"a.yaml:13:25: the pattern has a [ without its ]\n"
		"a.yaml:13:44: container.id must be text\n");
}

/* 100,000 policies that share a macro and a list are within the limits. */
static void ordinary_many(void)
{
	struct buf b = { 0 };
	struct made *m = shell();
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	buf_lit(&b,
		"lists:\n  shells: [sh, dash]\nmacros:\n  shell: process.name in $shells\npolicies:\n");
	for (int i = 0; i < 100000; i++)
		buf_addf(&b,
			 "- {name: p%d, on: process.exec, where: $shell and user.name = 'u%d'}\n",
			 i, i);
	CHECK(!b.failed);
	CHECK_INT(policy_load_text(&s, "f.yaml", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	CHECK_INT(d.count, 0);
	CHECK_INT(policy_count(s), 100000);
	CHECK(made_set(m, "user.name", "u77777"));
	CHECK_STR(hits(s, m), "p77777");
	policy_free(s);
	buf_free(&b);
	made_free(m);
}

/* Files made to take long or much. */
static void hostile(void)
{
	struct buf b = { 0 };
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	/* Circles and chains without end, each definition used by many. */
	buf_lit(&b, "macros:\n");
	for (int i = 0; i < 20000; i++)
		buf_addf(&b, "  m%d: $m%d and $m%d and $nope\n", i, (i + 1) % 20000,
			 (i * 7) % 20000);
	CHECK_INT(policy_load_text(&s, "f.yaml", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	CHECK(d.errors >= 1000);
	CHECK_INT(policy_count(s), 0);
	policy_free(TAKE_PTR(s));
	diags_free(&d);
	buf_reset(&b);
	/* A long list in many policies. */
	buf_lit(&b, "lists:\n  l: [");
	for (int i = 0; i < 99999; i++)
		buf_addf(&b, "v%d, ", i);
	buf_lit(&b, "x]\npolicies:\n");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "- {name: p%d, on: process.exec, where: process.name in $l}\n", i);
	CHECK_INT(policy_load_text(&s, "f.yaml", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	CHECK(d.count &&
	      strstr(d.items[0].reason,
		     "macros and lists come to more than 500000 tests or 1000000 values in all"));
	policy_free(TAKE_PTR(s));
	diags_free(&d);
	buf_reset(&b);
	/* Overrides of what does not exist. */
	buf_lit(&b, "overrides:\n");
	for (int i = 0; i < 50000; i++)
		buf_addf(&b, "- {policy: nam%d, severity: low}\n", i);
	buf_lit(&b, "policies:\n");
	for (int i = 0; i < 50000; i++)
		buf_addf(&b, "- {name: name%d, on: process.exec, where: process.name = 'x'}\n", i);
	CHECK_INT(policy_load_text(&s, "f.yaml", (struct str){ b.p, (uint32_t)b.len }, &d), 0);
	CHECK_INT(d.count, DIAGS_MAX);
	CHECK_INT(d.errors, 0);
	CHECK_INT(policy_count(s),
		  50000); /* as many warnings are no reason to leave policies out */
	policy_free(TAKE_PTR(s));
	diags_free(&d);
	buf_free(&b);
}

static uint32_t matches_at(struct policy_engine *p, struct made *m, uint64_t seconds,
			   uint64_t *held)
{
	struct event *e = made_event(m);
	const struct match *match;
	uint32_t n;

	((struct ev_hdr *)(uintptr_t)e->raw)->time_ns = 1000000000 * (1000 + seconds);
	n = policy_match(p, e, &match);
	*held = n ? match[0].suppressed : 0;
	return n;
}

static void limits(void)
{
	struct policy_set *s = load_good(FILES(
		{ "a.yaml",
		  "policies:\n" EXEC("a", "process.name exists\n"
					  "  limit: {count: 2, every: 10s, by: user.name}") }));
	struct policy_engine *p = NULL;
	struct made *m = shell(), *other = shell();
	uint64_t held;

	CHECK(made_set(other, "user.name", "other"));
	CHECK_INT(policy_engine_new(&p, s), 0);
	CHECK_INT(matches_at(p, m, 0, &held), 1);
	CHECK_INT(matches_at(p, m, 1, &held), 1);
	CHECK_INT(matches_at(p, m, 2, &held), 0);
	CHECK_INT(matches_at(p, m, 9, &held), 0);
	CHECK_INT(matches_at(p, other, 9, &held), 1); /* the first of its kind */
	CHECK_INT(matches_at(p, m, 10, &held), 1);
	CHECK_INT(held, 2);
	CHECK_INT(matches_at(p, m, 11, &held), 1);
	CHECK_INT(held, 0);
	CHECK_INT(matches_at(p, m, 12, &held), 0);
	CHECK_INT(policy_engine_stats(p).suppressed, 3);
	policy_engine_free(p);
	policy_free(s);
	made_free(m);
	made_free(other);
	check_told(
		FILES({ "a.yaml",
			"policies:\n" EXEC("a", "user.name = 'x'\n  limit: {count: 0, every: 1s}")
				EXEC("b", "user.name = 'x'\n  limit: {every: 1s}") EXEC(
					"c",
					"user.name = 'x'\n  limit: {count: 1, every: 5, by: user.nam}")
					EXEC("d",
					     "user.name = 'x'\n  limit: {count: 1, every: 1s}\n  suppress: {every: 1s}") }),
		0,
		"a.yaml:5:18: count is a number from 1 to 1000000\n"
		"a.yaml:9:10: limit is a map with count and every, and by if you like\n"
		"a.yaml:13:28: every is a time, as in 30s, 10m, 1h\n"
		"a.yaml:13:35: unknown field user.nam; did you mean user.name?\n"
		"a.yaml:17:10: suppress and limit are two ways to say it: write one\n");
}

static void drops(void)
{
	struct policy_set *s = load_good(FILES(
		{ "a.yaml",
		  "policies:\n" EXEC("a", "user.name = 'root'\n  action: drop") EXEC(
			  "b",
			  "user.name = 'root'") "- name: c\n  on: file.open\n  action: drop\n  where: event.outcome = 'failure'\n" }));
	struct made *m = shell();

	CHECK_STR(hits(s, m), "a b");
	CHECK_INT(policy_kinds(s), 1u << EV_EXEC); /* to drop it, no event is needed */
	CHECK(!policy_wants_failed_opens(s));
	policy_free(s);
	made_free(m);
	check_told(
		FILES({ "a.yaml",
			"policies:\n" EXEC(
				"a", "user.name = 'x'\n  action: drop\n  suppress: {every: 1s}")
				EXEC("b",
				     "user.name = 'x'\n  action: deny") "- name: c\n  on: pipeline.loss\n  action: drop\n  where: tocsin.loss.count > 0\n" }),
		0,
		"a.yaml:6:13: action drop tells nothing that could be held back\n"
		"a.yaml:10:11: action deny is not in this version: it sees and does not enforce (alert, record, drop)\n"
		"a.yaml:13:11: a loss is always told: pipeline.loss cannot be dropped\n"
		"");
}

/* What a file of values says is part of the digest. */
static void digest(void)
{
	static const char policy[] =
		"lists:\n  l: {file: l.txt}\npolicies:\n" EXEC("a", "user.name in $l");
	struct policy_set *a = load_good(FILES({ "a.yaml", policy }, { "l.txt", "one\n" })),
			  *b = load_good(FILES({ "a.yaml", policy }, { "l.txt", "one\n" })),
			  *c = load_good(FILES({ "a.yaml", policy }, { "l.txt", "two\n" }));

	CHECK(str_eq(policy_digest(a), policy_digest(b)));
	CHECK(!str_eq(policy_digest(a), policy_digest(c)));
	policy_free(a);
	policy_free(b);
	policy_free(c);
}

static void twice(void)
{
	check_told(FILES({ "a.yaml", "policies:\n" EXEC("a", "user.name = 'x'") },
			 { "b.yaml", "policies:\n" EXEC("b", "user.name = 'x'")
					     EXEC("a", "user.name = 'y'") }),
		   1, "b.yaml:5:9: policy a is defined already, in a.yaml:2\n");
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(shared),
		TEST(values),
		TEST(definition_mistakes),
		TEST(places),
		TEST(circles),
		TEST(doubling),
		TEST(overrides),
		TEST(override_mistakes),
		TEST(scopes),
		TEST(limits),
		TEST(drops),
		TEST(digest),
		TEST(twice),
		TEST(ordinary_many),
		TEST(hostile),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
