/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Control groups on the live kernel: their paths as they come and go, which one a record names
 * on cgroup v2 and on the hybrid layout, and what the filter is told of them.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/filter_abi.h"
#include "probes/kernel.h"
#include "tests/harness/filtered.h"
#include "tests/harness/groups.h"

static uint64_t inode_of(const char *path)
{
	struct stat st;

	CHECK(!stat(path, &st));
	return st.st_ino;
}

/* A child that enters the group and ends there. */
static uint32_t run_inside(const char *dir)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (!groups_enter(dir))
			_exit(1);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	CHECK_INT(status, 0);
	return (uint32_t)child;
}

static const struct ev_cgroup *find_change(const struct live *l, uint64_t id, bool removed)
{
	for (const struct ev_hdr *h = NULL; (h = live_next(l, h));) {
		const struct ev_cgroup *c = (const void *)h;

		if (h->kind == EV_CGROUP && c->id == id && c->removed == removed)
			return c;
	}
	return NULL;
}

/* Its path, told at the rename. */
static const struct ev_cgroup *find_rename(const struct live *l, uint64_t id)
{
	for (const struct ev_hdr *h = NULL; (h = live_next(l, h));) {
		const struct ev_cgroup *c = (const void *)h;

		if (h->kind == EV_CGROUP && c->id == id && c->renamed)
			return c;
	}
	return NULL;
}

static void check_changes(const struct live *l, const char *dir, uint64_t id, uint32_t hierarchy)
{
	const struct ev_cgroup *made = find_change(l, id, false);
	const struct ev_cgroup *gone = find_change(l, id, true);
	char text[4096];

	CHECK(made && gone);
	CHECK(!made->renamed && !gone->renamed);
	CHECK_STR(live_str(&made->h, &made->path, text, sizeof(text)), strrchr(dir, '/'));
	CHECK_STR(live_str(&gone->h, &gone->path, text, sizeof(text)), strrchr(dir, '/'));
	CHECK_INT(made->hierarchy, hierarchy);
	CHECK_INT(gone->hierarchy, hierarchy);
	CHECK_INT(made->h.hook, EV_HOOK_TP_CGROUP);
}

static void version_2(void)
{
	const struct ev_hdr *h;
	struct live l;
	char dir[256];
	uint64_t id;
	uint32_t pid;

	live_open(&l, &live_defaults);
	groups_make("cgroup2", NULL, dir, sizeof(dir));
	id = inode_of(dir);
	pid = run_inside(dir);
	groups_remove(dir);
	live_read(&l);
	check_changes(&l, dir, id, 0);
	h = live_need(&l, EV_EXEC, pid);
	CHECK_INT(h->cgroup_id, id);
	CHECK_INT(h->cgroup_hierarchy, 0);
	live_close(&l);
}

