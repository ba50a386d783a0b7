/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The documents of the files that a command was given, decoded one after the other.
 */
#ifndef TOCSIN_DOCUMENTS_H
#define TOCSIN_DOCUMENTS_H

#include "pipeline/decode.h"

struct documents {
	const char *command; /* for messages */
	struct compose *compose;
	/* Is given each document. 0, or a negative errno, which ends the reading. */
	int (*fn)(void *arg, const struct decoded *d);
	void *arg;
	bool bad; /* something could not be read: it was told on standard error and left out */
};

/* "-" is standard input. 0, what fn returned, or -ENOMEM. */
int documents_read(struct documents *r, const char *name);

#endif
