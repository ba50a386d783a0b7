/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Which kind is seen by which hook, and why not by a better one: one row a kind. Made after
 * loading, and again when more kinds are wanted.
 */
#include <errno.h>
#include <string.h>

#include "pipeline/schema.h"
#include "pipeline/util.h"
#include "probes/set.h"

static void add_reason(struct coverage *c, const char *hook, const char *reason)
{
	size_t len = strlen(c->reason);

	snprintf(c->reason + len, sizeof(c->reason) - len, "%s%s: %s", len ? "; " : "", hook,
		 reason);
}

/* Is another hook of the same name, an alternative for another kernel, at work? */
static bool has_alternative(const struct loaded_probe *p, int hook)
{
	const struct hook *h = p->probe->hooks;

	for (int i = 0; h[i].name; i++)
		if (i != hook && p->hooks[i].state == HOOK_ACTIVE &&
		    !strcmp(h[i].name, h[hook].name))
			return true;
	return false;
}

static void add_extra(struct coverage *c, const struct hook *h)
{
	for (int i = 0; i < COVERAGE_EXTRAS; i++) {
		if (c->extra[i])
			continue;
		c->extra[i] = h;
		return;
	}
}

static void add_hook(struct coverage *c, const struct loaded_probe *p, int i)
{
	const struct hook *h = &p->probe->hooks[i];

	if (p->hooks[i].state == HOOK_FAILED && !has_alternative(p, i))
		add_reason(c, h->name, p->hooks[i].reason);
	if (p->hooks[i].state != HOOK_ACTIVE)
		return;
	c->sees_io_uring |= h->sees_io_uring;
	if (h->optional)
		add_extra(c, h);
	else if (!c->hook)
		c->hook = h;
}

int coverage_make(struct probe_set *s)
{
	if (!s->coverage)
		s->coverage = calloc(EV_MAX, sizeof(*s->coverage));
	if (!s->coverage)
		return -ENOMEM;
	memset(s->coverage, 0, EV_MAX * sizeof(*s->coverage));
	s->ncoverage = 0;
	for (uint32_t kind = 1; kind < EV_MAX; kind++) {
		struct coverage *c = &s->coverage[s->ncoverage];

		if (!(s->want & (1ULL << kind)) || kind == EV_LOSS)
			continue; /* the consumer makes loss records itself */
		c->kind = (uint8_t)kind;
		s->ncoverage++;
		for (uint32_t i = 0; i < s->nprobes; i++)
			for (int k = 0; s->probes[i].probe->hooks[k].name; k++)
				if (s->probes[i].probe->hooks[k].kinds & (1ULL << kind))
					add_hook(c, &s->probes[i], k);
		if (!c->hook && !c->reason[0])
			snprintf(c->reason, sizeof(c->reason), "no probe reports it");
	}
	return 0;
}

int coverage_check(const struct probe_set *s, char *err, size_t err_len)
{
	bool sees = false;

	for (uint32_t i = 0; i < s->ncoverage; i++) {
		const struct coverage *c = &s->coverage[i];

		sees |= c->hook && schema_kind_is_public(schema_kind(c->kind));
		if (c->hook || !(s->named & (1ULL << c->kind)))
			continue;
		snprintf(err, err_len, "%s has no hook on this kernel (%s)",
			 schema_kind(c->kind)->name, c->reason);
		return -ENOTSUP;
	}
	if (sees || !s->ncoverage)
		return 0;
	snprintf(err, err_len, "no event kind has a hook on this kernel (%s)",
		 s->coverage[0].reason);
	return -ENOTSUP;
}
