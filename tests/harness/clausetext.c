/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * clausetext.h.
 */
#include "tests/harness/clausetext.h"

static void put_patterns(struct buf *b, const char *what, const struct filter_pattern *p,
			 uint32_t n)
{
	static const char marks[] = "=^$~*";

	for (uint32_t i = 0; i < n; i++)
		buf_addf(b, "%s%s%c%.*s%s", i ? "|" : what, p[i].name ? "/" : "", marks[p[i].type],
			 (int)p[i].text.len, p[i].text.p, p[i].icase ? "i" : "");
}

static void put_ranges(struct buf *b, const char *what, const struct filter_range *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		buf_addf(b, "%s%llu-%llu", i ? "|" : what, (unsigned long long)r[i].lo,
			 (unsigned long long)r[i].hi);
}

static void put_mask(struct buf *b, const char *what, uint32_t mask)
{
	if (mask)
		buf_addf(b, "%s%x", what, mask);
}

void clause_text(struct buf *b, const struct filter_clause *c)
{
	static const char *const who[] = { " self:", " ancestor:", " both:", " !self:" };

	put_patterns(b, " path:", c->paths, c->npaths);
	put_patterns(b, " not:", c->not_paths, c->nnot_paths);
	for (uint32_t i = 0; i < c->nprograms; i++) {
		put_patterns(b, who[c->programs[i].who + 3 * c->programs[i].negated],
			     c->programs[i].patterns, c->programs[i].npatterns);
	}
	put_patterns(b, " thread:", c->threads, c->nthreads);
	put_patterns(b, " unix:", c->unix_paths, c->nunix_paths);
	put_ranges(b, " uid:", c->uids, c->nuids);
	put_ranges(b, " ruid:", c->real_uids, c->nreal_uids);
	for (uint32_t i = 0; i < c->npeers; i++)
		buf_addf(b, "%s%u.%u.%u.%u/%u(%u)", i ? "|" : " peer:", c->peers[i].addr[0],
			 c->peers[i].addr[1], c->peers[i].addr[2], c->peers[i].addr[3],
			 c->peers[i].bits, c->peers[i].family);
	put_ranges(b, " port:", c->ports, c->nports);
	for (uint32_t i = 0; i < c->ncgroups; i++)
		buf_addf(b, " %scgroup:%u", c->cgroups[i].negated ? "!" : "", c->cgroups[i].set);
	put_mask(b, " flags:", c->flags_any);
	put_mask(b, " access:", c->access_any);
	put_mask(b, " mode:", c->mode_any);
	put_mask(b, " type:", c->types_any);
	put_mask(b, " family:", c->families_any);
	put_mask(b, " via:", c->via_any);
	put_mask(b, " transport:", c->transports_any);
	put_mask(b, " outcome:", c->outcomes_any);
}

void clauses_text(struct buf *b, struct filter_clauses c)
{
	for (uint32_t i = 0; i < c.count; i++) {
		buf_lit(b, "[");
		clause_text(b, &c.items[i]);
		buf_lit(b, " ]");
	}
	buf_char(b, '\0');
}
