/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Loading: what is attached, and what happens when something cannot be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/set.h"
#include "probes/tables.h"
#include "tests/harness/live.h"

#include <elf.h> /* last: its macros EV_NONE and EV_CURRENT clash with enum ev_kind */

static const struct coverage *cover(const struct probe_set *set, uint32_t kind)
{
	uint32_t n;
	const struct coverage *c = probe_coverage(set, &n);

	for (uint32_t i = 0; i < n; i++)
		if (c[i].kind == kind)
			return &c[i];
	return NULL;
}

static bool has_extra(const struct coverage *c, const char *name)
{
	for (int i = 0; i < COVERAGE_EXTRAS && c->extra[i]; i++)
		if (!strcmp(c->extra[i]->name, name))
			return true;
	return false;
}

static void coverage_of_all_kinds(void)
{
	static const uint32_t kinds[] = { EV_FORK,    EV_EXEC,   EV_EXIT, EV_OPEN,
					  EV_CONNECT, EV_ACCEPT, EV_TASK, EV_CGROUP };
	struct live l;

	live_open(&l, &live_defaults);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct coverage *c = cover(l.set, kinds[i]);

		CHECK(c && c->hook && c->hook->name && c->hook->truth);
		CHECK(c->hook->kinds & (1ULL << kinds[i]));
		CHECK(!c->hook->optional);
	}
	CHECK(!cover(l.set, EV_LOSS));
	CHECK_STR(cover(l.set, EV_OPEN)->hook->name, "tp_btf/sys_exit");
	CHECK_STR(cover(l.set, EV_FORK)->reason, "");
	CHECK(cover(l.set, EV_OPEN)->sees_io_uring ==
	      has_extra(cover(l.set, EV_OPEN), "tp_btf/io_uring_complete"));
	CHECK(has_extra(cover(l.set, EV_CONNECT), "cgroup/sendmsg4, sendmsg6"));
	live_close(&l);
}

static void only_what_is_wanted(void)
{
	struct probe_cfg cfg = live_defaults;
	struct live l;

	cfg.want = KIND_BIT(EXEC);
	live_open(&l, &cfg);
	CHECK(cover(l.set, EV_EXEC)->hook && cover(l.set, EV_FORK)->hook);
	CHECK(cover(l.set, EV_EXIT)->hook && cover(l.set, EV_CGROUP)->hook);
	CHECK(!cover(l.set, EV_OPEN) && !cover(l.set, EV_CONNECT) && !cover(l.set, EV_ACCEPT));
	CHECK(!l.set->dispatcher.object);
	CHECK(!l.set->probes[2].object && !l.set->probes[3].object);
	live_close(&l);
}

/* Opens a file and counts the new records of the kind that this thread made. */
static int opens_seen(struct live *l)
{
	const struct ev_hdr *h = NULL;
	int fd, n = 0;

	live_read(l);
	l->len = l->count = 0;
	fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	live_read(l);
	while ((h = live_next(l, h)))
		n += h->kind == EV_OPEN && h->tid == (uint32_t)gettid();
	l->len = l->count = 0;
	return n;
}

/* A reload of the policies may ask for kinds that nobody wanted at the start, and for fewer. */
static void wants_change_while_running(void)
{
	struct probe_cfg cfg = live_defaults;
	char err[160] = "";
	struct live l;

	cfg.want = KIND_BIT(ACCEPT);
	live_open(&l, &cfg);
	CHECK(!cover(l.set, EV_OPEN) && !cover(l.set, EV_CONNECT) && cover(l.set, EV_ACCEPT)->hook);
	CHECK_INT(opens_seen(&l), 0);
	CHECK_INT(
		probe_set_want(l.set, KIND_BIT(OPEN) | KIND_BIT(CONNECT), false, err, sizeof(err)),
		0);
	CHECK(cover(l.set, EV_OPEN)->hook && cover(l.set, EV_CONNECT)->hook);
	CHECK(has_extra(cover(l.set, EV_CONNECT), "cgroup/sendmsg4, sendmsg6"));
	CHECK(cover(l.set, EV_FORK)->hook && !cover(l.set, EV_ACCEPT));
	CHECK_INT(opens_seen(&l), 1);
	CHECK_INT(probe_set_want(l.set, KIND_BIT(CONNECT), false, err, sizeof(err)), 0);
	CHECK_INT(opens_seen(&l), 0);
	CHECK_INT(probe_set_want(l.set, KIND_BIT(OPEN), true, err, sizeof(err)), 0);
	live_read(&l);
	l.len = l.count = 0;
	CHECK(open("/nowhere/at/all", O_RDONLY | O_CLOEXEC) < 0);
	live_read(&l);
	CHECK_INT(((const struct ev_open *)live_need(&l, EV_OPEN, (uint32_t)getpid()))->error,
		  ENOENT);
	live_close(&l);
}

