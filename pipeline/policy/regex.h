/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Regular expressions of policies and of redaction: PCRE2 over bytes, compiled (JIT where the machine allows) at
 * load and bounded at match time, so that no text of an attacker makes a match run long.
 */
#ifndef TOCSIN_POLICY_REGEX_H
#define TOCSIN_POLICY_REGEX_H

#include "pipeline/str.h"

enum { REGEX_MAX_BYTES = 1024, REGEX_MATCH_LIMIT = 100000 };

struct regex;
struct regex_scratch;

/* NULL with err filled when the pattern is wrong. */
struct regex *regex_new(struct str pattern, char *err, size_t err_len);
/* The same where case does not matter: A to Z are a to z. */
struct regex *regex_new_folded(struct str pattern, char *err, size_t err_len);
void regex_free(struct regex *r);

struct regex_scratch *regex_scratch_new(void); /* one a thread; NULL: out of memory */
void regex_scratch_free(struct regex_scratch *s);
/* A match that reaches its limit counts as not found and in regex_limit_hits. */
bool regex_found(const struct regex *r, struct regex_scratch *s, struct str text);
struct regex_span {
	uint32_t from, to; /* bytes of the text: [from, to) */
};

/* The first match at or after byte `start`: 1 and *m (group 1 where the pattern has one and it took
 * part, else the whole match), 0: none, -E2BIG: the limit was reached. */
int regex_find(const struct regex *r, struct regex_scratch *s, struct str text, uint32_t start,
	       struct regex_span *m);
uint64_t regex_limit_hits(const struct regex_scratch *s);

#endif
