/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The encoder: one document is one pass over a plan (plan.h) that appends to the open batch.
 * Consumer thread; owns its plans and a little scratch memory, all taken in encoder_new.
 *
 * Every value ends with a comma and the end of an object turns the last one into its brace, so
 * that nothing has to be known of what follows. A document that does not fit is taken back whole.
 */
#include "pipeline/encode.h"

#include <errno.h>

#include "pipeline/fragment.h"
#include "pipeline/json.h"
#include "pipeline/message.h"
#include "pipeline/names.h"
#include "pipeline/put.h"
#include "pipeline/util.h"

enum {
	EVIDENCE_ROOM = EVIDENCE_MAX * (EVIDENCE_BYTES + 256),
	IDS_ROOM = 1024, /* event id and document id */
	BOOT_SHORT = 16,
	RUN_SHORT = 8,
	BITS_CACHED = 8,
	BITS_ROOM = 1536,
	FRAGMENTS_MAX = 128, /* different ones in all plans */
	OP_ROOM = PLAN_KEY + 2 * PUT_TIME + 8, /* key and any number */
};

/* Text of a set of bits: capability sets have 41 names and are nearly always the same few. */
struct bits_text {
	const struct name_table *names;
	uint64_t v;
	uint32_t len;
	char text[BITS_ROOM];
};

struct encoder {
	int64_t clock_offset_ns;
	bool want_text;
	char id_prefix[BOOT_SHORT + RUN_SHORT + 3];
	struct plan plans[EV_MAX][DOC_KIND_MAX];
	struct buf ids, message, evidence;
	struct fragment *fragments; /* FRAGMENT_SLOTS */
	/* Of the document at work. */
	const char *bases[BASE_MAX];
	struct fragment_key key;
	bool keeps; /* key is filled */
	bool encoded;
	struct span spans[SPAN_MAX];
	uint64_t second; /* since 1970, last written; its text */
	char second_text[PUT_SECONDS];
	struct bits_text bits[BITS_CACHED];
};

static const uint8_t severity_numbers[SEV_MAX] = {
	[SEV_INFO] = 20, [SEV_LOW] = 35, [SEV_MEDIUM] = 50, [SEV_HIGH] = 75, [SEV_CRITICAL] = 95,
};

static inline uint64_t number(const char *at, uint8_t size)
{
	switch (size) {
	case 1: return *(const uint8_t *)at;
	case 2: return *(const uint16_t *)at;
	case 4: return *(const uint32_t *)at;
	default: return *(const uint64_t *)at;
	}
}

static inline bool put_key(struct buf *b, const struct op *op)
{
	char *p = put_room(b, OP_ROOM);

	if (!p)
		return false;
	memcpy(p, op->key, PLAN_KEY);
	b->len += op->key_len;
	return true;
}

static void put_bits(struct encoder *x, struct buf *b, const struct name_table *t, uint64_t v)
{
	struct bits_text *c = &x->bits[(v * 0x9e3779b97f4a7c15ULL >> 40) % BITS_CACHED];
	size_t before = b->len;

	if (c->len && c->v == v && c->names == t) {
		put_bytes(b, c->text, c->len);
		return;
	}
	put_json_bits(b, t, v);
	if (b->failed || b->len - before > BITS_ROOM)
		return;
	c->names = t;
	c->v = v;
	c->len = (uint32_t)(b->len - before);
	memcpy(c->text, b->p + before, c->len);
}

/* put_time, with the second before it remembered. */
static char *put_clock(struct encoder *x, char *p, uint64_t ns)
{
	uint64_t second = ns / 1000000000;

	if (second != x->second) {
		put_seconds(x->second_text, second);
		x->second = second;
	}
	memcpy(p, x->second_text, PUT_SECONDS);
	return put_fraction(p + PUT_SECONDS, (uint32_t)(ns - second * 1000000000));
}

