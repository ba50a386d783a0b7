/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Process records on the live kernel, field by field, against what the test itself did.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/live.h"

static int run(char *const *argv, const char *file, uint32_t *pid)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		char *const env[] = { (char *)"TOCSIN_A=1", (char *)"TOCSIN_B=two", NULL };

		execve(file, argv, env);
		_exit(127);
	}
	*pid = (uint32_t)child;
	waitpid(child, &status, 0);
	return status;
}

static uint64_t boottime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void check_header(const struct ev_hdr *h, uint32_t pid, uint64_t after)
{
	CHECK_INT(h->tgid, pid);
	CHECK_INT(h->tid, pid);
	CHECK_INT(h->uid, getuid());
	CHECK_INT(h->euid, geteuid());
	CHECK_INT(h->gid, getgid());
	CHECK_INT(h->abi, EV_ABI);
	CHECK_INT(h->hdr_pad, 0);
	CHECK(h->time_ns >= after && h->time_ns <= boottime_ns());
	CHECK(h->start_ns && h->start_ns <= h->time_ns);
	CHECK(h->exec_id && h->parent_exec_id && h->seq);
}

static void fork_exec_exit(void)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 7", NULL };
	char text[8192], real[PATH_MAX], cwd[PATH_MAX];
	const struct ev_fork *f;
	const struct ev_exec *x;
	const struct ev_exit *e;
	struct stat st;
	struct live l;
	uint32_t pid;
	uint64_t t0;
	int status;

	live_open(&l, &live_defaults);
	t0 = boottime_ns();
	status = run(argv, "/bin/sh", &pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	live_read(&l);
	CHECK(realpath("/bin/sh", real) && getcwd(cwd, sizeof(cwd)) && !stat(real, &st));

	for (f = live_need(&l, EV_FORK, (uint32_t)getpid()); f && f->child_tgid != pid;)
		f = (const void *)live_find(&l, &f->h, EV_FORK, (uint32_t)getpid());
	CHECK(f);
	check_header(&f->h, (uint32_t)getpid(), t0);
	CHECK_INT(f->h.hook, EV_HOOK_TP_FORK);
	CHECK(f->child_start_ns >= t0 && f->child_exec_id != f->h.exec_id);

	x = live_need(&l, EV_EXEC, pid);
	check_header(&x->h, pid, t0);
	CHECK_STR(live_path(&x->h, &x->executable, text, sizeof(text)), real);
	CHECK_STR(live_path(&x->h, &x->cwd, text, sizeof(text)), cwd);
	CHECK_STR(live_str(&x->h, &x->requested, text, sizeof(text)), "/bin/sh");
	CHECK_STR(live_list(&x->h, &x->args, text, sizeof(text)), "sh|-c|exit 7");
	CHECK_STR(live_list(&x->h, &x->env, text, sizeof(text)), "TOCSIN_A=1|TOCSIN_B=two");
	CHECK_INT(x->path_flags, 0);
	CHECK_INT(x->cwd_flags, 0);
	CHECK_INT(x->argc, 3);
	CHECK_INT(x->exec_flags, 0);
	CHECK_INT(x->inode, st.st_ino);
	CHECK_INT(x->mode, st.st_mode & 07777);
	CHECK_INT(x->dev_major, major(st.st_dev));
	CHECK_INT(x->dev_minor, minor(st.st_dev));
	CHECK_INT(x->sid, getsid(0));
	CHECK_INT(x->pgid, getpgrp());
	CHECK_INT(x->h.start_ns, f->child_start_ns);
	CHECK(x->old_exec_id == f->child_exec_id);
	CHECK(x->h.exec_id != x->old_exec_id);
	CHECK(x->h.parent_exec_id == f->h.exec_id);
	CHECK_STR(x->h.comm.b, "sh");

	e = live_need(&l, EV_EXIT, pid);
	check_header(&e->h, pid, t0);
	CHECK(e->h.exec_id == x->h.exec_id);
	CHECK_INT(e->exit_code, 7);
	CHECK_INT(e->signal, 0);
	CHECK_INT(e->core_dumped, 0);
	CHECK_INT(e->run_time_ns, e->h.time_ns - f->child_start_ns);
	live_close(&l);
}

static void ns_inode(const char *name, uint32_t got)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	CHECK(!stat(path, &st));
	if (got != st.st_ino)
		test_fail(__FILE__, __LINE__, "namespace %s is %u, not %lu", name, got, st.st_ino);
}

static void exec_namespaces_and_caps(void)
{
	char *const argv[] = { (char *)"true", NULL };
	const struct ev_exec *x;
	struct live l;
	uint32_t pid;
	char line[256];
	FILE *f;

	live_open(&l, &live_defaults);
	CHECK_INT(run(argv, "/bin/true", &pid), 0);
	live_read(&l);
	x = live_need(&l, EV_EXEC, pid);
	ns_inode("mnt", x->ns_mnt);
	ns_inode("pid", x->ns_pid);
	ns_inode("net", x->ns_net);
	ns_inode("uts", x->ns_uts);
	ns_inode("ipc", x->ns_ipc);
	ns_inode("user", x->ns_user);
	ns_inode("cgroup", x->ns_cgroup);
	f = fopen("/proc/self/status", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long long v;

		if (sscanf(line, "CapEff: %llx", &v) == 1)
			CHECK(v == x->cap_effective);
		if (sscanf(line, "CapPrm: %llx", &v) == 1)
			CHECK(v == x->cap_permitted);
	}
	fclose(f);
	live_close(&l);
}

