/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The tables of schema.h, made by including bpf/events.def and enrichers/context.def with macros
 * that expand a row to its descriptor. Nothing here names a field: add rows to the .def files.
 *
 * A row does not know the struct it is in, so each block's table sits in a scope of its own in
 * which `rec_t` is that struct.
 */
#include "pipeline/schema.h"

#include <pthread.h>

#include "pipeline/names.h"
#include "pipeline/nearest.h"
#include "pipeline/util.h"

/* T_U8, T_U16, …: number, class of each type. */
enum type_number {
#define TYPE(id, ctype, class, names) T_##id,
#include "bpf/types.def"
#undef TYPE
	T_MAX
};
enum type_class {
#define TYPE(id, ctype, class, names) T_CLASS_##id = EV_CLASS_##class,
#include "bpf/types.def"
#undef TYPE
};

#define MEMBER(rec, type_, name, path_, help_)                                                     \
	.path = path_, .member = #name, .help = help_, .type = #type_,                             \
	.names = (int)T_CLASS_##type_ >= (int)EV_CLASS_ENUM ? &type_names_##type_ : NULL,          \
	.offset = offsetof(rec, name), .size = sizeof(((rec *)0)->name), .class = T_CLASS_##type_

/* struct slots_open and so on: a byte for each PATH field and nothing for others, so that the
 * offset of a member is its number among the PATH fields of the record. */
#define EV_BEGIN(id, stem, kind, category, help) struct slots_##stem {
#define SLOT(type, name) char name[(int)T_##type == (int)T_PATH];
#define EV_FIELD(type, name, path, help) SLOT(type, name)
#define EV_OPT(type, name, path, help) SLOT(type, name)
#define EV_ID(type, name, path, help) SLOT(type, name)
#define EV_CTX(type, name, help) SLOT(type, name)
#define EV_END(id)                                                                                 \
	}                                                                                          \
	;
#include "bpf/events.def"

/* Flags of the header are absent when none is set; its other public fields are always there. */
#define EV_HDR_BEGIN const struct field schema_header[] = {
#define EV_HDR(type, name, path, help)                                                             \
	{ MEMBER(struct ev_hdr, type, name, path, help), .source = FIELD_HDR,                      \
	  .absence = (int)T_CLASS_##type == (int)EV_CLASS_BITS ? ABSENT_ZERO : ABSENT_NEVER },
#define EV_HDR_END                                                                                 \
	}                                                                                          \
	;                                                                                          \
	const uint32_t schema_header_len = ARRAY_LEN(schema_header);
#include "bpf/events.def"

#define EV_BEGIN(id, stem, kind, category, help)                                                   \
	case EV_##id: {                                                                            \
		typedef struct ev_##stem rec_t;                                                    \
		typedef struct slots_##stem slots_t;                                               \
		static const char kname[] = kind, kcategory[] = category, khelp[] = help;          \
		static const struct field fields[] = {
#define RAW(type, name, path, help, absent)                                                        \
	{ MEMBER(rec_t, type, name, path, help), .source = FIELD_RAW, .absence = absent,           \
	  .group = offsetof(slots_t, name) },
#define EV_FIELD(type, name, path, help) RAW(type, name, path, help, ABSENT_NEVER)
#define EV_OPT(type, name, path, help) RAW(type, name, path, help, ABSENT_ZERO)
#define EV_ID(type, name, path, help) RAW(type, name, path, help, ABSENT_MINUS_ONE)
#define EV_CTX(type, name, help) RAW(type, name, NULL, help, ABSENT_NEVER)
#define EV_END(id)                                                                                 \
	}                                                                                          \
	;                                                                                          \
	static const struct event_kind desc = {                                                    \
		.name = kname,                                                                     \
		.category = kcategory,                                                             \
		.help = khelp,                                                                     \
		.fields = fields,                                                                  \
		.nfields = ARRAY_LEN(fields),                                                      \
		.size = sizeof(rec_t),                                                             \
		.kind = EV_##id,                                                                   \
	};                                                                                         \
	_Static_assert(sizeof(slots_t) <= EVENT_PATHS, #id ": too many PATH fields");              \
	return &desc;                                                                              \
	}

const struct event_kind *schema_kind(uint32_t k)
{
	switch (k) {
#include "bpf/events.def"
	default: return NULL;
	}
}

#define CTX_BEGIN(id, stem, help)                                                                  \
	case CTX_##id: {                                                                           \
		typedef struct ctx_##stem rec_t;                                                   \
		enum { GROUP = CTX_##id };                                                         \
		static const char gname[] = #stem, ghelp[] = help;                                 \
		static const struct field fields[] = {
#define CTX(type, name, path, help, absent)                                                        \
	{ MEMBER(rec_t, type, name, path, help), .source = FIELD_CTX, .absence = absent,           \
	  .group = GROUP },
#define CTX_FIELD(type, name, path, help) CTX(type, name, path, help, ABSENT_NEVER)
#define CTX_OPT(type, name, path, help) CTX(type, name, path, help, ABSENT_ZERO)
#define CTX_ID(type, name, path, help) CTX(type, name, path, help, ABSENT_MINUS_ONE)
#define CTX_PART(type, name, help) CTX(type, name, NULL, help, ABSENT_ZERO)
#define CTX_END(id)                                                                                \
	}                                                                                          \
	;                                                                                          \
	static const struct ctx_group_desc desc = {                                                \
		.name = gname,                                                                     \
		.help = ghelp,                                                                     \
		.fields = fields,                                                                  \
		.nfields = ARRAY_LEN(fields),                                                      \
		.size = sizeof(rec_t),                                                             \
	};                                                                                         \
	return &desc;                                                                              \
	}

