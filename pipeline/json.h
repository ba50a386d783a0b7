/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Values as JSON and as text: what encode.h promises to everybody, in the form the encoder uses,
 * each value read straight from its member.
 */
#ifndef TOCSIN_JSON_H
#define TOCSIN_JSON_H

#include "pipeline/encode.h"

/* Each appends a whole JSON value. True: a byte had to be encoded. */
bool put_json_string(struct buf *b, struct str s); /* with its quotes */
bool put_json_list(struct buf *b, struct str list); /* ["a","b"] */
void put_json_uint(struct buf *b,
		   uint64_t v); /* above INT64_MAX: a string, which parsers survive */
void put_json_enum(struct buf *b, const struct name_table *t, uint64_t v);
void put_json_bits(struct buf *b, const struct name_table *t, uint64_t v);
void put_json_ip(struct buf *b, const struct ev_ip *ip);

/* Does this text, written by json_escape, hold a byte that had to be encoded? */
bool json_has_encoded(struct str json);

/* Address as text, without quotes; IP_TEXT bytes of room. Returns the end. */
enum { IP_TEXT = 48 };
char *put_ip(char *p, const struct ev_ip *ip);

#endif
