/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Saved streams, played for tests.
 */
#ifndef TOCSIN_TEST_STREAM_H
#define TOCSIN_TEST_STREAM_H

#include "pipeline/event.h"

/* Calls fn with each event of the stream and its contexts, up to so many opens; the event lasts for
 * the call. Fails the test on a stream that cannot be read to its end. */
void stream_play(const char *save, uint32_t opens, void (*fn)(void *arg, struct event *e),
		 void *arg);

#endif
