/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Probes: load the BPF objects, attach the best hook of each event kind, read the ring.
 * Only probes/ uses libbpf. Loading happens in the main thread, reading in the consumer thread.
 *
 * A new probe: bpf/NAME.bpf.c, probes/NAME.c with its table, a line in probes.def, a test.
 */
#ifndef TOCSIN_PROBE_H
#define TOCSIN_PROBE_H

#include "bpf/event.h"
#include "pipeline/diag.h"
#include "pipeline/option.h"

/* A program that the dispatcher of system call exits tail-calls (bpf/slots.h). */
struct slot_program {
	uint32_t slot;			/* enum syscall_slot; 0 ends a list */
	const char *program;
};

/* One way to see an event kind: programs of an object, all of which must load and attach. */
struct hook {
	const char *name;		/* "tp_btf/sys_exit" */
	uint64_t kinds;			/* bit per enum ev_kind it reports */
	const char *const *programs;	/* names in the object, NULL-terminated; may be NULL */
	const struct slot_program *slots; /* put behind the dispatcher instead of attached, or NULL */
	const char *truth;		/* "kernel, read at exit": what the coverage table says */
	const char *tracepoint;		/* needs this tracepoint with tp_args arguments, or NULL */
	uint8_t tp_args;		/* 0: however many */
	bool can_deny, sees_io_uring;
	bool optional;			/* adds to another hook (io_uring): its absence is a note, not a gap */
};

struct probe {
	const char *name, *help;
	const struct hook *hooks;	/* in order of preference; ends with name NULL; at most PROBE_HOOKS */
	const void *(*object)(size_t *len);	/* embedded ELF */
};

enum { PROBE_HOOKS = 16, COVERAGE_EXTRAS = 6 };

extern const struct probe *const probes[];	/* probes.def; ends with NULL */

struct probe_cfg {
	uint64_t want;		/* kinds to report, bit per enum ev_kind; fork, exec, exit always are */
	uint64_t named;		/* of these, kinds the user named: no hook is then an error */
	uint64_t ring_bytes;	/* power of two, at least a page */
	uint32_t args_max, env_max, failed_opens;
	uint64_t boot_salt;
	uint32_t self_tgid;	/* getpid(); 0: also report the agent's own events */
	bool no_typed_loads;
	uint32_t filter_bytes;	/* room for the kernel filter's block: a power of two, FILTER_BYTES_MIN to
				 * FILTER_BYTES_MAX (bpf/filter_abi.h); 0: the least */
	bool scan_first;	/* scan running tasks before the probes after the first attach */
};

/* One entry a kind that was asked for, internal kinds included. */
struct coverage {
	uint8_t kind;
	bool sees_io_uring;		/* hook or one of the extras does */
	const struct hook *hook;	/* NULL: none */
	const struct hook *extra[COVERAGE_EXTRAS]; /* optional hooks also attached, then NULL */
	char reason[160];		/* why a hook or an extra is missing; empty when none is */
};

struct probe_set;

/* Could this process load probes on this kernel? 0, -EPERM or -ENOSYS as below, with err filled.
 * Touches nothing. */
int probe_check(char *err, size_t err_len);
/* Loads and attaches. On a missing hook of a named kind, or when nothing could be attached:
 * -ENOTSUP with err filled; missing privileges: -EPERM; a kernel without BTF or older than 6.1:
 * -ENOSYS; a bad ring size: -EINVAL. err is one line for people. */
int probe_set_open(struct probe_set **out, const struct probe_cfg *cfg, char *err, size_t err_len);
void probe_set_detach(struct probe_set *p);	/* no new events; the ring can still be read */
void probe_set_free(struct probe_set *p);
const struct coverage *probe_coverage(const struct probe_set *p, uint32_t *n);

/* Emits a TASK record for each running process into the ring, through a task iterator. */
int probe_set_scan_tasks(struct probe_set *p);

typedef void (*probe_record_fn)(void *ctx, const void *rec, uint32_t len);
/* Hands over what the ring holds. Returns the number of records; at most max_records. A record
 * is valid only inside fn. One thread at a time. */
int probe_set_read(struct probe_set *p, probe_record_fn fn, void *ctx, uint32_t max_records);
/* Waits for data: returns when woken, or after timeout_ms (-1: no limit). Sets want_wakeup around
 * the sleep. When events come faster than one a millisecond it lets them gather for one. */
int probe_set_wait(struct probe_set *p, int timeout_ms);
void probe_set_wake(struct probe_set *p);	/* from any thread */
int probe_set_ncpu(const struct probe_set *p);
const volatile struct cpu_state *probe_set_cpu(const struct probe_set *p, int cpu);	/* live counters */
/* Events of the kind that the kernel filter dropped, or would have, on all CPUs. */
uint64_t probe_set_filtered(const struct probe_set *p, uint32_t kind);
/* From now on these kinds are reported: hooks of new ones are loaded and attached, and programs of
 * others that stay attached send nothing. probe_coverage then says what is seen. Main thread.
 * 0; -ENOSYS, -ENOMEM, with err filled. */
int probe_set_want(struct probe_set *p, uint64_t want, bool failed_opens, char *err, size_t err_len);
/* Policy generation that the programs write into headers from now on; the kernel filter is off.
 * When it returns, every record of the generation before is in the ring. 0 or a negative errno: then
 * all stays as it was. */
int probe_set_generation(struct probe_set *p, uint32_t generation);
/* Room for the kernel filter's block, bytes: what filter_tables_make is asked for. */
uint32_t probe_set_filter_bytes(const struct probe_set *p);
/* What is known of running processes: arrays of count, at most FILTER_PROCESSES. */
struct filter_process;
struct filter_lineage;
struct filter_processes {
	struct filter_process *keys;
	struct filter_lineage *values;
	uint32_t count;
};
/* Tells of running processes, in arrays of malloc; forks and execs after the call need not be told
 * of, the programs know. In the caller's thread. */
struct probe_ask {
	void (*processes)(void *arg, const void *block, struct filter_processes *out);
	void *arg;
};
/* From now on events are judged by this block, of probe_set_filter_bytes, into which the epoch of
 * cgroups is written; each carries the generation of the block that judged it. ask: who knows
 * processes better than the kernel; NULL: nobody. As probe_set_generation. */
int probe_set_tables(struct probe_set *p, void *block, const struct probe_ask *ask);
/* In which sets a cgroup is, by which generation and epoch (bpf/filter_abi.h). A cgroup that is not
 * told of, or of another one, is in all of them. hierarchy: 0 for v2. From any thread. 0 or a
 * negative errno. */
struct filter_cgroup;
int probe_set_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id,
		     const struct filter_cgroup *c);
/* So many cgroups were renamed; the records of these are in the ring, or counted as lost. From any
 * thread. */
uint32_t probe_set_cgroup_epoch(const struct probe_set *p);
/* Forgets a cgroup that is gone. */
void probe_set_forget_cgroup(struct probe_set *p, uint32_t hierarchy, uint64_t id);

/* From /proc/sys/kernel/random/boot_id; only the hex digits count. */
uint64_t probe_boot_salt(const char *boot_id_hex);

/* exec_id of an image: the same mixing as bpf/task.h. */
uint64_t probe_exec_id(uint64_t salt, uint32_t tgid, uint64_t start_ns, uint64_t self_exec_id);

#endif
