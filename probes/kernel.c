/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What this kernel and this process can do. Main thread, at start and in doctor. Everything is
 * looked up in the kernel's own BTF or tried, never concluded from a version, except the floor:
 * 6.1 is the oldest kernel that is tested.
 */
#include "probes/kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "pipeline/util.h"

enum { FLOOR_MAJOR = 6, FLOOR_MINOR = 1, CGROUP_ROOT_INO = 1 };

struct kernel {
	struct btf *btf;
};

int kernel_check_release(const char *release, char *err, size_t err_len)
{
	unsigned int major = 0, minor = 0;

	if (sscanf(release, "%u.%u", &major, &minor) == 2 &&
	    (major > FLOOR_MAJOR || (major == FLOOR_MAJOR && minor >= FLOOR_MINOR)))
		return 0;
	snprintf(err, err_len, "kernel %s is older than %d.%d, the oldest one supported", release,
		 FLOOR_MAJOR, FLOOR_MINOR);
	return -ENOSYS;
}

static bool has_cap(uint64_t caps, int cap)
{
	return caps & (1ULL << cap);
}

int kernel_check_caps(uint64_t effective, char *err, size_t err_len)
{
	bool admin = has_cap(effective, CAP_SYS_ADMIN);
	bool bpf = admin || has_cap(effective, CAP_BPF);
	bool perfmon = admin || has_cap(effective, CAP_PERFMON);

	if (bpf && perfmon)
		return 0;
	snprintf(err, err_len,
		 "loading BPF programs needs root, or the capabilities CAP_BPF and "
		 "CAP_PERFMON (missing:%s%s)",
		 bpf ? "" : " CAP_BPF", perfmon ? "" : " CAP_PERFMON");
	return -EPERM;
}

static int effective_caps(uint64_t *caps)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	if (syscall(SYS_capget, &h, d))
		return -errno;
	*caps = (uint64_t)d[1].effective << 32 | d[0].effective;
	return 0;
}

int kernel_check(char *err, size_t err_len)
{
	struct utsname u;
	uint64_t caps = 0;
	int rc;

	if (uname(&u))
		return -errno;
	rc = kernel_check_release(u.release, err, err_len);
	if (rc)
		return rc;
	if (access("/sys/kernel/btf/vmlinux", F_OK)) {
		snprintf(err, err_len,
			 "kernel %s has no BTF (/sys/kernel/btf/vmlinux: %s); it needs "
			 "CONFIG_DEBUG_INFO_BTF",
			 u.release, strerror(errno));
		return -ENOSYS;
	}
	rc = effective_caps(&caps);
	return rc ? rc : kernel_check_caps(caps, err, err_len);
}

int kernel_open(struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->btf = btf__load_vmlinux_btf();
	if (!k->btf) {
		int rc = errno ? -errno : -ENOENT;

		free(k);
		return rc;
	}
	*out = k;
	return 0;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	btf__free(k->btf);
	free(k);
}

/* typedef void (*btf_trace_NAME)(void *, ...): the first argument is the program's own. */
int kernel_tracepoint_args(const struct kernel *k, const char *name)
{
	const struct btf_type *t;
	char full[128];
	int id;

	snprintf(full, sizeof(full), "btf_trace_%s", name);
	id = btf__find_by_name_kind(k->btf, full, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -ENOENT;
	t = btf__type_by_id(k->btf, btf__type_by_id(k->btf, (uint32_t)id)->type);
	if (t && btf_is_ptr(t))
		t = btf__type_by_id(k->btf, t->type);
	if (!t || !btf_is_func_proto(t) || !btf_vlen(t))
		return -ENOENT;
	return btf_vlen(t) - 1;
}

int kernel_enum_value(const struct kernel *k, const char *type, const char *name, uint32_t *value)
{
	int id = btf__find_by_name_kind(k->btf, type, BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(k->btf, (uint32_t)id) : NULL;
	const struct btf_enum *e = t ? btf_enum(t) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		if (strcmp(btf__name_by_offset(k->btf, e[i].name_off), name))
			continue;
		*value = (uint32_t)e[i].val;
		return 0;
	}
	return -ENOENT;
}

/* Is name one of the comma-separated controllers in [list, end)? */
static bool has_controller(const char *list, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p + n <= end; p++) {
		if (!strncmp(p, name, n) && (p + n == end || p[n] == ','))
			return true;
		p = memchr(p, ',', (size_t)(end - p));
		if (!p)
			return false;
	}
	return false;
}

