/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A file written as a whole or not at all.
 */
#ifndef TOCSIN_REPLACE_H
#define TOCSIN_REPLACE_H

#include "pipeline/str.h"

/* Makes text the content of the file, which is there or not. Who reads it meanwhile has the old or the
 * new one whole; the mode of one that is there stays, and a symbolic link goes on pointing to it. What is
 * no regular file (a device, a FIFO) is written to. It is made beside as path.new. 0 or a negative errno:
 * then a file is as it was. */
int replace_file(const char *path, struct str text);
/* Writes all of it to a descriptor that blocks. 0 or a negative errno: then some of it may be written. */
int write_whole(int fd, const void *data, size_t len);

#endif
