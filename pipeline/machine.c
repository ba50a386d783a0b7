/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What of this machine matters to the agent: one function a fact, one row in the table at the
 * bottom. Looked up or tried, never concluded from a version. Main thread; reads /proc and /sys.
 */
#include "pipeline/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "pipeline/util.h"
#include "probes/kernel.h"

static void say(struct fact *f, enum fact_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void say(struct fact *f, enum fact_state state, const char *fmt, ...)
{
	va_list ap;

	f->state = (uint8_t)state;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* The file's first bytes as text without the line's end. 0 or -errno. */
static int read_text(const char *path, char *out, size_t len)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, len - 1);

	if (n < 0)
		return -errno;
	out[n] = '\0';
	if (n && out[n - 1] == '\n')
		out[n - 1] = '\0';
	return 0;
}

static void kernel_release(struct fact *f)
{
	char err[160];
	struct utsname u;

	if (uname(&u))
		say(f, FACT_LACK, "uname: %s", strerror(errno));
	else if (kernel_check_release(u.release, err, sizeof(err)))
		say(f, FACT_LACK, "%s", err);
	else
		say(f, FACT_OK, "%s %s", u.release, u.machine);
}

static void kernel_types(struct fact *f)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		say(f, FACT_LACK,
		    "/sys/kernel/btf/vmlinux: %s; the kernel needs "
		    "CONFIG_DEBUG_INFO_BTF",
		    strerror(errno));
	else
		say(f, FACT_OK, "/sys/kernel/btf/vmlinux");
}

/* What each capability is for; without those of the first two nothing loads. */
static const struct {
	uint8_t bit;
	const char *name;
} caps[] = {
	{ 39, "CAP_BPF" },        { 38, "CAP_PERFMON" },        { 12, "CAP_NET_ADMIN" },
	{ 19, "CAP_SYS_PTRACE" }, { 2, "CAP_DAC_READ_SEARCH" },
};
enum { CAP_ADMIN = 21 };

static uint64_t effective(void)
{
	char text[4096], *at;

	if (read_text("/proc/self/status", text, sizeof(text)))
		return 0;
	at = strstr(text, "\nCapEff:");
	return at ? strtoull(at + 8, NULL, 16) : 0;
}

static void privileges(struct fact *f)
{
	uint64_t have = effective();
	char err[200], missing[160] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(caps); i++) {
		bool admin = i < 2 && (have & (1ULL << CAP_ADMIN));

		if (!admin && !(have & (1ULL << caps[i].bit)))
			n += (size_t)snprintf(missing + n, sizeof(missing) - n, " %s",
					      caps[i].name);
	}
	if (kernel_check_caps(have, err, sizeof(err)))
		say(f, FACT_LACK, "%s", err);
	else if (n)
		say(f, FACT_NOTE, "missing:%s", missing);
	else
		say(f, FACT_OK, "all that are needed");
}

static void lockdown(struct fact *f)
{
	char text[200];
	int rc = read_text("/sys/kernel/security/lockdown", text, sizeof(text));

	if (rc == -ENOENT)
		say(f, FACT_OK, "not built in, or securityfs is not mounted");
	else if (rc)
		say(f, FACT_NOTE, "/sys/kernel/security/lockdown: %s", strerror(-rc));
	else if (strstr(text, "[confidentiality]"))
		say(f, FACT_LACK, "confidentiality: BPF programs may not read kernel memory");
	else
		say(f, FACT_OK, "%s", text);
}

static void security_modules(struct fact *f)
{
	char text[200];
	int rc = read_text("/sys/kernel/security/lsm", text, sizeof(text));

	if (rc)
		say(f, FACT_NOTE, "/sys/kernel/security/lsm: %s", strerror(-rc));
	else if (strstr(text, "bpf"))
		say(f, FACT_OK, "%s", text);
	else
		say(f, FACT_NOTE, "%s: without bpf among them nothing can be denied", text);
}