static void bad_ring_sizes(void)
{
	static const uint64_t sizes[] = { 0, 1, 2048, 4097, 3 << 20, 1ULL << 31, 1ULL << 40 };
	struct probe_cfg cfg = live_defaults;
	struct probe_set *set = NULL;
	char err[160];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cfg.ring_bytes = sizes[i];
		CHECK_INT(probe_set_open(&set, &cfg, err, sizeof(err)), -EINVAL);
		CHECK(strstr(err, "power of two") && !set);
	}
}

/* ---- privileges ---- */

static void drop_all_caps(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	CHECK(!syscall(SYS_capset, &h, d));
}

static void without_privileges(void)
{
	struct probe_set *set = NULL;
	char err[160] = "";

	drop_all_caps();
	CHECK_INT(probe_set_open(&set, &live_defaults, err, sizeof(err)), -EPERM);
	CHECK(strstr(err, "CAP_BPF") && strstr(err, "CAP_PERFMON"));
	CHECK(!set);
}

/* All capabilities, but of a user namespace: the kernel still refuses. */
static void root_of_a_namespace(void)
{
	struct probe_set *set = NULL;
	char err[160] = "";

	if (unshare(CLONE_NEWUSER))
		test_skip("user namespaces: %s", strerror(errno));
	CHECK_INT(probe_set_open(&set, &live_defaults, err, sizeof(err)), -EPERM);
	CHECK(err[0] && !strchr(err, '\n'));
	CHECK(!set);
}

static void kernel_without_btf(void)
{
	struct probe_set *set = NULL;
	char err[160] = "";

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL))
		test_skip("mounts: %s", strerror(errno));
	CHECK_INT(probe_set_open(&set, &live_defaults, err, sizeof(err)), -ENOSYS);
	CHECK(strstr(err, "has no BTF") && strstr(err, "CONFIG_DEBUG_INFO_BTF") && !set);
}

/* ---- broken objects ---- */

static const struct probe *list[8];
static char broken[1 << 20];
static size_t broken_len;

static const void *broken_object(size_t *len)
{
	*len = broken_len;
	return broken;
}

static struct probe broken_probe(const struct probe *from)
{
	struct probe p = *from;
	const void *elf = from->object(&broken_len);

	CHECK(broken_len <= sizeof(broken));
	memcpy(broken, elf, broken_len);
	p.object = broken_object;
	return p;
}

/* The bytes of a section of the copied object. */
static char *section(const char *name, size_t *len)
{
	Elf64_Ehdr *e = (void *)broken;
	Elf64_Shdr *s = (void *)(broken + e->e_shoff);
	const char *names = broken + s[e->e_shstrndx].sh_offset;

	for (int i = 0; i < e->e_shnum; i++) {
		if (strcmp(names + s[i].sh_name, name))
			continue;
		*len = s[i].sh_size;
		return broken + s[i].sh_offset;
	}
	test_fail(__FILE__, __LINE__, "no section %s", name);
}

/* An instruction that no kernel has. */
static void break_first_instruction(const char *name)
{
	size_t len;

	section(name, &len)[0] = (char)0xff;
}

