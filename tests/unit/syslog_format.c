/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Syslog messages byte by byte.
 */
#include "sinks/syslog_format.h"
#include "tests/harness/sinkrun.h"

static struct syslog_format plain = {
	.host = "host", .app = "tocsin", .procid = 77, .facility = 10, .max_bytes = 8192
};

static const char *format_of(const struct syslog_format *f, const struct batch *b)
{
	static struct buf out;

	buf_free(&out);
	syslog_format(&out, f, b, &b->docs[0]);
	CHECK(out.len <= f->max_bytes);
	buf_char(&out, '\0');
	return out.p;
}

/* One alert of our own making. */
static struct batch *alert(const char *message, const char *rule, const char *process,
			   const char *json)
{
	struct batch *b = batch_new(1 << 20, 1);
	struct doc *d = &b->docs[0];

	*d = (struct doc){ .kind = DOC_ALERT,
			   .severity = SEV_HIGH,
			   .pid = 4711,
			   .event_kind = EV_OPEN,
			   .time_ns = 1795516496987654321ull };
	d->id = docs_text(b, "0123abcd-1-2");
	d->key = docs_text(b, "00000000deadbeef");
	d->message = docs_text(b, message);
	d->rule = docs_text(b, rule);
	d->process = docs_text(b, process);
	d->json = docs_text(b, json);
	b->ndocs = 1;
	return b;
}

static void exact_bytes(void)
{
	struct batch *b = alert("cat read /etc/shadow", "shadow-read", "cat", "{\"a\":1}\n");
	struct syslog_format f = plain;

	CHECK_STR(format_of(&f, b),
		  "<83>1 2026-11-24T10:34:56.987654Z host tocsin 77 file.open [tocsin@32473 "
		  "id=\"0123abcd-1-2\" kind=\"alert\" rule=\"shadow-read\" severity=\"high\" "
		  "process=\"cat\" pid=\"4711\" entity=\"00000000deadbeef\"] cat read /etc/shadow");
	f.json = true;
	f.facility = 16;
	b->docs[0].severity = SEV_CRITICAL;
	CHECK_STR(format_of(&f, b),
		  "<130>1 2026-11-24T10:34:56.987654Z host tocsin 77 file.open [tocsin@32473 "
		  "id=\"0123abcd-1-2\" kind=\"alert\" rule=\"shadow-read\" severity=\"critical\" "
		  "process=\"cat\" pid=\"4711\" entity=\"00000000deadbeef\"] {\"a\":1}");
	b->docs[0].kind = DOC_EVENT;
	b->docs[0].severity = SEV_NONE;
	b->docs[0].rule = b->docs[0].process = b->docs[0].key = (struct span){ 0 };
	b->docs[0].pid = 0;
	f.json = false;
	CHECK_STR(format_of(&f, b),
		  "<134>1 2026-11-24T10:34:56.987654Z host tocsin 77 file.open [tocsin@32473 "
		  "id=\"0123abcd-1-2\" kind=\"event\"] cat read /etc/shadow");
	batch_unref(b);
}

static void every_severity_has_its_code(void)
{
	static const int want[SEV_MAX] = { 86, 86, 85, 84, 83, 82 };
	struct batch *b = alert("m", "r", "p", "{}\n");

	for (uint8_t s = 0; s < SEV_MAX; s++) {
		b->docs[0].severity = s;
		CHECK_INT(atoi(format_of(&plain, b) + 1), want[s]);
	}
	batch_unref(b);
}

static void bom_only_before_what_is_not_ascii(void)
{
	struct batch *b =
		alert("caf\xc3\xa9", "r\xc3\xa9gle", "p", "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}\n");
	struct syslog_format f = plain;
	const char *m = format_of(&f, b);

	CHECK(strstr(m, "rule=\"r\xc3\xa9gle\""));
	CHECK(strstr(m, "] \xef\xbb\xbf"
			"caf\xc3\xa9"));
	f.json = true;
	m = format_of(&f, b);
	CHECK(strstr(m, "] {\"a\":\"\\u00e9\\ud83d\\ude00\"}"));
	batch_unref(b);
}

