/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Reads a saved stream. Trusts nothing in it: lengths are bounded before memory is taken, sums are
 * checked before a byte is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <unistd.h>

#include "bpf/event.h"
#include "pipeline/save.h"
#include "pipeline/util.h"

enum { READ_BYTES = 256 << 10 };

struct replay {
	int fd;
	char *bytes; /* read and not yet taken: from `taken` to `filled` */
	size_t taken, filled;
	uint64_t at; /* offset of the chunk in hand, for messages */
	uint64_t next; /* offset after it */
	struct buf rec; /* payload of the RECORD in hand */
	struct buf answer; /* payload of the ANSWER last given */
	struct buf ahead; /* payload of the chunk read ahead */
	uint32_t ahead_type; /* 0: none */
	bool ended, failed;
	uint64_t end_ns; /* of the stream; 0: not known */
	json_t *header;
	char error[200];
	char warning[120];
};

static int fail(struct replay *r, const char *what)
{
	if (!r->failed)
		snprintf(r->error, sizeof(r->error), "at byte %" PRIu64 ": %s", r->at, what);
	r->failed = true;
	return -EINVAL;
}

static int cut(struct replay *r)
{
	snprintf(r->warning, sizeof(r->warning),
		 "the stream was cut at byte %" PRIu64 "; its run did not end in order", r->at);
	r->ended = true;
	return 0;
}

static uint32_t limit_of(uint32_t type)
{
	switch (type) {
	case SAVE_HEADER: return SAVE_HEADER_MAX;
	case SAVE_RECORD: return EV_REC_MAX;
	case SAVE_ANSWER: return SAVE_ANSWER_MAX;
	case SAVE_END: return sizeof(uint64_t);
	}
	return 0;
}

/* The next n bytes of the file, whole; false when it ends before, or cannot be read. */
static bool take(struct replay *r, void *to, size_t n)
{
	char *at = to;
	ssize_t got;

	while (n > r->filled - r->taken) {
		size_t part = r->filled - r->taken;

		memcpy(at, r->bytes + r->taken, part);
		at += part;
		n -= part;
		r->taken = r->filled = 0;
		do
			got = read(r->fd, r->bytes, READ_BYTES);
		while (got < 0 && errno == EINTR);
		if (got <= 0)
			return false;
		r->filled = (size_t)got;
	}
	memcpy(at, r->bytes + r->taken, n);
	r->taken += n;
	return true;
}

/* Reads one chunk into ahead. 0; at the end ahead_type stays 0. */
static int read_chunk(struct replay *r)
{
	struct save_chunk c;
	uint32_t padded;

	r->ahead_type = 0;
	r->at = r->next;
	if (r->ended || !take(r, &c, sizeof(c)))
		return r->ended ? 0 : cut(r);
	if (c.type < SAVE_HEADER || c.type > SAVE_END)
		return fail(r, "no such type of chunk");
	if (c.len > limit_of(c.type))
		return fail(r, "chunk longer than its type allows");
	padded = (c.len + 7) & ~7u;
	buf_reset(&r->ahead);
	if (buf_reserve(&r->ahead, padded + 8u))
		return fail(r, "out of memory");
	if (!take(r, r->ahead.p, padded))
		return cut(r);
	if (libdeflate_crc32(0, r->ahead.p, c.len) != c.crc)
		return fail(r, "sum does not match: the file is damaged");
	r->next = r->at + sizeof(c) + padded;
	r->ahead.len = c.len;
	if (c.type != SAVE_END) {
		r->ahead_type = c.type;
		return 0;
	}
	r->ended = true;
	if (c.len == sizeof(r->end_ns))
		memcpy(&r->end_ns, r->ahead.p, sizeof(r->end_ns));
	return 0;
}

static bool header_is_whole(const json_t *h)
{
	return json_is_object(h) && json_is_string(json_object_get(h, "boot_id")) &&
	       json_is_string(json_object_get(h, "run_id")) &&
	       json_is_integer(json_object_get(h, "clock_offset_ns")) &&
	       json_is_string(json_object_get(h, "policy_digest")) &&
	       json_is_array(json_object_get(h, "records")) &&
	       json_is_object(json_object_get(h, "options"));
}

