/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Regular expressions over bytes (PCRE2 syntax, no UTF mode: a byte is a character).
 * Compiled once; matching does not allocate and is bounded: a pattern that needs more than
 * REGEX_STEPS steps on a subject gives -E2BIG instead of hanging the pipeline.
 * A struct regex holds the memory of its last match, so it belongs to one thread at a time.
 */
#ifndef TOCSIN_REGEX_H
#define TOCSIN_REGEX_H

#include "pipeline/str.h"

enum { REGEX_STEPS = 100000 };

struct regex;

struct regex_span {
	uint32_t from, to;	/* bytes of the subject: [from, to) */
};

/* 0; -EINVAL with err filled and *at set to the byte of the pattern that is wrong; -ENOMEM.
 * err and at may be NULL. */
int regex_new(struct regex **out, struct str pattern, char *err, size_t err_len, uint32_t *at);
void regex_free(struct regex *r);

/* The first match at or after byte `start` of the subject. 1 and *m filled (group 1 where the
 * pattern has one and it took part, else the whole match; m may be NULL); 0: none; -E2BIG: gave up. */
int regex_match(struct regex *r, struct str subject, uint32_t start, struct regex_span *m);

#endif
