/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The live outside on this machine: processes, users, terminals, and cgroups of every hierarchy
 * that can be tried here.
 */
#include "enrichers/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "enrichers/cgroup_ask.h"
#include "enrichers/proc_ask.h"
#include "pipeline/util.h"
#include "tests/harness/test.h"

static struct outside live(void)
{
	struct outside o;

	CHECK_INT(outside_live_open(&o), 0);
	return o;
}

static uint64_t start_of(pid_t pid)
{
	char path[64], text[1024];
	uint64_t ticks;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, text, sizeof(text));
	close(fd);
	CHECK(n > 0 && proc_start_ticks((struct str){ text, (uint32_t)n }, &ticks));
	return ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK)) + 1234;
}

static void start_time_in_stat(void)
{
	uint64_t t = 0;

	CHECK(proc_start_ticks(
		STR("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 4711 23"), &t));
	CHECK_INT(t, 4711);
	CHECK(proc_start_ticks(
		STR("1 (x) R 1 (y) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 99 23\n"),
		&t));
	CHECK_INT(t, 99);
	CHECK(!proc_start_ticks(STR("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21"),
				&t));
	CHECK(!proc_start_ticks(STR("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 "),
				&t));
	CHECK(!proc_start_ticks(STR("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 -5 6"),
				&t));
	CHECK(!proc_start_ticks(
		STR("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 99999999999999999999 6"),
		&t));
	CHECK(!proc_start_ticks(STR("1 a S"), &t));
	CHECK(!proc_start_ticks(STR(""), &t));
	CHECK_INT(t, 99);
}

static void own_process(void)
{
	struct outside o = live();
	uint64_t start = start_of(getpid());
	struct str a;
	char path[4096], cwd[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	CHECK(n > 0);
	path[n] = 0;
	CHECK(outside_ask(&o, ASK_PROC_EXE, (uint64_t)getpid(), start, &a));
	CHECK_INT(a.len, n + 1);
	CHECK_STR(a.p, path);
	CHECK(outside_ask(&o, ASK_PROC_CWD, (uint64_t)getpid(), start, &a));
	CHECK_STR(a.p, getcwd(cwd, sizeof(cwd)));
	CHECK(outside_ask(&o, ASK_PROC_ARGS, (uint64_t)getpid(), start, &a));
	CHECK(a.len > 1 && !a.p[a.len - 1]);
	CHECK(strstr(a.p, "outside") != NULL);
	CHECK(outside_ask(&o, ASK_PROC_ALIVE, (uint64_t)getpid(), start, &a));
	CHECK_INT(a.len, 0);
	/* The same pid, another start: another process. */
	for (enum outside_question q = ASK_PROC_EXE; q <= ASK_PROC_CWD; q++)
		CHECK(!outside_ask(&o, q, (uint64_t)getpid(), start + 20000000, &a));
	CHECK(!outside_ask(&o, ASK_PROC_ALIVE, (uint64_t)getpid(), start - 20000000, &a));
	CHECK(!outside_ask(&o, ASK_PROC_EXE, 0x7fffffff, start, &a));
	CHECK(!outside_ask(&o, ASK_MAX, 1, 2, &a));
	outside_live_close(&o);
	outside_live_close(&o);
}

/* A child that runs the given copy of sleep(1) in a directory of its own. */
static pid_t sleeper(const char *exe, const char *dir, int exe_fd)
{
	int ready[2];
	pid_t pid;
	char c;

	CHECK_INT(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		char *const argv[] = { (char *)"sleeper \n\xff", (char *)"60", NULL };
		char *const env[] = { NULL };

		if (chdir(dir))
			_exit(1);
		if (exe_fd >= 0)
			fexecve(exe_fd, argv, env);
		else
			execve(exe, argv, env);
		_exit(1);
	}
	close(ready[1]);
	CHECK_INT(read(ready[0], &c, 1), 0); /* closed by the exec */
	close(ready[0]);
	return pid;
}

static void copy_file(const char *from, const char *to)
{
	CLEANUP_CLOSE int in = open(from, O_RDONLY);
	CLEANUP_CLOSE int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	char part[65536];
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, part, sizeof(part))) > 0)
		CHECK_INT(write(out, part, (size_t)n), n);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void deleted_program_and_directory(void)
{
	char dir[TEST_DIR], exe[64], sub[64];
	struct outside o = live();
	uint64_t start;
	struct str a;
	pid_t pid;

	test_dir(dir);
	snprintf(exe, sizeof(exe), "%s/prog (deleted)", dir);
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	copy_file("/bin/sleep", exe);
	CHECK_INT(mkdir(sub, 0700), 0);
	pid = sleeper(exe, sub, -1);
	start = start_of(pid);
	/* The name only looks as if it were deleted: no answer is better than a wrong one. */
	CHECK(!outside_ask(&o, ASK_PROC_EXE, (uint64_t)pid, start, &a));
	CHECK(outside_ask(&o, ASK_PROC_CWD, (uint64_t)pid, start, &a));
	CHECK_STR(a.p, sub);
	CHECK_INT(a.len, strlen(sub) + 1);
	CHECK(outside_ask(&o, ASK_PROC_ARGS, (uint64_t)pid, start, &a));
	CHECK_INT(a.len, 14);
	CHECK(!memcmp(a.p,
		      "sleeper \n\xff\0"
		      "60",
		      14));
	CHECK_INT(unlink(exe), 0);
	CHECK_INT(rmdir(sub), 0);
	CHECK(outside_ask(&o, ASK_PROC_EXE, (uint64_t)pid, start, &a));
	CHECK_STR(a.p, exe);
	CHECK_INT(a.len, strlen(exe) + 1 + 8);
	CHECK_STR(a.p + strlen(exe) + 1, "deleted");
	CHECK(outside_ask(&o, ASK_PROC_CWD, (uint64_t)pid, start, &a));
	CHECK_STR(a.p, sub);
	CHECK_INT(a.len, strlen(sub) + 1 + 8);
	kill(pid, SIGKILL);
	usleep(20000);
	CHECK(outside_ask(&o, ASK_PROC_ALIVE, (uint64_t)pid, start, &a)); /* not waited for yet */
	CHECK(!outside_ask(&o, ASK_PROC_EXE, (uint64_t)pid, start, &a));
	CHECK(!outside_ask(&o, ASK_PROC_ARGS, (uint64_t)pid, start, &a));
	waitpid(pid, NULL, 0);
	CHECK(!outside_ask(&o, ASK_PROC_ALIVE, (uint64_t)pid, start, &a));
	outside_live_close(&o);
}

