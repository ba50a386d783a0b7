/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * proof.h.
 */
#include "tests/harness/proof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/util.h"
#include "tests/harness/alerts.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/golden.h"
#include "tests/harness/policies.h"
#include "tests/harness/stream.h"
#include "tests/harness/test.h"

/* --- the programs --- */

static void load(struct proof *p)
{
	struct bpf_cfg cfg = { .filter_mask = PROOF_BYTES - 1, .ncpu = object_possible_cpus() };
	struct object_request req = {
		.name = "verdict",
		.elf = p->cfg->elf,
		.len = (size_t)(p->cfg->elf_end - p->cfg->elf),
		.cfg = &cfg,
		.maps = &p->maps,
		.programs = { p->cfg->program, "verdict_program", "verdict_self" },
		.nprograms = 3,
	};
	struct object_error e;
	int rc;

	shared_maps_init(&p->maps, 1 << 16, cfg.ncpu);
	shared_maps_make_filter(&p->maps, PROOF_BYTES);
	if (p->maps.failed == -EPERM)
		test_skip("BPF: not allowed");
	CHECK_INT(p->maps.failed, 0);
	CHECK_INT(p->maps.filter_bytes, PROOF_BYTES);
	rc = object_load(&p->object, &req, &e);
	if (rc)
		test_fail(__FILE__, __LINE__, "%d: %s: %s", rc, e.program, e.reason);
	p->program = object_program(p->object, p->cfg->program);
	p->program_program = object_program(p->object, "verdict_program");
	p->self_program = object_program(p->object, "verdict_self");
	CHECK(p->program >= 0 && p->program_program >= 0 && p->self_program >= 0);
}

/* So that it can have any ids: they change nothing of what it may do. */
static void undress(struct proof *p)
{
	struct verdict_self a = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &a, .ctx_size_in = sizeof(a));

	p->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	CHECK(p->self >= 0);
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP))
		test_skip("securebits: %s", strerror(errno));
	p->worn.uid = getuid();
	p->worn.euid = geteuid();
	CHECK_INT(bpf_prog_test_run_opts(p->self_program, &opts), 0);
	p->self_cgroup = a.cgroup;
}

void proof_begin(struct proof *p, const struct proof_cfg *cfg)
{
	memset(p, 0, sizeof(*p));
	p->cfg = cfg;
	load(p);
	undress(p);
	p->pm = policymaker_new();
}

void proof_end(struct proof *p)
{
	policymaker_free(p->pm);
	close(p->self);
	object_free(p->object);
	shared_maps_close(&p->maps);
}

bool proof_ask_path(int program, struct verdict_ask *a, const void *rec, const struct ev_ref *path)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = a, .ctx_size_in = sizeof(*a));
	const char *text = (const char *)rec + path->off;
	uint16_t at[FILTER_COMPONENTS];
	uint32_t n = 0;

	for (uint32_t pos = 0; pos < path->len; pos += (uint32_t)strlen(text + pos) + 1) {
		if (n == FILTER_COMPONENTS)
			return false;
		at[n++] = (uint16_t)(sizeof(struct ev_open) + pos);
	}
	a->text = (uintptr_t)text;
	a->at = (uintptr_t)at;
	a->len = path->len;
	a->ncomponents = n;
	CHECK_INT(bpf_prog_test_run_opts(program, &opts), 0);
	return !opts.retval;
}

/* --- marks --- */

static uint64_t hash(struct str s)
{
	uint64_t x = 14695981039346656037ULL;

	for (uint32_t i = 0; i < s.len; i++)
		x = (x ^ (uint8_t)s.p[i]) * 1099511628211ULL;
	return x | 1;
}

/* What the kernel marks a task with that executes the program. */
static uint64_t marks_of(struct proof *p, struct str path)
{
	uint64_t key = hash(path), at = key >> 32 & (PROOF_PROGRAMS - 1);
	struct verdict_ask a = { 0 };
	char text[EV_PATH_MAX];
	struct rec r;

	if (p->programs[at].key == key)
		return p->programs[at].marks;
	snprintf(text, sizeof(text), "%.*s", (int)path.len, path.p);
	rec_begin(&r, EV_OPEN);
	rec_path(&r, &REC(&r, open)->path, text);
	rec_end(&r);
	CHECK(proof_ask_path(p->program_program, &a, r.b, &REC(&r, open)->path));
	CHECK(a.mask == filter_tables_mask(p->block, PROOF_BYTES, true, text));
	p->programs[at].key = key;
	p->programs[at].marks = a.mask;
	return a.mask;
}

