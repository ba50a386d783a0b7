/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * From hook tables to running programs. Main thread.
 *
 * For each kind the first hook that has not failed is chosen, and every optional hook besides.
 * libbpf loads all chosen programs of an object or none, and none later; so a probe of which any
 * kind is wanted is loaded whole, and what nobody wants yet is not attached. When one fails, the
 * hook it belongs to is ruled out with the reason and the object is loaded again without it, until
 * what is left loads and attaches. One bad program costs its hook, one bad object its probe.
 */
#include <errno.h>
#include <string.h>

#include "pipeline/util.h"
#include "probes/set.h"
#include "probes/tables.h"

static void fail_hook(struct loaded_hook *h, const char *program, const char *reason)
{
	h->state = HOOK_FAILED;
	if (program && program[0] && !strstr(reason, program))
		snprintf(h->reason, sizeof(h->reason), "%.60s: %.*s", program,
			 (int)(sizeof(h->reason) - 63), reason);
	else
		snprintf(h->reason, sizeof(h->reason), "%s", reason);
}

/* Does the kernel have what the hook needs? */
static bool hook_possible(const struct loader *l, const struct hook *h, struct loaded_hook *state)
{
	const struct loaded_probe *d = &l->set->dispatcher;
	char reason[OBJECT_REASON];
	int args;

	if (h->tracepoint) {
		args = kernel_tracepoint_args(l->kernel, h->tracepoint);
		if (args < 0 || (h->tp_args && args != h->tp_args)) {
			snprintf(reason, sizeof(reason),
				 args < 0 ? "this kernel has no tracepoint %s"
					  : "tracepoint %s has other arguments in this kernel",
				 h->tracepoint);
			fail_hook(state, NULL, reason);
			return false;
		}
	}
	if (h->slots && !d->object) {
		snprintf(reason, sizeof(reason), "dispatcher: %.140s", d->hooks[0].reason);
		fail_hook(state, NULL, reason);
		return false;
	}
	return true;
}

static bool is_wanted(const struct probe_set *s, const struct probe *p)
{
	for (const struct hook *h = p->hooks; h->name; h++)
		if (h->kinds & s->want)
			return true;
	return false;
}

/* Marks the hooks to try now as chosen. Returns their number. */
static uint32_t choose_hooks(const struct loader *l, struct loaded_probe *p)
{
	const struct hook *h = p->probe->hooks;
	uint64_t open = ~0ULL;
	uint32_t n = 0;

	for (int i = 0; h[i].name && i < PROBE_HOOKS; i++) {
		struct loaded_hook *state = &p->hooks[i];
		bool useful = h[i].optional || (h[i].kinds & open);

		if (state->state == HOOK_FAILED)
			continue;
		state->state = HOOK_UNUSED;
		if (!useful || !hook_possible(l, &h[i], state))
			continue;
		state->state = HOOK_CHOSEN;
		if (!h[i].optional)
			open &= ~h[i].kinds;
		n++;
	}
	return n;
}

static void add_program(struct object_request *req, const char *program)
{
	for (uint32_t i = 0; i < req->nprograms; i++)
		if (!strcmp(req->programs[i], program))
			return;
	if (req->nprograms < OBJECT_PROGRAMS)
		req->programs[req->nprograms++] = program;
}

static void request_programs(const struct hook *h, struct object_request *req)
{
	for (const char *const *p = h->programs; p && *p; p++)
		add_program(req, *p);
	for (const struct slot_program *s = h->slots; s && s->slot; s++)
		add_program(req, s->program);
}

static bool hook_has(const struct hook *h, const char *program)
{
	for (const char *const *p = h->programs; p && *p; p++)
		if (!strcmp(*p, program))
			return true;
	for (const struct slot_program *s = h->slots; s && s->slot; s++)
		if (!strcmp(s->program, program))
			return true;
	return false;
}

/* Rules out the chosen hooks that the failed program belongs to; all of them, when none does. */
static void blame_hooks(struct loaded_probe *p, const struct object_error *e)
{
	const struct hook *h = p->probe->hooks;
	bool found = false;

	for (int i = 0; h[i].name; i++) {
		if (p->hooks[i].state != HOOK_CHOSEN || !e->program[0] ||
		    !hook_has(&h[i], e->program))
			continue;
		fail_hook(&p->hooks[i], e->program, e->reason);
		found = true;
	}
	for (int i = 0; !found && h[i].name; i++)
		if (p->hooks[i].state == HOOK_CHOSEN)
			fail_hook(&p->hooks[i], e->program, e->reason);
}

