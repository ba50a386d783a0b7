/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * A replay gives every event the contexts it had: random streams go through the enrichers with an
 * outside whose answers follow no rule, are saved, and replayed from the file alone. The same
 * questions must be asked at the same places, and every field must come out the same.
 */

#include "pipeline/save.h"
#include "tests/harness/enrich.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

enum { EVENTS = 30000 };

static const char *const all[] = { "process", "user", "cgroup", "host", NULL };
static const char options[] = "max_processes=200,max_bytes=256KiB,linger=1s,check=3s,ask_rate=20";

static uint64_t chance;

static uint32_t rnd(uint32_t n)
{
	return random_below(&chance, n);
}

static bool answer(void *state, enum outside_question q, uint64_t key, uint64_t key2, struct str *a)
{
	static char text[64];
	uint64_t *now = state;

	(void)key2;
	if (rnd(4) == 0)
		return false;
	if (q == ASK_NOW) {
		uint64_t then = *now + rnd(2000000000);

		memcpy(text, &then, sizeof(then));
		*a = (struct str){ text, sizeof(then) };
		return true;
	}
	a->len = (uint32_t)snprintf(text, sizeof(text), "/x%u/q%d-%u", rnd(1000), q, (unsigned)key);
	text[a->len] = 0;
	a->len += q == ASK_PROC_ARGS;
	a->p = text;
	return true;
}

static uint64_t id(uint32_t pid, uint32_t image)
{
	return (uint64_t)pid * 100 + image;
}

static void build(struct rec *r, uint64_t now)
{
	static const char *const args[] = { "cmd", "--password=x", "a b", NULL };
	uint32_t pid = 1 + rnd(400), image = 1 + rnd(3), child = 1 + rnd(400);
	char path[32];

	snprintf(path, sizeof(path), "/bin/p%u", rnd(50));
	switch (rnd(12)) {
	case 0:
	case 1:
		rec_fork(r, pid, id(pid, image), child, id(child, 1));
		REC(r, fork)->child_start_ns = 1000 + rnd(3);
		break;
	case 2:
	case 3:
		rec_exec(r, pid, id(pid, image), id(pid, image + 1), id(child, 1), path, args);
		break;
	case 4: rec_exit(r, pid, id(pid, image), 0, 0); break;
	case 5:
		rec_begin(r, EV_TASK);
		r->h.tgid = pid;
		r->h.exec_id = id(pid, image);
		REC(r, task)->ppid = child;
		if (rnd(2))
			rec_path(r, &REC(r, task)->executable, path);
		rec_end(r);
		break;
	case 6:
		rec_begin(r, EV_CGROUP);
		REC(r, cgroup)->id = 1 + rnd(300);
		REC(r, cgroup)->removed = (uint8_t)rnd(2);
		rec_str(r, &REC(r, cgroup)->path, path);
		rec_end(r);
		break;
	case 7:
		if (rnd(100) == 0) {
			rec_loss(r, EV_EXEC, 0, 1);
			break;
		}
		/* fall through */
	default: rec_open(r, pid, id(pid, image), "/etc/hosts", 0); break;
	}
	r->h.time_ns = now - rnd(5000000);
	r->h.start_ns = 1000 + rnd(3) / 2;
	r->h.parent_exec_id = id(child, 1);
	r->h.cgroup_id = rnd(300);
	r->h.uid = rnd(50);
	r->h.euid = rnd(50);
}

enum { CONTENTS = 4096 };

struct seen {
	struct content {
		uint64_t version, digest;
	} of[CTX_MAX][CONTENTS]; /* by version */
	uint32_t again[CTX_MAX];
};

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const uint8_t *)p)[i]) * 0x100000001b3ull;
	return h;
}

/* Over every field of a context. */
static uint64_t digest_group(struct event *e, uint32_t g)
{
	const struct ctx_group_desc *d = schema_group(g);
	uint64_t h = 0xcbf29ce484222325ull;

	for (uint32_t i = 0; e->ctx[g] && i < d->nfields; i++) {
		struct value v = { 0 };

		if (!event_get(e, &d->fields[i], &v))
			continue;
		h = mix(h, &i, sizeof(i));
		if (v.class == EV_CLASS_STR || v.class == EV_CLASS_LIST || v.class == EV_CLASS_JSON)
			h = mix(h, v.s.p, v.s.len);
		else
			h = mix(h, &v.u, sizeof(v.u));
	}
	return h;
}

