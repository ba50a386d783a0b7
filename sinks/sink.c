/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The list of sinks, expanded from sinks.def, and what all sinks share: the text of their last
 * error, written by the sink's thread and readable from any.
 */
#include "sinks/sink.h"

#include <stdarg.h>
#include <stdio.h>

#define SINK(symbol) extern const struct sink symbol;
#include "sinks/sinks.def"
#undef SINK

static void keep_text(struct sink_stats *st, const char *fmt, va_list ap)
{
	char text[SINK_ERROR_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	for (size_t i = 0; i < sizeof(text); i++) {
		unsigned char c = (unsigned char)text[i];

		if (c && (c < 0x20 || c >= 0x7f))
			c = '?';
		atomic_store_explicit(&st->last_error[i], (char)c, memory_order_relaxed);
		if (!c)
			break;
	}
}

void sink_error(struct sink_stats *st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep_text(st, fmt, ap);
	va_end(ap);
	sink_count(&st->errors, 1);
}

void sink_note(struct sink_stats *st, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep_text(st, fmt, ap);
	va_end(ap);
}

void sink_last_error(const struct sink_stats *st, char out[SINK_ERROR_MAX])
{
	for (size_t i = 0; i < SINK_ERROR_MAX; i++)
		out[i] = atomic_load_explicit(&st->last_error[i], memory_order_relaxed);
	out[SINK_ERROR_MAX - 1] = '\0';
}

const struct sink *sink_by_name(struct str name)
{
	for (const struct sink *const *s = sinks; *s; s++)
		if (str_eq(str_of((*s)->name), name))
			return *s;
	return NULL;
}

#define SINK(symbol) &symbol,
const struct sink *const sinks[] = {
#include "sinks/sinks.def"
	NULL,
};
#undef SINK
