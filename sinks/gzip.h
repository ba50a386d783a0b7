/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Compresses the rotated files of a directory in a thread of its own, oldest first. The only
 * user of zlib.
 */
#ifndef TOCSIN_GZIP_H
#define TOCSIN_GZIP_H

#include "sinks/file_dir.h"

struct gzipper;

/* d must outlive it. Starts with what an earlier run left. */
int gzipper_new(struct gzipper **out, struct file_dir *d);
void gzipper_wake(struct gzipper *g); /* a file was rotated */
uint64_t gzipper_done(const struct gzipper *g); /* files compressed so far */
int gzipper_take_error(struct gzipper *g); /* positive errno of the last failure, or 0 */
/* Gives up the file at hand (the next run starts it anew) and ends the thread. */
void gzipper_free(struct gzipper *g);

#endif
