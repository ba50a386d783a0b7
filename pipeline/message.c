/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The sentences of message.h. A new event kind gets a function here and a row in the table at the
 * end; without one its documents carry the kind's help text.
 */
#include "pipeline/message.h"

#include <ctype.h>

#include "pipeline/json.h"
#include "pipeline/names.h"
#include "pipeline/put.h"
#include "pipeline/util.h"

enum { NAME_MAX_BYTES = 48, TEXT_MAX_BYTES = 384, ANCESTORS_SHOWN = 6, ID_SHOWN = 12 };

/* At most max bytes of s, escaped; "…" where something was left out. */
static void add_some(struct buf *b, struct str s, uint32_t max)
{
	struct str some = str_cut(s, max);

	text_escape(b, some);
	if (some.len < s.len)
		buf_lit(b, "…");
}

static void add_uint(struct buf *b, uint64_t v)
{
	char *p = put_room(b, PUT_NUMBER);

	if (p)
		b->len = (size_t)(put_uint(p, v) - b->p);
}

static void add_name(struct buf *b, const struct name_table *t, uint64_t v)
{
	if (v < t->count && t->names[v])
		buf_lit(b, t->names[v]);
	else
		add_uint(b, v);
}

static struct str raw_str(const struct event *e, const struct ev_ref *r)
{
	return r->off ? (struct str){ (const char *)e->raw + r->off, r->len } : (struct str){ 0 };
}

static struct str comm_of(const struct event *e)
{
	return (struct str){ e->raw->comm.b, (uint32_t)strnlen(e->raw->comm.b, EV_COMM_LEN) };
}

static void add_program(struct buf *b, const struct event *e)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];

	if (p && p->executable.len)
		add_some(b, p->executable, TEXT_MAX_BYTES);
	else if (p && p->name.len)
		add_some(b, p->name, NAME_MAX_BYTES);
	else
		add_some(b, comm_of(e), EV_COMM_LEN);
}

static void say_fork(struct buf *b, struct event *e)
{
	const struct ev_fork *f = (const void *)e->raw;

	add_program(b, e);
	buf_lit(b, " created process ");
	add_uint(b, f->child_tgid);
}

static void say_exec(struct buf *b, struct event *e)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];

	add_program(b, e);
	buf_lit(b, " started");
	if (p && p->command_line.len) {
		buf_lit(b, ": ");
		add_some(b, p->command_line, TEXT_MAX_BYTES);
	}
}

static void say_exit(struct buf *b, struct event *e)
{
	const struct ev_exit *x = (const void *)e->raw;

	add_program(b, e);
	if (x->signal) {
		buf_lit(b, " was ended by ");
		add_name(b, &type_names_SIGNAL, x->signal);
	} else {
		buf_lit(b, " exited with status ");
		add_uint(b, x->exit_code);
	}
}

static void add_failure(struct buf *b, uint32_t error)
{
	if (!error)
		return;
	buf_lit(b, ": ");
	add_name(b, &type_names_ERRNO, error);
}

/* The path as event_get has it, turned round once. */
static struct str opened_path(struct event *e)
{
	struct value v;

	for (uint32_t i = 0; i < e->kind->nfields; i++)
		if (e->kind->fields[i].offset == offsetof(struct ev_open, path))
			return event_get(e, &e->kind->fields[i], &v) ? v.s : (struct str){ 0 };
	return (struct str){ 0 };
}

static void say_open(struct buf *b, struct event *e)
{
	static const char *const modes[] = { " for reading", " for writing",
					     " for reading and writing", "" };
	const struct ev_open *o = (const void *)e->raw;
	bool failed = o->outcome == EV_OUTCOME_FAILURE;
	struct str name = failed ? (struct str){ 0 } : opened_path(e);

	if (!name.len)
		name = raw_str(e, &o->requested);
	add_program(b, e);
	if (o->outcome == EV_OUTCOME_SUCCESS)
		buf_lit(b, " opened ");
	else
		buf_lit(b, failed ? " failed to open " : " asked to open ");
	if (name.len)
		add_some(b, name, TEXT_MAX_BYTES);
	else
		buf_lit(b, "a file");
	if (failed)
		add_failure(b, o->error);
	else if (o->oflags != ~0u && !(o->oflags & OFLAGS_PATH))
		buf_lit(b, modes[o->oflags & 3]);
}

/* "10.0.0.1:443 (tcp)", "[::1]:443 (tcp)", "/run/x.sock" */
static void add_peer(struct buf *b, const struct ev_ip *ip, uint16_t port, struct str path,
		     uint8_t transport)
{
	char *p;

	if (path.len) {
		add_some(b, path, TEXT_MAX_BYTES);
	} else if (!ip->family) {
		buf_lit(b, "an unnamed socket");
	} else {
		p = put_room(b, IP_TEXT + PUT_NUMBER);
		if (!p)
			return;
		*p = '[';
		p = put_ip(p + (ip->family == 6), ip);
		if (ip->family == 6)
			*p++ = ']';
		*p++ = ':';
		b->len = (size_t)(put_uint(p, port) - b->p);
	}
	buf_lit(b, " (");
	add_name(b, &type_names_TRANSPORT, transport);
	buf_lit(b, ")");
}

