/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The schema as Markdown and as a plain table (schema_doc.h). The preamble is the one place that
 * explains ids, paths and the encoding of bytes to readers: keep it true to encode.h and event.h.
 */
#include "pipeline/schema_doc.h"

#include <errno.h>

#include "pipeline/plan.h"
#include "pipeline/util.h"

enum { NAMES_LISTED = 12 }; /* longer name tables are not spelled out in a row */

static const char preamble[] =
	"# Events and documents\n"
	"\n"
	"<!-- Written by `make docs` from bpf/events.def and enrichers/context.def: edit those. -->\n"
	"\n"
	"Tocsin writes one JSON object a line. `event.kind` says what it is:\n"
	"\n"
	"| event.kind | a document that |\n"
	"|---|---|\n"
	"| `alert` | a policy raised; `rule.name` is the policy. Alerts have all fields below that are known. "
	"One with `event.end` tells of alerts that [suppression](policies.md#suppression-and-limits) held back |\n"
	"| `event` | records an event, because `--record` or a policy with `action: record` asked for it |\n"
	"| `metric` | tells of Tocsin itself: `pipeline.loss` names events that were lost |\n"
	"\n"
	"`event.action` is the event kind. A field that is absent is not known or does not apply; nothing\n"
	"is ever guessed. Records leave out what the record of the process's exec has (fields marked\n"
	"*alerts, exec*) and all ancestors but the parent (*alerts*). Field names follow the Elastic\n"
	"Common Schema where it has one. `tocsin schema --format json` prints a JSON Schema.\n"
	"\n"
	"## Identity\n"
	"\n"
	"`event.id` names what the kernel reported: `BOOT-RUN-CPU-SEQUENCE`, the first 16 digits of the\n"
	"boot id, the id of this run of the agent, the CPU and its sequence number (for `pipeline.loss`\n"
	"`loss` and a sequence of the agent's own). All documents made of one event share it.\n"
	"`tocsin.document.id` names the document: the event id and `/alert/RULE`, `/suppressed/RULE`, `/record`\n"
	"or `/loss`.\n"
	"Delivery is at least once: drop a document whose id you have seen. A replay gives the same ids.\n"
	"\n"
	"`process.entity_id` is unique for each program image for the life of the host: it changes at an\n"
	"exec, and is never used again as process ids are. It is the key of records in Kafka.\n"
	"\n"
	"## Names are bytes\n"
	"\n"
	"File names, arguments and the like may hold any bytes. What is valid UTF-8 is written as it is,\n"
	"control characters, bidirectional controls and invisible characters as `\\uXXXX`. Each byte that\n"
	"is not part of valid UTF-8 is written as one private-use character from U+EF80 to U+EFFF, escaped\n"
	"as `\\uefXX`, where `XX` is the byte; `tocsin.encoded` is then `true`. A name that holds these\n"
	"characters itself has their three bytes written in this way too, so that they always stand for\n"
	"bytes and the rule can be undone:\n"
	"\n"
	"```python\n"
	"def name_bytes(s):\n"
	"    return b''.join(bytes([ord(c) & 0xff]) if '\\uef80' <= c <= '\\uefff' else c.encode() for c in s)\n"
	"```\n"
	"\n"
	"(Lone surrogates, which Python uses for this, are refused by many JSON parsers: a file name could\n"
	"then hide an alert from a consumer.) `message`, syslog texts and terminal lines have `\\xNN` and\n"
	"`\\u{NNNN}` instead and are meant for people.\n"
	"\n"
	"## Paths\n"
	"\n"
	"A path starts with `/` only when it is complete: from the root of the mount namespace, however\n"
	"the process is chrooted. What starts elsewhere (a detached mount, a path longer than the limit, a\n"
	"component that could not be read, an anonymous file such as `memfd:x`) has no leading slash, and\n"
	"the flags in the field beside it say why. ` (deleted)` is appended to the path of a file that has\n"
	"no name any more; flag `deleted` tells it from a file that is called so. Paths of opened files\n"
	"come from the kernel's own objects. In a directory that folds case (`chattr +F`) a file is found by\n"
	"any case, and its path has the one by which it was found when it came into the kernel's cache: a\n"
	"policy about it needs `ieq`, `istartswith` or the like. `file.requested_path` and\n"
	"`network.requested_ip` are the caller's words about something that did not come to pass: never\n"
	"take them for what happened.\n"
	"\n"
	"## Values\n"
	"\n"
	"Integers are JSON numbers; one above 9223372036854775807 is written as a string of its digits,\n"
	"because many parsers refuse it. Times are RFC 3339 in UTC with nine digits. Names of numbers\n"
	"(errno, signals, flags) are those of C; a number without a name is a string of its digits, a flag\n"
	"without one `bitN`. File modes are strings of octal digits.\n";

