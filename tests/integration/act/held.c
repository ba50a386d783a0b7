/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A process whose arguments lie on memory that does not come: over a page of its own stack it maps
 * one of a file system in user space (FUSE) that never answers a read, or one that userfaultfd
 * waits for. Whoever reads them is held as long as this process likes: until its standard input
 * ends, or HELD_MAX_S.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"

enum { PAGE = 4096, PADDING_MIN = 3 * PAGE, HELD_MAX_S = 30 };

static void answer(int fd, uint64_t unique, int error, const void *out, size_t len)
{
	char buf[512];
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + len),
				     .error = error,
				     .unique = unique };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), out, len);
	if (write(fd, buf, h.len) < 0 && errno != ENOENT)
		die("answer a request of FUSE");
}

/* A file system that is one file, of one page, which nobody can read. */
static _Noreturn void serve(int fd)
{
	static char buf[64 << 10];
	const struct fuse_in_header *h = (const void *)buf;
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = 31,
				      .max_write = PAGE };
	struct fuse_attr_out attr = { .attr = { .ino = 1,
						.size = PAGE,
						.blocks = 8,
						.mode = S_IFREG | 0644,
						.nlink = 1,
						.blksize = PAGE } };
	struct fuse_open_out opened = { 0 };

	while (read(fd, buf, sizeof(buf)) > 0) {
		switch (h->opcode) {
		case FUSE_INIT: answer(fd, h->unique, 0, &init, sizeof(init)); break;
		case FUSE_GETATTR: answer(fd, h->unique, 0, &attr, sizeof(attr)); break;
		case FUSE_OPEN: answer(fd, h->unique, 0, &opened, sizeof(opened)); break;
		case FUSE_FORGET:
		case FUSE_INTERRUPT:
		case FUSE_READ: break;
		default: answer(fd, h->unique, -ENOSYS, NULL, 0);
		}
	}
	exit(0);
}

static pid_t fuse_page(const char *path, void *at)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), fd;
	char options[100];
	struct stat st;
	pid_t server;

	if (fuse < 0)
		skip("/dev/fuse: %s", strerror(errno));
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100644,user_id=0,group_id=0", fuse);
	if (mount("tocsin-test", path, "fuse", 0, options))
		skip("mount: %s", strerror(errno));
	server = fork();
	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fuse);
	}
	close(fuse);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	umount2(path, MNT_DETACH); /* the descriptor and then the mapping keep it */
	/* The size has to be asked for, or the page is past the end. */
	if (fd < 0 || fstat(fd, &st) ||
	    mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		die("map the file that nobody can read");
	close(fd);
	return server;
}

static void uffd_page(void *at)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .range = { (uintptr_t)at, PAGE },
				     .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED ||
	    ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &r))
		die("userfaultfd");
}

static int act_held(int argc, char **argv)
{
	bool fuse = !strcmp(argv[0], "fuse");
	char *path = strdup(argv[1]), end;
	uintptr_t page = ((uintptr_t)argv[0] + PAGE - 1) / PAGE * PAGE;
	pid_t server = 0;

	(void)argc;
	if (strlen(argv[2]) < PADDING_MIN) {
		errno = EINVAL;
		die("the padding: the page must hold nothing but arguments");
	}
	if (fuse)
		server = fuse_page(path, (void *)page);
	else
		uffd_page((void *)page);
	facts_begin();
	facts_end();
	alarm(HELD_MAX_S);
	while (read(0, &end, 1) > 0)
		;
	if (server)
		kill(server, SIGKILL);
	return 0;
}

const struct action held_actions[] = {
	{ "held-args", "fuse|uffd FILE PADDING", 3, act_held },
	{ 0 },
};
