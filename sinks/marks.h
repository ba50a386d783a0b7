/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Where documents end in a stream of bytes: a queue of offsets, so that a sink that writes bytes
 * knows which documents are through. Used by one thread.
 */
#ifndef TOCSIN_MARKS_H
#define TOCSIN_MARKS_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

struct marks {
	uint64_t *end; /* ring of cap offsets, ascending */
	uint32_t head, count, cap;
	uint64_t boundary; /* end of the last document popped */
};

/* Room for one more: 0 or -ENOMEM. */
static inline int marks_reserve(struct marks *m)
{
	uint32_t cap = m->cap ? m->cap * 2 : 64;
	uint64_t *p;

	if (m->count < m->cap)
		return 0;
	p = malloc(cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->count; i++)
		p[i] = m->end[(m->head + i) & (m->cap - 1)];
	free(m->end);
	m->end = p;
	m->cap = cap;
	m->head = 0;
	return 0;
}

static inline int marks_push(struct marks *m, uint64_t end)
{
	int rc = marks_reserve(m);

	if (!rc)
		m->end[(m->head + m->count++) & (m->cap - 1)] = end;
	return rc;
}

/* Removes the documents that end at `upto` or before it; returns how many. */
static inline uint32_t marks_pop(struct marks *m, uint64_t upto)
{
	uint32_t n = 0;

	while (m->count && m->end[m->head] <= upto) {
		m->boundary = m->end[m->head];
		m->head = (m->head + 1) & (m->cap - 1);
		m->count--;
		n++;
	}
	return n;
}

static inline void marks_free(struct marks *m)
{
	free(m->end);
	*m = (struct marks){ 0 };
}

#endif
