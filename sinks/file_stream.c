/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The streams of file_stream.h.
 *
 * Documents go through the append buffer (pipeline/aio), which keeps what could not be written:
 * on a full disk the file may end in a part of a line for that time, the next write goes on
 * exactly there, and no other document comes between. A line torn by kill -9 is cut off at the
 * next start, before anything is appended: every line of a file is a whole document.
 *
 * Rotation waits until all is written, renames the file under a name that says when, and opens a
 * new one; the old one is synced meanwhile, for a disk may take long; a rename that fails leaves the
 * stream on its old file, and is tried again.
 */
#include "sinks/file_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "pipeline/clock.h"
#include "pipeline/util.h"

#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (5 * NS_PER_SEC)
#define LOOK_EVERY_NS NS_PER_SEC
#define RETIRE_WAIT_MS 1000

static void active_name(const struct file_stream *s, char name[FILE_NAME_MAX])
{
	snprintf(name, FILE_NAME_MAX, "%s.ndjson", file_stream_names[s->id]);
}

static void failed(struct file_stream *s, int error, const char *what)
{
	sink_error(s->st, "%s/%s.ndjson: %s: %s", s->dir->path, file_stream_names[s->id], what,
		   strerror(error));
	s->backoff_ns = s->backoff_ns ? MIN(s->backoff_ns * 2, BACKOFF_MAX_NS) : BACKOFF_MIN_NS;
	s->retry_ns = clock_mono_ns() + s->backoff_ns;
}

static void succeeded(struct file_stream *s)
{
	s->retry_ns = s->backoff_ns = 0;
}

static bool must_wait(const struct file_stream *s)
{
	return s->retry_ns && clock_mono_ns() < s->retry_ns;
}

/* How long ago the file was made, so that rotation by age survives restarts. */
static uint64_t file_age_ns(int fd)
{
	struct timespec now;
	struct statx sx;
	int64_t age;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &sx))
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	age = now.tv_sec - (sx.stx_mask & STATX_BTIME ? sx.stx_btime.tv_sec : sx.stx_mtime.tv_sec);
	return age > 0 ? (uint64_t)age * NS_PER_SEC : 0;
}

static void sync_dir(const struct file_stream *s)
{
	if (s->cfg->fsync != FSYNC_NEVER && fsync(s->dir->fd))
		sink_error(s->st, "%s: fsync: %s", s->dir->path, strerror(errno));
}

/* Where the last whole line ends, in the first `size` bytes. -errno. */
static int64_t whole_lines(int fd, uint64_t size)
{
	char part[4096], *end;

	while (size) {
		size_t n = MIN(size, sizeof(part));
		ssize_t got = pread(fd, part, n, (off_t)(size - n));

		if (got < 0)
			return -errno;
		end = memrchr(part, '\n', (size_t)got);
		if (end)
			return (int64_t)(size - n) + (end + 1 - part);
		size -= n;
	}
	return 0;
}

/* Cuts off the line that a killed run left torn, or ends it where the file can only grow. The
 * buffer is empty: nothing comes before this. */
static int mend(struct file_stream *s)
{
	int64_t whole = whole_lines(s->fd, s->size);

	if (whole < 0 || (uint64_t)whole == s->size)
		return whole < 0 ? (int)whole : 0;
	sink_count(&s->st->torn_lines, 1);
	if (!ftruncate(s->fd, whole)) {
		s->size = (uint64_t)whole;
		return 0;
	}
	s->size++;
	return aio_append(s->aio, "\n", 1);
}

static int reopen(struct file_stream *s)
{
	CLEANUP_CLOSE int fd = -1;
	char name[FILE_NAME_MAX];
	struct stat st;

	active_name(s, name);
	fd = openat(s->dir->fd, name,
		    O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600))
		return -errno;
	/* O_NONBLOCK was for a FIFO in our place; io_uring would take it to mean: fail, not wait. */
	if (fcntl(fd, F_SETFL, O_APPEND))
		return -errno;
	s->fd = TAKE_FD(fd);
	s->size = (uint64_t)st.st_size;
	s->born_ns = clock_mono_ns() - (s->size ? MIN(file_age_ns(s->fd), clock_mono_ns()) : 0);
	aio_attach(s->aio, s->fd);
	return mend(s);
}

int file_stream_open(struct file_stream *s, enum file_stream_id id, struct file_dir *dir,
		     const struct file_cfg *cfg, struct sink_stats *st)
{
	int rc;

	*s = (struct file_stream){ .id = id, .dir = dir, .cfg = cfg, .st = st, .fd = -1 };
	rc = aio_new(&s->aio, cfg->io_uring);
	if (rc)
		return rc;
	rc = reopen(s);
	if (rc == -ENOSPC || rc == -EDQUOT) { /* comes and goes: no reason not to start */
		failed(s, -rc, "open");
		return 0;
	}
	if (rc)
		file_stream_close(s);
	else
		sync_dir(s);
	return rc;
}