static int read_header(struct replay *r)
{
	struct save_magic m;

	if (!take(r, &m, sizeof(m)) || memcmp(m.text, "TOCSIN\r\n", 8))
		return fail(r, "not a stream saved by tocsin run --save");
	if (m.order != 0x01020304)
		return fail(r, "saved on a machine of the other byte order");
	if (m.version != SAVE_VERSION || m.abi != EV_ABI)
		return fail(r, "saved by a version of tocsin whose records differ");
	r->next = sizeof(m);
	if (read_chunk(r))
		return -EINVAL;
	if (r->ahead_type != SAVE_HEADER)
		return fail(r, "no header");
	r->header = json_loadb(r->ahead.p, r->ahead.len, JSON_REJECT_DUPLICATES, NULL);
	if (!header_is_whole(r->header))
		return fail(r, "header is not the JSON object it should be");
	return read_chunk(r);
}

int replay_open(struct replay **out, const char *path, char *err, size_t err_len)
{
	struct replay *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return -ENOMEM;
	r->bytes = malloc(READ_BYTES);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!r->bytes || r->fd < 0) {
		rc = r->bytes ? -errno : -ENOMEM;
		snprintf(err, err_len, "%s: %s", path, strerror(-rc));
	} else if (read_header(r)) {
		rc = -EINVAL;
		snprintf(err, err_len, "%s: %s", path, r->error);
	}
	if (rc) {
		replay_close(r);
		return rc;
	}
	*out = r;
	return 0;
}

const json_t *replay_header(const struct replay *r)
{
	return r->header;
}

int replay_next(struct replay *r, const void **rec, uint32_t *len)
{
	struct buf t;

	if (r->failed)
		return -EINVAL;
	if (!r->ahead_type)
		return 0;
	if (r->ahead_type != SAVE_RECORD)
		return fail(r,
			    "an answer that nobody asked for: other options or version than saved");
	t = r->rec;
	r->rec = r->ahead;
	r->ahead = t;
	if (read_chunk(r))
		return -EINVAL;
	*rec = r->rec.p;
	*len = (uint32_t)r->rec.len;
	return 1;
}

/* The answer must be the next chunk, and to this question. Its text is valid until the next one. */
static bool ask_saved(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		      struct str *answer)
{
	struct replay *r = state;
	struct save_answer a;
	struct buf t;

	if (r->failed)
		return false;
	if (r->ahead_type != SAVE_ANSWER || r->ahead.len < sizeof(a)) {
		if (!r->ended || r->ahead_type)
			fail(r,
			     "a question without an answer: other options or version than saved");
		return false;
	}
	memcpy(&a, r->ahead.p, sizeof(a));
	if (a.question != (uint32_t)q || a.key != key || a.key2 != key2) {
		fail(r, "answer to another question: other options or version than saved");
		return false;
	}
	if (a.known) {
		answer->p = r->ahead.p + sizeof(a);
		answer->len = (uint32_t)(r->ahead.len - sizeof(a));
	}
	t = r->answer;
	r->answer = r->ahead;
	r->ahead = t;
	read_chunk(r);
	return a.known;
}

struct outside replay_outside(struct replay *r)
{
	static const struct outside_ops ops = { .ask = ask_saved };

	return (struct outside){ .ops = &ops, .state = r };
}

uint64_t replay_end_ns(const struct replay *r)
{
	return r->end_ns;
}

const char *replay_error(const struct replay *r)
{
	return r->error;
}

const char *replay_warning(const struct replay *r)
{
	return r->warning[0] ? r->warning : NULL;
}

void replay_close(struct replay *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->bytes);
	buf_free(&r->rec);
	buf_free(&r->answer);
	buf_free(&r->ahead);
	json_decref(r->header);
	free(r);
}
