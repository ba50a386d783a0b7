/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The JSON header of a saved stream (save.h): all beside the records that decides what the
 * documents look like. Main thread.
 */
#ifndef TOCSIN_SAVE_HEADER_H
#define TOCSIN_SAVE_HEADER_H

#include <jansson.h>

#include "pipeline/config.h"

enum { BOOT_ID_LEN = 32, RUN_ID_LEN = 8 };

/* Names a run; fixed for its whole life, and kept by a replay of it. */
struct identity {
	char boot_id[BOOT_ID_LEN + 1]; /* hex digits */
	char run_id[RUN_ID_LEN + 1]; /* hex digits, random */
	int64_t clock_offset_ns; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
};

/* This machine, now. 0 or -errno. */
int identity_make(struct identity *id);

json_t *save_header_make(const struct identity *id, const struct config *c,
			 struct str policy_digest);
/* From a checked header (replay_header): identity, and options of enrichers and kinds to record
 * (unless the user named some) into c. -EINVAL with err when it does not fit this program. */
int save_header_apply(const json_t *h, struct identity *id, struct config *c, char *err,
		      size_t err_len);

#endif
