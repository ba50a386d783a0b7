/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The contract between the kernel side (bpf/) and user space: record layouts expanded from
 * events.def, the configuration that programs read, and the per-CPU state they count in.
 * Compiled by clang for BPF (after vmlinux.h) and by gcc for the agent (after linux/types.h).
 * Fixed-width types only, sizes in multiples of 8, native byte order, no implicit padding.
 */
#ifndef TOCSIN_EVENT_ABI_H
#define TOCSIN_EVENT_ABI_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define EV_ABI 1 /* raise on every change of a released layout; saved files carry it */

/* Limits of a record, bytes. */
enum {
	EV_PATH_MAX = 4096, /* a path, its components and separators */
	EV_ARGS_MAX = 8192, /* hard limit of argv, of env; the configured ones are below it */
	EV_STR_MAX = 4096, /* any other string */
	EV_REC_MAX = 32768, /* a whole record */
	EV_COMM_LEN = 16,
};

/* Variable data: off counts from the start of the record; off 0 means absent. The bytes are not
 * NUL-terminated for STR. LIST holds items that each end in NUL. PATH holds the components from
 * the leaf to the root, each ended by NUL: "passwd\0etc\0" is /etc/passwd, "\0" alone is /.
 * Flags in the field beside it say when the walk did not end at the root of the mount namespace. */
struct ev_ref {
	__u32 off;
	__u32 len;
};

/* family: 0 absent, 4 (address in the first four bytes, network order, the rest zero), or 6. */
struct ev_ip {
	__u8 addr[16];
	__u8 family;
	__u8 pad[7];
};

struct ev_comm {
	char b[EV_COMM_LEN];
};

enum ev_class {
	EV_CLASS_UINT,
	EV_CLASS_INT,
	EV_CLASS_BOOL,
	EV_CLASS_OCTAL,
	EV_CLASS_HEX,
	EV_CLASS_COMM,
	EV_CLASS_STR,
	EV_CLASS_PATH,
	EV_CLASS_LIST,
	EV_CLASS_IP,
	EV_CLASS_TIME,
	EV_CLASS_JSON,
	EV_CLASS_ENUM,
	EV_CLASS_BITS,
	EV_CLASS_MAX
};

enum ev_outcome {
	EV_OUTCOME_NONE,
	EV_OUTCOME_SUCCESS,
	EV_OUTCOME_FAILURE,
	EV_OUTCOME_UNKNOWN,
	EV_OUTCOME_MAX
};
enum ev_family { EV_FAMILY_NONE, EV_FAMILY_IPV4, EV_FAMILY_IPV6, EV_FAMILY_UNIX, EV_FAMILY_MAX };
enum ev_transport {
	EV_TRANSPORT_NONE,
	EV_TRANSPORT_TCP,
	EV_TRANSPORT_UDP,
	EV_TRANSPORT_STREAM,
	EV_TRANSPORT_DGRAM,
	EV_TRANSPORT_SEQPACKET,
	EV_TRANSPORT_MAX
};
enum ev_filetype {
	EV_FILETYPE_NONE,
	EV_FILETYPE_FILE,
	EV_FILETYPE_DIR,
	EV_FILETYPE_SYMLINK,
	EV_FILETYPE_CHAR,
	EV_FILETYPE_BLOCK,
	EV_FILETYPE_FIFO,
	EV_FILETYPE_SOCKET,
	EV_FILETYPE_OTHER,
	EV_FILETYPE_MAX
};
enum ev_losscause {
	EV_LOSS_NONE,
	EV_LOSS_RING_FULL,
	EV_LOSS_SCRATCH_BUSY,
	EV_LOSS_READ_FAILED,
	EV_LOSS_MAX_
};
enum ev_hook {
	EV_HOOK_NONE,
	EV_HOOK_CONSUMER,
	EV_HOOK_ITER,
	EV_HOOK_TP_FORK,
	EV_HOOK_TP_EXEC,
	EV_HOOK_TP_EXIT,
	EV_HOOK_TP_SYS_EXIT,
	EV_HOOK_TP_IO_URING_COMPLETE,
	EV_HOOK_TP_SOCK_STATE,
	EV_HOOK_CGROUP_SENDMSG,
	EV_HOOK_TP_CGROUP,
	EV_HOOK_TP_IO_URING_SUBMIT,
	EV_HOOK_MAX
};

