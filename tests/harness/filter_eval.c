/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * filter_eval.h. What the event lacks is taken for fulfilled.
 */
#include "tests/harness/filter_eval.h"

#include "pipeline/filter/pattern.h"
#include "pipeline/filter/sets.h"

/* What one clause is asked about. */
struct subject {
	struct event *e;
	uint32_t kind;
	struct str path; /* of the file, or of the Unix socket */
	uint32_t sets;
	bool classified; /* its cgroup */
};

static bool ip_is_plain(uint8_t family, const struct ev_ip *peer)
{
	return family == EV_FAMILY_UNIX ||
	       ((family == EV_FAMILY_IPV4 || family == EV_FAMILY_IPV6) && peer->family);
}

bool filter_is_plain(const struct event *e)
{
	const struct ev_open *o = (const struct ev_open *)e->raw;
	const struct ev_connect *c = (const struct ev_connect *)e->raw;
	const struct ev_accept *a = (const struct ev_accept *)e->raw;

	switch (e->raw->kind) {
	case EV_OPEN:
		return o->outcome == EV_OUTCOME_SUCCESS && o->path.off &&
		       !(o->path_flags & ~(1u << EV_PATHF_FOREIGN));
	case EV_CONNECT: return ip_is_plain(c->family, &c->daddr);
	case EV_ACCEPT: return ip_is_plain(a->family, &a->saddr);
	default: return false;
	}
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, uint32_t bits)
{
	for (uint32_t i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

bool net_holds(const struct filter_net *n, const struct ev_ip *ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = ip->family == 4, inside = ip->family == 6 && !memcmp(ip->addr, mapped, 12);

	if (n->family == 4)
		return (v4 || inside) && prefix_equal(n->addr, ip->addr + (v4 ? 0 : 12), n->bits);
	return !v4 && !inside && prefix_equal(n->addr, ip->addr, n->bits);
}

static bool name_fits(const struct filter_program *p, struct str executable, struct str name)
{
	for (uint32_t i = 0; i < p->npatterns; i++)
		if (pattern_fits(&p->patterns[i], p->patterns[i].name ? name : executable))
			return true;
	return false;
}

/* Does any element of a list of names, or of program files, fit? */
static bool list_fits(const struct filter_program *p, struct str left, bool names)
{
	while (left.len) {
		uint32_t n = (uint32_t)strnlen(left.p, left.len);
		struct str one = { left.p, n };

		for (uint32_t i = 0; i < p->npatterns; i++)
			if (p->patterns[i].name == names && pattern_fits(&p->patterns[i], one))
				return true;
		n += n < left.len;
		left.p += n;
		left.len -= n;
	}
	return false;
}

static bool ancestor_fits(const struct event *e, const struct filter_program *p)
{
	const struct ctx_parent *parent = e->ctx[CTX_PARENT];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];

	if (parent && name_fits(p, parent->executable, parent->name))
		return true;
	return l && (list_fits(p, l->names, true) || list_fits(p, l->executables, false));
}

static bool program_fits(const struct event *e, const struct filter_program *p)
{
	const struct ctx_process *c = e->ctx[CTX_PROCESS];

	if (p->who != FILTER_SELF && ancestor_fits(e, p))
		return true;
	if (p->who == FILTER_ANCESTOR)
		return false;
	if (!c || !c->executable.len)
		return true;
	return name_fits(p, c->executable, c->name) != p->negated;
}

static bool processes_fit(const struct subject *s, const struct filter_clause *c)
{
	const struct ev_hdr *h = s->e->raw;
	struct str thread = { h->comm.b, (uint32_t)strnlen(h->comm.b, EV_COMM_LEN) };

	if (c->nthreads && !patterns_fit(c->threads, c->nthreads, thread))
		return false;
	for (uint32_t i = 0; i < c->nprograms; i++)
		if (!program_fits(s->e, &c->programs[i]))
			return false;
	for (uint32_t i = 0; i < c->ncgroups && s->classified; i++)
		if ((s->sets >> c->cgroups[i].set & 1) == c->cgroups[i].negated)
			return false;
	return (!c->nuids || ranges_hold(c->uids, c->nuids, h->euid)) &&
	       (!c->nreal_uids || ranges_hold(c->real_uids, c->nreal_uids, h->uid));
}

static bool file_fits(const struct subject *s, const struct filter_clause *c)
{
	const struct ev_open *o = (const struct ev_open *)s->e->raw;

	return (!c->npaths || patterns_fit(c->paths, c->npaths, s->path)) &&
	       (!c->nnot_paths || !patterns_fit(c->not_paths, c->nnot_paths, s->path)) &&
	       (!c->flags_any || o->oflags & c->flags_any) &&
	       (!c->access_any || c->access_any & 1u << (o->oflags & 3)) &&
	       (!c->mode_any || o->mode & c->mode_any) &&
	       (!c->types_any || c->types_any & 1u << o->type) &&
	       (!c->via_any ||
		c->via_any & (o->io_uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL));
}

static bool peer_fits(const struct filter_clause *c, uint8_t family, const struct ev_ip *peer,
		      uint16_t port, bool io_uring)
{
	bool is_unix = family == EV_FAMILY_UNIX, found = !c->npeers;

	for (uint32_t i = 0; i < c->npeers && !found && !is_unix; i++)
		found = net_holds(&c->peers[i], peer);
	return found && (!c->nports || (!is_unix && ranges_hold(c->ports, c->nports, port))) &&
	       (!c->families_any || c->families_any & 1u << family) &&
	       (!c->via_any || c->via_any & (io_uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL));
}

static bool way_fits(const struct subject *s, const struct filter_clause *c, uint8_t transport,
		     uint8_t outcome)
{
	if (c->nunix_paths && !patterns_fit(c->unix_paths, c->nunix_paths, s->path))
		return false;
	return (!c->transports_any || c->transports_any & 1u << transport) &&
	       (!c->outcomes_any || c->outcomes_any & 1u << outcome);
}

static bool clause_fits(const struct subject *s, const struct filter_clause *c)
{
	const struct ev_connect *out = (const struct ev_connect *)s->e->raw;
	const struct ev_accept *in = (const struct ev_accept *)s->e->raw;

	if (!processes_fit(s, c))
		return false;
	switch (s->kind) {
	case EV_OPEN: return file_fits(s, c);
	case EV_CONNECT:
		return peer_fits(c, out->family, &out->daddr, out->dport, out->io_uring) &&
		       way_fits(s, c, out->transport, out->outcome);
	default:
		return peer_fits(c, in->family, &in->saddr, in->dport, in->io_uring) &&
		       way_fits(s, c, in->transport, in->outcome);
	}
}

bool filter_wants(const struct filter *f, struct event *e, struct op_scratch *scratch)
{
	struct subject s = { .e = e, .kind = e->raw->kind };
	struct filter_clauses all;
	const struct field *path;
	struct value v = { 0 };

	if (!filter_knows_kind(s.kind) || !filter_is_plain(e))
		return true;
	all = filter_clauses(f, s.kind);
	path = schema_field(e->kind,
			    s.kind == EV_OPEN ? STR("file.path") : STR("network.unix.path"));
	if (path && event_get(e, path, &v))
		s.path = v.s;
	s.classified = filter_cgroup_classify(f, e, scratch, &s.sets);
	for (uint32_t i = 0; i < all.count; i++)
		if (clause_fits(&s, &all.items[i]))
			return true;
	return false;
}
