/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Cleanup attributes and small macros. A function that owns two resources or more frees them by
 * scope and hands one over with TAKE_PTR or TAKE_FD.
 */
#ifndef TOCSIN_UTIL_H
#define TOCSIN_UTIL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

static inline void cleanup_free_(void *p) { free(*(void **)p); }
static inline void cleanup_close_(int *fd) { if (*fd >= 0) close(*fd); }
static inline void cleanup_fclose_(FILE **f) { if (*f) fclose(*f); }
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free_)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close_)))
#define CLEANUP_FCLOSE __attribute__((cleanup(cleanup_fclose_)))

/* Room for one more item in *array, which has count: it doubles at each power of two. array: the
 * address of a pointer to items of `size` bytes. False: out of memory, and nothing changed. */
static inline bool array_grow(void *array, size_t count, size_t size)
{
	void **a = (void **)array, *grown; /* with -fno-strict-aliasing */

	if (count & (count - 1))
		return true;
	grown = reallocarray(*a, count ? count * 2 : 1, size);
	if (grown)
		*a = grown;
	return grown;
}

#define TAKE_PTR(p) ({ __typeof__(p) t_ = (p); (p) = NULL; t_; })
#define TAKE_FD(fd) ({ int t_ = (fd); (fd) = -1; t_; })

#endif
