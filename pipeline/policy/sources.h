/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The files that a policy set was made of, with their texts: a file that goes bad is read from
 * here. Load time.
 */
#ifndef TOCSIN_POLICY_SOURCES_H
#define TOCSIN_POLICY_SOURCES_H

#include "pipeline/policy/strmap.h"

struct source {
	char *path;
	char *text;		/* owned, len bytes */
	uint32_t len;
	uint32_t entries;	/* policies, lists, macros and overrides; 0 for a file of values */
	bool values;		/* a file of values */
};

struct sources {
	struct source *items;
	uint32_t count;
	struct strmap places;	/* by path: 1 + place in items */
};

/* Copies both. 0 or -ENOMEM. */
int sources_add(struct sources *s, const char *path, struct str text, uint32_t entries, bool values);
/* The first that was added with the path; NULL. */
const struct source *sources_find(const struct sources *s, const char *path);
void sources_free(struct sources *s);

/* Of the files of an earlier set, items[i]: use[i], it is read from there and not from disk; bad[i],
 * it was read and has an error. */
struct kept {
	const struct sources *from;
	bool *use, *bad;
};

/* The text to read in place of the file, or NULL; kept may be NULL. */
const struct source *kept_text(const struct kept *k, const char *path);
/* The file has an error; k may be NULL. */
void kept_is_bad(struct kept *k, const char *path);

#endif