/* Room for the key and the number is there: put_key asked for it. */
static void put_number(struct encoder *x, struct buf *b, const struct op *op, uint64_t u)
{
	char *p = b->p + b->len;

	switch (op->class) {
	case EV_CLASS_UINT:
		if (u <= INT64_MAX)
			p = put_uint(p, u);
		else
			put_json_uint(b, u), p = b->p + b->len;
		break;
	case EV_CLASS_BOOL: p = u ? stpcpy(p, "true") : stpcpy(p, "false"); break;
	case EV_CLASS_INT:
		u = (uint64_t)((int64_t)(u << (64 - 8 * op->size)) >> (64 - 8 * op->size));
		if ((int64_t)u < 0)
			*p++ = '-';
		p = put_uint(p, (int64_t)u < 0 ? 0 - u : u);
		break;
	case EV_CLASS_HEX: *p++ = '"', p = put_hex16(p, u), *p++ = '"'; break;
	case EV_CLASS_OCTAL: *p++ = '"', p = put_octal(p, u), *p++ = '"'; break;
	case EV_CLASS_TIME:
		*p++ = '"', p = put_clock(x, p, u + (uint64_t)x->clock_offset_ns), *p++ = '"';
		break;
	case EV_CLASS_ENUM:
		if (op->texts && u < op->f->names->count && op->texts[u].len) {
			memcpy(p, op->texts[u].text, sizeof(op->texts->text));
			b->len += op->texts[u].len;
			return;
		}
		put_json_enum(b, op->f->names, u), p = b->p + b->len;
		break;
	case EV_CLASS_BITS:
		if (op->f->names == &type_names_OFLAGS)
			u = oflags_bits(u);
		put_bits(x, b, op->f->names, u), p = b->p + b->len;
		break;
	default: break;
	}
	b->len = (size_t)(p - b->p);
	put_char(b, ',');
}

static void put_text(struct encoder *x, struct buf *b, const struct op *op, struct str s)
{
	size_t at;

	if (!s.p || (!s.len && op->absence != ABSENT_NEVER) || !put_key(b, op))
		return;
	at = b->len;
	switch (op->class) {
	case EV_CLASS_LIST: x->encoded |= put_json_list(b, s); break;
	case EV_CLASS_JSON:
		put_bytes(b, s.p, s.len);
		x->encoded |= json_has_encoded(s);
		break;
	default: x->encoded |= put_json_string(b, s);
	}
	/* What came out as long as it went in is the same and safe: struct doc can point to it. */
	if (op->span && b->len - at == (size_t)s.len + 2)
		x->spans[op->span] = (struct span){ (uint32_t)at + 1, s.len };
	put_char(b, ',');
}

static void put_value(struct encoder *x, struct buf *b, struct event *e, const struct op *op,
		      const char *base)
{
	const char *at = base + op->offset;
	struct value v;
	uint64_t u;

	switch (op->class) {
	case EV_CLASS_STR:
	case EV_CLASS_PATH:
	case EV_CLASS_LIST:
	case EV_CLASS_JSON:
		if (op->base != BASE_RAW)
			put_text(x, b, op, *(const struct str *)at);
		else if (event_get(e, op->f, &v))
			put_text(x, b, op, v.s);
		return;
	case EV_CLASS_COMM:
		put_text(x, b, op, (struct str){ at, (uint32_t)strnlen(at, EV_COMM_LEN) });
		return;
	case EV_CLASS_IP:
		if (((const struct ev_ip *)at)->family && put_key(b, op)) {
			put_json_ip(b, (const struct ev_ip *)at);
			put_char(b, ',');
		}
		return;
	default: break;
	}
	u = number(at, op->size);
	if (op->absence == ABSENT_ZERO && !u)
		return;
	if (op->absence == ABSENT_MINUS_ONE && u == ~0ULL >> (64 - 8 * op->size))
		return;
	if (!put_key(b, op))
		return;
	if (op->span == SPAN_KEY)
		x->spans[SPAN_KEY] = (struct span){ (uint32_t)b->len + 1, 16 };
	put_number(x, b, op, u);
}

static void close_object(struct buf *b, size_t opened_at)
{
	if (b->p[b->len - 1] != ',') {
		b->len = opened_at;
		return;
	}
	b->p[b->len - 1] = '}';
	put_char(b, ',');
}

/* Everything in f is of the place where its text now begins. */
static void put_fragment(struct encoder *x, struct buf *b, const struct fragment *f)
{
	uint32_t at = (uint32_t)b->len;

	put_bytes(b, f->text, f->len);
	x->encoded |= f->encoded;
	for (uint32_t s = 0; s < SPAN_MAX; s++)
		if (f->spans[s].len)
			x->spans[s] = (struct span){ at + f->spans[s].off, f->spans[s].len };
}