/* Threads are no processes; the process ends with its last thread; a signal is told. */
static void *quit(void *arg)
{
	return arg;
}

static void threads_and_signals(void)
{
	const struct ev_exit *e;
	struct live l;
	uint32_t pid;
	pid_t child;
	int n = 0;

	live_open(&l, &live_defaults);
	child = fork();
	if (!child) {
		pthread_t t[8];

		for (int i = 0; i < 8; i++)
			pthread_create(&t[i], NULL, quit, NULL);
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
		raise(SIGKILL);
	}
	pid = (uint32_t)child;
	waitpid(child, NULL, 0);
	live_read(&l);
	CHECK(!live_find(&l, NULL, EV_FORK, pid));
	e = live_need(&l, EV_EXIT, pid);
	CHECK_INT(e->signal, SIGKILL);
	CHECK_INT(e->exit_code, 0);
	for (const struct ev_hdr *h = NULL; (h = live_find(&l, h, EV_EXIT, pid));)
		n++;
	CHECK_INT(n, 1);
	live_close(&l);
}

/* Many arguments: cut at the limit, and said so. */
static void arguments_truncated(void)
{
	static char big[3000];
	char *const argv[] = { (char *)"true", big, big, NULL };
	struct probe_cfg cfg = live_defaults;
	const struct ev_exec *x;
	struct live l;
	uint32_t pid;

	memset(big, 'a', sizeof(big) - 1);
	cfg.args_max = 1000;
	cfg.env_max = 0;
	live_open(&l, &cfg);
	CHECK_INT(run(argv, "/bin/true", &pid), 0);
	live_read(&l);
	x = live_need(&l, EV_EXEC, pid);
	CHECK_INT(x->argc, 3);
	CHECK(x->args.len > 900 && x->args.len <= 1001);
	CHECK(x->exec_flags & 1u << EV_EXECF_ARGS_TRUNCATED);
	CHECK(x->h.flags & 1u << EV_HDR_TRUNCATED);
	CHECK_INT(x->env.off, 0);
	live_close(&l);
}

/* exec_id computed from what /proc and a record say is the one the kernel side computed. The
 * number of execs is known to the kernel only, so it is searched. */
static bool exec_id_matches(const struct ev_hdr *h)
{
	for (uint64_t n = 0; n < 100000; n++)
		if (probe_exec_id(live_defaults.boot_salt, h->tgid, h->start_ns, n) == h->exec_id)
			return true;
	return false;
}

/* Every process that /proc lists and that is older than the scan was found. The kernel of some
 * sandboxes keeps process 1 from iterators. */
static void all_of_proc(const struct live *l)
{
	unsigned long long started, mine = live_stat(getpid(), 22);
	DIR *d = opendir("/proc");
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d))) {
		uint32_t pid = (uint32_t)atoi(e->d_name);

		if (pid <= 1 || live_find(l, NULL, EV_TASK, pid))
			continue;
		started = live_stat((pid_t)pid, 22);
		if (started && started <= mine)
			test_fail(__FILE__, __LINE__, "process %u was not found", pid);
	}
	closedir(d);
}

static void scan_of_running_tasks(void)
{
	const struct ev_task *t;
	const struct ev_fork *f;
	struct live l;
	uint32_t me = (uint32_t)getpid();
	uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	char comm[16] = "";
	FILE *file;
	pid_t child;

	live_open(&l, &live_defaults);
	CHECK_INT(probe_set_scan_tasks(l.set), 0);
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	live_read(&l);
	t = live_need(&l, EV_TASK, me);
	CHECK_INT(t->h.tid, me);
	CHECK_INT(t->ppid, getppid());
	CHECK_INT(t->h.start_ns / tick, live_stat(getpid(), 22));
	CHECK_INT(t->sid, getsid(0));
	CHECK_INT(t->h.hook, EV_HOOK_ITER);
	CHECK(exec_id_matches(&t->h));
	CHECK(!(t->exec_flags & 1u << EV_EXECF_KTHREAD));
	CHECK(t->exec_flags & 1u << EV_EXECF_ARGS_UNREAD); /* never waits for pages of others */
	ns_inode("mnt", t->ns_mnt);
	file = fopen("/proc/self/comm", "re");
	CHECK(file && fgets(comm, sizeof(comm), file));
	fclose(file);
	comm[strcspn(comm, "\n")] = 0;
	CHECK_STR(t->h.comm.b, comm);
	f = live_need(&l, EV_FORK, me);
	CHECK(f->h.exec_id == t->h.exec_id && f->h.parent_exec_id == t->h.parent_exec_id);
	t = live_need(&l, EV_TASK, 2);
	CHECK(t->exec_flags & 1u << EV_EXECF_KTHREAD);
	CHECK_INT(t->ppid, 0);
	all_of_proc(&l);
	live_close(&l);
}

static const struct test tests[] = {
	TEST(fork_exec_exit),      TEST(exec_namespaces_and_caps), TEST(threads_and_signals),
	TEST(arguments_truncated), TEST(scan_of_running_tasks),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
