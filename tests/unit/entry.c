/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Entry leaders: which way in each process is said to have come by, when forks and execs are seen,
 * when processes are found running, and when records were lost; and what is not believed.
 */
#include "enrichers/entry.h"
#include "pipeline/util.h"
#include "tests/harness/procs.h"

enum { HOST_MNT_NS = 200, UNSET = -1 };

/* What an exec or TASK record says; 0: as of a service of root on the host. */
struct as {
	uint32_t uid, sid, ns_pid, ns_mnt, file_uid, mode, loginuid;
	uint32_t kthread;
};

#define FILL(r, as)                                                                                \
	do {                                                                                       \
		(r)->suid = (as).uid;                                                              \
		(r)->sid = (as).sid;                                                               \
		(r)->ns_pid = (as).ns_pid ? (as).ns_pid : 0xEFFFFFFC;                              \
		(r)->ns_mnt = (as).ns_mnt ? (as).ns_mnt : HOST_MNT_NS;                             \
		(r)->file_uid = (as).file_uid;                                                     \
		(r)->mode = (as).mode ? (as).mode : 0755;                                          \
		(r)->loginuid = (as).loginuid ? (as).loginuid : (uint32_t)UNSET;                   \
	} while (0)

#define AS(...) ((struct as){ __VA_ARGS__ })
#define ROOT AS(0)

static struct event *runs(struct fix *f, uint32_t pid, uint32_t old, uint64_t up, const char *exe,
			  struct as as)
{
	rec_exec(&f->r, pid, id(pid, old), id(pid, old + 1), up, exe, ARGS("x"));
	f->r.h.start_ns = start_of(pid);
	FILL(REC(&f->r, exec), as);
	return send(f);
}

/* `up` (its second image) forks pid, which executes exe. */
static struct event *child(struct fix *f, uint32_t up, uint32_t pid, const char *exe, struct as as)
{
	forks(f, up, 2, pid);
	return runs(f, pid, 1, id(up, 2), exe, as);
}

static void found(struct fix *f, uint32_t pid, uint32_t ppid, const char *exe, struct as as)
{
	rec_begin(&f->r, EV_TASK);
	f->r.h.tgid = f->r.h.tid = pid;
	f->r.h.exec_id = id(pid, 2);
	f->r.h.parent_exec_id = ppid ? id(ppid, 2) : 0;
	f->r.h.start_ns = start_of(pid);
	FILL(REC(&f->r, task), as);
	REC(&f->r, task)->ppid = ppid;
	if (as.kthread)
		REC(&f->r, task)->exec_flags = 1u << EV_EXECF_KTHREAD;
	rec_path(&f->r, &REC(&f->r, task)->executable, exe);
	rec_end(&f->r);
	send(f);
}

/* "sshd 20 /bin/bash", or "" where nothing is known. */
static const char *entry(const struct event *e)
{
	static char text[300];
	const struct ctx_entry *c = e->ctx[CTX_ENTRY];
	const struct ctx_group_desc *g = schema_group(CTX_ENTRY);

	if (!c)
		return "";
	CHECK(!e->version[CTX_ENTRY] == !e->version[CTX_PROCESS]);
	CHECK_INT(c->exec_id >> 16, c->pid);
	CHECK_INT(c->start_ns, start_of(c->pid));
	for (uint32_t i = 0; i < g->nfields; i++)
		if (!strcmp(g->fields[i].member, "type"))
			snprintf(text, sizeof(text), "%s %u %.*s",
				 schema_enum_name(&g->fields[i], c->type), c->pid,
				 (int)c->executable.len, c->executable.p ? c->executable.p : "");
	return text;
}

static const char *of(struct fix *f, uint32_t pid)
{
	return entry(opens(f, pid, 2, 0));
}

static void begin(struct fix *f)
{
	start(f, "linger=1s");
	found(f, 1, 0, "/usr/lib/systemd/systemd", AS(.sid = 1));
}

