/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A regular file of bounded size, read whole. What could block a reader or never end (FIFO,
 * device) is refused before it is opened.
 */
#ifndef TOCSIN_SLURP_H
#define TOCSIN_SLURP_H

#include "pipeline/str.h"

/* Appends the file to the empty buffer b, which the caller frees. 0, or negative errno with why
 * filled: of open and read, -EISDIR, -EINVAL not a regular file, -E2BIG more than max bytes. */
int slurp(const char *file, uint32_t max, struct buf *b, char *why, size_t why_len);

#endif
