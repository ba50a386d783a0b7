/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The live outside: answers from this machine. Consumer thread. Everything it reads is local and
 * bounded, nothing goes over a network: users come from /etc/passwd alone (passwd.h), cgroups and
 * processes from the kernel (cgroup_ask.h, proc_ask.h). What another process could hold back is
 * read in a thread (slow_ask.h).
 *
 * To add a question: a line in enum outside_question, an answer in answers[] at the end.
 */
#include "enrichers/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "enrichers/cgroup_ask.h"
#include "enrichers/passwd.h"
#include "enrichers/proc_ask.h"
#include "enrichers/slow_ask.h"
#include "pipeline/util.h"

enum {
	PTS_MAJOR_FIRST = 136, /* UNIX98 pty slaves: 256 a major (the kernel's devices.txt) */
	PTS_MAJOR_LAST = 143,
};

struct live {
	struct passwd_file users, groups;
	struct cgroup_mounts cgroups;
	struct slow_ask *slow;
	struct buf answer;
};

typedef bool (*answer_fn)(struct live *l, uint64_t key, uint64_t key2, struct str *answer);
static const answer_fn answers[ASK_MAX];

static bool give(struct live *l, bool known, struct str *answer)
{
	if (!known)
		return false;
	*answer = (struct str){ l->answer.p, (uint32_t)l->answer.len };
	return true;
}

static bool user_name(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	(void)key2;
	return passwd_name(&l->users, (uint32_t)key, answer);
}

static bool group_name(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	(void)key2;
	return passwd_name(&l->groups, (uint32_t)key, answer);
}

static bool path_of_cgroup(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	return give(l, cgroup_path(&l->cgroups, key, (uint32_t)key2, &l->answer), answer);
}

static bool exe(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	return give(l, proc_link(&l->answer, (uint32_t)key, key2, "exe"), answer);
}

static bool cwd(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	return give(l, proc_link(&l->answer, (uint32_t)key, key2, "cwd"), answer);
}

static bool args(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	return give(l, slow_ask(&l->slow, proc_args, &l->answer, (uint32_t)key, key2), answer);
}

static bool alive(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	buf_reset(&l->answer);
	return give(l, proc_exists((uint32_t)key, key2), answer);
}

/* The line DEVNAME=… of a device's uevent. */
static bool device_name(struct live *l, uint32_t major, uint32_t minor)
{
	char path[64], text[1024], *name;
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major, minor);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	name = strstr(text, "DEVNAME=");
	if (!name || (name != text && name[-1] != '\n'))
		return false;
	name += strlen("DEVNAME=");
	name[strcspn(name, "\n")] = 0;
	buf_reset(&l->answer);
	buf_lit(&l->answer, name);
	return !l->answer.failed && l->answer.len;
}

static bool tty(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	uint32_t major = (uint32_t)key, minor = (uint32_t)key2;

	if (major < PTS_MAJOR_FIRST || major > PTS_MAJOR_LAST)
		return give(l, device_name(l, major, minor), answer);
	buf_reset(&l->answer);
	buf_addf(&l->answer, "pts/%u", (major - PTS_MAJOR_FIRST) * 256 + minor);
	return give(l, !l->answer.failed, answer);
}

static bool now(struct live *l, uint64_t key, uint64_t key2, struct str *answer)
{
	struct timespec t;
	uint64_t ns;

	(void)key;
	(void)key2;
	clock_gettime(CLOCK_BOOTTIME, &t);
	ns = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
	buf_reset(&l->answer);
	buf_add(&l->answer, &ns, sizeof(ns));
	return give(l, !l->answer.failed, answer);
}

static bool ask_live(void *state, enum outside_question q, uint64_t key, uint64_t key2,
		     struct str *answer)
{
	return q < ASK_MAX && answers[q] && answers[q](state, key, key2, answer);
}

bool outside_ask(struct outside *o, enum outside_question q, uint64_t key, uint64_t key2,
		 struct str *answer)
{
	return o->ops->ask(o->state, q, key, key2, answer);
}

int outside_live_open(struct outside *out)
{
	static const struct outside_ops ops = { .ask = ask_live };
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	passwd_init(&l->users, "/etc/passwd");
	passwd_init(&l->groups, "/etc/group");
	cgroup_mounts_read(&l->cgroups);
	*out = (struct outside){ &ops, l };
	return 0;
}

void outside_live_close(struct outside *out)
{
	struct live *l = out->state;

	if (!l)
		return;
	passwd_free(&l->users);
	passwd_free(&l->groups);
	cgroup_mounts_free(&l->cgroups);
	slow_ask_free(l->slow);
	buf_free(&l->answer);
	free(l);
	*out = (struct outside){ 0 };
}

static const answer_fn answers[ASK_MAX] = {
	[ASK_USER_NAME] = user_name,
	[ASK_GROUP_NAME] = group_name,
	[ASK_CGROUP_PATH] = path_of_cgroup,
	[ASK_PROC_EXE] = exe,
	[ASK_PROC_ARGS] = args,
	[ASK_PROC_CWD] = cwd,
	[ASK_TTY_NAME] = tty,
	[ASK_PROC_ALIVE] = alive,
	[ASK_NOW] = now,
};
