/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Container, pod and unit from cgroup paths: every form, and near misses that must give nothing.
 */
#include "enrichers/container.h"

#include "pipeline/util.h"
#include "tests/harness/test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define UID "1b5e0c8e-7d3a-4a1f-9c55-0123456789ab"
#define UID_ "1b5e0c8e_7d3a_4a1f_9c55_0123456789ab"
#define STATIC_UID "0123456789abcdef0123456789abcdef"

struct row {
	const char *path, *runtime, *id, *pod, *unit; /* NULL: absent */
};

static void same(const char *path, const char *what, struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		test_fail(__FILE__, __LINE__, "%s: %s is \"%.*s\", not \"%s\"", path, what,
			  (int)got.len, got.len ? got.p : "", want ? want : "");
}

static void check(const struct row *r)
{
	struct container_info c;

	container_parse(&c, str_of(r->path));
	same(r->path, "runtime", c.runtime, r->runtime);
	same(r->path, "id", c.id, r->id);
	same(r->path, "pod", (struct str){ c.pod_uid, c.pod_uid_len }, r->pod);
	same(r->path, "unit", c.unit, r->unit);
}

static void containers(void)
{
	static const struct row rows[] = {
		{ "/docker/" HEX, "docker", HEX, NULL, NULL },
		{ "/system.slice/docker-" HEX ".scope", "docker", HEX, NULL, NULL },
		{ "/docker/" HEX "/init.scope", "docker", HEX, NULL, NULL },
		{ "/system.slice/docker.service/docker/" HEX, "docker", HEX, NULL, NULL },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/docker-" HEX ".scope",
		  "docker", HEX, NULL, NULL },
		{ "/default/" HEX, "containerd", HEX, NULL, NULL },
		{ "/default/my-test_1.x", "containerd", "my-test_1.x", NULL, NULL },
		{ "/k8s.io/" HEX, "containerd", HEX, NULL, NULL },
		{ "/libpod_parent/libpod-" HEX, "podman", HEX, NULL, NULL },
		{ "/machine.slice/libpod-" HEX ".scope", "podman", HEX, NULL, NULL },
		{ "/machine.slice/libpod-" HEX ".scope/container", "podman", HEX, NULL, NULL },
		{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX ".scope",
		  "podman", HEX, NULL, NULL },
		{ "/crio-" HEX, "cri-o", HEX, NULL, NULL },
		{ "/system.slice/crio-" HEX ".scope", "cri-o", HEX, NULL, NULL },
		{ "/lxc/web", "lxc", "web", NULL, NULL },
		{ "/lxc.payload.web-1", "lxc", "web-1", NULL, NULL },
		{ "/lxc.payload/web", "lxc", "web", NULL, NULL },
		{ "/lxc.payload.web/system.slice/ssh.service", "lxc", "web", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void pods(void)
{
	static const struct row rows[] = {
		{ "/kubepods/burstable/pod" UID "/" HEX, NULL, HEX, UID, NULL },
		{ "/kubepods/besteffort/pod" UID "/" HEX, NULL, HEX, UID, NULL },
		{ "/kubepods/pod" UID "/" HEX, NULL, HEX, UID, NULL },
		{ "/kubepods/pod" STATIC_UID "/" HEX, NULL, HEX, STATIC_UID, NULL },
		{ "/kubepods/burstable/pod" UID, NULL, NULL, UID, NULL },
		{ "/kubepods/burstable/pod" UID "/crio-" HEX, "cri-o", HEX, UID, NULL },
		{ "/kubepods/burstable/pod" UID "/libpod-" HEX, "podman", HEX, UID, NULL },
		{ "/kubelet/kubepods/pod" UID "/" HEX, NULL, HEX, UID, NULL },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
		  ".slice/cri-containerd-" HEX ".scope",
		  "containerd", HEX, UID, NULL },
		{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
		  ".slice/crio-" HEX ".scope",
		  "cri-o", HEX, UID, NULL },
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice/docker-" HEX ".scope", "docker", HEX,
		  UID, NULL },
		{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
		  "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" HEX ".scope",
		  "containerd", HEX, UID, NULL },
		{ "/kubepods.slice/kubepods-pod" STATIC_UID ".slice/cri-containerd-" HEX ".scope",
		  "containerd", HEX, STATIC_UID, NULL },
		{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_
		  ".slice:cri-containerd:" HEX,
		  "containerd", HEX, UID, NULL },
		{ "/kubepods-pod" UID_ ".slice:cri-containerd:" HEX, "containerd", HEX, UID, NULL },
		/* The pod's own slice, no container: a unit like any other. */
		{ "/kubepods.slice/kubepods-pod" UID_ ".slice", NULL, NULL, UID,
		  "kubepods-pod" UID_ ".slice" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void units(void)
{
	static const struct row rows[] = {
		{ "/init.scope", NULL, NULL, NULL, "init.scope" },
		{ "/system.slice/ssh.service", NULL, NULL, NULL, "ssh.service" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", NULL, NULL, NULL,
		  "getty@tty1.service" },
		{ "/system.slice/systemd-udevd.service/udev", NULL, NULL, NULL,
		  "systemd-udevd.service" },
		{ "/system.slice/dev-disk-by\\x2duuid.swap", NULL, NULL, NULL,
		  "dev-disk-by\\x2duuid.swap" },
		{ "/system.slice/_cpu.service", NULL, NULL, NULL, "cpu.service" },
		{ "/user.slice/user-1000.slice/session-3.scope", NULL, NULL, NULL,
		  "session-3.scope" },
		{ "/user.slice", NULL, NULL, NULL, "user.slice" },
		/* What a user makes below his own manager does not name the unit. */
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service", NULL,
		  NULL, NULL, "user@1000.service" },
		{ "/system.slice/a.service/system.slice/ssh.service", NULL, NULL, NULL,
		  "a.service" },
		{ "/a/ssh.service", NULL, NULL, NULL, NULL },
		{ "/system.slice/.service", NULL, NULL, NULL, "system.slice" },
		{ "/.slice", NULL, NULL, NULL, NULL },
		{ "/", NULL, NULL, NULL, NULL },
		{ "", NULL, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

/* What is below a container was made by its processes. */
static void the_outermost_container_counts(void)
{
	static const struct row rows[] = {
		{ "/docker/" HEX "/docker/" HEX2, "docker", HEX, NULL, NULL },
		{ "/docker/" HEX "/kubepods/pod" UID "/" HEX2, "docker", HEX, NULL, NULL },
		{ "/kubepods/pod" UID "/" HEX "/libpod-" HEX2, NULL, HEX, UID, NULL },
		{ "/docker/" HEX "/system.slice/ssh.service", "docker", HEX, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i]);
}

static void near_misses(void)
{
	static const char *const paths[] = {
		"/" HEX,
		"/user/" HEX,
		"/dockerx/" HEX,
		"/docker/" HEX "0",
		"/docker/0" HEX,
		"/docker/0123",
		"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"/docker/g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"/docker-" HEX,
		"/docker-" HEX ".service/x",
		"/xdocker-" HEX ".scope/x",
		"/libpod-conmon-" HEX "/x",
		"/libpod-" HEX "x",
		"/crio-conmon-" HEX "/x",
		"/crio-" HEX ".scopes",
		"/cri-containerd-" HEX,
		"/x/default/id",
		"/default",
		"/default/-id",
		"/default/a b",
		"/default/a\xff",
		"/k8s.io",
		"/lxc",
		"/lxc.monitor.web",
		"/lxc.payload.",
		"/x/lxc/web",
		"/pod" UID "/" HEX,
		"/kubepods/pod" UID "x/" HEX,
		"/kubepods/podx/" HEX,
		"/kubepods/pod1b5e0c8e-7d3a-4a1f-9c55_0123456789ab/" HEX,
		"/kubepods/burstable/" HEX,
		"/x:cri-containerd:" HEX,
		"/mykubepods-pod" UID_ ":cri-containerd:" HEX,
		"/kubepods/pod" UID "/x/" HEX,
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct container_info c;

		container_parse(&c, str_of(paths[i]));
		if (c.id.len || c.runtime.len)
			test_fail(__FILE__, __LINE__, "%s gives container %.*s", paths[i],
				  (int)c.id.len, c.id.p);
	}
}

static void pod_near_misses(void)
{
	static const char *const paths[] = {
		"/pod" UID,
		"/kubepods/xpod" UID,
		"/kubepods/pod" UID "0",
		"/kubepods/pod1b5e0c8e-7d3a-4a1f-9c55_0123456789ab",
		"/kubepods/pod1B5E0C8E-7d3a-4a1f-9c55-0123456789ab",
		"/xkubepods-pod" UID_ ".slice",
		"/kubepods-pod" UID_,
		"/kubepods-other-pod" UID_ ".slice",
		"/kubepods-pod.slice",
	};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct container_info c;

		container_parse(&c, str_of(paths[i]));
		if (c.pod_uid_len)
			test_fail(__FILE__, __LINE__, "%s gives a pod", paths[i]);
	}
}

static const struct test tests[] = {
	TEST(containers),  TEST(pods),
	TEST(units),       TEST(the_outermost_container_counts),
	TEST(near_misses), TEST(pod_near_misses),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
