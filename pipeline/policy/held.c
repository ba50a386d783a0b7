/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * held.h. A heap of places, the one whose time is over first on top; of equal times the one that
 * began first, so that a replay tells in the same order.
 */
#include "pipeline/policy/held.h"

#include <errno.h>

#include "pipeline/encode.h"
#include "pipeline/event_copy.h"
#include "pipeline/policy/ops.h"
#include "pipeline/policy/suppress.h"
#include "pipeline/util.h"

enum { NAME_BYTES = 128, NO_COPY = UINT16_MAX };

struct note {
	uint64_t first_ns, last_ns, until_ns;
	uint64_t began; /* numbers the notes */
	uint64_t id;
	uint32_t at; /* in the heap */
	uint32_t event_len;
	uint16_t copy, key_len;
	uint8_t name_len, severity, action;
	char name[NAME_BYTES];
	char key[HELD_KEY_BYTES];
	_Alignas(8) char bare[EVENT_BARE_BYTES]; /* the event where there is no copy */
};

struct copy {
	_Alignas(8) char event[HELD_COPY_BYTES];
};

struct held {
	struct note *notes; /* by place */
	struct copy *copies;
	uint32_t *heap, waiting;
	uint16_t free[HELD_COPIES_MAX], nfree;
	uint64_t began;
	struct event told;
};

/* --- the heap --- */

static bool is_before(const struct held *h, uint32_t a, uint32_t b)
{
	const struct note *x = &h->notes[a], *y = &h->notes[b];

	return x->until_ns != y->until_ns ? x->until_ns < y->until_ns : x->began < y->began;
}

static void put(struct held *h, uint32_t at, uint32_t place)
{
	h->heap[at] = place;
	h->notes[place].at = at;
}

static void rise(struct held *h, uint32_t at, uint32_t place)
{
	for (; at && is_before(h, place, h->heap[(at - 1) / 2]); at = (at - 1) / 2)
		put(h, at, h->heap[(at - 1) / 2]);
	put(h, at, place);
}

static void sink(struct held *h, uint32_t at, uint32_t place)
{
	for (uint32_t next; (next = 2 * at + 1) < h->waiting; at = next) {
		if (next + 1 < h->waiting && is_before(h, h->heap[next + 1], h->heap[next]))
			next++;
		if (!is_before(h, h->heap[next], place))
			break;
		put(h, at, h->heap[next]);
	}
	put(h, at, place);
}

/* --- the key as it is told --- */

/* A value of which at most max bytes of text are told. */
static void add_value(struct buf *b, const struct field *f, struct value v, uint32_t max)
{
	char text[HELD_KEY_BYTES];

	if (OPS_TEXT & 1u << v.class && v.s.len > max) {
		struct str some = str_cut(v.s, max);

		memcpy(text, some.p, some.len);
		memcpy(text + some.len, "…", strlen("…"));
		v.s = (struct str){ text, some.len + (uint32_t)strlen("…") };
	}
	value_json(b, f, &v);
}

static void add_fields(struct buf *b, const struct suppress_item *it, uint32_t max)
{
	buf_char(b, '[');
	for (uint32_t i = 0; i < it->nby; i++) {
		struct value v;

		if (!it->by[i])
			continue;
		buf_lit(b, b->len > 1 ? ",{\"field\":\"" : "{\"field\":\"");
		buf_lit(b, it->by[i]->path);
		buf_char(b, '"');
		if (event_get(it->e, it->by[i], &v)) {
			buf_lit(b, ",\"value\":");
			add_value(b, it->by[i], v, max);
		}
		buf_char(b, '}');
	}
	buf_char(b, ']');
}

