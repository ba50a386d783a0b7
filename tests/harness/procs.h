/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process enricher alone under test: forks, execs, opens, exits and TASK records of made-up
 * processes, and what the events of them are said to come from.
 */
#ifndef TOCSIN_TEST_PROCS_H
#define TOCSIN_TEST_PROCS_H

#include "tests/harness/enrich.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const only_process[] = { "process", NULL };

struct fix {
	struct fake_outside out;
	struct bench_enrichers *b;
	struct rec r;
	uint64_t now;
};

static inline void start(struct fix *f, const char *options)
{
	fake_init(&f->out);
	f->out.all_alive = true;
	f->b = enrich_open(only_process, options, &f->out.out);
	f->now = 10 * SEC;
}

static inline void end(struct fix *f)
{
	enrich_close(f->b);
}

/* Sends what the test built; each record is 1 ms after the one before it. */
static inline struct event *send(struct fix *f)
{
	f->now += SEC / 1000;
	f->r.h.time_ns = f->now;
	return enrich(f->b, &f->r);
}

static inline uint64_t start_of(uint32_t pid)
{
	return SEC + pid * 10000ull;
}

/* parent: pid and image number of the one that forks. The first image of a process is 1. */
static inline uint64_t id(uint32_t pid, uint32_t image)
{
	return (uint64_t)pid << 16 | image;
}

static inline void forks(struct fix *f, uint32_t pid, uint32_t image, uint32_t child)
{
	rec_fork(&f->r, pid, id(pid, image), child, id(child, 1));
	f->r.h.start_ns = start_of(pid);
	REC(&f->r, fork)->child_start_ns = start_of(child);
	send(f);
}

static inline struct event *execs(struct fix *f, uint32_t pid, uint32_t old, uint64_t parent,
			   const char *exe, const char *const *args)
{
	rec_exec(&f->r, pid, id(pid, old), id(pid, old + 1), parent, exe, args);
	f->r.h.start_ns = start_of(pid);
	return send(f);
}

static inline struct event *opens(struct fix *f, uint32_t pid, uint32_t image, uint64_t parent)
{
	rec_open(&f->r, pid, id(pid, image), "/etc/hosts", 0);
	f->r.h.start_ns = start_of(pid);
	f->r.h.parent_exec_id = parent;
	return send(f);
}

static inline struct event *exits(struct fix *f, uint32_t pid, uint32_t image)
{
	rec_exit(&f->r, pid, id(pid, image), 0, 0);
	f->r.h.start_ns = start_of(pid);
	return send(f);
}

static inline void task(struct fix *f, uint32_t pid, uint32_t image, uint32_t ppid, uint64_t parent,
		 const char *exe)
{
	rec_begin(&f->r, EV_TASK);
	f->r.h.tgid = f->r.h.tid = pid;
	f->r.h.exec_id = id(pid, image);
	f->r.h.parent_exec_id = parent;
	f->r.h.start_ns = start_of(pid);
	f->r.h.hook = EV_HOOK_ITER;
	REC(&f->r, task)->ppid = ppid;
	rec_path(&f->r, &REC(&f->r, task)->executable, exe);
	rec_end(&f->r);
	send(f);
}

static inline const struct ctx_process *process(const struct event *e)
{
	return e->ctx[CTX_PROCESS];
}

static inline const struct ctx_parent *parent(const struct event *e)
{
	return e->ctx[CTX_PARENT];
}

/* "bash sshd": names of ancestors, for CHECK_STR. */
static inline const char *ancestors(const struct event *e)
{
	static char text[4096];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];

	if (!l)
		return "";
	if (l->names.len >= sizeof(text))
		abort();
	memcpy(text, l->names.p, l->names.len);
	for (uint32_t i = 0; i + 1 < l->names.len; i++)
		if (!text[i])
			text[i] = ' ';
	if (!l->names.len)
		text[0] = 0;
	return text;
}

/* systemd(1) -> sshd(10) -> bash(20), all from execs. */
static inline void small_tree(struct fix *f)
{
	execs(f, 1, 1, 0, "/lib/systemd/systemd", ARGS("/sbin/init"));
	forks(f, 1, 2, 10);
	execs(f, 10, 1, id(1, 2), "/usr/sbin/sshd", ARGS("sshd", "-D"));
	forks(f, 10, 2, 20);
	execs(f, 20, 1, id(10, 2), "/bin/bash", ARGS("-bash"));
}

#endif
