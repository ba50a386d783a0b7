/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * evidence.h. Where all does not fit, each text is held to a limit in bytes of JSON, in which one byte of
 * a name may be six; the limits and what stands between the texts are less than EVIDENCE_BYTES together.
 */
#include "pipeline/policy/window/evidence.h"

#include "pipeline/json.h"
#include "pipeline/message.h"
#include "pipeline/put.h"

enum {
	STEP_JSON = 140,
	NAME_JSON = 256,
	EXECUTABLE_JSON = 640,
	COMMAND_JSON = 1024,
	ANCESTORS_JSON = 640,
	CONTAINER_JSON = 160,
	MESSAGE_JSON = 800,
	/* In any case, in bytes of the text. */
	EXECUTABLE_TEXT = 256,
	COMMAND_TEXT = 512,
	MESSAGE_TEXT = 1024,
	OTHER_TEXT = 256,
	DOTS = sizeof("…") - 1,
};

_Static_assert(STEP_JSON + NAME_JSON + EXECUTABLE_JSON + COMMAND_JSON + ANCESTORS_JSON +
			       CONTAINER_JSON + MESSAGE_JSON + 400 <
		       EVIDENCE_BYTES,
	       "room for what stands between the texts");

struct writing {
	struct buf *b;
	bool tight; /* the limits in bytes of JSON hold */
};

/* A string of at most text bytes of s, and json bytes in all. */
static void put_cut(const struct writing *w, struct str s, uint32_t text, uint32_t json)
{
	struct str some = str_cut(s, text);
	struct buf *b = w->b;
	size_t at = b->len;

	for (;;) {
		put_json_string(b, some);
		if (some.len < s.len && !b->failed) {
			b->len--;
			buf_lit(b, "…\"");
		}
		if (b->failed || !w->tight || b->len - at <= json)
			return;
		/* As if all of its bytes were as long: less than before, so this ends. */
		some = str_cut(s, (uint32_t)(some.len * (json - DOTS - 2) / (b->len - at)));
		b->len = at;
	}
}

/* key: with the comma before it, its quotes and the colon. */
static void put_member(const struct writing *w, const char *key, struct str s, uint32_t text,
		       uint32_t json)
{
	if (!s.len)
		return;
	buf_lit(w->b, key);
	put_cut(w, s, text, json);
}

/* The nearest that there is room for; … stands for the others. */
static void put_ancestors(const struct writing *w, struct str names)
{
	struct buf *b = w->b;
	size_t end = b->len + ANCESTORS_JSON - sizeof(",\"ancestor_names\":[,\"…\"]");

	buf_lit(b, ",\"ancestor_names\":[");
	for (uint32_t i = 0; names.len && !b->failed; i++) {
		struct str one = str_take(&names);
		size_t at = b->len;

		buf_lit(b, i ? "," : "");
		put_cut(w, one, OTHER_TEXT, NAME_JSON);
		if (b->len <= end)
			continue;
		b->len = at;
		buf_lit(b, i ? ",\"…\"" : "\"…\"");
		break;
	}
	buf_char(b, ']');
}

static void put_process(const struct writing *w, const struct event *e)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];
	struct buf *b = w->b;
	char id[16];

	buf_lit(b, ",\"process\":{\"pid\":");
	put_json_uint(b, e->raw->tgid);
	buf_lit(b, ",\"entity_id\":\"");
	put_hex16(id, e->raw->exec_id);
	buf_add(b, id, sizeof(id));
	buf_char(b, '"');
	if (p) {
		put_member(w, ",\"name\":", p->name, OTHER_TEXT, NAME_JSON);
		put_member(w, ",\"executable\":", p->executable, EXECUTABLE_TEXT, EXECUTABLE_JSON);
		put_member(w, ",\"command_line\":", p->command_line, COMMAND_TEXT, COMMAND_JSON);
	}
	if (l && l->names.len)
		put_ancestors(w, l->names);
	buf_lit(b, "},\"user\":{\"id\":");
	put_json_uint(b, e->raw->uid);
	buf_char(b, '}');
}

static void put_all(const struct writing *w, const struct event *e, struct str step,
		    struct str message)
{
	const struct ctx_cgroup *c = e->ctx[CTX_CGROUP];
	struct buf *b = w->b;
	char time[PUT_TIME];

	buf_lit(b, ",\"action\":\"");
	buf_lit(b, e->kind->name);
	buf_lit(b, "\"},\"@timestamp\":\"");
	buf_add(b, time,
		(size_t)(put_time(time, e->raw->time_ns + (uint64_t)e->clock_offset_ns) - time));
	buf_char(b, '"');
	put_member(w, ",\"step\":", step, OTHER_TEXT, STEP_JSON);
	if (schema_kind_has_process(e->kind))
		put_process(w, e);
	if (c && c->container_id.len) {
		put_member(w, ",\"container\":{\"id\":", c->container_id, OTHER_TEXT,
			   CONTAINER_JSON);
		buf_char(b, '}');
	}
	put_member(w, ",\"message\":", message, MESSAGE_TEXT, MESSAGE_JSON);
	buf_char(b, '}');
}

struct str evidence_make(struct event *e, struct str step, struct arena *scratch)
{
	struct buf message = arena_buf(scratch, EVIDENCE_BYTES);
	struct buf b =
		arena_buf(scratch, 2 * EVIDENCE_BYTES); /* a text is written before it is cut */
	struct writing w = { .b = &b };

	if (!message.p || !b.p)
		return (struct str){ NULL, 0 };
	message_default(&message, e);
	put_all(&w, e, step, (struct str){ message.p, (uint32_t)message.len });
	if (b.failed || b.len > EVIDENCE_BYTES) {
		buf_reset(&b);
		w.tight = true;
		put_all(&w, e, step, (struct str){ message.p, (uint32_t)message.len });
	}
	return b.failed ? (struct str){ NULL, 0 } : (struct str){ b.p, (uint32_t)b.len };
}
