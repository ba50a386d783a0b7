/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One stream of a file sink: the file being written, its rotation and its state after errors.
 * The thread of the sink.
 */
#ifndef TOCSIN_FILE_STREAM_H
#define TOCSIN_FILE_STREAM_H

#include "pipeline/aio.h"
#include "sinks/file_dir.h"
#include "sinks/marks.h"
#include "sinks/sink.h"

enum file_compress { COMPRESS_NONE, COMPRESS_GZIP };
enum file_fsync { FSYNC_NEVER, FSYNC_ROTATE, FSYNC_INTERVAL, FSYNC_ALWAYS };

struct file_cfg {
	const char *path;
	uint64_t rotate_size, rotate_age, max_total, fsync_interval;
	uint32_t compress, fsync, io_uring, records;
};

struct file_stream {
	enum file_stream_id id;
	struct file_dir *dir;
	const struct file_cfg *cfg;
	struct sink_stats *st;
	struct aio *aio;
	struct marks marks;
	int fd; /* -1: could not be opened, tried again at retry_ns */
	uint64_t size; /* of the file, with what is still buffered */
	uint64_t born_ns; /* CLOCK_MONOTONIC */
	uint64_t sync_ns; /* of the last wanted sync */
	uint64_t retry_ns; /* after an error: not before; 0: all is well */
	uint64_t backoff_ns;
	uint64_t look_ns; /* of the last look whether the file is still in its place */
	uint64_t no_rotate_ns; /* a rename failed: no rotation before */
	uint64_t rotations;
	bool rotating; /* as soon as all is written */
};

int file_stream_open(struct file_stream *s, enum file_stream_id id, struct file_dir *dir,
		     const struct file_cfg *cfg, struct sink_stats *st);
/* One document, whole or not at all. 0, or -EAGAIN. */
int file_stream_add(struct file_stream *s, struct str line);
/* Starts writing what was added. */
void file_stream_kick(struct file_stream *s);
/* Results, retries, rotation, syncs. Waits at most timeout_ms, and only when it has to. */
void file_stream_poll(struct file_stream *s, int timeout_ms);
/* Something is in flight, or was refused and is tried again later. */
bool file_stream_waits(const struct file_stream *s);
/* Nothing left to do for what was added. */
bool file_stream_settled(const struct file_stream *s);
/* What is not written is lost; the file ends with a whole line. */
void file_stream_close(struct file_stream *s);

#endif