/* The line "ID:CONTROLLERS:PATH" of a controller. Returns its hierarchy id, 0 when there is none. */
static uint32_t find_hierarchy(const char *text, const char *controller)
{
	while (text && *text) {
		char *colon;
		unsigned long id = strtoul(text, &colon, 10);
		const char *end = *colon == ':' ? strchr(colon + 1, ':') : NULL;

		if (end && id && id <= UINT32_MAX && has_controller(colon + 1, end, controller))
			return (uint32_t)id;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

const char *kernel_v1_choose(const char *text, uint32_t *hierarchy)
{
	static const char *const preferred[] = { "pids", "memory", "cpu", "devices", "freezer" };

	for (size_t i = 0; i < ARRAY_LEN(preferred); i++) {
		uint32_t id = find_hierarchy(text, preferred[i]);

		if (!id)
			continue;
		*hierarchy = id;
		return preferred[i];
	}
	return NULL;
}

static ssize_t read_file(const char *path, char *text, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	return (ssize_t)len;
}

void kernel_v1_stand_in(const struct kernel *k, uint32_t *subsys, uint32_t *hierarchy)
{
	char text[16384], member[64];
	const char *controller;
	uint32_t id = 0, value = 0;

	*subsys = ~0u;
	*hierarchy = 0;
	if (read_file("/proc/self/cgroup", text, sizeof(text)) < 0)
		return;
	controller = kernel_v1_choose(text, &id);
	if (!controller)
		return;
	snprintf(member, sizeof(member), "%s_cgrp_id", controller);
	if (kernel_enum_value(k, "cgroup_subsys_id", member, &value))
		return;
	*subsys = value;
	*hierarchy = id;
}

/* Is fd the root of the v2 hierarchy, and not of a cgroup namespace or something else? */
static bool is_cgroup2_root(int fd)
{
	struct statfs fs;
	struct stat st;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC && !fstat(fd, &st) &&
	       st.st_ino == CGROUP_ROOT_INO;
}

/* Undoes mountinfo's \ooo in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static int mounted_root(void)
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/self/mountinfo", "re");
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		char *fields[5], *save = NULL, *p = line;
		int n = 0, fd;

		if (!strstr(line, " - cgroup2 "))
			continue;
		while (n < 5 && (fields[n] = strtok_r(p, " ", &save)))
			n++, p = NULL;
		if (n < 5)
			continue;
		unescape(fields[4]);
		fd = open(fields[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && is_cgroup2_root(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* A mount of our own that is attached nowhere. */
static int detached_root(void)
{
	CLEANUP_CLOSE int fs = fsopen("cgroup2", FSOPEN_CLOEXEC);
	CLEANUP_CLOSE int mnt = -1;
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC,
		      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (mnt < 0)
		return -errno;
	fd = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (is_cgroup2_root(fd))
		return fd;
	close(fd);
	return -EXDEV;
}

int kernel_cgroup2_root(char *err, size_t err_len)
{
	int fd = mounted_root();

	if (fd < 0)
		fd = detached_root();
	if (fd == -EXDEV)
		snprintf(err, err_len, "the root of cgroup v2 is outside this cgroup namespace");
	else if (fd < 0)
		snprintf(err, err_len, "cgroup v2 is not mounted and cannot be: %s", strerror(-fd));
	return fd;
}

/* Asked of the kernel by a program of three instructions: getpid() answers in the caller's own pid
 * namespace, where another process of the host may have the number. */
uint32_t kernel_own_tgid(void)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, load, .prog_flags = BPF_F_SLEEPABLE);
	LIBBPF_OPTS(bpf_test_run_opts, run);
	CLEANUP_CLOSE int fd = bpf_prog_load(BPF_PROG_TYPE_SYSCALL, "own_tgid", "Dual BSD/GPL",
					     code, ARRAY_LEN(code), &load);

	if (fd < 0 || bpf_prog_test_run_opts(fd, &run) || !run.retval)
		return (uint32_t)getpid();
	return run.retval;
}