/* Of ancestors whose program file is not known the name stands for one in / here. */
static uint64_t ancestors_of(struct proof *p, const struct ctx_lineage *l)
{
	uint64_t marks = 0;
	char path[512];

	for (uint32_t at = 0; at < l->executables.len;) {
		struct str one = str_of(l->executables.p + at);

		marks |= one.p[0] == '/' ? marks_of(p, one) : 0;
		at += one.len + 1;
	}
	for (uint32_t at = 0; at < l->names.len; at += (uint32_t)strlen(l->names.p + at) + 1) {
		snprintf(path, sizeof(path), "/%s", l->names.p + at);
		marks |= marks_of(p, str_of(path));
	}
	return marks;
}

static void wear_marks(struct proof *p, const struct event *e, struct filter_facts *f)
{
	const struct ctx_process *c = e->ctx[CTX_PROCESS];
	const struct ctx_lineage *l = e->ctx[CTX_LINEAGE];
	struct filter_marks m = { 0 };
	struct filter_mark *k = &m.of[p->generation & 1];

	k->generation = p->generation;
	if (c && l && c->executable.len && c->executable.p[0] == '/' && !c->path_flags) {
		k->known = FILTER_KNOWS_ALL;
		k->self = marks_of(p, c->executable);
		k->ancestors = ancestors_of(p, l);
	}
	f->marks_known = k->known == FILTER_KNOWS_ALL;
	f->self = k->self;
	f->ancestors = k->ancestors;
	if (!memcmp(&m, &p->worn.marks, sizeof(m)))
		return;
	CHECK_INT(bpf_map_update_elem(p->maps.fd[MAP_MARKS], &p->self, &m, BPF_ANY), 0);
	p->worn.marks = m;
	p->dressed++;
}

/* --- cgroups --- */

/* NULL: there is none yet, and make is false. */
static struct filter_cgroup *cgroup_at(struct proof *p, uint64_t key, bool make)
{
	uint32_t i = 0;

	while (i < p->ncgroups && p->cgroups[i].key != key)
		i++;
	if (i == p->ncgroups) {
		if (!make)
			return NULL;
		CHECK(i < PROOF_CGROUPS);
		p->cgroups[i].key = key;
		p->ncgroups++;
	}
	return &p->cgroups[i].c;
}

static int tell(void *arg, uint32_t hierarchy, uint64_t id, const struct filter_cgroup *said)
{
	*cgroup_at(arg, FILTER_CGROUP_KEY(hierarchy, id), true) = *said;
	return 0;
}

static void forget(void *arg, uint32_t hierarchy, uint64_t id)
{
	struct filter_cgroup *c = cgroup_at(arg, FILTER_CGROUP_KEY(hierarchy, id), false);

	if (c)
		memset(c, 0, sizeof(*c)); /* of no block: unknown */
}

static void wear_cgroup(struct proof *p, const struct event *e, struct filter_facts *f)
{
	uint64_t key = FILTER_CGROUP_KEY(e->raw->cgroup_hierarchy, e->raw->cgroup_id);
	const struct filter_cgroup *told = cgroup_at(p, key, false);
	struct filter_cgroup c = { 0 };

	if (told)
		c = *told;
	f->cgroup_known = c.stamp == ((const struct filter_block *)p->block)->cgroups;
	f->cgroup = c.bits;
	if (!memcmp(&c, &p->worn.cgroup, sizeof(c)))
		return;
	CHECK_INT(bpf_map_update_elem(p->maps.fd[MAP_CGROUPS], &p->self_cgroup, &c, BPF_ANY), 0);
	p->worn.cgroup = c;
}

/* --- judging --- */

static void dress(struct proof *p, const struct event *e, struct filter_facts *f)
{
	const struct ev_hdr *h = e->raw;

	*f = (struct filter_facts){ .uid = h->euid, .real_uid = h->uid };
	CHECK_INT(prctl(PR_SET_NAME, h->comm.b), 0);
	if (p->worn.uid != h->uid || p->worn.euid != h->euid)
		CHECK_INT(syscall(SYS_setresuid, h->uid, h->euid, -1), 0);
	p->worn.uid = h->uid;
	p->worn.euid = h->euid;
	wear_cgroup(p, e, f);
	wear_marks(p, e, f);
}