static void hostile_names_stay_inside_their_quotes(void)
{
	struct batch *b = alert("a\nb\x1b[31mc\xff\xc2\x9b", "x\"] <1>evil [",
				"\\\"]\n\r\t\x7f\xe2\x80\xae", "{\"a\":\"\xff\"}\n");
	struct syslog_format f = plain;
	const char *m = format_of(&f, b);

	CHECK(strstr(m, "rule=\"x\\\"\\] <1>evil [\""));
	CHECK(strstr(m, "process=\"\\\\\\\"\\]?????\""));
	CHECK(strstr(m, "] \xef\xbb\xbf"
			"a?b?[31mc??"));
	f.json = true;
	CHECK(strstr(format_of(&f, b), "] {\"a\":\"\\udcff\"}"));
	batch_unref(b);
}

static void header_words_are_plain(void)
{
	char w[8];

	syslog_word(w, sizeof(w), STR("a b\n\xc3\xa9"));
	CHECK_STR(w, "a_b___");
	syslog_word(w, sizeof(w), STR(""));
	CHECK_STR(w, "-");
	syslog_word(w, sizeof(w), STR("0123456789"));
	CHECK_STR(w, "0123456");
}

static void long_text_is_cut_between_characters(void)
{
	static char text[9001];
	struct syslog_format f = plain;
	struct batch *b;
	const char *m;

	for (size_t i = 0; i < 3000; i++)
		memcpy(text + i * 3, "\xe2\x82\xac", 3);
	b = alert(text, "r", "p", "{}\n");
	for (f.max_bytes = SYSLOG_MIN_BYTES; f.max_bytes < SYSLOG_MIN_BYTES + 7; f.max_bytes++) {
		size_t len;

		m = format_of(&f, b);
		len = strlen(m);
		CHECK(strstr(m, "truncated=\"true\""));
		CHECK(len > f.max_bytes - 4);
		CHECK(!memcmp(m + len - 3, "\xe2\x82\xac", 3));
	}
	f.max_bytes = 1 << 20;
	m = format_of(&f, b);
	CHECK(!strstr(m, "truncated"));
	CHECK(strlen(m) > 9000);
	batch_unref(b);
}

static void json_that_does_not_fit_gives_way_to_the_text(void)
{
	static char json[5000];
	struct syslog_format f = plain;
	struct batch *b;
	const char *m;

	memset(json, 'x', sizeof(json) - 1);
	b = alert("the text", "r", "p", json);
	f.json = true;
	f.max_bytes = 2048;
	m = format_of(&f, b);
	CHECK(strstr(m, "truncated=\"true\"] the text"));
	CHECK(!strstr(m, "xxx"));
	batch_unref(b);
}

static void largest_header_leaves_room(void)
{
	static char junk[2001];
	struct syslog_format f = plain;
	struct batch *b;

	memset(junk, '"', sizeof(junk) - 1);
	memset(f.host, 'h', 255);
	memset(f.app, 'a', 48);
	f.procid = UINT32_MAX;
	f.facility = 23;
	f.max_bytes = SYSLOG_MIN_BYTES;
	b = alert(junk, junk, junk, junk);
	b->docs[0].id = b->docs[0].key = b->docs[0].rule;
	b->docs[0].pid = UINT32_MAX;
	CHECK(strstr(format_of(&f, b), "truncated=\"true\"] \"\"\""));
	batch_unref(b);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(exact_bytes),
		TEST(every_severity_has_its_code),
		TEST(bom_only_before_what_is_not_ascii),
		TEST(hostile_names_stay_inside_their_quotes),
		TEST(header_words_are_plain),
		TEST(long_text_is_cut_between_characters),
		TEST(json_that_does_not_fit_gives_way_to_the_text),
		TEST(largest_header_leaves_room),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
