/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Counters of the consumer and its enrichers: one writer (the consumer thread), read by any thread,
 * no order implied.
 */
#ifndef TOCSIN_COUNTER_H
#define TOCSIN_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter_t;

static inline uint64_t counter_get(const counter_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void counter_set(counter_t *c, uint64_t v)
{
	atomic_store_explicit(c, v, memory_order_relaxed);
}

static inline void counter_add(counter_t *c, uint64_t n)
{
	counter_set(c, counter_get(c) + n);
}

static inline void counter_inc(counter_t *c) { counter_add(c, 1); }

#endif
