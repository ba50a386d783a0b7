/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Numbers at random for tests: the same state gives the same numbers (SplitMix64).
 */
#ifndef TOCSIN_TEST_RANDOM_H
#define TOCSIN_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* 0 to n - 1, which is at least 1. Any state will do. */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

/* A state of the clock, or the one that the variable gives; printed, so that a run can be repeated. */
static inline uint64_t random_seed(const char *variable)
{
	const char *given = getenv(variable);
	struct timespec t;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &t);
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)t.tv_sec * 1000000007 + (uint64_t)t.tv_nsec;
	printf("# %s=%llu\n", variable, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

#endif