/* A service is its own leader, whatever it executes, and all below it are its. */
static void services(void)
{
	const struct ctx_entry *c;
	struct event *e;
	struct fix f;

	begin(&f);
	CHECK_STR(of(&f, 1), "init 1 /usr/lib/systemd/systemd");
	forks(&f, 1, 2, 10);
	CHECK_STR(entry(opens(&f, 10, 1, 0)), "init 10 /usr/lib/systemd/systemd");
	runs(&f, 10, 1, id(1, 2), "/usr/lib/systemd/systemd-executor", AS(.sid = 10));
	e = runs(&f, 10, 2, id(1, 2), "/srv/start", AS(.sid = 10, .uid = 33));
	CHECK_STR(entry(e), "init 10 /srv/start");
	c = e->ctx[CTX_ENTRY];
	CHECK_INT(c->exec_id, id(10, 3));
	forks(&f, 10, 3, 20);
	CHECK_STR(entry(runs(&f, 20, 1, id(10, 3), "/usr/sbin/nginx", AS(.sid = 20))),
		  "init 10 /srv/start");
	CHECK_STR(entry(runs(&f, 10, 3, id(1, 2), "/usr/bin/sleep", AS(.sid = 10))),
		  "init 10 /usr/bin/sleep");
	exits(&f, 10, 4);
	f.now += 5 * SEC;
	enrich_tick(f.b, f.now);
	CHECK_STR(of(&f, 20), "init 10 /srv/start"); /* as it was when it forked */
	CHECK_STR(entry(child(&f, 20, 30, "/bin/sh", AS(.sid = 30))), "init 10 /srv/start");
	end(&f);
}

/* sshd(10) -> its process for the connection (11) and for the user (12) */
static void sshd(struct fix *f, struct as as)
{
	child(f, 1, 10, "/usr/sbin/sshd", AS(.sid = 10));
	child(f, 10, 11, "/usr/sbin/sshd", as);
	forks(f, 11, 2, 12);
}

static void logins(void)
{
	struct fix f;

	begin(&f);
	sshd(&f, AS(.sid = 11));
	CHECK_STR(of(&f, 11), "init 10 /usr/sbin/sshd");
	/* What it runs for itself, as AuthorizedKeysCommand, begins no session. */
	CHECK_STR(entry(child(&f, 11, 13, "/bin/keys", AS(.sid = 11))), "init 10 /usr/sbin/sshd");
	CHECK_STR(entry(child(&f, 13, 14, "/bin/cat", AS(.sid = 14))), "init 10 /usr/sbin/sshd");
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 2), "/bin/bash", AS(.sid = 12, .uid = 1000))),
		  "sshd 12 /bin/bash");
	CHECK_STR(entry(child(&f, 12, 20, "/usr/bin/curl", AS(.sid = 12))), "sshd 12 /bin/bash");
	CHECK_STR(entry(child(&f, 12, 21, "/tmp/x", AS(.sid = 12))), "sshd 12 /bin/bash");
	CHECK_STR(entry(child(&f, 12, 22, "/usr/bin/setsid", AS(.sid = 22))), "sshd 12 /bin/bash");
	CHECK_STR(entry(child(&f, 22, 23, "/bin/bash", AS(.sid = 23))), "sshd 12 /bin/bash");
	/* A second login is another's. */
	child(&f, 10, 30, "/usr/sbin/sshd-session", AS(.sid = 30));
	CHECK_STR(entry(child(&f, 30, 31, "/bin/sh", AS(.sid = 31))), "sshd 31 /bin/sh");
	/* login(1) forks the shell, others execute it in place. */
	child(&f, 1, 40, "/sbin/agetty", AS(.sid = 40));
	runs(&f, 40, 2, id(1, 2), "/usr/bin/login", AS(.sid = 40));
	forks(&f, 40, 3, 41);
	CHECK_STR(entry(runs(&f, 41, 1, id(40, 3), "/bin/zsh", AS(.sid = 40))),
		  "terminal 41 /bin/zsh");
	CHECK_STR(entry(child(&f, 41, 42, "/bin/id", AS(.sid = 40))), "terminal 41 /bin/zsh");
	CHECK_STR(entry(runs(&f, 40, 3, id(1, 2), "/bin/ash", AS(.sid = 40))),
		  "terminal 40 /bin/ash");
	child(&f, 1, 50, "/usr/bin/ssm-session-worker", AS(.sid = 50));
	CHECK_STR(entry(child(&f, 50, 51, "/bin/sh", AS(.sid = 51))), "ssm 51 /bin/sh");
	end(&f);
}

