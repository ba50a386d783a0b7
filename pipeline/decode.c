/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * decode.h: a walk over the JSON object in which nested names are field paths. Bytes that were not
 * UTF-8 come back from the private characters that stand for them, see encode.h.
 */
#include "pipeline/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "pipeline/plan.h"
#include "pipeline/utf8.h"
#include "pipeline/util.h"

enum {
	PATH_MAX_BYTES = 200,
	NOTES_MAX = 8192,
	ITEMS_MAX = 10000,
	ENCODED_FIRST = 0xef80,
	ENCODED_LAST = 0xefff,
	ANCESTORS_MAX = 4096,
};

struct walk {
	struct compose *c;
	struct decoded *d;
	const struct event_kind *k;
	char path[PATH_MAX_BYTES];
	bool no_memory;
};

static void note(struct walk *w, const char *why)
{
	struct buf *b = &w->d->notes;
	size_t before = b->len;

	buf_lit(b, w->path);
	buf_lit(b, ": ");
	text_escape(b, str_of(why));
	buf_char(b, '\n');
	if (b->failed) /* enough was told: whole lines of it */
		b->len = before;
}

/* The bytes that a JSON string stands for; no more than it has. */
static struct str bytes_of(struct walk *w, const json_t *v)
{
	const char *p = json_string_value(v), *end = p + json_string_length(v);
	char *out = pool_get(&w->c->texts, (size_t)(end - p) + 1), *at = out;

	if (!out) {
		w->no_memory = true;
		return (struct str){ "", 0 };
	}
	while (p < end) {
		uint32_t c = 0, n = utf8_next(p, end, &c);

		n = n ? n : 1;
		if (n == 3 && c >= ENCODED_FIRST && c <= ENCODED_LAST) {
			*at++ = (char)(c & 0xff);
		} else {
			memcpy(at, p, n);
			at += n;
		}
		p += n;
	}
	return (struct str){ out, (uint32_t)(at - out) };
}

/* A mode is written in octal digits, the first of which need not be a 0. */
static struct str octal_of(struct walk *w, struct str digits)
{
	char *out = pool_get(&w->c->texts, digits.len + 2);

	if (!out) {
		w->no_memory = true;
		return digits;
	}
	out[0] = '0';
	memcpy(out + 1, digits.p, digits.len);
	return (struct str){ out, digits.len + 1 };
}

static void put(struct walk *w, struct str path, struct str text)
{
	int err = compose_text(w->c, path, text);

	if (err == -ENOMEM)
		w->no_memory = true;
	else if (err)
		note(w, w->c->why);
}

static void put_list(struct walk *w, const struct field *f, const json_t *v)
{
	size_t n = json_array_size(v);
	struct str *items = pool_array(&w->c->texts, MIN(n, (size_t)ITEMS_MAX) + 1, sizeof(*items));
	int err;

	if (!items) {
		w->no_memory = true;
		return;
	}
	if (n > ITEMS_MAX) {
		note(w, "has too many elements: left out");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);

		if (!json_is_string(item)) {
			note(w, "has an element that is no text: left out");
			return;
		}
		items[i] = bytes_of(w, item);
	}
	err = compose_list(w->c, str_of(f->path), items, (uint32_t)n);
	w->no_memory |= err == -ENOMEM;
	if (err && err != -ENOMEM)
		note(w, w->c->why);
}

/* What a field is that is JSON itself. */
static void put_json(struct walk *w, const struct field *f, const json_t *v)
{
	CLEANUP_FREE char *text = json_dumps(v, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

	if (text)
		put(w, str_of(f->path), str_of(text));
	else
		w->no_memory = true;
}

static void put_scalar(struct walk *w, const struct field *f, const json_t *v)
{
	char number[32];

	if (json_is_string(v)) {
		struct str s = bytes_of(w, v);

		put(w, str_of(f->path), f->class == EV_CLASS_OCTAL ? octal_of(w, s) : s);
	} else if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		put(w, str_of(f->path), str_of(number));
	} else if (json_is_boolean(v)) {
		put(w, str_of(f->path), json_is_true(v) ? STR("true") : STR("false"));
	} else {
		note(w, "is of a type that no field has: left out");
	}
}

