/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Raw records for tests: any kind, with variable data, valid unless the test breaks it.
 *
 *	struct rec r;
 *	rec_begin(&r, EV_OPEN);
 *	rec_path(&r, &REC(&r, open)->path, "/etc/shadow");
 *	rec_end(&r);
 *	event_validate(&e, &arena, r.b, r.len, &why);
 */
#ifndef TOCSIN_TEST_RECORD_H
#define TOCSIN_TEST_RECORD_H

#include "pipeline/event.h"

struct rec {
	union {
		struct ev_hdr h;
		uint64_t align;
		char b[EV_REC_MAX];
	};
	uint32_t len; /* bytes used; after rec_end those of the whole record */
};

#define REC(r, stem) ((struct ev_##stem *)(r)->b)

/* The fixed part, as compose_fixed (pipeline/compose.h) makes it: a header of process 1234 (exec_id 0x1234,
 * parent's 0x1000), user 1000, 5 s after boot. */
void rec_begin(struct rec *r, enum ev_kind kind);
/* Variable data, appended; ref is a member of r. NULL data leaves the field absent. */
void rec_bytes(struct rec *r, struct ev_ref *ref, const void *p, size_t n);
void rec_str(struct rec *r, struct ev_ref *ref, const char *s);
void rec_path(struct rec *r, struct ev_ref *ref, const char *path); /* "/etc/passwd" or "a/b" */
void rec_list(struct rec *r, struct ev_ref *ref, const char *const *items); /* NULL-terminated */
void rec_ip(struct ev_ip *ip, const char *text); /* "10.0.0.1", "::1"; NULL: absent */
void rec_end(struct rec *r); /* pads to 8 bytes and writes the length */

/* Whole records. exec_id and pid go into the header. */
void rec_fork(struct rec *r, uint32_t pid, uint64_t exec_id, uint32_t child_pid,
	      uint64_t child_exec_id);
void rec_exec(struct rec *r, uint32_t pid, uint64_t old_exec_id, uint64_t exec_id,
	      uint64_t parent_exec_id, const char *executable, const char *const *args);
void rec_exit(struct rec *r, uint32_t pid, uint64_t exec_id, uint32_t code, uint32_t signal);
void rec_open(struct rec *r, uint32_t pid, uint64_t exec_id, const char *path, uint32_t flags);
void rec_open_failed(struct rec *r, uint32_t pid, uint64_t exec_id, const char *requested,
		     uint32_t error);
void rec_connect(struct rec *r, uint32_t pid, uint64_t exec_id, const char *ip, uint16_t port);
void rec_accept(struct rec *r, uint32_t pid, uint64_t exec_id, const char *peer, uint16_t port);
void rec_loss(struct rec *r, uint32_t kind, uint32_t cpu, uint64_t count);

#endif
