/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * inside.h as the automaton of Aho and Corasick. A state is a beginning of a text; being in it, the
 * bytes just read end with it and with no longer one. A byte that does not go on leads to the
 * longest end of the state that is a state too (its fall), until one goes on; so no byte is read
 * twice, and there are no more falls than bytes.
 *
 * States are numbered as the sorted texts make them: the first kid of a state is the next one, and
 * only states with none or several (forks) need to know more. A state is a word: its byte and its
 * fall. What else is known of few states is found by counting the bits before theirs.
 *
 * In the state of no bytes, where nearly all are read, whether a text may begin is asked first of a
 * set of bits, by a hash of the next four; of the byte alone for texts that are shorter.
 *
 * Texts that end at a state hang together: from the longest to the next that ends it, and so on. In
 * a run each is told once: behind one that was told all others were.
 */
#include "pipeline/policy/index/inside.h"

#include <errno.h>

#include "pipeline/policy/index/kids.h"
#include "pipeline/policy/ops.h"
#include "pipeline/util.h"

enum {
	HEAD = 4,
	BITS_LOG_MIN = 12,
	BITS_LOG_MAX = 20,
	BITS_A_TEXT = 16,
	ROOM = 2 * OP_TEXT_MAX,
	FALL_SHIFT = 8, /* of a state's word, above its byte */
};

/* Of 64 states. */
struct chunk {
	uint64_t forks, ends; /* at ends texts end */
	uint32_t forks_before, ends_before;
};

struct fork {
	uint32_t kids; /* the first of them, in kids and first */
	uint32_t set; /* with more than KIDS_FEW: in sets */
	uint16_t nkids;
};

struct inside {
	uint32_t *states;
	struct chunk *chunks;
	struct fork *forks;
	uint32_t *kids; /* states */
	uint8_t *first; /* by kid: its byte */
	struct kid_set *sets;
	uint32_t *ends; /* by states where texts end: the longest */
	uint32_t *outer; /* by text: 1 + the next that ends it, or 0 */
	const struct trie_text *texts;
	uint64_t *heads;
	uint32_t shift; /* of a hash, to a bit of heads */
	uint32_t ntexts;
	uint32_t root[256]; /* the state of a byte, or 0 */
	bool alone[256], any_alone; /* a text of fewer than HEAD bytes begins with it */
	bool fold;
};

/* States that a text adds to those before. */
struct branch {
	uint32_t first, count;
	uint32_t from, depth; /* the state before the first, and how many bytes lead to it */
};

struct building {
	struct pool *pool;
	struct inside *x;
	struct branch *branches; /* by text */
	uint32_t *path; /* by depth: states of the text at hand */
	uint32_t *ends; /* by state: 1 + the longest text that ends there, or 0 */
	uint32_t nstates, nforks, longest;
};

static inline uint32_t head_at(const char *p, uint32_t shift)
{
	uint32_t head;

	memcpy(&head, p, HEAD);
	return head * 0x9e3779b1u >> shift;
}

static inline bool is_fork(const struct inside *x, uint32_t s)
{
	return x->chunks[s >> 6].forks >> (s & 63) & 1;
}

static inline uint32_t count_before(uint64_t bits, uint32_t s)
{
	return (uint32_t)__builtin_popcountll(bits & ((1ULL << (s & 63)) - 1));
}

static inline uint32_t fork_of(const struct inside *x, uint32_t s)
{
	const struct chunk *c = &x->chunks[s >> 6];

	return c->forks_before + count_before(c->forks, s);
}

/* Where the byte leads from a state that is not the first, or 0. */
static inline uint32_t go(const struct inside *x, uint32_t s, uint8_t byte)
{
	const struct fork *f;
	uint32_t i;

	if (!is_fork(x, s))
		return (uint8_t)x->states[s + 1] == byte ? s + 1 : 0;
	f = &x->forks[fork_of(x, s)];
	i = kid_find(x->first + f->kids, f->nkids, &x->sets[f->set], byte);
	return i == NO_KID ? 0 : x->kids[f->kids + i];
}

/* Likewise, from the state or those that it falls to but for the first. */
static inline uint32_t go_or_fall(const struct inside *x, uint32_t s, uint8_t byte)
{
	uint32_t to = 0;

	for (; s && !to; s = x->states[s] >> FALL_SHIFT)
		to = go(x, s, byte);
	return to;
}