const struct ctx_group_desc *schema_group(uint32_t g)
{
	switch (g) {
#include "enrichers/context.def"
	default: return NULL;
	}
}

const struct event_kind *schema_kind_by_name(struct str name)
{
	const struct event_kind *k;

	for (uint32_t i = 0; i < EV_MAX; i++) {
		k = schema_kind(i);
		if (k && str_eq(name, str_of(k->name)))
			return k;
	}
	return NULL;
}

bool schema_kind_is_public(const struct event_kind *k)
{
	return k->kind != EV_TASK && k->kind != EV_CGROUP;
}

bool schema_kind_has_process(const struct event_kind *k)
{
	return k->category[0] != 0;
}

/* Field i of what a policy may name on kind k; NULL past the end. Fields without a path come too. */
static const struct field *view_field(const struct event_kind *k, uint32_t i)
{
	uint32_t n = schema_header_len;

	if (i < k->nfields)
		return &k->fields[i];
	i -= k->nfields;
	if (i < n)
		return &schema_header[i];
	i -= n;
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		n = schema_group(g)->nfields;
		if (i < n)
			return &schema_group(g)->fields[i];
		i -= n;
	}
	return NULL;
}

bool schema_field_on(const struct event_kind *k, const struct field *f)
{
	if (!f->path)
		return false;
	if (schema_kind_has_process(k))
		return true;
	return f->source == FIELD_RAW || (f->source == FIELD_HDR && f->class == EV_CLASS_BITS) ||
	       (f->source == FIELD_CTX && (f->group == CTX_DOC || f->group == CTX_HOST));
}

/* The document's own fields are made after the policies judged. */
static bool policy_may_name(const struct event_kind *k, const struct field *f)
{
	return schema_field_on(k, f) && !(f->source == FIELD_CTX && f->group == CTX_DOC);
}

/* Fields by path: policies name some for each test and kind. Never full, so that a search ends;
 * tests look for every field. */
enum { PLACES = 512 };

static const struct field *places[EV_MAX][PLACES];
static pthread_once_t placed = PTHREAD_ONCE_INIT;

/* Where the field of that path is, or where it would be. */
static const struct field **place_of(uint32_t kind, struct str path)
{
	uint32_t at = path.len;

	for (uint32_t i = 0; i < path.len; i++)
		at = (at ^ (uint8_t)path.p[i]) * 0x01000193u;
	for (at ^= at >> 16;; at++) {
		const struct field **f = &places[kind][at % PLACES];

		if (!*f || str_eq(path, str_of((*f)->path)))
			return f;
	}
}

static void place_fields(void)
{
	const struct field *f;

	for (uint32_t kind = 0; kind < EV_MAX; kind++) {
		const struct event_kind *k = schema_kind(kind);
		uint32_t n = 0;

		for (uint32_t i = 0; k && (f = view_field(k, i)); i++) {
			const struct field **place;

			if (!policy_may_name(k, f))
				continue;
			place = place_of(kind, str_of(f->path));
			if (*place || n == PLACES - 1)
				continue; /* the first of a path is the one */
			*place = f;
			n++;
		}
	}
}

const struct field *schema_field(const struct event_kind *k, struct str path)
{
	pthread_once(&placed, place_fields);
	return *place_of(k->kind, path);
}

const char *schema_suggest(const struct event_kind *k, struct str path)
{
	struct nearest n = { .word = path };
	const struct field *f;

	for (uint32_t i = 0; (f = view_field(k, i)); i++)
		if (policy_may_name(k, f))
			nearest_offer(&n, f->path);
	return n.best;
}

void schema_kind_unknown(struct str name, char *text, size_t len)
{
	struct nearest near = { .word = name };

	for (uint32_t i = 0; i < EV_MAX; i++)
		if (schema_kind(i) && schema_kind_is_public(schema_kind(i)))
			nearest_offer(&near, schema_kind(i)->name);
	snprintf(text, len, "unknown event kind %.*s%s%s%s", (int)MIN(name.len, 100u), name.p,
		 near.best ? "; did you mean " : "", near.best ? near.best : "",
		 near.best ? "?" : "");
}

const char *schema_enum_name(const struct field *f, uint64_t v)
{
	return f->names && v < f->names->count ? f->names->names[v] : NULL;
}

int64_t schema_enum_value(const struct field *f, struct str name)
{
	for (uint32_t i = 0; f->names && i < f->names->count; i++)
		if (f->names->names[i] && str_eq(name, str_of(f->names->names[i])))
			return i;
	return -1;
}
