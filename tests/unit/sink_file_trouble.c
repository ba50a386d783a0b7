/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The file sink where something goes wrong: io_uring is denied, the writer is killed, the disk is
 * full or read-only, a file is torn or none. What can be written still is, and the rest is counted.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/harness/filesink.h"

/* Denies a system call with EPERM for the rest of the process. */
static void deny(int nr)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_LEN(code), code };

	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

static void falls_back_where_seccomp_denies_io_uring(void)
{
	char text[SINK_ERROR_MAX];
	struct sinkrun r;

	deny(SYS_io_uring_setup);
	test_dir(dir);
	CHECK_INT(start(&r, ""), 0);
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "io_uring refused (Operation not permitted)"));
	sinkrun_close(&r, 100);
	alerts_and_records_go_apart("");
}

static void falls_back_where_only_its_use_is_denied(void)
{
	deny(SYS_io_uring_enter);
	alerts_and_records_go_apart("fsync=always");
	alerts_and_records_go_apart("");
}

static void tear(const char *name, size_t bytes)
{
	int fd = open(path_of(name), O_WRONLY | O_APPEND | O_CREAT, 0600);

	for (; bytes > 16; bytes--)
		CHECK_INT(write(fd, "x", 1), 1);
	CHECK_INT(write(fd, "{\"tocsin\":{\"docu", 16), 16);
	close(fd);
}

static void torn_lines_are_cut_off_at_the_next_start(void)
{
	uint8_t seen[20] = { 0 };
	struct sinkrun r;
	uint32_t files;
	struct stat st;

	test_dir(dir);
	CHECK_INT(start(&r, ""), 0);
	sinkrun_send(&r, 0, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	sinkrun_close(&r, 1000);
	tear("events.ndjson", 10000); /* more than is looked at at once */
	tear("alerts.ndjson", 4096); /* and nothing else */
	CHECK_INT(start(&r, ""), 0);
	CHECK_INT(sink_counter(&r.st.torn_lines), 2);
	sinkrun_send(&r, 10, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("events", seen, 20, &files), 20);
	check_each_once(seen, 0, 20);
	CHECK(!stat(path_of("alerts.ndjson"), &st));
	CHECK_INT(st.st_size, 0);
}

/* A writer killed at any moment leaves a prefix: documents 0 .. n - 1, whole after a restart. */
static void killed_writer_leaves_a_prefix(void)
{
	static uint8_t seen[1000000];

	for (int round = 0; round < 8; round++) {
		uint64_t n = 0, lines;
		struct sinkrun r;
		uint32_t files;
		pid_t pid;

		test_dir(dir);
		memset(seen, 0, sizeof(seen));
		pid = fork();
		if (!pid) {
			CHECK_INT(start(&r, round % 2 ? "io_uring=false" : ""), 0);
			for (uint64_t i = 0; i < 1000000 - 100; i += 100)
				sinkrun_send(&r, i, 100, DOC_EVENT, 300);
			_exit(0);
		}
		usleep(20000 + (useconds_t)round * 7000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK_INT(start(&r, ""), 0);
		sinkrun_send(&r, 999999, 1, DOC_EVENT, 0);
		CHECK(sinkrun_settle(&r, 1, 5000));
		sinkrun_close(&r, 1000);
		lines = read_stream("events", seen, 1000000, &files);
		while (n < 999999 && seen[n] == 1)
			n++;
		for (uint64_t i = n; i < 999999; i++)
			CHECK_INT(seen[i], 0);
		CHECK_INT(seen[999999], 1);
		CHECK_INT(lines, n + 1); /* every line is a document */
	}
}

static void second_agent_is_refused(void)
{
	struct sinkrun r, second;
	char want[200];

	test_dir(dir);
	CHECK_INT(start(&r, ""), 0);
	CHECK_INT(start(&second, ""), -EBUSY);
	snprintf(want, sizeof(want), "%s: in use by another agent, process %d", dir, getpid());
	CHECK_STR(second.err, want);
	sinkrun_close(&r, 100);
	CHECK_INT(start(&second, ""), 0);
	sinkrun_close(&second, 100);
}

/* A mount namespace of our own with a small tmpfs on dir. */
static void mount_small(const char *size)
{
	if (unshare(CLONE_NEWNS))
		test_skip("unshare: %s", strerror(errno));
	CHECK_INT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("tocsin-test", dir, "tmpfs", 0, size))
		test_skip("mount tmpfs: %s", strerror(errno));
}

/* Until nothing more fits. The file stays open. */
static int fill_disk(void)
{
	static const char fill[4096];
	int fd = open(path_of("filler"), O_CREAT | O_WRONLY, 0600);

	while (write(fd, fill, sizeof(fill)) == sizeof(fill))
		;
	return fd;
}

static void full_disk(const char *options)
{
	static uint8_t seen[4000];
	struct sinkrun r;
	uint32_t files, lines;
	struct batch *b;
	bool taken = true;
	int fd;

	memset(seen, 0, sizeof(seen));
	test_dir(dir);
	mount_small("size=1m");
	CHECK_INT(start(&r, options), 0);
	sinkrun_send(&r, 0, 100, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 100, 5000));
	fd = fill_disk();
	/* Full: the buffer takes some, then no more; nothing is lost by that alone. */
	for (uint64_t i = 100; taken && i < 4000; i += 100) {
		b = docs_batch(i, 100, DOC_EVENT, 1000);
		taken = sinkrun_submit(&r, b, 300);
		if (!taken) {
			CHECK_INT(ftruncate(fd, 0), 0);
			for (int k = 0; k < 100; k++)
				r.sink->poll(r.state, 10);
			break;
		}
		batch_unref(b);
	}
	close(fd);
	if (taken) {
		for (int k = 0; k < 30; k++)
			r.sink->poll(r.state, 10);
		CHECK_INT(truncate(path_of("filler"), 0), 0);
	} else {
		batch_unref(b);
	}
	CHECK(sink_counter(&r.st.errors) > 0);
	CHECK_INT(unlink(path_of("filler")), 0);
	for (int k = 0; k < 600 && r.st.held_by; k++)
		r.sink->poll(r.state, 10);
	CHECK_INT(atomic_load(&r.st.held_by), SINK_LOSS_QUEUE_FULL);
	sinkrun_close(&r, 2000);
	lines = read_stream("events", seen, 4000, &files);
	CHECK_INT(lines, sink_counter(&r.st.delivered));
	CHECK(lines > 100);
	check_each_once(seen, 0, lines); /* no gap, no torn line in the middle */
	CHECK_INT(sinkrun_lost(&r), 0);
}