static void jobs(void)
{
	struct fix f;

	begin(&f);
	child(&f, 1, 10, "/usr/sbin/cron", AS(.sid = 10));
	forks(&f, 10, 2, 11);
	forks(&f, 11, 1, 12);
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 1), "/bin/sh", AS(.sid = 12))), "cron 12 /bin/sh");
	CHECK_STR(entry(child(&f, 12, 13, "/usr/bin/id", AS(.sid = 12))), "cron 12 /bin/sh");
	CHECK_STR(entry(opens(&f, 11, 1, 0)), "init 10 /usr/sbin/cron");
	end(&f);
}

static void all_doors(void)
{
	static const struct {
		const char *type, *name;
	} all[] = {
		{ "sshd", "sshd" },
		{ "sshd", "sshd-session" },
		{ "sshd", "dropbear" },
		{ "ssm", "ssm-session-worker" },
		{ "terminal", "login" },
		{ "cron", "cron" },
		{ "cron", "crond" },
		{ "cron", "atd" },
		{ "container", "runc" },
		{ "container", "crun" },
		{ "container", "youki" },
		{ "container", "buildkit-runc" },
		{ "container", "conmon" },
		{ "container", "conmonrs" },
		{ "container", "containerd-shim" },
		{ "container", "containerd-shim-runc-v2" },
		{ "container", "lxc-start" },
		{ "container", "lxd" },
		{ "container", "incusd" },
		{ "container", "systemd-nspawn" },
		{ NULL, "conmo" },
		{ NULL, "runcc" },
		{ NULL, "xsshd" },
		{ NULL, "systemd-logind" },
	};
	struct fix f;

	begin(&f);
	for (uint32_t i = 0; i < ARRAY_LEN(all); i++) {
		uint32_t pid = 10 + i * 2;
		char exe[60], want[80];

		snprintf(exe, sizeof(exe), "/usr/sbin/%s", all[i].name);
		child(&f, 1, pid, exe, AS(.sid = pid));
		if (all[i].type)
			snprintf(want, sizeof(want), "%s %u /bin/sh", all[i].type, pid + 1);
		else
			snprintf(want, sizeof(want), "init %u %s", pid, exe);
		CHECK_STR(
			entry(child(&f, pid, pid + 1, "/bin/sh", AS(.sid = pid + 1, .ns_mnt = 9))),
			want);
	}
	end(&f);
}

/* Programs that are only called so. */
static void false_doors(void)
{
	static const struct {
		const char *exe;
		struct as as;
	} all[] = {
		{ "/usr/sbin/sshd", { .uid = 1000 } },
		{ "/tmp/sshd", { .file_uid = 1000 } },
		{ "/usr/sbin/sshd", { .mode = 0777 } },
		{ "/usr/sbin/sshd", { .mode = 0775 } },
		{ "/usr/sbin/sshd", { .ns_pid = 7 } },
		{ "/tmp/sshd_", { 0 } },
		{ "/usr/sbin/cron", { .uid = 33 } },
		{ "/usr/bin/runc", { .file_uid = 1000 } },
		{ "/usr/bin/runc", { .uid = 1000 } },
		{ "/usr/lib/systemd/systemd", { .uid = 0 } },
	};
	struct fix f;

	begin(&f);
	child(&f, 1, 10, "/bin/bash", AS(.sid = 10));
	for (uint32_t i = 0; i < ARRAY_LEN(all); i++) {
		uint32_t pid = 100 + i * 10;

		child(&f, 10, pid, all[i].exe, all[i].as);
		CHECK_STR(entry(child(&f, pid, pid + 1, "/bin/sh",
				      AS(.sid = pid + 1, .ns_mnt = 9, .ns_pid = 8))),
			  "init 10 /bin/bash");
	}
	end(&f);
}

