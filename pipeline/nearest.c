/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Edit distance, case ignored; words longer than WORD_MAX are near nothing.
 */
#include "pipeline/nearest.h"

#include <ctype.h>
#include <strings.h>

#include "pipeline/util.h"

enum { WORD_MAX = 64 };

static uint32_t distance(struct str a, struct str b)
{
	uint32_t row[WORD_MAX + 1];

	for (uint32_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= a.len; i++) {
		uint32_t diagonal = row[0];

		row[0] = i;
		for (uint32_t j = 1; j <= b.len; j++) {
			uint32_t above = row[j], next = above;
			bool same = tolower((unsigned char)a.p[i - 1]) ==
				    tolower((unsigned char)b.p[j - 1]);

			above = MIN(above, row[j - 1]);
			row[j] = MIN(above + 1, diagonal + !same);
			diagonal = next;
		}
	}
	return row[b.len];
}

/* "fork" is most of what "process.fork" says. */
static bool is_last_part(struct str word, struct str c)
{
	return c.len > word.len && c.p[c.len - word.len - 1] == '.' &&
	       !strncasecmp(word.p, c.p + c.len - word.len, word.len);
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	struct str c = str_of(candidate);
	uint32_t d, allowed = 1 + MIN(n->word.len, c.len) / 3;

	if (!c.len || !n->word.len || c.len > WORD_MAX || n->word.len > WORD_MAX)
		return;
	d = is_last_part(n->word, c) ? 1 : distance(n->word, c);
	if (d <= allowed && (!n->best || d < n->distance)) {
		n->best = candidate;
		n->distance = d;
	}
}
