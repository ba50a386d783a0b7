/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * entry.h. proc.door is what the program that a process runs makes of those it starts: enum
 * entry_type, or DOOR_UNSURE while the program is not known. To add a way in: a row in doors[],
 * and where its own rule differs a case in becomes() and in found().
 */
#include "enrichers/entry.h"

#include "enrichers/proctable.h"
#include "pipeline/util.h"

enum {
	DOOR_UNSURE = ENTRY_MAX,
	INIT_PID_NS = 0xEFFFFFFC, /* inode of the first pid namespace, in every kernel */
};

#define DOOR(name, type, prefix)                                                                   \
	{                                                                                          \
		name, sizeof(name) - 1, prefix, type                                               \
	}

/* sshd and its like begin sessions, and run what they need themselves, too. */
static const struct {
	char name[20];
	uint8_t len;
	bool prefix;
	uint8_t type;
} doors[] = {
	DOOR("sshd", ENTRY_SSHD, false),
	DOOR("sshd-session", ENTRY_SSHD, false),
	DOOR("dropbear", ENTRY_SSHD, false),
	DOOR("ssm-session-worker", ENTRY_SSM, false),
	DOOR("login", ENTRY_TERMINAL, false),
	DOOR("cron", ENTRY_CRON, false),
	DOOR("crond", ENTRY_CRON, false),
	DOOR("atd", ENTRY_CRON, false),
	DOOR("containerd-shim", ENTRY_CONTAINER, true),
	DOOR("runc", ENTRY_CONTAINER, false),
	DOOR("crun", ENTRY_CONTAINER, false),
	DOOR("youki", ENTRY_CONTAINER, false),
	DOOR("buildkit-runc", ENTRY_CONTAINER, false),
	DOOR("conmon", ENTRY_CONTAINER, true),
	DOOR("lxc-start", ENTRY_CONTAINER, false),
	DOOR("lxd", ENTRY_CONTAINER, false),
	DOOR("incusd", ENTRY_CONTAINER, false),
	DOOR("systemd-nspawn", ENTRY_CONTAINER, false),
};

/* --- objects --- */

void entry_drop(struct proctable *t, struct entry *e)
{
	if (!e || --e->refs)
		return;
	t->bytes -= e->bytes;
	free(e);
}

static void set(struct proctable *t, struct proc *p, struct entry *e)
{
	entry_drop(t, p->entry);
	p->entry = e;
	proctable_changed(t, p);
}

/* e: NULL, too. */
static void share(struct proctable *t, struct proc *p, struct entry *e)
{
	if (!e)
		return;
	e->refs++;
	set(t, p, e);
}

static void lead(struct proctable *t, struct proc *p, uint8_t type)
{
	struct str exe = p->process.executable;
	size_t bytes = sizeof(struct entry) + exe.len;
	struct entry *e = malloc(bytes);

	if (!e)
		return;
	*e = (struct entry){ .refs = 1, .bytes = (uint32_t)bytes };
	e->ctx = (struct ctx_entry){
		.pid = p->pid,
		.exec_id = p->exec_id,
		.start_ns = p->start_ns,
		.type = type,
	};
	if (exe.len) {
		memcpy(e->data, exe.p, exe.len);
		e->ctx.executable = (struct str){ e->data, exe.len };
	}
	t->bytes += bytes;
	set(t, p, e);
}

static bool leads(const struct proc *p)
{
	return p->entry && p->entry->ctx.pid == p->pid && p->entry->ctx.start_ns == p->start_ns;
}

static bool is_container(const struct proc *p)
{
	return p->entry && p->entry->ctx.type == ENTRY_CONTAINER;
}

/* --- programs --- */

static bool is_kthread(const struct proc *p)
{
	return p->process.exec_flags & 1u << EV_EXECF_KTHREAD;
}

/* A program without a path is known, too, where a record told of its file. */
static bool is_known(const struct proc *p)
{
	return p->process.executable.len || is_kthread(p) || p->process.mode != UINT32_MAX;
}

/* A file that nobody but root can have made or changed, executed in the pid namespace of pid 1. */
static bool is_trusted(const struct ctx_process *c)
{
	return c->file_uid == 0 && !(c->mode & 022) && c->executable.p[0] == '/' &&
	       !(c->path_flags & ~(1u << EV_PATHF_DELETED)) && c->ns_pid == INIT_PID_NS;
}

/* systemd for a user: started by that of the system, and the same program. */
static bool is_user_manager(const struct proctable *t, const struct proc *p)
{
	const struct proc *init = proctable_pid(t, 1);

	return init && str_eq(p->process.executable, init->process.executable) && leads(p) &&
	       p->entry->ctx.type == ENTRY_INIT && is_trusted(&p->process);
}

static uint8_t door_named(struct str name)
{
	for (uint32_t i = 0; name.len && i < ARRAY_LEN(doors); i++)
		if (doors[i].name[0] == name.p[0] && /* no other is looked at */
		    (doors[i].prefix ? name.len >= doors[i].len : name.len == doors[i].len) &&
		    !memcmp(name.p, doors[i].name, doors[i].len))
			return doors[i].type;
	return ENTRY_NONE;
}

/* What p's own program is. q: p's parent, where p was found running: there only the ids of now
 * are known, and a child of such a program that runs the same one may have left root. */
