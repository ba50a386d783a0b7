/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What `run` and `replay` have in common: policies, outputs, consumer, and the end of all of it.
 * Main thread; the fields are the commands' to use, in the order of the functions below.
 */
#ifndef TOCSIN_SESSION_H
#define TOCSIN_SESSION_H

#include "pipeline/filtering.h"
#include "pipeline/save_header.h"
#include "pipeline/stats.h"

struct session {
	const struct config *cfg;
	struct identity id;
	struct policy_set *policies;
	struct diags problems; /* of the policies; told once the command is ready */
	struct egress *egress;
	struct filtering filtering; /* of `run` alone */
	const struct observer *observer; /* instead of outputs; NULL: none */
	struct consumer *consumer;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
};

/* These return an exit code (cmd.h); what went wrong is on standard error. */
int session_policies(struct session *s);
int session_outputs(struct session *s);
int session_consumer(struct session *s, struct outside *outside, struct save *save);
/* Can a policy of the set, or does the configuration, want opens that failed? */
bool session_wants_failed_opens(const struct session *s, const struct policy_set *set);
/* Prints the problems of the policies. */
void session_tell(struct session *s);
/* Stops the outputs, prints the statistics and writes their file. set: NULL in a replay. */
int session_end(struct session *s, const struct probe_set *set);
void session_free(struct session *s);

/* Start-up failed: what log_hold kept goes out, then the reason. */
int session_fail(int exit_code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
