/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * groups.h.
 */
#include "tests/harness/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/test.h"

void groups_make(const char *type, const char *option, char *dir, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (f && !found && (m = getmntent(f))) {
		if (strcmp(m->mnt_type, type) || (option && !hasmntopt(m, option)))
			continue;
		snprintf(dir, size, "%s/tocsin-test-%d", m->mnt_dir, (int)getpid());
		found = true;
	}
	if (f)
		endmntent(f);
	if (!found)
		test_skip("no %s mount%s%s", type, option ? " of " : "", option ? option : "");
	if (mkdir(dir, 0755))
		test_skip("%s: %s", dir, strerror(errno));
}

bool groups_enter(const char *dir)
{
	char path[512];
	bool entered;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	entered = write(fd, "0", 1) == 1;
	close(fd);
	return entered;
}

/* The last process is gone, but its group can stay busy for a moment. */
void groups_remove(const char *dir)
{
	for (int i = 0; i < 100 && rmdir(dir) && errno == EBUSY; i++)
		usleep(10000);
	CHECK(access(dir, F_OK));
}
