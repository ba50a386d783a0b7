/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents that Tocsin wrote, read back one after the other: NDJSON, or JSON objects that
 * somebody has laid out over lines. A line that begins with { begins a document, so that a broken
 * one costs no other.
 */
#ifndef TOCSIN_DOCFILE_H
#define TOCSIN_DOCFILE_H

#include <stdio.h>

#include "pipeline/str.h"

enum { DOCFILE_MAX = 4 << 20 }; /* bytes of one document */

struct docfile {
	FILE *f;
	char *line;
	size_t line_room, line_len;
	struct buf text; /* of the document */
	uint32_t at; /* lines read */
	bool pending; /* the line begins the next document */
};

/* "-" is standard input. 0 or -errno. */
int docfile_open(struct docfile *d, const char *name);
/* 1: *json is the text of the next document, good until the next call, which begins in line *at;
 * it may still be no JSON. 0: there is none. -errno: reading failed; -E2BIG: the document that
 * begins there is too long, and reading may go on. */
int docfile_next(struct docfile *d, struct str *json, uint32_t *at);
void docfile_close(struct docfile *d);

#endif
