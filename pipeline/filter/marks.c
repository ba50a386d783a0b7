/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * marks.h. Texts are those that policies will be asked about, so their marks are right whatever the
 * kernel would find now. Most processes share program and ancestors with others, by reference:
 * answers are kept by address.
 */
#include "pipeline/filter/marks.h"

#include <stdlib.h>

#include "pipeline/filter/walk.h"
#include "pipeline/util.h"
#include "probes/probe.h"

enum { KEPT = 1024, ROOM_FIRST = 512 };

struct answer {
	const char *text; /* NULL: none */
	uint32_t len;
	bool odd;
	uint64_t marks;
};

struct marker {
	const struct filter_block *block;
	size_t bytes;
	struct filter_processes list;
	uint32_t room;
	struct answer programs[KEPT], lists[KEPT];
};

struct marker *marker_new(const struct filter_block *block, size_t bytes)
{
	struct marker *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->block = block;
	m->bytes = bytes;
	return m;
}

static void feed(const struct filter_block *h, struct filter_state *s, char byte)
{
	uint32_t c = filter_fold(&h->program, (uint8_t)byte);

	while (!filter_try(h, &h->program, s, c))
		;
}

/* Walks the text, with a '/' in front where it shall be rooted and is not. */
static uint64_t walk(const struct filter_block *h, struct str s, bool rooted)
{
	const char *last = memrchr(s.p, '/', s.len);
	struct filter_state at = { .last = 0 };

	filter_state_set(h, &h->program, &at, h->program.start, h->program.base);
	if (rooted && s.p[0] != '/') {
		feed(h, &at, '/');
		at.last = !last;
	}
	for (const char *p = s.p; p < s.p + s.len; p++) {
		feed(h, &at, *p);
		at.last |= !last || p >= last;
	}
	filter_found_end(h, &h->program, &at);
	return at.mask;
}

/* A path is all that patterns are made for. The name of a deleted program lacks the word behind, and that
 * of a pseudo file is all of it; with a '/' in it, or if it is a path that is cut, anything may fit. */
static uint64_t marks_of(const struct filter_block *h, struct str s, bool *odd)
{
	const struct str deleted = STR(" (deleted)");
	uint64_t marks = walk(h, s, false);

	*odd = s.p[0] != '/';
	if (*odd)
		return marks | walk(h, s, true) | (memchr(s.p, '/', s.len) ? h->odd : 0);
	if (s.len <= deleted.len || memcmp(s.p + s.len - deleted.len, deleted.p, deleted.len))
		return marks;
	*odd = true;
	return marks | walk(h, str_cut(s, s.len - deleted.len), false);
}

static struct answer *kept(struct answer *all, struct str s)
{
	return &all[((uintptr_t)s.p >> 4 ^ (uintptr_t)s.p >> 14) & (KEPT - 1)];
}

uint64_t marker_program(struct marker *m, struct str executable, bool *odd)
{
	struct answer *a = kept(m->programs, executable);

	*odd = false;
	if (!executable.len)
		return 0;
	if (a->text != executable.p || a->len != executable.len) {
		filter_block_is(m->bytes);
		*a = (struct answer){ .text = executable.p, .len = executable.len };
		a->marks = marks_of(m->block, executable, &a->odd);
	}
	*odd = a->odd;
	return a->marks;
}

static uint64_t marks_of_list(struct marker *m, struct str list)
{
	struct answer *a = kept(m->lists, list);
	const char *p = list.p, *nul;
	bool odd;

	if (!list.len)
		return 0;
	if (a->text == list.p && a->len == list.len)
		return a->marks;
	*a = (struct answer){ .text = list.p, .len = list.len };
	for (; p < list.p + list.len; p = nul + 1) {
		nul = memchr(p, 0, (size_t)(list.p + list.len - p));
		a->marks |= marker_program(m, (struct str){ p, (uint32_t)(nul - p) }, &odd);
	}
	return a->marks;
}

static uint64_t marks_of_ancestors(struct marker *m, const struct running *r)
{
	uint64_t marks = marks_of_list(m, r->above);
	bool odd;

	for (uint32_t i = 0; i < r->nnear; i++)
		marks |= marker_program(m, r->near[i], &odd);
	return marks;
}

static bool make_room(struct marker *m)
{
	uint32_t room = m->room ? 2 * m->room : ROOM_FIRST;
	void *p;

	if (m->list.count < m->room)
		return true;
	if (room > FILTER_PROCESSES)
		return false;
	p = reallocarray(m->list.keys, room, sizeof(*m->list.keys));
	if (!p)
		return false;
	m->list.keys = p;
	p = reallocarray(m->list.values, room, sizeof(*m->list.values));
	if (!p)
		return false;
	m->list.values = p;
	m->room = room;
	return true;
}

void marker_add(void *marker, const struct running *r)
{
	struct marker *m = marker;
	struct filter_lineage l = { .exec_id = r->exec_id, .generation = m->block->generation };
	bool odd = false;

	if (!make_room(m))
		return;
	if (r->known) {
		l.self = marker_program(m, r->executable, &odd);
		l.known = FILTER_LINE_SELF | (odd ? FILTER_MAYBE : 0);
	}
	if (r->whole) {
		l.ancestors = marks_of_ancestors(m, r);
		l.known |= FILTER_LINE_ANCESTORS;
	}
	m->list.keys[m->list.count] =
		(struct filter_process){ .start_ns = r->start_ns, .tgid = r->pid };
	m->list.values[m->list.count++] = l;
}

void marker_end(struct marker *m, struct filter_processes *out)
{
	*out = m->list;
	free(m);
}