/* runc(10) -> its copy, from memory or a mount without a path (11) -> the container's first process (12) */
static void container(struct fix *f, uint32_t up, struct as runc, const char *copy)
{
	child(f, up, 10, "/usr/sbin/runc", runc);
	child(f, 10, 11, copy, AS(.mode = 0777));
	forks(f, 11, 2, 12);
}

static void containers(void)
{
	const struct as inside = { .sid = 12, .ns_mnt = 9, .ns_pid = 8 };
	struct fix f;

	begin(&f);
	child(&f, 1, 5, "/usr/bin/containerd-shim-runc-v2", AS(.sid = 5));
	container(&f, 5, ROOT, "memfd:runc_cloned:/proc/self/exe");
	CHECK_STR(of(&f, 11), "init 5 /usr/bin/containerd-shim-runc-v2");
	exits(&f, 10, 2);
	f.now += 5 * SEC; /* created and not started: runc is forgotten */
	enrich_tick(f.b, f.now);
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 2), "/usr/sbin/nginx", inside)),
		  "container 12 /usr/sbin/nginx");
	CHECK_STR(entry(child(&f, 12, 13, "/bin/sh", inside)), "container 12 /usr/sbin/nginx");
	/* No way out of it, be it in the host's pid namespace. */
	child(&f, 12, 14, "/usr/sbin/sshd", AS(.ns_mnt = 9));
	CHECK_STR(entry(child(&f, 14, 15, "/bin/sh", AS(.sid = 15))),
		  "container 12 /usr/sbin/nginx");
	child(&f, 12, 16, "/usr/sbin/runc", AS(.ns_mnt = 9));
	CHECK_STR(entry(child(&f, 16, 17, "/bin/sh", AS(.sid = 17, .ns_mnt = 10))),
		  "container 12 /usr/sbin/nginx");
	/* `docker exec` is an entry of its own; a hook of the runtime is none. */
	child(&f, 5, 20, "/usr/sbin/runc", ROOT);
	CHECK_STR(entry(child(&f, 20, 21, "/usr/bin/hook", ROOT)),
		  "init 5 /usr/bin/containerd-shim-runc-v2");
	forks(&f, 20, 2, 22);
	CHECK_STR(entry(runs(&f, 22, 1, id(20, 2), "/bin/sh", AS(.ns_mnt = 9, .ns_pid = 8))),
		  "container 22 /bin/sh");
	end(&f);
	begin(&f);
	child(&f, 1, 5, "/usr/bin/conmon", AS(.sid = 5));
	container(&f, 5, ROOT, NULL);
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 2), "/bin/sh", inside)), "container 12 /bin/sh");
	end(&f);
	/* Of root, from a login that is not known. */
	begin(&f);
	found(&f, 4, 1, "/usr/bin/tmux", AS(.sid = 4, .loginuid = 1000));
	child(&f, 4, 5, "/bin/bash", AS(.sid = 5));
	container(&f, 5, ROOT, NULL);
	CHECK_STR(of(&f, 11), "");
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 2), "/bin/sh", inside)), "container 12 /bin/sh");
	end(&f);
	/* Of a user, from his login: his login's. */
	begin(&f);
	child(&f, 1, 5, "/bin/bash", AS(.sid = 5));
	container(&f, 5, AS(.uid = 1000), NULL);
	CHECK_STR(entry(runs(&f, 12, 1, id(11, 2), "/bin/sh", inside)), "init 5 /bin/bash");
	end(&f);
}