static void cgroups(struct fact *f)
{
	char err[160] = "", text[4096];
	uint32_t hierarchy = 0;
	const char *v1;
	CLEANUP_CLOSE int fd = kernel_cgroup2_root(err, sizeof(err));

	if (fd < 0) {
		say(f, FACT_LACK, "no cgroup v2 hierarchy: %s", err[0] ? err : strerror(-fd));
		return;
	}
	v1 = read_text("/proc/self/cgroup", text, sizeof(text))
		     ? NULL
		     : kernel_v1_choose(text, &hierarchy);
	if (v1)
		say(f, FACT_OK, "v2, and v1 (%s) where tasks sit in the v2 root", v1);
	else
		say(f, FACT_OK, "v2");
}

/* The initial namespaces have fixed inode numbers. */
static void namespaces(struct fact *f)
{
	static const struct {
		const char *path, *name;
		ino_t initial;
	} spaces[] = { { "/proc/self/ns/pid", "pid", 0xeffffffc },
		       { "/proc/self/ns/user", "user", 0xeffffffd },
		       { "/proc/self/ns/cgroup", "cgroup", 0xeffffffb } };
	char others[64] = "";
	size_t n = 0;
	struct stat st;

	for (uint32_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (!stat(spaces[i].path, &st) && st.st_ino != spaces[i].initial)
			n += (size_t)snprintf(others + n, sizeof(others) - n, " %s",
					      spaces[i].name);
	if (n)
		say(f, FACT_NOTE,
		    "not the host's:%s; pids and paths of other processes may not "
		    "be found in /proc",
		    others);
	else
		say(f, FACT_OK, "the host's");
}

static void jit(struct fact *f)
{
	char text[16];
	int rc = read_text("/proc/sys/net/core/bpf_jit_enable", text, sizeof(text));

	if (!rc && text[0] == '0')
		say(f, FACT_NOTE, "net.core.bpf_jit_enable is 0: programs are interpreted, slowly");
	else if (rc)
		say(f, FACT_OK, "not told (%s)", strerror(-rc));
	else
		say(f, FACT_OK, "net.core.bpf_jit_enable is %s", text);
}

static void io_uring(struct fact *f)
{
	struct io_uring_params p = { 0 };
	CLEANUP_CLOSE int fd = (int)syscall(SYS_io_uring_setup, 1, &p);

	if (fd < 0)
		say(f, FACT_NOTE, "%s: the file output uses plain writes", strerror(errno));
	else
		say(f, FACT_OK, "usable by the file output");
}

/* Kernel threads have no program (ENOENT) and do not count. */
static void processes(struct fact *f)
{
	uint32_t seen = 0, refused = 0;
	DIR *proc = opendir("/proc");
	struct dirent *e;
	char exe[8];

	while (proc && (e = readdir(proc))) {
		char path[300];

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/exe", e->d_name);
		if (readlink(path, exe, sizeof(exe)) >= 0)
			seen++;
		else
			refused += errno == EACCES || errno == EPERM;
	}
	if (proc)
		closedir(proc);
	if (!proc)
		say(f, FACT_LACK, "/proc: %s", strerror(errno));
	else if (refused)
		say(f, FACT_NOTE, "%u of %u running processes may not be looked at", refused,
		    seen + refused);
	else
		say(f, FACT_OK, "all %u running processes can be looked at", seen);
}

static const struct {
	const char *name;
	void (*look)(struct fact *f);
} table[] = {
	{ "kernel", kernel_release },
	{ "kernel types", kernel_types },
	{ "privileges", privileges },
	{ "lockdown", lockdown },
	{ "security modules", security_modules },
	{ "cgroups", cgroups },
	{ "namespaces", namespaces },
	{ "BPF compiler", jit },
	{ "io_uring", io_uring },
	{ "/proc", processes },
};
_Static_assert(ARRAY_LEN(table) <= FACTS_MAX, "facts");

uint32_t machine_facts(struct fact out[FACTS_MAX])
{
	for (uint32_t i = 0; i < ARRAY_LEN(table); i++) {
		out[i] = (struct fact){ .name = table[i].name };
		table[i].look(&out[i]);
	}
	return ARRAY_LEN(table);
}
