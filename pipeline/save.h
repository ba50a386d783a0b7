/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A saved stream: the raw records of a run and every answer the enrichers got from outside, each
 * at its place, so that a replay goes through the same pipeline to the same alerts.
 *
 * File: struct save_magic, then chunks: struct save_chunk and its payload, padded with zeros to a
 * multiple of 8. Native byte order (the magic tells); CRC-32 (that of zlib and gzip) over the payload.
 *   HEADER  once, first: a JSON object, see save_header
 *   RECORD  a raw record as the ring gave it or the consumer made it (pipeline.loss)
 *   ANSWER  struct save_answer and its text: what the record before it made an enricher ask
 *   END     a run that ended in order; its payload, which may be missing, is the time of the end
 *           (u64, CLOCK_BOOTTIME ns)
 * A file without END, or whose last chunk is cut, is a run that was killed: what is whole is
 * replayed, with a warning.
 */
#ifndef TOCSIN_SAVE_H
#define TOCSIN_SAVE_H

#include <jansson.h>

#include "enrichers/outside.h"

enum { SAVE_VERSION = 1, SAVE_HEADER_MAX = 1 << 20, SAVE_ANSWER_MAX = 1 << 20 };

struct save_magic {
	char text[8]; /* "TOCSIN\r\n": a transfer that converts line ends breaks it */
	uint32_t order; /* 0x01020304 as the writer stores it */
	uint16_t version; /* SAVE_VERSION */
	uint16_t abi; /* EV_ABI */
};

enum save_type { SAVE_HEADER = 1, SAVE_RECORD, SAVE_ANSWER, SAVE_END };

struct save_chunk {
	uint32_t type; /* enum save_type */
	uint32_t len; /* of the payload, padding not counted */
	uint32_t crc;
	uint32_t zero;
};

struct save_answer {
	uint32_t question; /* enum outside_question */
	uint32_t known; /* 0: there was no answer */
	uint64_t key, key2;
};

/* What a replay must know beside the stream. Keys of the JSON: boot_id, run_id, clock_offset_ns,
 * policy_digest, records (event kinds recorded without a policy), tocsin (version), and
 * `options` (enricher name to option key to text). */
struct save;

/* A new file, mode 0600; an existing one is refused (-EEXIST). err: one line for people. */
int save_create(struct save **out, const char *path, const json_t *header, char *err,
		size_t err_len);
void save_record(struct save *s, const void *rec, uint32_t len);
/* Writes what has waited for a second since save_due first saw it, so that a run that is killed
 * lacks no more. Returns the ns left until then, UINT64_MAX when nothing waits. */
uint64_t save_due(struct save *s);
/* An outside that asks `live` and keeps its answers. Both must outlive it. */
struct outside save_outside(struct save *s, struct outside *live);
/* When the stream ended, for END. */
void save_end(struct save *s, uint64_t end_ns);
/* Writes END. 0, or the errno of the first write that failed: the file then ends before it. */
int save_close(struct save *s);

struct replay;

/* 0, or -EINVAL (not a saved stream, other version, damaged) or -errno, with err filled. The
 * header is checked to be an object with the keys above and belongs to the replay. */
int replay_open(struct replay **out, const char *path, char *err, size_t err_len);
const json_t *replay_header(const struct replay *r);
/* 1 and the next record (valid until the next call), 0 at the end, -EINVAL when the file is
 * damaged or the answers do not fit what was asked: replay_error says where and why. A cut file
 * ends with 0, and replay_warning says so. */
int replay_next(struct replay *r, const void **rec, uint32_t *len);
struct outside replay_outside(struct replay *r);
uint64_t replay_end_ns(const struct replay *r); /* what save_end was given; 0: not (yet) known */
const char *replay_error(const struct replay *r);
const char *replay_warning(const struct replay *r); /* NULL: none */
void replay_close(struct replay *r);

#endif
