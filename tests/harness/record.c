/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The builders of record.h. A record that would not fit is a mistake of the test: it aborts.
 */
#include "tests/harness/record.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/compose.h"

void rec_begin(struct rec *r, enum ev_kind kind)
{
	const struct event_kind *k = schema_kind(kind);

	assert(k);
	memset(r, 0, sizeof(*r));
	compose_fixed(r->b, k);
	r->len = k->size;
}

void rec_bytes(struct rec *r, struct ev_ref *ref, const void *p, size_t n)
{
	if (!p)
		return;
	if (n > sizeof(r->b) - r->len)
		abort();
	*ref = (struct ev_ref){ r->len, (uint32_t)n };
	memcpy(r->b + r->len, p, n);
	r->len += (uint32_t)n;
}

void rec_str(struct rec *r, struct ev_ref *ref, const char *s)
{
	rec_bytes(r, ref, s, s ? strlen(s) : 0);
}

void rec_path(struct rec *r, struct ev_ref *ref, const char *path)
{
	char out[EV_REC_MAX];
	size_t n = 0, end;

	if (!path)
		return;
	end = strlen(path);
	if (end >= sizeof(out))
		abort();
	if (!strcmp(path, "/"))
		out[n++] = 0;
	while (end) {
		size_t start = end;

		while (start && path[start - 1] != '/')
			start--;
		if (end > start) {
			memcpy(out + n, path + start, end - start);
			n += end - start;
			out[n++] = 0;
		}
		end = start ? start - 1 : 0;
	}
	rec_bytes(r, ref, out, n);
}

void rec_list(struct rec *r, struct ev_ref *ref, const char *const *items)
{
	struct ev_ref item;

	if (!items)
		return;
	*ref = (struct ev_ref){ r->len, 0 };
	for (; *items; items++) {
		rec_bytes(r, &item, *items, strlen(*items) + 1);
		ref->len += item.len;
	}
}

void rec_ip(struct ev_ip *ip, const char *text)
{
	memset(ip, 0, sizeof(*ip));
	if (!text)
		return;
	ip->family = strchr(text, ':') ? 6 : 4;
	if (inet_pton(ip->family == 6 ? AF_INET6 : AF_INET, text, ip->addr) != 1)
		abort();
}

void rec_end(struct rec *r)
{
	r->len = (r->len + 7) & ~7u;
	if (r->len > sizeof(r->b))
		abort();
	r->h.len = r->len;
}

static void begin(struct rec *r, enum ev_kind kind, uint32_t pid, uint64_t exec_id)
{
	rec_begin(r, kind);
	r->h.tgid = r->h.tid = pid;
	r->h.exec_id = exec_id;
}

void rec_fork(struct rec *r, uint32_t pid, uint64_t exec_id, uint32_t child_pid,
	      uint64_t child_exec_id)
{
	begin(r, EV_FORK, pid, exec_id);
	r->h.hook = EV_HOOK_TP_FORK;
	REC(r, fork)->child_tgid = child_pid;
	REC(r, fork)->child_exec_id = child_exec_id;
	REC(r, fork)->child_start_ns = r->h.time_ns;
	rec_end(r);
}

void rec_exec(struct rec *r, uint32_t pid, uint64_t old_exec_id, uint64_t exec_id,
	      uint64_t parent_exec_id, const char *executable, const char *const *args)
{
	struct ev_exec *x = REC(r, exec);

	begin(r, EV_EXEC, pid, exec_id);
	r->h.hook = EV_HOOK_TP_EXEC;
	r->h.parent_exec_id = parent_exec_id;
	x->old_exec_id = old_exec_id;
	x->inode = 77;
	x->suid = x->egid = x->sgid = x->loginuid = 1000;
	x->sessionid = 3;
	x->sid = x->pgid = pid;
	x->dev_major = 8;
	x->dev_minor = 1;
	x->mode = 0755;
	for (const char *const *a = args; a && *a; a++)
		x->argc++;
	rec_path(r, &x->executable, executable);
	rec_path(r, &x->cwd, "/home/test");
	rec_str(r, &x->requested, executable);
	rec_list(r, &x->args, args);
	rec_end(r);
}