static void keep_fragment(struct encoder *x, const struct buf *b, size_t at, uint32_t number,
			  struct fragment *f)
{
	size_t len = b->len - at;

	if (b->failed || len > FRAGMENT_ROOM)
		return;
	f->key = x->key;
	f->number = number;
	f->encoded = x->encoded;
	f->len = (uint32_t)len;
	memcpy(f->text, b->p + at, len);
	for (uint32_t s = 0; s < SPAN_MAX; s++) {
		f->spans[s] = (struct span){ 0 };
		if (x->spans[s].len && x->spans[s].off >= at)
			f->spans[s] =
				(struct span){ x->spans[s].off - (uint32_t)at, x->spans[s].len };
	}
}

static void run_ops(struct encoder *x, struct buf *b, struct event *e, const struct op *op,
		    uint32_t count);

/* What the steps behind op write: copied where it is known, else written and kept. */
static void run_fragment(struct encoder *x, struct buf *b, struct event *e, const struct op *op)
{
	struct fragment *f = x->keeps ? fragment_slot(x->fragments, op->offset, &x->key) : NULL;
	bool encoded = x->encoded;
	size_t at = b->len;

	if (f && fragment_fits(f, op->offset, &x->key)) {
		put_fragment(x, b, f);
		return;
	}
	x->encoded = false;
	run_ops(x, b, e, op + 1, op->count);
	if (f)
		keep_fragment(x, b, at, op->offset, f);
	x->encoded |= encoded;
}

static void run_ops(struct encoder *x, struct buf *b, struct event *e, const struct op *op,
		    uint32_t count)
{
	size_t opened[PLAN_DEPTH];
	uint32_t depth = 0;

	for (const struct op *end = op + count; op < end && !b->failed; op++) {
		switch (op->kind) {
		case OP_VALUE:
			if (x->bases[op->base])
				put_value(x, b, e, op, x->bases[op->base]);
			break;
		case OP_TEXT: put_key(b, op); break;
		case OP_OPEN:
			opened[depth++] = b->len;
			put_key(b, op);
			break;
		case OP_CLOSE: close_object(b, opened[--depth]); break;
		case OP_ENCODED:
			if (x->encoded && put_key(b, op))
				put_bytes(b, "true,", 5);
			break;
		case OP_FRAGMENT:
			run_fragment(x, b, e, op);
			op += op->count;
			break;
		}
	}
}

static void run_plan(struct encoder *x, struct buf *b, struct event *e, const struct plan *p,
		     const struct ctx_doc *doc)
{
	x->bases[BASE_RAW] = (const char *)e->raw;
	for (uint32_t g = 0; g < CTX_MAX; g++)
		x->bases[BASE_CTX + g] = e->ctx[g];
	x->bases[BASE_CTX + CTX_DOC] = (const char *)doc;
	x->keeps = fragment_key(&x->key, e);
	put_char(b, '{');
	run_ops(x, b, e, p->ops, p->count);
	if (b->failed)
		return;
	b->p[b->len - 1] = '}';
	put_char(b, '\n');
}

/* boot-run-cpu-seq; "loss" for the CPU where the sequence is the consumer's own. */
static void put_event_id(const struct encoder *x, struct buf *b, uint32_t kind, uint32_t cpu,
			 uint64_t seq)
{
	char text[2 * PUT_NUMBER + 1], *p = text;

	buf_lit(b, x->id_prefix);
	p = kind == EV_LOSS ? stpcpy(p, "loss") : put_uint(p, cpu);
	*p++ = '-';
	p = put_uint(p, seq);
	buf_add(b, text, (size_t)(p - text));
}

static void make_ids(struct encoder *x, const struct event *e, const struct match *m,
		     struct ctx_doc *doc)
{
	bool loss = e->kind->kind == EV_LOSS;
	struct buf *b = &x->ids;
	uint32_t len;

	buf_reset(b);
	put_event_id(x, b, e->kind->kind, e->raw->cpu, e->raw->seq);
	len = (uint32_t)b->len;
	if (m) {
		buf_lit(b, m->held ? "/suppressed/" : "/alert/");
		buf_str(b, m->policy->name);
	} else {
		buf_lit(b, loss ? "/loss" : "/record");
	}
	doc->event_id = (struct str){ b->p, len };
	doc->document_id = (struct str){ b->p, (uint32_t)b->len };
}

