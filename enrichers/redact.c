/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Redaction: the patterns mark bytes, then the text is written with *** for each run of marks.
 * Most texts have nothing to hide, and a machine runs the same commands again and again: short texts
 * in which no pattern found anything are remembered, each in the place that its hash gives it, and
 * compared byte for byte.
 */
#include "enrichers/redact.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/event.h"
#include "pipeline/policy/regex.h"
#include "pipeline/util.h"

enum {
	MATCHES_MAX = 256, /* of one pattern in one text; past them all is replaced */
	CLEAN_TEXTS = 64,
	CLEAN_BYTES = 252, /* of a text that is remembered */
};

struct clean {
	uint32_t len; /* 0: none */
	char text[CLEAN_BYTES];
};

struct redactor {
	struct regex **patterns;
	struct regex_scratch *scratch;
	uint32_t count;
	uint64_t gave_up;
	struct clean clean[CLEAN_TEXTS];
	char text[EV_ARGS_MAX]; /* the text with spaces for NULs */
	uint8_t marks[EV_ARGS_MAX];
};

void redactor_free(struct redactor *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->count; i++)
		regex_free(r->patterns[i]);
	free(r->patterns);
	regex_scratch_free(r->scratch);
	free(r);
}

int redactor_new(struct redactor **out, const struct opt_list *patterns)
{
	struct redactor *r = calloc(1, sizeof(*r));
	char err[128];
	int rc = 0;

	if (!r)
		return -ENOMEM;
	r->patterns = calloc(patterns->count + 1, sizeof(*r->patterns));
	r->scratch = regex_scratch_new();
	if (!r->patterns || !r->scratch)
		rc = -ENOMEM;
	for (uint32_t i = 0; !rc && i < patterns->count; i++) {
		r->patterns[i] = regex_new(str_of(patterns->items[i]), err, sizeof(err));
		if (r->patterns[i])
			r->count++;
		else
			rc = -EINVAL;
	}
	if (rc) {
		redactor_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

uint64_t redactor_gave_up(const struct redactor *r)
{
	return r->gave_up;
}

/* False: gave up. */
static bool mark_pattern(struct redactor *r, struct regex *pattern, uint32_t len)
{
	struct str text = { r->text, len };
	struct regex_span m;
	uint32_t at = 0;
	int rc, n = 0;

	while ((rc = regex_find(pattern, r->scratch, text, at, &m)) > 0) {
		if (++n > MATCHES_MAX)
			return false;
		memset(r->marks + m.from, 1, m.to - m.from);
		at = MAX(m.to, at + 1);
	}
	return rc == 0;
}

static void write_redacted(struct redactor *r, struct buf *out, struct str text)
{
	for (uint32_t i = 0; i < text.len; i++) {
		bool starts = r->marks[i] && (!i || !r->marks[i - 1] || !text.p[i - 1]);

		if (!text.p[i] || !r->marks[i])
			buf_char(out, text.p[i]);
		else if (starts)
			buf_lit(out, "***");
	}
}

/* Where the text is, or would be, remembered; NULL: it never is. */
static struct clean *clean_place(struct redactor *r, struct str text)
{
	uint64_t h = text.len, w;

	if (!text.len || text.len > CLEAN_BYTES)
		return NULL;
	for (uint32_t i = 0; i < text.len; i += 8) {
		w = 0;
		memcpy(&w, text.p + i, MIN(text.len - i, 8u));
		h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
		h ^= h >> 32;
	}
	return &r->clean[h % CLEAN_TEXTS];
}

static bool is_clean(const struct clean *c, struct str text)
{
	return c && c->len == text.len && !memcmp(c->text, text.p, text.len);
}

static void remember_clean(struct clean *c, struct str text)
{
	c->len = text.len;
	memcpy(c->text, text.p, text.len);
}

void redact(struct redactor *r, struct buf *out, struct str text)
{
	struct clean *place;
	uint32_t seen; /* the end of a LIST is no space */

	if (text.len > sizeof(r->text))
		text.len = sizeof(r->text);
	place = r->count ? clean_place(r, text) : NULL;
	if (!r->count || is_clean(place, text)) {
		buf_str(out, text);
		return;
	}
	for (uint32_t i = 0; i < text.len; i++)
		r->text[i] = text.p[i] ? text.p[i] : ' ';
	memset(r->marks, 0, text.len);
	seen = text.len && !text.p[text.len - 1] ? text.len - 1 : text.len;
	for (uint32_t i = 0; i < r->count; i++)
		if (!mark_pattern(r, r->patterns[i], seen)) {
			r->gave_up++;
			memset(r->marks, 1, text.len);
			break;
		}
	if (place && !memchr(r->marks, 1, text.len))
		remember_clean(place, text);
	write_redacted(r, out, text);
}

bool glob_fits(struct str glob, struct str name)
{
	uint32_t g = 0, n = 0, star = UINT32_MAX, back = 0;

	while (n < name.len) {
		if (g < glob.len && glob.p[g] == '*') {
			star = g++;
			back = n;
		} else if (g < glob.len && (glob.p[g] == '?' || glob.p[g] == name.p[n])) {
			g++;
			n++;
		} else if (star != UINT32_MAX) {
			g = star + 1;
			n = ++back;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.p[g] == '*')
		g++;
	return g == glob.len;
}

static bool wanted(struct str item, const struct opt_list *names)
{
	const char *eq = memchr(item.p, '=', item.len);

	if (!eq)
		return false;
	item.len = (uint32_t)(eq - item.p);
	for (uint32_t i = 0; i < names->count; i++)
		if (glob_fits(str_of(names->items[i]), item))
			return true;
	return false;
}

void redact_env(struct redactor *r, struct buf *out, struct str env, const struct opt_list *names)
{
	const char *p = env.p, *end = p + env.len, *nul;

	for (; p < end; p = nul + 1) {
		nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			return;
		if (!wanted((struct str){ p, (uint32_t)(nul - p) }, names))
			continue;
		redact(r, out, (struct str){ p, (uint32_t)(nul - p) });
		buf_char(out, 0);
	}
}
