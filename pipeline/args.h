/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A command line read by option tables: a row `ring_size` is --ring-size VALUE or
 * --ring-size=VALUE. A boolean takes its value only after '=': alone it means true.
 */
#ifndef TOCSIN_ARGS_H
#define TOCSIN_ARGS_H

#include <stdio.h>

#include "pipeline/option.h"

struct args {
	int argc;
	char **argv;
	int at;			/* next word; begin with 1 */
	const struct option *const *tables;
	uint32_t ntables;
	bool words_only;	/* after `--` */
};

enum args_what { ARGS_END, ARGS_OPTION, ARGS_WORD, ARGS_HELP };

/* The next thing. OPTION: its row and value; WORD: the value. -EINVAL with err: reading can go on. */
int args_next(struct args *a, const struct option **o, struct str *value, char *err, size_t err_len);

/* The same for a command whose options are all members of cfg: sets them, and moves words to the
 * front of argv, behind its first: *nwords of them (NULL: there are none). Prints problems to
 * standard error: 0, ARGS_HELP, or -EINVAL. */
int args_set(struct args *a, void *cfg, uint32_t *nwords);

void args_name(char *out, size_t len, const struct option *o);	/* "--ring-size" */
/* A line or more for each row, with default and limits; wraps at 80 columns. */
void args_help(FILE *f, const struct option *const *tables, uint32_t ntables);
/* " (from 4KiB to 1GiB; default 16MiB)"; may be nothing. */
void option_limits(const struct option *o, struct buf *out);

#endif
