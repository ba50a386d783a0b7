/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Who shares a window by process, process.lineage and process.tree: hand-made families, and random
 * ones against a reference that looks at all events.
 */
#include <stdarg.h>

#include "pipeline/policy/policy.h"
#include "pipeline/util.h"
#include "tests/harness/made.h"
#include "tests/harness/policies.h"
#include "tests/harness/random.h"
#include "tests/harness/test.h"

#define SEC 1000000000ull
#define SEQUENCE(by)                                                                               \
	"policies:\n- name: seq\n  sequence:\n    by: " by "\n    within: 1h\n    steps:\n"        \
	"    - {on: network.connect, where: destination.port = 80}\n"                              \
	"    - {on: process.exec, where: process.pid > 0}\n"

enum { FAMILY_MAX = 12, EVENTS_MAX = 40 };

/* Process 1 to n; 0: none, or not known. */
struct family {
	uint32_t n, parent[FAMILY_MAX + 1], leader[FAMILY_MAX + 1];
};

static void set_number(struct made *m, const char *path, uint32_t n)
{
	char text[20];

	snprintf(text, sizeof(text), "%u", n);
	CHECK(made_set(m, path, text));
}

/* fields: path, value, …, NULL. What the process p of the family did; alerts. */
static uint32_t did(struct matcher *r, const struct family *f, const char *kind, uint32_t p, ...)
{
	struct made *m = made_new(kind);
	uint64_t ids[FAMILY_MAX];
	const char *path;
	const struct match *match;
	uint32_t n = 0, found;
	va_list ap;

	m->rec.h.tgid = p;
	m->rec.h.start_ns = p * SEC;
	va_start(ap, p);
	while ((path = va_arg(ap, const char *)))
		CHECK(made_set(m, path, va_arg(ap, const char *)));
	va_end(ap);
	if (f->leader[p]) {
		set_number(m, "process.entry_leader.pid", f->leader[p]);
		((struct ctx_entry *)m->c.ctx[CTX_ENTRY].b)->start_ns = f->leader[p] * SEC;
	}
	CHECK(made_set(m, "process.ancestor_names", "x"));
	for (uint32_t q = f->parent[p]; q; q = f->parent[q])
		ids[n++] = ctx_process_id(q, q * SEC);
	((struct ctx_lineage *)m->c.ctx[CTX_LINEAGE].b)->ids =
		(struct str){ (const char *)ids, n * (uint32_t)sizeof(*ids) };
	found = policy_match(r->engine, made_event(m), &match);
	made_free(m);
	return found;
}

static uint32_t first(struct matcher *r, const struct family *f, uint32_t p)
{
	return did(r, f, "network.connect", p, "destination.ip", "10.1.2.3", "destination.port",
		   "80", "network.transport", "tcp", NULL);
}

static uint32_t last(struct matcher *r, const struct family *f, uint32_t p)
{
	return did(r, f, "process.exec", p, NULL);
}

/* A shell (1) of a login, its commands (2, 3), a child of one (4); another login (5, 6). */
static const struct family logins = {
	.n = 6,
	.parent = { 0, 0, 1, 1, 2, 0, 5 },
	.leader = { 0, 1, 1, 1, 1, 5, 5 },
};

static void trees(void)
{
	struct matcher r = matcher_new(SEQUENCE("process.tree"));

	for (uint32_t a = 1; a <= 4; a++)
		for (uint32_t b = 1; b <= 4; b++) {
			CHECK_INT(first(&r, &logins, a), 0);
			CHECK_INT(last(&r, &logins, 5), 0);
			CHECK_INT(last(&r, &logins, 6), 0);
			CHECK_INT(last(&r, &logins, b), 1);
			CHECK_INT(last(&r, &logins, b), 0); /* begun anew */
		}
	matcher_free(&r);
}

static void lineages(void)
{
	static const uint8_t joined[5][5] = {
		{ 0 }, { 0, 1, 1, 1, 1 }, { 0, 0, 1, 0, 1 }, { 0, 0, 0, 1, 0 }, { 0, 0, 0, 0, 1 }
	};

	for (uint32_t a = 1; a <= 4; a++)
		for (uint32_t b = 1; b <= 4; b++) {
			struct matcher r = matcher_new(SEQUENCE("process.lineage"));

			CHECK_INT(first(&r, &logins, a), 0);
			CHECK_INT(last(&r, &logins, 6), 0);
			CHECK_INT(last(&r, &logins, b), joined[a][b]);
			matcher_free(&r);
		}
}

