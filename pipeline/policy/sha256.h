/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * SHA-256 (FIPS 180-4): the identity of a policy set.
 */
#ifndef TOCSIN_POLICY_SHA256_H
#define TOCSIN_POLICY_SHA256_H

#include "pipeline/str.h"

enum { SHA256_BYTES = 32 };

struct sha256 {
	uint32_t state[8];
	uint64_t len;
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES]);

#endif
