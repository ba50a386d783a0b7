/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Problems found in input: collected, not printed, so that all of a file are reported at once as
 * `file:line:column: reason`.
 */
#ifndef TOCSIN_DIAG_H
#define TOCSIN_DIAG_H

#include <stdint.h>
#include <stdio.h>

#include "pipeline/str.h"

struct diag {
	char *file;		/* as the user named it */
	uint32_t line, column;	/* from 1; 0 unknown */
	char *reason;		/* safe to print: control characters escaped */
	uint8_t warning;	/* 1: the file is still used */
};

struct diags {
	struct diag *items;
	uint32_t count;		/* at most DIAGS_MAX; the rest is counted in dropped, warnings first */
	uint32_t dropped, errors;
	uint32_t warnings;	/* of items */
};

enum { DIAGS_MAX = 1000 };

void diag_add(struct diags *d, const char *file, uint32_t line, uint32_t column, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void diag_warn(struct diags *d, const char *file, uint32_t line, uint32_t column, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Orders the problems from index `first` on, all of one file, by line and column; those of one
 * place stay as they were. */
void diags_sort(struct diags *d, uint32_t first);
/* Appends `file:line:column: reason`, with mark before the reason. */
void diag_text(const struct diag *x, const char *mark, struct buf *b);
void diags_take(struct diags *dst, struct diags *src);	/* moves src's problems to dst; src is empty then */
void diags_print(const struct diags *d, FILE *f);
void diags_free(struct diags *d);	/* leaves it empty and reusable */

#endif