/* As much of each text as fits for all. */
static void keep_key(struct note *n, const struct suppress_item *it)
{
	struct buf b = { .p = n->key, .cap = sizeof(n->key), .max = sizeof(n->key) };

	n->key_len = 0;
	for (uint32_t max = it->nby ? HELD_KEY_BYTES / 2 : 0; max; max /= 4) {
		buf_reset(&b);
		add_fields(&b, it, max);
		if (b.failed)
			continue;
		n->key_len = (uint16_t)b.len;
		return;
	}
}

/* --- the event --- */

static void keep_event(struct held *h, struct note *n, const struct event *e)
{
	struct buf b = { .p = n->bare, .cap = sizeof(n->bare), .max = sizeof(n->bare) };

	n->copy = NO_COPY;
	if (h->nfree) {
		uint16_t free = h->free[h->nfree - 1];
		struct buf whole = { .p = h->copies[free].event,
				     .cap = HELD_COPY_BYTES,
				     .max = HELD_COPY_BYTES };

		event_copy_most(&whole, e);
		if (!whole.failed) {
			h->nfree--;
			n->copy = free;
			n->event_len = (uint32_t)whole.len;
			return;
		}
	}
	event_copy_bare(&b, e);
	n->event_len = (uint32_t)b.len;
}

/* --- */

void held_begin(struct held *h, uint32_t place, const struct suppress_item *it, uint64_t until_ns)
{
	struct note *n = &h->notes[place];
	struct str name = str_cut(it->policy->name, NAME_BYTES);

	n->first_ns = n->last_ns = it->time_ns;
	n->until_ns = until_ns;
	n->began = h->began++;
	n->id = it->id;
	n->severity = it->policy->severity;
	n->action = it->policy->action;
	n->name_len = (uint8_t)name.len;
	memcpy(n->name, name.p, name.len);
	keep_key(n, it);
	keep_event(h, n, it->e);
	rise(h, h->waiting++, place);
}

/* Events of different CPUs are not quite in the order of their time. */
void held_more(struct held *h, uint32_t place, uint64_t time_ns)
{
	struct note *n = &h->notes[place];

	n->first_ns = MIN(n->first_ns, time_ns);
	n->last_ns = MAX(n->last_ns, time_ns);
}

void held_drop(struct held *h, uint32_t place)
{
	struct note *n = &h->notes[place];
	uint32_t last = h->heap[--h->waiting];

	if (n->copy != NO_COPY)
		h->free[h->nfree++] = n->copy;
	if (last == place)
		return;
	rise(h, n->at, last);
	sink(h, h->notes[last].at, last);
}

uint64_t held_next_ns(const struct held *h)
{
	return h->waiting ? h->notes[h->heap[0]].until_ns : UINT64_MAX;
}

uint32_t held_tell(struct held *h, struct arena *a, struct held_told *out)
{
	uint32_t place = h->heap[0];
	struct note *n = &h->notes[place];
	char *mem = n->copy == NO_COPY ? n->bare : h->copies[n->copy].event;

	held_drop(h, place);
	event_restore(&h->told, a, mem, n->event_len);
	*out = (struct held_told){
		.report = { n->first_ns, n->last_ns, n->until_ns, { n->key, n->key_len } },
		.policy = { .name = { n->name, n->name_len },
			    .severity = n->severity,
			    .action = n->action },
		.id = n->id,
		.event = &h->told,
		.whole = n->copy != NO_COPY,
	};
	return place;
}

int held_new(struct held **out, uint32_t places)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->notes = malloc(places * sizeof(*h->notes));
	h->copies = malloc(HELD_COPIES_MAX * sizeof(*h->copies));
	h->heap = malloc(places * sizeof(*h->heap));
	if (!h->notes || !h->copies || !h->heap) {
		held_free(h);
		return -ENOMEM;
	}
	for (h->nfree = 0; h->nfree < HELD_COPIES_MAX; h->nfree++)
		h->free[h->nfree] = (uint16_t)(HELD_COPIES_MAX - 1 - h->nfree);
	*out = h;
	return 0;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	free(h->notes);
	free(h->copies);
	free(h->heap);
	free(h);
}
