/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What suppression held back is told of once: by the next alert of the key, or when the time is over,
 * or at the end.
 */
#include "pipeline/policy/held.h"

#include <jansson.h>

#include "pipeline/policy/suppress.h"
#include "pipeline/policy/window/window.h"
#include "tests/harness/capture.h"
#include "tests/harness/policies.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define BY_USER ONE("  suppress: {by: [process.name, user.id], every: 10s}\n")

static struct arena late;

static uint32_t at(struct matcher *r, struct made *m, uint64_t ns)
{
	m->rec.h.time_ns = ns;
	return policy_match(r->engine, made_event(m), &r->m);
}

static bool due(struct matcher *r, uint64_t now_ns)
{
	return policy_due(r->engine, now_ns, &late, &r->m);
}

static void start(void)
{
	CHECK_INT(arena_init(&late, 1 << 20), 0);
}

static void told_when_over(void)
{
	struct matcher r = matcher_new(BY_USER);
	struct made *m = policies_event();

	start();
	CHECK(policy_next_due(r.engine) == UINT64_MAX);
	CHECK_INT(at(&r, m, 100 * SEC), 1);
	CHECK(policy_next_due(r.engine) == UINT64_MAX); /* nothing is held back yet */
	CHECK_INT(at(&r, m, 103 * SEC), 0);
	CHECK_INT(at(&r, m, 102 * SEC), 0); /* late */
	CHECK_INT(at(&r, m, 109 * SEC + 345000000), 0);
	CHECK(policy_next_due(r.engine) == 110 * SEC + WINDOW_LATE_NS);
	CHECK(!due(&r, 110 * SEC + WINDOW_LATE_NS - 1));
	CHECK(due(&r, 110 * SEC + WINDOW_LATE_NS));
	CHECK_STREQ(r.m->policy->name, "one");
	CHECK_INT(r.m->suppressed, 3);
	CHECK(r.m->held && !r.m->window);
	CHECK(r.m->held->first_ns == 102 * SEC);
	CHECK(r.m->held->last_ns == 109 * SEC + 345000000 && r.m->time_ns == r.m->held->last_ns);
	CHECK(r.m->held->until_ns == 110 * SEC);
	CHECK_STREQ(r.m->held->key, "[{\"field\":\"process.name\",\"value\":\"cat\"},"
				    "{\"field\":\"user.id\",\"value\":1000}]");
	CHECK_STREQ(r.m->message,
		    "held back 3 more alerts in 7.345 s, the first: cat opened /etc/shadow");
	CHECK(r.m->event->raw->time_ns == 103 * SEC); /* the first that was held back */
	CHECK(!due(&r, UINT64_MAX - 1) && policy_next_due(r.engine) == UINT64_MAX);
	CHECK_INT(at(&r, m, 111 * SEC), 1);
	CHECK_INT(r.m->suppressed, 0); /* not twice */
	CHECK(!r.m->held);
	CHECK_INT(at(&r, m, 112 * SEC), 0);
	CHECK(due(&r, 200 * SEC));
	CHECK_STREQ(r.m->message, "held back 1 more alert: cat opened /etc/shadow");
	CHECK_INT(policy_engine_stats(r.engine).suppressed, 4);
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

/* As late as events may be, the next alert tells of them. */
static void told_by_the_next(void)
{
	struct matcher r = matcher_new(ONE("  limit: {count: 2, every: 10s}\n"));
	struct made *m = policies_event();

	start();
	for (uint64_t i = 0; i < 5; i++)
		CHECK_INT(at(&r, m, (100 + i) * SEC), i < 2);
	CHECK(!due(&r, 110 * SEC + WINDOW_LATE_NS - 1));
	CHECK_INT(at(&r, m, 110 * SEC), 1);
	CHECK_INT(r.m->suppressed, 3);
	CHECK(!due(&r, UINT64_MAX - 1));
	CHECK_INT(at(&r, m, 111 * SEC), 1);
	CHECK_INT(at(&r, m, 112 * SEC), 0);
	CHECK(!due(&r, 120 * SEC));
	CHECK(policy_end(r.engine, 113 * SEC, &late, &r.m)); /* although its time is not over */
	CHECK_INT(r.m->suppressed, 1);
	CHECK(r.m->held->until_ns == 120 * SEC);
	CHECK_INT(r.m->held->key.len, 0); /* of no fields */
	CHECK(!policy_end(r.engine, 113 * SEC, &late, &r.m));
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

/* Over a reload: by the policy as it now is, and of one that is gone too. */
static void reloaded(void)
{
	struct matcher r = matcher_new(BY_USER);
	struct matcher moved = matcher_new(
		"policies:\n- {name: a, on: file.open, where: file.path = '/a'}\n"
		"- name: one\n  on: file.open\n  where: file.path = '/etc/shadow'\n"
		"  severity: critical\n  message: 'now {file.path}'\n  suppress: {every: 1s}\n");
	struct matcher gone = matcher_new(
		"policies:\n- {name: b, on: file.open, where: file.path = '/etc/shadow'}\n");
	struct made *m = policies_event();

	start();
	for (uint32_t uid = 0; uid < 2; uid++) {
		m->rec.h.uid = uid;
		CHECK_INT(at(&r, m, 100 * SEC), 1);
		CHECK_INT(at(&r, m, (101 + uid) * SEC), 0);
	}
	policy_engine_adopt(moved.engine, r.engine);
	CHECK_INT(at(&r, m, 103 * SEC), 0); /* the old one still judges */
	CHECK(due(&moved, 200 * SEC));
	CHECK_INT(r.m ? moved.m->suppressed : 0, 1);
	CHECK_INT(moved.m->policy->severity, SEV_CRITICAL);
	CHECK_STREQ(moved.m->message, "held back 1 more alert: now /etc/shadow");
	policy_engine_adopt(gone.engine, moved.engine);
	matcher_free(&r);
	matcher_free(&moved);
	CHECK(policy_next_due(gone.engine) == 110 * SEC + WINDOW_LATE_NS);
	CHECK_INT(at(&gone, m, 104 * SEC), 1); /* b, which nothing holds back */
	CHECK(due(&gone, 200 * SEC));
	CHECK_STREQ(gone.m->policy->name, "one");
	CHECK_INT(gone.m->policy->severity, SEV_MEDIUM);
	CHECK_INT(gone.m->suppressed, 2);
	CHECK(!due(&gone, UINT64_MAX - 1));
	made_free(m);
	matcher_free(&gone);
	arena_free(&late);
}

/* Every key is told of, in the order in which their times are over, also where there are far more
 * than copies of events; a key that waits is not swept away. */
static void many(void)
{
	struct matcher r = matcher_new(ONE("  suppress: {by: process.pid, every: 10s}\n"));
	struct made *m = policies_event();
	uint32_t whole = 0;

	start();
	for (uint32_t i = 0; i < SUPPRESS_KEYS_MAX; i++) {
		m->rec.h.tgid = i;
		CHECK_INT(at(&r, m, 100 * SEC + i), 1);
		CHECK_INT(at(&r, m, 101 * SEC + i), 0);
	}
	m->rec.h.tgid = SUPPRESS_KEYS_MAX;
	CHECK_INT(at(&r, m, 110 * SEC + SUPPRESS_KEYS_MAX), 1); /* all are over, none is told */
	CHECK_INT(policy_engine_stats(r.engine).suppression_full, 1);
	for (uint32_t i = 0; i < SUPPRESS_KEYS_MAX; i++) {
		char key[80];

		CHECK(due(&r, 111 * SEC));
		snprintf(key, sizeof(key), "[{\"field\":\"process.pid\",\"value\":%u}]", i);
		CHECK_STREQ(r.m->held->key, key);
		CHECK_INT(r.m->event->raw->tgid, i);
		CHECK_INT(r.m->suppressed, 1);
		whole += r.m->event->ctx[CTX_PROCESS] != NULL;
		if (i >= HELD_COPIES_MAX)
			CHECK_STREQ(r.m->message, "held back 1 more alert: test opened a file");
		arena_reset(&late);
	}
	CHECK(!due(&r, UINT64_MAX - 1));
	CHECK_INT(whole, HELD_COPIES_MAX);
	CHECK_INT(at(&r, m, 120 * SEC), 1); /* told, so they are swept away */
	CHECK_INT(policy_engine_stats(r.engine).suppression_full, 1);
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

/* Random alerts of some keys against a list: none is lost, none told of twice. */
static void random_alerts(void)
{
	enum { KEYS = 40, TIMES = 200000 };
	struct matcher r = matcher_new(ONE("  limit: {by: process.pid, every: 2s, count: 2}\n"));
	struct made *m = policies_event();
	uint64_t held[KEYS] = { 0 }, first[KEYS], last[KEYS], now = 100 * SEC, before = 0, sum = 0;
	uint64_t rnd = 5;

	start();
	for (uint32_t i = 0; i < TIMES + 1; i++) {
		uint32_t pid = random_below(&rnd, KEYS);
		uint64_t ns = now - random_below(&rnd, 20000000);

		now += random_below(&rnd, i % 1000 ? 40000000 : 2000000000);
		while (i < TIMES ? due(&r, ns) : policy_end(r.engine, now, &late, &r.m)) {
			uint32_t k = r.m->event->raw->tgid;

			CHECK_INT(r.m->suppressed, held[k]);
			CHECK(r.m->held->first_ns == first[k] && r.m->held->last_ns == last[k]);
			CHECK(r.m->held->until_ns >= before || ns < before + WINDOW_LATE_NS);
			before = r.m->held->until_ns;
			sum += held[k];
			held[k] = 0;
			arena_reset(&late);
		}
		if (i == TIMES)
			break;
		m->rec.h.tgid = pid;
		if (at(&r, m, ns)) {
			CHECK_INT(r.m->suppressed, held[pid]);
			sum += held[pid];
			held[pid] = 0;
			continue;
		}
		first[pid] = held[pid] && first[pid] < ns ? first[pid] : ns;
		last[pid] = held[pid] && last[pid] > ns ? last[pid] : ns;
		held[pid]++;
	}
	CHECK_INT(policy_engine_stats(r.engine).suppressed, sum);
	CHECK(sum > TIMES / 10);
	for (uint32_t k = 0; k < KEYS; k++)
		CHECK_INT(held[k], 0);
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

/* Values that are too long for the document are cut, and it stays JSON. */
static void hostile_key(void)
{
	struct matcher r = matcher_new(ONE(
		"  suppress: {by: [process.executable, process.command_line, process.args, "
		"file.path, process.capabilities.effective, container.id, user.id], every: 10s}\n"));
	struct made *m = policies_event();
	char text[2000];
	json_t *j;

	start();
	memset(text, 1, sizeof(text));
	CHECK(made_set_bytes(m, "process.executable", text, sizeof(text)));
	CHECK(made_set_bytes(m, "process.command_line", text, sizeof(text)));
	memset(text, '\xf0', sizeof(text));
	CHECK(made_set_bytes(m, "process.args", text, sizeof(text)));
	CHECK_INT(at(&r, m, 100 * SEC), 1);
	CHECK_INT(at(&r, m, 101 * SEC), 0);
	CHECK(due(&r, 200 * SEC));
	CHECK(r.m->held->key.len > 200 && r.m->held->key.len <= HELD_KEY_BYTES);
	j = json_loadb(r.m->held->key.p, r.m->held->key.len, 0, NULL);
	CHECK_INT(json_array_size(j), 7);
	CHECK_STR(json_string_value(json_object_get(json_array_get(j, 0), "value")),
		  "\x01\x01\x01\x01…");
	CHECK(!json_object_get(json_array_get(j, 5), "value")); /* absent */
	CHECK_INT(json_integer_value(json_object_get(json_array_get(j, 6), "value")), 1000);
	json_decref(j);
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

/* An alert about what did not happen is held back too, and told after it. */
static void window_alerts(void)
{
	struct matcher r =
		matcher_new("policies:\n- name: w\n  sequence:\n    within: 2s\n    steps:\n"
			    "    - {on: file.open, where: file.path = '/etc/shadow'}\n"
			    "    - {on: file.open, where: file.path = '/b', not: true}\n"
			    "  suppress: {every: 10s}\n  message: '{1.file.path} alone'\n");
	struct made *m = policies_event();

	start();
	for (uint64_t i = 0; i < 3; i++) {
		CHECK_INT(at(&r, m, (100 + 3 * i) * SEC), 0);
		CHECK_INT(due(&r, (103 + 3 * i) * SEC), i == 0);
	}
	CHECK(policy_end(r.engine, 109 * SEC, &late, &r.m));
	CHECK_INT(r.m->suppressed, 2);
	CHECK(r.m->held->first_ns == 105 * SEC && r.m->held->last_ns == 108 * SEC);
	CHECK_STREQ(r.m->message,
		    "held back 2 more alerts in 3.000 s, the first: cat opened /etc/shadow");
	CHECK(!policy_end(r.engine, 109 * SEC, &late, &r.m));
	made_free(m);
	matcher_free(&r);
	arena_free(&late);
}

static void open_at(struct capture *c, uint64_t seq, uint64_t ns)
{
	struct rec r;

	rec_open(&r, 50, 0x500, "/etc/shadow", 0);
	r.h.seq = seq;
	r.h.time_ns = ns;
	consumer_record(c->consumer, r.b, r.len);
}

static const char *documents_of(struct capture *c, bool idle)
{
	open_at(c, 1, 100 * SEC);
	open_at(c, 2, 101 * SEC);
	open_at(c, 3, 102 * SEC);
	if (idle) {
		CHECK(consumer_idle(c->consumer, 103 * SEC) == 7 * SEC + 350000000);
		CHECK(consumer_idle(c->consumer, 111 * SEC) == UINT64_MAX);
	}
	open_at(c, 4, 120 * SEC);
	open_at(c, 5, 121 * SEC);
	consumer_end(c->consumer, 122 * SEC);
	return capture_stop(c);
}

/* The same bytes whether the clock or the next event says that time has passed. */
static void documents(void)
{
	struct capture_cfg cfg = { .policies = BY_USER };
	struct capture *live = capture_start(&cfg), *replay = capture_start(&cfg);
	const char *text = documents_of(live, true), *line = text;

	CHECK_STR(documents_of(replay, false), text);
	for (uint32_t i = 0; i < 4; i++, line = strchr(line, '\n') + 1) {
		static const struct {
			const char *id;
			uint32_t held;
		} want[] = { { "1/alert/one", 0 },
			     { "2/suppressed/one", 2 },
			     { "4/alert/one", 0 },
			     { "5/suppressed/one", 1 } };
		json_t *j = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL), *event, *tocsin;
		char id[80];

		event = json_object_get(j, "event");
		tocsin = json_object_get(j, "tocsin");
		snprintf(id, sizeof(id), "0123456789abcdef-00c0ffee-0-%s", want[i].id);
		CHECK_STR(json_string_value(
				  json_object_get(json_object_get(tocsin, "document"), "id")),
			  id);
		CHECK_STR(json_string_value(json_object_get(event, "kind")), "alert");
		CHECK((json_object_get(event, "end") != NULL) == (i % 2));
		CHECK_INT(json_integer_value(json_object_get(tocsin, "suppressed")), want[i].held);
		json_decref(j);
	}
	CHECK(!*line);
	CHECK(strstr(text, "\"start\":\"2023-11-14T22:15:01.000000000Z\","
			   "\"end\":\"2023-11-14T22:15:02.000000000Z\""));
	CHECK(strstr(text,
		     "\"suppression\":{\"until\":\"2023-11-14T22:15:10.000000000Z\",\"key\":["));
	capture_free(live);
	capture_free(replay);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(told_when_over), TEST(told_by_the_next),
					     TEST(reloaded),       TEST(many),
					     TEST(random_alerts),  TEST(hostile_key),
					     TEST(window_alerts),  TEST(documents) };

	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