static void open_list(struct live *l, const struct probe_cfg *cfg)
{
	struct probe_set *set = NULL;
	char err[256];
	int rc = probe_set_open_from(&set, list, &probe_syscalls, cfg, err, sizeof(err));

	if (rc == -EPERM || rc == -ENOSYS)
		test_skip("%s", err);
	if (rc)
		test_fail(__FILE__, __LINE__, "probe_set_open_from: %d: %s", rc, err);
	live_adopt(l, set);
}

static uint32_t child_that_ends(void)
{
	pid_t child = fork();

	if (!child)
		_exit(3);
	waitpid(child, NULL, 0);
	return (uint32_t)child;
}

/* The object of one probe is garbage: its kinds are gone with the reason, the others work. */
static void garbage_object(void)
{
	struct probe bad = broken_probe(&probe_file);
	const struct coverage *c;
	struct live l;
	uint32_t pid;

	memset(broken, 0x5a, broken_len);
	list[0] = &bad;
	list[1] = &probe_process;
	open_list(&l, &live_defaults);
	c = cover(l.set, EV_OPEN);
	CHECK(!c->hook && c->reason[0] && !c->sees_io_uring);
	c = cover(l.set, EV_CONNECT);
	CHECK(!c->hook);
	CHECK_STR(c->reason, "no probe reports it");
	CHECK(cover(l.set, EV_EXIT)->hook);
	pid = child_that_ends();
	live_read(&l);
	CHECK_INT(((const struct ev_exit *)live_need(&l, EV_EXIT, pid))->exit_code, 3);
	live_close(&l);
}

/* Truncated anywhere, an object is an error and no crash. */
static void truncated_object(void)
{
	struct probe bad = broken_probe(&probe_cgroup);
	size_t whole = broken_len;
	struct live l;

	list[0] = &bad;
	list[1] = &probe_process;
	for (int i = 0; i < 6; i++) {
		broken_len = whole * (size_t)i / 6;
		open_list(&l, &live_defaults);
		CHECK(!cover(l.set, EV_CGROUP)->hook && cover(l.set, EV_CGROUP)->reason[0]);
		CHECK(cover(l.set, EV_EXEC)->hook);
		live_close(&l);
	}
}

/* A program the verifier refuses costs its hook: here an optional one. */
static void bad_optional_program(void)
{
	struct probe bad = broken_probe(&probe_file);
	const struct coverage *c;
	struct live l;

	break_first_instruction("tp_btf/io_uring_submit_req");
	list[0] = &bad;
	list[1] = NULL;
	open_list(&l, &live_defaults);
	c = cover(l.set, EV_OPEN);
	CHECK(c->hook);
	CHECK(has_extra(c, "tp_btf/io_uring_complete"));
	CHECK(!has_extra(c, "tp_btf/io_uring_submit_req"));
	if (strstr(c->reason, "no tracepoint io_uring_submit_req"))
		test_skip("the program to break: %s", c->reason); /* 6.1 */
	CHECK(strstr(c->reason, "io_uring_submit_req") &&
	      strstr(c->reason, "file_open_uring_silent"));
	CHECK(strstr(c->reason, "unknown opcode"));
	CHECK(!strchr(c->reason, '\n'));
	live_close(&l);
}

static void bad_main_program(void)
{
	struct probe_cfg cfg = live_defaults;
	struct probe bad = broken_probe(&probe_process);
	const struct coverage *c;
	struct probe_set *set = NULL;
	char err[256] = "";
	struct live l;

	break_first_instruction("tp_btf/sched_process_exec");
	list[0] = &bad;
	list[1] = &probe_file;
	list[2] = NULL;
	open_list(&l, &cfg);
	c = cover(l.set, EV_EXEC);
	CHECK(!c->hook && strstr(c->reason, "process_exec"));
	CHECK(cover(l.set, EV_FORK)->hook && cover(l.set, EV_EXIT)->hook &&
	      cover(l.set, EV_OPEN)->hook);
	live_close(&l);

	cfg.named = KIND_BIT(EXEC);
	CHECK_INT(probe_set_open_from(&set, list, &probe_syscalls, &cfg, err, sizeof(err)),
		  -ENOTSUP);
	CHECK(strstr(err, "process.exec") && strstr(err, "process_exec") && !strchr(err, '\n'));
	CHECK(!set);
}

