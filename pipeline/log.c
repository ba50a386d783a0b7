/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Messages of the agent about itself. Any thread; one lock around the held lines and the write,
 * so that two threads' lines never mix. Held lines are bounded: past the bound they are counted.
 */
#include "pipeline/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_ = 1024, HELD_MAX = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_level threshold = LOG_LEVEL_INFO;
static bool holding;
static char *held[HELD_MAX];
static unsigned held_count, held_dropped;

static const char *const level_names[] = { "error", "warning", "info", "debug" };

/* Control characters and bytes past ASCII that could be half a character: as \xNN. */
static size_t escape(char *out, size_t size, const char *in)
{
	size_t n = 0;

	for (; *in && n + 5 < size; in++) {
		unsigned char c = (unsigned char)*in;

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	out[n] = '\0';
	return n;
}

static void write_line(const char *line)
{
	size_t n = strlen(line);

	while (n) {
		ssize_t done = write(STDERR_FILENO, line, n);

		if (done <= 0)
			return;
		line += done;
		n -= (size_t)done;
	}
}

void log_set_level(enum log_level level)
{
	pthread_mutex_lock(&lock);
	threshold = level;
	pthread_mutex_unlock(&lock);
}

void log_hold(void)
{
	pthread_mutex_lock(&lock);
	holding = true;
	pthread_mutex_unlock(&lock);
}

void log_release(void)
{
	char line[80];

	pthread_mutex_lock(&lock);
	holding = false;
	for (unsigned i = 0; i < held_count; i++) {
		write_line(held[i]);
		free(held[i]);
	}
	if (held_dropped) {
		snprintf(line, sizeof(line), "warning: %u more messages at start were left out\n",
			 held_dropped);
		write_line(line);
	}
	held_count = held_dropped = 0;
	pthread_mutex_unlock(&lock);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_], line[LINE_MAX_ + 32];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = (size_t)snprintf(line, sizeof(line), "%s: ", level_names[level]);
	n += escape(line + n, sizeof(line) - n - 1, text);
	line[n++] = '\n';
	line[n] = '\0';
	pthread_mutex_lock(&lock);
	if (level > threshold) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (!holding)
		write_line(line);
	else if (held_count < HELD_MAX && (held[held_count] = strdup(line)))
		held_count++;
	else
		held_dropped++;
	pthread_mutex_unlock(&lock);
}
