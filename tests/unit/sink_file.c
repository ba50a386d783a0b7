/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The file sink against a real directory, with io_uring and with plain writes: what is in the
 * files is compared line by line with what was published.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <zlib.h>

#include "sinks/file_dir.h"
#include "tests/harness/sinkrun.h"

extern const struct sink sink_file;

static char dir[64];

static void make_dir(void)
{
	strcpy(dir, "/tmp/tocsin-file-XXXXXX");
	CHECK(mkdtemp(dir));
}

static const char *path_of(const char *name)
{
	static char path[4][200];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	CHECK_INT(rmdir(dir), 0);
}

static int start(struct sinkrun *r, const char *options)
{
	char text[400];

	snprintf(text, sizeof(text), "path=%s%s%s", dir, *options ? "," : "", options);
	return sinkrun_open(r, &sink_file, text);
}

/* Reads one file, plain or compressed (zlib reads both), checks each line, adds the numbers of
 * its documents to seen[]. Returns the number of lines. */
static uint32_t read_lines(const char *path, uint8_t *seen, uint64_t max)
{
	static char line[1 << 17];
	gzFile f = gzopen(path, "rb");
	uint32_t n = 0;
	uint64_t id;

	CHECK(f);
	while (gzgets(f, line, sizeof(line))) {
		size_t len = strlen(line);

		CHECK(len && line[len - 1] == '\n');
		n++;
		if (sscanf(line, "{\"tocsin\":{\"document\":{\"id\":\"0123abcd-%lu\"", &id) != 1)
			continue;
		if (strcmp(line + len - 3, "\"}\n"))
			continue; /* torn: it counts as a line and not as a document */
		CHECK(id < max);
		seen[id]++;
	}
	gzclose(f);
	return n;
}

/* All files of a stream, rotated ones included. */
static uint32_t read_stream(const char *stream, uint8_t *seen, uint64_t max, uint32_t *files)
{
	struct file_entry *list = NULL;
	int fd = open(dir, O_RDONLY | O_DIRECTORY), n = file_dir_scan(fd, &list);
	char active[FILE_NAME_MAX];
	uint32_t lines = 0;

	close(fd);
	CHECK(n >= 0);
	*files = 0;
	for (int i = 0; i < n; i++) {
		if (strncmp(list[i].name, stream, strlen(stream)))
			continue;
		lines += read_lines(path_of(list[i].name), seen, max);
		++*files;
	}
	free(list);
	snprintf(active, sizeof(active), "%s.ndjson", stream);
	return lines + read_lines(path_of(active), seen, max);
}

static void check_each_once(const uint8_t *seen, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (seen[i] != 1)
			test_fail(__FILE__, __LINE__, "document %lu is there %d times", i, seen[i]);
}

