/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The file sink against a real directory, with io_uring and with plain writes: what is in the
 * files is compared line by line with what was published. What goes wrong on the way is in
 * sink_file_trouble.c.
 */
#include <dirent.h>

#include "tests/harness/filesink.h"

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

	test_dir(dir);
	CHECK_INT(start(&r, "records=false"), 0);
	sinkrun_send(&r, 0, 10, DOC_EVENT, 0);
	sinkrun_send(&r, 10, 10, DOC_ALERT, 0);
	CHECK(sinkrun_settle(&r, 10, 5000));
	sinkrun_close(&r, 1000);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK_INT(st.st_size, 0);
}

static void rotates_by_size(void)
{
	static uint8_t seen[4000];
	struct sinkrun r;
	struct stat st;
	uint32_t files;

	test_dir(dir);
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
}

static void rotates_by_age(void)
{
	uint8_t seen[20] = { 0 };
	struct sinkrun r;
	uint32_t files;

	test_dir(dir);
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

	test_dir(dir);
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
}

static void compresses_rotated_files(void)
{
	static uint8_t seen[4000];
	struct sinkrun r;
	uint32_t files;
	int gz = 0;
	DIR *d;
	struct dirent *e;

	test_dir(dir);
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
}

static void replaced_file_is_followed(void)
{
	uint8_t seen[30] = { 0 }, moved[30] = { 0 };
	struct sinkrun r;
	uint32_t files;

	test_dir(dir);
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
}

static void large_documents_pass(void)
{
	struct sinkrun r;
	struct stat st;

	test_dir(dir);
	CHECK_INT(start(&r, "rotate_size=0,max_total=0"), 0);
	for (uint64_t i = 0; i < 64; i++)
		sinkrun_send(&r, i, 1, DOC_EVENT, 2 << 20);
	CHECK(sinkrun_settle(&r, 64, 20000));
	CHECK_INT(sink_counter(&r.st.delivered), 64);
	sinkrun_close(&r, 1000);
	CHECK_INT(stat(path_of("events.ndjson"), &st), 0);
	CHECK_INT(sink_counter(&r.st.bytes), st.st_size);
	CHECK(st.st_size > 64ll * (2 << 20));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(streams_with_io_uring),
		TEST(streams_with_plain_writes),
		TEST(streams_with_fsync_always),
		TEST(alerts_only),
		TEST(rotates_by_size),
		TEST(rotates_by_age),
		TEST(cap_deletes_the_oldest_and_spares_the_alerts),
		TEST(compresses_rotated_files),
		TEST(replaced_file_is_followed),
		TEST(large_documents_pass),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