static const char *type_words(const struct field *f)
{
	switch (f->class) {
	case EV_CLASS_OCTAL: return "octal string";
	case EV_CLASS_HEX: return "hex string";
	case EV_CLASS_PATH: return "path";
	case EV_CLASS_LIST: return "strings";
	case EV_CLASS_IP: return "IP address";
	case EV_CLASS_TIME: return "time";
	case EV_CLASS_JSON: return "objects";
	case EV_CLASS_ENUM: return "name";
	case EV_CLASS_BITS: return "names";
	default: return schema_json_type(f);
	}
}

static uint32_t named(const struct name_table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->count; i++)
		n += t->names[i] != NULL;
	return n;
}

static const char *when(const struct field *f)
{
	if (f->source == FIELD_CTX && f->group == CTX_LINEAGE)
		return "alerts";
	if (plan_is_detail(f))
		return "alerts, exec";
	return f->absence == ABSENT_NEVER ? "always" : "when known";
}

/* Tables of Markdown end cells at a bar. */
static void print_cell(FILE *f, const char *s)
{
	for (; *s; s++)
		fprintf(f, *s == '|' ? "\\|" : "%c", *s);
}

static void print_row(FILE *f, const struct field *fl)
{
	bool first = true;

	fprintf(f, "| `%s` | %s | %s | ", fl->path, type_words(fl), when(fl));
	print_cell(f, fl->help);
	for (uint32_t i = 0; fl->names && named(fl->names) <= NAMES_LISTED && i < fl->names->count;
	     i++) {
		if (!fl->names->names[i])
			continue;
		fprintf(f, "%s`%s`", first ? ". One of " : ", ", fl->names->names[i]);
		first = false;
	}
	fputs(" |\n", f);
}

static void print_rows(FILE *f, const struct field *fl, uint32_t n)
{
	fputs("\n| Field | Type | Present | |\n|---|---|---|---|\n", f);
	for (uint32_t i = 0; i < n; i++)
		if (fl[i].path)
			print_row(f, &fl[i]);
}

static void print_kind_list(FILE *f)
{
	fputs("\n## Event kinds\n\n| Kind | Category | |\n|---|---|---|\n", f);
	for (uint32_t i = 0; i < EV_MAX; i++) {
		const struct event_kind *k = schema_kind(i);

		if (k && schema_kind_is_public(k))
			fprintf(f, "| [`%s`](#%s) | %s | %s |\n", k->name, k->name, k->category,
				k->help);
	}
}

static bool has_paths(const struct event_kind *k)
{
	for (uint32_t i = 0; i < k->nfields; i++)
		if (k->fields[i].path)
			return true;
	return false;
}

static void print_kind(FILE *f, const struct event_kind *k)
{
	fprintf(f, "\n<a id=\"%s\"></a>\n### %s\n\n%s.\n", k->name, k->name, k->help);
	if (has_paths(k))
		print_rows(f, k->fields, k->nfields);
	else
		fputs("\nWhat it tells is in the fields of the process below.\n", f);
}

int schema_print_markdown(FILE *f)
{
	fputs(preamble, f);
	print_kind_list(f);
	fputs("\n## Fields of one kind\n", f);
	for (uint32_t i = 0; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			print_kind(f, schema_kind(i));
	fputs("\n## Fields of every kind\n\n### From the kernel\n\n"
	      "Every kind but `pipeline.loss`, which no process caused (it has `tocsin.flags` only).\n",
	      f);
	print_rows(f, schema_header, schema_header_len);
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		const struct ctx_group_desc *d = schema_group(g);

		fprintf(f, "\n### %s\n", d->help);
		if (g != CTX_DOC)
			fputs("\nAbsent as a whole when it could not be found out.\n", f);
		print_rows(f, d->fields, d->nfields);
	}
	return ferror(f) ? -EIO : 0;
}

static void print_lines(FILE *f, const struct event_kind *k, const struct field *fl, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (schema_field_on(k, &fl[i]))
			fprintf(f, "%s\t%s\t%s\n", k->name, fl[i].path, type_words(&fl[i]));
}

int schema_print_table(FILE *f)
{
	for (uint32_t i = 0; i < EV_MAX; i++) {
		const struct event_kind *k = schema_kind(i);

		if (!k || !schema_kind_is_public(k))
			continue;
		print_lines(f, k, k->fields, k->nfields);
		print_lines(f, k, schema_header, schema_header_len);
		for (uint32_t g = 0; g < CTX_MAX; g++)
			print_lines(f, k, schema_group(g)->fields, schema_group(g)->nfields);
	}
	return ferror(f) ? -EIO : 0;
}
