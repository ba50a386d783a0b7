/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Random policies never match a random event that their clauses would leave in the kernel; and a
 * stream of which only what is wanted is judged gives the same alerts as the whole.
 * TOCSIN_SEED=n chooses another run.
 */
#include "pipeline/util.h"
#include "tests/harness/alerts.h"
#include "tests/harness/clausetext.h"
#include "tests/harness/enrich.h"
#include "tests/harness/filter_block.h"
#include "tests/harness/filter_eval.h"
#include "tests/harness/policymaker.h"
#include "tests/harness/test.h"

enum { BLOCK_BYTES = FILTER_BYTES_MIN };

enum { POLICIES = 3000, EVENTS = 120, SETS = 600, SET_POLICIES = 5 };

struct tally {
	uint64_t pairs, matched, filtered, by_tables;
};

_Noreturn static void lost(struct policymaker *pm, const struct filter *f, const char *text,
			   struct made *m)
{
	struct buf b = { 0 };

	clauses_text(&b, filter_clauses(f, m->rec.h.kind));
	test_fail(__FILE__, __LINE__,
		  "seed %llu: matches or is wanted, and is left out: %s\nclauses %s\n%s",
		  (unsigned long long)policymaker_seed(pm), text, b.p, policymaker_describe(m));
}

static void judge(struct policymaker *pm, const struct policy_set *s, const char *text,
		  struct made **events, struct tally *t)
{
	struct policy_engine *engine;
	struct filter *f;
	const struct match *m;
	CLEANUP_FREE void *block = NULL;

	CHECK_INT(policy_engine_new(&engine, s), 0);
	CHECK_INT(filter_derive(&f, s, 0), 0);
	block = filter_block_of(f, BLOCK_BYTES, NULL);
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct event *e = made_event(events[i]);
		bool matched, wanted, tables;

		if (!(policy_kinds(s) & 1u << e->raw->kind))
			continue;
		matched = policy_match(engine, e, &m);
		wanted = filter_wants(f, e, policymaker_scratch(pm));
		tables = filter_block_wants(block, BLOCK_BYTES, f, e, policymaker_scratch(pm));
		if ((matched && !wanted) || (wanted && !tables))
			lost(pm, f, text, events[i]);
		t->pairs++;
		t->matched += matched;
		t->filtered += !wanted;
		t->by_tables += !tables;
	}
	filter_free(f);
	policy_engine_free(engine);
}

