/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The only user of PCRE2. Patterns are compiled by its JIT where the machine has one; the limits
 * hold with and without.
 */
#include "pipeline/regex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

enum { REGEX_HEAP_KIB = 4096 };

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

static int compile_error(int code, PCRE2_SIZE offset, char *err, size_t err_len, uint32_t *at)
{
	if (at)
		*at = (uint32_t)offset;
	if (err && err_len && pcre2_get_error_message(code, (PCRE2_UCHAR *)err, err_len) < 0)
		snprintf(err, err_len, "not a regular expression");
	return -EINVAL;
}

int regex_new(struct regex **out, struct str pattern, char *err, size_t err_len, uint32_t *at)
{
	struct regex *r = calloc(1, sizeof(*r));
	PCRE2_SIZE offset = 0;
	int code = 0;

	if (!r)
		return -ENOMEM;
	r->code = pcre2_compile((PCRE2_SPTR)(pattern.len ? pattern.p : ""), pattern.len,
				PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (!r->code) {
		regex_free(r);
		return compile_error(code, offset, err, err_len, at);
	}
	pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without one the interpreter runs */
	r->data = pcre2_match_data_create(2, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->data || !r->limits) {
		regex_free(r);
		return -ENOMEM;
	}
	pcre2_set_match_limit(r->limits, REGEX_STEPS);
	pcre2_set_heap_limit(r->limits, REGEX_HEAP_KIB);
	*out = r;
	return 0;
}

int regex_match(struct regex *r, struct str subject, uint32_t start, struct regex_span *m)
{
	const PCRE2_SIZE *v;
	int rc;

	if (start > subject.len)
		return 0;
	rc = pcre2_match(r->code, (PCRE2_SPTR)(subject.len ? subject.p : ""), subject.len, start, 0,
			 r->data, r->limits);
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0)
		return -E2BIG;
	v = pcre2_get_ovector_pointer(r->data);
	if (m) {
		/* rc 0: more groups than the two kept, which are filled all the same. */
		int g = rc != 1 && v[2] != PCRE2_UNSET ? 2 : 0;

		/* \K in a lookbehind can put the start behind the end. */
		*m = v[g] <= v[g + 1] ? (struct regex_span){ (uint32_t)v[g], (uint32_t)v[g + 1] }
				      : (struct regex_span){ (uint32_t)v[g + 1], (uint32_t)v[g] };
	}
	return 1;
}
