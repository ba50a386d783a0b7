/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One event on its way through the consumer thread: a raw record that passed validation, the
 * context the enrichers gave it, and memory that lasts until the next event. Only the consumer
 * thread touches it.
 */
#ifndef TOCSIN_EVENT_H
#define TOCSIN_EVENT_H

#include "pipeline/schema.h"

struct event {
	const struct ev_hdr *raw;	/* valid only while the record is being handled */
	const struct event_kind *kind;
	const void *ctx[CTX_MAX];	/* struct ctx_* of each group; NULL: the group is absent */
	/* Of what ctx points to: an enricher gives the same number again only for the same content,
	 * strings included, so that what was made of it can be used again. 0: it gives none. */
	uint64_t version[CTX_MAX];
	/* Of the process context: the same number is given again only for the same content but for
	 * start_ns, sid and pgid. 0: none is given. */
	uint64_t image;
	struct arena *arena;
	/* Raw PATH fields are turned round once, at their first use: by the field's `group`.
	 * p NULL: not yet. */
	struct str paths[EVENT_PATHS];
	int64_t clock_offset_ns;	/* CLOCK_REALTIME - CLOCK_BOOTTIME; set once, survives event_validate */
};

/* Is this record whole: known kind and ABI, lengths and references inside `len`, LIST and PATH
 * well formed? 0 and *e filled (ctx cleared, arena reset), or -EINVAL with *why set to a
 * constant text. `len` is what the ring or file said. Trusts nothing in the record. */
int event_validate(struct event *e, struct arena *arena, const void *rec, uint32_t len, const char **why);

struct value {
	uint8_t class;	/* enum ev_class */
	union {
		uint64_t u;	/* UINT BOOL OCTAL HEX ENUM BITS; TIME: ns since 1970 */
		int64_t i;	/* INT */
		struct str s;	/* STR PATH COMM LIST JSON */
		struct ev_ip ip;
	};
};

/* The value of a field of e's kind. False: absent. PATH comes as "/etc/passwd"; an incomplete
 * path has no leading slash, and a deleted one ends in " (deleted)". Strings point into the
 * record, a context or the arena. OFLAGS: O_RDONLY, which is no bit in f_flags, is one here
 * (names.h). */
bool event_get(struct event *e, const struct field *f, struct value *v);

/* Components leaf first ("passwd\0etc\0") to "/etc/passwd"; flags: enum ev_path_flag bits.
 * Memory from the arena; {NULL, 0} when it is full. */
struct str event_path(struct arena *arena, struct str components, uint32_t flags);

/* Flags of the PATH in a slot of a record of kind k: the n-th PATH of a kind has the n-th PATHFLAGS
 * beside it. */
uint32_t event_path_flags(const struct event_kind *k, const void *rec, uint32_t slot);

#endif
