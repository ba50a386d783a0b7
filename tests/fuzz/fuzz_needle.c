/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Patterns and the literals found in them: pattern, NUL, text. A pattern finds the same with its
 * needle and in a form that has none, and what it finds holds one of its branches.
 */
#include <stdlib.h>

#include "pipeline/policy/needle.h"
#include "pipeline/policy/regex.h"

/* What means something else inside (?: ) than on its own. */
static bool is_context_bound(struct str p)
{
	return memmem(p.p, p.len, "(*", 2) || memmem(p.p, p.len, "\\Q", 2) ||
	       memmem(p.p, p.len, "(?", 2) || memmem(p.p, p.len, "\\E", 2);
}

static bool holds_a_branch(struct str pattern, struct str text)
{
	struct needle_branches b;
	bool found = false;

	needle_find_branches(&b, pattern);
	for (uint32_t i = 0; i < b.count; i++)
		found |= text.len && memmem(text.p, text.len, b.texts[i], b.lens[i]);
	return found || !b.count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *nul = size ? memchr(data, 0, size) : NULL, *text = (const char *)data;
	struct str pattern = { text, nul ? (uint32_t)(nul - text) : 0 };
	struct regex_scratch *s;
	struct regex *plain, *whole;
	struct buf b = { 0 };
	char err[200];

	if (!nul || size > 2000 || pattern.len > REGEX_MAX_BYTES - 20 || is_context_bound(pattern))
		return 0;
	buf_addf(&b, "(?:%.*s)|(?!)", (int)pattern.len, pattern.p);
	s = regex_scratch_new();
	plain = regex_new(pattern, err, sizeof(err));
	whole = regex_new((struct str){ b.p, (uint32_t)b.len }, err, sizeof(err));
	if (plain && whole && s) {
		struct str t = { nul + 1, (uint32_t)(size - pattern.len - 1) };
		bool x = regex_found(plain, s, t), y = regex_found(whole, s, t);

		if ((x != y && !regex_limit_hits(s)) || (x && !holds_a_branch(pattern, t)))
			abort();
	}
	regex_free(plain);
	regex_free(whole);
	regex_scratch_free(s);
	buf_free(&b);
	return 0;
}
