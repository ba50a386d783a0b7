/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Recorded streams judged by the kernel filter's own programs, through BPF_PROG_RUN: a run of the
 * agent on this kernel and the golden streams, under the shipped policies and random ones. For each
 * file.open the kernel says what the tables say in user space; whatever the clauses want it wants;
 * and of what it does not want no policy takes notice: no alert, no window, no count. TOCSIN_SEED=n
 * chooses other policies.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/filter/classify.h"
#include "pipeline/filter/tables.h"
#include "pipeline/util.h"
#include "probes/object.h"
#include "tests/bpf/programs/verdict.h"
#include "tests/harness/agent.h"
#include "tests/harness/alerts.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/golden.h"
#include "tests/harness/policies.h"
#include "tests/harness/policymaker.h"
#include "tests/harness/stream.h"
#include "tests/harness/test.h"

enum { BYTES = 1 << 20, PROGRAMS_KNOWN = 4096, HOWS = VERDICT_BY_PATH + 1 };

extern const uint8_t _binary_verdict_bpf_o_start[], _binary_verdict_bpf_o_end[];

struct tally {
	uint64_t opens, plain, unwanted, wanted_by, how[HOWS];
	uint64_t joined[2]; /* by more than the path: unwanted, wanted */
};

struct proof {
	struct shared_maps maps;
	struct object *object;
	int open_program, program_program;
	int self; /* pidfd: whose marks the programs read */
	struct policymaker *pm;
	struct tally *tally;
	/* of the policies at hand */
	uint32_t generation;
	struct filter *filter;
	struct classify *classify;
	struct policy_engine *whole, *part; /* of all events; of those that cross */
	struct buf alerts[2]; /* theirs */
	void *block;
	struct filter_marks marks; /* as the kernel has them */
	struct {
		uint64_t key, marks; /* key 0: empty */
	} programs[PROGRAMS_KNOWN];
};

/* --- the programs --- */

static void proof_begin(struct proof *p, struct tally *t)
{
	struct bpf_cfg cfg = { .filter_mask = BYTES - 1, .ncpu = object_possible_cpus() };
	struct object_request req = {
		.name = "verdict",
		.elf = _binary_verdict_bpf_o_start,
		.len = (size_t)(_binary_verdict_bpf_o_end - _binary_verdict_bpf_o_start),
		.cfg = &cfg,
		.maps = &p->maps,
		.programs = { "verdict_open", "verdict_program" },
		.nprograms = 2,
	};
	struct object_error e;
	int rc;

	memset(p, 0, sizeof(*p));
	shared_maps_init(&p->maps, 1 << 16, cfg.ncpu);
	shared_maps_make_filter(&p->maps, BYTES);
	if (p->maps.failed == -EPERM)
		test_skip("BPF: not allowed");
	CHECK_INT(p->maps.failed, 0);
	CHECK_INT(p->maps.filter_bytes, BYTES);
	rc = object_load(&p->object, &req, &e);
	if (rc)
		test_fail(__FILE__, __LINE__, "%d: %s: %s", rc, e.program, e.reason);
	p->open_program = object_program(p->object, "verdict_open");
	p->program_program = object_program(p->object, "verdict_program");
	p->self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	CHECK(p->open_program >= 0 && p->program_program >= 0 && p->self >= 0);
	p->pm = policymaker_new();
	p->tally = t;
}

static void proof_end(struct proof *p)
{
	policymaker_free(p->pm);
	close(p->self);
	object_free(p->object);
	shared_maps_close(&p->maps);
}

/* False: the kernel judges no such path. */
static bool ask(int program, struct verdict_ask *a, const void *rec, const struct ev_ref *path)
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
	uint64_t key = hash(path), at = key >> 32 & (PROGRAMS_KNOWN - 1);
	struct verdict_ask a = { 0 };
	char text[EV_PATH_MAX];
	struct rec r;

	if (p->programs[at].key == key)
		return p->programs[at].marks;
	snprintf(text, sizeof(text), "%.*s", (int)path.len, path.p);
	rec_begin(&r, EV_OPEN);
	rec_path(&r, &REC(&r, open)->path, text);
	rec_end(&r);
	CHECK(ask(p->program_program, &a, r.b, &REC(&r, open)->path));
	CHECK(a.mask == filter_tables_mask(p->block, BYTES, true, text));
	p->programs[at].key = key;
	p->programs[at].marks = a.mask;
	return a.mask;
}

