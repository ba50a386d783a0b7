/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * filter_wants.h.
 */
#include "tests/harness/filter_wants.h"

#include <endian.h>
#include <sys/stat.h>

#include "pipeline/filter/walk.h"
#include "pipeline/util.h"

#define TEXT_BYTES 8192

_Static_assert(TEXT_BYTES > EV_PATH_MAX, "a path and its NULs");

struct reversed {
	uint8_t text[TEXT_BYTES];
	struct filter_walk walk;
	uint32_t len[FILTER_COMPONENTS];
};

/* A path as records hold it. False: too long or too deep for the programs too. */
static bool reverse(struct reversed *r, const char *path)
{
	const char *end = path + strlen(path), *p = end;
	uint32_t pos = 0, n = 0;

	if (path[0] != '/' || end - path >= EV_PATH_MAX)
		return false;
	while (p > path) {
		for (; p[-1] != '/'; p--)
			;
		if (n == FILTER_COMPONENTS)
			return false;
		r->walk.at[n] = (uint16_t)pos;
		r->len[n++] = (uint32_t)(end - p);
		memcpy(r->text + pos, p, (size_t)(end - p));
		pos += (uint32_t)(end - p);
		r->text[pos++] = 0;
		end = --p;
	}
	r->walk.ncomponents = n;
	return true;
}

uint64_t filter_tables_mask(const void *block, size_t bytes, bool program, const char *path)
{
	const struct filter_block *h = block;
	const struct filter_text *t = program ? &h->program : &h->open;
	CLEANUP_FREE struct reversed *r = malloc(sizeof(*r));

	filter_block_is(bytes);
	if (!r || !reverse(r, path))
		return FILTER_WANTED;
	filter_walk_begin(block, t, &r->walk);
	for (uint32_t i = 0; i < FILTER_STEPS; i++)
		if (!filter_walk_step(block, t, &r->walk, r->text, TEXT_BYTES - 1))
			break;
	return r->walk.done ? r->walk.now.mask : FILTER_WANTED;
}

static uint64_t sign_name(const struct filter_block *h, uint64_t x, const uint8_t *name,
			  uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t word = 0;

		memcpy(&word, name + i, MIN(len - i, 8u));
		if (len - i < 8)
			word = filter_last_word(word, len);
		x = i ? filter_sign_more(x, word, &h->keys) : filter_sign(x, word, &h->keys);
	}
	return x;
}

uint64_t filter_tables_signature(const void *block, const char *path)
{
	const struct filter_block *h = block;
	CLEANUP_FREE struct reversed *r = malloc(sizeof(*r));
	uint64_t dir = h->keys.seed, name = h->keys.seed;

	if (!r || !reverse(r, path))
		return 0;
	for (uint32_t i = 0; i < r->walk.ncomponents; i++) {
		uint64_t *x = i ? &dir : &name;

		*x = sign_name(h, *x, r->text + r->walk.at[i], r->len[i]);
	}
	return filter_signature(dir, name, h);
}

static uint64_t unix_mask(const void *block, const struct filter_peers *p, struct str path)
{
	uint64_t words[FILTER_HEAD_BYTES / 8] = { 0 }, mask = p->none;

	memcpy(words, path.p ? path.p : "", MIN(path.len, (uint32_t)sizeof(words)));
	for (uint32_t i = 0; i < p->npaths; i++)
		mask |= filter_unix_bits(block, p->paths + i * (uint32_t)sizeof(struct filter_unix),
					 words[0], words[1]);
	return mask;
}

static uint64_t peer_mask(const void *block, const struct filter_peers *p,
			  const struct filter_event *e)
{
	uint64_t words[2];
	uint32_t word;

	if (e->peer->family != 4 && e->peer->family != 6)
		return unix_mask(block, p, e->unix_path);
	memcpy(words, e->peer->addr, sizeof(words));
	memcpy(&word, e->peer->addr, sizeof(word));
	if (e->peer->family == 4)
		return filter_search4(block, p->v4, p->nv4, be32toh(word));
	return filter_search(block, p->v6, p->nv6, be64toh(words[0]), be64toh(words[1]));
}

static bool run_joins(const void *block, const struct filter_buckets *b, struct filter_facts *f,
		      uint8_t outcome)
{
	struct filter_cursor c = { .mask = f->mask };

	if (f->mask >> FILTER_SURE)
		return true;
	while (filter_join_step(block, b, &c, f))
		;
	return c.wanted >> outcome & 1;
}

/* As the programs do: joins are looked at where some may hold. */
static bool open_wants(const struct filter_block *h, struct filter_facts *f)
{
	static const uint32_t types[EV_FILETYPE_MAX] = {
		[EV_FILETYPE_FILE] = S_IFREG,    [EV_FILETYPE_DIR] = S_IFDIR,
		[EV_FILETYPE_SYMLINK] = S_IFLNK, [EV_FILETYPE_CHAR] = S_IFCHR,
		[EV_FILETYPE_BLOCK] = S_IFBLK,   [EV_FILETYPE_FIFO] = S_IFIFO,
		[EV_FILETYPE_SOCKET] = S_IFSOCK,
	};

	return filter_open_may(h, f->mask, FILTER_OPEN_CLASS(f->via, types[f->type], f->access)) &&
	       run_joins(h, &h->open_joins, f, EV_OUTCOME_SUCCESS);
}

bool filter_tables_wants(const void *block, size_t bytes, const struct filter_event *e)
{
	const struct filter_block *h = block;
	struct filter_facts f = *e->facts;

	filter_block_is(bytes);
	if (e->thread)
		memcpy(f.thread, e->thread, strnlen(e->thread, sizeof(f.thread)));
	if (h->mode == FILTER_MODE_OFF || h->kinds[e->kind] == FILTER_KIND_ALL)
		return true;
	if (h->kinds[e->kind] == FILTER_KIND_NONE)
		return false;
	if (e->kind == EV_OPEN) {
		f.mask = filter_tables_mask(block, bytes, false, e->path);
		return open_wants(h, &f);
	}
	if (e->peer_unknown)
		return true;
	f.mask = peer_mask(block, e->kind == EV_CONNECT ? &h->connect : &h->accept, e);
	return run_joins(block, e->kind == EV_CONNECT ? &h->connect_joins : &h->accept_joins, &f,
			 e->outcome);
}