static void program_in_memory(void)
{
	CLEANUP_CLOSE int fd = memfd_create("x/sshd", MFD_CLOEXEC);
	CLEANUP_CLOSE int in = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
	struct outside o = live();
	char part[65536];
	struct str a;
	ssize_t n;
	pid_t pid;

	while ((n = read(in, part, sizeof(part))) > 0)
		CHECK_INT(write(fd, part, (size_t)n), n);
	pid = sleeper(NULL, "/", fd);
	CHECK(outside_ask(&o, ASK_PROC_EXE, (uint64_t)pid, start_of(pid), &a));
	CHECK_STR(a.p, "/memfd:x/sshd");
	CHECK_INT(a.len, 22);
	end(pid);
	outside_live_close(&o);
}

static void long_arguments_are_cut(void)
{
	static const char want[] = "sh\0-c\0read x\0bb";
	static char big[20000];
	struct outside o = live();
	int ready[2], input[2];
	struct str a;
	pid_t pid;
	char c;

	memset(big, 'b', sizeof(big) - 1);
	CHECK_INT(pipe2(ready, O_CLOEXEC), 0);
	CHECK_INT(pipe2(input, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(input[0], 0);
		execl("/bin/sh", "sh", "-c", "read x", big, NULL);
		_exit(1);
	}
	close(ready[1]);
	CHECK_INT(read(ready[0], &c, 1), 0);
	close(ready[0]);
	CHECK(outside_ask(&o, ASK_PROC_ARGS, (uint64_t)pid, start_of(pid), &a));
	CHECK_INT(a.len, 8191);
	CHECK_INT(a.p[8190], 'b'); /* no NUL: cut */
	CHECK(!memcmp(a.p, want, sizeof(want) - 1));
	end(pid);
	close(input[0]);
	close(input[1]);
	outside_live_close(&o);
}

static void names(void)
{
	struct outside o = live();
	struct passwd *u = getpwuid(0);
	struct group *g = getgrgid(0);
	struct str a;

	CHECK(outside_ask(&o, ASK_USER_NAME, 0, 0, &a));
	CHECK_STREQ(a, u->pw_name);
	CHECK(outside_ask(&o, ASK_GROUP_NAME, 0, 0, &a));
	CHECK_STREQ(a, g->gr_name);
	CHECK(!outside_ask(&o, ASK_USER_NAME, 3999999999u, 0, &a));
	endpwent();
	endgrent();
	outside_live_close(&o);
}

static void terminals(void)
{
	struct outside o = live();
	struct str a;

	CHECK(outside_ask(&o, ASK_TTY_NAME, 136, 3, &a));
	CHECK_STREQ(a, "pts/3");
	CHECK(outside_ask(&o, ASK_TTY_NAME, 137, 1, &a));
	CHECK_STREQ(a, "pts/257");
	CHECK(!outside_ask(&o, ASK_TTY_NAME, 4000, 3, &a));
	if (!access("/sys/dev/char/5:1", F_OK)) {
		CHECK(outside_ask(&o, ASK_TTY_NAME, 5, 1, &a));
		CHECK_STREQ(a, "console");
	}
	outside_live_close(&o);
}

static void clock_of_events(void)
{
	struct outside o = live();
	struct timespec t;
	uint64_t now, before;
	struct str a;

	clock_gettime(CLOCK_BOOTTIME, &t);
	before = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
	CHECK(outside_ask(&o, ASK_NOW, 0, 0, &a));
	CHECK_INT(a.len, 8);
	memcpy(&now, a.p, 8);
	CHECK(now >= before && now < before + 10000000000ull);
	outside_live_close(&o);
}

/* Makes BASE/tocsin-test-PID/inner, asks for both, removes them and asks again. */
static void try_hierarchy(const char *base, uint32_t hierarchy, bool walk)
{
	char outer[256], inner[300], want[300];
	struct cgroup_mounts m = { .walk = walk };
	struct buf out = { 0 };
	struct stat st;
	ino_t gone;

	snprintf(outer, sizeof(outer), "%s/tocsin-test-%d", base, getpid());
	snprintf(inner, sizeof(inner), "%s/in ner", outer);
	if (mkdir(outer, 0755))
		test_skip("cannot make a cgroup in %s: %s", base, strerror(errno));
	CHECK_INT(mkdir(inner, 0755), 0);
	cgroup_mounts_read(&m);
	CHECK(m.count > 0);
	CHECK_INT(stat(outer, &st), 0);
	CHECK(cgroup_path(&m, st.st_ino, hierarchy, &out));
	snprintf(want, sizeof(want), "/tocsin-test-%d", getpid());
	CHECK_STREQ(((struct str){ out.p, (uint32_t)out.len }), want);
	CHECK_INT(stat(inner, &st), 0);
	CHECK(cgroup_path(&m, st.st_ino, hierarchy, &out));
	snprintf(want, sizeof(want), "/tocsin-test-%d/in ner", getpid());
	CHECK_STREQ(((struct str){ out.p, (uint32_t)out.len }), want);
	gone = st.st_ino;
	CHECK_INT(stat(base, &st), 0);
	CHECK(cgroup_path(&m, st.st_ino, hierarchy, &out));
	CHECK_STREQ(((struct str){ out.p, (uint32_t)out.len }), "/");
	CHECK_INT(rmdir(inner), 0);
	CHECK_INT(rmdir(outer), 0);
	CHECK(!cgroup_path(&m, gone, hierarchy, &out));
	CHECK(!cgroup_path(&m, gone, 4000, &out));
	buf_free(&out);
	cgroup_mounts_free(&m);
}

/* A path that leads to another cgroup than the one asked for is none: here one that is mounted over
 * it, in a mount namespace of our own. */
static void try_other_inode(const char *base, bool walk)
{
	char asked[256], other[256];
	bool found[3], mounted;
	struct cgroup_mounts m = { .walk = walk };
	struct buf out = { 0 };
	struct stat st;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		test_skip("a mount namespace: %s", strerror(errno));
	snprintf(asked, sizeof(asked), "%s/tocsin-test-a-%d", base, getpid());
	snprintf(other, sizeof(other), "%s/tocsin-test-b-%d", base, getpid());
	if (mkdir(asked, 0755))
		test_skip("cannot make a cgroup in %s: %s", base, strerror(errno));
	CHECK_INT(mkdir(other, 0755), 0);
	CHECK_INT(stat(asked, &st), 0);
	cgroup_mounts_read(&m);
	found[0] = cgroup_path(&m, st.st_ino, 0, &out);
	mounted = !mount(other, asked, NULL, MS_BIND, NULL);
	found[1] = cgroup_path(&m, st.st_ino, 0, &out);
	if (mounted)
		umount(asked);
	found[2] = cgroup_path(&m, st.st_ino, 0, &out);
	rmdir(asked);
	rmdir(other);
	CHECK(mounted && found[0] && !found[1] && found[2]);
	buf_free(&out);
	cgroup_mounts_free(&m);
}

static const char *v2_base(void)
{
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) ? "/sys/fs/cgroup/unified"
								 : "/sys/fs/cgroup";
}