/* --- what is known of an open --- */

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

/* Marks the calling task as the one that opened. */
static void set_marks(struct proof *p, const struct event *e, struct filter_facts *f)
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
	if (!memcmp(&m, &p->marks, sizeof(m)))
		return;
	CHECK_INT(bpf_map_update_elem(p->maps.fd[MAP_MARKS], &p->self, &m, BPF_ANY), 0);
	p->marks = m;
}

static uint64_t cgroup_key(const struct event *e)
{
	return FILTER_CGROUP_KEY(e->raw->cgroup_hierarchy, e->raw->cgroup_id);
}

static void fill_facts(struct proof *p, const struct event *e, struct filter_facts *f)
{
	const struct ev_open *o = (const struct ev_open *)e->raw;
	struct filter_cgroup c = { 0 };
	uint64_t key = cgroup_key(e);

	*f = (struct filter_facts){
		.flags = o->oflags,
		.mode = o->mode,
		.uid = e->raw->euid,
		.real_uid = e->raw->uid,
		.type = o->type,
		.access = o->oflags & O_PATH ? 0 : o->oflags & 3,
		.via = o->io_uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL,
	};
	bpf_map_lookup_elem(p->maps.fd[MAP_CGROUPS], &key, &c);
	f->cgroup_known = c.stamp == ((const struct filter_block *)p->block)->cgroups;
	f->cgroup = c.bits;
	set_marks(p, e, f);
}

/* As an inode has it: the type in front. */
static uint32_t inode_mode(const struct ev_open *o)
{
	static const uint32_t types[EV_FILETYPE_MAX] = {
		[EV_FILETYPE_FILE] = S_IFREG,    [EV_FILETYPE_DIR] = S_IFDIR,
		[EV_FILETYPE_SYMLINK] = S_IFLNK, [EV_FILETYPE_CHAR] = S_IFCHR,
		[EV_FILETYPE_BLOCK] = S_IFBLK,   [EV_FILETYPE_FIFO] = S_IFIFO,
		[EV_FILETYPE_SOCKET] = S_IFSOCK,
	};

	return o->mode | types[o->type];
}

/* --- verdicts --- */

/* Would the kernel send it? By its own program, compared with the tables and the clauses. */
static bool judge_open(struct proof *p, struct event *e)
{
	const struct ev_open *o = (const struct ev_open *)e->raw;
	const struct filter_block *h = p->block;
	struct filter_facts facts;
	struct filter_event fe = { .kind = EV_OPEN, .facts = &facts, .thread = e->raw->comm.b };
	struct verdict_ask a = { .cgroup = cgroup_key(e), .flags = o->oflags };
	char path[2 * EV_PATH_MAX];
	struct value v;

	p->tally->opens++;
	if (!filter_is_plain(e))
		return h->kinds[EV_OPEN] != FILTER_KIND_NONE;
	CHECK(event_get(e, schema_field(e->kind, STR("file.path")), &v));
	snprintf(path, sizeof(path), "%.*s", (int)v.s.len, v.s.p);
	fe.path = path;
	CHECK_INT(prctl(PR_SET_NAME, e->raw->comm.b), 0);
	fill_facts(p, e, &facts);
	a.mode = inode_mode(o);
	a.uid = facts.uid;
	a.real_uid = facts.real_uid;
	a.via = facts.via;
	if (!ask(p->open_program, &a, e->raw, &o->path))
		a.wanted = true;
	p->tally->plain++;
	p->tally->how[a.how]++;
	p->tally->unwanted += !a.wanted;
	if (a.mask && !(a.mask >> FILTER_SURE))
		p->tally->joined[a.wanted]++;
	if (a.signature) {
		CHECK(a.signature == filter_tables_signature(h, path));
		CHECK(a.mask == filter_tables_mask(h, BYTES, false, path));
	}
	if (a.wanted != filter_tables_wants(h, BYTES, &fe))
		test_fail(__FILE__, __LINE__, "kernel says %u of %s", a.wanted, path);
	if (!a.wanted && filter_wants(p->filter, e, policymaker_scratch(p->pm)))
		test_fail(__FILE__, __LINE__, "a clause wants %s", path);
	return a.wanted;
}

