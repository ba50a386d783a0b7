/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Questions about a running process to /proc, for the live outside. Each checks the start time
 * of what it found under the pid, so another process never answers.
 */
#ifndef TOCSIN_PROC_ASK_H
#define TOCSIN_PROC_ASK_H

#include "pipeline/str.h"

/* Descriptor of /proc/PID where that is the process that started at start_ns (boot time), or
 * negative errno (-ESRCH: another one, or none). Reads through it never reach another process. */
int proc_dir(uint32_t pid, uint64_t start_ns);
/* The start time in the text of /proc/PID/stat, clock ticks. */
bool proc_start_ticks(struct str stat, uint64_t *ticks);
/* "exe" or "cwd": path, NUL, and "deleted" NUL where it is not linked any more. False: it cannot
 * be told, also when " (deleted)" at its end may be the name's own. */
bool proc_link(struct buf *out, uint32_t pid, uint64_t start_ns, const char *name);
/* argv as a LIST; without a NUL at its end it was cut: after EV_ARGS_MAX bytes, or where a page
 * cannot be read. */
bool proc_args(struct buf *out, uint32_t pid, uint64_t start_ns);
bool proc_exists(uint32_t pid, uint64_t start_ns);

#endif
