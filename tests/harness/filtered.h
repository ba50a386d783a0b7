/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A set of probes with the kernel filter at work, and the same tables in user space: whether an event
 * comes, and what the tables say of an open's path. Functions fail the test on what must not be.
 */
#ifndef TOCSIN_TEST_FILTERED_H
#define TOCSIN_TEST_FILTERED_H

#include "pipeline/filter/tables.h"
#include "tests/harness/live.h"

struct filtered {
	struct live l;
	void *block;
	char dir[TEST_DIR];
	uint32_t generation;
};

void filtered_begin(struct filtered *f, bool no_typed_loads); /* opens alone */
void filtered_begin_kinds(struct filtered *f, uint64_t want, bool no_typed_loads);
void filtered_end(struct filtered *f);
void filtered_forget(struct filtered *f);
void filtered_install(struct filtered *f, uint32_t kind, const struct filter_clause *c, uint32_t n,
		      uint8_t mode);
void filtered_want(struct filtered *f, const struct filter_pattern *p, uint32_t n);
void filtered_want_one(struct filtered *f, uint8_t type, const char *text);
void filtered_touch(const char *path);
void filtered_look(const char *path);
void filtered_look_anew(const struct filtered *f, const char *path);
void filtered_drop_caches(void);
uint32_t filtered_count(struct filtered *f, const char *path, uint32_t *flags);
uint32_t filtered_seen(struct filtered *f, const char *path, uint32_t *flags);
bool filtered_should(const struct filtered *f, const char *path);
void filtered_check(struct filtered *f, const char *path);
uint64_t filtered_out(const struct filtered *f, uint32_t kind);
bool filtered_stored(const struct filtered *f, const char *path, uint64_t *mask);
void filtered_check_stored(const struct filtered *f, const char *path);

#endif
