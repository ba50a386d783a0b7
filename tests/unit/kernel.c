/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * What the loader concludes from the machine, without loading anything.
 */
#include "probes/kernel.h"

#include <errno.h>
#include <linux/capability.h>

#include "probes/probe.h"
#include "tests/harness/test.h"

static void release(void)
{
	char err[160] = "";

	CHECK_INT(kernel_check_release("6.1.0-28-amd64", err, sizeof(err)), 0);
	CHECK_INT(kernel_check_release("6.18.44-fc", err, sizeof(err)), 0);
	CHECK_INT(kernel_check_release("7.0.1", err, sizeof(err)), 0);
	CHECK_INT(kernel_check_release("10.0", err, sizeof(err)), 0);
	CHECK_INT(kernel_check_release("6.0.19", err, sizeof(err)), -ENOSYS);
	CHECK(strstr(err, "6.0.19") && strstr(err, "6.1"));
	CHECK_INT(kernel_check_release("5.10.0", err, sizeof(err)), -ENOSYS);
	CHECK_INT(kernel_check_release("nonsense", err, sizeof(err)), -ENOSYS);
	CHECK_INT(kernel_check_release("", err, sizeof(err)), -ENOSYS);
}

static void capabilities(void)
{
	char err[160] = "";
	uint64_t bpf = 1ULL << CAP_BPF, perfmon = 1ULL << CAP_PERFMON;

	CHECK_INT(kernel_check_caps(1ULL << CAP_SYS_ADMIN, err, sizeof(err)), 0);
	CHECK_INT(kernel_check_caps(bpf | perfmon, err, sizeof(err)), 0);
	CHECK_INT(kernel_check_caps(bpf, err, sizeof(err)), -EPERM);
	CHECK(strstr(err, "missing: CAP_PERFMON") && !strstr(err, "missing: CAP_BPF"));
	CHECK_INT(kernel_check_caps(perfmon, err, sizeof(err)), -EPERM);
	CHECK(strstr(err, "missing: CAP_BPF)"));
	CHECK_INT(kernel_check_caps(0, err, sizeof(err)), -EPERM);
}

static void v1_hierarchy(void)
{
	uint32_t id = 77;

	CHECK(!kernel_v1_choose("0::/user.slice\n", &id));
	CHECK(!kernel_v1_choose("1:name=systemd:/\n0::/\n", &id));
	CHECK(!kernel_v1_choose("", &id));
	CHECK_INT(id, 77);
	CHECK_STR(kernel_v1_choose("9:name=systemd:/\n8:pids:/x\n4:memory:/y\n0::/\n", &id),
		  "pids");
	CHECK_INT(id, 8);
	CHECK_STR(kernel_v1_choose("4:memory:/a:b,pids:/y\n3:cpu,cpuacct:/\n", &id), "memory");
	CHECK_INT(id, 4);
	CHECK_STR(kernel_v1_choose("3:cpuacct,cpu:/\n2:cpuset:/\n", &id), "cpu");
	CHECK_INT(id, 3);
	CHECK_STR(kernel_v1_choose("12:devices:/\n11:freezer:/", &id), "devices");
	CHECK_INT(id, 12);
}

static void v1_hostile(void)
{
	uint32_t id = 1;

	CHECK(!kernel_v1_choose("5:pids", &id));
	CHECK(!kernel_v1_choose(":::\n:pids:\npids\n", &id));
	CHECK(!kernel_v1_choose("7:xpids:/\n7:pidsx:/\n7:,:/\n7::/\n", &id));
	CHECK(!kernel_v1_choose("99999999999999:pids:/\n-3:cpu", &id));
	CHECK_INT(id, 1);
}

static void identities(void)
{
	uint64_t a = probe_boot_salt("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\n");

	CHECK(a == probe_boot_salt("0a1b2c3d4e5f60718293A4B5C6D7E8F9"));
	CHECK(a != probe_boot_salt("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f8"));
	CHECK(a != probe_boot_salt("1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"));
	CHECK(probe_exec_id(a, 1, 2, 3) == probe_exec_id(a, 1, 2, 3));
	CHECK(probe_exec_id(a, 1, 2, 3) != probe_exec_id(a, 1, 2, 4));
	CHECK(probe_exec_id(a, 1, 2, 3) != probe_exec_id(a, 2, 2, 3));
	CHECK(probe_exec_id(a, 1, 2, 3) != probe_exec_id(a, 1, 3, 3));
	CHECK(probe_exec_id(a, 1, 2, 3) != probe_exec_id(a + 1, 1, 2, 3));
}

static const struct test tests[] = {
	TEST(release), TEST(capabilities), TEST(v1_hierarchy), TEST(v1_hostile), TEST(identities),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
