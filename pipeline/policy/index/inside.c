/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * inside.h. Whether a text may begin at a byte is asked of a set of bits, by a hash of the four
 * bytes there; of the byte alone for texts that are shorter.
 */
#include "pipeline/policy/index/inside.h"

#include "pipeline/policy/ops.h"
#include "pipeline/util.h"

enum {
	HEAD = 4,
	BITS_LOG_MIN = 12,
	BITS_LOG_MAX = 20,
	BITS_A_TEXT = 16,
	TOLD = 64, /* keys that are remembered, so as not to be told again */
	ROOM = 2 * OP_TEXT_MAX,
};

struct inside {
	struct trie *trie;
	uint64_t *heads;
	uint32_t shift; /* of a hash, to a bit of heads */
	bool alone[256]; /* a text of fewer than HEAD bytes begins with it */
	bool fold;
};

static inline uint32_t head_at(const struct inside *x, const char *p)
{
	uint32_t head;

	memcpy(&head, p, HEAD);
	return head * 0x9e3779b1u >> x->shift;
}

static uint32_t bits_log(uint32_t texts)
{
	uint32_t log = BITS_LOG_MIN;

	while (log < BITS_LOG_MAX && 1ULL << log < (uint64_t)texts * BITS_A_TEXT)
		log++;
	return log;
}

struct inside *inside_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool fold)
{
	struct inside *x = pool_get(pool, sizeof(*x));
	uint32_t log = bits_log(n);

	if (!x)
		return NULL;
	x->fold = fold;
	x->shift = 32 - log;
	x->heads = pool_array(pool, (size_t)1 << log >> 6, sizeof(*x->heads));
	x->trie = trie_new(pool, texts, n, false);
	if (!x->heads || !x->trie)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct str t = texts[i].text;
		uint32_t head;

		if (t.len < HEAD) {
			x->alone[(uint8_t)t.p[0]] = true;
			continue;
		}
		head = head_at(x, t.p);
		x->heads[head >> 6] |= 1ULL << (head & 63);
	}
	return x;
}

/* Between the trie and the caller. */
struct telling {
	trie_hit *hit;
	void *arg;
	uint32_t told[TOLD]; /* by the key's low bits: 1 + key */
};

static void tell(void *arg, uint32_t key)
{
	struct telling *t = arg;

	if (t->told[key % TOLD] == key + 1)
		return;
	t->told[key % TOLD] = key + 1;
	t->hit(t->arg, key);
}

static inline bool may_begin(const struct inside *x, struct str v, uint32_t at)
{
	uint32_t head;

	if (x->alone[(uint8_t)v.p[at]])
		return true;
	if (v.len - at < HEAD)
		return false;
	head = head_at(x, v.p + at);
	return x->heads[head >> 6] >> (head & 63) & 1;
}

/* Texts that begin in the first `places` bytes of v. */
static void run(const struct inside *x, struct str v, uint32_t places, struct telling *t)
{
	for (uint32_t at = 0; at < places; at++)
		if (may_begin(x, v, at))
			trie_walk(x->trie, (struct str){ v.p + at, v.len - at }, tell, t);
}

/* Piece by piece, each with as much of the next as a text may reach into it. */
static void run_folded(const struct inside *x, struct str v, struct telling *t)
{
	char room[ROOM];

	while (v.len) {
		struct str piece = op_folded((struct str){ v.p, MIN(v.len, (uint32_t)ROOM) }, room);
		uint32_t places = piece.len == v.len ? v.len : ROOM - OP_TEXT_MAX;

		run(x, piece, places, t);
		v = (struct str){ v.p + places, v.len - places };
	}
}

void inside_run(const struct inside *x, struct str value, trie_hit *hit, void *arg)
{
	struct telling t = { .hit = hit, .arg = arg };

	if (x->fold)
		run_folded(x, value, &t);
	else
		run(x, value, value.len, &t);
}