_Noreturn static void fail_wanted(struct event *e, const struct policy *by)
{
	struct value v = { 0 };

	event_get(e, schema_field(e->kind, STR("file.path")), &v);
	test_fail(__FILE__, __LINE__, "%.*s wants an open of %.*s that the kernel does not",
		  (int)by->name.len, by->name.p, (int)v.s.len, v.s.p);
}

static void judge(struct proof *p, struct event *e)
{
	bool crosses = e->raw->kind != EV_OPEN || judge_open(p, e);
	const struct policy *by;

	classify_event(p->classify, e);
	if (!schema_kind_is_public(e->kind))
		return;
	alerts_match(&p->alerts[0], p->whole, e);
	by = policy_wanted_by(p->whole);
	p->tally->wanted_by += by && e->raw->kind == EV_OPEN;
	if (by && !crosses)
		fail_wanted(e, by);
	if (crosses)
		alerts_match(&p->alerts[1], p->part, e);
}

/* --- policies --- */

static int tell(void *arg, uint32_t hierarchy, uint64_t id, const struct filter_cgroup *said)
{
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);
	struct proof *p = arg;

	return bpf_map_update_elem(p->maps.fd[MAP_CGROUPS], &key, said, BPF_ANY);
}

static void forget(void *arg, uint32_t hierarchy, uint64_t id)
{
	uint64_t key = FILTER_CGROUP_KEY(hierarchy, id);
	struct proof *p = arg;

	bpf_map_delete_elem(p->maps.fd[MAP_CGROUPS], &key);
}

static void make_tables(struct proof *p)
{
	struct filter_request req = {
		.kinds[EV_OPEN] = filter_clauses(p->filter, EV_OPEN),
		.mode = FILTER_MODE_ON,
		.generation = p->generation,
		.max_bytes = BYTES,
	};

	CHECK_INT(filter_tables_make(&p->block, &req, NULL), 0);
}

static void put_tables(struct proof *p)
{
	int fd = shared_maps_filter_block(&p->maps, p->block);

	CHECK(fd >= 0);
	CHECK_INT(shared_maps_set_filter(&p->maps, FILTER_NOW, fd), 0);
	close(fd);
}

/* False: no table is asked about an open. */
static bool use(struct proof *p, const struct policy_set *s)
{
	const struct filter_block *h;

	p->generation++;
	memset(p->programs, 0, sizeof(p->programs));
	CHECK_INT(filter_derive(&p->filter, s, 0), 0);
	make_tables(p);
	h = p->block;
	if (h->kinds[EV_OPEN] != FILTER_KIND_TABLES)
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

/* --- streams --- */

static void judge_in_time(void *arg, struct event *e)
{
	struct proof *p = arg;

	alerts_due(&p->alerts[0], p->whole, e->raw->time_ns, e->arena);
	alerts_due(&p->alerts[1], p->part, e->raw->time_ns, e->arena);
	judge(p, e);
}

static void learn(void *arg, struct event *e)
{
	struct proof *p = arg;

	policymaker_learn(p->pm, e);
}

/* False: all opens or none are wanted, so there is nothing to prove. */
static bool prove(struct proof *p, const char *save, uint32_t opens, const struct policy_set *s)
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

static void prove_files(struct proof *p, const char *save, uint32_t opens, const char *path)
{
	struct policy_set *s = NULL;
	struct diags d = { 0 };

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	if (d.errors) {
		diags_print(&d, stdout);
		test_fail(__FILE__, __LINE__, "%s", path);
	}
	prove(p, save, opens, s);
	policy_free(s);
	diags_free(&d);
}

static void prove_random(struct proof *p, const char *save, uint32_t opens, uint32_t sets)
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
		CHECK_INT(d.errors, 0);
		done += prove(p, save, opens, s);
		policy_free(s);
		diags_free(&d);
	}
	buf_free(&b);
}