static void tell_window(struct encoder *x, const struct window_report *w, struct ctx_doc *doc)
{
	doc->window_start_ns = w->start_ns;
	doc->window_count = w->count;
	doc->window_lower_bound = w->lower_bound;
	if (!w->nevidence)
		return;
	buf_reset(&x->evidence);
	buf_char(&x->evidence, '[');
	for (uint32_t i = 0; i < w->nevidence; i++) {
		const struct evidence *v = &w->evidence[i];

		buf_lit(&x->evidence, i ? ",{\"event\":{\"id\":\"" : "{\"event\":{\"id\":\"");
		put_event_id(x, &x->evidence, v->kind, v->cpu, v->seq);
		buf_char(&x->evidence, '"');
		buf_str(&x->evidence, v->json);
	}
	buf_char(&x->evidence, ']');
	if (!x->evidence.failed)
		doc->evidence = (struct str){ x->evidence.p, (uint32_t)x->evidence.len };
}

static void tell_held(const struct held_report *r, struct ctx_doc *doc)
{
	doc->held_first_ns = r->first_ns;
	doc->held_last_ns = r->last_ns;
	doc->held_until_ns = r->until_ns;
	doc->held_key = r->key;
}

static void make_doc(struct encoder *x, struct event *e, const struct match *m, struct ctx_doc *doc)
{
	const struct policy *p = m ? m->policy : NULL;

	*doc = (struct ctx_doc){
		.time_ns = m && m->time_ns ? m->time_ns : e->raw->time_ns,
		.kind = m                          ? DOC_ALERT
			: e->kind->kind == EV_LOSS ? DOC_METRIC
						   : DOC_EVENT,
		.action = e->kind->kind,
		.category = str_of(e->kind->category),
		.hook = e->raw->hook,
	};
	make_ids(x, e, m, doc);
	if (p) {
		doc->severity = p->severity;
		doc->severity_num = p->severity < SEV_MAX ? severity_numbers[p->severity] : 0;
		doc->rule_name = p->name;
		doc->rule_description = p->description;
		doc->tags = p->tags;
		doc->matched = m->matched;
		doc->suppressed = m->suppressed;
		doc->message = m->message;
	}
	if (m && m->window)
		tell_window(x, m->window, doc);
	if (m && m->held)
		tell_held(m->held, doc);
	if (!doc->message.len) {
		buf_reset(&x->message);
		message_default(&x->message, e);
		doc->message = (struct str){ x->message.p, (uint32_t)x->message.len };
	}
}

/* The value's place in the JSON, or a copy of it as safe text after it. */
static struct span place(struct encoder *x, struct buf *b, enum op_span s, struct str value,
			 bool safe)
{
	uint32_t off = (uint32_t)b->len;

	if (x->spans[s].len || !value.len)
		return x->spans[s];
	if (safe)
		put_bytes(b, value.p, value.len);
	else
		text_escape(b, value);
	return (struct span){ off, (uint32_t)b->len - off };
}

static void finish(struct encoder *x, struct buf *b, struct event *e, const struct ctx_doc *c,
		   struct doc *d)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];
	uint32_t off;

	d->time_ns = c->time_ns + (uint64_t)x->clock_offset_ns;
	d->message = place(x, b, SPAN_MESSAGE, c->message, true);
	d->rule = place(x, b, SPAN_RULE, c->rule_name, false);
	d->id = place(x, b, SPAN_ID, c->document_id, false);
	d->key = x->spans[SPAN_KEY];
	d->process = place(x, b, SPAN_PROCESS, p ? p->name : (struct str){ 0 }, false);
	d->pid = e->raw->tgid;
	d->event_kind = e->kind->kind;
	d->kind = c->kind;
	d->severity = c->severity;
	if (!x->want_text)
		return;
	off = (uint32_t)b->len;
	message_line(b, e, &(struct line_head){ d->time_ns, c->severity, c->rule_name, c->message },
		     &d->text_mark);
	d->text = (struct span){ off, (uint32_t)b->len - off };
}