static void alerts_and_records_go_apart(const char *options)
{
	uint8_t alerts[3000] = { 0 }, events[3000] = { 0 };
	struct sinkrun r;
	struct stat st;
	uint32_t files;

	make_dir();
	CHECK_INT(start(&r, options), 0);
	for (uint64_t i = 0; i < 3000; i += 100)
		sinkrun_send(&r, i, 100, i % 300 ? DOC_EVENT : DOC_ALERT, 100);
	CHECK(sinkrun_settle(&r, 3000, 5000));
	CHECK_INT(sink_counter(&r.st.delivered), 3000);
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("alerts", alerts, 3000, &files), 1000);
	CHECK_INT(read_stream("events", events, 3000, &files), 2000);
	for (uint64_t i = 0; i < 3000; i++) {
		CHECK_INT(alerts[i], i / 100 % 3 == 0);
		CHECK_INT(events[i], i / 100 % 3 != 0);
	}
	CHECK_INT(stat(path_of("alerts.ndjson"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	remove_dir();
}

static void streams_with_io_uring(void)
{
	alerts_and_records_go_apart("");
}

static void streams_with_plain_writes(void)
{
	alerts_and_records_go_apart("io_uring=false");
}

static void streams_with_fsync_always(void)
{
	alerts_and_records_go_apart("fsync=always");
	alerts_and_records_go_apart("fsync=always,io_uring=false");
	alerts_and_records_go_apart("fsync=interval,fsync_interval=10ms");
}

static void alerts_only(void)
{
	struct sinkrun r;
	struct stat st;

	make_dir();
	CHECK_INT(start(&r, "records=false"), 0);
	sinkrun_send(&r, 0, 10, DOC_EVENT, 0);
	sinkrun_send(&r, 10, 10, DOC_ALERT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK_INT(st.st_size, 0);
	remove_dir();
}

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
	make_dir();
	CHECK_INT(start(&r, ""), 0);
	sink_last_error(&r.st, text);
	CHECK(strstr(text, "io_uring refused (Operation not permitted)"));
	sinkrun_close(&r, 100);
	remove_dir();
	alerts_and_records_go_apart("");
}

static void falls_back_where_only_its_use_is_denied(void)
{
	deny(SYS_io_uring_enter);
	alerts_and_records_go_apart("fsync=always");
	alerts_and_records_go_apart("");
}

static void rotates_by_size(void)
{
	static uint8_t seen[4000];
	struct sinkrun r;
	struct stat st;
	uint32_t files;

	make_dir();
	CHECK_INT(start(&r, "rotate_size=64KiB"), 0);
	for (uint64_t i = 0; i < 4000; i += 50)
		sinkrun_send(&r, i, 50, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 4000, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("events", seen, 4000, &files), 4000);
	check_each_once(seen, 0, 4000);
	CHECK(files >= 10);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK(st.st_size <= 64 << 10);
	remove_dir();
}

static void rotates_by_age(void)
{
	uint8_t seen[20] = { 0 };
	struct sinkrun r;
	uint32_t files;

	make_dir();
	CHECK_INT(start(&r, "rotate_age=1s"), 0);
	sinkrun_send(&r, 0, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	for (int i = 0; i < 13; i++) {
		usleep(100000);
		r.sink->poll(r.state, 0);
	}
	sinkrun_send(&r, 10, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 20, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("events", seen, 20, &files), 20);
	CHECK_INT(files, 1); /* the empty alerts file is not rotated */
	CHECK_INT(read_stream("alerts", seen, 20, &files), 0);
	CHECK_INT(files, 0);
	remove_dir();
}

static uint64_t total_bytes(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	uint64_t sum = 0;

	while ((e = readdir(d)))
		if (strstr(e->d_name, ".ndjson") && !fstatat(dirfd(d), e->d_name, &st, 0))
			sum += (uint64_t)st.st_size;
	closedir(d);
	return sum;
}

static void cap_deletes_the_oldest_and_spares_the_alerts(void)
{
	static uint8_t seen[20000], alerts[100];
	uint64_t first = 0, most = 0;
	struct sinkrun r;
	uint32_t files, lines;

	make_dir();
	CHECK_INT(start(&r, "max_total=512KiB,rotate_size=32KiB"), 0);
	sinkrun_send(&r, 0, 100, DOC_ALERT, 500);
	for (uint64_t i = 0; i < 20000; i += 50) {
		sinkrun_send(&r, i, 50, DOC_EVENT, 100);
		most = MAX(most, total_bytes());
	}
	CHECK(sinkrun_settle(&r, 20100, 5000));
	sinkrun_close(&r, 1000);
	CHECK(most <= 512 << 10);
	lines = read_stream("events", seen, 20000, &files);
	while (first < 20000 && !seen[first])
		first++;
	CHECK_INT(lines, 20000 - first);
	check_each_once(seen, first, 20000);
	CHECK(lines > 1000 && lines < 4000);
	CHECK(sink_counter(&r.st.deleted_files) > 50);
	CHECK_INT(read_stream("alerts", alerts, 100, &files), 100);
	check_each_once(alerts, 0, 100);
	remove_dir();
}

static void compresses_rotated_files(void)
{
	static uint8_t seen[4000];
	struct sinkrun r;
	uint32_t files;
	int gz = 0;
	DIR *d;
	struct dirent *e;

	make_dir();
	CHECK_INT(start(&r, "rotate_size=64KiB,compress=gzip"), 0);
	for (uint64_t i = 0; i < 4000; i += 50)
		sinkrun_send(&r, i, 50, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 4000, 5000));
	sinkrun_close(&r, 1000);
	/* What was left, and an unfinished one, are done by the next run. */
	close(open(path_of("events-20260101T000000Z-00000001.ndjson.gz.tmp"), O_CREAT | O_WRONLY,
		   0600));
	CHECK_INT(start(&r, "rotate_size=64KiB,compress=gzip"), 0);
	for (int i = 0; i < 300; i++) {
		struct file_entry *list = NULL;
		int fd = open(dir, O_RDONLY), n = file_dir_scan(fd, &list), plain = 0;

		close(fd);
		for (int k = 0; k < n; k++)
			plain += !list[k].gzip;
		free(list);
		if (!plain)
			break;
		usleep(10000);
	}
	sinkrun_close(&r, 1000);
	CHECK_INT(read_stream("events", seen, 4000, &files), 4000);
	check_each_once(seen, 0, 4000);
	d = opendir(dir);
	while ((e = readdir(d)))
		gz += strlen(e->d_name) > 3 && !strcmp(e->d_name + strlen(e->d_name) - 3, ".gz");
	closedir(d);
	CHECK_INT(gz, files);
	CHECK(gz >= 10);
	remove_dir();
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

	make_dir();
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
	remove_dir();
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

		make_dir();
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
		remove_dir();
	}
}

static void second_agent_is_refused(void)
{
	struct sinkrun r, second;
	char want[200];

	make_dir();
	CHECK_INT(start(&r, ""), 0);
	CHECK_INT(start(&second, ""), -EBUSY);
	snprintf(want, sizeof(want), "%s: in use by another agent, process %d", dir, getpid());
	CHECK_STR(second.err, want);
	sinkrun_close(&r, 100);
	CHECK_INT(start(&second, ""), 0);
	sinkrun_close(&second, 100);
	remove_dir();
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

static void full_disk(const char *options)
{
	static uint8_t seen[4000];
	static const char fill[4096];
	struct sinkrun r;
	uint32_t files, lines;
	struct batch *b;
	bool taken = true;
	int fd;

	memset(seen, 0, sizeof(seen));
	make_dir();
	mount_small("size=1m");
	CHECK_INT(start(&r, options), 0);
	sinkrun_send(&r, 0, 100, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 100, 5000));
	fd = open(path_of("filler"), O_CREAT | O_WRONLY, 0600);
	while (write(fd, fill, sizeof(fill)) == sizeof(fill))
		;
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
	umount2(dir, MNT_DETACH);
	CHECK_INT(rmdir(dir), 0);
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
	static const char fill[4096];
	uint8_t seen[1000] = { 0 };
	struct sinkrun r;
	uint32_t files, lines;
	int fd;

	make_dir();
	mount_small("size=256k");
	CHECK_INT(start(&r, "max_total=0,rotate_size=0"), 0);
	sinkrun_send(&r, 0, 100, DOC_EVENT, 100);
	CHECK(sinkrun_settle(&r, 100, 5000));
	fd = open(path_of("filler"), O_CREAT | O_WRONLY, 0600);
	while (write(fd, fill, sizeof(fill)) == sizeof(fill))
		;
	close(fd);
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
	umount2(dir, MNT_DETACH);
	CHECK_INT(rmdir(dir), 0);
}

static void read_only_is_refused_at_start(void)
{
	struct sinkrun r;

	make_dir();
	mount_small("size=1m");
	CHECK_INT(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_INT(start(&r, ""), -EROFS);
	CHECK(strstr(r.err, "cannot write here: Read-only file system"));
	umount2(dir, MNT_DETACH);
	CHECK_INT(rmdir(dir), 0);
}

/* In a directory in which nothing can be renamed any more, writing goes on in the old file. */
static void rotation_that_fails_stops_no_writing(void)
{
	uint8_t seen[300] = { 0 };
	char text[SINK_ERROR_MAX];
	struct sinkrun r;
	uint32_t files;

	make_dir();
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
	remove_dir();
}

static void replaced_file_is_followed(void)
{
	uint8_t seen[30] = { 0 }, moved[30] = { 0 };
	struct sinkrun r;
	uint32_t files;

	make_dir();
	CHECK_INT(start(&r, ""), 0);
	sinkrun_send(&r, 0, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	CHECK_INT(rename(path_of("events.ndjson"), path_of("moved")), 0);
	for (int i = 0; i < 15; i++) {
		usleep(100000);
		r.sink->poll(r.state, 0);
	}
	sinkrun_send(&r, 10, 10, DOC_EVENT, 0);
	CHECK(sinkrun_settle(&r, 20, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(read_lines(path_of("moved"), moved, 30), 10);
	CHECK_INT(read_stream("events", seen, 30, &files), 10);
	check_each_once(seen, 10, 20);
	remove_dir();
}

static void refuses_what_is_not_a_file(void)
{
	struct sinkrun r;

	make_dir();
	CHECK_INT(symlink("/etc/passwd", path_of("alerts.ndjson")), 0);
	CHECK_INT(start(&r, ""), -ELOOP);
	CHECK_INT(unlink(path_of("alerts.ndjson")), 0);
	CHECK_INT(mkfifo(path_of("alerts.ndjson"), 0600), 0);
	CHECK_INT(start(&r, ""), -EINVAL);
	CHECK_INT(sinkrun_open(&r, &sink_file, "fsync=never"), -EINVAL);
	CHECK(strstr(r.err, "path=DIR is missing"));
	CHECK_INT(sinkrun_open(&r, &sink_file, "path=/proc/nonsense"), -ENOENT);
	CHECK(strstr(r.err, "cannot make the directory"));
	remove_dir();
}

static void large_documents_pass(void)
{
	struct sinkrun r;
	struct stat st;

	make_dir();
	CHECK_INT(start(&r, "rotate_size=0,max_total=0"), 0);
	for (uint64_t i = 0; i < 64; i++)
		sinkrun_send(&r, i, 1, DOC_EVENT, 2 << 20);
	CHECK(sinkrun_settle(&r, 64, 20000));
	CHECK_INT(sink_counter(&r.st.delivered), 64);
	sinkrun_close(&r, 1000);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK_INT(sink_counter(&r.st.bytes), st.st_size);
	CHECK(st.st_size > 64ll * (2 << 20));
	remove_dir();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(streams_with_io_uring),
		TEST(streams_with_plain_writes),
		TEST(streams_with_fsync_always),
		TEST(alerts_only),
		TEST(falls_back_where_seccomp_denies_io_uring),
		TEST(falls_back_where_only_its_use_is_denied),
		TEST(rotates_by_size),
		TEST(rotates_by_age),
		TEST(cap_deletes_the_oldest_and_spares_the_alerts),
		TEST(compresses_rotated_files),
		TEST(torn_lines_are_cut_off_at_the_next_start),
		TEST(killed_writer_leaves_a_prefix),
		TEST(second_agent_is_refused),
		TEST(full_disk_recovers_with_io_uring),
		TEST(full_disk_recovers_with_plain_writes),
		TEST(full_disk_at_the_end_is_counted),
		TEST(read_only_is_refused_at_start),
		TEST(rotation_that_fails_stops_no_writing),
		TEST(replaced_file_is_followed),
		TEST(refuses_what_is_not_a_file),
		TEST(large_documents_pass),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
