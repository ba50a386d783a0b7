/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Control groups of tests.
 */
#ifndef TOCSIN_TEST_GROUPS_H
#define TOCSIN_TEST_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/* A directory of our own under the mount of type `type` ("cgroup2", "cgroup") with option `option`, or
 * NULL: any. Skips the test without one. */
void groups_make(const char *type, const char *option, char *dir, size_t size);
/* The calling process goes into it. */
bool groups_enter(const char *dir);
/* Its processes have ended. */
void groups_remove(const char *dir);

#endif