static uint8_t door_of(const struct proc *p, const struct proc *q)
{
	const struct ctx_process *c = &p->process;
	uint8_t door;

	if (p->pid == 1)
		return ENTRY_INIT;
	if (!is_known(p))
		return DOOR_UNSURE;
	if (is_kthread(p))
		return ENTRY_KTHREAD;
	door = door_named(c->name);
	if (!door)
		return ENTRY_NONE;
	if (c->mode == UINT32_MAX || c->file_uid == UINT32_MAX || c->suid == UINT32_MAX)
		return DOOR_UNSURE;
	return is_trusted(c) && (!c->suid || (q && q->door == door)) ? door : ENTRY_NONE;
}

/* own: as door_of says. What is below a container's entry leader cannot open another way in. */
static void set_door(const struct proctable *t, struct proc *p, uint8_t own)
{
	if (is_container(p))
		p->door = ENTRY_NONE;
	else if (str_eq(p->process.name, STR("systemd")) && is_user_manager(t, p))
		p->door = ENTRY_INIT;
	else
		p->door = own;
}

static bool is_session_leader(const struct proc *p)
{
	return p->process.sid == p->pid;
}

/* --- fork, exec --- */

void entry_fork(struct proctable *t, struct proc *p, const struct proc *from)
{
	if (p->entry)
		return;
	if (from->door == ENTRY_INIT) {
		lead(t, p, ENTRY_INIT);
		p->door = ENTRY_NONE;
		return;
	}
	share(t, p, from->entry);
	p->door = from->door;
}

/* The type of leader that the process of `old` becomes with p's image; ENTRY_NONE: none. */
static uint8_t becomes(const struct proc *p, const struct proc *old, uint8_t own)
{
	uint32_t was = old->process.ns_mnt, is = p->process.ns_mnt;

	if (own == old->door)
		return ENTRY_NONE;
	switch (old->door) {
	case ENTRY_KTHREAD:
	case ENTRY_TERMINAL:
	case ENTRY_CRON: return old->door;
	case ENTRY_SSHD:
	case ENTRY_SSM: return is_session_leader(p) ? old->door : ENTRY_NONE;
	case ENTRY_CONTAINER: return was && is && was != is ? old->door : ENTRY_NONE;
	default: return ENTRY_NONE;
	}
}

void entry_exec(struct proctable *t, struct proc *p, const struct proc *old)
{
	uint8_t own = door_of(p, NULL), type = becomes(p, old, own);

	if (p->entry || old->door == DOOR_UNSURE || (!is_known(p) && old->door))
		return;
	if (!type && leads(old))
		type = old->entry->ctx.type;
	if (type)
		lead(t, p, type);
	else
		share(t, p, old->entry);
	set_door(t, p, own);
	/* A runtime executes itself from memory before it is in the container. */
	if (!p->door && old->door == ENTRY_CONTAINER && !is_container(p))
		p->door = ENTRY_CONTAINER;
}

/* --- found --- */

/* A child that init got for its own, or has made: it may be an orphan, which is below the leader
 * of its session if that still runs. Init's own session is 0 or 1. */
static void below_init(struct proctable *t, struct proc *p, const struct proc *init)
{
	const struct ctx_process *c = &p->process;
	const struct proc *s = proctable_pid(t, c->sid);
	bool service = (!init || init->pid == 1) && (is_session_leader(p) || c->sid <= 1);

	if (service && (c->loginuid == UINT32_MAX ||
			(init && str_eq(c->executable, init->process.executable))))
		lead(t, p, ENTRY_INIT);
	else if (s && s != p && s->entry && !s->door && s->start_ns <= p->start_ns)
		share(t, p, s->entry);
}

static void below_runtime(struct proctable *t, struct proc *p, const struct proc *q, uint8_t own)
{
	if (own == ENTRY_CONTAINER || p->process.ns_mnt == q->process.ns_mnt)
		share(t, p, q->entry);
	else if (is_session_leader(p))
		lead(t, p, ENTRY_CONTAINER);
}

/* q is a way in, or NULL: init, which some kernels hide. What p executes is known; its session is
 * where its ids are. */
static void found(struct proctable *t, struct proc *p, const struct proc *q, uint8_t own)
{
	if (p->process.suid == UINT32_MAX)
		return;
	switch (q ? q->door : ENTRY_INIT) {
	case ENTRY_INIT: below_init(t, p, q); break;
	case ENTRY_CONTAINER: below_runtime(t, p, q, own); break;
	case ENTRY_KTHREAD:
	case ENTRY_TERMINAL:
	case ENTRY_CRON:
		if (own == q->door)
			share(t, p, q->entry);
		else
			lead(t, p, q->door);
		break;
	default:
		if (own != q->door && is_session_leader(p))
			lead(t, p, q->door);
		else
			share(t, p, q->entry);
	}
}

void entry_find(struct proctable *t, struct proc *p, const struct proc *q)
{
	uint8_t own = door_of(p, q);

	if (p->entry)
		return;
	if (p->pid == 1 || (p->pid == 2 && own == ENTRY_KTHREAD))
		lead(t, p, own);
	else if (q && !q->door)
		share(t, p, q->entry);
	else if (is_known(p) && (q ? q->door != DOOR_UNSURE : p->ppid == 1))
		found(t, p, q, own);
	set_door(t, p, own);
	if (q && q->door == ENTRY_CONTAINER && !p->door && !is_container(p))
		p->door = ENTRY_CONTAINER;
}

void entry_image(struct proctable *t, struct proc *p)
{
	if (leads(p) && !p->entry->ctx.executable.len)
		lead(t, p, p->entry->ctx.type);
	if (p->entry && p->door == DOOR_UNSURE)
		set_door(t, p, door_of(p, NULL));
}
