/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Opens whose path is hard to tell: roots that are not the namespace's, trees without one, files
 * without a name, and very long names.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int report(int fd, const char *key, const char *value)
{
	int err = errno;

	facts_fd(fd, err);
	if (key)
		fact_str(key, value);
	facts_end();
	return 0;
}

static void begin(void)
{
	facts_begin();
	facts_process();
}

static int act_chroot(int argc, char **argv)
{
	(void)argc;
	begin();
	if (chroot(argv[0]) || chdir("/"))
		die("chroot");
	return report(syscall(SYS_openat, AT_FDCWD, argv[1], O_RDONLY), "path", argv[1]);
}

/* DIRECTORY/NAME through a copy of the mount that is in no namespace. */
static int act_detached(int argc, char **argv)
{
	int tree = syscall(SYS_open_tree, AT_FDCWD, argv[0], 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);

	(void)argc;
	if (tree < 0)
		skip("open_tree: %s", strerror(errno));
	begin();
	return report(syscall(SYS_openat, tree, argv[1], O_RDONLY), "path", argv[1]);
}

static int act_unlinked(int argc, char **argv)
{
	char path[64];
	int fd = open(argv[0], O_RDWR | O_CREAT | O_EXCL, 0600);

	(void)argc;
	if (fd < 0 || unlink(argv[0]))
		die(argv[0]);
	begin();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return report(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), "path", path);
}

static int act_memfd_reopen(int argc, char **argv)
{
	char path[64];
	int fd = memfd_create(argv[0], 0);

	(void)argc;
	begin();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return report(syscall(SYS_openat, AT_FDCWD, path, O_RDWR), "path", path);
}

static _Noreturn void other_namespace(const char *dir, const char *name, int to_parent,
				      int from_parent)
{
	char b[8192];

	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("act", dir, "tmpfs", 0, NULL))
		die("mount namespace");
	snprintf(b, sizeof(b), "%s/%s", dir, name);
	close(open(b, O_CREAT | O_WRONLY, 0640));
	if (write(to_parent, "r", 1) != 1 || read(from_parent, b, 1) < 0)
		die("pipe");
	_exit(0);
}

/* DIRECTORY/NAME on a file system that only a child's mount namespace has. */
static int act_foreign(int argc, char **argv)
{
	char path[8192];
	int up[2], down[2], fd, err;
	pid_t pid;

	(void)argc;
	if (pipe(up) || pipe(down))
		die("pipe");
	pid = fork();
	if (!pid) {
		close(down[1]);
		other_namespace(argv[0], argv[1], up[1], down[0]);
	}
	close(up[1]);
	if (read(up[0], path, 1) != 1)
		die("the child in the other namespace");
	begin();
	snprintf(path, sizeof(path), "/proc/%d/root%s/%s", pid, argv[0], argv[1]);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
	err = errno;
	close(down[1]);
	waitpid(pid, NULL, 0);
	errno = err;
	return report(fd, "path", path);
}

/* LEVELS directories with names of LENGTH bytes below DIRECTORY, and a file f in the last. */
static int act_deep(int argc, char **argv)
{
	int levels = atoi(argv[1]), len = atoi(argv[2]), dir = open(argv[0], O_PATH), next;
	char name[256];

	(void)argc;
	if (dir < 0 || len > 255)
		die(argv[0]);
	for (int i = 0; i < levels; i++) {
		memset(name, 'a' + i % 26, len);
		name[len] = 0;
		if (mkdirat(dir, name, 0755) && errno != EEXIST)
			die("mkdirat");
		next = openat(dir, name, O_PATH | O_DIRECTORY);
		if (next < 0)
			die("openat");
		close(dir);
		dir = next;
	}
	close(openat(dir, "f", O_WRONLY | O_CREAT, 0600));
	begin();
	return report(syscall(SYS_openat, dir, "f", O_RDONLY), NULL, NULL);
}

/* FROM is mounted over TO in a namespace of its own, then NAME is opened below TO. */
static int act_bind(int argc, char **argv)
{
	char path[8192];

	(void)argc;
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(argv[0], argv[1], NULL, MS_BIND, NULL))
		die("bind mount");
	begin();
	snprintf(path, sizeof(path), "%s/%s", argv[1], argv[2]);
	return report(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), "path", path);
}

/* The directory is renamed between the open of it and the open below it. */
static int act_renamed(int argc, char **argv)
{
	int dir = open(argv[0], O_PATH | O_DIRECTORY);

	(void)argc;
	if (dir < 0 || rename(argv[0], argv[1]))
		die("rename");
	begin();
	return report(syscall(SYS_openat, dir, argv[2], O_RDONLY), NULL, NULL);
}

/* DIRECTORY/out/FILE, through a mount of DIRECTORY/in out of which it was moved. */
static int act_escaped(int argc, char **argv)
{
	int dir;

	(void)argc;
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    chdir(argv[0]) || mount("in", "mnt", NULL, MS_BIND, NULL))
		die("bind mount");
	dir = open("mnt/sub", O_PATH | O_DIRECTORY);
	if (dir < 0 || rename("in/sub", "out"))
		die("rename");
	begin();
	return report(syscall(SYS_openat, dir, argv[1], O_RDONLY), NULL, NULL);
}

/* By its handle, when the kernel has forgotten the file's name. */
static int act_nameless(int argc, char **argv)
{
	struct {
		struct file_handle h;
		unsigned char space[MAX_HANDLE_SZ];
	} b = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mnt, drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
	int at = open("/", O_RDONLY | O_DIRECTORY);

	(void)argc;
	if (name_to_handle_at(AT_FDCWD, argv[0], &b.h, &mnt, 0))
		skip("name_to_handle_at %s: %s", argv[0], strerror(errno));
	sync();
	if (write(drop, "2", 1) != 1)
		skip("drop_caches: %s", strerror(errno));
	begin();
	return report(syscall(SYS_open_by_handle_at, at, &b.h, O_RDONLY), NULL, NULL);
}

const struct action path_actions[] = {
	{ "chroot", "DIRECTORY PATH", 2, act_chroot },
	{ "detached", "DIRECTORY NAME", 2, act_detached },
	{ "unlinked", "PATH", 1, act_unlinked },
	{ "memfd-reopen", "NAME", 1, act_memfd_reopen },
	{ "foreign", "DIRECTORY NAME", 2, act_foreign },
	{ "deep", "DIRECTORY LEVELS LENGTH", 3, act_deep },
	{ "bind", "FROM TO NAME", 3, act_bind },
	{ "renamed", "DIRECTORY NEW_NAME FILE", 3, act_renamed },
	{ "escaped", "DIRECTORY FILE", 2, act_escaped },
	{ "nameless", "PATH", 1, act_nameless },
	{ 0 },
};
