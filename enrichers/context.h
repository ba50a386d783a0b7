/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The structs of context.def: struct ctx_process and so on, and enum ctx_group.
 * Strings point into memory of whoever filled the struct and live as long as the event.
 * A LIST is NUL-terminated items back to back, len counts the terminators.
 */
#ifndef TOCSIN_CONTEXT_H
#define TOCSIN_CONTEXT_H

#include "bpf/event.h"
#include "pipeline/str.h"

/* Ways in, of process.entry_leader.entry_meta.type. */
enum entry_type {
	ENTRY_NONE,
	ENTRY_INIT,
	ENTRY_SSHD,
	ENTRY_SSM,
	ENTRY_TERMINAL,
	ENTRY_CRON,
	ENTRY_CONTAINER,
	ENTRY_KTHREAD,
	ENTRY_MAX
};

#define EV_COMM_T struct ev_comm
#define EV_STR_T struct str
#define EV_PATH_T struct str
#define EV_LIST_T struct str
#define EV_IP_T struct ev_ip
#define TYPE(id, ctype, class, names) typedef ctype ctx_t_##id;
#include "bpf/types.def"
#undef TYPE
#undef EV_COMM_T
#undef EV_STR_T
#undef EV_PATH_T
#undef EV_LIST_T
#undef EV_IP_T

enum ctx_group {
#define CTX_BEGIN(id, stem, help) CTX_##id,
#include "enrichers/context.def"
	CTX_MAX
};

#define CTX_BEGIN(id, stem, help) struct ctx_##stem {
#define CTX_FIELD(type, name, path, help) ctx_t_##type name;
#define CTX_OPT(type, name, path, help) ctx_t_##type name;
#define CTX_ID(type, name, path, help) ctx_t_##type name;
#define CTX_PART(type, name, help) ctx_t_##type name;
#define CTX_END(id) };
#include "enrichers/context.def"

/* Names a process, whatever it executes, among those of one boot. */
static inline uint64_t ctx_process_id(uint32_t pid, uint64_t start_ns)
{
	uint64_t x = (start_ns ^ (uint64_t)pid << 42) * 0x9e3779b97f4a7c15ULL;

	return x ^ x >> 32;
}

#endif