static int by_bytes(const void *x, const void *y)
{
	const struct trie_text *a = x, *b = y;

	return str_cmp(a->text, b->text);
}

static uint32_t shared(struct str a, struct str b)
{
	uint32_t n = MIN(a.len, b.len), i = 0;

	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

/* How many states there are: past INSIDE_BYTES_MAX it may be any such number. */
static void count_states(struct building *b)
{
	const struct trie_text *t = b->x->texts;

	b->nstates = 1;
	for (uint32_t i = 0; i < b->x->ntexts && b->nstates <= INSIDE_BYTES_MAX; i++) {
		b->branches[i].depth = i ? shared(t[i - 1].text, t[i].text) : 0;
		b->nstates += t[i].text.len - b->branches[i].depth;
		b->longest = MAX(b->longest, t[i].text.len);
	}
}

static void turn_fork(struct building *b, uint32_t s)
{
	b->x->chunks[s >> 6].forks ^= 1ULL << (s & 63);
}

/* A state without kids is a fork until one is added: it lies at the end of the text before. */
static void add_states(struct building *b)
{
	uint32_t at = 1;

	for (uint32_t i = 0; i < b->x->ntexts; i++) {
		struct branch *r = &b->branches[i];
		struct str t = b->x->texts[i].text;

		r->from = b->path[r->depth];
		r->first = at;
		r->count = t.len - r->depth;
		if (r->from && (r->from + 1 == at || !is_fork(b->x, r->from)))
			turn_fork(b, r->from);
		for (uint32_t d = r->depth; d < t.len; d++) {
			b->x->states[at] = (uint8_t)t.p[d];
			b->path[d + 1] = at++;
		}
		turn_fork(b, at - 1);
		if (!r->depth)
			b->x->root[(uint8_t)t.p[0]] = r->first;
	}
	for (uint32_t c = 0; c <= b->nstates >> 6; c++) {
		b->x->chunks[c].forks_before = b->nforks;
		b->nforks += (uint32_t)__builtin_popcountll(b->x->chunks[c].forks);
	}
}

static bool is_side(const struct branch *r)
{
	return r->from && r->first != r->from + 1;
}

static void add_kid(struct building *b, struct fork *f, uint32_t state)
{
	uint8_t byte = (uint8_t)b->x->states[state];

	b->x->kids[f->kids + f->nkids] = state;
	b->x->first[f->kids + f->nkids++] = byte;
	if (f->set)
		kid_set_add(&b->x->sets[f->set], byte);
}

/* Side branches come in the order of their bytes, after the first kid, the next state. */
static int add_forks(struct building *b)
{
	struct inside *x = b->x;
	uint32_t nkids = 0, nsets = 1;

	x->forks = pool_array(b->pool, b->nforks, sizeof(*x->forks));
	if (!x->forks)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->ntexts; i++)
		if (is_side(&b->branches[i]))
			x->forks[fork_of(x, b->branches[i].from)].nkids++;
	for (uint32_t i = 0; i < b->nforks; i++) {
		struct fork *f = &x->forks[i];
		uint32_t n = f->nkids ? f->nkids + 1u : 0;

		*f = (struct fork){ .kids = nkids, .set = n > KIDS_FEW ? nsets++ : 0 };
		nkids += n;
	}
	x->kids = pool_array(b->pool, nkids, sizeof(*x->kids));
	x->first = pool_array(b->pool, nkids, 1);
	x->sets = pool_array(b->pool, nsets, sizeof(*x->sets));
	if (!x->kids || !x->first || !x->sets)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->ntexts; i++) {
		const struct branch *r = &b->branches[i];
		struct fork *f = is_side(r) ? &x->forks[fork_of(x, r->from)] : NULL;

		if (f && !f->nkids)
			add_kid(b, f, r->from + 1);
		if (f)
			add_kid(b, f, r->first);
	}
	return 0;
}

