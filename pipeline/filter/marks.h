/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Marks of running processes (bpf/marks.h) by what the process table knows of them, for those of
 * which the kernel has forgotten it: children of what ended, programs that were renamed. Consumer
 * thread, between two events.
 */
#ifndef TOCSIN_FILTER_MARKS_H
#define TOCSIN_FILTER_MARKS_H

#include "enrichers/enricher.h"

struct filter_block;
struct filter_processes;
struct marker;

/* For a block of bytes, a power of two, that must outlive it. NULL without memory. */
struct marker *marker_new(const struct filter_block *block, size_t bytes);
void marker_add(void *marker, const struct running *r);	/* a running_fn */
/* What was added, as far as there was room, in arrays of malloc; frees m. */
void marker_end(struct marker *m, struct filter_processes *out);
/* Marks of a program by the text that events have of it. *odd: bits may be too many. */
uint64_t marker_program(struct marker *m, struct str executable, bool *odd);

#endif
