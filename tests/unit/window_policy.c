/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sequences and thresholds of policy files: what they take and refuse, who shares a window, what
 * an alert tells, and what a reload keeps. The machines themselves: tests/unit/window.c.
 */
#include <errno.h>
#include <jansson.h>

#include "pipeline/policy/policy.h"
#include "pipeline/policy/window/window.h"
#include "pipeline/util.h"
#include "tests/harness/capture.h"
#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull

#define SEQUENCE                                                                                                \
	"policies:\n"                                                                                           \
	"- name: seq\n"                                                                                         \
	"  sequence:\n"                                                                                         \
	"    by: [process.tree, user.id]\n"                                                                     \
	"    within: 10s\n"                                                                                     \
	"    steps:\n"                                                                                          \
	"    - name: download\n"                                                                                \
	"      on: network.connect\n"                                                                           \
	"      where: destination.port = 80\n"                                                                  \
	"    - on: process.exec\n"                                                                              \
	"      where: process.executable startswith '/tmp/'\n"                                                  \
	"  message: '{process.executable} after {download.destination.ip} ({1.process.name}, {2.process.pid}) " \
	"{download.network.unix.path}'\n"

#define THRESHOLD(more)                                                                            \
	"policies:\n"                                                                              \
	"- name: thr\n"                                                                            \
	"  on: file.open\n"                                                                        \
	"  where: file.path startswith '/etc/'\n"                                                  \
	"  threshold: {more_than: 3, within: 10s, by: [process]" more "}\n"

#define MISSING                                                                                    \
	"policies:\n"                                                                              \
	"- name: mis\n"                                                                            \
	"  severity: high\n"                                                                       \
	"  sequence:\n"                                                                            \
	"    by: process\n"                                                                        \
	"    within: 10s\n"                                                                        \
	"    steps:\n"                                                                             \
	"    - {on: process.exec, where: process.executable = '/usr/sbin/auditd'}\n"               \
	"    - {on: file.open, where: \"file.path = '/var/log/audit/audit.log'\", not: true}\n"    \
	"  message: '{process.executable} opened no log'\n"

struct run {
	struct matcher x;
	uint64_t seq;
};

static struct run run_new(const char *text)
{
	return (struct run){ .x = matcher_new(text) };
}