static void random_run(uint32_t sets, uint32_t policies, struct tally *t)
{
	struct policymaker *pm = policymaker_new();
	struct made *events[EVENTS];
	struct buf b = { 0 };

	for (uint32_t i = 0; i < EVENTS; i++)
		events[i] = policymaker_event(pm);
	for (uint32_t i = 0; i < sets; i++) {
		struct policy_set *s = NULL;
		struct diags d = { 0 };

		buf_reset(&b);
		policymaker_policies(pm, &b, policies);
		CHECK_INT(policy_load_text(&s, "r.yaml", (struct str){ b.p, (uint32_t)b.len }, &d),
			  0);
		buf_char(&b, '\0');
		if (d.errors) {
			diags_print(&d, stdout);
			test_fail(__FILE__, __LINE__, "%s", b.p);
		}
		judge(pm, s, b.p, events, t);
		policy_free(s);
		diags_free(&d);
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		made_free(events[i]);
	printf("# seed %llu: %llu pairs, %llu matched, %llu filtered by clauses, %llu by tables\n",
	       (unsigned long long)policymaker_seed(pm), (unsigned long long)t->pairs,
	       (unsigned long long)t->matched, (unsigned long long)t->filtered,
	       (unsigned long long)t->by_tables);
	buf_free(&b);
	policymaker_free(pm);
}

static void random_policies(void)
{
	struct tally t = { 0 };

	random_run(POLICIES, 1, &t);
	CHECK(t.pairs > 100000);
	CHECK(t.matched > t.pairs / 20);
	CHECK(t.filtered > t.pairs / 10);
	CHECK(t.by_tables > t.filtered * 9 / 10);
}

static void random_sets(void)
{
	struct tally t = { 0 };

	random_run(SETS, SET_POLICIES, &t);
	CHECK(t.matched > t.pairs / 20);
}

/* --- a stream --- */

enum { STREAM = 40000, PROCESSES = 40 };

static const char *const all[] = { "process", "user", "cgroup", NULL };
static const char *const programs[] = {
	"/usr/bin/cat", "/usr/bin/bash", "/usr/sbin/sshd", "/usr/sbin/nginx", "/usr/bin/python3",
	"/tmp/x",       "/usr/bin/curl", "/usr/bin/vim",   "/usr/bin/dpkg",   "/usr/bin/nc",
};
static const char *const files[] = {
	"/etc/shadow",
	"/etc/passwd",
	"/usr/lib/libc.so.6",
	"/root/.ssh/id_rsa",
	"/tmp/a",
	"/proc/1/environ",
	"/etc/cron.d/x",
	"/etc/ld.so.cache",
	"/srv/www/shell.php",
	"/home/u/.bashrc",
	"/var/log/auth.log",
	"/home/u/.aws/credentials",
	"/usr/share/a",
	"/var/lib/dpkg/status",
	"/usr/bin/ls",
	"/home/u/notes.txt",
	"/srv/data/x",
	"/run/lock/a",
};
static const char *const peers[] = { "127.0.0.1", "10.0.0.9", "169.254.169.254", "2001:db8::1" };

static bool cgroup_path(void *state, enum outside_question q, uint64_t key, uint64_t key2,
			struct str *out)
{
	(void)state;
	(void)key2;
	*out = key % 2 ? STR("/docker/4f1c7e0a9b3e4d17a1b2c3d4e5f607184f1c7e0a9b3e4d17a1b2c3d4e5f60718")
		       : STR("/system.slice/ssh.service");
	return q == ASK_CGROUP_PATH && key;
}

#define PICK(array) (array)[policymaker_below(pm, ARRAY_LEN(array))]

static void random_record(struct policymaker *pm, struct rec *r, uint64_t i)
{
	static uint32_t images[PROCESSES];
	uint32_t pid = policymaker_below(pm, PROCESSES), what = policymaker_below(pm, 100);
	uint64_t id = (uint64_t)(pid + 2) << 32 | images[pid], parent = 2ull << 32 | images[0];
	const char *args[] = { "prog", PICK(files), NULL };

	if (what < 10) {
		images[pid]++;
		rec_exec(r, pid + 2, id, id + 1, pid ? parent : 1, PICK(programs), args);
	} else if (what < 75) {
		rec_open(r, pid + 2, id, PICK(files), policymaker_below(pm, 3));
		REC(r, open)->type = EV_FILETYPE_FILE;
		REC(r, open)->io_uring = !policymaker_below(pm, 20);
	} else if (what < 80) {
		rec_open_failed(r, pid + 2, id, PICK(files), 13);
	} else {
		rec_connect(r, pid + 2, id, PICK(peers), 1 + policymaker_below(pm, 500));
	}
	r->h.uid = r->h.euid = policymaker_below(pm, 4) ? 0 : 1000;
	r->h.cgroup_id = 1 + pid % 4;
	r->h.time_ns = 1000000000ull * 100 + i * 1000000;
	r->h.seq = i + 1;
}

/* The shipped policies over a made-up day: suppression, sequences and thresholds included. */
static void stream(void)
{
	static const char *const path = "policies";
	static const struct outside_ops ops_ = { cgroup_path };
	struct outside outside = { .ops = &ops_ };
	struct bench_enrichers *enrichers_ = enrich_open(all, NULL, &outside);
	struct policymaker *pm = policymaker_new();
	struct policy_engine *whole, *part;
	struct buf a = { 0 }, b = { 0 };
	struct policy_set *s = NULL;
	struct diags d = { 0 };
	static struct rec r;
	uint32_t left_out = 0;
	struct filter *f;

	CHECK_INT(policy_load(&s, &path, 1, &d), 0);
	CHECK_INT(filter_derive(&f, s, 0), 0);
	CHECK_INT(policy_engine_new(&whole, s), 0);
	CHECK_INT(policy_engine_new(&part, s), 0);
	for (uint64_t i = 0; i < STREAM; i++) {
		struct event *e;

		random_record(pm, &r, i);
		e = enrich(enrichers_, &r);
		alerts_due(&a, whole, e->raw->time_ns, e->arena);
		alerts_match(&a, whole, e);
		alerts_due(&b, part, e->raw->time_ns, e->arena);
		if (filter_wants(f, e, policymaker_scratch(pm)))
			alerts_match(&b, part, e);
		else
			left_out++;
	}
	printf("# %u of %d left out, %zu bytes of alerts\n", left_out, STREAM, a.len);
	CHECK(left_out > STREAM / 5);
	CHECK(a.len > 10000);
	CHECK_INT(a.len, b.len);
	CHECK(!memcmp(a.p, b.p, a.len));
	buf_free(&a);
	buf_free(&b);
	policy_engine_free(whole);
	policy_engine_free(part);
	filter_free(f);
	policy_free(s);
	policymaker_free(pm);
	enrich_close(enrichers_);
}

static const struct test tests[] = { TEST(random_policies), TEST(random_sets), TEST(stream) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
