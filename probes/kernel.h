/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What this kernel and this process can do: privileges, version, BTF, cgroup hierarchies.
 */
#ifndef TOCSIN_KERNEL_H
#define TOCSIN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel;

/* 0; -EPERM without the capabilities that loading needs; -ENOSYS without BTF or before 6.1.
 * err says which, in one line. */
int kernel_check(char *err, size_t err_len);
int kernel_check_release(const char *release, char *err, size_t err_len);
int kernel_check_caps(uint64_t effective, char *err, size_t err_len);

int kernel_open(struct kernel **out);	/* parses the kernel's BTF */
void kernel_free(struct kernel *k);
/* Arguments of a BTF tracepoint; -ENOENT when there is none of that name. */
int kernel_tracepoint_args(const struct kernel *k, const char *name);
int kernel_enum_value(const struct kernel *k, const char *type, const char *name, uint32_t *value);

/* The v1 hierarchy that stands in for cgroup v2 where a task sits in the v2 root: one that
 * container runtimes use. text is /proc/self/cgroup. Returns the controller as the kernel's enum
 * cgroup_subsys_id calls it ("pids", "io"), or NULL when no v1 controller is mounted. */
const char *kernel_v1_choose(const char *text, uint32_t *hierarchy);
/* Both cfg values; ~0 and 0 when there is none. */
void kernel_v1_stand_in(const struct kernel *k, uint32_t *subsys, uint32_t *hierarchy);

/* A descriptor of the root of the cgroup v2 hierarchy, from a mount or made without mounting.
 * Negative errno with the reason in err. */
int kernel_cgroup2_root(char *err, size_t err_len);

/* This process's id in the host's pid namespace. */
uint32_t kernel_own_tgid(void);

#endif
