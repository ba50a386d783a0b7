/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Messages of the agent about itself. Any thread: one lock keeps lines whole and in order.
 *
 * The level and the held lines are the only state, and static: a message can come from anywhere
 * and nothing but standard error depends on it.
 */
#include "pipeline/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 2048, HELD_BYTES = 64 << 10 };

static struct {
	pthread_mutex_t lock;
	enum log_level level;
	bool held;
	size_t used; /* of kept */
	unsigned dropped;
	char kept[HELD_BYTES]; /* whole lines */
} log_state = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO };

static const char *const level_names[] = { "error", "warning", "info", "debug" };

static void put(const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

/* Appends s to the line, what a terminal could act on as \xNN. */
static size_t escape(char *line, size_t at, const char *s)
{
	for (; *s && at + 6 < LINE_BYTES; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c < 0x7f)
			line[at++] = (char)c;
		else
			at += (size_t)snprintf(line + at, 5, "\\x%02x", c);
	}
	return at;
}

static void put_or_keep(const char *line, size_t n)
{
	if (!log_state.held) {
		put(line, n);
	} else if (n <= HELD_BYTES - log_state.used) {
		memcpy(log_state.kept + log_state.used, line, n);
		log_state.used += n;
	} else {
		log_state.dropped++;
	}
}

void log_set_level(enum log_level level)
{
	pthread_mutex_lock(&log_state.lock);
	log_state.level = level;
	pthread_mutex_unlock(&log_state.lock);
}

void log_hold(void)
{
	pthread_mutex_lock(&log_state.lock);
	log_state.held = true;
	pthread_mutex_unlock(&log_state.lock);
}

void log_release(void)
{
	char line[80];

	pthread_mutex_lock(&log_state.lock);
	put(log_state.kept, log_state.used);
	if (log_state.dropped) {
		snprintf(line, sizeof(line), "warning: %u more messages were dropped\n",
			 log_state.dropped);
		put(line, strlen(line));
	}
	log_state.held = false;
	log_state.used = 0;
	log_state.dropped = 0;
	pthread_mutex_unlock(&log_state.lock);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char text[LINE_BYTES], line[LINE_BYTES];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = (size_t)snprintf(line, sizeof(line), "%s: ", level_names[level]);
	n = escape(line, n, text);
	line[n++] = '\n';
	pthread_mutex_lock(&log_state.lock);
	if (level <= log_state.level)
		put_or_keep(line, n);
	pthread_mutex_unlock(&log_state.lock);
}
