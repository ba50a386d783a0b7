/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Name tables of names.h. The index is the value (ENUM) or the bit number (BITS); holes have no
 * name. A new value in an enum of bpf/event.h fails the static assert below its table until it is
 * named here.
 */
#include "pipeline/names.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>

#include "pipeline/batch.h"
#include "pipeline/util.h"

#define SIZED(table, n)                                                                            \
	_Static_assert(ARRAY_LEN(names_##table) == (n), #table " and its names differ")

static const char *const names_none[] = { NULL };

static const char *const names_outcome[] = {
	[EV_OUTCOME_SUCCESS] = "success",
	[EV_OUTCOME_FAILURE] = "failure",
	[EV_OUTCOME_UNKNOWN] = "unknown",
};
SIZED(outcome, EV_OUTCOME_MAX);

static const char *const names_family[] = {
	[EV_FAMILY_IPV4] = "ipv4",
	[EV_FAMILY_IPV6] = "ipv6",
	[EV_FAMILY_UNIX] = "unix",
};
SIZED(family, EV_FAMILY_MAX);

static const char *const names_transport[] = {
	[EV_TRANSPORT_TCP] = "tcp",
	[EV_TRANSPORT_UDP] = "udp",
	[EV_TRANSPORT_STREAM] = "stream",
	[EV_TRANSPORT_DGRAM] = "dgram",
	[EV_TRANSPORT_SEQPACKET] = "seqpacket",
};
SIZED(transport, EV_TRANSPORT_MAX);

static const char *const names_filetype[] = {
	[EV_FILETYPE_FILE] = "file",          [EV_FILETYPE_DIR] = "dir",
	[EV_FILETYPE_SYMLINK] = "symlink",    [EV_FILETYPE_CHAR] = "char_device",
	[EV_FILETYPE_BLOCK] = "block_device", [EV_FILETYPE_FIFO] = "fifo",
	[EV_FILETYPE_SOCKET] = "socket",      [EV_FILETYPE_OTHER] = "other",
};
SIZED(filetype, EV_FILETYPE_MAX);

static const char *const names_severity[] = {
	[SEV_INFO] = "info", [SEV_LOW] = "low",           [SEV_MEDIUM] = "medium",
	[SEV_HIGH] = "high", [SEV_CRITICAL] = "critical",
};
SIZED(severity, SEV_MAX);

static const char *const names_dockind[] = {
	[DOC_ALERT] = "alert",
	[DOC_EVENT] = "event",
	[DOC_METRIC] = "metric",
};
SIZED(dockind, DOC_KIND_MAX);

static const char *const names_entrytype[] = {
	[ENTRY_INIT] = "init",         [ENTRY_SSHD] = "sshd", [ENTRY_SSM] = "ssm",
	[ENTRY_TERMINAL] = "terminal", [ENTRY_CRON] = "cron", [ENTRY_CONTAINER] = "container",
	[ENTRY_KTHREAD] = "kthread",
};
SIZED(entrytype, ENTRY_MAX);

#define EV_BEGIN(id, stem, kind, category, help) [EV_##id] = kind,
static const char *const names_evkind[] = {
#include "bpf/events.def"
};
SIZED(evkind, EV_MAX);

static const char *const names_losscause[] = {
	[EV_LOSS_RING_FULL] = "ring_full",
	[EV_LOSS_SCRATCH_BUSY] = "scratch_busy",
	[EV_LOSS_READ_FAILED] = "read_failed",
};
SIZED(losscause, EV_LOSS_MAX_);

static const char *const names_hook[] = {
	[EV_HOOK_CONSUMER] = "consumer",
	[EV_HOOK_ITER] = "iter/task",
	[EV_HOOK_TP_FORK] = "tp_btf/sched_process_fork",
	[EV_HOOK_TP_EXEC] = "tp_btf/sched_process_exec",
	[EV_HOOK_TP_EXIT] = "tp_btf/sched_process_exit",
	[EV_HOOK_TP_SYS_EXIT] = "tp_btf/sys_exit",
	[EV_HOOK_TP_IO_URING_COMPLETE] = "tp_btf/io_uring_complete",
	[EV_HOOK_TP_SOCK_STATE] = "tp_btf/inet_sock_set_state",
	[EV_HOOK_CGROUP_SENDMSG] = "cgroup/sendmsg",
	[EV_HOOK_TP_CGROUP] = "tp_btf/cgroup",
	[EV_HOOK_TP_IO_URING_SUBMIT] = "tp_btf/io_uring_submit_req",
};
SIZED(hook, EV_HOOK_MAX);

static const char *const names_hdrflags[] = {
	[EV_HDR_TRUNCATED] = "truncated",   [EV_HDR_UNREAD] = "unread",
	[EV_HDR_USER] = "user_memory",      [EV_HDR_IO_URING] = "io_uring",
	[EV_HDR_WOULD_DROP] = "would_drop",
};
SIZED(hdrflags, EV_HDR_FLAG_MAX);

static const char *const names_pathflags[] = {
	[EV_PATHF_TRUNCATED] = "truncated", [EV_PATHF_DELETED] = "deleted",
	[EV_PATHF_DETACHED] = "detached",   [EV_PATHF_FOREIGN] = "foreign_namespace",
	[EV_PATHF_UNREAD] = "unread",       [EV_PATHF_PSEUDO] = "pseudo",
};
SIZED(pathflags, EV_PATHF_MAX);

static const char *const names_execflags[] = {
	[EV_EXECF_SETUID] = "setuid",
	[EV_EXECF_SETGID] = "setgid",
	[EV_EXECF_SECUREEXEC] = "secureexec",
	[EV_EXECF_DELETED] = "deleted",
	[EV_EXECF_MEMFD] = "memfd",
	[EV_EXECF_UPPER_LAYER] = "upper_layer",
	[EV_EXECF_ARGS_TRUNCATED] = "args_truncated",
	[EV_EXECF_ARGS_UNREAD] = "args_unread",
	[EV_EXECF_ENV_TRUNCATED] = "env_truncated",
	[EV_EXECF_ENV_UNREAD] = "env_unread",
	[EV_EXECF_KTHREAD] = "kernel_thread",
	[EV_EXECF_EXECFD] = "fexecve",
};
SIZED(execflags, EV_EXECF_MAX);

/* After oflags_bits. The kernel strips O_CREAT, O_EXCL, O_NOCTTY and O_TRUNC from an opened file,
 * but not from one that io_uring was asked to open. */
static const char *const names_oflags[] = {
	[0] = "O_WRONLY",        [1] = "O_RDWR",
	[5] = "FMODE_EXEC",      [6] = "O_CREAT",
	[7] = "O_EXCL",          [8] = "O_NOCTTY",
	[9] = "O_TRUNC",         [10] = "O_APPEND",
	[11] = "O_NONBLOCK",     [12] = "O_DSYNC",
	[13] = "O_ASYNC",        [14] = "O_DIRECT",
	[15] = "O_LARGEFILE",    [16] = "O_DIRECTORY",
	[17] = "O_NOFOLLOW",     [18] = "O_NOATIME",
	[19] = "O_CLOEXEC",      [20] = "O_SYNC",
	[21] = "O_PATH",         [22] = "O_TMPFILE",
	[26] = "FMODE_NONOTIFY", [OFLAGS_RDONLY_BIT] = "O_RDONLY",
};
SIZED(oflags, OFLAGS_RDONLY_BIT + 1);

#define E(name) [name] = #name
static const char *const names_errno[] = {
	E(EPERM),
	E(ENOENT),
	E(ESRCH),
	E(EINTR),
	E(EIO),
	E(ENXIO),
	E(E2BIG),
	E(ENOEXEC),
	E(EBADF),
	E(ECHILD),
	E(EAGAIN),
	E(ENOMEM),
	E(EACCES),
	E(EFAULT),
	E(ENOTBLK),
	E(EBUSY),
	E(EEXIST),
	E(EXDEV),
	E(ENODEV),
	E(ENOTDIR),
	E(EISDIR),
	E(EINVAL),
	E(ENFILE),
	E(EMFILE),
	E(ENOTTY),
	E(ETXTBSY),
	E(EFBIG),
	E(ENOSPC),
	E(ESPIPE),
	E(EROFS),
	E(EMLINK),
	E(EPIPE),
	E(EDOM),
	E(ERANGE),
	E(EDEADLK),
	E(ENAMETOOLONG),
	E(ENOLCK),
	E(ENOSYS),
	E(ENOTEMPTY),
	E(ELOOP),
	E(ENOMSG),
	E(EIDRM),
	E(ECHRNG),
	E(EL2NSYNC),
	E(EL3HLT),
	E(EL3RST),
	E(ELNRNG),
	E(EUNATCH),
	E(ENOCSI),
	E(EL2HLT),
	E(EBADE),
	E(EBADR),
	E(EXFULL),
	E(ENOANO),
	E(EBADRQC),
	E(EBADSLT),
	E(EBFONT),
	E(ENOSTR),
	E(ENODATA),
	E(ETIME),
	E(ENOSR),
	E(ENONET),
	E(ENOPKG),
	E(EREMOTE),
	E(ENOLINK),
	E(EADV),
	E(ESRMNT),
	E(ECOMM),
	E(EPROTO),
	E(EMULTIHOP),
	E(EDOTDOT),
	E(EBADMSG),
	E(EOVERFLOW),
	E(ENOTUNIQ),
	E(EBADFD),
	E(EREMCHG),
	E(ELIBACC),
	E(ELIBBAD),
	E(ELIBSCN),
	E(ELIBMAX),
	E(ELIBEXEC),
	E(EILSEQ),
	E(ERESTART),
	E(ESTRPIPE),
	E(EUSERS),
	E(ENOTSOCK),
	E(EDESTADDRREQ),
	E(EMSGSIZE),
	E(EPROTOTYPE),
	E(ENOPROTOOPT),
	E(EPROTONOSUPPORT),
	E(ESOCKTNOSUPPORT),
	E(EOPNOTSUPP),
	E(EPFNOSUPPORT),
	E(EAFNOSUPPORT),
	E(EADDRINUSE),
	E(EADDRNOTAVAIL),
	E(ENETDOWN),
	E(ENETUNREACH),
	E(ENETRESET),
	E(ECONNABORTED),
	E(ECONNRESET),
	E(ENOBUFS),
	E(EISCONN),
	E(ENOTCONN),
	E(ESHUTDOWN),
	E(ETOOMANYREFS),
	E(ETIMEDOUT),
	E(ECONNREFUSED),
	E(EHOSTDOWN),
	E(EHOSTUNREACH),
	E(EALREADY),
	E(EINPROGRESS),
	E(ESTALE),
	E(EUCLEAN),
	E(ENOTNAM),
	E(ENAVAIL),
	E(EISNAM),
	E(EREMOTEIO),
	E(EDQUOT),
	E(ENOMEDIUM),
	E(EMEDIUMTYPE),
	E(ECANCELED),
	E(ENOKEY),
	E(EKEYEXPIRED),
	E(EKEYREVOKED),
	E(EKEYREJECTED),
	E(EOWNERDEAD),
	E(ENOTRECOVERABLE),
	E(ERFKILL),
	E(EHWPOISON),
};
SIZED(errno, EHWPOISON + 1);

#define CAP(name) [CAP_##name] = "CAP_" #name
static const char *const names_caps[] = {
	CAP(CHOWN),
	CAP(DAC_OVERRIDE),
	CAP(DAC_READ_SEARCH),
	CAP(FOWNER),
	CAP(FSETID),
	CAP(KILL),
	CAP(SETGID),
	CAP(SETUID),
	CAP(SETPCAP),
	CAP(LINUX_IMMUTABLE),
	CAP(NET_BIND_SERVICE),
	CAP(NET_BROADCAST),
	CAP(NET_ADMIN),
	CAP(NET_RAW),
	CAP(IPC_LOCK),
	CAP(IPC_OWNER),
	CAP(SYS_MODULE),
	CAP(SYS_RAWIO),
	CAP(SYS_CHROOT),
	CAP(SYS_PTRACE),
	CAP(SYS_PACCT),
	CAP(SYS_ADMIN),
	CAP(SYS_BOOT),
	CAP(SYS_NICE),
	CAP(SYS_RESOURCE),
	CAP(SYS_TIME),
	CAP(SYS_TTY_CONFIG),
	CAP(MKNOD),
	CAP(LEASE),
	CAP(AUDIT_WRITE),
	CAP(AUDIT_CONTROL),
	CAP(SETFCAP),
	CAP(MAC_OVERRIDE),
	CAP(MAC_ADMIN),
	CAP(SYSLOG),
	CAP(WAKE_ALARM),
	CAP(BLOCK_SUSPEND),
	CAP(AUDIT_READ),
	CAP(PERFMON),
	CAP(BPF),
	CAP(CHECKPOINT_RESTORE),
};
SIZED(caps, CAP_CHECKPOINT_RESTORE + 1);

#define S(name) [SIG##name] = "SIG" #name
static const char *const names_signal[] = {
	S(HUP),
	S(INT),
	S(QUIT),
	S(ILL),
	S(TRAP),
	S(ABRT),
	S(BUS),
	S(FPE),
	S(KILL),
	S(USR1),
	S(SEGV),
	S(USR2),
	S(PIPE),
	S(ALRM),
	S(TERM),
	S(STKFLT),
	S(CHLD),
	S(CONT),
	S(STOP),
	S(TSTP),
	S(TTIN),
	S(TTOU),
	S(URG),
	S(XCPU),
	S(XFSZ),
	S(VTALRM),
	S(PROF),
	S(WINCH),
	S(IO),
	S(PWR),
	S(SYS),
	[34] = "SIGRTMIN",
	[35] = "SIGRTMIN+1",
	[36] = "SIGRTMIN+2",
	[37] = "SIGRTMIN+3",
	[38] = "SIGRTMIN+4",
	[39] = "SIGRTMIN+5",
	[40] = "SIGRTMIN+6",
	[41] = "SIGRTMIN+7",
	[42] = "SIGRTMIN+8",
	[43] = "SIGRTMIN+9",
	[44] = "SIGRTMIN+10",
	[45] = "SIGRTMIN+11",
	[46] = "SIGRTMIN+12",
	[47] = "SIGRTMIN+13",
	[48] = "SIGRTMIN+14",
	[49] = "SIGRTMIN+15",
	[50] = "SIGRTMIN+16",
	[51] = "SIGRTMIN+17",
	[52] = "SIGRTMIN+18",
	[53] = "SIGRTMIN+19",
	[54] = "SIGRTMIN+20",
	[55] = "SIGRTMIN+21",
	[56] = "SIGRTMIN+22",
	[57] = "SIGRTMIN+23",
	[58] = "SIGRTMIN+24",
	[59] = "SIGRTMIN+25",
	[60] = "SIGRTMIN+26",
	[61] = "SIGRTMIN+27",
	[62] = "SIGRTMIN+28",
	[63] = "SIGRTMIN+29",
	[64] = "SIGRTMIN+30",
};
SIZED(signal, 65);

#define TYPE(id, ctype, class, names)                                                              \
	const struct name_table type_names_##id = { names_##names, ARRAY_LEN(names_##names) };
#include "bpf/types.def"
