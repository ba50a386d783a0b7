/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * JSON Schema of the documents (schema_doc.h). Start-up and command line only.
 *
 * Each kind and kind of document is one object under $defs that lists every field and allows no
 * other; the whole is a choice between them. jansson's functions that end in _new take over the
 * value they are given, also when they fail.
 */
#include "pipeline/schema_doc.h"

#include <errno.h>
#include <jansson.h>

#include "pipeline/plan.h"

static const char *const doc_kinds[DOC_KIND_MAX] = {
	[DOC_ALERT] = "alert",
	[DOC_EVENT] = "event",
	[DOC_METRIC] = "metric",
};

const char *schema_json_type(const struct field *f)
{
	switch (f->class) {
	case EV_CLASS_UINT:
	case EV_CLASS_INT: return "integer";
	case EV_CLASS_BOOL: return "boolean";
	case EV_CLASS_LIST:
	case EV_CLASS_BITS:
	case EV_CLASS_JSON: return "array";
	default: return "string";
	}
}

/* Numbers without a name are written as decimal strings, so the names are told, not enforced. */
static json_t *names_of(const struct field *f)
{
	json_t *names = json_array();

	for (uint32_t i = 0; i < f->names->count; i++)
		if (f->names->names[i])
			json_array_append_new(names, json_string(f->names->names[i]));
	return names;
}

/* An integer above 2^63-1 comes as a string of digits. */
static void add_integer(json_t *o, const struct field *f)
{
	if (f->class == EV_CLASS_UINT && f->size == 8)
		json_object_set_new(o, "type", json_pack("[s,s]", "integer", "string"));
	if (f->class == EV_CLASS_UINT)
		json_object_set_new(o, "minimum", json_integer(0));
}

static json_t *value_schema(const struct field *f)
{
	json_t *o = json_pack("{s:s,s:s}", "type", schema_json_type(f), "description", f->help);

	if (!o)
		return NULL;
	switch (f->class) {
	case EV_CLASS_UINT:
	case EV_CLASS_INT: add_integer(o, f); break;
	case EV_CLASS_OCTAL: json_object_set_new(o, "pattern", json_string("^0?[0-7]{4,}$")); break;
	case EV_CLASS_HEX: json_object_set_new(o, "pattern", json_string("^[0-9a-f]{16}$")); break;
	case EV_CLASS_TIME: json_object_set_new(o, "format", json_string("date-time")); break;
	case EV_CLASS_LIST:
		json_object_set_new(o, "items", json_pack("{s:s}", "type", "string"));
		break;
	case EV_CLASS_JSON:
		json_object_set_new(o, "items", json_pack("{s:s}", "type", "object"));
		break;
	case EV_CLASS_ENUM: json_object_set_new(o, "examples", names_of(f)); break;
	case EV_CLASS_BITS:
		json_object_set_new(
			o, "items",
			json_pack("{s:s,s:o}", "type", "string", "examples", names_of(f)));
		break;
	default: break;
	}
	return o;
}

static json_t *new_object(void)
{
	return json_pack("{s:s,s:{},s:b}", "type", "object", "properties", "additionalProperties",
			 0);
}

static void require(json_t *object, const char *key)
{
	json_t *list = json_object_get(object, "required"), *have;
	size_t i;

	if (!list) {
		list = json_array();
		json_object_set_new(object, "required", list);
	}
	json_array_foreach(list, i, have) if (!strcmp(json_string_value(have), key)) return;
	json_array_append_new(list, json_string(key));
}

/* Puts the value at its path under `root`, making the objects on the way. */
static int add_path(json_t *root, const char *path, json_t *value, bool required)
{
	char word[PLAN_KEY];
	const char *dot;
	json_t *next, *at = root;

	while (at && (dot = strchr(path, '.'))) {
		snprintf(word, sizeof(word), "%.*s", (int)(dot - path), path);
		next = json_object_get(json_object_get(at, "properties"), word);
		if (!next) {
			next = new_object();
			json_object_set_new(json_object_get(at, "properties"), word, next);
		}
		if (required)
			require(at, word);
		at = next;
		path = dot + 1;
	}
	if (json_object_get(json_object_get(at, "properties"), path)) {
		json_decref(value);
		return 0; /* the record's own field came first */
	}
	if (json_object_set_new(json_object_get(at, "properties"), path, value))
		return -ENOMEM;
	if (required)
		require(at, path);
	return 0;
}

/* Fields of a context group that may be missing whole are never required. */
static bool is_required(const struct field *f, enum doc_kind d)
{
	if (f->source == FIELD_CTX && f->group == CTX_DOC && d == DOC_ALERT &&
	    (f->offset == offsetof(struct ctx_doc, rule_name) ||
	     f->offset == offsetof(struct ctx_doc, severity)))
		return true;
	if (f->absence != ABSENT_NEVER)
		return false;
	return f->source != FIELD_CTX || f->group == CTX_DOC;
}

static int add_fields(json_t *root, const struct event_kind *k, enum doc_kind d,
		      const struct field *f, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		json_t *value;

		if (!plan_has(k, d, &f[i]))
			continue;
		if (!strcmp(f[i].path, "event.action"))
			value = json_pack("{s:s}", "const", k->name);
		else if (!strcmp(f[i].path, "event.kind"))
			value = json_pack("{s:s}", "const", doc_kinds[d]);
		else
			value = value_schema(&f[i]);
		rc = add_path(root, f[i].path, value, is_required(&f[i], d));
	}
	return rc;
}

static int add_kind(json_t *defs, json_t *choice, const struct event_kind *k, enum doc_kind d)
{
	json_t *o = new_object();
	char name[64], ref[80];
	int rc;

	if (!o)
		return -ENOMEM;
	json_object_set_new(o, "description", json_string(k->help));
	rc = add_fields(o, k, d, k->fields, k->nfields);
	if (!rc)
		rc = add_fields(o, k, d, schema_header, schema_header_len);
	for (uint32_t g = 0; g < CTX_MAX && !rc; g++)
		rc = add_fields(o, k, d, schema_group(g)->fields, schema_group(g)->nfields);
	snprintf(name, sizeof(name), "%s.%s", k->name, doc_kinds[d]);
	snprintf(ref, sizeof(ref), "#/$defs/%s", name);
	if (json_object_set_new(defs, name, o) ||
	    json_array_append_new(choice, json_pack("{s:s}", "$ref", ref)))
		return -ENOMEM;
	return rc;
}

static int add_kinds(json_t *defs, json_t *choice)
{
	int rc = 0;

	for (uint32_t i = 0; i < EV_MAX && !rc; i++) {
		const struct event_kind *k = schema_kind(i);

		if (!k || !schema_kind_is_public(k))
			continue;
		rc = add_kind(defs, choice, k, DOC_ALERT);
		if (!rc)
			rc = add_kind(defs, choice, k, i == EV_LOSS ? DOC_METRIC : DOC_EVENT);
	}
	return rc;
}

int schema_print_json(FILE *f)
{
	json_t *root, *defs = json_object(), *choice = json_array();
	int rc;

	root = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "$schema",
			 "https://json-schema.org/draft/2020-12/schema", "$id",
			 "urn:tocsin:document:" TOCSIN_VERSION, "title", "Tocsin document",
			 "description", "One line of output: an alert, a record or a metric",
			 "oneOf", choice, "$defs", defs);
	if (!root)
		return -ENOMEM;
	rc = add_kinds(defs, choice);
	if (!rc && (json_dumpf(root, f, JSON_INDENT(2)) || fputc('\n', f) == EOF || ferror(f)))
		rc = -EIO;
	json_decref(root);
	return rc;
}