/* A field of the document itself, of any group DOC or kind. */
static bool is_of_document(struct str path)
{
	const struct ctx_group_desc *g = schema_group(CTX_DOC);

	for (uint32_t i = 0; i < g->nfields; i++)
		if (g->fields[i].path && str_eq(path, str_of(g->fields[i].path)))
			return true;
	return false;
}

static void put_leaf(struct walk *w, const json_t *v)
{
	struct str path = str_of(w->path);
	const struct field *f = schema_field(w->k, path);

	if (is_of_document(path))
		return;
	if (!f)
		note(w, "this version has no such field of this event kind: left out");
	else if (f->class == EV_CLASS_JSON)
		put_json(w, f, v);
	else if (json_is_array(v))
		put_list(w, f, v);
	else
		put_scalar(w, f, v);
}

static void walk(struct walk *w, const json_t *object, uint32_t depth)
{
	size_t used = strlen(w->path);
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)object, key, v)
	{
		struct buf b = { .max = sizeof(w->path) - 2 };

		text_escape(&b, str_of(key));
		if (b.failed || b.len + used > sizeof(w->path) - 2 || depth >= PLAN_DEPTH) {
			buf_free(&b);
			note(w, "holds a name that is too long or too deep: left out");
			continue;
		}
		snprintf(w->path + used, sizeof(w->path) - used, "%s%.*s", used ? "." : "",
			 (int)b.len, b.p ? b.p : "");
		buf_free(&b);
		if (json_is_object(v) && !is_of_document(str_of(w->path)))
			walk(w, v, depth + 1);
		else
			put_leaf(w, v);
		w->path[used] = '\0';
	}
}

/* The value at a field's path; NULL: none. */
static const json_t *value_at(const json_t *v, const char *path)
{
	const char *dot;

	while (v && (dot = strchr(path, '.'))) {
		v = json_object_getn(v, path, (size_t)(dot - path));
		path = dot + 1;
	}
	return v ? json_object_get(v, path) : NULL;
}

/* What every event has and this document has not. */
static void miss(struct walk *w, const json_t *root, const struct field *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (f[i].absence != ABSENT_NEVER || !schema_field_on(w->k, &f[i]) ||
		    value_at(root, f[i].path))
			continue;
		snprintf(w->path, sizeof(w->path), "%s", f[i].path);
		note(w, "is not in the document: taken for zero or nothing");
		w->path[0] = '\0';
	}
}

static const json_t *get(const json_t *root, const char *a, const char *b, const char *c)
{
	const json_t *v = json_object_get(root, a);

	v = b ? json_object_get(v, b) : v;
	return c ? json_object_get(v, c) : v;
}

static uint64_t time_of(const json_t *v)
{
	uint64_t ns = 0;

	return json_is_string(v) && compose_time(json_string_value(v), &ns) ? ns : 0;
}

/* "BOOT-RUN-CPU-SEQUENCE" */
static void set_sequence(struct walk *w, const char *id)
{
	const char *seq = id ? strrchr(id, '-') : NULL, *cpu = seq;

	if (!seq)
		return;
	while (cpu > id && cpu[-1] != '-')
		cpu--;
	w->c->rec.h.seq = strtoull(seq + 1, NULL, 10);
	w->c->rec.h.cpu = (uint16_t)strtoul(cpu, NULL, 10);
}

/* What the record's header holds beside its fields. */
static void set_header(struct walk *w, const json_t *root)
{
	const json_t *parent = get(root, "process", "parent", "entity_id");
	const json_t *hook = get(root, "tocsin", "hook", NULL);
	const json_t *cgroup = get(root, "process", "cgroup", "id");
	struct ev_hdr *h = &w->c->rec.h;

	*h = (struct ev_hdr){ .kind = h->kind, .abi = h->abi, .hook = h->hook, .seq = h->seq };
	h->time_ns = time_of(get(root, "@timestamp", NULL, NULL));
	h->parent_exec_id =
		json_is_string(parent) ? strtoull(json_string_value(parent), NULL, 16) : 0;
	h->cgroup_id = json_is_integer(cgroup) ? (uint64_t)json_integer_value(cgroup) : 0;
	set_sequence(w, json_string_value(get(root, "event", "id", NULL)));
	for (uint32_t i = 0; json_is_string(hook) && i < schema_group(CTX_DOC)->nfields; i++) {
		const struct field *f = &schema_group(CTX_DOC)->fields[i];
		int64_t v = strcmp(f->path, "tocsin.hook")
				    ? -1
				    : schema_enum_value(f, str_of(json_string_value(hook)));

		if (v >= 0)
			h->hook = (uint16_t)v;
	}
}

