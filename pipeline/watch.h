/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tells when files or directories may have changed, through inotify(7). A file is looked at when
 * a writer has closed it, or when it was renamed, linked or deleted; never while it is being
 * written. What is said to have changed need not have: the reader compares contents.
 * One thread.
 */
#ifndef TOCSIN_WATCH_H
#define TOCSIN_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch;

/* 0 or negative errno. */
int watch_new(struct watch **out);
void watch_free(struct watch *w);
/* Watches a path as well: the entries of a directory and of the directories in it, or the one
 * file; its appearance, if it is not there yet; and where symbolic links of it lead. Again after
 * each change: what is new in a directory is then found. 0; -ENOSPC when fs.inotify's limits are
 * reached, or another negative errno: changes below it may go unseen. */
int watch_add(struct watch *w, const char *path);
/* Readable when something happened. */
int watch_fd(const struct watch *w);
/* Reads what happened. True: a watched path may have changed. */
bool watch_read(struct watch *w);

#endif