void rec_exit(struct rec *r, uint32_t pid, uint64_t exec_id, uint32_t code, uint32_t signal)
{
	begin(r, EV_EXIT, pid, exec_id);
	r->h.hook = EV_HOOK_TP_EXIT;
	REC(r, exit)->exit_code = code;
	REC(r, exit)->signal = signal;
	REC(r, exit)->run_time_ns = r->h.time_ns - r->h.start_ns;
	rec_end(r);
}

void rec_open(struct rec *r, uint32_t pid, uint64_t exec_id, const char *path, uint32_t flags)
{
	struct ev_open *o = REC(r, open);

	begin(r, EV_OPEN, pid, exec_id);
	o->inode = 4711;
	o->oflags = flags;
	o->mode = 0640;
	o->file_uid = 0;
	o->file_gid = 42;
	o->dev_major = 8;
	o->dev_minor = 1;
	o->outcome = EV_OUTCOME_SUCCESS;
	o->type = EV_FILETYPE_FILE;
	rec_path(r, &o->path, path);
	rec_end(r);
}

void rec_open_failed(struct rec *r, uint32_t pid, uint64_t exec_id, const char *requested,
		     uint32_t error)
{
	begin(r, EV_OPEN, pid, exec_id);
	r->h.flags = 1u << EV_HDR_USER;
	REC(r, open)->outcome = EV_OUTCOME_FAILURE;
	REC(r, open)->error = error;
	rec_str(r, &REC(r, open)->requested, requested);
	rec_end(r);
}

void rec_connect(struct rec *r, uint32_t pid, uint64_t exec_id, const char *ip, uint16_t port)
{
	struct ev_connect *c = REC(r, connect);

	begin(r, EV_CONNECT, pid, exec_id);
	rec_ip(&c->daddr, ip);
	rec_ip(&c->saddr, c->daddr.family == 6 ? "fd00::5" : "10.0.0.5");
	c->sport = 40000;
	c->dport = port;
	c->outcome = EV_OUTCOME_SUCCESS;
	c->family = c->daddr.family == 6 ? EV_FAMILY_IPV6 : EV_FAMILY_IPV4;
	c->transport = EV_TRANSPORT_TCP;
	rec_end(r);
}

void rec_accept(struct rec *r, uint32_t pid, uint64_t exec_id, const char *peer, uint16_t port)
{
	struct ev_accept *a = REC(r, accept);

	begin(r, EV_ACCEPT, pid, exec_id);
	rec_ip(&a->saddr, peer);
	rec_ip(&a->daddr, a->saddr.family == 6 ? "fd00::5" : "10.0.0.5");
	a->sport = 50000;
	a->dport = port;
	a->outcome = EV_OUTCOME_SUCCESS;
	a->family = a->saddr.family == 6 ? EV_FAMILY_IPV6 : EV_FAMILY_IPV4;
	a->transport = EV_TRANSPORT_TCP;
	rec_end(r);
}

void rec_loss(struct rec *r, uint32_t kind, uint32_t cpu, uint64_t count)
{
	struct ev_loss *l = REC(r, loss);

	rec_begin(r, EV_LOSS);
	memset(&r->h, 0, sizeof(r->h));
	r->h.time_ns = 5000000000;
	r->h.seq = 1;
	r->h.cpu = (uint16_t)cpu;
	r->h.kind = EV_LOSS;
	r->h.hook = EV_HOOK_CONSUMER;
	r->h.abi = EV_ABI;
	l->lost_kind = (uint16_t)kind;
	l->lost_cpu = (uint16_t)cpu;
	l->cause = EV_LOSS_RING_FULL;
	l->from = 2;
	l->to = 1 + count;
	l->count = count;
	rec_end(r);
}
