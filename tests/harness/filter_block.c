/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * filter_block.h.
 */
#include "tests/harness/filter_block.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/names.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/filter_wants.h"

void *filter_block_of(const struct filter *f, size_t bytes, struct filter_report *report)
{
	struct filter_request req = { .mode = FILTER_MODE_ON, .max_bytes = bytes };
	void *block = NULL;

	for (uint32_t k = 0; k < EV_MAX; k++)
		if (filter_knows_kind(k))
			req.kinds[k] = filter_clauses(f, k);
	if (filter_tables_make(&block, &req, report))
		abort();
	return block;
}

static uint64_t marks_of(const void *block, size_t bytes, struct str path)
{
	char text[EV_PATH_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)path.len, path.p);
	return path.len ? filter_tables_mask(block, bytes, true, text) : 0;
}

/* Of ancestors the context has names, which stand for programs in / here. */
static uint64_t ancestors_of(const void *block, size_t bytes, const struct event *e)
{
	const struct ctx_parent *parent = e->ctx[CTX_PARENT];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];
	uint64_t marks = parent ? marks_of(block, bytes, parent->executable) : 0;
	char path[256];

	for (struct str rest = l ? l->names : STR(""); rest.len;) {
		struct str name = str_take(&rest);

		snprintf(path, sizeof(path), "/%.*s", (int)name.len, name.p);
		marks |= marks_of(block, bytes, str_of(path));
	}
	return marks;
}

static void fill_facts(const void *block, size_t bytes, const struct filter *f, struct event *e,
		       struct op_scratch *scratch, struct filter_facts *facts)
{
	const struct ctx_process *c = e->ctx[CTX_PROCESS];
	const struct ev_open *o = (const struct ev_open *)e->raw;
	const struct ev_connect *n = (const struct ev_connect *)e->raw;
	const struct ev_accept *a = (const struct ev_accept *)e->raw;
	bool uring = e->raw->kind == EV_OPEN      ? o->io_uring
		     : e->raw->kind == EV_CONNECT ? n->io_uring
						  : a->io_uring;
	uint32_t sets = 0;

	*facts = (struct filter_facts){ .uid = e->raw->euid, .real_uid = e->raw->uid };
	facts->via = uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL;
	facts->cgroup_known = filter_cgroup_classify(f, e, scratch, &sets);
	facts->cgroup = sets;
	facts->marks_known = c && c->executable.len;
	facts->self = facts->marks_known ? marks_of(block, bytes, c->executable) : 0;
	facts->ancestors = ancestors_of(block, bytes, e);
	if (e->raw->kind == EV_OPEN) {
		facts->flags = o->oflags;
		facts->access = o->oflags & OFLAGS_PATH ? 0 : o->oflags & 3;
		facts->mode = o->mode;
		facts->type = o->type;
		return;
	}
	facts->family = e->raw->kind == EV_CONNECT ? n->family : a->family;
	facts->transport = e->raw->kind == EV_CONNECT ? n->transport : a->transport;
	facts->port = facts->family == EV_FAMILY_UNIX ? ~0u
		      : e->raw->kind == EV_CONNECT    ? n->dport
						      : a->dport;
}

/* IPv4 inside IPv6 is family 4 by then, as in the programs. */
static struct ev_ip plain_ip(const struct ev_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ev_ip out = { .family = 4 };

	if (ip->family != 6 || memcmp(ip->addr, mapped, sizeof(mapped)))
		return *ip;
	memcpy(out.addr, ip->addr + 12, 4);
	return out;
}

bool filter_block_wants(const void *block, size_t bytes, const struct filter *f, struct event *e,
			struct op_scratch *scratch)
{
	const struct field *field = schema_field(e->kind, STR("file.path"));
	struct filter_facts facts;
	struct filter_event fe = { .kind = e->raw->kind, .facts = &facts };
	struct ev_ip peer;
	struct value v = { 0 };
	char path[EV_PATH_MAX];

	if (!filter_is_plain(e))
		return ((const struct filter_block *)block)->kinds[fe.kind] != FILTER_KIND_NONE;
	fill_facts(block, bytes, f, e, scratch, &facts);
	fe.thread = e->raw->comm.b;
	if (field && event_get(e, field, &v)) {
		snprintf(path, sizeof(path), "%.*s", (int)v.s.len, v.s.p);
		fe.path = path;
	} else {
		peer = plain_ip(fe.kind == EV_CONNECT ? &((const struct ev_connect *)e->raw)->daddr
						      : &((const struct ev_accept *)e->raw)->saddr);
		fe.peer = &peer;
		field = schema_field(e->kind, STR("network.unix.path"));
		if (event_get(e, field, &v))
			fe.unix_path = v.s;
		fe.outcome = fe.kind == EV_CONNECT ? ((const struct ev_connect *)e->raw)->outcome
						   : ((const struct ev_accept *)e->raw)->outcome;
	}
	return filter_tables_wants(block, bytes, &fe);
}
