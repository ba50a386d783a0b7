/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/consumer.h, fed with built records: what becomes an alert, a record, a metric, nothing;
 * batches; a saved stream replayed.
 */
#include "pipeline/consumer.h"

#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/capture.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

#define SHADOW                                                                                     \
	"policies:\n"                                                                              \
	"- {name: shadow, on: file.open, where: 'file.path = \"/etc/shadow\"', severity: high}\n"  \
	"- {name: etc, on: file.open, where: 'file.path startswith \"/etc/\"', severity: low}\n"
#define RECORDS                                                                                    \
	"policies:\n"                                                                              \
	"- {name: keep, on: file.open, where: 'file.path startswith \"/etc/\"', action: record}\n"

static uint32_t count(const char *text, const char *word)
{
	uint32_t n = 0;

	while ((text = strstr(text, word))) {
		n++;
		text++;
	}
	return n;
}

static void feed(struct capture *c, struct rec *r, uint64_t seq)
{
	r->h.seq = seq;
	consumer_record(c->consumer, r->b, r->len);
}

static void one_alert_an_event_and_policy(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){ .policies = SHADOW });
	const struct consumer_stats *st = consumer_stats(c->consumer);
	const char *json;
	struct rec r;

	rec_open(&r, 100, 0x100, "/etc/shadow", 0);
	feed(c, &r, 1);
	rec_open(&r, 100, 0x100, "/etc/passwd", 0);
	feed(c, &r, 2);
	rec_open(&r, 100, 0x100, "/tmp/x", 0);
	feed(c, &r, 3);
	CHECK_INT(st->alerts, 3);
	CHECK_INT(st->records, 0);
	CHECK_INT(st->events[EV_OPEN], 3);
	json = capture_stop(c);
	CHECK_INT(count(json, "\n"), 3);
	CHECK_INT(count(json, "\"kind\":\"alert\""), 3);
	CHECK_INT(count(json, "\"name\":\"shadow\""), 1);
	CHECK_INT(count(json, "\"name\":\"etc\""), 2);
	CHECK_INT(count(json, "\"name\":\"testhost\""), 3);
	capture_free(c);
}

static void records_by_kind_and_by_policy(void)
{
	struct capture *c = capture_start(
		&(struct capture_cfg){ .policies = RECORDS, .record_kinds = 1 << EV_EXIT });
	const char *json;
	struct rec r;

	rec_open(&r, 100, 0x100, "/etc/shadow", 0);
	feed(c, &r, 1);
	rec_open(&r, 100, 0x100, "/tmp/x", 0);
	feed(c, &r, 2);
	rec_exit(&r, 100, 0x100, 3, 0);
	feed(c, &r, 3);
	CHECK_INT(consumer_stats(c->consumer)->records, 2);
	CHECK_INT(consumer_stats(c->consumer)->alerts, 0);
	json = capture_stop(c);
	CHECK_INT(count(json, "\"kind\":\"event\""), 2);
	CHECK_INT(count(json, "\"rule\""), 0);
	CHECK_INT(count(json, "\"exit_code\":3"), 1);
	capture_free(c);
}

/* A drop takes an event from the records, whoever wanted it, and from no alert. */
static void drops(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){
		.policies = SHADOW
		"- {name: keep, on: file.open, where: 'file.path startswith \"/srv/\"', action: record}\n"
		"- {name: noise, on: file.open, action: drop, where: 'file.path endswith (\"shadow\", \"noise\")'}\n",
		.record_kinds = 1 << EV_OPEN });
	static const char *const paths[] = { "/etc/shadow", "/etc/passwd", "/tmp/x",
					     "/tmp/noise",  "/srv/noise",  "/srv/x" };
	const char *json;
	struct rec r;

	for (uint32_t i = 0; i < ARRAY_LEN(paths); i++) {
		rec_open(&r, 100, 0x100, paths[i], 0);
		feed(c, &r, i + 1);
	}
	CHECK_INT(consumer_stats(c->consumer)->alerts, 3);
	CHECK_INT(consumer_stats(c->consumer)->records, 3);
	json = capture_stop(c);
	CHECK_INT(count(json, "noise"), 0);
	CHECK_INT(count(json, "\"kind\":\"alert\""), 3);
	capture_free(c);
}

