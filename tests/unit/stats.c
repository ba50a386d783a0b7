/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * pipeline/stats.h: what was fed and delivered is what the statistics say, in both forms.
 */
#include "pipeline/stats.h"

#include <errno.h>
#include <jansson.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"
#include "tests/harness/capture.h"
#include "tests/harness/record.h"
#include "tests/harness/test.h"

static struct capture *fed(void)
{
	struct capture *c = capture_start(&(struct capture_cfg){
		.policies = "policies:\n- {name: p, on: file.open, where: 'file.path = \"/x\"'}\n",
		.record_kinds = 1 << EV_EXIT });
	struct rec r;

	for (uint64_t i = 1; i <= 1234; i++) {
		rec_open(&r, 100, 0x100, i % 617 ? "/y" : "/x", 0);
		r.h.seq = i;
		consumer_record(c->consumer, r.b, r.len);
	}
	rec_exit(&r, 100, 0x100, 0, 0);
	consumer_record(c->consumer, r.b, r.len);
	rec_loss(&r, EV_EXEC, 0, 5);
	consumer_record(c->consumer, r.b, r.len);
	consumer_record(c->consumer, r.b, 3);
	capture_stop(c);
	return c;
}

static json_int_t number(const json_t *o, const char *a, const char *b, const char *d)
{
	const json_t *v = json_object_get(o, a);

	v = b ? json_object_get(v, b) : v;
	v = d ? json_object_get(v, d) : v;
	if (!json_is_integer(v))
		test_fail(__FILE__, __LINE__, "no number %s %s %s", a, b ? b : "", d ? d : "");
	return json_integer_value(v);
}

static void as_json(void)
{
	struct capture *c = fed();
	const struct stats_source s = { .consumer = c->consumer, .egress = c->egress };
	char path[TEST_DIR];
	json_t *o;

	test_file(path);
	CHECK_INT(stats_write_json(&s, path), 0);
	o = json_load_file(path, 0, NULL);
	CHECK(o);
	CHECK_INT(number(o, "events", "file.open", NULL), 1234);
	CHECK_INT(number(o, "events", "process.exit", NULL), 1);
	CHECK_INT(number(o, "events", "network.accept", NULL), 0);
	CHECK_INT(number(o, "lost", "process.exec", "ring_full"), 5);
	CHECK_INT(number(o, "consumer", "alerts", NULL), 2);
	CHECK_INT(number(o, "consumer", "records", NULL), 1);
	CHECK_INT(number(o, "consumer", "metrics", NULL), 1);
	CHECK_INT(number(o, "consumer", "invalid", NULL), 1);
	CHECK_INT(number(o, "policies", "matches", NULL), 2);
	CHECK_INT(number(o, "outputs", "capture", "delivered"), 4);
	CHECK_INT(number(o, "outputs", "capture", "queued"), 0);
	CHECK_INT(json_object_size(json_object_get(
			  json_object_get(json_object_get(o, "outputs"), "capture"), "lost")),
		  0);
	CHECK(number(o, "agent", "rss_bytes", NULL) > 0);
	CHECK(!json_object_get(o, "kernel")); /* a replay has none */
	json_decref(o);
	CHECK_INT(stats_write_json(&s, "/nonexistent/file"), -ENOENT);
	CHECK_INT(stats_write_json(&s, "/dev/full"), -ENOSPC);
	capture_free(c);
}

static void as_text(void)
{
	struct capture *c = fed();
	const struct stats_source s = { .consumer = c->consumer,
					.egress = c->egress,
					.run_ns = 3 * NS_PER_SEC / 2 };
	static char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");
	static const char *const want[] = {
		"statistics: 1.5 s",
		"  file.open                     1,234  0\n",
		"  process.exec                      0  ring_full 5\n",
		"alerts 2, records 1, metrics 1, invalid 1\n",
		"  last invalid record",
		"  capture                           4  0\n",
	};

	stats_print(&s, f);
	fclose(f);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(text, want[i]))
			test_fail(__FILE__, __LINE__, "no \"%s\" in\n%s", want[i], text);
	capture_free(c);
}

static void as_line(void)
{
	struct capture *c = fed();
	const struct stats_source s = { .consumer = c->consumer,
					.egress = c->egress,
					.run_ns = 3 * NS_PER_SEC / 2 };
	static char text[8192], want[200];
	FILE *f = fmemopen(text, sizeof(text), "w");
	char *rss;

	stats_line(&s, f);
	fclose(f);
	CHECK(str_starts(str_of(text), STR("statistics: 1.5 s, 1,236 events, 5 lost, 2 alerts, "
					   "1 records, RSS ")));
	rss = strstr(text, " MiB");
	snprintf(want, sizeof(want), " MiB; capture: 4 delivered, 0 lost, 0 queued\n");
	CHECK_STR(rss, want);
	capture_free(c);
}

static const struct test tests[] = { TEST(as_json), TEST(as_text), TEST(as_line) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