static void count_written(struct file_stream *s)
{
	uint64_t upto = s->cfg->fsync == FSYNC_ALWAYS ? aio_synced(s->aio) : aio_written(s->aio);
	uint64_t before = s->marks.boundary;
	uint32_t n = marks_pop(&s->marks, upto);

	sink_count(&s->st->delivered, n);
	sink_count(&s->st->bytes, s->marks.boundary - before);
	if (n)
		succeeded(s);
}

static void take_retired(struct file_stream *s)
{
	int error = aio_take_retire_error(s->aio);

	if (error)
		sink_error(s->st, "%s: sync of a rotated file: %s", s->dir->path, strerror(error));
}

static void take_results(struct file_stream *s)
{
	int error = aio_take_error(s->aio);

	take_retired(s);
	count_written(s);
	if (error)
		failed(s, error, "write");
	else if (aio_idle(s->aio) && s->fd >= 0)
		succeeded(s);
}

static int rename_new(int dir, const char *from, const char *to)
{
	if (!renameat2(dir, from, dir, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system without the flag; the lock keeps other agents out. */
	if (!faccessat(dir, to, F_OK, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;
	return renameat(dir, from, dir, to) ? -errno : 0;
}

static void close_file(struct file_stream *s)
{
	close(TAKE_FD(s->fd));
	aio_attach(s->aio, -1);
}

/* The file goes under its new name, and a new one is opened. Only when all is written. */
static void rotate(struct file_stream *s)
{
	char from[FILE_NAME_MAX], to[FILE_NAME_MAX];
	int rc, old;

	active_name(s, from);
	do {
		file_dir_next_name(s->dir, s->id, to);
		rc = rename_new(s->dir->fd, from, to);
	} while (rc == -EEXIST);
	s->rotating = false;
	if (rc && rc != -ENOENT) { /* writing goes on in the old file */
		sink_error(s->st, "%s/%s: cannot rotate: %s", s->dir->path, from, strerror(-rc));
		s->no_rotate_ns = clock_mono_ns() + BACKOFF_MAX_NS;
		return;
	}
	s->rotations += !rc;
	old = TAKE_FD(s->fd);
	aio_attach(s->aio, -1);
	file_dir_rescan(s->dir);
	rc = reopen(s);
	if (rc)
		failed(s, -rc, "open");
	if (s->cfg->fsync == FSYNC_NEVER)
		close(old);
	else
		aio_retire(s->aio, old, s->dir->fd);
}

/* 0: rotated, or not now. -EAGAIN: some is still on its way. */
static int rotate_when_idle(struct file_stream *s)
{
	if (must_wait(s))
		return -EAGAIN;
	if (s->cfg->fsync == FSYNC_ALWAYS && aio_synced(s->aio) < aio_appended(s->aio))
		aio_want_sync(s->aio);
	aio_kick(s->aio);
	take_results(s);
	if (!aio_idle(s->aio) || aio_retiring(s->aio))
		return -EAGAIN;
	rotate(s);
	return s->fd < 0 ? -EAGAIN : 0;
}

static bool may_rotate(const struct file_stream *s)
{
	return s->size && (!s->no_rotate_ns || clock_mono_ns() >= s->no_rotate_ns);
}

static bool is_too_large(const struct file_stream *s, size_t more)
{
	return s->cfg->rotate_size && s->size + more > s->cfg->rotate_size && may_rotate(s);
}

static bool is_too_old(const struct file_stream *s, uint64_t now)
{
	return s->cfg->rotate_age && now - s->born_ns >= s->cfg->rotate_age && may_rotate(s);
}

static int append(struct file_stream *s, struct str line)
{
	int rc = marks_reserve(&s->marks);

	if (!rc)
		rc = aio_append(s->aio, line.p, line.len);
	if (rc)
		return rc;
	marks_push(&s->marks, aio_appended(s->aio));
	s->size += line.len;
	return 0;
}

int file_stream_add(struct file_stream *s, struct str line)
{
	int rc;

	if (s->fd < 0)
		return -EAGAIN;
	if (s->rotating || is_too_large(s, line.len)) {
		s->rotating = true;
		if (rotate_when_idle(s))
			return -EAGAIN;
	}
	rc = append(s, line);
	if (rc == -EAGAIN && !must_wait(s)) {
		file_stream_kick(s);
		rc = append(s, line);
	}
	return rc ? -EAGAIN : 0;
}

void file_stream_kick(struct file_stream *s)
{
	if (s->fd < 0 || must_wait(s))
		return;
	if (s->cfg->fsync == FSYNC_ALWAYS && aio_synced(s->aio) < aio_appended(s->aio))
		aio_want_sync(s->aio);
	aio_kick(s->aio);
	take_results(s);
}

/* The file was renamed or removed by somebody, or cut short: follow what is there. */
static void look(struct file_stream *s, uint64_t now)
{
	struct stat mine, there;
	char name[FILE_NAME_MAX];

	if (now - s->look_ns < LOOK_EVERY_NS || s->fd < 0 || !aio_idle(s->aio))
		return;
	s->look_ns = now;
	active_name(s, name);
	if (fstat(s->fd, &mine))
		return;
	s->size = (uint64_t)mine.st_size;
	if (!fstatat(s->dir->fd, name, &there, AT_SYMLINK_NOFOLLOW) &&
	    there.st_ino == mine.st_ino && there.st_dev == mine.st_dev)
		return;
	close_file(s);
}

static void sync_by_time(struct file_stream *s, uint64_t now)
{
	if (s->cfg->fsync != FSYNC_INTERVAL || now - s->sync_ns < s->cfg->fsync_interval)
		return;
	s->sync_ns = now;
	if (aio_synced(s->aio) < aio_written(s->aio)) {
		aio_want_sync(s->aio);
		file_stream_kick(s);
	}
}

void file_stream_poll(struct file_stream *s, int timeout_ms)
{
	uint64_t now;
	int rc;

	if (aio_in_flight(s->aio) || aio_retiring(s->aio))
		aio_wait(s->aio, s->rotating || aio_in_flight(s->aio) ? timeout_ms : 0);
	else if (must_wait(s) && timeout_ms)
		poll(NULL, 0, clock_left_ms(s->retry_ns, timeout_ms));
	take_results(s);
	if (must_wait(s))
		return;
	if (s->fd < 0) {
		rc = reopen(s);
		if (rc) {
			failed(s, -rc, "open");
			return;
		}
		sync_dir(s);
		sink_count(&s->st->reconnects, 1);
	}
	file_stream_kick(s);
	now = clock_mono_ns();
	s->rotating |= is_too_large(s, 0) || is_too_old(s, now);
	if (s->rotating)
		rotate_when_idle(s);
	sync_by_time(s, now);
	look(s, now);
}

bool file_stream_waits(const struct file_stream *s)
{
	return aio_in_flight(s->aio) || must_wait(s) || (s->rotating && aio_retiring(s->aio));
}

bool file_stream_settled(const struct file_stream *s)
{
	return !s->marks.count && aio_idle(s->aio);
}

/* A line of which only a part could be written is cut off: its document counts as lost. */
static void cut_torn_line(struct file_stream *s)
{
	uint64_t torn = aio_written(s->aio) - s->marks.boundary;
	struct stat st;

	if (aio_in_flight(s->aio) || !torn || !s->marks.count || fstat(s->fd, &st))
		return;
	if ((uint64_t)st.st_size >= torn && ftruncate(s->fd, st.st_size - (off_t)torn))
		sink_error(s->st, "%s/%s.ndjson: a torn line stays: %s", s->dir->path,
			   file_stream_names[s->id], strerror(errno));
}

/* With fsync=always, lines that are written wait for their sync; this is the last one. */
static void last_sync(struct file_stream *s)
{
	bool ok = s->cfg->fsync == FSYNC_NEVER || !fdatasync(s->fd);
	uint32_t n = marks_pop(&s->marks, aio_written(s->aio));

	sink_count(ok ? &s->st->delivered : &s->st->lost[SINK_LOSS_IO], n);
	if (!ok)
		sink_error(s->st, "%s/%s.ndjson: sync: %s", s->dir->path, file_stream_names[s->id],
			   strerror(errno));
}

void file_stream_close(struct file_stream *s)
{
	bool io = s->retry_ns;

	if (!s->aio)
		return;
	if (s->fd >= 0 && !aio_in_flight(s->aio)) {
		last_sync(s);
		cut_torn_line(s);
	}
	if (aio_retiring(s->aio))
		aio_wait(s->aio, RETIRE_WAIT_MS);
	take_retired(s);
	sink_count(&s->st->lost[io ? SINK_LOSS_IO : SINK_LOSS_TIMEOUT], s->marks.count);
	aio_free(TAKE_PTR(s->aio));
	marks_free(&s->marks);
	if (s->fd >= 0)
		close(TAKE_FD(s->fd));
}