static void losses_are_always_told(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){ .policies = SHADOW });
	const struct consumer_stats *st = consumer_stats(c->consumer);
	const char *json;
	struct rec r;

	rec_loss(&r, EV_OPEN, 1, 17);
	feed(c, &r, 1);
	CHECK_INT(st->metrics, 1);
	CHECK_INT(st->lost[EV_OPEN][REC(&r, loss)->cause], 17);
	json = capture_stop(c);
	CHECK_INT(count(json, "\"action\":\"pipeline.loss\""), 1);
	CHECK_INT(count(json, "\"count\":17"), 1);
	capture_free(c);
}

static void bad_records_are_counted(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){ .record_kinds = ~0ull });
	const struct consumer_stats *st = consumer_stats(c->consumer);
	struct rec r;

	rec_open(&r, 100, 0x100, "/etc/shadow", 0);
	consumer_record(c->consumer, r.b, r.len - 8);
	consumer_record(c->consumer, r.b, 0);
	r.h.kind = 999;
	consumer_record(c->consumer, r.b, r.len);
	CHECK_INT(st->invalid, 3);
	CHECK(st->invalid_why);
	rec_open(&r, 100, 0x100, "/etc/shadow", 0);
	feed(c, &r, 1);
	CHECK_INT(st->records, 1);
	CHECK_INT(count(capture_stop(c), "\n"), 1);
	capture_free(c);
}

static void batches_fill_and_age(void)
{
	struct capture *c = capture_start(
		&(struct capture_cfg){ .record_kinds = ~0ull, .latency_ns = 20000000 });
	struct rec r;

	CHECK(consumer_due(c->consumer) == UINT64_MAX);
	rec_open(&r, 100, 0x100, "/etc/shadow", 0);
	feed(c, &r, 1);
	CHECK(consumer_due(c->consumer) <= 20000000);
	usleep(25000);
	CHECK(consumer_due(c->consumer) == UINT64_MAX);
	for (uint64_t i = 0; i < 10000; i++)
		feed(c, &r, 2 + i);
	CHECK_INT(count(capture_stop(c), "\n"), 10001);
	CHECK(c->batches > 5);
	CHECK(c->batches < 200);
	capture_free(c);
}

static void a_process_has_its_context(void)
{
	static const char *const args[] = { "cat", "/etc/shadow", NULL };
	struct capture *c = capture_start(&(struct capture_cfg){ .policies = SHADOW });
	const char *json;
	struct rec r;

	rec_fork(&r, 100, 0x100, 101, 0x101);
	feed(c, &r, 1);
	rec_exec(&r, 101, 0x101, 0x102, 0x100, "/usr/bin/cat", args);
	feed(c, &r, 2);
	rec_open(&r, 101, 0x102, "/etc/shadow", 0);
	feed(c, &r, 3);
	json = capture_stop(c);
	CHECK_INT(count(json, "\"executable\":\"/usr/bin/cat\""), 2);
	CHECK_INT(count(json, "\"command_line\":\"cat /etc/shadow\""), 2);
	capture_free(c);
}

/* Answers that differ from call to call: a replay must give each at its place. */
static bool changing(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		     struct str *answer)
{
	static char text[64];
	uint32_t *calls = state;

	(void)key2;
	if (++*calls % 5 == 0 || q == ASK_PROC_ALIVE || q == ASK_NOW)
		return false;
	answer->len = (uint32_t)snprintf(text, sizeof(text), "/a%u-%llu", *calls,
					 (unsigned long long)key);
	answer->p = text;
	return true;
}

static void make_stream(struct capture *c)
{
	static const char *const args[] = { "sh", "-c", "x", NULL };
	struct rec r;

	for (uint32_t i = 0; i < 300; i++) {
		rec_fork(&r, 100, 0x100, 200 + i, 0x1000 + i);
		r.h.cgroup_id = i % 7;
		feed(c, &r, 4 * i + 1);
		rec_exec(&r, 200 + i, 0x1000 + i, 0x8000 + i, 0x100, "/bin/sh", args);
		r.h.time_ns = (5ull + i) * 1000000000;
		feed(c, &r, 4 * i + 2);
		rec_open(&r, 200 + i, 0x8000 + i, i % 2 ? "/etc/shadow" : "/etc/passwd", 0);
		r.h.uid = i % 11;
		r.h.time_ns = (5ull + i) * 1000000000;
		feed(c, &r, 4 * i + 3);
		rec_exit(&r, 200 + i, 0x8000 + i, 0, 0);
		r.h.time_ns = (5ull + i) * 1000000000;
		feed(c, &r, 4 * i + 4);
	}
}

