/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Plans of plan.h. The fields of a document are gathered in the order of the tables (the document
 * itself, the record, its header, the contexts) into a tree by the words of their paths, and
 * the tree is written out as a list of steps. The object `tocsin` comes last and in it `encoded`,
 * which is known only when all else has been written.
 *
 * Records outnumber alerts by far and are kept small: what a process was given at its exec and
 * what never changes on a host is in the record of the exec and in alerts (details[]), all
 * ancestors are in alerts only.
 *
 * Steps next to each other that tell who acted make a fragment: the encoder keeps what they wrote
 * for the next event of the same process (fragment.h).
 */
#include "pipeline/plan.h"

#include <errno.h>

#include "pipeline/util.h"

enum {
	NODES_MAX = 512,
	ROOT = 0,
	FRAGMENT_MIN = 4, /* steps: fewer are not worth it */
	ENUM_TEXTS_MAX = 64,
};

struct node {
	struct str word;
	const struct field *f; /* NULL: an object */
	uint16_t first, last, next;
};

struct tree {
	struct node nodes[NODES_MAX];
	uint32_t count;
};

static const char *const details[] = {
	"process.args",
	"process.env_vars",
	"process.capabilities.",
	"process.namespace.",
	"process.file.",
	"process.interpreter",
	"process.requested_executable",
	"process.parent.args",
	"process.entry_leader.",
	"user.saved.",
	"group.effective.",
	"group.saved.",
	"host.boot.",
	"host.os.",
	"host.architecture",
};

bool plan_is_detail(const struct field *f)
{
	for (uint32_t i = 0; i < ARRAY_LEN(details); i++) {
		struct str d = str_of(details[i]);
		bool whole = d.p[d.len - 1] != '.';

		if (whole ? str_eq(str_of(f->path), d) : str_starts(str_of(f->path), d))
			return true;
	}
	return false;
}

bool plan_is_stable(const struct field *f)
{
	switch (f->source) {
	case FIELD_HDR:
		return f->offset == offsetof(struct ev_hdr, comm) ||
		       (f->offset >= PLAN_STABLE && f->offset < PLAN_STABLE + PLAN_STABLE_LEN);
	case FIELD_CTX: return f->group != CTX_DOC && f->group != CTX_LINEAGE;
	default: return false;
	}
}

bool plan_has(const struct event_kind *k, enum doc_kind d, const struct field *f)
{
	if (!schema_field_on(k, f))
		return false;
	if (d == DOC_ALERT)
		return true;
	if (f->source == FIELD_CTX && f->group == CTX_LINEAGE)
		return false;
	return k->kind == EV_EXEC || !plan_is_detail(f);
}

static int add_node(struct tree *t, uint32_t parent, struct str word, const struct field *f)
{
	struct node *up = &t->nodes[parent];
	uint32_t n = t->count;

	if (n == NODES_MAX)
		return -EINVAL;
	t->nodes[n] = (struct node){ .word = word, .f = f };
	t->count++;
	if (up->last)
		t->nodes[up->last].next = (uint16_t)n;
	else
		up->first = (uint16_t)n;
	up->last = (uint16_t)n;
	return (int)n;
}

static uint32_t find_child(const struct tree *t, uint32_t parent, struct str word)
{
	uint32_t n = t->nodes[parent].first;

	while (n && !str_eq(t->nodes[n].word, word))
		n = t->nodes[n].next;
	return n;
}

/* A path that is there already stays as it is: the record's own field comes before a context's. */
static int add_path(struct tree *t, const struct field *f)
{
	const char *p = f->path, *dot;
	uint32_t at = ROOT, depth = 0;
	int n;

	while ((dot = strchr(p, '.'))) {
		struct str word = { p, (uint32_t)(dot - p) };

		n = (int)find_child(t, at, word);
		if (!n)
			n = add_node(t, at, word, NULL);
		if (n < 0 || ++depth >= PLAN_DEPTH)
			return -EINVAL;
		at = (uint32_t)n;
		p = dot + 1;
	}
	if (find_child(t, at, str_of(p)))
		return 0;
	n = add_node(t, at, str_of(p), f);
	return n < 0 ? n : 0;
}

static bool is_doc_field(const struct field *f, size_t offset)
{
	return f->source == FIELD_CTX && f->group == CTX_DOC && f->offset == offset;
}

static bool is_encoded_flag(const struct field *f)
{
	return is_doc_field(f, offsetof(struct ctx_doc, non_utf8));
}

