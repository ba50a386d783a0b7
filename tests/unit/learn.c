/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Learned policies (pipeline/learn.h): they load, hold for nothing that was learned, and for what
 * was not; what is taken as a whole, and what never is.
 */
#include "pipeline/learn.h"

#include "pipeline/policy/policy.h"
#include "tests/harness/made.h"
#include "tests/harness/test.h"

enum { EVENTS = 2000 };

struct lesson {
	struct made *events[EVENTS];
	uint32_t n;
	struct learn learn;
	struct learn_scope scope;
	struct buf text;
};

static struct lesson *begin(const char *scope)
{
	struct lesson *t = calloc(1, sizeof(*t));
	char err[300] = "";

	CHECK(t);
	if (learn_scope_parse(&t->scope, str_of(scope), err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
	return t;
}

static struct made *event(const char *kind)
{
	struct made *m = made_new(kind);

	CHECK(made_set(m, "process.executable", "/srv/app"));
	CHECK(made_set(m, "process.parent.executable", "/srv/app"));
	CHECK(made_set(m, "service.name", "app.service"));
	return m;
}

static struct made *opened(const char *path, const char *flags)
{
	struct made *m = event("file.open");

	CHECK(made_set(m, "file.path", path));
	CHECK(!flags || made_set(m, "file.path_flags", flags));
	return m;
}

static struct made *connected(const char *ip, uint32_t port)
{
	struct made *m = event("network.connect");
	char text[16];

	snprintf(text, sizeof(text), "%u", port);
	CHECK(made_set(m, "destination.ip", ip));
	CHECK(made_set(m, "destination.port", text));
	return m;
}

static void add(struct lesson *t, struct made *m)
{
	CHECK(t->n < EVENTS);
	t->events[t->n++] = m;
	learn_event(&t->learn, made_event(m));
}

static struct policy_set *load(struct str text)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load_text(&s, "learned.yaml", text, &d), 0);
	diags_print(&d, stdout);
	CHECK_INT(d.count, 0);
	return s;
}

static uint32_t alerts(const struct policy_set *s, struct made *m)
{
	struct policy_engine *p = NULL;
	const struct match *match;
	uint32_t n;

	CHECK_INT(policy_engine_new(&p, s), 0);
	n = policy_match(p, made_event(m), &match);
	policy_engine_free(p);
	return n;
}

static uint32_t alerts_once(const struct policy_set *s, struct made *m)
{
	uint32_t n = alerts(s, m);

	made_free(m);
	return n;
}

/* The policies, silent on all that was learned. */
static struct policy_set *learned(struct lesson *t)
{
	struct policy_set *s;

	learn_write(&t->learn, &t->scope, 10, "app", &t->text);
	s = load((struct str){ t->text.p, (uint32_t)t->text.len });
	CHECK_INT(policy_count(s), 3);
	for (uint32_t i = 0; i < t->n; i++)
		if (alerts(s, t->events[i]))
			test_fail(__FILE__, __LINE__, "event %u of %u alerts:\n%.*s", i, t->n,
				  (int)t->text.len, t->text.p);
	return s;
}

static void end(struct lesson *t, struct policy_set *s)
{
	for (uint32_t i = 0; i < t->n; i++)
		made_free(t->events[i]);
	learn_free(&t->learn);
	buf_free(&t->text);
	policy_free(s);
	free(t);
}

static bool says(const struct lesson *t, const char *what)
{
	return memmem(t->text.p, t->text.len, what, strlen(what));
}

static void folders(void)
{
	struct lesson *t = begin("program=/srv/app");
	struct policy_set *s;
	char path[100];

	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "/etc/c%d", i);
		add(t, opened(path, NULL));
		snprintf(path, sizeof(path), "/usr/share/app/%d", i);
		add(t, opened(path, NULL));
		snprintf(path, sizeof(path), "/tmp/t%d", i);
		add(t, opened(path, NULL));
		snprintf(path, sizeof(path), "/proc/%d/task/%d/st*t", i, i + 1);
		add(t, opened(path, NULL));
	}
	add(t, opened("/", NULL));
	add(t, opened("/usr/share/app-data", NULL));
	add(t, opened("/usr/share/\xc3\xa9 \"x\" $y", NULL));
	add(t, opened("half/a/path", "truncated"));
	s = learned(t);
	CHECK(says(t, "- \"/usr/share/app/\"\n") && says(t, "- \"/tmp/\"\n"));
	CHECK(!says(t, "- \"/etc/\"\n") && !says(t, "- \"/\"\n    - \"/usr"));
	CHECK_INT(alerts_once(s, opened("/etc/shadow", NULL)), 1);
	CHECK_INT(alerts_once(s, opened("/usr/share/app/new", NULL)), 0);
	CHECK_INT(alerts_once(s, opened("/usr/share/app2", NULL)), 1);
	CHECK_INT(alerts_once(s, opened("/proc/77/task/78/st*t", NULL)), 0);
	CHECK_INT(alerts_once(s, opened("/proc/77/task/78/stat", NULL)), 1);
	CHECK_INT(alerts_once(s, opened("/proc/77/environ", NULL)), 1);
	CHECK_INT(alerts_once(s, opened("half/another", "truncated")), 1);
	CHECK_INT(alerts_once(s, opened("pipe:[1]", "pseudo")), 0);
	CHECK_INT(alerts_once(s, event("process.exec")), 1);
	end(t, s);
}

