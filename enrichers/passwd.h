/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Names of ids from a file in the form of passwd(5) or group(5), kept in memory and read again
 * when the file changed.
 */
#ifndef TOCSIN_PASSWD_H
#define TOCSIN_PASSWD_H

#include <sys/stat.h>

#include "pipeline/str.h"

enum {
	PASSWD_FILE_MAX = 8 << 20,	/* bytes of the file that are read */
	PASSWD_NAME_MAX = 256,		/* longer names are left out */
};

struct passwd_entry {
	uint32_t id;
	uint32_t line;	/* the first line of an id counts, as for getpwuid(3) */
	struct str name;
};

struct passwd_file {
	const char *path;
	struct stat seen;	/* of the text in memory */
	struct buf text;
	struct passwd_entry *entries;	/* by id, then line */
	uint32_t count;
};

void passwd_init(struct passwd_file *f, const char *path);	/* path is kept */
/* Reads the file again where it changed, then finds the name. False: no such id, or the file
 * cannot be read. The name is valid until the next call. */
bool passwd_name(struct passwd_file *f, uint32_t id, struct str *name);
/* Entries from a text that the caller keeps: what passwd_name does after reading. 0 or -ENOMEM. */
int passwd_parse(struct passwd_file *f, struct str text);
bool passwd_find(const struct passwd_file *f, uint32_t id, struct str *name);
void passwd_free(struct passwd_file *f);

#endif
