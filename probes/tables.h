/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the table file of a probe needs.
 */
#ifndef TOCSIN_TABLES_H
#define TOCSIN_TABLES_H

#include "bpf/slots.h"
#include "probes/probe.h"

#define KIND(id) (1ULL << EV_##id)
#define PROGRAMS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define SLOTS(...) (const struct slot_program[]){ __VA_ARGS__, { 0, NULL } }

/* The bytes that the build embeds from bpf/stem.bpf.c, as a function stem_object. */
#define EMBEDDED_OBJECT(stem) \
	extern const uint8_t _binary_##stem##_bpf_o_start[], _binary_##stem##_bpf_o_end[]; \
	static const void *stem##_object(size_t *len) \
	{ \
		*len = (size_t)(_binary_##stem##_bpf_o_end - _binary_##stem##_bpf_o_start); \
		return _binary_##stem##_bpf_o_start; \
	}

/* The dispatcher of system call exits: loaded when the hook of a probe has slots. */
extern const struct probe probe_syscalls;

#define PROBE(stem) extern const struct probe probe_##stem;
#include "probes/probes.def"
#undef PROBE

#endif