static void a_replay_says_the_same(void)
{
	static const struct outside_ops ops = { .ask = changing };
	char path[TEST_DIR], err[200] = "";
	uint32_t calls = 0, len;
	struct outside live = { .ops = &ops, .state = &calls }, recorded, replayed;
	json_t *h = json_pack("{s:s,s:s,s:I,s:s,s:[],s:{}}", "boot_id", "00", "run_id", "01",
			      "clock_offset_ns", (json_int_t)5, "policy_digest", "d", "records",
			      "options");
	struct capture *first, *second;
	struct save *save = NULL;
	struct replay *replay = NULL;
	const void *rec;
	int rc;

	test_file(path);
	CHECK_INT(save_create(&save, path, h, err, sizeof(err)), 0);
	recorded = save_outside(save, &live);
	first = capture_start(&(struct capture_cfg){
		.policies = SHADOW, .outside = &recorded, .save = save, .record_kinds = ~0ull });
	make_stream(first);
	capture_stop(first);
	CHECK_INT(save_close(save), 0);
	CHECK_INT(replay_open(&replay, path, err, sizeof(err)), 0);
	replayed = replay_outside(replay);
	second = capture_start(&(struct capture_cfg){
		.policies = SHADOW, .outside = &replayed, .record_kinds = ~0ull });
	while ((rc = replay_next(replay, &rec, &len)) == 1)
		consumer_record(second->consumer, rec, len);
	if (rc)
		test_fail(__FILE__, __LINE__, "%s", replay_error(replay));
	CHECK_STR(capture_stop(second), first->json.p);
	CHECK(calls > 10);
	CHECK(count(first->json.p, "/a") > 0);
	replay_close(replay);
	capture_free(first);
	capture_free(second);
	json_decref(h);
}

static void drop(struct rec *r)
{
	r->h.flags |= 1u << EV_HDR_WOULD_DROP;
}

/* `--filter verify`: what the kernel would not have sent, nobody may want: no alert, also one that
 * is held back, no record, no step of a sequence. */
static void wanted_and_dropped(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){
		.policies = "policies:\n"
			    "- {name: a, on: file.open, where: 'file.path = \"/a\"',"
			    " suppress: {every: 1h}}\n"
			    "- name: b\n  sequence:\n    within: 1m\n    by: user.id\n    steps:\n"
			    "    - {on: file.open, where: 'file.path = \"/b\"'}\n"
			    "    - {on: file.open, where: 'file.path = \"/c\"'}\n",
		.record_kinds = 1ull << EV_ACCEPT });
	const struct consumer_stats *st = consumer_stats(c->consumer);
	static const char *const paths[] = { "/a", "/a", "/b", "/x" };
	struct rec r;

	for (uint32_t i = 0; i < ARRAY_LEN(paths); i++) {
		rec_open(&r, 100, 0x100, paths[i], 0);
		drop(&r);
		feed(c, &r, i + 1);
	}
	CHECK_INT(st->filter_errors, 3);
	rec_accept(&r, 100, 0x100, "10.0.0.1", 1);
	drop(&r);
	feed(c, &r, 5);
	rec_open(&r, 100, 0x100, "/b", 0); /* not marked */
	feed(c, &r, 6);
	CHECK_INT(st->filter_errors, 4);
	CHECK_INT(st->faults.kept, 4);
	CHECK(strstr(st->faults.texts[0], "file.open, wanted by policy a "));
	CHECK(strstr(st->faults.texts[0], "/a"));
	CHECK(strstr(st->faults.texts[2], "policy b "));
	CHECK(strstr(st->faults.texts[3], "network.accept, wanted by --record "));
	capture_free(c);
}

static const struct test tests[] = {
	TEST(one_alert_an_event_and_policy),
	TEST(records_by_kind_and_by_policy),
	TEST(losses_are_always_told),
	TEST(bad_records_are_counted),
	TEST(batches_fill_and_age),
	TEST(a_process_has_its_context),
	TEST(a_replay_says_the_same),
	TEST(wanted_and_dropped),
	TEST(drops),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
