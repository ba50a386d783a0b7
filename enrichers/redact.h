/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Secrets out of arguments and environment: what a pattern matches becomes ***, its first group
 * where it has one. Applied once, when an image is made. Consumer thread.
 */
#ifndef TOCSIN_REDACT_H
#define TOCSIN_REDACT_H

#include "pipeline/option.h"

struct redactor;

/* 0; -EINVAL when a pattern does not compile; -ENOMEM. */
int redactor_new(struct redactor **out, const struct opt_list *patterns);
void redactor_free(struct redactor *r);
/* Appends text to out, at most the first EV_ARGS_MAX bytes of it. Patterns see a NUL as a space,
 * and not the one at the end; NULs stay, also inside of what is replaced, so that a LIST keeps
 * its items. Where a pattern needs more work than it may do, all of the text is replaced. */
void redact(struct redactor *r, struct buf *out, struct str text);
/* Times a pattern gave up. */
uint64_t redactor_gave_up(const struct redactor *r);

/* Items NAME=value of the LIST whose NAME one of the globs (* and ?) fits, each redacted. */
void redact_env(struct redactor *r, struct buf *out, struct str env, const struct opt_list *names);
bool glob_fits(struct str glob, struct str name);

#endif