/* For a test that fails: what the event is about, and the policies. */
static const char *describe(const struct proof *p, struct event *e)
{
	static const char *const fields[] = { "file.path",         "source.ip",
					      "destination.ip",    "destination.port",
					      "network.unix.path", "process.executable" };
	static char text[2 * EV_PATH_MAX];
	size_t at = (size_t)snprintf(text, sizeof(text), "%s", e->kind->name);

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct field *f = schema_field(e->kind, str_of(fields[i]));
		char ip[INET6_ADDRSTRLEN];
		struct value v;

		if (!f || !event_get(e, f, &v))
			continue;
		at += (size_t)snprintf(text + at, sizeof(text) - at, ", %s ", fields[i]);
		if (v.class == EV_CLASS_IP)
			v.s = str_of(inet_ntop(v.ip.family == 4 ? AF_INET : AF_INET6, v.ip.addr, ip,
					       sizeof(ip)));
		if (v.class == EV_CLASS_UINT)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%u", (unsigned)v.u);
		else
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s", (int)v.s.len,
					       v.s.p);
	}
	snprintf(text + at, sizeof(text) - at, "\n%s", p->text ? p->text : "");
	return text;
}

/* Would the kernel send it? By its own program, compared with the clauses. */
static bool sends(struct proof *p, struct event *e)
{
	struct proof_tally *t = &p->tally[e->raw->kind];
	bool plain = filter_is_plain(e), yes;
	struct filter_facts facts;

	t->events++;
	t->plain += plain;
	dress(p, e, &facts);
	yes = p->cfg->sends(p, e, &facts);
	t->dropped += !yes;
	if (plain && !yes && filter_wants(p->filter, e, policymaker_scratch(p->pm)))
		test_fail(__FILE__, __LINE__, "a clause wants what the kernel does not send: %s",
			  describe(p, e));
	return yes;
}

static void put_tables(struct proof *p)
{
	struct filter_block *h = p->block;
	int fd;

	h->verdict = filter_verdict(h);
	fd = shared_maps_filter_block(&p->maps, h);
	CHECK(fd >= 0);
	CHECK_INT(shared_maps_set_filter(&p->maps, FILTER_NOW, fd), 0);
	close(fd);
}

/* The kernel counts renames of cgroups in its block (filter_abi.h). */
static void follow_cgroups(struct proof *p, const struct event *e)
{
	const struct ev_cgroup *c = (const struct ev_cgroup *)e->raw;
	struct filter_block *h = p->block;
	uint32_t epoch = (uint32_t)(h->cgroups >> 32);

	if (e->raw->kind != EV_CGROUP || !c->renamed)
		return;
	epoch += (uint16_t)(c->epoch - epoch);
	h->cgroups = FILTER_STAMP(h->generation, epoch);
	put_tables(p);
}

static void judge(struct proof *p, struct event *e)
{
	bool judged = p->cfg->kinds >> e->raw->kind & 1, sent = !judged || sends(p, e);
	const struct policy *by;

	follow_cgroups(p, e);
	classify_event(p->classify, e);
	if (!schema_kind_is_public(e->kind))
		return;
	alerts_match(&p->alerts[0], p->whole, e);
	by = policy_wanted_by(p->whole);
	p->tally[e->raw->kind].wanted += !!by;
	if (by && !sent)
		test_fail(__FILE__, __LINE__, "%.*s wants what the kernel does not send: %s",
			  (int)by->name.len, by->name.p, describe(p, e));
	if (sent)
		alerts_match(&p->alerts[1], p->part, e);
}

static void judge_in_time(void *arg, struct event *e)
{
	struct proof *p = arg;

	alerts_due(&p->alerts[0], p->whole, e->raw->time_ns, e->arena);
	alerts_due(&p->alerts[1], p->part, e->raw->time_ns, e->arena);
	judge(p, e);
}

/* --- policies --- */

static void make_tables(struct proof *p)
{
	struct filter_request req = {
		.mode = FILTER_MODE_ON,
		.generation = p->generation,
		.max_bytes = PROOF_BYTES,
	};

	for (uint32_t k = 0; k < EV_MAX; k++)
		if (p->cfg->kinds >> k & 1)
			req.kinds[k] = filter_clauses(p->filter, k);
	CHECK_INT(filter_tables_make(&p->block, &req, NULL), 0);
}

/* False: no table is asked. */
static bool use(struct proof *p, const struct policy_set *s)
{
	const struct filter_block *h;
	bool asked = false;

	p->generation++;
	memset(p->programs, 0, sizeof(p->programs));
	p->ncgroups = 0;
	CHECK_INT(filter_derive(&p->filter, s, 0), 0);
	make_tables(p);
	h = p->block;
	for (uint32_t k = 0; k < EV_MAX; k++)
		asked |= p->cfg->kinds >> k & 1 && h->kinds[k] == FILTER_KIND_TABLES;
	if (!asked)
		return false;
	put_tables(p);
	CHECK_INT(classify_new(&p->classify,
			       &(struct classify_cfg){ .tell = tell, .forget = forget, .arg = p }),
		  0);
	classify_use(p->classify, p->filter, p->generation);
	CHECK_INT(policy_engine_new(&p->whole, s), 0);
	CHECK_INT(policy_engine_new(&p->part, s), 0);
	return true;
}

