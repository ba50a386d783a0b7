/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Name tables of the ENUM and BITS types of bpf/types.def: type_names_OUTCOME and so on, one for
 * each type (empty for the others). Constant; any thread. Used by the schema, which gives each
 * field its table: everybody else asks schema_enum_name and schema_enum_value.
 */
#ifndef TOCSIN_NAMES_H
#define TOCSIN_NAMES_H

#include "pipeline/schema.h"

#define TYPE(id, ctype, class, names) extern const struct name_table type_names_##id;
#include "bpf/types.def"
#undef TYPE

/* OFLAGS: the access mode of open(2) is a number in bits 0 and 1 (0 is O_RDONLY) and not a set of
 * bits. event_get turns it into bits that are: 0 and 1 stay O_WRONLY and O_RDWR, and O_RDONLY,
 * which has no bit of its own, is this one, above all that the kernel uses. A file opened with
 * O_PATH can be neither read nor written: it has none of them. */
enum { OFLAGS_RDONLY_BIT = 32, OFLAGS_PATH = 1 << 21 };

static inline uint64_t oflags_bits(uint64_t f_flags)
{
	return f_flags & (3 | OFLAGS_PATH) ? f_flags : f_flags | 1ULL << OFLAGS_RDONLY_BIT;
}

#endif
