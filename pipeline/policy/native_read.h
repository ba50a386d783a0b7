/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the readers of native policy files share (native_file.c, native_window.c): the file being
 * read, and the values that occur in more than one key. Each reports its own mistakes.
 */
#ifndef TOCSIN_POLICY_NATIVE_READ_H
#define TOCSIN_POLICY_NATIVE_READ_H

#include "pipeline/policy/native.h"

enum {
	READER_NAME_MAX = 128,
	READER_TAG_MAX = 200, /* also of a field's name */
};

struct reader {
	const struct yaml_doc *doc;
	const char *file;
	struct pool *pool;
	struct patterns *patterns;
	struct diags *d;
	struct policy_def *p; /* being read */
	const struct yaml_node *node; /* its map */
	const struct yaml_node *scalar; /* whose text cond_check reports on */
	struct template_scope scope; /* of its message */
	bool no_memory;
};

#define problem(r, n, ...) diag_add((r)->d, (r)->file, (n)->line, (n)->column, __VA_ARGS__)
#define SHOWN(s) (int)MIN((s).len, 100u), (s).p

void *reader_memory(struct reader *r, size_t n, size_t size);
struct str reader_keep(struct reader *r, struct str s);
/* A scalar of at most max bytes, with something in it. */
bool reader_text(struct reader *r, const struct yaml_node *n, const char *key, uint32_t max);
/* Event kinds into p->pub.kinds. False after a report, or where n is NULL: they are all kinds then. */
bool reader_on(struct reader *r, const struct yaml_node *n);
/* A condition about events of p->pub.kinds; NULL after a report. */
struct cond *reader_expression(struct reader *r, const struct yaml_node *n, const char *key);
/* Reports keys of a map that are not in names. */
void reader_unknown_keys(struct reader *r, const struct yaml_node *map, const char *const *names,
			 uint32_t count, const char *what);
/* 1ns to 30d; 0 after a report. */
uint64_t reader_time(struct reader *r, const struct yaml_node *n, const char *key);

/* native_window.c: the keys `sequence` and `threshold`. A sequence leaves the kinds of the event
 * that the alert is about in p->pub.kinds, a threshold finds them and p->where there. */
void native_sequence(struct reader *r, const struct yaml_node *n);
void native_threshold(struct reader *r, const struct yaml_node *n);
/* Once all keys are read: what does not go with them, and the window's digest. */
void native_window_end(struct reader *r);

#endif
