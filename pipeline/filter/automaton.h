/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Many texts found in one pass: Aho-Corasick, laid out as a double array that the kernel filter's
 * programs walk (bpf/filter_abi.h, struct filter_text). One thread; add everything, then write.
 */
#ifndef TOCSIN_FILTER_AUTOMATON_H
#define TOCSIN_FILTER_AUTOMATON_H

#include <linux/types.h>

#include "bpf/filter_abi.h"
#include "pipeline/str.h"

enum automaton_when {
	AUTOMATON_PATH,	/* found anywhere */
	AUTOMATON_NAME,	/* its last byte is in the last component */
	AUTOMATON_END,	/* the text ends with it */
};

struct automaton;

/* fold: upper and lower case of ASCII letters are equal. NULL: out of memory. */
struct automaton *automaton_new(bool fold);
void automaton_free(struct automaton *a);

/* Where text, not empty and without NUL, is found, these bits are set. anchored: only at the
 * beginning of what is searched. 0, -ENOMEM, or -E2BIG past FILTER_STATES_MAX. */
int automaton_add(struct automaton *a, struct str text, bool anchored, enum automaton_when when,
		  uint64_t bits);
/* Appends the tables to block, whose length is a multiple of 8, and fills t but for its base. 0,
 * -ENOMEM or -E2BIG, also where block has not enough room left. */
int automaton_write(struct automaton *a, struct buf *block, struct filter_text *t);
uint32_t automaton_states(const struct automaton *a);

#endif