/* The fall of a state and the longest text that ends there, once those of all shorter are known. */
static void set_fall(struct building *b, uint32_t text, uint32_t s)
{
	const struct branch *r = &b->branches[text];
	struct inside *x = b->x;
	uint32_t parent = s == r->first ? r->from : s - 1;
	uint8_t byte = (uint8_t)x->states[s];
	uint32_t fall = go_or_fall(x, x->states[parent] >> FALL_SHIFT, byte);

	if (!fall && parent)
		fall = x->root[byte];
	x->states[s] |= fall << FALL_SHIFT;
	if (b->ends[fall])
		b->ends[s] = b->ends[fall];
	if (s != r->first + r->count - 1)
		return;
	x->outer[text] = b->ends[fall];
	b->ends[s] = text + 1;
}

/* By the length of states: texts whose branches begin at each, then those that go on. */
static int add_falls(struct building *b)
{
	uint32_t n = b->x->ntexts, count = 0;
	CLEANUP_FREE uint32_t *first = calloc(b->longest + 2u, sizeof(*first));
	CLEANUP_FREE uint32_t *begin = calloc(n + 1u, sizeof(*begin));
	CLEANUP_FREE uint32_t *open = calloc(n + 1u, sizeof(*open));

	if (!first || !begin || !open)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		first[b->branches[i].depth + 1]++;
	for (uint32_t d = 1; d <= b->longest; d++)
		first[d + 1] += first[d];
	for (uint32_t i = 0; i < n; i++)
		begin[first[b->branches[i].depth]++] = i;
	for (uint32_t d = 0; d < b->longest; d++) {
		for (uint32_t i = d ? first[d - 1] : 0; i < first[d]; i++)
			open[count++] = begin[i];
		for (uint32_t i = 0; i < count;) {
			const struct branch *r = &b->branches[open[i]];

			set_fall(b, open[i], r->first + d - r->depth);
			if (d + 1 - r->depth == r->count)
				open[i] = open[--count];
			else
				i++;
		}
	}
	return 0;
}

static int add_ends(struct building *b)
{
	struct inside *x = b->x;
	uint32_t n = 0;

	for (uint32_t s = 0; s < b->nstates; s++) {
		if (!(s & 63))
			x->chunks[s >> 6].ends_before = n;
		if (b->ends[s])
			x->chunks[s >> 6].ends |= 1ULL << (s & 63);
		n += b->ends[s] != 0;
	}
	x->ends = pool_array(b->pool, n, sizeof(*x->ends));
	if (!x->ends)
		return -ENOMEM;
	n = 0;
	for (uint32_t s = 0; s < b->nstates; s++)
		if (b->ends[s])
			x->ends[n++] = b->ends[s] - 1;
	return 0;
}

static uint32_t bits_log(uint32_t texts)
{
	uint32_t log = BITS_LOG_MIN;

	while (log < BITS_LOG_MAX && 1ULL << log < (uint64_t)texts * BITS_A_TEXT)
		log++;
	return log;
}

static int add_heads(struct building *b)
{
	struct inside *x = b->x;
	uint32_t log = bits_log(x->ntexts);

	x->shift = 32 - log;
	x->heads = pool_array(b->pool, (size_t)1 << log >> 6, sizeof(*x->heads));
	if (!x->heads)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->ntexts; i++) {
		struct str t = x->texts[i].text;
		uint32_t head;

		if (t.len < HEAD) {
			x->alone[(uint8_t)t.p[0]] = x->any_alone = true;
			continue;
		}
		head = head_at(t.p, x->shift);
		x->heads[head >> 6] |= 1ULL << (head & 63);
	}
	return 0;
}

static int build(struct building *b)
{
	struct inside *x = b->x;
	CLEANUP_FREE struct branch *branches = calloc(x->ntexts + 1u, sizeof(*branches));
	CLEANUP_FREE uint32_t *path = NULL, *ends = NULL;

	b->branches = branches;
	if (!branches)
		return -ENOMEM;
	count_states(b);
	if (b->nstates > INSIDE_BYTES_MAX)
		return -E2BIG;
	b->path = path = calloc(b->longest + 1u, sizeof(*path));
	b->ends = ends = calloc(b->nstates, sizeof(*ends));
	x->states = pool_array(b->pool, b->nstates + 1u, sizeof(*x->states));
	x->chunks = pool_array(b->pool, (b->nstates >> 6) + 1u, sizeof(*x->chunks));
	x->outer = pool_array(b->pool, x->ntexts, sizeof(*x->outer));
	if (!path || !ends || !x->states || !x->chunks || !x->outer)
		return -ENOMEM;
	add_states(b);
	return add_forks(b) || add_falls(b) || add_ends(b) || add_heads(b) ? -ENOMEM : 0;
}

