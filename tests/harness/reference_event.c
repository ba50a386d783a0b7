/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * reference.h: fields with the values they take, and events.
 */
#include "tests/harness/reference.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "pipeline/util.h"
#include "tests/harness/made.h"

const char *const reference_kinds[REFERENCE_KINDS] = { "file.open", "process.exec", "process.exit",
						       "network.connect" };

enum { OPEN = REFERENCE_OPEN, EXIT = REFERENCE_EXIT, CONNECT = REFERENCE_CONNECT, ALL = 15 };

#define TEXT_FIELD(name, on)                                                                       \
	{                                                                                          \
		.path = name, .type = REFERENCE_TEXT, .kinds = on, .zero_absent = true             \
	}
#define LIST_FIELD(name)                                                                           \
	{                                                                                          \
		.path = name, .type = REFERENCE_LIST, .kinds = ALL, .zero_absent = true            \
	}
#define NUMBER_FIELD(name, on, ...)                                                                \
	{                                                                                          \
		.path = name, .type = REFERENCE_NUMBER, .kinds = on, .values = { __VA_ARGS__ }     \
	}
#define U32_MAX "4294967295"

/* What is absent at 0, and what is always there, is said by docs/events.md and `tocsin schema`. */
const struct reference_field reference_fields[] = {
	{ .path = "file.path",
	  .type = REFERENCE_TEXT,
	  .kinds = OPEN,
	  .zero_absent = true,
	  .is_path = true },
	TEXT_FIELD("file.requested_path", OPEN),
	TEXT_FIELD("process.name", ALL),
	TEXT_FIELD("process.executable", ALL),
	TEXT_FIELD("process.command_line", ALL),
	TEXT_FIELD("process.working_directory", ALL),
	TEXT_FIELD("process.parent.name", ALL),
	TEXT_FIELD("network.unix.path", CONNECT),
	TEXT_FIELD("user.name", ALL),
	TEXT_FIELD("container.id", ALL),
	TEXT_FIELD("container.runtime", ALL),
	TEXT_FIELD("process.cgroup.path", ALL),
	TEXT_FIELD("service.name", ALL),
	{ .path = "process.thread.name",
	  .type = REFERENCE_TEXT,
	  .kinds = ALL,
	  .always = true,
	  .max = 15 },
	LIST_FIELD("process.args"),
	LIST_FIELD("process.ancestor_names"),
	LIST_FIELD("process.env_vars"),
	LIST_FIELD("process.parent.args"),
	{ .path = "file.inode",
	  .type = REFERENCE_NUMBER,
	  .kinds = OPEN,
	  .zero_absent = true,
	  .values = { "1", "2", "3", "400", "9223372036854775807", "9223372036854775808",
		      "18446744073709551615" } },
	{ .path = "file.mode",
	  .type = REFERENCE_NUMBER,
	  .kinds = OPEN,
	  .octal = true,
	  .values = { "0", "0644", "0755", "04755", "0777" } },
	NUMBER_FIELD("file.uid", OPEN, "0", "1", "1000", "4294967294"),
	{ .path = "process.args_count",
	  .type = REFERENCE_NUMBER,
	  .kinds = ALL,
	  .zero_absent = true,
	  .values = { "0", "1", "2", "3", "100" } },
	NUMBER_FIELD("user.saved.id", ALL, "0", "1", "1000", "65534"),
	{ .path = "process.pid",
	  .type = REFERENCE_NUMBER,
	  .kinds = ALL,
	  .always = true,
	  .values = { "0", "1", "2", "77", U32_MAX } },
	{ .path = "user.id",
	  .type = REFERENCE_NUMBER,
	  .kinds = ALL,
	  .always = true,
	  .values = { "0", "1", "1000", U32_MAX } },
	{ .path = "process.exit_code",
	  .type = REFERENCE_NUMBER,
	  .kinds = EXIT,
	  .always = true,
	  .values = { "0", "1", "2", "255" } },
	{ .path = "process.run_time",
	  .type = REFERENCE_NUMBER,
	  .kinds = EXIT,
	  .always = true,
	  .values = { "0", "1000", "250000000", "2000000000", "18446744073709551615" } },
	{ .path = "destination.port",
	  .type = REFERENCE_NUMBER,
	  .kinds = CONNECT,
	  .zero_absent = true,
	  .values = { "0", "22", "80", "443", "65535" } },
	{ .path = "source.port",
	  .type = REFERENCE_NUMBER,
	  .kinds = CONNECT,
	  .zero_absent = true,
	  .values = { "0", "22", "80", "40000", "65535" } },
	{ .path = "event.outcome",
	  .type = REFERENCE_NAME,
	  .kinds = OPEN | CONNECT,
	  .always = true,
	  .values = { "success", "failure", "unknown", "success", "success", "success" } },
	{ .path = "file.type",
	  .type = REFERENCE_NAME,
	  .kinds = OPEN,
	  .values = { "file", "dir", "fifo", "socket" } },
	{ .path = "error.code",
	  .type = REFERENCE_NAME,
	  .kinds = OPEN | CONNECT,
	  .values = { "EPERM", "ENOENT", "EACCES" } },
	{ .path = "network.transport",
	  .type = REFERENCE_NAME,
	  .kinds = CONNECT,
	  .always = true,
	  .values = { "tcp", "udp", "stream" } },
	{ .path = "network.type",
	  .type = REFERENCE_NAME,
	  .kinds = CONNECT,
	  .always = true,
	  .values = { "ipv4", "ipv6", "unix" } },
	{ .path = "file.flags",
	  .type = REFERENCE_FLAGS,
	  .kinds = OPEN,
	  .values = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_APPEND", "O_CLOEXEC", "O_NONBLOCK" } },
	{ .path = "file.path_flags",
	  .type = REFERENCE_FLAGS,
	  .kinds = OPEN,
	  .zero_absent = true,
	  .values = { "truncated", "unread" } },
	{ .path = "process.flags",
	  .type = REFERENCE_FLAGS,
	  .kinds = ALL,
	  .zero_absent = true,
	  .values = { "setuid", "setgid", "deleted", "memfd" } },
	{ .path = "tocsin.io_uring",
	  .type = REFERENCE_TRUTH,
	  .kinds = OPEN | CONNECT,
	  .zero_absent = true,
	  .values = { "true" } },
	{ .path = "process.core_dumped",
	  .type = REFERENCE_TRUTH,
	  .kinds = EXIT,
	  .always = true,
	  .values = { "true", "false" } },
	{ .path = "process.entity_id",
	  .type = REFERENCE_ID,
	  .kinds = ALL,
	  .always = true,
	  .values = { "00f3a2b49c1d5e60", "00f3a2b49c1d5e61", "0000000000001234" } },
	{ .path = "process.parent.entity_id",
	  .type = REFERENCE_ID,
	  .kinds = ALL,
	  .always = true,
	  .values = { "00f3a2b49c1d5e60", "ff00000000000001", "0000000000001234" } },
	{ .path = "destination.ip",
	  .type = REFERENCE_ADDRESS,
	  .kinds = CONNECT,
	  .values = { "10.1.2.3", "10.1.2.4", "::ffff:10.1.2.3", "fe80::1", "192.0.2.1", "fe80::2",
		      "::1", "0.0.0.0" } },
	{ .path = "source.ip",
	  .type = REFERENCE_ADDRESS,
	  .kinds = CONNECT,
	  .values = { "10.1.2.3", "::ffff:10.1.2.4", "fe80::1", "127.0.0.1", "::" } },
};

const uint32_t reference_nfields = ARRAY_LEN(reference_fields);
_Static_assert(ARRAY_LEN(reference_fields) <= REFERENCE_FIELDS, "room for every field");

static void parse_address(const char *text, uint8_t out[16])
{
	memset(out, 0, 16);
	if (strchr(text, ':')) {
		if (inet_pton(AF_INET6, text, out) != 1)
			abort();
		return;
	}
	out[10] = out[11] = 0xff;
	if (inet_pton(AF_INET, text, out + 12) != 1)
		abort();
}

static __int128 name_number(const struct reference_field *f, const char *text)
{
	__int128 i = 0;

	if (!strcmp(f->path, "error.code"))
		return !strcmp(text, "EPERM") ? EPERM : !strcmp(text, "ENOENT") ? ENOENT : EACCES;
	while (strcmp(f->values[i], text))
		i++;
	return i;
}

void reference_parse(const struct reference_field *f, const char *text, struct reference_value *v)
{
	*v = (struct reference_value){ .type = f->type };
	switch (f->type) {
	case REFERENCE_NUMBER: v->number = strtoull(text, NULL, f->octal ? 8 : 10); break;
	case REFERENCE_ID: v->number = strtoull(text, NULL, 16); break;
	case REFERENCE_TRUTH: v->number = !strcmp(text, "true"); break;
	case REFERENCE_NAME: v->number = name_number(f, text); break;
	case REFERENCE_FLAGS: v->number = (__int128)1 << name_number(f, text); break;
	case REFERENCE_ADDRESS: parse_address(text, v->address); break;
	default: abort();
	}
}

/* --- events --- */

static char *event_bytes(struct reference *r, size_t n)
{
	char *p = r->event_memory.p + r->event_memory.used;

	r->event_memory.used += (n + 7) & ~(size_t)7;
	if (r->event_memory.used > r->event_memory.size)
		abort();
	return p;
}

/* A path is made of components, none of them empty. It begins with / unless its flags say why. */
static struct str path_words(struct reference *r, bool whole)
{
	struct str s = reference_words(r, 5, 60, true);
	char *p = event_bytes(r, s.len + 2u);
	uint32_t n = 0;

	p[n++] = whole ? '/' : 'p';
	for (uint32_t i = 0; i < s.len; i++, n++)
		p[n] = s.p[i] == '/' && p[n - 1] == '/' ? 'c' : s.p[i];
	if (n > 1 && p[n - 1] == '/')
		p[n - 1] = 'd';
	return (struct str){ p, n };
}

static void set_text(struct reference *r, uint32_t i)
{
	const struct reference_field *f = &reference_fields[i];
	struct reference_event *e = &r->event;
	bool whole = true;

	for (uint32_t j = 0; f->is_path && j < reference_nfields; j++)
		if (!strcmp(reference_fields[j].path, "file.path_flags") && e->there[j])
			whole = false;
	e->written[i] = f->is_path ? path_words(r, whole)
				   : reference_words(r, 5, f->max ? f->max : 60, true);
	e->values[i] = (struct reference_value){ .type = f->type, .text = e->written[i] };
	e->there[i] = !f->zero_absent || e->written[i].len;
}

static void set_list(struct reference *r, uint32_t i)
{
	struct reference_value *v = &r->event.values[i];
	uint32_t n = 1 + reference_below(r, 5), len = 0;
	char *p = event_bytes(r, 64 * n);

	*v = (struct reference_value){ .type = REFERENCE_LIST, .nitems = n };
	for (uint32_t j = 0; j < n; j++) {
		v->items[j] = reference_words(r, 3, 40, true);
		if (j)
			p[len++] = '\x1f';
		memcpy(p + len, v->items[j].p, v->items[j].len);
		len += v->items[j].len;
	}
	r->event.written[i] = (struct str){ p, len };
	r->event.there[i] = true;
}

/* Of access modes one is there, of other flags any; without another mode it is O_RDONLY. */
static void set_flags(struct reference *r, uint32_t i)
{
	const struct reference_field *f = &reference_fields[i];
	struct buf b = { 0 };
	__int128 bits = 0;
	bool opens = !strcmp(f->path, "file.flags");
	uint32_t mode = reference_below(r, 3);

	for (uint32_t j = 0; f->values[j]; j++) {
		if (opens && j < 3 ? j != mode : reference_below(r, 2))
			continue;
		bits |= (__int128)1 << j;
		buf_addf(&b, "%s%s", b.len ? "|" : "", f->values[j]);
	}
	r->event.written[i] = (struct str){ event_bytes(r, b.len + 1), (uint32_t)b.len };
	memcpy((char *)r->event.written[i].p, b.len ? b.p : "", b.len);
	r->event.values[i] = (struct reference_value){ .type = f->type, .number = bits };
	r->event.there[i] = bits || !f->zero_absent;
	buf_free(&b);
}

static void set_other(struct reference *r, uint32_t i)
{
	const struct reference_field *f = &reference_fields[i];
	uint32_t n = 0;

	while (n < ARRAY_LEN(f->values) && f->values[n])
		n++;
	r->event.written[i] = str_of(f->values[reference_below(r, n)]);
	reference_parse(f, r->event.written[i].p, &r->event.values[i]);
	r->event.there[i] =
		!f->zero_absent || f->type == REFERENCE_ADDRESS || r->event.values[i].number;
}

static void set_field(struct reference *r, uint32_t i)
{
	switch (reference_fields[i].type) {
	case REFERENCE_TEXT: set_text(r, i); break;
	case REFERENCE_LIST: set_list(r, i); break;
	case REFERENCE_FLAGS: set_flags(r, i); break;
	default: set_other(r, i);
	}
}

struct made *reference_make_event(struct reference *r)
{
	struct reference_event *e = &r->event;
	struct made *m;

	r->event_memory.used = 0;
	memset(e, 0, sizeof(*e));
	e->kind = reference_below(r, 5) % REFERENCE_KINDS; /* more opens than others */
	m = made_new(reference_kinds[e->kind]);
	/* From the last: the flags of a path before it. */
	for (uint32_t i = reference_nfields; i-- > 0;) {
		const struct reference_field *f = &reference_fields[i];

		if (!(f->kinds & 1 << e->kind) || (!f->always && !reference_below(r, 4)))
			continue;
		set_field(r, i);
		if (!made_set_bytes(m, f->path, e->written[i].p, e->written[i].len)) {
			fprintf(stderr, "%s: %s\n", f->path, m->c.why);
			abort();
		}
	}
	return m;
}

void reference_print_event(const struct reference *r, struct buf *b)
{
	buf_addf(b, "%s\n", reference_kinds[r->event.kind]);
	for (uint32_t i = 0; i < reference_nfields; i++) {
		struct str s = r->event.written[i];

		if (!r->event.there[i])
			continue;
		buf_addf(b, "  %s: ", reference_fields[i].path);
		for (uint32_t j = 0; j < s.len; j++) {
			uint8_t c = (uint8_t)s.p[j];

			if (c == '\x1f')
				buf_lit(b, " | ");
			else if (c >= ' ' && c < 0x7f && c != '\\')
				buf_char(b, (char)c);
			else
				buf_addf(b, "\\x%02x", c);
		}
		buf_char(b, '\n');
	}
}
