/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * As verdict.c of opens, so this of connects and accepts: recorded streams judged by the kernel filter's
 * own programs, through BPF_PROG_RUN, under the shipped policies and random ones. The kernel says
 * what the tables say in user space, wants whatever the clauses want, and of what it drops no policy
 * takes notice. TOCSIN_SEED=n chooses other policies and other connections.
 */
#include <bpf/bpf.h>
#include <unistd.h>

#include "pipeline/util.h"
#include "tests/harness/agent.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/peers.h"
#include "tests/harness/proof.h"
#include "tests/harness/test.h"

extern const uint8_t _binary_verdict_bpf_o_start[], _binary_verdict_bpf_o_end[];

static const uint32_t kinds[] = { EV_CONNECT, EV_ACCEPT };

/* --- verdicts --- */

/* What the hooks find in a socket. */
static void fill_ask(struct verdict_peer *a, const struct event *e, struct str unix_path,
		     uint32_t dressed)
{
	const struct ev_connect *c = (const struct ev_connect *)e->raw;
	const struct ev_accept *in = (const struct ev_accept *)e->raw;

	*a = (struct verdict_peer){ .kind = e->raw->kind };
	if (a->kind == EV_CONNECT) {
		a->ip = c->daddr;
		a->port = c->dport;
		a->family = c->family;
		a->transport = c->transport;
		a->uring = c->io_uring;
	} else {
		a->ip = in->saddr;
		a->port = in->dport;
		a->family = in->family;
		a->transport = in->transport;
		a->uring = in->io_uring;
	}
	a->unmarked = e->raw->hook == EV_HOOK_CGROUP_SENDMSG;
	a->dressed = dressed;
	if (a->family == EV_FAMILY_UNIX)
		memcpy(a->ip.addr, unix_path.p, MIN(unix_path.len, (uint32_t)sizeof(a->ip.addr)));
}

static uint8_t outcome_of(const struct event *e)
{
	return e->raw->kind == EV_CONNECT ? ((const struct ev_connect *)e->raw)->outcome
					  : EV_OUTCOME_SUCCESS;
}

static bool tables_want(struct proof *p, const struct event *e, const struct verdict_peer *a,
			const struct filter_facts *facts, struct str unix_path)
{
	struct filter_facts f = *facts;
	struct filter_event fe = { .kind = a->kind,
				   .peer = &a->ip,
				   .facts = &f,
				   .outcome = outcome_of(e),
				   .unix_path = unix_path,
				   .thread = e->raw->comm.b };

	f.family = a->family;
	f.transport = a->transport;
	f.port = a->family == EV_FAMILY_UNIX ? ~0u : a->port;
	f.via = a->uring ? FILTER_VIA_IO_URING : FILTER_VIA_SYSCALL;
	if (a->unmarked)
		f.marks_known = false;
	return filter_tables_wants(p->block, PROOF_BYTES, &fe);
}

static bool sends(struct proof *p, struct event *e, const struct filter_facts *facts)
{
	const struct filter_block *h = p->block;
	struct verdict_peer a;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &a, .ctx_size_in = sizeof(a));
	struct value v = { 0 };
	bool wanted;

	event_get(e, schema_field(e->kind, STR("network.unix.path")), &v);
	fill_ask(&a, e, v.s, p->dressed);
	CHECK_INT(bpf_prog_test_run_opts(p->program, &opts), 0);
	wanted = a.outcomes >> outcome_of(e) & 1;
	if (!filter_is_plain(e))
		CHECK_INT(wanted, h->kinds[e->raw->kind] != FILTER_KIND_NONE);
	else if (wanted != tables_want(p, e, &a, facts, v.s))
		test_fail(__FILE__, __LINE__, "kernel says %x of %s, outcome %u, path %.*s",
			  a.outcomes, e->kind->name, outcome_of(e), (int)v.s.len, v.s.p);
	return wanted;
}

static void begin(struct proof *p)
{
	static const struct proof_cfg cfg = {
		.elf = _binary_verdict_bpf_o_start,
		.elf_end = _binary_verdict_bpf_o_end,
		.program = "verdict_peer",
		.kinds = 1ULL << EV_CONNECT | 1ULL << EV_ACCEPT,
		.sends = sends,
	};

	proof_begin(p, &cfg);
}

static void tell(const struct proof *p, const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		proof_tell(p, what, kinds[i]);
}

/* --- the golden streams --- */

enum { GOLDEN_SETS = 100 };

static void golden_streams(void)
{
	static struct proof p;
	const struct proof_tally *n = &p.tally[EV_CONNECT];
	char dir[TEST_DIR];

	if (access("tests/golden/replay", R_OK))
		test_skip("no tests/golden/replay here");
	test_dir(dir);
	begin(&p);
	proof_goldens(&p, dir, GOLDEN_SETS);
	tell(&p, "golden");
	CHECK(n->dropped > n->plain / 10 && n->wanted > n->plain / 20);
	proof_end(&p);
}

