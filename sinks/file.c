/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The file sink: alerts to DIR/alerts.ndjson, records and metrics to DIR/events.ndjson, so that
 * somebody who wants the alerts needs not read a thousand records for each.
 *
 * Runs in its lane's thread and owns all below: the directory with its lock (file_dir), the two
 * streams (file_stream), which write through pipeline/aio, and the compressing thread (gzip).
 *
 * A batch is taken in parts when a stream has no room: `next` is where the next try goes on.
 */
#include <errno.h>
#include <poll.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"
#include "sinks/file_stream.h"
#include "sinks/gzip.h"

struct files {
	const struct file_cfg *user;
	struct file_cfg cfg; /* with rotate_size fitted to the cap */
	struct sink_stats *st;
	struct file_dir dir;
	struct file_stream streams[STREAM_MAX];
	struct gzipper *gzip;
	uint64_t gzip_done, rotations;
	uint64_t cap_checked; /* total at the last check of the cap that could not free enough */
	const struct batch *partial;
	uint32_t next;
};

static const char *const compress_names[] = { "none", "gzip", NULL };
static const char *const fsync_names[] = { "never", "rotate", "interval", "always", NULL };

static const struct option file_opts[] = {
	{ .key = "path",
	  .type = OPT_STR,
	  OPT(struct file_cfg, path),
	  .min = 1,
	  .max = 4000,
	  .help = "Directory, made if missing (required); locked while the agent runs" },
	{ .key = "records",
	  .type = OPT_BOOL,
	  OPT(struct file_cfg, records),
	  .def = "true",
	  .help = "Also records and metrics, to events.ndjson; false: alerts only" },
	{ .key = "rotate_size",
	  .type = OPT_SIZE,
	  OPT(struct file_cfg, rotate_size),
	  .def = "64MiB",
	  .max = 1ull << 40,
	  .help = "Size at which a file is rotated; 0: never. At most a quarter of max_total" },
	{ .key = "rotate_age",
	  .type = OPT_DURATION,
	  OPT(struct file_cfg, rotate_age),
	  .def = "24h",
	  .max = 3650 * 86400 * NS_PER_SEC,
	  .help = "Age at which a file is rotated; 0: never" },
	{ .key = "max_total",
	  .type = OPT_SIZE,
	  OPT(struct file_cfg, max_total),
	  .def = "1GiB",
	  .max = 1ull << 50,
	  .help = "Cap on all files together, above which the oldest rotated ones are deleted, counted; 0: none" },
	{ .key = "compress",
	  .type = OPT_ENUM,
	  OPT(struct file_cfg, compress),
	  .def = "none",
	  .names = compress_names,
	  .help = "Compression of rotated files" },
	{ .key = "fsync",
	  .type = OPT_ENUM,
	  OPT(struct file_cfg, fsync),
	  .def = "rotate",
	  .names = fsync_names,
	  .help = "When data is forced to the disk; always: before it counts as delivered" },
	{ .key = "fsync_interval",
	  .type = OPT_DURATION,
	  OPT(struct file_cfg, fsync_interval),
	  .def = "1s",
	  .min = 10 * NS_PER_MS,
	  .max = 3600 * NS_PER_SEC,
	  .help = "Time between syncs with fsync=interval" },
	{ .key = "io_uring",
	  .type = OPT_BOOL,
	  OPT(struct file_cfg, io_uring),
	  .def = "true",
	  .help = "Write through io_uring where the kernel allows it; false: plain writes" },
	{ 0 },
};

static bool file_wants(const void *cfg, const struct doc *d)
{
	const struct file_cfg *c = cfg;

	return d->kind == DOC_ALERT || c->records;
}

static void files_free(struct files *f)
{
	gzipper_free(f->gzip);
	for (int i = 0; i < STREAM_MAX; i++)
		file_stream_close(&f->streams[i]);
	file_dir_close(&f->dir);
	free(f);
}

static int open_streams(struct files *f)
{
	int rc = 0;

	for (int i = 0; i < STREAM_MAX && !rc; i++)
		rc = file_stream_open(&f->streams[i], (enum file_stream_id)i, &f->dir, &f->cfg,
				      f->st);
	if (!rc && f->cfg.compress == COMPRESS_GZIP)
		rc = gzipper_new(&f->gzip, &f->dir);
	return rc;
}

/* What the user is told once, beside that it works. */
static void note_opening(const struct files *f)
{
	const struct aio *aio = f->streams[0].aio;
	unsigned long long torn = sink_counter(&f->st->torn_lines);
	char text[SINK_ERROR_MAX] = "";

	if (f->cfg.io_uring && !aio_uses_ring(aio))
		snprintf(text, sizeof(text), "io_uring refused (%s), plain writes are used%s",
			 strerror(aio_ring_error(aio)), torn ? "; " : "");
	if (torn)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%llu torn lines that a killed run left were cut off", torn);
	if (text[0])
		sink_note(f->st, "%s", text);
}