/* Where the first step's entry leader is not known it is a lineage: no strangers are joined. */
static void unknown_leader(void)
{
	struct family f = { .n = 4, .parent = { 0, 0, 1, 1, 2 } };
	struct matcher r = matcher_new(SEQUENCE("process.tree"));

	CHECK_INT(first(&r, &f, 2), 0);
	CHECK_INT(last(&r, &f, 3), 0);
	CHECK_INT(last(&r, &f, 1), 0);
	CHECK_INT(last(&r, &f, 4), 1);
	/* It becomes known in between. */
	CHECK_INT(first(&r, &f, 2), 0);
	f.leader[3] = f.leader[4] = 1;
	CHECK_INT(last(&r, &f, 3), 0);
	CHECK_INT(last(&r, &f, 4), 1);
	/* The leader's own key is not that of its process. */
	f = (struct family){ .n = 2, .leader = { 0, 0, 1 } };
	CHECK_INT(first(&r, &f, 2), 0);
	CHECK_INT(last(&r, &f, 1), 0);
	matcher_free(&r);
}

static void thresholds(void)
{
	struct matcher r =
		matcher_new("policies:\n- name: thr\n  on: process.exec\n  where: user.id = 1000\n"
			    "  threshold: {more_than: 3, within: 1h, by: process.tree}\n");
	struct family f = logins;

	for (uint32_t p = 1; p <= 4; p++) {
		CHECK_INT(last(&r, &f, 5 + p % 2), p == 4);
		CHECK_INT(last(&r, &f, p), p == 4);
	}
	memset(f.leader, 0, sizeof(f.leader));
	for (uint32_t n = 1; n <= 4; n++)
		for (uint32_t p = 1; p <= 4; p++)
			CHECK_INT(last(&r, &f, p), n == 4);
	matcher_free(&r);
}

/* --- against all that was --- */

enum how { BY_PROCESS, BY_LINEAGE, BY_TREE };

static bool is_below(const struct family *f, uint32_t p, uint32_t of)
{
	while (p && p != of)
		p = f->parent[p];
	return p;
}

static bool are_joined(const struct family *f, enum how how, uint32_t a, uint32_t b)
{
	if (how == BY_PROCESS)
		return a == b;
	if (how == BY_TREE && f->leader[a])
		return f->leader[a] == f->leader[b];
	return is_below(f, b, a);
}

/* Parents come before children; a leader is somebody at or above the process. */
static struct family make_family(uint64_t *seed)
{
	struct family f = { .n = 2 + random_below(seed, FAMILY_MAX - 1) };

	for (uint32_t p = 1; p <= f.n; p++) {
		f.parent[p] = random_below(seed, p);
		f.leader[p] = random_below(seed, 5) ? f.leader[f.parent[p]] : 0;
		if (!random_below(seed, 3))
			f.leader[p] = p;
	}
	return f;
}

static void try_family(const char *text, enum how how, uint64_t *seed)
{
	struct family f = make_family(seed);
	struct matcher r = matcher_new(text);
	bool waits[FAMILY_MAX + 1] = { 0 };

	for (uint32_t i = 0; i < EVENTS_MAX; i++) {
		uint32_t p = 1 + random_below(seed, f.n), want = 0;

		if (random_below(seed, 2)) {
			CHECK_INT(first(&r, &f, p), 0);
			waits[p] = true;
			continue;
		}
		for (uint32_t a = 1; a <= f.n; a++)
			if (waits[a] && are_joined(&f, how, a, p)) {
				waits[a] = false;
				want = 1;
			}
		CHECK_INT(last(&r, &f, p), want);
	}
	matcher_free(&r);
}

static void against_reference(void)
{
	uint64_t seed = random_seed("WINDOW_TREE_SEED");

	for (uint32_t i = 0; i < 150; i++) {
		try_family(SEQUENCE("process"), BY_PROCESS, &seed);
		try_family(SEQUENCE("process.lineage"), BY_LINEAGE, &seed);
		try_family(SEQUENCE("[process.tree, user.id]"), BY_TREE, &seed);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(trees),      TEST(lineages),          TEST(unknown_leader),
		TEST(thresholds), TEST(against_reference),
	};

	return test_main(argc, argv, tests, ARRAY_LEN(tests));
}
