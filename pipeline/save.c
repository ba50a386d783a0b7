/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Writes a saved stream. Consumer thread. A failed write is remembered and ends the saving, never
 * the run; what came to the disk in part is taken back, so that the file is at worst cut, not wrong.
 */
#include "pipeline/save.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdio.h>

#include "bpf/event.h"
#include "pipeline/clock.h"
#include "pipeline/util.h"

enum { SAVE_BUFFER = 256 << 10 };
#define SAVE_EVERY_NS NS_PER_SEC

struct save {
	int fd;
	int error; /* first errno */
	uint64_t written; /* bytes in the file */
	size_t used; /* of buffer */
	uint64_t since_ns; /* CLOCK_MONOTONIC: something is in the buffer; 0: not seen to be */
	uint64_t end_ns; /* of the stream; 0: not known */
	struct outside *live;
	char buffer[SAVE_BUFFER];
};

static void flush(struct save *s)
{
	size_t done = 0;

	while (!s->error && done < s->used) {
		ssize_t n = write(s->fd, s->buffer + done, s->used - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			s->error = errno;
	}
	if (!s->error)
		s->written += done;
	else if (done && ftruncate(s->fd, (off_t)s->written))
		s->error = errno;
	s->used = 0;
	s->since_ns = 0;
}

static void put(struct save *s, const void *p, size_t n)
{
	const char *from = p;

	while (n && !s->error) {
		size_t part = MIN(n, SAVE_BUFFER - s->used);

		memcpy(s->buffer + s->used, from, part);
		s->used += part;
		from += part;
		n -= part;
		if (s->used == SAVE_BUFFER)
			flush(s);
	}
}

/* A payload in two parts, so that nothing has to be joined first. */
static void put_chunk(struct save *s, enum save_type type, const void *a, uint32_t a_len,
		      const void *b, uint32_t b_len)
{
	static const char zeros[8];
	struct save_chunk c = { .type = type, .len = a_len + b_len };

	/* A NULL buffer would mean: begin anew. */
	if (a_len)
		c.crc = libdeflate_crc32(c.crc, a, a_len);
	if (b_len)
		c.crc = libdeflate_crc32(c.crc, b, b_len);
	put(s, &c, sizeof(c));
	put(s, a, a_len);
	put(s, b, b_len);
	put(s, zeros, -c.len & 7);
}

static int put_header(struct save *s, const json_t *header)
{
	struct save_magic m = {
		.text = { 'T', 'O', 'C', 'S', 'I', 'N', '\r', '\n' },
		.order = 0x01020304,
		.version = SAVE_VERSION,
		.abi = EV_ABI,
	};
	CLEANUP_FREE char *text = json_dumps(header, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return -ENOMEM;
	put(s, &m, sizeof(m));
	put_chunk(s, SAVE_HEADER, text, (uint32_t)strlen(text), NULL, 0);
	flush(s);
	return -s->error;
}

int save_create(struct save **out, const char *path, const json_t *header, char *err,
		size_t err_len)
{
	struct save *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : -ENOMEM;

	if (!rc) {
		s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		rc = s->fd < 0 ? -errno : put_header(s, header);
	}
	if (rc) {
		snprintf(err, err_len, "cannot save to %s: %s", path, strerror(-rc));
		if (s && s->fd >= 0) {
			close(s->fd);
			unlink(path);
		}
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void save_record(struct save *s, const void *rec, uint32_t len)
{
	put_chunk(s, SAVE_RECORD, rec, len, NULL, 0);
}

uint64_t save_due(struct save *s)
{
	uint64_t now;

	if (!s->used)
		return UINT64_MAX;
	now = clock_mono_ns();
	if (!s->since_ns)
		s->since_ns = now;
	if (now - s->since_ns < SAVE_EVERY_NS)
		return SAVE_EVERY_NS - (now - s->since_ns);
	flush(s);
	return UINT64_MAX;
}

static bool ask_and_save(void *state, enum outside_question q, uint64_t key, uint64_t key2,
			 struct str *answer)
{
	struct save *s = state;
	struct save_answer a = { .question = q, .key = key, .key2 = key2 };
	struct str text = { 0 };

	a.known = outside_ask(s->live, q, key, key2, &text);
	if (text.len > SAVE_ANSWER_MAX - sizeof(a))
		text.len = SAVE_ANSWER_MAX - sizeof(a);
	put_chunk(s, SAVE_ANSWER, &a, sizeof(a), text.p, a.known ? text.len : 0);
	if (a.known)
		*answer = text;
	return a.known;
}

struct outside save_outside(struct save *s, struct outside *live)
{
	static const struct outside_ops ops = { .ask = ask_and_save };

	s->live = live;
	return (struct outside){ .ops = &ops, .state = s };
}

void save_end(struct save *s, uint64_t end_ns)
{
	s->end_ns = end_ns;
}

int save_close(struct save *s)
{
	int error;

	if (!s)
		return 0;
	put_chunk(s, SAVE_END, &s->end_ns, s->end_ns ? sizeof(s->end_ns) : 0, NULL, 0);
	flush(s);
	if (close(s->fd) && !s->error)
		s->error = errno;
	error = s->error;
	free(s);
	return error;
}
