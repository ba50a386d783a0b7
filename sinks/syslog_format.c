/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The messages of syslog_format.h. Any thread.
 *
 * Parameter values are bounded so that header and structured data are always less than
 * SYSLOG_MIN_BYTES, whatever a process calls itself.
 *
 * To add a parameter: a line in add_structured_data, and its bound in the sum of SYSLOG_MIN_BYTES.
 */
#include "sinks/syslog_format.h"

#include <time.h>

#include "pipeline/schema.h"
#include "pipeline/utf8.h"
#include "pipeline/util.h"

enum { ID_MAX = 128, RULE_MAX = 128, NAME_MAX_ = 128, KEY_MAX = 32 };

#define BOM "\xef\xbb\xbf"
#define TRUNCATED " truncated=\"true\""

static const char *const kind_names[DOC_KIND_MAX] = { "none", "alert", "event", "metric" };
static const char *const severity_names[SEV_MAX] = { "none",   "info", "low",
						     "medium", "high", "critical" };

/* Severities of RFC 5424; what is no alert is informational. */
static const uint8_t severity_codes[SEV_MAX] = {
	[SEV_NONE] = 6,   [SEV_INFO] = 6, [SEV_LOW] = 5,
	[SEV_MEDIUM] = 4, [SEV_HIGH] = 3, [SEV_CRITICAL] = 2,
};

void syslog_word(char *out, size_t size, struct str s)
{
	size_t n = 0;

	for (; n < s.len && n < size - 1; n++)
		out[n] = s.p[n] > ' ' && s.p[n] < 0x7f ? s.p[n] : '_';
	if (!n)
		out[n++] = '-';
	out[n] = '\0';
}

static bool is_ascii(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Copies s with what a receiver could take for something else replaced: the sink's own last line
 * of defence, since names come from processes. quote: as a parameter value. At most max bytes. */
static void add_safe(struct buf *out, struct str s, size_t max, bool quote)
{
	size_t end = out->len + max;
	uint32_t code;

	for (uint32_t i = 0, n; i < s.len; i += n) {
		const char *p = s.p + i;
		bool escape, unsafe;

		n = utf8_next(p, s.p + s.len, &code);
		unsafe = !n || utf8_is_unsafe(code);
		escape = quote && n == 1 && (*p == '"' || *p == '\\' || *p == ']');
		if (out->len + (unsafe ? 1 : n) + escape > end)
			return;
		if (unsafe) {
			buf_char(out, '?');
			n = n ? n : 1;
			continue;
		}
		if (escape)
			buf_char(out, '\\');
		buf_add(out, p, n);
	}
}

static void add_param(struct buf *out, const char *name, struct str value, size_t max)
{
	if (!value.len)
		return;
	buf_addf(out, " %s=\"", name);
	add_safe(out, value, max, true);
	buf_char(out, '"');
}

static void add_structured_data(struct buf *out, const struct batch *b, const struct doc *d,
				bool truncated)
{
	uint8_t kind = d->kind < DOC_KIND_MAX ? d->kind : DOC_NONE;
	uint8_t severity = d->severity < SEV_MAX ? d->severity : SEV_NONE;

	buf_lit(out, "[" SYSLOG_SD_ID);
	add_param(out, "id", batch_str(b, d->id), ID_MAX);
	add_param(out, "kind", str_of(kind_names[kind]), KEY_MAX);
	if (kind == DOC_ALERT) {
		add_param(out, "rule", batch_str(b, d->rule), RULE_MAX);
		add_param(out, "severity", str_of(severity_names[severity]), KEY_MAX);
	}
	add_param(out, "process", batch_str(b, d->process), NAME_MAX_);
	if (d->pid)
		buf_addf(out, " pid=\"%u\"", d->pid);
	add_param(out, "entity", batch_str(b, d->key), KEY_MAX);
	if (truncated)
		buf_lit(out, TRUNCATED);
	buf_char(out, ']');
}

static void add_header(struct buf *out, const struct syslog_format *f, const struct doc *d)
{
	const struct event_kind *k = schema_kind(d->event_kind);
	time_t seconds = (time_t)(d->time_ns / 1000000000u);
	uint8_t severity = d->severity < SEV_MAX ? d->severity : SEV_NONE;
	char stamp[32], msgid[33];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	syslog_word(msgid, sizeof(msgid), str_of(k ? k->name : NULL));
	buf_addf(out, "<%u>1 %s.%06uZ %s %s %u %s ", f->facility * 8 + severity_codes[severity],
		 stamp, (unsigned)(d->time_ns % 1000000000u / 1000), f->host, f->app, f->procid,
		 msgid);
}

/* JSON has characters past ASCII only inside strings, where each can be written as an escape. */
static void add_ascii_json(struct buf *out, struct str s)
{
	uint32_t code, run = 0;

	for (uint32_t i = 0, n; i < s.len; i += n) {
		n = utf8_next(s.p + i, s.p + s.len, &code);
		if (n == 1)
			continue;
		buf_add(out, s.p + run, i - run);
		if (n == 0) { /* the encoder writes none; as it would write it */
			buf_addf(out, "\\udc%02x", (unsigned char)s.p[i]);
			n = 1;
		} else if (code >= 0x10000) {
			buf_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10),
				 0xdc00 + (code & 0x3ff));
		} else {
			buf_addf(out, "\\u%04x", code);
		}
		run = i + n;
	}
	buf_add(out, s.p + run, s.len - run);
}

static void add_text(struct buf *out, struct str s, size_t room)
{
	bool ascii = is_ascii(s);

	if (!ascii && room > sizeof(BOM)) {
		buf_lit(out, BOM);
		room -= sizeof(BOM) - 1;
	}
	add_safe(out, str_cut(s, (uint32_t)room), room, false);
}

static bool try_json(struct buf *out, const struct syslog_format *f, const struct batch *b,
		     const struct doc *d)
{
	struct str json = batch_str(b, d->json);
	size_t start = out->len;

	while (json.len && json.p[json.len - 1] == '\n')
		json.len--;
	add_header(out, f, d);
	add_structured_data(out, b, d, false);
	buf_char(out, ' ');
	if (json.len <= f->max_bytes)
		add_ascii_json(out, json);
	if (json.len <= f->max_bytes && out->len - start <= f->max_bytes)
		return true;
	out->len = start;
	return false;
}

void syslog_format(struct buf *out, const struct syslog_format *f, const struct batch *b,
		   const struct doc *d)
{
	struct str message = batch_str(b, d->message);
	size_t start = out->len, room;
	bool truncated = f->json;

	if (f->json && try_json(out, f, b, d))
		return;
	add_header(out, f, d);
	room = f->max_bytes - (out->len - start);
	/* The structured data says whether the text after it is whole: measure first. */
	add_structured_data(out, b, d, truncated);
	if (!truncated && out->len - start + 1 + sizeof(BOM) + message.len > f->max_bytes) {
		out->len = start + (f->max_bytes - room);
		add_structured_data(out, b, d, true);
	}
	buf_char(out, ' ');
	add_text(out, message, f->max_bytes - (out->len - start));
}
