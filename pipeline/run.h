/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A live run, for commands that watch the kernel: `run`, and `learn`, which observes. Main thread.
 */
#ifndef TOCSIN_RUN_H
#define TOCSIN_RUN_H

#include "pipeline/config.h"
#include "pipeline/consumer.h"

/* Runs as the configuration says, until its end: an exit code (cmd.h). observer: who is told of
 * events instead of outputs; NULL: nobody. Frees c. */
int run_agent(struct config *c, const struct observer *observer);

#endif
