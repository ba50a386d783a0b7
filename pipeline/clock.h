/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The monotonic clock in nanoseconds, for deadlines and back-off. Never an event's time.
 */
#ifndef TOCSIN_CLOCK_H
#define TOCSIN_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS 1000000ull

static inline struct timespec clock_timespec(uint64_t ns)
{
	return (struct timespec){ (time_t)(ns / NS_PER_SEC), (long)(ns % NS_PER_SEC) };
}

static inline uint64_t clock_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* What is left until deadline_ns, in whole milliseconds rounded up, at most max_ms. */
static inline int clock_left_ms(uint64_t deadline_ns, int max_ms)
{
	uint64_t now = clock_mono_ns(), left;

	if (now >= deadline_ns)
		return 0;
	left = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return left > (uint64_t)max_ms ? max_ms : (int)left;
}

#endif