static int load_chosen(struct loader *l, struct loaded_probe *p, struct object_error *e)
{
	struct object_request req = {
		.name = p->probe->name,
		.cfg = &l->set->cfg,
		.maps = &l->set->maps,
	};

	req.elf = p->probe->object(&req.len);
	for (int i = 0; p->probe->hooks[i].name; i++)
		if (p->hooks[i].state == HOOK_CHOSEN)
			request_programs(&p->probe->hooks[i], &req);
	return object_load(&p->object, &req, e);
}

static int attach_program(struct loader *l, struct object *o, const char *program,
			  struct object_error *e)
{
	if (object_is_cgroup(o, program) && l->cgroup_fd < 0) {
		l->cgroup_fd = kernel_cgroup2_root(e->reason, sizeof(e->reason));
		if (l->cgroup_fd < 0)
			return l->cgroup_fd;
	}
	return object_attach(o, program, l->cgroup_fd, e);
}

static int attach_hook(struct loader *l, struct object *o, const struct hook *h,
		       struct object_error *e)
{
	int rc = 0;

	memset(e, 0, sizeof(*e));
	for (const struct slot_program *s = h->slots; s && s->slot && !rc; s++)
		rc = object_fill_slot(o, s->program, s->slot, e);
	for (const char *const *p = h->programs; p && *p && !rc; p++)
		rc = attach_program(l, o, *p, e);
	if (rc && !e->reason[0])
		snprintf(e->reason, sizeof(e->reason), "%s", strerror(-rc));
	return rc;
}

static void forget_object(struct loaded_probe *p)
{
	for (int i = 0; p->probe->hooks[i].name; i++)
		if (p->hooks[i].state != HOOK_FAILED)
			p->hooks[i].state = HOOK_UNUSED;
	object_free(p->object);
	p->object = NULL;
}

/* Attaches the chosen hooks that are wanted; on failure rules that one out and takes all away
 * again, so that another may be chosen in its place. What ran before this call stays. */
static int attach_chosen(struct loader *l, struct loaded_probe *p)
{
	const struct hook *h = p->probe->hooks;
	bool fresh = true;
	struct object_error e;
	int rc;

	for (int i = 0; h[i].name; i++)
		fresh &= p->hooks[i].state != HOOK_ACTIVE;
	for (int i = 0; h[i].name; i++) {
		if (p->hooks[i].state != HOOK_CHOSEN ||
		    (h[i].kinds && !(h[i].kinds & l->set->want)))
			continue;
		rc = attach_hook(l, p->object, &h[i], &e);
		if (!rc) {
			p->hooks[i].state = HOOK_ACTIVE;
			continue;
		}
		fail_hook(&p->hooks[i], NULL, e.reason);
		if (fresh) {
			forget_object(p);
			return rc;
		}
	}
	return 0;
}

void load_probe(struct loader *l, struct loaded_probe *p)
{
	struct object_error e;

	if (p->object) {
		attach_chosen(l, p);
		return;
	}
	while (!l->set->maps.failed && is_wanted(l->set, p->probe) && choose_hooks(l, p)) {
		if (load_chosen(l, p, &e))
			blame_hooks(p, &e);
		else if (set_map_control(l->set) || !attach_chosen(l, p))
			return;
	}
}

static bool needs_dispatcher(const struct probe_set *s, uint64_t want)
{
	for (uint32_t i = 0; i < s->nprobes; i++)
		for (const struct hook *h = s->probes[i].probe->hooks; h->name; h++)
			if (h->slots && (h->kinds & want))
				return true;
	return false;
}

void load_dispatcher(struct loader *l)
{
	struct loaded_probe *d = &l->set->dispatcher;
	struct object_error e;

	if (d->object || !needs_dispatcher(l->set, l->set->want) ||
	    !hook_possible(l, &d->probe->hooks[0], &d->hooks[0]))
		return;
	d->hooks[0].state = HOOK_CHOSEN;
	if (load_chosen(l, d, &e))
		fail_hook(&d->hooks[0], e.program, e.reason);
}

/* Every hook behind a dispatcher that does not start is gone. */
static void fail_slots(struct probe_set *s, const char *reason)
{
	for (uint32_t i = 0; i < s->nprobes; i++) {
		struct loaded_probe *p = &s->probes[i];

		for (int k = 0; p->probe->hooks[k].name; k++)
			if (p->probe->hooks[k].slots && p->hooks[k].state == HOOK_ACTIVE)
				fail_hook(&p->hooks[k], "dispatcher", reason);
	}
}

void start_dispatcher(struct loader *l)
{
	struct loaded_probe *d = &l->set->dispatcher;

	if (!d->object || d->hooks[0].state == HOOK_ACTIVE)
		return;
	if (attach_chosen(l, d))
		fail_slots(l->set, d->hooks[0].reason);
}
