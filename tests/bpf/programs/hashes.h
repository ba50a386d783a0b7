/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What hashes.bpf.c writes for each open file.
 */
#ifndef TOCSIN_TEST_HASHES_H
#define TOCSIN_TEST_HASHES_H

struct hash_of_fd {
	unsigned int fd, hash;
};

#endif
