/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Saved streams. Even inputs are the file as it is; odd ones are chunks (type, length, payload)
 * that get their sums put right, so that what lies behind the sums is reached.
 */
#include "pipeline/save.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "bpf/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char header[] = "{\"boot_id\":\"\",\"clock_offset_ns\":0,\"options\":{},"
			     "\"policy_digest\":\"\",\"records\":[],\"run_id\":\"\"}";

static void put_chunk(struct buf *b, uint32_t type, const void *p, uint32_t len)
{
	struct save_chunk c = { .type = type, .len = len };

	c.crc = (uint32_t)crc32(crc32(0, NULL, 0), p, len);
	buf_add(b, &c, sizeof(c));
	buf_add(b, p, len);
	buf_add(b, "\0\0\0\0\0\0\0", -len & 7);
}

static void build(struct buf *b, const uint8_t *p, const uint8_t *end)
{
	const struct save_magic m = { .text = { 'T', 'O', 'C', 'S', 'I', 'N', '\r', '\n' },
				      .order = 0x01020304,
				      .version = SAVE_VERSION,
				      .abi = EV_ABI };

	buf_add(b, &m, sizeof(m));
	put_chunk(b, SAVE_HEADER, header, sizeof(header) - 1);
	while (end - p >= 3) {
		uint32_t type = p[0] % 6, len = (uint32_t)p[1] | (uint32_t)p[2] << 8;

		p += 3;
		len = len < end - p ? len : (uint32_t)(end - p);
		put_chunk(b, type, p, len);
		p += len;
	}
}

/* Asks the next question of the input after each record. */
static void read_all(struct replay *r, const uint8_t *data, size_t size)
{
	struct outside o = replay_outside(r);
	const void *rec;
	uint32_t len;
	size_t at = 0;
	struct str answer;
	unsigned sum = 0;

	while (replay_next(r, &rec, &len) == 1) {
		for (uint32_t i = 0; i < len; i++)
			sum += ((const uint8_t *)rec)[i];
		for (int n = at < size ? data[at] % 3 : 0; n; n--, at++)
			if (at + 1 < size &&
			    o.ops->ask(o.state, data[at + 1] % ASK_MAX, 0, 0, &answer))
				for (uint32_t i = 0; i < answer.len; i++)
					sum += (uint8_t)answer.p[i];
	}
	if (sum == 1 && replay_warning(r))
		(void)replay_error(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = { 0 };
	struct replay *r = NULL;
	char path[64], err[300];
	int fd;

	if (!size)
		return 0;
	if (data[0] & 1)
		build(&b, data + 1, data + size);
	else
		buf_add(&b, data + 1, size - 1);
	fd = memfd_create("save", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, b.p, b.len) == (ssize_t)b.len) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (!replay_open(&r, path, err, sizeof(err)))
			read_all(r, data, size);
		replay_close(r);
	}
	close(fd);
	buf_free(&b);
	return 0;
}