static void kernel_threads(void)
{
	struct fix f;

	begin(&f);
	found(&f, 2, 0, NULL, AS(.kthread = 1));
	found(&f, 3, 2, NULL, AS(.kthread = 1));
	CHECK_STR(of(&f, 3), "kthread 2 ");
	forks(&f, 3, 2, 10);
	CHECK_STR(entry(opens(&f, 10, 1, 0)), "kthread 2 ");
	CHECK_STR(entry(runs(&f, 10, 1, id(3, 2), "/sbin/modprobe", ROOT)),
		  "kthread 10 /sbin/modprobe");
	CHECK_STR(entry(child(&f, 10, 11, "/bin/sh", ROOT)), "kthread 10 /sbin/modprobe");
	end(&f);
}

/* systemd --user starts services as that of the system does; one that a user starts does not. */
static void user_manager(void)
{
	const struct as user = { .uid = 1000, .loginuid = 1000 };
	struct fix f;

	begin(&f);
	child(&f, 1, 10, "/usr/lib/systemd/systemd", user);
	CHECK_STR(of(&f, 10), "init 10 /usr/lib/systemd/systemd");
	CHECK_STR(entry(child(&f, 10, 11, "/usr/bin/foot", user)), "init 11 /usr/bin/foot");
	child(&f, 11, 12, "/usr/lib/systemd/systemd", user);
	CHECK_STR(entry(child(&f, 12, 13, "/bin/sh", user)), "init 11 /usr/bin/foot");
	end(&f);
}

/* Found running, children before their parents too. */
static void scan(struct fix *f)
{
	found(f, 5, 40, "/bin/cat", AS(.sid = 40, .uid = 1000));
	found(f, 1, 0, "/usr/lib/systemd/systemd", AS(.sid = 1));
	found(f, 10, 1, "/usr/sbin/sshd", AS(.sid = 10));
	found(f, 11, 10, "/usr/sbin/sshd", AS(.sid = 11));
	found(f, 12, 11, "/usr/sbin/sshd", AS(.sid = 11, .uid = 1000));
	found(f, 40, 12, "/bin/bash", AS(.sid = 40, .uid = 1000, .loginuid = 1000));
	found(f, 41, 40, "/usr/bin/vim", AS(.sid = 40, .uid = 1000, .loginuid = 1000));
	/* Orphans: of that session; that lead one of their own; of one that is over. */
	found(f, 42, 1, "/usr/bin/wget", AS(.sid = 40, .loginuid = 1000));
	found(f, 43, 1, "/usr/bin/tmux", AS(.sid = 43, .loginuid = 1000));
	found(f, 44, 1, "/usr/bin/wget", AS(.sid = 39));
	found(f, 45, 43, "/bin/bash", AS(.sid = 45, .loginuid = 1000));
	/* Of one that a way in leads, which may have let it in. */
	found(f, 46, 1, "/usr/bin/wget", AS(.sid = 11));
	found(f, 50, 1, "/usr/sbin/nginx", AS(.sid = 50));
	found(f, 51, 50, "/usr/sbin/nginx", AS(.sid = 50, .uid = 33));
	found(f, 52, 1, "/usr/lib/systemd/systemd", AS(.sid = 52, .loginuid = 1000));
	found(f, 60, 1, "/usr/bin/conmon", AS(.sid = 60));
	found(f, 61, 60, "/bin/sh", AS(.sid = 61, .ns_mnt = 9, .ns_pid = 8));
	found(f, 62, 61, "/bin/sleep", AS(.sid = 61, .ns_mnt = 9, .ns_pid = 8));
	found(f, 63, 60, "/bin/sleep", AS(.sid = 61, .ns_mnt = 9));
	found(f, 64, 60, "/usr/bin/cleanup", AS(.sid = 64));
	/* A way in whose own is not known: restarted by somebody who logged off. */
	found(f, 65, 1, "/usr/sbin/sshd", AS(.sid = 65, .loginuid = 1000));
	found(f, 66, 65, "/usr/sbin/sshd", AS(.sid = 66, .loginuid = 1000));
	found(f, 67, 66, "/bin/bash", AS(.sid = 67, .loginuid = 1000));
	found(f, 70, 1, "/usr/sbin/cron", AS(.sid = 70));
	found(f, 71, 70, "/usr/sbin/cron", AS(.sid = 70));
	found(f, 72, 71, "/bin/sh", AS(.sid = 72));
	/* Its session's number is another process's now. */
	found(f, 47, 1, "/usr/bin/wget", AS(.sid = 50));
}

