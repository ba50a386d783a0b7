/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sentences for people: what an event is about where no policy says it, and the compact line of a
 * document. All text is safe (text_escape) and bounded. Consumer thread.
 */
#ifndef TOCSIN_MESSAGE_H
#define TOCSIN_MESSAGE_H

#include "pipeline/encode.h"

/* Room that each of them needs at most. */
enum { MESSAGE_ROOM = 16384 };

/* "/usr/bin/cat opened /etc/shadow for reading" */
void message_default(struct buf *b, struct event *e);

/* Appends the compact line of a document whose time, kind, severity, rule and message are given.
 *   18:04:53.123 HIGH shadow-read: /usr/bin/cat read /etc/shadow | cat(12) < bash(7) < sshd | user root
 * *mark: the severity (or kind) and rule in it, which a terminal may colour. */
struct line_head {
	uint64_t time_ns; /* wall clock */
	uint8_t severity; /* enum severity */
	struct str rule; /* empty: a record */
	struct str message; /* safe */
};
void message_line(struct buf *b, struct event *e, const struct line_head *h, struct span *mark);

#endif