/* Which processes the ancestors are, for sequences in a tree. */
static void set_lineage(struct walk *w, const json_t *root)
{
	const json_t *all = get(root, "process", "ancestors", NULL);
	struct ctx_lineage *l = (void *)w->c->ctx[CTX_LINEAGE].b;
	size_t n = json_array_size(all);
	uint64_t *ids;

	w->c->whole_lineage = true;
	if (!n || n > ANCESTORS_MAX || !w->c->has[CTX_LINEAGE])
		return;
	ids = pool_array(&w->c->texts, n, sizeof(*ids));
	if (!ids) {
		w->no_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(all, i), *pid = json_object_get(a, "pid");

		ids[i] = ctx_process_id((uint32_t)json_integer_value(pid),
					time_of(json_object_get(a, "start")));
	}
	l->ids = (struct str){ (const char *)ids, (uint32_t)(n * sizeof(*ids)) };
}

static void printable(char *out, size_t room, const json_t *v)
{
	struct buf b = { .max = room - 1 };

	if (json_is_string(v))
		text_escape(&b, str_of(json_string_value(v)));
	if (b.len && !b.failed)
		memcpy(out, b.p, b.len);
	buf_free(&b);
}

static int decode_root(struct walk *w, const json_t *root, char *why, size_t why_len)
{
	const json_t *action = get(root, "event", "action", NULL),
		     *kind = get(root, "event", "kind", NULL);

	if (!json_is_object(root) || !json_is_string(action)) {
		snprintf(why, why_len, "not a document of an event: it has no event.action");
		return -EINVAL;
	}
	w->k = schema_kind_by_name(str_of(json_string_value(action)));
	if (!w->k || !schema_kind_is_public(w->k)) {
		char shown[80] = "";

		printable(shown, sizeof(shown), action);
		snprintf(why, why_len, "unknown event kind %s in event.action", shown);
		return -EINVAL;
	}
	compose_begin(w->c, w->k);
	if (schema_field(w->k, STR("event.outcome")))
		compose_text(w->c, STR("event.outcome"), STR("0"));
	set_header(w, root);
	walk(w, root, 0);
	miss(w, root, schema_header, schema_header_len);
	miss(w, root, w->k->fields, w->k->nfields);
	set_lineage(w, root);
	if (get(root, "tocsin", "evidence", NULL)) {
		snprintf(w->path, sizeof(w->path), "tocsin.evidence");
		note(w, "tells of the events before this one in part: give their documents too");
	}
	w->d->is_record = !json_is_string(kind) || strcmp(json_string_value(kind), "alert");
	printable(w->d->id, sizeof(w->d->id), get(root, "event", "id", NULL));
	printable(w->d->rule, sizeof(w->d->rule), get(root, "rule", "name", NULL));
	if (w->no_memory)
		return -ENOMEM;
	w->d->e = compose_event(w->c);
	if (w->d->e)
		return 0;
	snprintf(why, why_len, "%s", w->c->why);
	return -EINVAL;
}

int decode(struct compose *c, struct str json, struct decoded *out, char *why, size_t why_len)
{
	struct walk w = { .c = c, .d = out };
	json_error_t at;
	json_t *root = json_loadb(json.p, json.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &at);
	int err;

	*out = (struct decoded){ .notes.max = NOTES_MAX };
	if (!root) {
		snprintf(why, why_len, "not JSON: line %d, column %d: %s", at.line, at.column,
			 at.text);
		str_printable(why);
		return -EINVAL;
	}
	err = decode_root(&w, root, why, why_len);
	json_decref(root);
	if (err)
		decoded_free(out);
	return err;
}

void decoded_free(struct decoded *d)
{
	buf_free(&d->notes);
	d->e = NULL;
}

bool decode_record_lacks(const struct event_kind *k, const struct field *f)
{
	return !plan_has(k, DOC_EVENT, f);
}