static void cgroup_v2(void)
{
	try_hierarchy(v2_base(), 0, false);
}

static void cgroup_v2_by_walking(void)
{
	try_hierarchy(v2_base(), 0, true);
}

static void path_to_another_cgroup(void)
{
	try_other_inode(v2_base(), false);
}

static void path_to_another_cgroup_by_walking(void)
{
	try_other_inode(v2_base(), true);
}

/* A v1 hierarchy of this machine that lets us: its id and mount point. */
static uint32_t v1_hierarchy(const char **base)
{
	static const char *const bases[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup/freezer",
					     "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu" };
	char line[512], key[64];
	uint32_t id = 0;

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		FILE *f = fopen("/proc/self/cgroup", "r");

		CHECK(f != NULL);
		snprintf(key, sizeof(key), ":%s:", strrchr(bases[i], '/') + 1);
		while (fgets(line, sizeof(line), f))
			if (strstr(line, key))
				id = (uint32_t)strtoul(line, NULL, 10);
		fclose(f);
		*base = bases[i];
		if (id && !access(bases[i], W_OK))
			return id;
	}
	test_skip("no cgroup v1 hierarchy that can be written to");
}

static void cgroup_v1(void)
{
	const char *base;
	uint32_t id = v1_hierarchy(&base);

	try_hierarchy(base, id, false);
}

