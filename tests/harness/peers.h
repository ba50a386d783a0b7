/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Connects and accepts of many kinds, to be recorded: IPv4, IPv6 and one in the other, Unix sockets by
 * path, abstract, and named by the kernel; TCP and UDP, io_uring; those that fail; by several users,
 * programs, names of threads and cgroups. They happen in a network namespace that has addresses of
 * policymaker.h. TOCSIN_SEED=n chooses others.
 */
#ifndef TOCSIN_TEST_PEERS_H
#define TOCSIN_TEST_PEERS_H

#include <stdbool.h>

/* In dir, by processes that execute copies of the calling program. Skips the test where there are no
 * network namespaces or cgroups; fails it on what must not be. */
void peers_act(const char *dir);
/* Some of them are by io_uring, where this kernel allows it. */
bool peers_have_uring(void);
/* What these do: main() calls it first. Comes back in other processes only. */
void peers_main(int argc, char **argv);

#endif