static uint64_t digest(struct event *e)
{
	uint64_t h = 0, one;

	for (uint32_t g = 0; g < CTX_MAX; g++) {
		one = digest_group(e, g);
		h = mix(h, &one, sizeof(one));
	}
	return h;
}

/* The same version never stands for two contents. */
static void check_versions(struct event *e, struct seen *seen)
{
	for (uint32_t g = 0; g < CTX_MAX; g++) {
		struct content *c = &seen->of[g][e->version[g] % CONTENTS];
		uint64_t now = digest_group(e, g);

		if (!e->version[g])
			continue;
		CHECK(e->ctx[g]);
		if (c->version == e->version[g]) {
			seen->again[g]++;
			if (c->digest != now)
				test_fail(__FILE__, __LINE__,
					  "group %u changed, version %llu did not", g,
					  (unsigned long long)c->version);
		}
		*c = (struct content){ e->version[g], now };
	}
}

static void save_stream(const char *path, uint64_t *digests)
{
	static const struct outside_ops ops = { .ask = answer };
	uint64_t now = 10000000000ull;
	struct outside live = { &ops, &now }, wrapped;
	struct bench_enrichers *b;
	struct save *s = NULL;
	static struct seen seen;
	static struct rec r;
	struct event *e;
	char err[200];
	json_t *h = json_pack("{s:s,s:s,s:I,s:s,s:[],s:{}}", "boot_id", "00", "run_id", "01",
			      "clock_offset_ns", (json_int_t)5, "policy_digest", "d", "records",
			      "options");

	memset(&seen, 0, sizeof(seen));
	CHECK_INT(save_create(&s, path, h, err, sizeof(err)), 0);
	json_decref(h);
	wrapped = save_outside(s, &live);
	b = enrich_open(all, options, &wrapped);
	for (int i = 0; i < EVENTS; i++) {
		now += rnd(3000000);
		build(&r, now);
		save_record(s, r.b, r.len);
		e = enrich(b, &r);
		digests[i] = digest(e);
		check_versions(e, &seen);
	}
	CHECK(enrich_counter(b, "evicted") + enrich_counter(b, "lost_exits") > 0);
	CHECK(enrich_counter(b, "confirmed") > 0);
	CHECK(enrich_counter(b, "reaped") > 0);
	CHECK(seen.again[CTX_PROCESS] && seen.again[CTX_PARENT] && seen.again[CTX_USER] &&
	      seen.again[CTX_CGROUP]);
	enrich_close(b);
	CHECK_INT(save_close(s), 0);
}

static void replay_stream(const char *path, const uint64_t *digests)
{
	struct bench_enrichers *b;
	struct replay *p = NULL;
	struct outside out;
	static struct rec r;
	const void *rec;
	char err[200];
	uint32_t len;
	int i = 0;

	if (replay_open(&p, path, err, sizeof(err)))
		test_fail(__FILE__, __LINE__, "%s", err);
	out = replay_outside(p);
	b = enrich_open(all, options, &out);
	while (replay_next(p, &rec, &len) == 1) {
		memcpy(r.b, rec, len);
		r.len = len;
		if (digest(enrich(b, &r)) != digests[i])
			test_fail(__FILE__, __LINE__, "event %d differs: %s", i, replay_error(p));
		i++;
	}
	CHECK_INT(i, EVENTS);
	if (replay_error(p)[0])
		test_fail(__FILE__, __LINE__, "%s", replay_error(p));
	enrich_close(b);
	replay_close(p);
}

static void same_contexts(void)
{
	static uint64_t digests[EVENTS];
	char path[TEST_DIR];

	for (uint64_t seed = 1; seed < 6; seed++) {
		test_file(path);
		chance = seed;
		save_stream(path, digests);
		replay_stream(path, digests);
	}
}

static const struct test tests[] = { TEST(same_contexts) };

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
