/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Images of programs that were executed lately. An exec whose record says, byte for byte, what an earlier
 * one said of its program (all but the header, old_exec_id, session and group: file, arguments, ids, …) has the
 * same image, so none is made: no texts are turned round, redacted and copied. A few images are kept, by
 * reference. Consumer thread.
 */
#ifndef TOCSIN_KNOWN_H
#define TOCSIN_KNOWN_H

#include "enrichers/proctable.h"

enum { KNOWN_IMAGES = 64, KNOWN_BYTES = 1024 /* a longer record is not kept */ };

struct known {
	struct known_image {
		struct image *image; /* NULL: none */
		union {
			struct ev_exec record;
			char bytes[KNOWN_BYTES];
		};
	} images[KNOWN_IMAGES];
};

/* The image of an earlier exec like r, which was validated; NULL: not known. No reference is taken. */
struct image *known_find(const struct known *k, const struct ev_exec *r);
/* img is r's; takes a reference of its own, in place of that to another image. */
void known_keep(struct known *k, struct proctable *t, const struct ev_exec *r, struct image *img);
void known_forget(struct known *k, struct proctable *t); /* all */

#endif