static void cgroup_v1_by_walking(void)
{
	const char *base;
	uint32_t id = v1_hierarchy(&base);

	try_hierarchy(base, id, true);
}

/* The whole way: a child in a new cgroup, asked for by the inode that events carry. */
static void cgroup_of_a_child(void)
{
	char dir[256], procs[300], text[32], want[64];
	struct outside o = live();
	struct stat st;
	struct str a;
	pid_t pid;
	int fd;

	snprintf(dir, sizeof(dir), "%s/tocsin-child-%d", v2_base(), getpid());
	if (mkdir(dir, 0755)) {
		outside_live_close(&o);
		test_skip("cannot make a cgroup in %s: %s", v2_base(), strerror(errno));
	}
	pid = sleeper("/bin/sleep", "/", -1);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
	snprintf(text, sizeof(text), "%d", pid);
	fd = open(procs, O_WRONLY);
	CHECK(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
	CHECK_INT(stat(dir, &st), 0);
	CHECK(outside_ask(&o, ASK_CGROUP_PATH, st.st_ino, 0, &a));
	snprintf(want, sizeof(want), "/tocsin-child-%d", getpid());
	CHECK_STREQ(a, want);
	end(pid);
	for (int i = 0; i < 100 && rmdir(dir); i++)
		usleep(10000);
	CHECK(access(dir, F_OK));
	CHECK(!outside_ask(&o, ASK_CGROUP_PATH, st.st_ino, 0, &a));
	outside_live_close(&o);
}

static void mount_tables(void)
{
	static const char info[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /tmp rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		"33 31 0:30 /sub /usr rw,relatime - cgroup cgroup rw,name=systemd\n"
		"34 31 0:30 / /etc rw,relatime - cgroup cgroup rw,name=systemd\n"
		"35 31 0:31 / /no\\040such rw - cgroup cgroup rw,pids\n"
		"36 31 0:32 / /var rw - cgroup cgroup rw,unknown\n"
		"37 31 0:33 / / rw shared:1 master:2 - cgroup2 cgroup2 rw\n"
		"broken\n\n - - -\n38 - cgroup2";
	static const char groups[] = "4:cpu,cpuacct:/x\n9:name=systemd:/\n8:pids:/\n0::/\nx:y\n";
	struct cgroup_mounts m = { 0 };

	cgroup_mounts_parse(&m, STR(info), STR(groups));
	CHECK_INT(m.count, 3);
	CHECK_INT(m.items[0].hierarchy, 4);
	CHECK_STR(m.items[0].point, "/tmp");
	CHECK_INT(m.items[1].hierarchy, 9);
	CHECK_STR(m.items[1].root, "/sub");
	CHECK_INT(m.items[2].hierarchy, 0);
	cgroup_mounts_free(&m);
}

static const struct test tests[] = {
	TEST(start_time_in_stat),
	TEST(own_process),
	TEST(deleted_program_and_directory),
	TEST(program_in_memory),
	TEST(long_arguments_are_cut),
	TEST(names),
	TEST(terminals),
	TEST(clock_of_events),
	TEST(cgroup_v2),
	TEST(cgroup_v2_by_walking),
	TEST(path_to_another_cgroup),
	TEST(path_to_another_cgroup_by_walking),
	TEST(cgroup_v1),
	TEST(cgroup_v1_by_walking),
	TEST(cgroup_of_a_child),
	TEST(mount_tables),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
