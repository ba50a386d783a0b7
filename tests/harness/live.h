/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Tests on the live kernel: a set of probes, and the records it has given so far.
 */
#ifndef TOCSIN_TEST_LIVE_H
#define TOCSIN_TEST_LIVE_H

#include "probes/probe.h"
#include "tests/harness/test.h"

#define KIND_BIT(id) (1ULL << EV_##id)

struct live {
	struct probe_set *set;
	char *bytes; /* records back to back, each at a multiple of 8 */
	size_t len, cap;
	uint32_t count;
};

/* All kinds, a ring of 8 MiB, a fixed salt, own events included. */
extern const struct probe_cfg live_defaults;

/* Skips the test where BPF is not possible; fails it on any other error. */
void live_open(struct live *l, const struct probe_cfg *cfg);
void live_adopt(struct live *l, struct probe_set *set);
void live_close(struct live *l);

/* Reads until nothing has come for 20 ms, at most 5 s. */
void live_read(struct live *l);
/* Records in the order of the ring: NULL gives the first; NULL after the last. */
const struct ev_hdr *live_next(const struct live *l, const struct ev_hdr *after);
/* First record of this kind and tgid after `after`, or NULL. */
const struct ev_hdr *live_find(const struct live *l, const struct ev_hdr *after, uint32_t kind,
			       uint32_t tgid);
/* The same, and the test fails when there is none. */
const void *live_need(const struct live *l, uint32_t kind, uint32_t tgid);

/* Variable data of a record as text: a PATH the right way round, a LIST with | between items. */
const char *live_path(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size);
const char *live_list(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size);
const char *live_str(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size);

/* Field n (from 1) of /proc/PID/stat, as proc(5) numbers them: 22 starttime. 0 when it is gone. */
unsigned long long live_stat(pid_t pid, int n);

#endif