/* Absent from all other documents. */
static bool is_of_alerts(const struct field *f)
{
	static const size_t offsets[] = {
		offsetof(struct ctx_doc, severity_num), offsetof(struct ctx_doc, rule_name),
		offsetof(struct ctx_doc, severity),     offsetof(struct ctx_doc, rule_description),
		offsetof(struct ctx_doc, tags),         offsetof(struct ctx_doc, matched),
		offsetof(struct ctx_doc, suppressed),   offsetof(struct ctx_doc, held_first_ns),
		offsetof(struct ctx_doc, held_last_ns), offsetof(struct ctx_doc, held_until_ns),
		offsetof(struct ctx_doc, held_key),
	};

	for (uint32_t i = 0; i < ARRAY_LEN(offsets); i++)
		if (is_doc_field(f, offsets[i]))
			return true;
	return false;
}

enum turn { TURN_MOST, TURN_TOCSIN, TURN_ENCODED, TURN_MAX };

static enum turn turn_of(const struct field *f)
{
	if (is_encoded_flag(f))
		return TURN_ENCODED;
	return str_starts(str_of(f->path), STR("tocsin.")) ? TURN_TOCSIN : TURN_MOST;
}

static int add_fields(struct tree *t, const struct event_kind *k, enum doc_kind d, enum turn turn,
		      const struct field *f, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++)
		if (plan_has(k, d, &f[i]) && turn_of(&f[i]) == turn &&
		    (d == DOC_ALERT || !is_of_alerts(&f[i])))
			rc = add_path(t, &f[i]);
	return rc;
}

static int add_turn(struct tree *t, const struct event_kind *k, enum doc_kind d, enum turn turn)
{
	const struct ctx_group_desc *g = schema_group(CTX_DOC);
	int rc = add_fields(t, k, d, turn, g->fields, g->nfields);

	if (!rc)
		rc = add_fields(t, k, d, turn, k->fields, k->nfields);
	if (!rc)
		rc = add_fields(t, k, d, turn, schema_header, schema_header_len);
	for (uint32_t i = 0; i < CTX_MAX && !rc; i++) {
		g = schema_group(i);
		if (i != CTX_DOC)
			rc = add_fields(t, k, d, turn, g->fields, g->nfields);
	}
	return rc;
}

static uint8_t span_of(const struct field *f)
{
	if (f->source == FIELD_HDR)
		return f->offset == offsetof(struct ev_hdr, exec_id) ? SPAN_KEY : SPAN_NONE;
	if (f->source != FIELD_CTX)
		return SPAN_NONE;
	if (f->group == CTX_PROCESS)
		return f->offset == offsetof(struct ctx_process, name) ? SPAN_PROCESS : SPAN_NONE;
	if (f->group != CTX_DOC)
		return SPAN_NONE;
	switch (f->offset) {
	case offsetof(struct ctx_doc, message): return SPAN_MESSAGE;
	case offsetof(struct ctx_doc, rule_name): return SPAN_RULE;
	case offsetof(struct ctx_doc, document_id): return SPAN_ID;
	default: return SPAN_NONE;
	}
}

/* The value of f in all documents of the plan, NULL where it differs. */
static const char *constant_of(const struct plan *p, const struct field *f)
{
	if (is_doc_field(f, offsetof(struct ctx_doc, kind)))
		return schema_enum_name(f, p->doc_kind);
	if (is_doc_field(f, offsetof(struct ctx_doc, action)))
		return schema_enum_name(f, p->event_kind->kind);
	if (is_doc_field(f, offsetof(struct ctx_doc, category)))
		return *p->event_kind->category ? p->event_kind->category : NULL;
	return NULL;
}

/* The JSON of one of our own words, which have no byte that needs an escape, and its comma. Bytes
 * written; 0: there is no word, or no room. */
static uint8_t put_word(char *to, size_t room, const char *word)
{
	size_t len = word ? strlen(word) : 0;

	if (!word || len + 3 > room)
		return 0;
	to[0] = '"';
	memcpy(to + 1, word, len);
	memcpy(to + 1 + len, "\",", 2);
	return (uint8_t)(len + 3);
}

static void make_constant(const struct plan *p, struct op *op)
{
	uint8_t len =
		put_word(op->key + op->key_len, PLAN_KEY - op->key_len, constant_of(p, op->f));

	op->key_len += len;
	if (len)
		op->kind = OP_TEXT;
}

