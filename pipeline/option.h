/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Option tables: one row an option. They fill a config struct from YAML or from key=value text,
 * and give --help, the man page, the config reference and the error texts.
 */
#ifndef TOCSIN_OPTION_H
#define TOCSIN_OPTION_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/str.h"

enum option_type {
	OPT_BOOL,	/* uint32_t 0/1: true false yes no on off */
	OPT_UINT,	/* uint64_t, min..max */
	OPT_SIZE,	/* uint64_t bytes: 4096, 64KiB, 16MiB, 1GiB */
	OPT_DURATION,	/* uint64_t ns: 250ms, 5s, 10m, 24h, 7d */
	OPT_STR,	/* const char *: owned by the config (option_free) */
	OPT_ENUM,	/* uint32_t index into names */
	OPT_LIST,	/* struct opt_list: YAML list, or repeated / comma separated text */
	OPT_TYPE_MAX
};

enum { OPTION_LIST_MAX = 4096 };

struct opt_list {
	char **items;
	uint32_t count;
	uint32_t replace;	/* 1: what is in it is a default, which the next value replaces */
};

struct option {
	const char *key;	/* NULL ends a table */
	uint8_t type;		/* enum option_type */
	uint32_t offset;	/* of the member in the config struct */
	const char *def;	/* default in text form, parsed like input; NULL: zero */
	uint64_t min, max;	/* UINT, SIZE, DURATION (ns), length of STR; both 0: no limit.
				 * LIST: min 1: an empty text is refused */
	const char *const *names;	/* ENUM: NULL-terminated */
	const char *help;
	const char *arg;	/* what help texts call the value: "FILE"; NULL: by type */
};

#define OPT(cfg, member) .offset = offsetof(cfg, member)

/* All defaults into a zeroed cfg. A default that does not parse is a programmer error (assert). */
void option_defaults(const struct option *t, void *cfg);
/* One key. 0; -ENOENT unknown key; -EINVAL or -ERANGE with err filled (names the key, the
 * reason and, for a misspelt key, the nearest one). */
int option_set(const struct option *t, void *cfg, struct str key, struct str value, char *err, size_t err_len);
/* The same for one item of a LIST that may hold commas. */
int option_append(const struct option *t, void *cfg, struct str key, struct str item, char *err, size_t err_len);
/* What the lists hold so far (from a file, say) gives way to the next value instead of growing. */
void option_set_done(const struct option *t, void *cfg);
const struct option *option_find(const struct option *t, struct str key);
/* What stands for the value in help texts: "SIZE", "LIST", all names of an ENUM as "text|json". It may lie
 * in room, a buffer that the caller frees; "VALUE" where memory for the names ran out. */
const char *option_hint(const struct option *o, struct buf *room);
/* The value of a row as text that option_set takes; nothing for a STR or LIST without one. */
void option_text(const struct option *o, const void *cfg, struct buf *out);
/* "key=value,key=value": a piece without '=' continues the value before it (with the comma).
 * Keys unknown to t are tried in t2 (may be NULL) with cfg2. */
int option_parse_list(const struct option *t, void *cfg, const struct option *t2, void *cfg2,
		      struct str text, char *err, size_t err_len);
void option_free(const struct option *t, void *cfg);	/* strings and lists */

#endif