int encoder_add(struct encoder *x, struct batch *b, struct event *e, const struct match *m)
{
	struct buf *out = &b->data;
	struct doc d = { 0 };
	struct ctx_doc doc;
	size_t before = out->len;

	if (m && m->event)
		e = m->event;
	if (!schema_kind_is_public(e->kind))
		return -EINVAL;
	if (b->ndocs == b->cap_docs)
		return -ENOSPC;
	if (m && m->policy->action == POLICY_RECORD)
		m = NULL;
	make_doc(x, e, m, &doc);
	x->encoded = false;
	memset(x->spans, 0, sizeof(x->spans));
	run_plan(x, out, e, &x->plans[e->kind->kind][doc.kind], &doc);
	d.json = (struct span){ (uint32_t)before, (uint32_t)(out->len - before) };
	if (!out->failed)
		finish(x, out, e, &doc, &d);
	if (out->failed || x->ids.failed) {
		out->len = before;
		out->failed = false;
		return b->ndocs && !x->ids.failed ? -ENOSPC : -EMSGSIZE;
	}
	b->docs[b->ndocs++] = d;
	b->nalerts += d.kind == DOC_ALERT;
	return 0;
}

static int make_plans(struct encoder *x)
{
	const struct event_kind *k;
	int rc = 0;

	for (uint32_t i = 0; i < EV_MAX && !rc; i++) {
		k = schema_kind(i);
		if (!k || !schema_kind_is_public(k))
			continue;
		for (uint32_t d = DOC_ALERT; d < DOC_KIND_MAX && !rc; d++)
			if ((d == DOC_METRIC) == (i == EV_LOSS) || d == DOC_ALERT)
				rc = plan_new(&x->plans[i][d], k, d);
	}
	return rc;
}

/* Kinds of events share the fragments that they have in common. */
static int number_fragments(struct encoder *x)
{
	const struct op *known[FRAGMENTS_MAX];
	uint32_t n = 0, i;

	for (uint32_t k = 0; k < EV_MAX * DOC_KIND_MAX; k++) {
		struct plan *p = &x->plans[k / DOC_KIND_MAX][k % DOC_KIND_MAX];

		for (uint32_t at = 0; at < p->count; at++) {
			struct op *op = &p->ops[at];

			if (op->kind != OP_FRAGMENT)
				continue;
			for (i = 0; i < n && !plan_same_fragment(known[i], op); i++)
				;
			if (i == FRAGMENTS_MAX)
				return -EINVAL;
			if (i == n)
				known[n++] = op;
			op->offset = (uint16_t)(i + 1);
		}
	}
	return 0;
}

int encoder_new(struct encoder **out, const struct encoder_cfg *cfg)
{
	struct encoder *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	x->clock_offset_ns = cfg->clock_offset_ns;
	x->want_text = cfg->text;
	put_seconds(x->second_text, x->second);
	snprintf(x->id_prefix, sizeof(x->id_prefix), "%.*s-%.*s-",
		 (int)MIN(cfg->boot_id.len, (uint32_t)BOOT_SHORT), cfg->boot_id.p,
		 (int)MIN(cfg->run_id.len, (uint32_t)RUN_SHORT), cfg->run_id.p);
	x->ids.max = IDS_ROOM;
	x->message.max = MESSAGE_ROOM;
	x->evidence.max = EVIDENCE_ROOM;
	rc = buf_reserve(&x->ids, IDS_ROOM);
	if (!rc)
		rc = buf_reserve(&x->message, MESSAGE_ROOM);
	if (!rc)
		rc = buf_reserve(&x->evidence, EVIDENCE_ROOM);
	if (!rc)
		rc = make_plans(x);
	if (!rc)
		rc = number_fragments(x);
	x->fragments = calloc(FRAGMENT_SLOTS, sizeof(*x->fragments));
	if (!x->fragments)
		rc = -ENOMEM;
	if (rc) {
		encoder_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

void encoder_free(struct encoder *x)
{
	if (!x)
		return;
	for (uint32_t i = 0; i < EV_MAX; i++)
		for (uint32_t d = 0; d < DOC_KIND_MAX; d++)
			plan_free(&x->plans[i][d]);
	free(x->fragments);
	buf_free(&x->ids);
	buf_free(&x->message);
	buf_free(&x->evidence);
	free(x);
}