static void running(void)
{
	struct fix f;

	start(&f, NULL);
	scan(&f);
	scan(&f);
	CHECK_STR(of(&f, 42), "sshd 40 /bin/bash"); /* its session's leader did nothing yet */
	CHECK_STR(of(&f, 5), "sshd 40 /bin/bash");
	CHECK_STR(of(&f, 11), "init 10 /usr/sbin/sshd");
	CHECK_STR(of(&f, 12), "init 10 /usr/sbin/sshd");
	CHECK_STR(of(&f, 41), "sshd 40 /bin/bash");
	CHECK_STR(of(&f, 43), "");
	CHECK_STR(of(&f, 44), "");
	CHECK_STR(of(&f, 45), "");
	CHECK_STR(of(&f, 46), "");
	CHECK_STR(of(&f, 47), "");
	CHECK_STR(of(&f, 51), "init 50 /usr/sbin/nginx");
	CHECK_STR(of(&f, 52), "init 52 /usr/lib/systemd/systemd");
	CHECK_STR(of(&f, 60), "init 60 /usr/bin/conmon");
	CHECK_STR(of(&f, 61), "container 61 /bin/sh");
	CHECK_STR(of(&f, 62), "container 61 /bin/sh");
	CHECK_STR(of(&f, 63), "");
	CHECK_STR(of(&f, 64), "init 60 /usr/bin/conmon");
	CHECK_STR(of(&f, 66), "");
	CHECK_STR(of(&f, 67), "sshd 67 /bin/bash");
	CHECK_STR(of(&f, 72), "cron 72 /bin/sh");
	/* What they start later. */
	CHECK_STR(entry(child(&f, 41, 80, "/bin/sh", AS(.sid = 80))), "sshd 40 /bin/bash");
	CHECK_STR(entry(child(&f, 45, 81, "/bin/sh", AS(.sid = 81))), "");
	forks(&f, 66, 2, 83);
	CHECK_STR(entry(opens(&f, 83, 1, 0)), "");
	CHECK_STR(entry(runs(&f, 83, 1, id(66, 2), "/bin/sh", AS(.sid = 83))), "sshd 83 /bin/sh");
	CHECK_STR(entry(child(&f, 12, 82, "/bin/sh", AS(.sid = 82))), "sshd 82 /bin/sh");
	end(&f);
}

/* Where pid 1 is hidden, its children know it. */
static void hidden_init(void)
{
	struct fix f;

	start(&f, NULL);
	found(&f, 10, 1, "/usr/sbin/nginx", AS(.sid = 10));
	found(&f, 11, 1, "/bin/serve", AS(.sid = 0));
	found(&f, 12, 1, "/usr/bin/tmux", AS(.sid = 12, .loginuid = 1000));
	found(&f, 13, 11, "/bin/sh", AS(.sid = 13));
	found(&f, 14, 9, "/bin/sh", AS(.sid = 14));
	CHECK_STR(of(&f, 10), "init 10 /usr/sbin/nginx");
	CHECK_STR(of(&f, 12), "");
	CHECK_STR(of(&f, 13), "init 11 /bin/serve");
	CHECK_STR(of(&f, 14), "");
	forks(&f, 1, 2, 20);
	CHECK_STR(entry(opens(&f, 20, 1, 0)), "init 20 ");
	CHECK_STR(entry(runs(&f, 20, 1, id(1, 2), "/bin/x", AS(.sid = 20))), "init 20 /bin/x");
	end(&f);
}