static void full_disk_recovers_with_io_uring(void)
{
	full_disk("max_total=0,rotate_size=0");
}

static void full_disk_recovers_with_plain_writes(void)
{
	full_disk("max_total=0,rotate_size=0,io_uring=false");
}

static void full_disk_at_the_end_is_counted(void)
{
	uint8_t seen[1000] = { 0 };
	struct sinkrun r;
	uint32_t files, lines;

	test_dir(dir);
	mount_small("size=256k");
	CHECK_INT(start(&r, "max_total=0,rotate_size=0"), 0);
	sinkrun_send(&r, 0, 100, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 100, 5000));
	close(fill_disk());
	sinkrun_send(&r, 100, 100, DOC_EVENT, 1000);
	for (int i = 0; i < 100 && !r.st.held_by; i++)
		r.sink->poll(r.state, 10);
	CHECK_INT(atomic_load(&r.st.held_by), SINK_LOSS_IO);
	sinkrun_close(&r, 200);
	lines = read_stream("events", seen, 1000, &files);
	CHECK_INT(lines, sink_counter(&r.st.delivered));
	CHECK_INT(lines + sink_counter(&r.st.lost[SINK_LOSS_IO]), 200);
	CHECK(lines < 200);
	check_each_once(seen, 0, lines); /* the part of a line that did fit is cut off */
}

static void read_only_is_refused_at_start(void)
{
	struct sinkrun r;

	test_dir(dir);
	mount_small("size=1m");
	CHECK_INT(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_INT(start(&r, ""), -EROFS);
	CHECK(strstr(r.err, "cannot write here: Read-only file system"));
}

/* In a directory in which nothing can be renamed any more, writing goes on in the old file. */
static void rotation_that_fails_stops_no_writing(void)
{
	uint8_t seen[300] = { 0 };
	char text[SINK_ERROR_MAX];
	struct sinkrun r;
	uint32_t files;

	test_dir(dir);
	CHECK_INT(chown(dir, 65534, 65534), 0);
	CHECK_INT(setfsuid(65534), 0); /* what fails for root does not */
	CHECK_INT(start(&r, "rotate_size=16KiB"), 0);
	sinkrun_send(&r, 0, 50, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 50, 5000));
	CHECK_INT(chmod(dir, 0500), 0);
	sinkrun_send(&r, 50, 100, DOC_EVENT, 200);
	CHECK(sinkrun_settle(&r, 150, 5000));
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "cannot rotate: Permission denied"));
	CHECK_INT(chmod(dir, 0700), 0);
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("events", seen, 300, &files), 150);
	CHECK_INT(files, 0);
	check_each_once(seen, 0, 150);
	setfsuid(0);
}

static void refuses_what_is_not_a_file(void)
{
	struct sinkrun r;

	test_dir(dir);
	CHECK_INT(symlink("/etc/passwd", path_of("alerts.ndjson")), 0);
	CHECK_INT(start(&r, ""), -ELOOP);
	CHECK_INT(unlink(path_of("alerts.ndjson")), 0);
	CHECK_INT(mkfifo(path_of("alerts.ndjson"), 0600), 0);
	CHECK_INT(start(&r, ""), -EINVAL);
	CHECK_INT(sinkrun_open(&r, &sink_file, "fsync=never"), -EINVAL);
	CHECK(strstr(r.err, "path=DIR is missing"));
	CHECK_INT(sinkrun_open(&r, &sink_file, "path=/proc/nonsense"), -ENOENT);
	CHECK(strstr(r.err, "cannot make the directory"));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(falls_back_where_seccomp_denies_io_uring),
		TEST(falls_back_where_only_its_use_is_denied),
		TEST(torn_lines_are_cut_off_at_the_next_start),
		TEST(killed_writer_leaves_a_prefix),
		TEST(second_agent_is_refused),
		TEST(full_disk_recovers_with_io_uring),
		TEST(full_disk_recovers_with_plain_writes),
		TEST(full_disk_at_the_end_is_counted),
		TEST(read_only_is_refused_at_start),
		TEST(rotation_that_fails_stops_no_writing),
		TEST(refuses_what_is_not_a_file),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