static void bad_dispatcher(void)
{
	struct probe bad = broken_probe(&probe_syscalls);
	struct probe_set *set = NULL;
	const struct coverage *c;
	char err[256] = "";

	break_first_instruction("tp_btf/sys_exit");
	list[0] = &probe_process;
	list[1] = &probe_file;
	list[2] = NULL;
	CHECK_INT(probe_set_open_from(&set, list, &bad, &live_defaults, err, sizeof(err)), 0);
	c = cover(set, EV_OPEN);
	CHECK(!c->hook && strstr(c->reason, "dispatcher"));
	CHECK(cover(set, EV_EXEC)->hook);
	probe_set_free(set);
}

/* A better hook that this kernel refuses gives way to the next one. */
static void next_best_hook(void)
{
	const struct hook hooks[] = {
		{
			.name = "tp_btf/no_such_tracepoint",
			.kinds = KIND(FORK) | KIND(EXEC),
			.programs = PROGRAMS("process_fork"),
			.tracepoint = "no_such_tracepoint",
		},
		{ .name = "better", .kinds = KIND(FORK), .programs = PROGRAMS("no_such_program") },
		{
			.name = "tp_btf/sched_process_fork",
			.kinds = KIND(FORK),
			.programs = PROGRAMS("process_fork"),
		},
		{ .name = NULL },
	};
	struct probe p = probe_process;
	const struct coverage *c;
	struct live l;

	p.hooks = hooks;
	list[0] = &p;
	list[1] = NULL;
	open_list(&l, &live_defaults);
	c = cover(l.set, EV_FORK);
	CHECK(c->hook == &hooks[2]);
	CHECK(strstr(c->reason, "no tracepoint no_such_tracepoint"));
	CHECK(strstr(c->reason, "no program no_such_program"));
	c = cover(l.set, EV_EXEC);
	CHECK(!c->hook && strstr(c->reason, "no_such_tracepoint"));
	live_close(&l);
}

static void nothing_works(void)
{
	struct probe bad = broken_probe(&probe_process);
	struct probe_set *set = NULL;
	char err[256] = "";

	memset(broken, 0, broken_len);
	list[0] = &bad;
	list[1] = NULL;
	CHECK_INT(
		probe_set_open_from(&set, list, &probe_syscalls, &live_defaults, err, sizeof(err)),
		-ENOTSUP);
	CHECK(strstr(err, "no probe") && !set);
}

static void probe_reads_alone(void)
{
	struct probe_cfg cfg = live_defaults;
	const struct ev_exit *e;
	struct live l;
	uint32_t pid;

	cfg.no_typed_loads = true;
	live_open(&l, &cfg);
	CHECK(cover(l.set, EV_OPEN)->hook && cover(l.set, EV_CONNECT)->hook);
	CHECK(cover(l.set, EV_ACCEPT)->hook && cover(l.set, EV_TASK)->hook);
	pid = child_that_ends();
	live_read(&l);
	e = live_need(&l, EV_EXIT, pid);
	CHECK_INT(e->exit_code, 3);
	live_close(&l);
}

static const struct test tests[] = {
	TEST(coverage_of_all_kinds), TEST(only_what_is_wanted), TEST(wants_change_while_running),
	TEST(bad_ring_sizes),        TEST(without_privileges),  TEST(root_of_a_namespace),
	TEST(kernel_without_btf),    TEST(garbage_object),      TEST(truncated_object),
	TEST(bad_optional_program),  TEST(bad_main_program),    TEST(bad_dispatcher),
	TEST(next_best_hook),        TEST(nothing_works),       TEST(probe_reads_alone),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