/* What the policies remember and what they told is the same without what the kernel drops. */
static void compare(struct proof *p)
{
	struct policy_window_stats a, b;

	for (uint32_t i = 0; policy_window_stats(p->whole, i, &a); i++) {
		CHECK(policy_window_stats(p->part, i, &b));
		CHECK_INT(b.states, a.states);
	}
	CHECK_INT(policy_engine_stats(p->part).matches, policy_engine_stats(p->whole).matches);
	CHECK_INT(p->alerts[1].len, p->alerts[0].len);
	CHECK(!p->alerts[0].len || !memcmp(p->alerts[0].p, p->alerts[1].p, p->alerts[0].len));
}

static void drop(struct proof *p)
{
	policy_engine_free(p->whole);
	policy_engine_free(p->part);
	classify_free(p->classify);
	filter_free(p->filter);
	free(p->block);
	p->whole = p->part = NULL;
	p->classify = NULL;
	buf_free(&p->alerts[0]);
	buf_free(&p->alerts[1]);
}

bool proof_policies(struct proof *p, const char *save, uint32_t opens, const struct policy_set *s)
{
	struct arena a;

	if (!use(p, s)) {
		drop(p);
		return false;
	}
	stream_play(save, opens, judge_in_time, p);
	CHECK_INT(arena_init(&a, 1 << 20), 0);
	alerts_end(&p->alerts[0], p->whole, UINT64_MAX / 2, &a);
	arena_reset(&a);
	alerts_end(&p->alerts[1], p->part, UINT64_MAX / 2, &a);
	arena_free(&a);
	compare(p);
	drop(p);
	return true;
}

void proof_files(struct proof *p, const char *save, uint32_t opens, const char *path)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	if (d.errors) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "%s", path);
	}
	proof_policies(p, save, opens, s);
	policy_free(s);
	diags_free(&d);
}

static void learn(void *arg, struct event *e)
{
	struct proof *p = arg;

	policymaker_learn(p->pm, e);
}

void proof_random(struct proof *p, const char *save, uint32_t opens, uint32_t sets)
{
	struct buf b = { 0 };

	stream_play(save, opens, learn, p);
	for (uint32_t done = 0; done < sets;) {
		struct policy_set *s = NULL;
		struct diags d = { 0 };

		buf_reset(&b);
		policymaker_policies(p->pm, &b, 1 + policymaker_below(p->pm, 4));
		CHECK_INT(policy_load_text(&s, "r.yaml", (struct str){ b.p, (uint32_t)b.len }, &d),
			  0);
		buf_add(&b, "", 1);
		if (d.errors) {
			diags_print(&d, stdout);
			test_fail(__FILE__, __LINE__, "a random policy has an error:\n%s", b.p);
		}
		p->text = b.p;
		done += proof_policies(p, save, opens, s);
		p->text = NULL;
		policy_free(s);
		diags_free(&d);
	}
	buf_free(&b);
}

void proof_condition(struct proof *p, const char *save, uint32_t opens, const char *kind,
		     const char *where)
{
	struct policy_set *s;
	char text[400];

	snprintf(text, sizeof(text), "policies:\n- name: part\n  on: %s\n  where: |-\n    %s\n",
		 kind, where);
	s = policies_good(text);
	p->text = text;
	if (!proof_policies(p, save, opens, s))
		test_fail(__FILE__, __LINE__, "%s: no table is asked", where);
	p->text = NULL;
	policy_free(s);
}

void proof_goldens(struct proof *p, const char *dir, uint32_t sets)
{
	char save[200], policies[200];

	for (uint32_t i = 0; i < GOLDENS; i++) {
		const char *name = goldens[i].name;

		snprintf(save, sizeof(save), "%s/%s", dir, name);
		golden_record(&goldens[i], save);
		snprintf(policies, sizeof(policies), "tests/golden/replay/%s/%s.yaml", name,
			 strcmp(name, "records") ? "policies" : "none");
		proof_files(p, save, UINT32_MAX, policies);
		proof_files(p, save, UINT32_MAX, "policies");
		proof_random(p, save, UINT32_MAX, sets);
	}
}

void proof_tell(const struct proof *p, const char *what, uint32_t kind)
{
	const struct proof_tally *t = &p->tally[kind];

	printf("# %s: %s: %llu, %llu plain, %llu dropped, %llu wanted by policies\n", what,
	       schema_kind(kind)->name, (unsigned long long)t->events, (unsigned long long)t->plain,
	       (unsigned long long)t->dropped, (unsigned long long)t->wanted);
}

void proof_forget(struct proof *p)
{
	memset(p->tally, 0, sizeof(p->tally));
}