/* fields: path, value, …, NULL. The event stays for its strings. */
static uint32_t judge(struct run *r, const char *kind, uint64_t at_ns, uint32_t pid, ...)
{
	static struct made *m;
	va_list ap;
	const char *path;

	if (m)
		made_free(m);
	m = made_new(kind);
	m->rec.h.tgid = pid;
	m->rec.h.start_ns = pid * SEC;
	m->rec.h.exec_id = pid * 0x100;
	m->rec.h.time_ns = at_ns;
	m->rec.h.seq = ++r->seq;
	va_start(ap, pid);
	while ((path = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		if (!made_set(m, path, value))
			test_fail(__FILE__, __LINE__, "%s = %s", path, value);
	}
	va_end(ap);
	return policy_match(r->x.engine, made_event(m), &r->x.m);
}

/* An exec of pid 0x… below the processes of `ancestors`. */
static uint32_t exec_below(struct run *r, uint64_t at_ns, uint32_t pid, const uint32_t *ancestors,
			   uint32_t n)
{
	struct made *m = made_new("process.exec");
	uint64_t ids[8];
	uint32_t found;

	for (uint32_t i = 0; i < n; i++)
		ids[i] = ctx_process_id(ancestors[i], ancestors[i] * SEC);
	m->rec.h.tgid = pid;
	m->rec.h.start_ns = pid * SEC;
	m->rec.h.time_ns = at_ns;
	CHECK(made_set(m, "process.executable", "/tmp/x"));
	CHECK(made_set(m, "process.ancestor_names",
		       "a\x1f"
		       "b"));
	((struct ctx_lineage *)m->c.ctx[CTX_LINEAGE].b)->ids =
		(struct str){ (const char *)ids, n * (uint32_t)sizeof(*ids) };
	found = policy_match(r->x.engine, made_event(m), &r->x.m);
	made_free(m);
	return found;
}

static uint32_t connect_by(struct run *r, uint64_t at_ns, uint32_t pid)
{
	return judge(r, "network.connect", at_ns, pid, "destination.ip", "10.1.2.3",
		     "destination.port", "80", "network.transport", "tcp", "process.name", "cu\"rl",
		     NULL);
}

/* Of processes whose entry leader is not known: of those with one, tests/unit/window_tree.c. */
static void process_tree(void)
{
	struct run r = run_new(SEQUENCE);
	const uint32_t child[] = { 50, 7 }, grandchild[] = { 60, 50, 7 }, stranger[] = { 7 };

	CHECK_INT(connect_by(&r, 100 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 101 * SEC, 51, stranger, 1), 0); /* a sibling */
	CHECK_INT(exec_below(&r, 102 * SEC, 60, child, 2), 1);
	CHECK_INT(exec_below(&r, 102 * SEC, 60, child, 2), 0); /* begun anew */
	CHECK_INT(connect_by(&r, 103 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 104 * SEC, 61, grandchild, 3), 1);
	CHECK_INT(connect_by(&r, 105 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 106 * SEC, 50, stranger, 1), 1); /* itself, another image */
	CHECK_INT(connect_by(&r, 107 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 117 * SEC + 1, 60, child, 2), 0); /* too late */
	/* Of a process and its ancestor both: one alert, and both begin anew. */
	CHECK_INT(connect_by(&r, 120 * SEC, 7), 0);
	CHECK_INT(connect_by(&r, 120 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 121 * SEC, 60, child, 2), 1);
	CHECK_INT(exec_below(&r, 121 * SEC, 60, child, 2), 0);
	matcher_free(&r.x);
}

/* Messages name fields of steps, by number and by name; the evidence is JSON but for its start. */
static void told(void)
{
	struct run r = run_new(SEQUENCE);
	const struct window_report *w;
	char text[3000];
	json_t *j;

	CHECK_INT(connect_by(&r, 100 * SEC, 50), 0);
	CHECK_INT(judge(&r, "process.exec", 101 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  1);
	CHECK_STREQ(r.x.m->message, "/tmp/x after 10.1.2.3 (cu\"rl, 50) ?");
	CHECK_STREQ(r.x.m->matched, "[{\"condition\":\"process.executable startswith '/tmp/'\","
				    "\"value\":\"/tmp/x\"}]");
	CHECK(!r.x.m->event && !r.x.m->time_ns);
	w = r.x.m->window;
	CHECK(w && w->start_ns == 100 * SEC && !w->lower_bound);
	CHECK_INT(w->count, 0);
	CHECK_INT(w->nevidence, 1);
	CHECK_INT(w->evidence[0].seq, 1);
	CHECK_INT(w->evidence[0].kind, EV_CONNECT);
	snprintf(text, sizeof(text), "{\"event\":{\"id\":\"x\"%.*s", (int)w->evidence[0].json.len,
		 w->evidence[0].json.p);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(j);
	CHECK_STR(json_string_value(json_object_get(j, "step")), "download");
	CHECK_STR(json_string_value(json_object_get(json_object_get(j, "process"), "name")),
		  "cu\"rl");
	CHECK_INT(json_integer_value(json_object_get(json_object_get(j, "user"), "id")), 1000);
	CHECK_STR(json_string_value(json_object_get(j, "message")),
		  "cu\"rl connected to 10.1.2.3:80 (tcp)");
	json_decref(j);
	matcher_free(&r.x);
}

/* Bytes that only go on a character of UTF-8 begin none: the text is cut where it is too long. */
static void hostile_bytes(void)
{
	struct run r = run_new(SEQUENCE);
	char path[301] = "/tmp/x", text[5000];
	json_t *j, *p;

	memset(path + 6, 0x80, sizeof(path) - 7);
	CHECK_INT(judge(&r, "network.connect", 100 * SEC, 50, "destination.port", "80",
			"process.executable", path, NULL),
		  0);
	CHECK_INT(judge(&r, "process.exec", 101 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  1);
	CHECK_INT(r.x.m->window->nevidence, 1);
	snprintf(text, sizeof(text), "{\"event\":{\"id\":\"x\"%.*s",
		 (int)r.x.m->window->evidence[0].json.len, r.x.m->window->evidence[0].json.p);
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	CHECK(j);
	p = json_object_get(json_object_get(j, "process"), "executable");
	CHECK_INT(json_string_length(p), 6 + 250 * 3 + 3); /* U+EF80 for each, and … */
	json_decref(j);
	matcher_free(&r.x);
}

static void thresholds(void)
{
	static const char *const texts[] = { THRESHOLD(""), THRESHOLD(", distinct: file.path") };

	for (int distinct = 0; distinct < 2; distinct++) {
		struct run r = run_new(texts[distinct]);
		char path[20];

		for (uint64_t i = 0; i < 20; i++) {
			snprintf(path, sizeof(path), "/etc/%llu",
				 (unsigned long long)(distinct ? i / 2 : i));
			CHECK_INT(judge(&r, "file.open", (100 + i / 4) * SEC, 5, "file.path", path,
					NULL),
				  distinct ? i == 6 || i == 12 || i == 18 : i % 4 == 3);
			CHECK_INT(judge(&r, "file.open", (100 + i / 4) * SEC, 6, "file.path",
					"/etc/a", NULL),
				  distinct ? 0 : i % 4 == 3);
			if (i % 4 == 3 && !distinct) {
				CHECK_INT(r.x.m->window->count, 4);
				CHECK_INT(r.x.m->window->nevidence, 3);
			}
		}
		matcher_free(&r.x);
	}
}

/* By what a step calls its own: a file that was written is the one that is executed. */
static void other_fields(void)
{
	struct run r = run_new(
		"policies:\n"
		"- name: dropped\n"
		"  sequence:\n"
		"    within: 1m\n"
		"    steps:\n"
		"    - {on: file.open, where: \"file.flags = 'O_CREAT'\", by: file.path}\n"
		"    - {on: process.exec, where: process.pid > 0, by: process.executable}\n");

	CHECK_INT(judge(&r, "file.open", SEC, 5, "file.path", "/a/b", "file.flags",
			"O_CREAT|O_WRONLY", NULL),
		  0);
	CHECK_INT(judge(&r, "process.exec", 2 * SEC, 6, "process.executable", "/a/c", NULL), 0);
	CHECK_INT(judge(&r, "process.exec", 3 * SEC, 7, "process.executable", "/a/b", NULL), 1);
	CHECK_STREQ(r.x.m->message, "dropped");
	matcher_free(&r.x);
}

static void due_at(struct run *r, uint64_t now_ns, uint32_t want)
{
	struct arena a;
	uint32_t n = 0;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	for (; policy_due(r->x.engine, now_ns, &a, &r->x.m); n++) {
		CHECK_STREQ(r->x.m->message, "/usr/sbin/auditd opened no log");
		CHECK(r->x.m->event && r->x.m->time_ns == 110 * SEC);
		CHECK(r->x.m->event->raw->time_ns == 100 * SEC);
		CHECK_STREQ(r->x.m->matched,
			    "[{\"condition\":\"process.executable = '/usr/sbin/auditd'\","
			    "\"value\":\"/usr/sbin/auditd\"}]");
	}
	CHECK_INT(n, want);
	arena_free(&a);
}

static uint32_t audit_starts(struct run *r, uint32_t pid)
{
	return judge(r, "process.exec", 100 * SEC, pid, "process.executable", "/usr/sbin/auditd",
		     "process.args",
		     "a\x1f"
		     "b",
		     NULL);
}

static void missing_step(void)
{
	struct run r = run_new(MISSING);

	CHECK(policy_next_due(r.x.engine) == UINT64_MAX);
	CHECK_INT(audit_starts(&r, 5), 0);
	CHECK_INT(audit_starts(&r, 6), 0);
	CHECK_INT(audit_starts(&r, 7), 0);
	CHECK_INT(
		judge(&r, "file.open", 105 * SEC, 6, "file.path", "/var/log/audit/audit.log", NULL),
		0);
	CHECK(policy_next_due(r.x.engine) == 110 * SEC + WINDOW_LATE_NS);
	due_at(&r, 110 * SEC, 0);
	due_at(&r, 111 * SEC, 2);
	due_at(&r, UINT64_MAX - 1, 0);
	CHECK_INT(policy_engine_stats(r.x.engine).matches, 2);
	matcher_free(&r.x);
}

/* Engines of two generations share what means the same, and nothing else. */
static void adoption(void)
{
	static const char *const later[] = {
		SEQUENCE "  severity: low\n  suppress: {every: 1m}\n", /* the window is the same */
		"policies:\n- {name: first, on: file.open, where: file.path = '/x'}\n"
		"- {name: sqe, on: file.open, where: file.path = '/y'}\n",
	};
	struct run r = run_new(SEQUENCE "  suppress: {every: 1m}\n"), n;
	struct policy_window_stats st;

	CHECK_INT(connect_by(&r, 100 * SEC, 50), 0);
	n = run_new(later[0]);
	policy_engine_adopt(n.x.engine, r.x.engine);
	CHECK_INT(judge(&n, "process.exec", 101 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  1);
	CHECK_STREQ(n.x.m->message, "/tmp/x after 10.1.2.3 (cu\"rl, 50) ?");
	CHECK_INT(n.x.m->policy->severity, SEV_LOW);
	/* The old one still judges records of its generation, on the same state. */
	CHECK_INT(connect_by(&r, 102 * SEC, 50), 0);
	matcher_free(&r.x);
	CHECK_INT(judge(&n, "process.exec", 103 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  0);
	CHECK_INT(policy_engine_stats(n.x.engine).suppressed, 1); /* completed, and held back */
	CHECK_INT(connect_by(&n, 104 * SEC, 50), 0);
	r = run_new(later[1]);
	policy_engine_adopt(r.x.engine, n.x.engine);
	CHECK(!policy_window_stats(r.x.engine, 0, &st));
	matcher_free(&r.x);
	/* Another time, another window. */
	r = run_new("policies:\n- name: seq\n  sequence:\n    by: [process.tree, user.id]\n"
		    "    within: 11s\n    steps:\n"
		    "    - {name: download, on: network.connect, where: destination.port = 80}\n"
		    "    - on: process.exec\n"
		    "      where: process.executable startswith '/tmp/'\n");
	policy_engine_adopt(r.x.engine, n.x.engine);
	CHECK_INT(judge(&r, "process.exec", 105 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  0);
	CHECK(policy_window_stats(r.x.engine, 0, &st));
	CHECK_STREQ(st.policy->name, "seq");
	CHECK_INT(st.states, 0);
	matcher_free(&n.x);
	matcher_free(&r.x);
}

/* Over a reload with another message the window goes on; what the new one wants was not kept. */
static void other_message(void)
{
	struct run r = run_new(SEQUENCE), n;

	CHECK_INT(connect_by(&r, 100 * SEC, 50), 0);
	n = run_new("policies:\n- name: seq\n  sequence:\n    by: [process.tree, user.id]\n"
		    "    within: 10s\n    steps:\n"
		    "    - {name: get, on: network.connect, where: destination.port = 80}\n"
		    "    - on: process.exec\n"
		    "      where: process.executable startswith '/tmp/'\n"
		    "  message: '{get.destination.port} {process.executable}'\n");
	policy_engine_adopt(n.x.engine, r.x.engine);
	matcher_free(&r.x);
	CHECK_INT(judge(&n, "process.exec", 101 * SEC, 50, "process.executable", "/tmp/x", NULL),
		  1);
	CHECK_STREQ(n.x.m->message, "? /tmp/x");
	CHECK_INT(n.x.m->window->nevidence, 1);
	matcher_free(&n.x);
}

/* Below two processes that did the first step: the event that then waits is told of once. */
static void waits_once(void)
{
	struct run r = run_new("policies:\n- name: w\n  sequence:\n    by: process.tree\n"
			       "    within: 10s\n    steps:\n"
			       "    - {on: network.connect, where: destination.port = 80}\n"
			       "    - {on: process.exec, where: process.pid > 0}\n"
			       "    - {on: process.exit, where: process.pid > 0, not: true}\n");
	const uint32_t ancestors[] = { 50, 7 };
	struct arena a;
	uint32_t n = 0;

	CHECK_INT(arena_init(&a, 1 << 20), 0);
	CHECK_INT(connect_by(&r, 100 * SEC, 7), 0);
	CHECK_INT(connect_by(&r, 101 * SEC, 50), 0);
	CHECK_INT(exec_below(&r, 102 * SEC, 60, ancestors, 2), 0);
	for (; policy_end(r.x.engine, 200 * SEC, &a, &r.x.m); n++)
		CHECK(r.x.m->time_ns == 111 * SEC && r.x.m->event->raw->tgid == 60);
	CHECK_INT(n, 1);
	arena_free(&a);
	matcher_free(&r.x);
}

/* A flood of keys: what is forgotten is counted by policy. */
static void flood(void)
{
	struct run r = { .x.set = policies_good(MISSING) };
	struct policy_window_stats st;

	CHECK_INT(policy_engine_new_with(&r.x.engine, r.x.set, WINDOW_BYTES_MIN), 0);
	for (uint32_t i = 0; i < 3000; i++)
		CHECK_INT(audit_starts(&r, 10 + i), 0);
	CHECK(policy_window_stats(r.x.engine, 0, &st));
	CHECK_STREQ(st.policy->name, "mis");
	CHECK(st.states > 10 && st.evicted > 100 && st.states + st.evicted == 3000);
	CHECK(!policy_window_stats(r.x.engine, 1, &st));
	due_at(&r, 200 * SEC, (uint32_t)(3000 - st.evicted));
	matcher_free(&r.x);
}

/* --- documents --- */

static void open_path(struct capture *c, uint64_t seq, uint64_t at_ns, uint32_t pid,
		      const char *path)
{
	struct rec r;

	rec_open(&r, pid, pid * 0x10ull, path, 0);
	r.h.seq = seq;
	r.h.time_ns = at_ns;
	r.h.start_ns = SEC;
	consumer_record(c->consumer, r.b, r.len);
}

static json_t *line(const char **text)
{
	const char *end = strchr(*text, '\n');
	json_t *j =
		end ? json_loadb(*text, (size_t)(end - *text), JSON_REJECT_DUPLICATES, NULL) : NULL;

	*text = end ? end + 1 : *text;
	return j;
}

static const char *at(const json_t *j, const char *a, const char *b, const char *c)
{
	j = json_object_get(j, a);
	j = b ? json_object_get(j, b) : j;
	j = c ? json_object_get(j, c) : j;
	return json_string_value(j);
}

#define DOCUMENTS "policies:\n" DOCUMENTS_REST
#define DOCUMENTS_REST                                                                             \
	"- name: pair\n"                                                                           \
	"  sequence:\n"                                                                            \
	"    within: 10s\n"                                                                        \
	"    by: process\n"                                                                        \
	"    steps:\n"                                                                             \
	"    - {on: file.open, where: file.path = '/a'}\n"                                         \
	"    - {on: file.open, where: file.path = '/b'}\n"                                         \
	"- name: lonely\n"                                                                         \
	"  sequence:\n"                                                                            \
	"    within: 2s\n"                                                                         \
	"    by: process\n"                                                                        \
	"    steps:\n"                                                                             \
	"    - {on: file.open, where: file.path = '/a'}\n"                                         \
	"    - {on: file.open, where: file.path = '/b', not: true}\n"                              \
	"  message: '{file.path} alone'\n"

static void documents(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){ .policies = DOCUMENTS });
	const char *text;
	json_t *j, *e;

	open_path(c, 1, 100 * SEC, 5, "/a");
	open_path(c, 2, 101 * SEC, 6, "/a");
	open_path(c, 3, 102 * SEC + SEC / 2, 5, "/b");
	CHECK(consumer_idle(c->consumer, 103 * SEC + 349000000) == 1000000);
	CHECK(consumer_idle(c->consumer, 103 * SEC + 350000000) == UINT64_MAX);
	open_path(c, 4, 103 * SEC + SEC / 2, 7, "/a");
	consumer_end(c->consumer, 105 * SEC + SEC / 2); /* exactly its time */
	text = capture_stop(c);
	j = line(&text);
	CHECK_STR(at(j, "tocsin", "document", "id"), "0123456789abcdef-00c0ffee-0-1/alert/lonely");
	CHECK_STR(at(j, "@timestamp", NULL, NULL), "2023-11-14T22:15:02.000000000Z");
	CHECK_STR(at(j, "event", "id", NULL), "0123456789abcdef-00c0ffee-0-1");
	CHECK_STR(at(j, "tocsin", "window", "start"), "2023-11-14T22:15:00.000000000Z");
	CHECK(!json_object_get(json_object_get(j, "tocsin"), "evidence"));
	CHECK_STR(at(j, "message", NULL, NULL), "/a alone");
	CHECK_STR(at(j, "file", "path", NULL), "/a");
	json_decref(j);
	j = line(&text);
	CHECK_STR(at(j, "tocsin", "document", "id"), "0123456789abcdef-00c0ffee-0-3/alert/pair");
	CHECK_STR(at(j, "@timestamp", NULL, NULL), "2023-11-14T22:15:02.500000000Z");
	e = json_array_get(json_object_get(json_object_get(j, "tocsin"), "evidence"), 0);
	CHECK_STR(at(e, "event", "id", NULL), "0123456789abcdef-00c0ffee-0-1");
	CHECK_STR(at(e, "event", "action", NULL), "file.open");
	CHECK_STR(at(e, "@timestamp", NULL, NULL), "2023-11-14T22:15:00.000000000Z");
	CHECK_STR(at(e, "message", NULL, NULL), "test opened /a for reading");
	json_decref(j);
	for (int i = 2; i <= 4; i += 2) {
		char id[60];

		snprintf(id, sizeof(id), "0123456789abcdef-00c0ffee-0-%d/alert/lonely", i);
		j = line(&text);
		CHECK_STR(at(j, "tocsin", "document", "id"), id);
		json_decref(j);
	}
	CHECK(!*text);
	capture_free(c);
}

/* A sequence over a reload: its first step by a record of one generation, its last by one of the
 * next, while records of the first still come. */
static void generations(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){ .policies = DOCUMENTS });
	struct policy_set *set = policies_good(
		"policies:\n- {name: new, on: file.open, where: file.path = '/n'}\n" DOCUMENTS_REST);
	struct policy_engine *next = NULL;
	const char *text;
	uint32_t n = 0;
	struct rec r;
	json_t *j;

	open_path(c, 1, 100 * SEC, 5, "/a");
	CHECK_INT(policy_engine_new(&next, set), 0);
	CHECK_INT(consumer_install(c->consumer, next, 7), 0);
	open_path(c, 2, 101 * SEC, 6, "/a"); /* of generation 0 */
	for (uint32_t pid = 5; pid <= 6; pid++) {
		rec_open(&r, pid, pid * 0x10ull, "/b", 0);
		r.h.seq = pid;
		r.h.time_ns = 101 * SEC + SEC / 2;
		r.h.start_ns = SEC;
		r.h.generation = 7;
		consumer_record(c->consumer, r.b, r.len);
	}
	open_path(c, 8, 101 * SEC + SEC / 2, 5, "/b"); /* begun anew */
	open_path(c, 9, 102 * SEC, 8, "/a"); /* waits, by the old policies */
	CHECK(consumer_idle(c->consumer, 104 * SEC + SEC / 2) == UINT64_MAX);
	consumer_end(c->consumer, 200 * SEC);
	text = capture_stop(c);
	for (; (j = line(&text)); n++) {
		CHECK_STR(at(j, "rule", "name", NULL), n < 2 ? "pair" : "lonely");
		json_decref(j);
	}
	CHECK_INT(n, 3);
	policy_engine_free(consumer_retire(c->consumer));
	capture_free(c);
	policy_free(set);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(process_tree), TEST(told),        TEST(thresholds),    TEST(other_fields),
		TEST(missing_step), TEST(adoption),    TEST(other_message), TEST(flood),
		TEST(waits_once),   TEST(generations), TEST(documents),     TEST(hostile_bytes),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
