/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * One open of a file by each system call that can, and opens in a race.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_handle(const char *path, int flags)
{
	struct {
		struct file_handle h;
		unsigned char space[MAX_HANDLE_SZ];
	} b = { .h.handle_bytes = MAX_HANDLE_SZ };
	char dir[4096], *slash;
	int mnt, at, fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		die("the path must be absolute");
	*slash = 0;
	if (name_to_handle_at(AT_FDCWD, path, &b.h, &mnt, 0))
		skip("name_to_handle_at %s: %s", path, strerror(errno));
	/* O_PATH is an open as well: the test knows the directory's from the file's */
	at = syscall(SYS_open, dir, O_RDONLY | O_DIRECTORY);
	fd = syscall(SYS_open_by_handle_at, at, &b.h, flags);
	return fd;
}

static int open_by(const char *how, const char *path, int flags, int mode)
{
	struct open_how oh = { .flags = flags, .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0 };

	if (!strcmp(how, "open"))
		return syscall(SYS_open, path, flags, mode);
	if (!strcmp(how, "creat"))
		return syscall(SYS_creat, path, mode);
	if (!strcmp(how, "openat"))
		return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (!strcmp(how, "openat2"))
		return syscall(SYS_openat2, AT_FDCWD, path, &oh, sizeof(oh));
	if (!strcmp(how, "handle"))
		return open_handle(path, flags);
	die("no such way to open");
}

static long ia32_open_by(const char *how, const char *path, int flags, int mode)
{
	struct open_how oh = { .flags = flags };
	char *text, *block;

	if (ia32_ready())
		skip("this kernel takes no 32-bit system calls (int 0x80)");
	text = ia32_text(path);
	if (!strcmp(how, "ia32-open"))
		return ia32_call(5, (long)text, flags, mode, 0);
	if (!strcmp(how, "ia32-creat"))
		return ia32_call(8, (long)text, mode, 0, 0);
	if (!strcmp(how, "ia32-openat"))
		return ia32_call(295, AT_FDCWD, (long)text, flags, mode);
	if (!strcmp(how, "ia32-openat2")) {
		block = ia32_text("");
		memcpy(block, &oh, sizeof(oh));
		return ia32_call(437, AT_FDCWD, (long)text, (long)block, sizeof(oh));
	}
	die("no such way to open");
}

static int act_open(int argc, char **argv)
{
	int mode = argc > 3 ? (int)strtol(argv[3], NULL, 8) : 0600, err = 0;
	int flags = parse_flags(argv[2]);
	long fd;

	facts_begin();
	facts_process();
	if (!strncmp(argv[0], "ia32-", 5)) {
		fd = ia32_open_by(argv[0], argv[1], flags, mode);
		err = fd < 0 ? -fd : 0;
	} else {
		fd = open_by(argv[0], argv[1], flags, mode);
		err = errno;
	}
	fact_str("how", argv[0]);
	fact_bytes("path", argv[1], strlen(argv[1]));
	facts_fd(fd, err);
	facts_end();
	return 0;
}

/* Relative to a directory's descriptor, whose name then changes or not. */
static int act_open_at(int argc, char **argv)
{
	int dir = open(argv[0], O_PATH | O_DIRECTORY), fd;

	(void)argc;
	if (dir < 0)
		die(argv[0]);
	facts_begin();
	facts_process();
	fd = syscall(SYS_openat, dir, argv[1], parse_flags(argv[2]), 0600);
	facts_fd(fd, errno);
	facts_end();
	return 0;
}

struct race {
	int fd; /* to close */
	char text[4096];
	const char *name[2];
	atomic_int stop;
};

static void *flip(void *arg)
{
	struct race *r = arg;
	size_t n = strlen(r->name[0]) + 1;

	for (unsigned i = 0; !atomic_load_explicit(&r->stop, memory_order_relaxed); i++)
		memcpy(r->text, r->name[i & 1], n);
	return NULL;
}

/* A thread writes two names of equal length over each other while this one opens, N times, and some more
 * where the other has not had a CPU for long enough. */
static int act_race(int argc, char **argv)
{
	static struct race r;
	unsigned long opened[2] = { 0, 0 };
	struct stat st[2], now;
	long n = atol(argv[2]);
	pthread_t t;

	(void)argc;
	r.name[0] = argv[0];
	r.name[1] = argv[1];
	if (strlen(argv[0]) != strlen(argv[1]) || stat(argv[0], &st[0]) || stat(argv[1], &st[1]))
		die("two files with names of equal length");
	strcpy(r.text, argv[0]);
	if (pthread_create(&t, NULL, flip, &r))
		die("pthread_create");
	for (long i = 0; i < n || (i < 5 * n && (!opened[0] || !opened[1])); i++) {
		int fd;

		if (i >= n)
			sched_yield();
		fd = syscall(SYS_openat, AT_FDCWD, r.text, O_RDONLY, 0);
		if (fd < 0)
			continue; /* half of each name */
		if (fstat(fd, &now))
			die("fstat");
		opened[now.st_ino == st[1].st_ino]++;
		close(fd);
	}
	atomic_store(&r.stop, 1);
	pthread_join(t, NULL);
	facts_begin();
	facts_process();
	fact_int("inode_a", st[0].st_ino);
	fact_int("inode_b", st[1].st_ino);
	fact_int("opened_a", opened[0]);
	fact_int("opened_b", opened[1]);
	facts_end();
	return 0;
}

static void *closer(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->stop))
		close(r->fd);
	return NULL;
}

/* Opens of a file whose descriptor another thread closes as soon as it is there. */
static int act_open_closed(int argc, char **argv)
{
	static struct race r;
	long n = atol(argv[1]), opened = 0;
	pthread_t t;

	(void)argc;
	r.fd = dup(0);
	if (pthread_create(&t, NULL, closer, &r))
		die("pthread_create");
	for (long i = 0; i < n; i++) {
		int fd = syscall(SYS_openat, AT_FDCWD, argv[0], O_RDONLY, 0);

		opened += fd >= 0;
		if (fd >= 0 && fd != r.fd)
			close(fd);
	}
	atomic_store(&r.stop, 1);
	pthread_join(t, NULL);
	facts_begin();
	facts_process();
	fact_int("opened", opened);
	facts_end();
	return 0;
}

/* The same file many times, as fast as it goes: for floods. */
static int act_open_many(int argc, char **argv)
{
	long n = atol(argv[1]), done = 0;

	(void)argc;
	for (long i = 0; i < n; i++) {
		int fd = syscall(SYS_openat, AT_FDCWD, argv[0], O_RDONLY, 0);

		if (fd < 0)
			die(argv[0]);
		close(fd);
		done++;
	}
	facts_begin();
	facts_process();
	fact_int("opened", done);
	facts_end();
	return 0;
}

const struct action open_actions[] = {
	{ "open",
	  "open|creat|openat|openat2|handle|ia32-open|ia32-creat|ia32-openat|ia32-openat2 PATH FLAGS [MODE]",
	  3, act_open },
	{ "open-at", "DIRECTORY NAME FLAGS", 3, act_open_at },
	{ "race", "FILE_A FILE_B N", 3, act_race },
	{ "open-closed", "FILE N", 2, act_open_closed },
	{ "open-many", "FILE N", 2, act_open_many },
	{ 0 },
};
