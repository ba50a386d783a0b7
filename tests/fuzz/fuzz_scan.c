/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Hyperscan beside PCRE2: the first byte says whether case matters, then come a pattern, a NUL
 * and a value. What PCRE2 finds must be hit; the pattern as a plain text must be hit exactly where
 * it is in the value, by Hyperscan and by the tree that takes its place (inside.h).
 */
#include <stdlib.h>

#include "pipeline/policy/index/inside.h"
#include "pipeline/policy/index/scan.h"
#include "pipeline/policy/ops.h"
#include "pipeline/policy/regex.h"

static struct pool pool;

static void on_hit(void *arg, uint32_t key)
{
	if (key != 7)
		abort();
	*(bool *)arg = true;
}

static bool hits(const struct scan *s, struct str value)
{
	struct scan_scratch *scratch = NULL;
	bool hit = false;

	if (scan_scratch_for(&scratch, s))
		abort();
	scan_run(s, scratch, value, on_hit, &hit);
	scan_scratch_free(scratch);
	return hit;
}

static void as_regex(const struct scan_item *item, struct str value)
{
	struct regex_scratch *scratch = regex_scratch_new();
	struct scan *s = NULL;
	char err[300];
	bool taken = false;
	uint32_t states = SCAN_STATES_MAX;
	struct regex *r = item->fold ? regex_new_folded(item->text, err, sizeof(err))
				     : regex_new(item->text, err, sizeof(err));

	if (r && scan_regexes(&s, item, 1, &taken, &states))
		abort();
	if (taken != (s != NULL))
		abort();
	if (s && regex_found(r, scratch, value) && !hits(s, value))
		abort();
	scan_free(s);
	regex_free(r);
	regex_scratch_free(scratch);
}

static void as_text(const struct scan_item *item, struct str value)
{
	char room[OP_TEXT_MAX];
	struct scan_item lower = *item;
	struct scan *s = NULL;
	struct trie_text one;
	static struct inside_seen seen;
	struct inside *x;
	bool hit = false;

	if (!item->text.len || !value.len)
		return;
	if (item->fold)
		lower.text = op_folded(item->text, room);
	one = (struct trie_text){ lower.text, lower.key, false };
	x = inside_new(&pool, &one, 1, item->fold);
	if (!x || inside_seen_for(&seen, x))
		abort();
	inside_run(x, value, &seen, on_hit, &hit);
	if (hit != op_text_has(value, lower.text, item->fold))
		abort();
	pool_free(&pool);
	if (!scan_texts(&s, &lower, 1) &&
	    hits(s, value) != op_text_has(value, lower.text, item->fold))
		abort();
	scan_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan_item item = { .key = 7 };
	const char *text = (const char *)data, *nul;

	if (size < 2 || size > 3000 || !scan_supported())
		return 0;
	item.fold = *text & 1;
	text++;
	size--;
	nul = memchr(text, 0, size);
	item.text = (struct str){ text, nul ? (uint32_t)(nul - text) : (uint32_t)size };
	struct str value = { text + item.text.len + (nul != NULL),
			     (uint32_t)(size - item.text.len - (nul != NULL)) };

	as_regex(&item, value);
	as_text(&item, value);
	return 0;
}