/* Where records were lost: absent rather than wrong. */
static void lost(void)
{
	struct fix f;

	begin(&f);
	sshd(&f, AS(.sid = 11));
	/* The fork: below a program that is no way in, all is as if it had been seen. */
	child(&f, 1, 20, "/bin/bash", AS(.sid = 20));
	CHECK_STR(entry(opens(&f, 21, 1, id(20, 2))), "init 20 /bin/bash");
	CHECK_STR(entry(opens(&f, 22, 1, id(10, 2))), "");
	CHECK_STR(entry(runs(&f, 22, 1, id(10, 2), "/bin/sh", AS(.sid = 22))), "sshd 22 /bin/sh");
	/* The exec. */
	CHECK_STR(entry(opens(&f, 20, 3, id(1, 2))), "init 20 ");
	forks(&f, 20, 3, 23);
	CHECK_STR(entry(opens(&f, 23, 1, 0)), "init 20 ");
	CHECK_STR(entry(opens(&f, 12, 2, id(11, 2))), "");
	/* Both, below init. */
	CHECK_STR(entry(opens(&f, 30, 1, id(1, 2))), "");
	CHECK_STR(entry(opens(&f, 31, 1, 0)), "");
	end(&f);
}

/* An answer of /proc tells the program of a leader late, and of no process its session. */
static void late(void)
{
	struct fix f;

	begin(&f);
	child(&f, 1, 20, "/bin/bash", AS(.sid = 20));
	f.now += SEC;
	fake_answer(&f.out, ASK_PROC_EXE, 20, start_of(20), "/usr/bin/zsh", 12);
	fake_answer(&f.out, ASK_NOW, 0, 0, &f.now, sizeof(f.now));
	opens(&f, 20, 3, id(1, 2));
	f.now += SEC;
	CHECK_STR(entry(opens(&f, 20, 3, id(1, 2))), "init 20 /usr/bin/zsh");
	fake_answer(&f.out, ASK_PROC_EXE, 30, start_of(30), "/usr/bin/zsh", 12);
	opens(&f, 30, 1, id(1, 2));
	f.now += SEC;
	CHECK_STREQ(process(opens(&f, 30, 1, id(1, 2)))->name, "zsh");
	CHECK_STR(entry(opens(&f, 30, 1, id(1, 2))), "");
	end(&f);
}

/* What leaders take is given back, and counted. */
static void memory(void)
{
	uint64_t before;
	struct fix f;

	begin(&f);
	enrich_tick(f.b, f.now);
	before = enrich_counter(f.b, "bytes");
	for (uint32_t pid = 10; pid < 500; pid += 2) {
		child(&f, 1, pid, "/bin/bash", AS(.sid = pid));
		child(&f, pid, pid + 1, "/bin/id", AS(.sid = pid));
	}
	enrich_tick(f.b, f.now);
	CHECK(enrich_counter(f.b, "bytes") > before + 245 * sizeof(struct entry));
	for (uint32_t pid = 10; pid < 500; pid++)
		exits(&f, pid, 2);
	f.now += 5 * SEC;
	enrich_tick(f.b, f.now);
	/* Init's own lineage, which its children shared, stays. */
	CHECK(enrich_counter(f.b, "bytes") < before + 2000);
	end(&f);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(services),       TEST(logins),       TEST(jobs),    TEST(false_doors),
		TEST(containers),     TEST(user_manager), TEST(running), TEST(lost),
		TEST(kernel_threads), TEST(late),         TEST(memory),  TEST(hidden_init),
		TEST(all_doors),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