/* In the root of v2, a task's v1 group is named, with the hierarchy that the loader chose. */
static void version_1_stand_in(void)
{
	uint32_t subsys = 0, hierarchy = 0;
	struct kernel *k = NULL;
	const struct ev_hdr *h;
	char dir[256], text[16384], *line;
	struct live l;
	uint64_t id;
	uint32_t pid;
	FILE *f;

	CHECK_INT(kernel_open(&k), 0);
	kernel_v1_stand_in(k, &subsys, &hierarchy);
	kernel_free(k);
	if (!hierarchy)
		test_skip("no v1 controller is mounted");
	f = fopen("/proc/self/cgroup", "re");
	CHECK(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	line = strstr(text, "0::/");
	if (!line || line[4] != '\n')
		test_skip("this process is not in the root of cgroup v2");
	live_open(&l, &live_defaults);
	groups_make("cgroup", kernel_v1_choose(text, &hierarchy), dir, sizeof(dir));
	id = inode_of(dir);
	pid = run_inside(dir);
	groups_remove(dir);
	live_read(&l);
	check_changes(&l, dir, id, hierarchy);
	h = live_need(&l, EV_EXEC, pid);
	CHECK_INT(h->cgroup_id, id);
	CHECK_INT(h->cgroup_hierarchy, hierarchy);
	live_close(&l);
}

static void renamed(void)
{
	const struct ev_cgroup *c;
	char dir[256], to[300], text[4096];
	struct live l;
	uint64_t id;

	live_open(&l, &live_defaults);
	groups_make("cgroup", "pids", dir, sizeof(dir)); /* v2 groups cannot be renamed */
	id = inode_of(dir);
	snprintf(to, sizeof(to), "%s-new", dir);
	CHECK(!rename(dir, to));
	groups_remove(to);
	live_read(&l);
	c = find_rename(&l, id);
	CHECK(c && !c->removed);
	CHECK_STR(live_str(&c->h, &c->path, text, sizeof(text)), strrchr(to, '/'));
	c = find_change(&l, id, true);
	CHECK(c);
	CHECK_STR(live_str(&c->h, &c->path, text, sizeof(text)), strrchr(to, '/'));
	live_close(&l);
}

/* Is an open of ours wanted? Its header says which cgroup is asked about. */
static bool wanted(struct filtered *f, struct ev_hdr *h)
{
	const struct ev_hdr *at = NULL;
	bool is = false;

	filtered_forget(f);
	filtered_look("/etc/passwd");
	live_read(&f->l);
	while ((at = live_next(&f->l, at)))
		if (at->kind == EV_OPEN && at->tgid == (uint32_t)getpid()) {
			is = true;
			*h = *at;
		}
	return is;
}

/* That the cgroup of h is in no set. */
static void tell(struct filtered *f, const struct ev_hdr *h, uint32_t epoch)
{
	const struct filter_cgroup c = { 0, FILTER_STAMP(f->generation, epoch) };

	CHECK_INT(probe_set_cgroup(f->l.set, h->cgroup_hierarchy, h->cgroup_id, &c), 0);
}

/* After a rename the filter takes no word for true that was said of a cgroup before the rename's
 * record was read, neither one that it had nor one that comes later. */
static void told_before_a_rename(void)
{
	static const struct filter_cgroups asked = { 3, false };
	struct filter_clause c = { .cgroups = &asked, .ncgroups = 1 };
	const struct ev_cgroup *renamed;
	char dir[256], to[300];
	struct filtered f;
	struct ev_hdr h;

	filtered_begin(&f, false);
	groups_make("cgroup", "pids", dir, sizeof(dir));
	snprintf(to, sizeof(to), "%s-new", dir);
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_ON);
	CHECK(wanted(&f, &h));
	tell(&f, &h, 0);
	CHECK(!wanted(&f, &h));
	filtered_forget(&f);
	CHECK(!rename(dir, to));
	CHECK(wanted(&f, &h));
	tell(&f, &h, 0);
	CHECK(wanted(&f, &h));
	CHECK_INT(probe_set_cgroup_epoch(f.l.set), 1);
	tell(&f, &h, 1);
	CHECK(!wanted(&f, &h));
	filtered_forget(&f);
	CHECK(!rename(to, dir));
	live_read(&f.l);
	renamed = find_rename(&f.l, inode_of(dir));
	CHECK(renamed);
	CHECK_INT(renamed->epoch, 2);
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_ON);
	CHECK(wanted(&f, &h));
	tell(&f, &h, 1);
	CHECK(wanted(&f, &h));
	tell(&f, &h, 2);
	CHECK(!wanted(&f, &h));
	groups_remove(dir);
	filtered_end(&f);
}

static void root_is_found(void)
{
	char err[160] = "";
	int fd = kernel_cgroup2_root(err, sizeof(err));
	struct stat st;

	if (fd < 0)
		test_skip("%s", err);
	CHECK(!fstat(fd, &st) && S_ISDIR(st.st_mode) && st.st_ino == 1);
	close(fd);
}

/* Where cgroup v2 is not mounted, a mount attached nowhere serves. */
static void root_without_a_mount(void)
{
	char err[160] = "";
	struct stat st;
	int fd;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL))
		test_skip("mounts: %s", strerror(errno));
	fd = kernel_cgroup2_root(err, sizeof(err));
	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%d: %s", fd, err);
	CHECK(!fstat(fd, &st) && S_ISDIR(st.st_mode) && st.st_ino == 1);
	close(fd);
}

static const struct test tests[] = {
	TEST(version_2),     TEST(version_1_stand_in),   TEST(renamed), TEST(told_before_a_rename),
	TEST(root_is_found), TEST(root_without_a_mount),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