/* Bytes that no policy file holds are told, and alert. */
static void strange_names(void)
{
	struct lesson *t = begin("unit=app.service");
	struct made *strange = opened("/srv/\xff", NULL);
	struct policy_set *s;

	add(t, opened("/srv/x", NULL));
	learn_event(&t->learn, made_event(strange));
	s = learned(t);
	CHECK(says(t, "they are left out and alert"));
	CHECK_INT(alerts_once(s, strange), 1);
	end(t, s);
}

static void destinations(void)
{
	struct lesson *t = begin("unit=app.service");
	struct made *socket = event("network.connect");
	struct policy_set *s;

	add(t, connected("10.0.0.1", 443));
	add(t, connected("10.0.0.1", 80));
	add(t, connected("2001:db8::1", 443));
	add(t, connected("::ffff:10.0.0.9", 22));
	for (uint32_t port = 1000; port < 1030; port++)
		add(t, connected("10.0.0.2", port));
	CHECK(made_set(socket, "network.unix.path", "@abstract"));
	add(t, socket);
	s = learned(t);
	CHECK_INT(alerts_once(s, connected("10.0.0.1", 22)), 1);
	CHECK_INT(alerts_once(s, connected("10.0.0.3", 443)), 1);
	CHECK_INT(alerts_once(s, connected("10.0.0.2", 9)), 0);
	socket = event("network.connect");
	CHECK(made_set(socket, "network.unix.path", "/run/docker.sock"));
	CHECK_INT(alerts_once(s, socket), 1);
	socket = event("network.connect");
	CHECK(made_set(socket, "service.name", "other.service"));
	CHECK(made_set(socket, "destination.ip", "192.0.2.1"));
	CHECK_INT(alerts_once(s, socket), 0);
	end(t, s);
}

static void many_destinations(void)
{
	struct lesson *t = begin("container=0123456789ab");
	struct policy_set *s;
	struct made *m;
	char ip[32];

	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(ip, sizeof(ip), "10.1.%u.%u", i / 250, i % 250);
		m = connected(ip, i % 2 ? 443 : 80);
		CHECK(made_set(m, "container.id", "0123456789abcdef"));
		add(t, m);
	}
	s = learned(t);
	CHECK(says(t, "destination.port in (80, 443)") && says(t, "too many addresses"));
	m = connected("192.0.2.1", 22);
	CHECK(made_set(m, "container.id", "0123456789abcdef"));
	CHECK_INT(alerts_once(s, m), 1);
	end(t, s);
}

/* In whichever order it comes: the same text. */
static void order(void)
{
	struct lesson *a = begin("cgroup=/a.slice"), *b = begin("cgroup=/a.slice");
	char path[100];

	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/srv/%d/%d", i % 7, i);
		add(a, opened(path, NULL));
		snprintf(path, sizeof(path), "/srv/%d/%d", (199 - i) % 7, 199 - i);
		add(b, opened(path, NULL));
	}
	learn_write(&a->learn, &a->scope, 10, "app", &a->text);
	learn_write(&b->learn, &b->scope, 10, "app", &b->text);
	CHECK(a->text.len == b->text.len && !memcmp(a->text.p, b->text.p, a->text.len));
	end(a, NULL);
	end(b, NULL);
}

static void bounded(void)
{
	struct lesson *t = begin("program=/srv/app");
	struct made *m = event("file.open");
	char path[100];

	CHECK(learn_is_empty(&t->learn));
	for (uint32_t i = 0; i < LEARN_NAMES_MAX + 1 && !t->learn.full; i++) {
		snprintf(path, sizeof(path), "/srv/%u", i);
		compose_begin(&m->c, schema_kind(EV_OPEN));
		CHECK(made_set(m, "file.path", path));
		learn_event(&t->learn, made_event(m));
	}
	CHECK(t->learn.full);
	CHECK_INT(t->learn.files.count, LEARN_NAMES_MAX);
	made_free(m);
	end(t, NULL);
}

static void scopes(void)
{
	static const char *const bad[] = { "",      "unit", "unit=",        "unit=a b", "unit=a\"b",
					   "pod=x", "=x",   "program=/x\\", "unit=\xff" };
	static const char *const good[] = { "unit=nginx.service", "container=0123456789ab",
					    "cgroup=/system.slice/x", "program=/usr/bin/[" };
	struct learn_scope s;
	char err[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(learn_scope_parse(&s, str_of(bad[i]), err, sizeof(err)) && err[0]);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct buf b = { 0 };
		struct policy_set *set;

		CHECK_INT(learn_scope_parse(&s, str_of(good[i]), err, sizeof(err)), 0);
		learn_scope_policies(&s, &b);
		set = load((struct str){ b.p, (uint32_t)b.len });
		CHECK_INT(policy_count(set), 3);
		policy_free(set);
		buf_free(&b);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(folders), TEST(strange_names), TEST(destinations), TEST(many_destinations),
		TEST(order),   TEST(bounded),       TEST(scopes),
	};

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