static void say_connect(struct buf *b, struct event *e)
{
	const struct ev_connect *c = (const void *)e->raw;
	struct str path = raw_str(e, &c->unix_path);
	bool asked = !c->daddr.family && !path.len;

	if (asked)
		path = raw_str(e, &c->req_path);
	add_program(b, e);
	if (c->outcome == EV_OUTCOME_SUCCESS)
		buf_lit(b, " connected to ");
	else
		buf_lit(b, c->outcome == EV_OUTCOME_FAILURE ? " failed to connect to "
							    : " began to connect to ");
	add_peer(b, asked ? &c->req_addr : &c->daddr, asked ? c->req_port : c->dport, path,
		 c->transport);
	add_failure(b, c->error);
}

static void say_accept(struct buf *b, struct event *e)
{
	const struct ev_accept *a = (const void *)e->raw;
	struct str path = raw_str(e, &a->unix_path);

	add_program(b, e);
	buf_lit(b, path.len ? " accepted a connection on " : " accepted a connection from ");
	add_peer(b, &a->saddr, a->sport, path, a->transport);
}

static void say_loss(struct buf *b, struct event *e)
{
	const struct ev_loss *l = (const void *)e->raw;

	add_uint(b, l->count);
	if (l->lost_kind) {
		buf_lit(b, " ");
		add_name(b, &type_names_EVKIND, l->lost_kind);
	}
	buf_lit(b, l->count == 1 ? " event was lost on CPU " : " events were lost on CPU ");
	add_uint(b, l->lost_cpu);
	buf_lit(b, ": ");
	add_name(b, &type_names_LOSSCAUSE, l->cause);
}

/* 18:04:53.123 */
static void add_clock(struct buf *b, uint64_t ns)
{
	char text[PUT_TIME];

	put_time(text, ns);
	put_bytes(b, text + 11, 12);
}

static void add_mark(struct buf *b, struct event *e, const struct line_head *h)
{
	const char *word;

	if (!h->rule.len) {
		buf_lit(b, e->kind->name);
		return;
	}
	word = h->severity < SEV_MAX ? type_names_SEVERITY.names[h->severity] : NULL;
	for (; word && *word; word++)
		put_char(b, (char)toupper((unsigned char)*word));
	put_char(b, ' ');
	add_some(b, h->rule, TEXT_MAX_BYTES);
}

static void add_ancestor(struct buf *b, struct str name, uint32_t pid)
{
	buf_lit(b, " < ");
	if (name.len)
		add_some(b, name, NAME_MAX_BYTES);
	else
		buf_lit(b, "?");
	if (pid)
		buf_addf(b, "(%u)", pid);
}

/* cat(12) < bash(7) < sshd */
static void add_tree(struct buf *b, const struct event *e)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];
	const struct ctx_parent *parent = e->ctx[CTX_PARENT];
	const struct ctx_lineage *all = e->ctx[CTX_LINEAGE];
	struct str rest = all ? all->names : (struct str){ 0 };
	uint32_t shown = 0;

	add_some(b, p && p->name.len ? p->name : comm_of(e), NAME_MAX_BYTES);
	buf_addf(b, "(%u)", e->raw->tgid);
	if (parent && !rest.len)
		add_ancestor(b, parent->name, parent->pid);
	for (; rest.len && shown < ANCESTORS_SHOWN; shown++)
		add_ancestor(b, str_take(&rest), parent && !shown ? parent->pid : 0);
	if (rest.len)
		buf_lit(b, " < …");
}

static void add_where(struct buf *b, const struct event *e)
{
	const struct ctx_user *u = e->ctx[CTX_USER];
	const struct ctx_cgroup *c = e->ctx[CTX_CGROUP];

	buf_lit(b, " | user ");
	if (u && u->name.len)
		add_some(b, u->name, NAME_MAX_BYTES);
	else
		add_uint(b, e->raw->uid);
	if (e->raw->euid != e->raw->uid) {
		buf_lit(b, " as ");
		if (u && u->effective.len)
			add_some(b, u->effective, NAME_MAX_BYTES);
		else
			add_uint(b, e->raw->euid);
	}
	if (c && c->container_id.len) {
		buf_lit(b, " | container ");
		text_escape(b, (struct str){ c->container_id.p,
					     MIN(c->container_id.len, (uint32_t)ID_SHOWN) });
	} else if (c && c->unit.len) {
		buf_lit(b, " | ");
		add_some(b, c->unit, NAME_MAX_BYTES);
	}
}

void message_line(struct buf *b, struct event *e, const struct line_head *h, struct span *mark)
{
	add_clock(b, h->time_ns);
	put_char(b, ' ');
	mark->off = (uint32_t)b->len;
	add_mark(b, e, h);
	mark->len = (uint32_t)b->len - mark->off;
	buf_lit(b, ": ");
	put_bytes(b, h->message.p, h->message.len);
	if (!schema_kind_has_process(e->kind))
		return;
	buf_lit(b, " | ");
	add_tree(b, e);
	add_where(b, e);
}

static void (*const sayings[EV_MAX])(struct buf *, struct event *) = {
	[EV_FORK] = say_fork, [EV_EXEC] = say_exec,       [EV_EXIT] = say_exit,
	[EV_OPEN] = say_open, [EV_CONNECT] = say_connect, [EV_ACCEPT] = say_accept,
	[EV_LOSS] = say_loss,
};

void message_default(struct buf *b, struct event *e)
{
	if (sayings[e->kind->kind]) {
		sayings[e->kind->kind](b, e);
		return;
	}
	add_program(b, e);
	buf_lit(b, ": ");
	buf_lit(b, e->kind->help);
}
