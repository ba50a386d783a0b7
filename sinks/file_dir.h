/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The directory of a file sink: its lock, the names of rotated files, the cap on their total.
 *
 *   alerts.ndjson                                  being written
 *   alerts-20261124T101500Z-00000012.ndjson[.gz]   rotated; the number grows over both streams,
 *                                                  so that a clock that steps back changes nothing
 */
#ifndef TOCSIN_FILE_DIR_H
#define TOCSIN_FILE_DIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum file_stream_id { STREAM_ALERTS, STREAM_EVENTS, STREAM_MAX };
enum { FILE_NAME_MAX = 80 };

extern const char *const file_stream_names[STREAM_MAX]; /* "alerts", "events" */

struct file_entry {
	char name[FILE_NAME_MAX];
	uint64_t seq, bytes;
	uint8_t stream;
	bool gzip, temporary; /* name.gz; name.gz.tmp, a compression that is not finished */
};

struct file_dir {
	const char *path;
	int fd, lock_fd;
	uint64_t max_total; /* 0: no cap */
	uint64_t next_seq;
	uint64_t rotated_bytes; /* at the last scan or deletion */
	pthread_mutex_t lock; /* held where rotated files are deleted or replaced */
};

/* Makes the directory (0700) if it is missing and locks it. -EBUSY: another agent has it; err is
 * a text for people. On failure nothing is left open. */
int file_dir_open(struct file_dir *d, const char *path, char *err, size_t err_len);
void file_dir_close(struct file_dir *d);

/* The rotated files, oldest first; *out is the caller's to free. Returns how many, or -errno. */
int file_dir_scan(int fd, struct file_entry **out);
/* Name for the next file to be rotated. */
void file_dir_next_name(struct file_dir *d, enum file_stream_id s, char name[FILE_NAME_MAX]);
/* Counts the rotated files anew. */
void file_dir_rescan(struct file_dir *d);
/* Deletes the oldest rotated files until they and the active ones fit under the cap. The stream
 * that takes more room gives first, so that a flood of records does not push out the alerts.
 * Returns how many were deleted. */
uint32_t file_dir_enforce(struct file_dir *d, const uint64_t active_bytes[STREAM_MAX]);

#endif