static int make_enum_texts(struct op *op)
{
	const struct name_table *t = op->f->names;
	struct enum_text *texts;

	if (op->class != EV_CLASS_ENUM || op->kind != OP_VALUE || t->count > ENUM_TEXTS_MAX)
		return 0;
	op->texts = texts = calloc(t->count, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		texts[i].len = put_word(texts[i].text, sizeof(texts->text), t->names[i]);
	return 0;
}

static int add_op(struct plan *p, const struct node *n, enum op_kind kind)
{
	const char *tail = kind == OP_OPEN ? "\":{" : "\":";
	struct op *op = &p->ops[p->count++];

	*op = (struct op){ .kind = kind };
	if (kind == OP_CLOSE)
		return 0;
	if (n->word.len + 1 + strlen(tail) > PLAN_KEY)
		return -EINVAL;
	op->key[0] = '"';
	memcpy(op->key + 1, n->word.p, n->word.len);
	memcpy(op->key + 1 + n->word.len, tail, strlen(tail));
	op->key_len = (uint8_t)(n->word.len + 1 + strlen(tail));
	if (!n->f)
		return 0;
	op->f = n->f;
	op->offset = n->f->offset;
	op->class = n->f->class;
	op->absence = n->f->absence;
	op->size = n->f->size;
	op->base = n->f->source == FIELD_CTX ? BASE_CTX + n->f->group : BASE_RAW;
	op->span = span_of(n->f);
	if (kind == OP_VALUE)
		make_constant(p, op);
	return make_enum_texts(op);
}

static bool is_stable(const struct tree *t, uint32_t node)
{
	if (t->nodes[node].f)
		return plan_is_stable(t->nodes[node].f);
	for (uint32_t n = t->nodes[node].first; n; n = t->nodes[n].next)
		if (!is_stable(t, n))
			return false;
	return true;
}

/* The steps from `at` on become a fragment. */
static void make_fragment(struct plan *p, uint32_t at)
{
	uint32_t n = p->count - at;

	if (n < FRAGMENT_MIN)
		return;
	memmove(&p->ops[at + 1], &p->ops[at], n * sizeof(*p->ops));
	p->ops[at] = (struct op){ .kind = OP_FRAGMENT, .count = (uint16_t)n };
	p->count++;
}

/* inside: what is written belongs to a fragment already. */
static int write_children(struct plan *p, const struct tree *t, uint32_t parent, bool inside)
{
	uint32_t at = p->count, next;
	int rc = 0;

	for (uint32_t n = t->nodes[parent].first; n && !rc; n = next) {
		const struct node *node = &t->nodes[n];
		bool stable = inside || is_stable(t, n);

		next = node->next;
		if (node->f) {
			rc = add_op(p, node, is_encoded_flag(node->f) ? OP_ENCODED : OP_VALUE);
		} else {
			rc = add_op(p, node, OP_OPEN);
			if (!rc)
				rc = write_children(p, t, n, stable);
			if (!rc)
				rc = add_op(p, node, OP_CLOSE);
		}
		if (inside || (stable && next && is_stable(t, next)))
			continue;
		if (stable)
			make_fragment(p, at);
		at = p->count;
	}
	return rc;
}

int plan_new(struct plan *p, const struct event_kind *k, enum doc_kind d)
{
	CLEANUP_FREE struct tree *t = calloc(1, sizeof(*t));
	struct plan made = { .event_kind = k, .doc_kind = d };
	int rc = 0;

	if (!t)
		return -ENOMEM;
	t->count = 1; /* ROOT */
	for (enum turn turn = 0; turn < TURN_MAX && !rc; turn++)
		rc = add_turn(t, k, d, turn);
	if (rc)
		return rc;
	made.ops = calloc(3 * (size_t)t->count, sizeof(*made.ops));
	if (!made.ops)
		return -ENOMEM;
	rc = write_children(&made, t, ROOT, false);
	if (rc)
		plan_free(&made);
	else
		*p = made;
	return rc;
}

bool plan_same_fragment(const struct op *a, const struct op *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 1; i <= a->count; i++)
		if (a[i].kind != b[i].kind || a[i].f != b[i].f ||
		    memcmp(a[i].key, b[i].key, PLAN_KEY))
			return false;
	return true;
}

void plan_free(struct plan *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		free((void *)p->ops[i].texts);
	free(p->ops);
	*p = (struct plan){ 0 };
}