/* --- a run on this kernel --- */

enum { LIVE_SETS = 60 };

static const struct {
	const char *kind, *where;
} parts[] = {
	{ "network.connect", "destination.ip cidr '10.0.0.0/8'" },
	{ "network.connect", "destination.ip in ('::1', '192.168.1.1')" },
	{ "network.connect", "not destination.ip cidr ('127.0.0.0/8', '::/0')" },
	{ "network.connect", "destination.port in (22, 80, 65535)" },
	{ "network.connect", "destination.port < 100 and not destination.port = 53" },
	{ "network.connect", "network.type = 'ipv6'" },
	{ "network.connect", "network.type = 'unix'" },
	{ "network.connect", "network.transport = 'udp'" },
	{ "network.connect", "network.transport in ('dgram', 'seqpacket')" },
	{ "network.connect", "event.outcome = 'failure'" },
	{ "network.connect", "user.id = 1" },
	{ "network.connect", "user.effective.id in (0, 2)" },
	{ "network.connect", "process.name = 'sh'" },
	{ "network.connect", "not process.name in ('sh', 'ab')" },
	{ "network.connect", "any_ancestor(process.name) = 'shadow'" },
	{ "network.connect", "process.thread.name = 'a.b'" },
	{ "network.connect", "container.id exists" },
	{ "network.connect", "not process.cgroup.path contains 'docker'" },
	{ "network.connect", "network.unix.path startswith '@ab'" },
	{ "network.connect", "network.unix.path = '@ab'" },
	{ "network.connect", "network.unix.path glob 'tocsin-*-a'" },
	{ "network.connect", "network.unix.path exists" },
	{ "network.connect", "tocsin.io_uring = true" },
	{ "network.accept", "source.ip cidr '10.0.0.0/8'" },
	{ "network.accept", "source.ip = '::1' and destination.port > 50" },
	{ "network.accept", "not source.ip cidr '127.0.0.0/8'" },
	{ "network.accept", "destination.port = 22" },
	{ "network.accept", "network.transport = 'seqpacket'" },
	{ "network.accept", "user.effective.id = 3" },
	{ "network.accept", "process.executable endswith '/sh'" },
	{ "network.accept", "process.thread.name istartswith 'ab'" },
	{ "network.accept", "network.unix.path in ('sh', '@')" },
	{ "network.accept", "container.id exists and tocsin.io_uring = true" },
};

/* Each alone tells events of the run apart. */
static void prove_parts(struct proof *p, const char *save)
{
	bool uring = peers_have_uring();

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		uint32_t kind = schema_kind_by_name(str_of(parts[i].kind))->kind;
		const struct proof_tally *t = &p->tally[kind];

		if (!uring && strstr(parts[i].where, "io_uring")) {
			printf("# no io_uring here: not tried: %s\n", parts[i].where);
			continue;
		}
		proof_forget(p);
		proof_condition(p, save, UINT32_MAX, parts[i].kind, parts[i].where);
		if (!t->dropped || t->dropped == t->plain || !t->wanted)
			test_fail(__FILE__, __LINE__,
				  "%s: all events are alike: %llu plain, %llu dropped, %llu wanted",
				  parts[i].where, (unsigned long long)t->plain,
				  (unsigned long long)t->dropped, (unsigned long long)t->wanted);
	}
}

static void live_stream(void)
{
	static struct proof p;
	char dir[TEST_DIR], save[100];

	test_dir(dir);
	begin(&p);
	snprintf(save, sizeof(save), "%s/stream", dir);
	agent_record(dir, save, peers_act);
	proof_files(&p, save, UINT32_MAX, "policies");
	tell(&p, "shipped policies");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct proof_tally *t = &p.tally[kinds[i]];

		/* shipped policies count what fails: how much does is the scene's chance */
		CHECK(t->plain > 300 && t->wanted < t->plain * 9 / 10);
		CHECK(t->dropped > (t->plain - t->wanted) / 2);
	}
	prove_parts(&p, save);
	proof_forget(&p);
	proof_random(&p, save, UINT32_MAX, LIVE_SETS);
	tell(&p, "random policies");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct proof_tally *t = &p.tally[kinds[i]];

		CHECK(t->dropped > t->plain / 10 && t->wanted > t->plain / 20);
	}
	proof_end(&p);
}

static const struct test tests[] = { TEST(golden_streams), TEST(live_stream) };

int main(int argc, char **argv)
{
	peers_main(argc, argv);
	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
