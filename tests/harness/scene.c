/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The context of scene.h.
 */
#include "tests/harness/scene.h"

#define TEXT(lit)                                                                                  \
	{                                                                                          \
		(lit), sizeof(lit) - 1                                                             \
	}
#define ITEMS(lit)                                                                                 \
	{                                                                                          \
		(lit), sizeof(lit)                                                                 \
	} /* with the last one's NUL */

static const struct ctx_host host = {
	.name = TEXT("worker-17.example.net"),
	.machine_id = TEXT("5f1c7e0a9b3e4d17a1b2c3d4e5f60718"),
	.boot_id = TEXT("0123456789abcdef0123456789abcdef"),
	.kernel = TEXT("6.12.43+deb13-amd64"),
	.arch = TEXT("x86_64"),
};

static const struct ctx_process process = {
	.name = TEXT("cat"),
	.executable = TEXT("/usr/bin/cat"),
	.requested = TEXT("/usr/bin/cat"),
	.args = ITEMS("/usr/bin/cat\0-n\0/etc/shadow"),
	.argc = 3,
	.command_line = TEXT("/usr/bin/cat -n /etc/shadow"),
	.cwd = TEXT("/var/www/html"),
	.start_ns = 4000000000,
	.suid = 0,
	.egid = 0,
	.sgid = 0,
	.loginuid = 1000,
	.sessionid = 3,
	.sid = 4600,
	.pgid = 4711,
	.tty = TEXT("pts/3"),
	.cap_effective = (1ULL << 41) - 1,
	.cap_permitted = (1ULL << 41) - 1,
	.inode = 262711,
	.dev_major = 8,
	.dev_minor = 1,
	.mode = 0755,
	.file_uid = 0,
	.ns_mnt = 4026532758,
	.ns_pid = 4026532759,
	.ns_net = 4026532760,
	.ns_uts = 4026532761,
	.ns_ipc = 4026532762,
	.ns_user = 4026531837,
	.ns_cgroup = 4026532763,
};

static const struct ctx_parent parent = {
	.pid = 4600,
	.exec_id = 0x1000,
	.name = TEXT("bash"),
	.executable = TEXT("/usr/bin/bash"),
	.command_line = TEXT("bash -c \"cat -n /etc/shadow\""),
	.args = ITEMS("bash\0-c\0cat -n /etc/shadow"),
};

static const struct ctx_entry entry = {
	.pid = 4500,
	.exec_id = 0x900,
	.executable = TEXT("/usr/sbin/nginx"),
	.start_ns = 3900000000,
	.type = ENTRY_CONTAINER,
};

static const struct ctx_lineage lineage = {
	.names = ITEMS("bash\0nginx\0containerd-shim\0systemd"),
	.ancestors = TEXT(
		"[{\"pid\":4600,\"entity_id\":\"0000000000001000\",\"name\":\"bash\"},"
		"{\"pid\":4500,\"name\":\"nginx\"},{\"pid\":4400,\"name\":\"containerd-shim\"},"
		"{\"pid\":1,\"name\":\"systemd\"}]"),
};

static const struct ctx_user user = {
	.name = TEXT("www-data"),
	.effective = TEXT("root"),
	.group = TEXT("www-data"),
	.audit = TEXT("alice"),
};

static const struct ctx_cgroup cgroup = {
	.id = 8125,
	.path = TEXT(
		"/system.slice/docker-4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a"
		".scope"),
	.container_id = TEXT("4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a"),
	.runtime = TEXT("docker"),
};

static const struct policy policy = {
	.name = TEXT("shadow-read"),
	.description = TEXT("Reads of the password hashes"),
	.tags = ITEMS("attack.credential-access\0attack.t1003.008"),
	.severity = SEV_HIGH,
	.action = POLICY_ALERT,
};

static const struct match match = {
	.policy = &policy,
	.message = TEXT("/usr/bin/cat read /etc/shadow"),
	.matched = TEXT(
		"[{\"condition\":\"file.path = \\\"/etc/shadow\\\"\",\"value\":\"/etc/shadow\"}]"),
};

void scene_set(struct event *e)
{
	e->ctx[CTX_HOST] = &host;
	e->ctx[CTX_PROCESS] = &process;
	e->ctx[CTX_PARENT] = &parent;
	e->ctx[CTX_ENTRY] = &entry;
	e->ctx[CTX_LINEAGE] = &lineage;
	e->ctx[CTX_USER] = &user;
	e->ctx[CTX_CGROUP] = &cgroup;
}

const struct match *scene_match(void)
{
	return &match;
}