static void tell_tally(const char *what, const struct tally *t)
{
	printf("# %s: %llu opens, %llu plain, %llu unwanted, %llu wanted by policies; known %llu, "
	       "of a known directory %llu, new %llu; by more than the path %llu wanted, %llu not\n",
	       what, (unsigned long long)t->opens, (unsigned long long)t->plain,
	       (unsigned long long)t->unwanted, (unsigned long long)t->wanted_by,
	       (unsigned long long)t->how[VERDICT_STORED],
	       (unsigned long long)t->how[VERDICT_BY_NAME],
	       (unsigned long long)t->how[VERDICT_BY_PATH], (unsigned long long)t->joined[1],
	       (unsigned long long)t->joined[0]);
}

/* --- the golden streams --- */

enum { GOLDEN_SETS = 100 };

static void golden_streams(void)
{
	struct tally t = { 0 };
	char dir[TEST_DIR], save[100], policies[200];
	struct proof p;

	if (access("tests/golden/replay", R_OK))
		test_skip("no tests/golden/replay here");
	test_dir(dir);
	proof_begin(&p, &t);
	for (uint32_t i = 0; i < GOLDENS; i++) {
		snprintf(save, sizeof(save), "%s/%s", dir, goldens[i].name);
		golden_record(&goldens[i], save);
		snprintf(policies, sizeof(policies), "tests/golden/replay/%s/%s.yaml",
			 goldens[i].name, strcmp(goldens[i].name, "records") ? "policies" : "none");
		prove_files(&p, save, UINT32_MAX, policies);
		prove_files(&p, save, UINT32_MAX, "policies");
		prove_random(&p, save, UINT32_MAX, GOLDEN_SETS);
	}
	tell_tally("golden", &t);
	CHECK(t.unwanted > t.plain / 10 && t.wanted_by > t.plain / 10);
	CHECK(t.how[VERDICT_STORED] && t.how[VERDICT_BY_NAME] && t.how[VERDICT_BY_PATH]);
	proof_end(&p);
}

/* --- a run on this kernel --- */

enum { LIVE_SETS = 25, LIVE_OPENS = 12000 };

/* Each alone tells opens of the run apart that have the same mask. */
static const char *const parts[] = {
	"file.mode >= 02000",
	"file.flags in ('O_WRONLY', 'O_RDWR')",
	"file.flags = 'O_RDONLY'",
	"file.flags in ('O_APPEND', 'O_PATH')",
	"file.type = 'dir'",
	"user.id = 65534",
	"user.effective.id in (65534, 65535)",
	"process.name = 'verdict'",
	"not process.name in ('verdict', 'x')",
	"any_ancestor(process.executable) startswith '/tmp/tocsin-test.'",
	"file.path contains '/d1' and not process.executable startswith '/tmp/tocsin-test.'",
};

static void prove_parts(struct proof *p, const char *save)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct tally t = { 0 };
		struct policy_set *s;
		char text[300];

		snprintf(text, sizeof(text),
			 "policies:\n- name: part\n  on: file.open\n  where: |-\n    %s\n",
			 parts[i]);
		s = policies_good(text);
		p->tally = &t;
		CHECK(prove(p, save, LIVE_OPENS, s));
		if (!t.joined[0] || !t.joined[1])
			test_fail(__FILE__, __LINE__, "%s: all opens are alike", parts[i]);
		policy_free(s);
	}
}

static void live_stream(void)
{
	struct tally shipped = { 0 }, random = { 0 };
	char dir[TEST_DIR], save[100];
	struct proof p;

	test_dir(dir);
	proof_begin(&p, &shipped);
	snprintf(save, sizeof(save), "%s/stream", dir);
	agent_record(dir, save);
	prove_files(&p, save, LIVE_OPENS, "policies");
	tell_tally("shipped policies", &shipped);
	CHECK(shipped.unwanted > shipped.plain / 2 && shipped.wanted_by > 2);
	prove_parts(&p, save);
	p.tally = &random;
	prove_random(&p, save, LIVE_OPENS, LIVE_SETS);
	tell_tally("random policies", &random);
	CHECK(random.unwanted > random.plain / 10 && random.wanted_by > 100);
	CHECK(random.how[VERDICT_BY_NAME] > 100 && random.how[VERDICT_BY_PATH] > 100);
	proof_end(&p);
}

static const struct test tests[] = { TEST(golden_streams), TEST(live_stream) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
