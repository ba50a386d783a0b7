/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The directory of file_dir.h. All in the thread of the file sink, except file_dir_scan, which
 * the compressing thread calls as well.
 */
#include "sinks/file_dir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "pipeline/util.h"

#define LOCK_NAME ".lock"

const char *const file_stream_names[STREAM_MAX] = { "alerts", "events" };

/* Every missing directory of the path, 0700. */
static int make_path(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (!n || n >= sizeof(part))
		return n ? -ENAMETOOLONG : -EINVAL;
	memcpy(part, path, n + 1);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(part, 0700) && errno != EEXIST ? -errno : 0;
}

static int refuse(int rc, const char *path, const char *what, char *err, size_t err_len)
{
	snprintf(err, err_len, "%s: %s: %s", path, what, strerror(-rc));
	return rc;
}

static int take_lock(int fd, const char *path, char *err, size_t err_len)
{
	char pid[16] = "";
	ssize_t n;

	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return refuse(-errno, path, "cannot lock", err, err_len);
		n = pread(fd, pid, sizeof(pid) - 1, 0);
		while (n > 0 && isdigit((unsigned char)pid[n - 1]) == 0)
			pid[--n] = '\0';
		snprintf(err, err_len, "%s: in use by another agent%s%s", path,
			 *pid ? ", process " : "", pid);
		return -EBUSY;
	}
	/* For people only: that it cannot be written does no harm. */
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) < 0)
		return 0;
	return 0;
}

void file_dir_close(struct file_dir *d)
{
	close(d->fd);
	close(d->lock_fd);
	pthread_mutex_destroy(&d->lock);
}

/* NAME-YYYYMMDDTHHMMSSZ-SEQ.ndjson[.gz[.tmp]], nothing else: other files are none of ours. */
static bool parse_name(const char *name, struct file_entry *e)
{
	unsigned long long seq;
	char stream[8];
	int n = 0;

	if (strlen(name) >= sizeof(e->name))
		return false;
	if (sscanf(name, "%6[a-z]-%*8[0-9]T%*6[0-9]Z-%18llu.ndjson%n", stream, &seq, &n) != 2 || !n)
		return false;
	e->gzip = !strcmp(name + n, ".gz");
	e->temporary = !strcmp(name + n, ".gz.tmp");
	if (name[n] && !e->gzip && !e->temporary)
		return false;
	strcpy(e->name, name);
	e->seq = seq;
	for (e->stream = 0; e->stream < STREAM_MAX; e->stream++)
		if (!strcmp(stream, file_stream_names[e->stream]))
			return true;
	return false;
}

static int by_seq(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int scan_into(DIR *dir, struct file_entry **list)
{
	uint32_t n = 0, cap = 0;
	struct dirent *ent;

	while ((ent = readdir(dir))) {
		struct file_entry e = { 0 };
		struct stat st;

		if (!parse_name(ent->d_name, &e) ||
		    fstatat(dirfd(dir), e.name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;

		e.bytes = (uint64_t)st.st_size;
		if (n == cap) {
			struct file_entry *p;

			cap = cap ? cap * 2 : 32;
			p = realloc(*list, cap * sizeof(*p));
			if (!p)
				return -ENOMEM;
			*list = p;
		}
		(*list)[n++] = e;
	}
	if (n)
		qsort(*list, n, sizeof(**list), by_seq);
	return (int)n;
}

int file_dir_scan(int fd, struct file_entry **out)
{
	CLEANUP_FREE struct file_entry *list = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		n = -errno;
		if (copy >= 0)
			close(copy);
		return n;
	}
	n = scan_into(dir, &list);
	closedir(dir);
	if (n >= 0)
		*out = TAKE_PTR(list);
	return n;
}

void file_dir_next_name(struct file_dir *d, enum file_stream_id s, char name[FILE_NAME_MAX])
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(name, FILE_NAME_MAX, "%s-%s-%08llu.ndjson", file_stream_names[s], stamp,
		 (unsigned long long)d->next_seq++);
}

void file_dir_rescan(struct file_dir *d)
{
	CLEANUP_FREE struct file_entry *list = NULL;
	int n = file_dir_scan(d->fd, &list);

	if (n < 0)
		return;
	d->rotated_bytes = 0;
	for (int i = 0; i < n; i++) {
		d->rotated_bytes += list[i].bytes;
		d->next_seq = MAX(d->next_seq, list[i].seq + 1);
	}
}

/* Compressions that an earlier run did not finish. */
static void remove_temporaries(int fd)
{
	CLEANUP_FREE struct file_entry *list = NULL;
	int n = file_dir_scan(fd, &list);

	for (int i = 0; i < n; i++)
		if (list[i].temporary)
			unlinkat(fd, list[i].name, 0);
}

int file_dir_open(struct file_dir *d, const char *path, char *err, size_t err_len)
{
	CLEANUP_CLOSE int fd = -1, lock_fd = -1;
	int rc = make_path(path);

	if (rc)
		return refuse(rc, path, "cannot make the directory", err, err_len);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return refuse(-errno, path, "cannot open", err, err_len);
	lock_fd = openat(fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock_fd < 0)
		return refuse(-errno, path, "cannot write here", err, err_len);
	rc = take_lock(lock_fd, path, err, err_len);
	if (rc)
		return rc;
	*d = (struct file_dir){
		.path = path, .fd = TAKE_FD(fd), .lock_fd = TAKE_FD(lock_fd), .next_seq = 1
	};
	pthread_mutex_init(&d->lock, NULL);
	remove_temporaries(d->fd);
	file_dir_rescan(d);
	return 0;
}

/* Index of the file to delete, or -1. Done ones have an empty name. */
static int choose(const struct file_entry *list, int n, const uint64_t used[STREAM_MAX])
{
	uint8_t larger = used[STREAM_ALERTS] > used[STREAM_EVENTS] ? STREAM_ALERTS : STREAM_EVENTS;
	int other = -1;

	for (int i = 0; i < n; i++) {
		if (!*list[i].name || list[i].temporary)
			continue;
		if (list[i].stream == larger)
			return i;
		if (other < 0)
			other = i;
	}
	return other;
}

static uint32_t delete_oldest(struct file_dir *d, struct file_entry *list, int n,
			      uint64_t used[STREAM_MAX])
{
	uint32_t deleted = 0;
	int i;

	while (used[STREAM_ALERTS] + used[STREAM_EVENTS] > d->max_total) {
		i = choose(list, n, used);
		if (i < 0)
			break;
		if (!unlinkat(d->fd, list[i].name, 0)) {
			deleted++;
			used[list[i].stream] -= list[i].bytes;
			d->rotated_bytes -= list[i].bytes;
		}
		*list[i].name = '\0';
	}
	return deleted;
}

uint32_t file_dir_enforce(struct file_dir *d, const uint64_t active_bytes[STREAM_MAX])
{
	uint64_t used[STREAM_MAX] = { active_bytes[0], active_bytes[1] };
	CLEANUP_FREE struct file_entry *list = NULL;
	uint32_t deleted;
	int n;

	if (!d->max_total || d->rotated_bytes + used[0] + used[1] <= d->max_total)
		return 0;
	pthread_mutex_lock(&d->lock);
	n = file_dir_scan(d->fd, &list);
	d->rotated_bytes = 0;
	for (int i = 0; i < n; i++) {
		used[list[i].stream] += list[i].bytes;
		d->rotated_bytes += list[i].bytes;
	}
	deleted = n > 0 ? delete_oldest(d, list, n, used) : 0;
	pthread_mutex_unlock(&d->lock);
	return deleted;
}
