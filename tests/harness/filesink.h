/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The file sink in a directory of the test, and its files read back line by line.
 */
#ifndef TOCSIN_TEST_FILESINK_H
#define TOCSIN_TEST_FILESINK_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "sinks/file_dir.h"
#include "tests/harness/sinkrun.h"

extern const struct sink sink_file;

/* Of the run at hand: each test begins with test_dir(dir). */
static char dir[TEST_DIR];

static inline const char *path_of(const char *name)
{
	static char path[4][200];
	static unsigned n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static inline int start(struct sinkrun *r, const char *options)
{
	char text[400];

	snprintf(text, sizeof(text), "path=%s%s%s", dir, *options ? "," : "", options);
	return sinkrun_open(r, &sink_file, text);
}

/* Reads one file, plain or compressed (zlib reads both), checks each line, adds the numbers of
 * its documents to seen[]. Returns the number of lines. */
static inline uint32_t read_lines(const char *path, uint8_t *seen, uint64_t max)
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
static inline uint32_t read_stream(const char *stream, uint8_t *seen, uint64_t max, uint32_t *files)
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

static inline void check_each_once(const uint8_t *seen, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (seen[i] != 1)
			test_fail(__FILE__, __LINE__, "document %lu is there %d times", i, seen[i]);
}

/* A whole run with the options: each document once, in the file of its kind. */
static inline void alerts_and_records_go_apart(const char *options)
{
	uint8_t alerts[3000] = { 0 }, events[3000] = { 0 };
	struct sinkrun r;
	struct stat st;
	uint32_t files;

	test_dir(dir);
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
}

#endif