/* Bit numbers, not masks: BITS fields hold 1u << number. */
enum ev_hdr_flag {
	EV_HDR_TRUNCATED, /* "truncated": some text was longer than its limit */
	EV_HDR_UNREAD, /* "unread": some text could not be read */
	EV_HDR_USER, /* "user_memory": some text is the caller's own, not what the kernel acted on */
	EV_HDR_IO_URING, /* "io_uring" */
	EV_HDR_WOULD_DROP, /* "would_drop": the kernel filter would not have sent it (verify mode) */
	EV_HDR_FLAG_MAX
};
enum ev_path_flag {
	EV_PATHF_TRUNCATED, /* "truncated": the leading components are missing */
	EV_PATHF_DELETED, /* "deleted": the last component is no longer linked */
	EV_PATHF_DETACHED, /* "detached": the mount is in no namespace, or in none that can be walked */
	EV_PATHF_FOREIGN, /* "foreign_namespace": complete, but in another mount namespace than the task's */
	EV_PATHF_UNREAD, /* "unread": a component could not be read */
	EV_PATHF_PSEUDO, /* "pseudo": an anonymous file (pipe, memfd, socket, anon_inode) */
	EV_PATHF_MAX
};
enum ev_exec_flag {
	EV_EXECF_SETUID,
	EV_EXECF_SETGID, /* "setuid", "setgid": mode bits of the file */
	EV_EXECF_SECUREEXEC, /* "secureexec": AT_SECURE was set */
	EV_EXECF_DELETED, /* "deleted": the file has no link any more */
	EV_EXECF_MEMFD, /* "memfd" */
	EV_EXECF_UPPER_LAYER, /* "upper_layer": overlayfs, file lives in the upper layer */
	EV_EXECF_ARGS_TRUNCATED,
	EV_EXECF_ARGS_UNREAD,
	EV_EXECF_ENV_TRUNCATED,
	EV_EXECF_ENV_UNREAD,
	EV_EXECF_KTHREAD, /* "kernel_thread" (TASK records) */
	EV_EXECF_EXECFD, /* "fexecve": run from a descriptor */
	EV_EXECF_MAX
};

enum ev_kind {
	EV_NONE,
#define EV_BEGIN(id, stem, kind, category, help) EV_##id,
#include "events.def"
	EV_MAX
};

/* Member types of a raw record: ev_t_U32 and so on. */
#define EV_COMM_T struct ev_comm
#define EV_STR_T struct ev_ref
#define EV_PATH_T struct ev_ref
#define EV_LIST_T struct ev_ref
#define EV_IP_T struct ev_ip
#define TYPE(id, ctype, class, names) typedef ctype ev_t_##id;
#include "types.def"
#undef TYPE
#undef EV_COMM_T
#undef EV_STR_T
#undef EV_PATH_T
#undef EV_LIST_T
#undef EV_IP_T

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#define EV_HDR_BEGIN struct ev_hdr {
#define EV_HDR(type, name, path, help) ev_t_##type name;
#define EV_HDR_END                                                                                 \
	}                                                                                          \
	;
#define EV_BEGIN(id, stem, kind, category, help)                                                   \
	struct ev_##stem {                                                                         \
		struct ev_hdr h;
#define EV_FIELD(type, name, path, help) ev_t_##type name;
#define EV_OPT(type, name, path, help) ev_t_##type name;
#define EV_ID(type, name, path, help) ev_t_##type name;
#define EV_CTX(type, name, help) ev_t_##type name;
#define EV_PAD(n, name) __u8 name[n];
#define EV_END(id)                                                                                 \
	}                                                                                          \
	;
#include "events.def"

/* Set by the loader before load, constant afterwards: section .rodata.cfg of every object. */
struct bpf_cfg {
	__u64 boot_salt; /* mixed into every exec_id, from the boot id */
	__u32 self_tgid; /* the agent's process id; 0: also send its events */
	__u32 args_max; /* bytes of argv to read, at most EV_ARGS_MAX */
	__u32 env_max; /* bytes of environment to read; 0: none */
	__u32 v1_subsys; /* enum cgroup_subsys_id whose v1 hierarchy stands in, ~0 none */
	__u32 v1_hierarchy; /* its hierarchy id, 0 none */
	__u32 ncpu; /* entries of the cpus map */
	__u32 exit_has_group_dead; /* sched_process_exit has a second argument (6.17 and later) */
	__u32 no_typed_loads; /* 1: use probe reads even where bpf_rdonly_cast exists (tests) */
	__u32 filter_mask; /* bytes of the kernel filter's block - 1 */
	__u32 zero; /* pads to 8 bytes */
};

/* Shared with user space through the mapped cpus array; one entry a CPU. Only its CPU's
 * programs write (atomically: a program can be preempted or interrupted on its CPU). */
struct cpu_state {
	__u64 seq; /* last sequence number taken */
	__u64 self; /* events of the agent itself, left out */
	__u64 lost[EV_MAX][EV_LOSS_MAX_]; /* [kind][cause] */
	__u64 sent[EV_MAX];
	__u64 filtered[EV_MAX]; /* not sent: nobody wants them (kernel filter) */
	__u32 claims[4]; /* 1: that scratch slot is in use */
};

/* One entry, mapped: what user space may change while programs run. */
struct ring_control {
	__u32 want_wakeup; /* set by a consumer that goes to sleep, cleared by the waker */
	__u32 failed_opens; /* 1: a policy or record wants opens that failed */
	__u64 want; /* bit per enum ev_kind: kinds somebody wants */
	__u64 self_exec_id; /* the agent, once the scan of running tasks has met it; 0: not yet */
	__u32 cgroup_epoch; /* renames of cgroups whose records are in the ring, or counted as lost */
	__u32 pad;
};
#pragma GCC diagnostic pop

#endif