struct inside *inside_new(struct pool *pool, struct trie_text *texts, uint32_t n, bool fold)
{
	struct inside *x = pool_get(pool, sizeof(*x));
	struct building b = { .pool = pool, .x = x };

	if (!x)
		return NULL;
	qsort(texts, n, sizeof(*texts), by_bytes);
	x->texts = texts;
	x->ntexts = n;
	x->fold = fold;
	return build(&b) ? NULL : x;
}

int inside_seen_for(struct inside_seen *s, const struct inside *x)
{
	uint32_t *grown;

	if (x->ntexts <= s->size)
		return 0;
	grown = calloc(x->ntexts, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	free(s->runs);
	*s = (struct inside_seen){ .runs = grown, .size = x->ntexts };
	return 0;
}

void inside_seen_free(struct inside_seen *s)
{
	free(s->runs);
	*s = (struct inside_seen){ 0 };
}

struct running {
	const struct inside *x;
	struct inside_seen *seen;
	trie_hit *hit;
	void *arg;
};

static void tell(const struct running *r, uint32_t s)
{
	const struct inside *x = r->x;
	const struct chunk *c = &x->chunks[s >> 6];
	uint32_t text = x->ends[c->ends_before + count_before(c->ends, s)];

	while (r->seen->runs[text] != r->seen->run) {
		r->seen->runs[text] = r->seen->run;
		r->hit(r->arg, x->texts[text].key);
		if (!x->outer[text])
			break;
		text = x->outer[text] - 1;
	}
}

/* The first of `bytes` places in v, from at on, where a text may begin; bytes: none. */
static inline uint32_t skip(const struct inside *x, struct str v, uint32_t at, uint32_t bytes,
			    bool alone)
{
	uint32_t end = MIN(bytes, v.len < HEAD ? 0 : v.len - HEAD + 1);
	const uint64_t *heads = x->heads;
	const uint32_t shift = x->shift;

	for (; at < end; at++) {
		uint32_t head = head_at(v.p + at, shift);

		if (heads[head >> 6] >> (head & 63) & 1 || (alone && x->alone[(uint8_t)v.p[at]]))
			return at;
	}
	while (alone && at < bytes && !x->alone[(uint8_t)v.p[at]])
		at++;
	return alone ? at : bytes;
}

/* Reads the first `bytes` of v from a state on; where there are more, HEAD - 1 of them at least. */
static inline uint32_t read_bytes(const struct running *r, struct str v, uint32_t bytes, uint32_t s,
				  bool alone)
{
	const struct inside *x = r->x;

	for (uint32_t at = 0; at < bytes; at++) {
		s = s ? go_or_fall(x, s, (uint8_t)v.p[at]) : 0;
		if (!s) {
			at = skip(x, v, at, bytes, alone);
			if (at == bytes)
				return 0;
			s = x->root[(uint8_t)v.p[at]];
		}
		if (x->chunks[s >> 6].ends >> (s & 63) & 1)
			tell(r, s);
	}
	return s;
}

static uint32_t read_piece(const struct running *r, struct str v, uint32_t bytes, uint32_t s)
{
	return r->x->any_alone ? read_bytes(r, v, bytes, s, true)
			       : read_bytes(r, v, bytes, s, false);
}

static void read_folded(const struct running *r, struct str v)
{
	char room[ROOM];
	uint32_t s = 0;

	while (v.len) {
		struct str piece = op_folded((struct str){ v.p, MIN(v.len, (uint32_t)ROOM) }, room);
		uint32_t bytes = piece.len == v.len ? v.len : ROOM - (HEAD - 1);

		s = read_piece(r, piece, bytes, s);
		v = (struct str){ v.p + bytes, v.len - bytes };
	}
}

void inside_run(const struct inside *x, struct str value, struct inside_seen *seen, trie_hit *hit,
		void *arg)
{
	struct running r = { x, seen, hit, arg };

	if (!++seen->run) { /* the numbers of runs begin again */
		memset(seen->runs, 0, seen->size * sizeof(*seen->runs));
		seen->run = 1;
	}
	if (x->fold)
		read_folded(&r, value);
	else
		read_piece(&r, value, value.len, 0);
}
