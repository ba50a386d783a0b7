/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Documents as RFC 5424 messages:
 *
 *   <PRI>1 TIMESTAMP HOST APP PROCID MSGID [tocsin@32473 id="…" kind="…" …] MSG
 *
 * PROCID is the agent, MSGID the event kind ("file.open"). 32473 is the enterprise number that
 * RFC 5612 sets aside for documentation: this project has none of its own. No state.
 */
#ifndef TOCSIN_SYSLOG_FORMAT_H
#define TOCSIN_SYSLOG_FORMAT_H

#include "pipeline/batch.h"

#define SYSLOG_SD_ID "tocsin@32473"

enum { SYSLOG_MIN_BYTES = 1024 };	/* header and structured data always fit */

struct syslog_format {
	char host[256], app[49];	/* PRINTUSASCII, see syslog_word */
	uint32_t procid, facility;
	bool json;		/* MSG is the document */
	size_t max_bytes;	/* of a message */
};

/* Copies s as a word of the header: printable ASCII without spaces, other bytes as '_', at most
 * size - 1 bytes; "-" when empty. */
void syslog_word(char *out, size_t size, struct str s);

/* Appends one message. It is at most max_bytes long: the text is cut between two characters, and
 * a JSON document that does not fit is replaced by the text (half of one would parse nowhere);
 * both are marked by truncated="true". JSON comes as ASCII, with \u escapes, since a message in
 * UTF-8 has to begin with a BOM, which JSON parsers refuse. */
void syslog_format(struct buf *out, const struct syslog_format *f, const struct batch *b,
		   const struct doc *d);

#endif
