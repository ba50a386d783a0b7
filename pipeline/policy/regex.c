/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * regex.h over PCRE2; its only user. Patterns are constant after regex_new; a scratch belongs to
 * one thread.
 */
#include "pipeline/policy/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdatomic.h>

#include "pipeline/policy/needle.h"
#include "pipeline/util.h"

enum { NESTING_MAX = 50, DEPTH_LIMIT = 5000, HEAP_LIMIT_KIB = 1024, COMPILED_MAX = 16 << 10 };

struct regex {
	pcre2_code *code;
	struct needle needle;
};

struct regex_scratch {
	pcre2_match_context *context;
	pcre2_match_data *data;
	_Atomic uint64_t limit_hits;
};

static struct regex *make(struct str pattern, bool fold, char *err, size_t err_len)
{
	/* Names are bytes; a newline in one must not hide what follows it from . or $. */
	const uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF |
				 PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C |
				 (fold ? PCRE2_CASELESS : 0);
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	CLEANUP_FREE struct regex *r = calloc(1, sizeof(*r));
	PCRE2_SIZE at = 0;
	size_t size = 0;
	int code = 0;

	if (!context || !r) {
		pcre2_compile_context_free(context);
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	pcre2_set_parens_nest_limit(context, NESTING_MAX);
	pcre2_set_max_pattern_length(context, REGEX_MAX_BYTES);
	r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, &code, &at, context);
	pcre2_compile_context_free(context);
	if (!r->code) {
		PCRE2_UCHAR text[200] = "cannot be compiled";

		pcre2_get_error_message(code, text, sizeof(text));
		snprintf(err, err_len, "%s at byte %zu of the pattern", (char *)text, (size_t)at);
		return NULL;
	}
	pcre2_pattern_info(r->code, PCRE2_INFO_SIZE, &size);
	if (size > COMPILED_MAX) { /* nested counts multiply; machine code would be larger still */
		pcre2_code_free(r->code);
		snprintf(err, err_len, "it repeats too much");
		return NULL;
	}
	if (!fold)
		needle_find(&r->needle, pattern);
	/* Where the machine forbids JIT the interpreter takes over. */
	pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	return TAKE_PTR(r);
}

struct regex *regex_new(struct str pattern, char *err, size_t err_len)
{
	return make(pattern, false, err, err_len);
}

struct regex *regex_new_folded(struct str pattern, char *err, size_t err_len)
{
	return make(pattern, true, err, err_len);
}

void regex_free(struct regex *r)
{
	if (r)
		pcre2_code_free(r->code);
	free(r);
}

struct regex_scratch *regex_scratch_new(void)
{
	struct regex_scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->context = pcre2_match_context_create(NULL);
	s->data = pcre2_match_data_create(2, NULL);
	if (!s->context || !s->data) {
		regex_scratch_free(s);
		return NULL;
	}
	pcre2_set_match_limit(s->context, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
	return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
	if (!s)
		return;
	pcre2_match_context_free(s->context);
	pcre2_match_data_free(s->data);
	free(s);
}

/* Pairs of offsets that were set, 0: no match, negative: gave up. */
static int run(const struct regex *r, struct regex_scratch *s, struct str text, uint32_t start)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.len, start, 0,
			     s->data, s->context);

	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (rc < 0) {
		atomic_fetch_add_explicit(&s->limit_hits, 1, memory_order_relaxed);
		return -E2BIG;
	}
	return rc ? rc : 2; /* 0: more groups than there is room for */
}

bool regex_found(const struct regex *r, struct regex_scratch *s, struct str text)
{
	return needle_allows(&r->needle, text) && run(r, s, text, 0) > 0;
}

int regex_find(const struct regex *r, struct regex_scratch *s, struct str text, uint32_t start,
	       struct regex_span *m)
{
	const PCRE2_SIZE *v;
	int rc, g;

	if (start > text.len || !needle_allows(&r->needle, text))
		return 0;
	rc = run(r, s, text, start);
	if (rc <= 0)
		return rc;
	v = pcre2_get_ovector_pointer(s->data);
	g = rc > 1 && v[2] != PCRE2_UNSET;
	m->from = (uint32_t)v[2 * g];
	m->to = (uint32_t)v[2 * g + 1];
	return 1;
}

uint64_t regex_limit_hits(const struct regex_scratch *s)
{
	return s ? atomic_load_explicit(&s->limit_hits, memory_order_relaxed) : 0;
}
