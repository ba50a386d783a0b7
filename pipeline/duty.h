/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the main thread does from `ready:` to the end: it waits for signals, for changed policy
 * files and for commands, reloads the policies, and prints statistics where that was asked for.
 */
#ifndef TOCSIN_DUTY_H
#define TOCSIN_DUTY_H

#include <signal.h>

#include "pipeline/reload.h"

struct duty;

/* Begins to watch and to listen, so that what happens after `ready:` is not missed. signals: those
 * to wait for, blocked in every thread. 0, or -ENOMEM, -EMFILE. */
int duty_new(struct duty **out, struct reload *r, const sigset_t *signals);
void duty_free(struct duty *d); /* NULL is legal */
/* Until SIGINT, SIGTERM, the loss of the terminal, or duration_ns have passed (0: no limit).
 * SIGHUP reloads. */
void duty_run(struct duty *d);

#endif
