/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Problems found in input (diag.h): a growing list with a hard limit. Start-up and reload only,
 * never the hot path. The list owns its texts; whoever declared it frees it.
 */
#include "pipeline/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/encode.h"
#include "pipeline/util.h"

enum { REASON_MAX = 2000 };

static char *escaped(const char *s)
{
	struct buf b = { 0 };

	text_escape(&b, str_of(s));
	buf_char(&b, '\0');
	if (b.failed) {
		buf_free(&b);
		return NULL;
	}
	return b.p;
}

static void drop_warning(struct diags *d)
{
	uint32_t i = d->count - 1;

	while (!d->items[i].warning)
		i--;
	free(d->items[i].file);
	free(d->items[i].reason);
	memmove(&d->items[i], &d->items[i + 1], (--d->count - i) * sizeof(*d->items));
	d->warnings--;
	d->dropped++;
}

/* In a full list an error takes the place of the last warning. */
static struct diag *next_slot(struct diags *d, bool warning)
{
	if (d->count >= DIAGS_MAX && d->warnings && !warning)
		drop_warning(d);
	if (d->count >= DIAGS_MAX || !array_grow(&d->items, d->count, sizeof(*d->items)))
		return NULL;
	return &d->items[d->count];
}

static void add(struct diags *d, const char *file, uint32_t line, uint32_t column, bool warning,
		const char *fmt, va_list ap)
{
	char text[REASON_MAX];
	struct diag *slot;

	d->errors += !warning;
	slot = next_slot(d, warning);
	if (!slot) {
		d->dropped++;
		return;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	*slot = (struct diag){ .line = line, .column = column, .warning = warning };
	slot->reason = escaped(text);
	slot->file = strdup(file ? file : "");
	if (!slot->reason || !slot->file) {
		free(slot->reason);
		free(slot->file);
		d->dropped++;
		return;
	}
	d->count++;
	d->warnings += warning;
}

void diag_add(struct diags *d, const char *file, uint32_t line, uint32_t column, const char *fmt,
	      ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, file, line, column, false, fmt, ap);
	va_end(ap);
}

void diag_warn(struct diags *d, const char *file, uint32_t line, uint32_t column, const char *fmt,
	       ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, file, line, column, true, fmt, ap);
	va_end(ap);
}

static bool is_before(const struct diag *a, const struct diag *b)
{
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By insertion: few, nearly in order, and it keeps what is equal as it was. */
void diags_sort(struct diags *d, uint32_t first)
{
	for (uint32_t i = first; i < d->count; i++) {
		struct diag x = d->items[i];
		uint32_t at = i;

		for (; at > first && is_before(&x, &d->items[at - 1]); at--)
			d->items[at] = d->items[at - 1];
		d->items[at] = x;
	}
}

void diag_text(const struct diag *x, const char *mark, struct buf *b)
{
	size_t before = b->len;

	text_escape(b, str_of(x->file));
	if (x->line)
		buf_addf(b, ":%u", x->line);
	if (x->line && x->column)
		buf_addf(b, ":%u", x->column);
	if (b->len > before)
		buf_lit(b, ": ");
	buf_lit(b, mark);
	buf_lit(b, x->reason);
}

void diags_take(struct diags *dst, struct diags *src)
{
	for (uint32_t i = 0; i < src->count; i++) {
		struct diag *slot = next_slot(dst, src->items[i].warning);

		if (slot) {
			*slot = src->items[i];
			dst->count++;
			dst->warnings += slot->warning;
			continue;
		}
		dst->dropped++;
		free(src->items[i].file);
		free(src->items[i].reason);
	}
	dst->dropped += src->dropped;
	dst->errors += src->errors;
	free(src->items);
	*src = (struct diags){ 0 };
}

void diags_print(const struct diags *d, FILE *f)
{
	for (uint32_t i = 0; i < d->count; i++) {
		const struct diag *x = &d->items[i];
		struct buf b = { 0 };

		diag_text(x, x->warning ? "warning: " : "", &b);
		fprintf(f, "%.*s\n", (int)b.len, b.p ? b.p : "");
		buf_free(&b);
	}
	if (d->dropped)
		fprintf(f, "%u more problems are not shown\n", d->dropped);
}

void diags_free(struct diags *d)
{
	for (uint32_t i = 0; i < d->count; i++) {
		free(d->items[i].file);
		free(d->items[i].reason);
	}
	free(d->items);
	*d = (struct diags){ 0 };
}