static int file_open(void **state, const void *cfg, struct sink_stats *st, char *err,
		     size_t err_len)
{
	const struct file_cfg *c = cfg;
	struct files *f;
	int rc;

	if (!c->path) {
		snprintf(err, err_len, "file: path=DIR is missing");
		return -EINVAL;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		snprintf(err, err_len, "file: out of memory");
		return -ENOMEM;
	}
	f->cfg = *c;
	f->user = c;
	f->st = st;
	/* Two streams of that size and what is being compressed must fit under the cap. */
	if (c->max_total && (!c->rotate_size || c->rotate_size > c->max_total / 4))
		f->cfg.rotate_size = c->max_total / 4;
	rc = file_dir_open(&f->dir, c->path, err, err_len);
	if (rc) {
		free(f);
		return rc;
	}
	f->dir.max_total = c->max_total;
	rc = open_streams(f);
	if (rc) {
		snprintf(err, err_len, "%s: cannot open the files: %s", c->path, strerror(-rc));
		files_free(f);
		return rc;
	}
	note_opening(f);
	*state = f;
	return 0;
}

/* Deletes old files before `more` bytes are added. Where nothing can be deleted, it is not
 * looked for again with each document. */
static void keep_cap(struct files *f, uint64_t more)
{
	uint64_t active[STREAM_MAX] = { f->streams[0].size + more, f->streams[1].size };
	uint64_t total = active[0] + active[1] + f->dir.rotated_bytes;

	if (!f->cfg.max_total || total <= f->cfg.max_total) {
		f->cap_checked = 0;
		return;
	}
	if (f->cap_checked && total < f->cap_checked + f->cfg.max_total / 64)
		return;
	sink_count(&f->st->deleted_files, file_dir_enforce(&f->dir, active));
	total = active[0] + active[1] + f->dir.rotated_bytes;
	f->cap_checked = total > f->cfg.max_total ? total : 0;
}

static void after_rotation(struct files *f)
{
	uint64_t n = f->streams[0].rotations + f->streams[1].rotations;
	int error;

	if (n != f->rotations && f->gzip)
		gzipper_wake(f->gzip);
	f->rotations = n;
	if (!f->gzip)
		return;
	if (gzipper_done(f->gzip) != f->gzip_done) {
		f->gzip_done = gzipper_done(f->gzip);
		file_dir_rescan(&f->dir);
	}
	error = gzipper_take_error(f->gzip);
	if (error)
		sink_error(f->st, "%s: compression: %s", f->cfg.path, strerror(error));
}

static bool is_held(const struct files *f)
{
	return f->streams[0].retry_ns || f->streams[1].retry_ns;
}

static void settle(struct files *f)
{
	after_rotation(f);
	keep_cap(f, 0);
	atomic_store(&f->st->held_by, is_held(f) ? SINK_LOSS_IO : SINK_LOSS_QUEUE_FULL);
}

static int file_submit(void *state, struct batch *b)
{
	struct files *f = state;
	int rc = 0;

	if (f->partial != b)
		f->next = 0;
	f->partial = b;
	for (; f->next < b->ndocs; f->next++) {
		const struct doc *d = &b->docs[f->next];

		if (!file_wants(f->user, d))
			continue;
		keep_cap(f, d->json.len);
		rc = file_stream_add(
			&f->streams[d->kind == DOC_ALERT ? STREAM_ALERTS : STREAM_EVENTS],
			batch_str(b, d->json));
		if (rc)
			break;
	}
	for (int i = 0; i < STREAM_MAX; i++)
		file_stream_kick(&f->streams[i]);
	settle(f);
	if (!rc)
		f->partial = NULL;
	return rc;
}

static int file_poll(void *state, int timeout_ms)
{
	struct files *f = state;
	struct file_stream *alerts = &f->streams[STREAM_ALERTS],
			   *events = &f->streams[STREAM_EVENTS];
	bool second = file_stream_waits(events) && !file_stream_waits(alerts);

	/* One wait: for the stream that has something to wait for. */
	file_stream_poll(alerts, second ? 0 : timeout_ms);
	file_stream_poll(events, second ? timeout_ms : 0);
	settle(f);
	return 0;
}

static bool is_settled(const struct files *f)
{
	return file_stream_settled(&f->streams[0]) && file_stream_settled(&f->streams[1]);
}

static void file_close(void *state, uint64_t deadline_ns)
{
	struct files *f = state;
	int left;

	/* At least one try, also when the time is over. */
	file_poll(f, 0);
	while (!is_settled(f) && (left = clock_left_ms(deadline_ns, 50)) > 0)
		file_poll(f, left);
	files_free(f);
}

const struct sink sink_file = {
	.name = "file",
	.help = "Files of a directory: alerts.ndjson and events.ndjson, with rotation",
	.opts = file_opts,
	.cfg_size = sizeof(struct file_cfg),
	.wants = file_wants,
	.open = file_open,
	.submit = file_submit,
	.poll = file_poll,
	.close = file_close,
};
